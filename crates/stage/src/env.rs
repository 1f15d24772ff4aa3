//! Configuration from the graph's `env:`, raw first, then checked.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use camweave_redact::printable;

use crate::StageError;

/// One environment variable that a stage understands.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The variable's name, in capitals.
    pub name: &'static str,
    /// The default, or `None` where the graph must say.
    pub default: Option<&'static str>,
    /// What it means, with its unit.
    pub help: &'static str,
}

/// The environment of one node: what the graph says, else the defaults.
#[derive(Debug, Clone)]
pub struct Env {
    keys: &'static [Key],
    values: BTreeMap<String, String>,
}

/// Variables that no stage has to know: dora's own, the runtime's, and module parameters.
const FOREIGN_PREFIXES: [&str; 5] = ["CAMWEAVE_", "DORA_", "PARAM_", "RUST_", "ZENOH_"];

/// Whether no stage has to know this variable.
pub(crate) fn is_foreign(name: &str) -> bool {
    FOREIGN_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

impl Env {
    /// Checks that the graph names no variable that the stage does not know.
    ///
    /// `declared` are the names in the node's `env:` of the graph; `lookup` gives
    /// their values as they reached the process, `${…}` expanded.
    ///
    /// # Errors
    /// Names the unknown variable and the valid ones.
    pub fn new(
        keys: &'static [Key],
        declared: &[String],
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, StageError> {
        for name in declared {
            if !is_foreign(name) && !keys.iter().any(|key| key.name == name) {
                let valid: Vec<_> = keys.iter().map(|key| key.name).collect();
                return Err(StageError::configuration(format!(
                    "unknown key '{}' in the node's env, expected {}",
                    printable(name),
                    if valid.is_empty() {
                        "none".to_owned()
                    } else {
                        valid.join(", ")
                    }
                )));
            }
        }
        let values = keys
            .iter()
            .filter_map(|key| {
                let text = lookup(key.name).filter(|text| !text.trim().is_empty());
                let text = text.or_else(|| key.default.map(str::to_owned))?;
                Some((key.name.to_owned(), text.trim().to_owned()))
            })
            .collect();
        Ok(Self { keys, values })
    }

    /// The text of a variable, if it is set or has a default that is not empty.
    ///
    /// # Errors
    /// If the stage asks for a variable that it did not list (a bug).
    pub fn text(&self, name: &'static str) -> Result<Option<&str>, StageError> {
        if !self.keys.iter().any(|key| key.name == name) {
            return Err(StageError::internal(format!(
                "the stage does not list its key '{name}'"
            )));
        }
        Ok(self
            .values
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty()))
    }

    /// A variable that must have a value.
    ///
    /// # Errors
    /// Names the variable and its meaning if it is missing.
    pub fn required(&self, name: &'static str) -> Result<&str, StageError> {
        self.text(name)?.ok_or_else(|| {
            let help = self
                .keys
                .iter()
                .find(|key| key.name == name)
                .map_or("", |key| key.help);
            StageError::configuration(format!("env {name} is not set, expected {help}"))
        })
    }

    /// A variable parsed as `T`; `expected` completes the sentence 'expected …'.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn parse<T>(&self, name: &'static str, expected: &str) -> Result<T, StageError>
    where
        T: FromStr,
        T::Err: Display,
    {
        let text = self.required(name)?;
        text.parse().map_err(|error: T::Err| {
            StageError::configuration(format!(
                "env {name}='{}': {error}, expected {expected}",
                printable(text)
            ))
        })
    }

    /// A number within `range`, both ends included.
    ///
    /// # Errors
    /// Names the variable, its value and the range.
    pub fn number<T>(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<T>,
    ) -> Result<T, StageError>
    where
        T: FromStr + PartialOrd + Display,
        T::Err: Display,
    {
        let expected = format!("a number from {} to {}", range.start(), range.end());
        let value = self.parse::<T>(name, &expected)?;
        if range.contains(&value) {
            return Ok(value);
        }
        Err(StageError::configuration(format!(
            "env {name}='{value}', expected {expected}"
        )))
    }

    /// One of the listed words.
    ///
    /// # Errors
    /// Names the variable, its value and the words.
    pub fn choice<T: Copy>(
        &self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<T, StageError> {
        let text = self.required(name)?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let valid: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                StageError::configuration(format!(
                    "env {name}='{}', expected one of {}",
                    printable(text),
                    valid.join(", ")
                ))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[Key] = &[
        Key {
            name: "MAX_BATCH",
            default: Some("8"),
            help: "frames per list",
        },
        Key {
            name: "MODEL",
            default: None,
            help: "the path of an ONNX file",
        },
        Key {
            name: "ORDER",
            default: Some("newest"),
            help: "which frames win",
        },
    ];

    fn env(values: &[(&str, &str)]) -> Result<Env, StageError> {
        let declared: Vec<String> = values.iter().map(|(name, _)| (*name).to_owned()).collect();
        Env::new(KEYS, &declared, |name| {
            values
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn defaults_and_values() {
        let env = env(&[
            ("MAX_BATCH", " 4 "),
            ("RUST_LOG", "x"),
            ("CAMWEAVE_STATS_DIR", "x"),
        ])
        .expect("all keys are known");
        assert_eq!(env.number("MAX_BATCH", 1..=64), Ok(4_usize));
        assert_eq!(env.choice("ORDER", &[("newest", 1), ("oldest", 2)]), Ok(1));
    }

    #[test]
    fn every_error_names_key_value_and_expectation() {
        let unknown = env(&[("MAX_BACH", "4")]).expect_err("a misspelt key");
        assert_eq!(unknown.exit, crate::Exit::Configuration);
        for part in ["'MAX_BACH'", "MAX_BATCH, MODEL, ORDER"] {
            assert!(unknown.message.contains(part), "{unknown}");
        }
        let wrong = env(&[("MAX_BATCH", "many"), ("ORDER", "some")]).expect("known keys");
        let message = wrong
            .number("MAX_BATCH", 1..=64_usize)
            .expect_err("not a number")
            .message;
        for part in ["MAX_BATCH", "'many'", "from 1 to 64"] {
            assert!(message.contains(part), "{message}");
        }
        let message = wrong
            .choice("ORDER", &[("newest", 1)])
            .expect_err("no word")
            .message;
        assert!(
            message.contains("'some'") && message.contains("newest"),
            "{message}"
        );
        let message = wrong.required("MODEL").expect_err("not set").message;
        assert!(
            message.contains("MODEL") && message.contains("ONNX"),
            "{message}"
        );
        let big = env(&[("MAX_BATCH", "65")]).expect("known key");
        assert!(big.number("MAX_BATCH", 1..=64_usize).is_err());
    }
}
