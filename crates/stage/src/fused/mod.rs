//! Several stages in one process, as one node of the graph.
//!
//! Each stage runs on a thread of its own behind its own [`Inbox`](crate::Inbox), so that
//! one camera's next picture is decoded while the last one is still inferred. Rows go from
//! one to the next as they are: no Arrow, no dora, no other process. All else is as if the
//! stages were nodes of their own: each has its name (`<node id>.<stage>`), its counters and
//! their file, its queue policy and its entry in the rows' traces.

mod part;
mod plan;
mod run;

use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use camweave_telemetry::StageIdentity;

use crate::behind::Behind;
use crate::drive::Reporter;
use crate::graph::{self, GraphOutput};
use crate::start::{Ended, Joined};
use crate::{Exit, Key, StageError};

pub use part::Part;
pub use plan::{Plan, listed, own_variable};
pub use run::{Fused, Outgoing, Place};

/// The kind of the node itself, beside its stages.
const KIND: &str = "fused";
/// The variable that lists the stages.
const STAGES: Key = Key {
    name: "STAGES",
    default: None,
    help: "stages in the order of the data's way, as 'kind' or 'name=kind', separated by commas",
};

/// The `main` of a node's binary that runs any of `parts`, in the order that the graph says.
pub fn main(parts: &'static [Part]) -> ExitCode {
    match crate::runtime::argument(KIND, || help(parts)) {
        Ok(true) => {}
        Ok(false) => return Exit::Success.into(),
        Err(error) => return crate::runtime::fail(&error),
    }
    if let Err(message) = camweave_telemetry::log::start() {
        return crate::runtime::fail(&StageError::configuration(message));
    }
    let code = match start(parts) {
        Ok(()) => Exit::Success.into(),
        Err(ended) => ended.finish(),
    };
    crate::exit::work_is_over();
    code
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
    let plan = match plan(parts, &mut joined.output) {
        Ok(plan) => plan,
        Err(error) => {
            reporter.close(Some(&error.message));
            return Err(joined.fail(error, false));
        }
    };
    let counters = reporter.counters();
    counters.fact("stages", &plan.names().join(", "));
    reporter.write();
    let place = Place {
        node: &identity.stage,
        run: &identity.run,
        takes: &identity.takes,
        stats_dir: &folder,
        terminate: &joined.terminate,
        behind: Some(Arc::new(Behind::of(joined.output.node(), &folder))),
    };
    let fused = match Fused::open(&plan, &place, |name| std::env::var(name).ok()) {
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
fn plan(parts: &'static [Part], output: &mut GraphOutput) -> Result<Plan, StageError> {
    let text = std::env::var(STAGES.name).unwrap_or_default();
    let plan = Plan::parse(&text, parts)?;
    output.check_ports(plan.takes(), plan.gives())?;
    plan.check_names(&graph::declared_env(output.node()))?;
    Ok(plan)
}

fn help(parts: &[Part]) -> String {
    use std::fmt::Write as _;

    let mut text = format!(
        "{KIND}\n\nRuns several stages in one process: rows pass from one to the next in memory.\n\n\
         A node of a dora dataflow: set it as 'path' of a node and run the graph.\n\n\
         Environment (the node's 'env:' in the graph):\n  {:<18} {} (required)\n\n\
         A stage's own variable as '<STAGE>__<NAME>', such as CPU_INFER__THREADS; without a prefix\n\
         it goes to all stages that know it.\n\nStages:\n",
        STAGES.name, STAGES.help
    );
    for part in parts {
        let ports = |schema: Option<&'static str>| schema.unwrap_or("none");
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "  {:<12} {} -> {}",
            part.kind(),
            ports(part.takes()),
            ports(part.gives())
        );
        let names: Vec<_> = part.keys().iter().map(|key| key.name).collect();
        let _ = writeln!(text, "  {:<12}   {}", "", names.join(", "));
    }
    text
}

#[cfg(test)]
mod tests;
