//! Several stages in one process, as one node of the graph.
//!
//! Each stage runs on a thread of its own behind its own queue, so that
//! one camera's next frame is decoded while the last one is still inferred. Rows go from
//! one to the next as they are: no Arrow, no dora, no other process. All else is as if the
//! stages were nodes of their own: each has its name (`<node id>.<stage>`), its counters and
//! their file, its queue policy and its entry in the rows' traces.

mod outgoing;
mod part;
mod place;
mod plan;
mod run;
mod settings;

pub use outgoing::Outgoing;
pub use part::Part;
pub use place::Place;
pub use plan::{Plan, listed, own_variable};
pub use run::Fused;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use camweave_telemetry::StageIdentity;

use self::settings::{FusedSettings, KIND};
use crate::behind::Behind;
use crate::describe::{self, Description};
use crate::drive::Reporter;
use crate::graph::{self, GraphOutput};
use crate::settings::described;
use crate::start::{Ended, Joined};
use crate::{Declared, Fact, StageError, runtime};

/// The `main` of a node's binary that runs any of `parts`, in the order that the graph says.
pub fn main(parts: &'static [Part]) -> ExitCode {
    let question = describe::question(KIND, || description(parts));
    let check = |declared: &Declared, depth| Plan::read(declared, parts)?.check(declared, depth);
    runtime::node(question, check, || start(parts))
}

/// Which stages the node runs.
const STAGES: Fact = Fact {
    name: "stages",
    help: "the stages in the process, in their order",
};

/// What the node says of itself.
#[must_use]
pub fn description(parts: &[Part]) -> Description {
    Description {
        kind: KIND.to_owned(),
        about: "Runs several stages in one process: rows pass from one to the next in memory."
            .to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        input: None,
        input_also: Vec::new(),
        input_is_optional: true,
        output: None,
        settings: described::<FusedSettings>(),
        drop_reasons: Vec::new(),
        attributes: vec![STAGES.into()],
        stages: parts
            .iter()
            .filter(|part| !part.is_alone())
            .map(Part::describe)
            .collect(),
    }
}

fn start(parts: &'static [Part]) -> Result<(), Ended> {
    let mut joined = Joined::new(KIND)?;
    let folder = graph::stats_folder(joined.output.node());
    // The node itself takes and gives nothing: its stages do.
    let identity = joined.output.identity(KIND, false, false);
    let node = StageIdentity {
        takes: Vec::new(),
        ..identity.clone()
    };
    let mut reporter = match Reporter::open(&folder, node) {
        Ok(reporter) => reporter,
        Err(error) => return Err(joined.fail(error, false)),
    };
    let declared = graph::declared(joined.output.node());
    let planned = declared.and_then(|declared| {
        let plan = plan(parts, &declared, &mut joined.output)?;
        Ok((plan, declared))
    });
    let (plan, declared) = match planned {
        Ok(planned) => planned,
        Err(error) => {
            reporter.close(Some(&error.message));
            return Err(joined.fail(error, false));
        }
    };
    let counters = reporter.counters();
    counters.fact(&STAGES, &plan.names().join(", "));
    reporter.write();
    let place = Place {
        node: &identity.stage,
        run: &identity.run,
        takes: &identity.takes,
        stats_dir: &folder,
        terminate: &joined.terminate,
        behind: Some(Arc::new(Behind::of(joined.output.node(), &folder))),
    };
    let fused = match Fused::open(&plan, &place, &declared) {
        Ok(fused) => fused,
        Err(error) => {
            // It stands in the report of the stage that cannot be opened.
            reporter.close(None);
            return Err(joined.fail(error, plan.takes().is_none()));
        }
    };
    let Joined {
        mut output, events, ..
    } = joined;
    output.watch_receivers(&folder)?;
    reporter.counters().ready();
    reporter.write();
    // The node stays in the graph until the last stage has ended: others may still read
    // from the stages' pools.
    let output = Arc::new(Mutex::new(output));
    let result = fused.run(Some(events), &Outgoing::graph(&output));
    // What ended a stage stands in that stage's own report.
    reporter.close(None);
    Ok(result?)
}

/// The stages that the graph wants, where they fit the node's place in it.
fn plan(parts: &[Part], declared: &Declared, output: &mut GraphOutput) -> Result<Plan, StageError> {
    let plan = Plan::read(declared, parts)?;
    output.check_ports(plan.takes(), plan.gives())?;
    plan.check_names(declared)?;
    Ok(plan)
}

#[cfg(test)]
mod tests;
