//! A graph's file, as a program writes one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use serde::Serialize;
use serde_json::Value;

use crate::RunError;

/// A graph.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Graph {
    /// Settings of all nodes.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// The nodes.
    pub nodes: Vec<Node>,
}

/// A node of a graph.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Node {
    /// Its name.
    pub id: String,
    /// Its program.
    pub path: PathBuf,
    /// What the program is started with, as in a shell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// Its inputs by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// Its outputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<String>,
    /// Its own settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, Value>,
    /// Bytes of dora's shared memory for what it sends, such as `256MB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_memory_pool_size: Option<String>,
}

/// An input of a node.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    /// `node/output`.
    pub source: String,
    /// Messages that may wait.
    pub queue_size: u32,
    /// What happens when more wait; dora's default drops the oldest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_policy: Option<&'static str>,
}

impl Input {
    /// One over which no message is lost.
    pub fn lossless(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            queue_size: 1024,
            queue_policy: Some("backpressure"),
        }
    }
}

impl Graph {
    /// Writes the file. It is JSON, which is YAML.
    ///
    /// # Errors
    /// The file refuses, or a path is no UTF-8.
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| RunError::new(Exit::Input, format!("the graph's file: {error}")))?;
        fs::write(path, text).map_err(|error| RunError::file("write", path, &error))
    }
}
