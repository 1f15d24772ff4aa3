//! A dora graph, read as dora reads it: checked before anything runs, and made fit for a run
//! that measures.

mod check;
mod derive;
mod keys;
mod nodes;
mod read;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use camweave_stage::Exit;
use dora_core::descriptor::Descriptor;

use crate::error::CliError;

pub use check::show;
pub use derive::{Feed, Settings};
pub use nodes::{Kind, describe};
pub use variables::StageVariables;

/// Values for variables of a graph, which win over the environment's.
pub type Variables = BTreeMap<String, String>;

/// A graph with its modules expanded.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The file.
    pub path: PathBuf,
    /// What dora would run.
    pub descriptor: Descriptor,
    /// Names that [`Graph::declare`] has set.
    pub declared: BTreeSet<String>,
    /// Keys that dora does not know and passes over, a line each.
    pub unknown_keys: Vec<String>,
}

impl Graph {
    /// Declares a setting for all nodes, as the root `env:` and `dora run --env` do.
    ///
    /// # Errors
    /// dora would make another value of the text.
    pub fn declare(&mut self, name: &str, value: &str) -> Result<(), CliError> {
        let mut env = self.descriptor.env.clone().unwrap_or_default();
        env.remove(name);
        // dora does not expose the type of a value.
        if let Ok(made) = serde_json::from_value(value.into()) {
            env.insert(name.to_owned(), made);
        }
        if env.get(name).is_some_and(|made| made.to_string() == value) {
            self.descriptor.env = Some(env);
            self.declared.insert(name.to_owned());
            return Ok(());
        }
        Err(CliError::new(
            Exit::Configuration,
            format!(
                "--env {name}='{value}': dora would make another value of it, expected no '$' and numbers as in '4' and '0.5'; put it into the node's 'env:'"
            ),
        ))
    }

    /// Declares settings that a measurement gives each graph, where the graph has none: a check does
    /// not miss them.
    pub fn complete(&mut self) {
        for name in ["CAMERAS", "FILES", "MODEL", "OUT"] {
            let env = self.descriptor.env.as_ref();
            if !env.is_some_and(|env| env.contains_key(name)) {
                // A plain word is what dora makes of it.
                let _ = self.declare(name, "set-by-camweave");
            }
        }
    }

    /// The folder that relative paths of the graph start from.
    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}
