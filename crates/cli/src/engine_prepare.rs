//! The engines of a graph, built before it runs: a run that measures, or a demo with cameras, does
//! not wait for minutes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use camweave_engine::TrtInferSettings;
use camweave_stage::{Exit, described};

use super::watched;
use crate::error::CliError;
use crate::graph::{Graph, StageVariables};
use crate::say::note;

/// Sees to it that the engines of the graphs' TensorRT stages are in the cache; `model` is one that
/// the runs set in place of theirs. A graph without such stages needs nothing.
///
/// # Errors
/// What those stages would end with; `interrupted` was set meanwhile.
pub fn prepare<'a>(
    graphs: impl IntoIterator<Item = &'a Graph>,
    model: Option<&Path>,
    interrupted: &AtomicBool,
) -> Result<(), CliError> {
    // One graph may be measured in several settings.
    let graphs = graphs.into_iter().map(|graph| (&graph.path, graph));
    let graphs: BTreeMap<_, _> = graphs.collect();
    let stages = graphs
        .values()
        .flat_map(|graph| graph.variables(camweave_engine::KIND));
    for stage in stages {
        one(&stage, model, interrupted).map_err(|error| {
            if interrupted.load(Ordering::Acquire) {
                return CliError::new(Exit::Incomplete, "interrupted while an engine was built");
            }
            let stage = stage.name();
            CliError::new(error.exit, format!("{stage}: {}", error.message))
        })?;
    }
    Ok(())
}

fn one(
    stage: &StageVariables<'_>,
    model: Option<&Path>,
    interrupted: &AtomicBool,
) -> Result<(), camweave_stage::StageError> {
    let mut declared = stage.declared(&described::<TrtInferSettings>());
    let model = model.map(|model| model.display().to_string());
    if let Some(model) = model.or_else(|| stage.path("MODEL")) {
        declared.set("MODEL", model);
    }
    camweave_engine::prepare(&declared, |model, build| {
        note!("building an engine of {model}, which takes minutes and is done once");
        let go_on = || !interrupted.load(Ordering::Acquire);
        watched(&go_on, |progress| build(progress))
    })
}
