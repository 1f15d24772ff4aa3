//! What is known of a graph's nodes.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use camweave_stage::Description;
use dora_core::config::{InputMapping, UserInputMapping};
use dora_core::descriptor::{DYNAMIC_SOURCE, Node, SHELL_SOURCE, resolve_path, source_is_url};

use super::Graph;

// What is under `nodes/`: STAGES, the names of their binaries, and ON_A_GPU.
include!(concat!(env!("OUT_DIR"), "/stages.rs"));

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of camweave's stages, by the name of its binary.
    Stage(&'static str),
    /// A program of somebody else.
    Other,
}

impl Graph {
    /// What a node is, by the name of its program.
    pub fn kind(&self, node: &Node) -> Kind {
        let name = node
            .path
            .as_deref()
            .and_then(|path| Path::new(path).file_name()?.to_str());
        let known = name.and_then(|name| STAGES.iter().find(|stage| **stage == name));
        known.map_or(Kind::Other, |stage| Kind::Stage(stage))
    }

    /// The nodes of one kind of stage.
    pub fn stages(&self, kind: &str) -> impl Iterator<Item = &Node> {
        self.descriptor
            .nodes
            .iter()
            .filter(move |node| self.kind(node) == Kind::Stage(named(kind)))
    }

    /// The first kind of stage in the graph, fused ones as well, whose work a GPU does.
    pub fn kind_on_a_gpu(&self) -> Option<&'static str> {
        let nodes = self.descriptor.nodes.iter();
        let mut kinds = nodes.flat_map(|node| self.kinds_in(node));
        kinds.find_map(|kind| ON_A_GPU.iter().copied().find(|it| *it == kind))
    }

    /// A node's program on this machine; `None` where dora finds or makes it otherwise.
    ///
    /// # Errors
    /// The path, if there is no such program.
    pub fn program(&self, node: &Node) -> Result<Option<PathBuf>, String> {
        let Some(path) = node.path.as_deref() else {
            return Ok(None);
        };
        let elsewhere = [SHELL_SOURCE, DYNAMIC_SOURCE].contains(&path)
            || source_is_url(path)
            || node.build.is_some()
            || node.git.is_some()
            || node.hub.is_some();
        if elsewhere {
            return Ok(None);
        }
        resolve_path(path, self.folder())
            .map(Some)
            .map_err(|_| path.to_owned())
    }
}

fn named(kind: &str) -> &'static str {
    STAGES.iter().find(|stage| **stage == kind).unwrap_or(&"")
}

/// The inputs of a node that come from other nodes, with their names.
pub fn inputs(node: &Node) -> impl Iterator<Item = (String, &UserInputMapping)> {
    node.inputs.iter().filter_map(|(name, input)| {
        let InputMapping::User(mapping) = &input.mapping else {
            return None;
        };
        Some((name.to_string(), mapping))
    })
}

/// Asks a program what it is; `None` where it does not answer.
pub fn describe(program: &Path) -> Option<Description> {
    let output = Command::new(program)
        .arg("--describe")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok()
}
