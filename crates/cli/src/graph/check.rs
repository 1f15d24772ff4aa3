//! What is wrong with a graph, found before anything runs: dora accepts an output that nobody
//! declared, and loses what is sent there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use camweave_stage::{CheckDepth, Description, Exit, is_foreign, similar};
use dora_core::config::QueuePolicy;
use dora_core::descriptor::{Node, validate::check_dataflow_static};

use super::nodes::{describe, inputs};
use super::{Graph, Kind, Variables};
use crate::error::CliError;
use crate::say::{note, say};
use crate::shipped;

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
    pub fn check(&self, depth: CheckDepth) -> Problems {
        let mut found = Problems {
            errors: self.unknown_keys.clone(),
            ..Problems::default()
        };
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
            self.check_inputs(node, &nodes, depth, &mut found);
        }
        self.check_outputs(&nodes, &mut found);
        self.check_programs(&nodes, depth, &mut found);
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

    fn check_inputs(
        &self,
        node: &Node,
        nodes: &BTreeMap<String, &Node>,
        depth: CheckDepth,
        found: &mut Problems,
    ) {
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
            self.check_policy(node, &name, from, depth, found);
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

    /// Without backpressure dora drops messages of its own accord, and nobody counts them.
    fn check_policy(
        &self,
        node: &Node,
        name: &str,
        from: &Node,
        depth: CheckDepth,
        found: &mut Problems,
    ) {
        let input = node.inputs.iter().find(|(id, _)| id.to_string() == name);
        let policy = input.and_then(|(_, input)| input.queue_policy.as_ref());
        if matches!(policy, Some(QueuePolicy::Backpressure)) {
            return;
        }
        let line = format!(
            "node '{}', input '{name}': no 'queue_policy: backpressure', so dora may lose messages without counting them",
            node.id
        );
        match (self.kind(node), self.kind(from)) {
            // A measurement runs such a graph as it is.
            (Kind::Stage(_), Kind::Stage(_)) if depth == CheckDepth::Files => {
                found.errors.push(line);
            }
            (Kind::Other, Kind::Other) => {}
            _ => found.warnings.push(line),
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
                        "node '{node_id}': its output '{name}' is connected to no input, so its results are lost"
                    )),
                    Kind::Other => found.warnings.push(format!(
                        "node '{node_id}': nobody reads its output '{name}'"
                    )),
                }
            }
        }
    }

    /// What can be known of the programs: whether they are there, and what they say of themselves.
    fn check_programs(
        &self,
        nodes: &BTreeMap<String, &Node>,
        depth: CheckDepth,
        found: &mut Problems,
    ) {
        let mut stages = BTreeMap::new();
        for (id, node) in nodes {
            let program = match self.program(node) {
                Ok(program) => program,
                Err(path) => {
                    found.missing.push(format!(
                        "node '{id}': its program '{path}' does not exist, relative to '{}'; build it with 'cargo build --release --workspace'",
                        self.folder().display()
                    ));
                    continue;
                }
            };
            // Only programs that are known to answer and end are asked.
            if let (Kind::Stage(_), Some(program)) = (self.kind(node), program)
                && let Some(description) = describe(&program)
            {
                self.check_settings(node, &program, depth, found);
                stages.insert(id.clone(), description);
            }
        }
        self.check_root(nodes, &stages, found);
        for (id, node) in nodes {
            if let Some(own) = stages.get(id) {
                check_ports(id, node, own, &stages, found);
            }
        }
    }

    /// Asks a stage whether it takes its variables.
    fn check_settings(&self, node: &Node, program: &Path, depth: CheckDepth, found: &mut Problems) {
        // Values go through the environment, which other users do not see; a command line they do.
        let (own, root) = (node.env.as_ref(), self.descriptor.env.as_ref());
        let values = root.into_iter().chain(own).flatten();
        let answer = Command::new(program)
            .arg(depth.argument())
            .args(own.into_iter().flatten().map(|(name, _)| name))
            .arg("--root")
            .args(root.into_iter().flatten().map(|(name, _)| name))
            // A node's own value wins over the root's.
            .envs(values.map(|(name, value)| (name, value.to_string())))
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output();
        let Ok(answer) = answer else {
            return; // A program that cannot be started is dora's to name.
        };
        if !answer.status.success() {
            let text = String::from_utf8_lossy(&answer.stderr);
            let line = text
                .lines()
                .next()
                .map(|line| line.trim_start_matches("error: "));
            let line = line.map_or_else(
                || format!("'{}' ended with {}", program.display(), answer.status),
                str::to_owned,
            );
            found.errors.push(format!("node '{}': {line}", node.id));
        }
    }

    /// Names in the root `env:` that no node knows. A list of cameras and programs of others may
    /// read any.
    fn check_root(
        &self,
        nodes: &BTreeMap<String, &Node>,
        stages: &BTreeMap<String, Description>,
        found: &mut Problems,
    ) {
        let all = stages.values().flat_map(|it| it.stages.iter().chain([it]));
        let known = all.flat_map(|stage| &stage.settings);
        let known: Vec<&str> = known.map(|setting| setting.name.as_str()).collect();
        let are_ours = stages.len() == nodes.len();
        let reads_any = stages.values().any(|stage| stage.kind == "rtsp-source") || !are_ours;
        for name in self.descriptor.env.iter().flatten().map(|(name, _)| name) {
            let bare = name.rsplit("__").next().unwrap_or(name);
            if known.contains(&bare) || is_foreign(name) {
                continue;
            }
            match similar(bare, &known) {
                Some(meant) if are_ours => found.errors.push(format!(
                    "unknown key '{name}' in the root env: did you mean '{meant}'?"
                )),
                _ if reads_any => {}
                _ => found
                    .warnings
                    .push(format!("no node reads '{name}' of the root env")),
            }
        }
    }
}

/// Whether a stage's inputs and outputs fit what it takes and gives.
fn check_ports(
    id: &str,
    node: &Node,
    own: &Description,
    stages: &BTreeMap<String, Description>,
    found: &mut Problems,
) {
    // What a fused node takes and gives depends on its stages; it says so when it starts.
    if !own.stages.is_empty() {
        return;
    }
    let takes = own.input.as_deref().filter(|_| !own.input_is_optional);
    if let Some(takes) = takes.filter(|_| inputs(node).next().is_none()) {
        found.errors.push(format!(
            "node '{id}': it takes {takes} and no input is connected"
        ));
    }
    if own.output.is_some() && node.outputs.len() != 1 {
        found.errors.push(format!(
            "node '{id}': it declares {} outputs, expected exactly one",
            node.outputs.len()
        ));
    }
    for (name, mapping) in inputs(node) {
        let source = stages.get(&mapping.source.to_string());
        let gives = source.and_then(|stage| stage.output.as_deref());
        if let (Some(takes), Some(gives)) = (own.input.as_deref(), gives)
            && takes != gives
            && takes != ANY
            && !own.input_also.iter().any(|it| it == gives)
        {
            let also = own.input_also.iter().map(|it| format!(" or {it}"));
            let takes = takes.to_owned() + &also.collect::<String>();
            found.errors.push(format!(
                "node '{id}', input '{name}': it takes {takes}, and '{}' gives {gives}",
                mapping.source
            ));
        }
    }
}

/// `camweave check`.
pub fn show(path: &Path) -> Result<Exit, CliError> {
    let path = &shipped::named(path)?;
    let graph = Graph::read(path, &Variables::new())?;
    let found = graph.check(CheckDepth::Files);
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
