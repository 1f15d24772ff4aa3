//! What a graph declares for a node.

use std::collections::BTreeMap;
use std::ffi::OsString;

use camweave_redact::printable;

use crate::StageError;

/// Variables that no stage has to know: of dora, the runtime, module parameters, and libraries.
const FOREIGN_PREFIXES: [&str; 8] = [
    "CAMWEAVE_",
    "CUDA_",
    "DORA_",
    "NVIDIA_",
    "OMP_",
    "PARAM_",
    "RUST_",
    "ZENOH_",
];

/// Before the root's variables on a command line.
const ROOT: &str = "--root";

/// Whether no stage has to know this variable.
#[must_use]
pub fn is_foreign(name: &str) -> bool {
    FOREIGN_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// The variables that a graph declares for a node, in the node's own `env:` or in the graph's root
/// `env:`. Variables that the process merely inherits, such as those of a shell, are none of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declared {
    own: BTreeMap<String, String>,
    shared: BTreeMap<String, String>,
    /// What a variable is called in the graph, where that is another name.
    called: BTreeMap<String, String>,
}

impl Declared {
    /// Variables in the node's own `env:`.
    pub fn of<N: Into<String>, V: Into<String>>(own: impl IntoIterator<Item = (N, V)>) -> Self {
        let own = own
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        Self {
            own: own.collect(),
            ..Self::default()
        }
    }

    /// Variables as `NAME=VALUE` on a command line, or as `NAME` with the value in the environment,
    /// where other users do not see it. Those after `--root` are of the graph's root `env:`.
    ///
    /// # Errors
    /// A name that has no value in the environment.
    pub fn of_arguments(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, StageError> {
        let pair = |argument: OsString| {
            let text = argument.to_string_lossy();
            match text.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
                None => match std::env::var(&*text) {
                    Ok(value) => Ok((text.into_owned(), value)),
                    Err(_) => Err(StageError::configuration(format!(
                        "unexpected argument '{}', expected NAME=VALUE, or the name of an environment variable",
                        printable(&text)
                    ))),
                },
            }
        };
        let mut arguments = arguments.into_iter();
        let own = arguments.by_ref().take_while(|argument| argument != ROOT);
        let own: Result<Vec<_>, _> = own.map(pair).collect();
        let shared: Result<Vec<_>, _> = arguments.map(pair).collect();
        Ok(Self::of(own?).with_shared(shared?))
    }

    /// Adds the variables of the graph's root `env:`, some of which the node knows.
    #[must_use]
    pub fn with_shared<N: Into<String>, V: Into<String>>(
        mut self,
        shared: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let shared = shared
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()));
        self.shared = shared.collect();
        self
    }

    /// Sets a variable in the node's own `env:`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.own.insert(name.into(), value.into());
    }

    /// Sets a variable that has another name in the graph.
    pub(crate) fn set_called(&mut self, name: &str, value: &str, called: String) {
        self.own.insert(name.to_owned(), value.to_owned());
        self.called.insert(name.to_owned(), called);
    }

    /// What a variable is called in the graph.
    #[must_use]
    pub fn called<'a>(&'a self, name: &'a str) -> &'a str {
        self.called.get(name).map_or(name, String::as_str)
    }

    /// A variable's text without space around it; none if it is empty or not declared. One of the
    /// node's own, also an empty one, stands in place of the root's.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let text = self.own.get(name).or_else(|| self.shared.get(name))?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The variables of the node's own `env:`.
    pub fn own(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = self.own.iter();
        own.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The names in the node's own `env:`.
    pub fn own_names(&self) -> impl Iterator<Item = &str> {
        self.own.keys().map(String::as_str)
    }

    /// Refuses a variable of the node's own `env:` that is not one of `known`.
    ///
    /// # Errors
    /// Names the variable and the known ones.
    pub fn refuse_unknown(&self, known: &[&str]) -> Result<(), StageError> {
        for name in self.own_names() {
            if is_foreign(name) || known.contains(&name) {
                continue;
            }
            return Err(unknown(name, known));
        }
        Ok(())
    }
}

/// The error of a variable that no stage knows.
pub(crate) fn unknown(name: &str, known: &[&str]) -> StageError {
    let expected = match known {
        [] => "none".to_owned(),
        known => known.join(", "),
    };
    let meant =
        similar(name, known).map_or_else(String::new, |it| format!("did you mean '{it}'? "));
    StageError::configuration(format!(
        "unknown key '{}' in the node's env: {meant}expected {expected}",
        printable(name)
    ))
}

/// The name that was probably meant, if one is near.
#[must_use]
pub fn similar<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    /// Letters that are missing, added, wrong, or swapped with the next.
    const MOST_TYPOS: usize = 2;
    let upper = name.to_uppercase();
    let typos = |known: &&str| strsim::osa_distance(&upper, &known.to_uppercase());
    let nearest = known.iter().min_by_key(|known| typos(known))?;
    // Of a short word two letters are half.
    let most = MOST_TYPOS.min(name.len() / 3);
    (typos(nearest) <= most).then_some(*nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_own_value_wins_and_an_empty_one_is_none() {
        let shared = [("A", "2"), ("B", "3"), ("C", "4")];
        let declared = Declared::of([("A", " 1 "), ("B", " ")]).with_shared(shared);
        assert_eq!(declared.get("A"), Some("1"));
        assert_eq!(
            declared.get("B"),
            None,
            "empty: the default, not the root's"
        );
        assert_eq!(declared.get("C"), Some("4"));
        assert_eq!(declared.get("D"), None);
    }

    #[test]
    fn an_unknown_variable_is_named_with_what_was_meant() {
        let declared = Declared::of([("RUST_LOG", "x"), ("CAMWEAVE_X", "x"), ("MAX_BACH", "4")])
            .with_shared([("ELSEWHERE", "x")]);
        let error = declared
            .refuse_unknown(&["MAX_BATCH", "MODEL"])
            .expect_err("a misspelt name");
        assert_eq!(error.exit, crate::Exit::Configuration);
        assert_eq!(
            error.message,
            "unknown key 'MAX_BACH' in the node's env: did you mean 'MAX_BATCH'? expected MAX_BATCH, MODEL"
        );
        assert_eq!(
            similar("HIGH_SCOER", &["MIN_IOU", "HIGH_SCORE"]),
            Some("HIGH_SCORE")
        );
        assert_eq!(similar("COLOUR", &["MIN_IOU", "HIGH_SCORE"]), None);
        assert_eq!(similar("CAM_USER", &["CAMERAS"]), None);
        assert_eq!(similar("MODEL_NAME", &["MODEL"]), None);
        assert_eq!(similar("OUTPUT", &["OUT"]), None);
    }
}
