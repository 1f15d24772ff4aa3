//! What is wrong with a graph, found before anything runs: dora accepts an output that nobody
//! declared, and loses what is sent there.

use std::collections::BTreeMap;
use std::path::Path;

use camweave_stage::Exit;
use dora_core::descriptor::{Node, validate::check_dataflow_static};

use super::nodes::{inputs, ports};
use super::{Graph, Kind, Variables};
use crate::error::CliError;
use crate::say::{note, say};

/// Rows of any type, of which only the identity is read.
const ANY: &str = "camweave.passage/1";

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// The graph must not run.
    pub errors: Vec<String>,
    /// Worth knowing.
    pub warnings: Vec<String>,
    /// A program that is not there, which is another kind of error.
    pub missing: Vec<String>,
}

impl Problems {
    /// Refuses a graph with an error; the first one is the message.
    ///
    /// # Errors
    /// If there is any.
    pub fn refuse(&self, graph: &Path) -> Result<(), CliError> {
        let first = self
            .errors
            .first()
            .map(|error| (Exit::Configuration, error));
        let first = first.or_else(|| self.missing.first().map(|error| (Exit::Missing, error)));
        let Some((exit, error)) = first else {
            return Ok(());
        };
        let more = match self.errors.len() + self.missing.len() - 1 {
            0 => String::new(),
            more => format!(" (and {more} more: camweave check shows them)"),
        };
        let shown = graph.display();
        Err(CliError::new(
            exit,
            format!("graph '{shown}': {error}{more}"),
        ))
    }
}

impl Graph {
    /// Looks for all that can be known without running it.
    pub fn check(&self) -> Problems {
        let mut found = Problems::default();
        let nodes: BTreeMap<String, &Node> = self
            .descriptor
            .nodes
            .iter()
            .map(|node| (node.id.to_string(), node))
            .collect();
        if nodes.is_empty() {
            found.errors.push("it has no nodes".to_owned());
        }
        for node in nodes.values() {
            self.check_inputs(node, &nodes, &mut found);
        }
        self.check_outputs(&nodes, &mut found);
        self.check_programs(&nodes, &mut found);
        // All else that dora itself would refuse.
        if found.errors.is_empty()
            && let Err(error) = check_dataflow_static(&self.descriptor)
        {
            let text = format!("{error:#}");
            found
                .errors
                .push(text.split_whitespace().collect::<Vec<_>>().join(" "));
        }
        found
    }

    fn check_inputs(&self, node: &Node, nodes: &BTreeMap<String, &Node>, found: &mut Problems) {
        for (name, mapping) in inputs(node) {
            let (source, output) = (mapping.source.to_string(), mapping.output.to_string());
            let input = format!("node '{}', input '{name}': '{source}/{output}'", node.id);
            let Some(from) = nodes.get(&source) else {
                let known: Vec<&str> = nodes.keys().map(String::as_str).collect();
                found.errors.push(format!(
                    "{input}: there is no node '{source}', expected one of {}",
                    known.join(", ")
                ));
                continue;
            };
            // Operators name their outputs in a place of their own; dora checks those.
            if from.operator.is_some() || from.operators.is_some() {
                continue;
            }
            if !from
                .outputs
                .iter()
                .any(|declared| declared.to_string() == output)
            {
                let declared: Vec<String> = from.outputs.iter().map(ToString::to_string).collect();
                let declared = if declared.is_empty() {
                    "it declares none".to_owned()
                } else {
                    format!("expected one of {}", declared.join(", "))
                };
                found.errors.push(format!(
                    "{input}: node '{source}' does not declare the output '{output}', {declared}"
                ));
            }
        }
    }

    fn check_outputs(&self, nodes: &BTreeMap<String, &Node>, found: &mut Problems) {
        let read: Vec<(String, String)> = nodes
            .values()
            .flat_map(|node| inputs(node))
            .map(|(_, mapping)| (mapping.source.to_string(), mapping.output.to_string()))
            .collect();
        for node in nodes.values() {
            for output in &node.outputs {
                let output = (node.id.to_string(), output.to_string());
                if read.contains(&output) {
                    continue;
                }
                let (node_id, name) = output;
                match self.kind(node) {
                    Kind::Stage(_) => found.errors.push(format!(
                        "node '{node_id}': its output '{name}' is connected to no input, so its work goes nowhere"
                    )),
                    Kind::Other => found.warnings.push(format!(
                        "node '{node_id}': nobody reads its output '{name}'"
                    )),
                }
            }
        }
    }

    fn check_programs(&self, nodes: &BTreeMap<String, &Node>, found: &mut Problems) {
        let mut known = BTreeMap::new();
        let mut schemas = BTreeMap::new();
        for (id, node) in nodes {
            let program = match self.program(node) {
                Ok(program) => program,
                Err(path) => {
                    found.missing.push(format!(
                        "node '{id}': its program '{path}' is not there as seen from '{}'; build it with 'cargo build --release --workspace'",
                        self.folder().display()
                    ));
                    continue;
                }
            };
            // Only programs that are known to answer and end are asked.
            if let (Kind::Stage(_), Some(program)) = (self.kind(node), program)
                && let Some(ports) = ports(&program, &mut known)
            {
                schemas.insert(id.clone(), ports);
            }
        }
        for (id, node) in nodes {
            let Some(own) = schemas.get(id) else {
                continue;
            };
            let takes = own.takes.as_deref();
            if takes.is_some_and(|takes| takes != ANY) && inputs(node).next().is_none() {
                found.errors.push(format!(
                    "node '{id}': it takes {} and no input is connected",
                    takes.unwrap_or_default()
                ));
            }
            if own.gives.is_some() && node.outputs.len() != 1 {
                found.errors.push(format!(
                    "node '{id}': it declares {} outputs, expected one: what it gives has no other way",
                    node.outputs.len()
                ));
            }
            for (name, mapping) in inputs(node) {
                let source = schemas.get(&mapping.source.to_string());
                let gives = source.and_then(|ports| ports.gives.as_deref());
                if let (Some(takes), Some(gives)) = (takes, gives)
                    && takes != gives
                    && takes != ANY
                {
                    found.errors.push(format!(
                        "node '{id}', input '{name}': it takes {takes}, and '{}' gives {gives}",
                        mapping.source
                    ));
                }
            }
        }
    }
}

/// `camweave check`.
pub fn show(path: &Path) -> Result<Exit, CliError> {
    // What a run is given need not be set for a check.
    let placeholders: Variables = ["CAMERAS", "FILES"]
        .into_iter()
        .filter(|name| std::env::var_os(name).is_none())
        .map(|name| (name.to_owned(), format!("not-set-{name}")))
        .collect();
    let graph = Graph::read(path, &placeholders)?;
    let found = graph.check();
    for warning in &found.warnings {
        note!("warning: graph '{}': {warning}", path.display());
    }
    // The first is printed as the command's own error.
    for error in found.errors.iter().chain(&found.missing).skip(1) {
        note!("error: graph '{}': {error}", path.display());
    }
    found.refuse(path)?;
    for node in &graph.descriptor.nodes {
        let from: Vec<String> = inputs(node)
            .map(|(_, mapping)| format!("{}/{}", mapping.source, mapping.output))
            .collect();
        let from = if from.is_empty() {
            String::new()
        } else {
            format!(" <- {}", from.join(", "))
        };
        say!("{:<16}{from}", node.id.to_string());
    }
    say!("{} nodes, no error", graph.descriptor.nodes.len());
    Ok(Exit::Success)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
