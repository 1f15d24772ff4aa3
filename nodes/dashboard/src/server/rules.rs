//! `rules.yml` on the page: what it says, and changes of it. As with `cameras.yml`, the file is edited
//! as a person would, and the node that watches it does the rest.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};

use axum::http::StatusCode;
use camweave_cameras::edit::{ListText, TextFile, Unchangeable, Value};
use camweave_rules::{FILE_BYTES, Kind, Rule, Rules, RulesError};
use serde::{Deserialize, Serialize};

use super::cameras::{Given, Refusal, UNUSABLE};

/// Fields of a rule that a page may set, and bytes of a value: as many points as a zone may have.
const FIELDS_AT_MOST: usize = 32;
const VALUE_AT_MOST: usize = 4 << 10;

/// A rule as the page gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shown {
    /// Its place in the file, by which it is changed.
    index: usize,
    name: String,
    kind: &'static str,
    /// The cameras that it holds for; none: all.
    cameras: Vec<String>,
    objects: Vec<String>,
    /// Its zone or its line, in parts of the frame.
    points: Vec<[f64; 2]>,
    is_line: bool,
    /// What the file has, as it would be typed.
    fields: BTreeMap<String, String>,
    /// Another one after each change of it, of its place or of the server.
    pub(crate) version: String,
}

/// A new rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Added {
    pub fields: BTreeMap<String, Given>,
}

/// What changes of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changed {
    #[serde(default)]
    pub set: BTreeMap<String, Given>,
    #[serde(default)]
    pub unset: Vec<String>,
    /// Of the rule that the change was thought for: refused where another one is there now.
    pub version: String,
}

/// The file of the rules.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: PathBuf,
    key: RandomState,
}

impl File {
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            key: RandomState::new(),
        }
    }

    pub fn list(&self) -> Result<Vec<Shown>, Refusal> {
        let (_, text, rules) = self.open()?;
        Ok(self.shown(&text, &rules))
    }

    pub fn add(&self, added: &Added) -> Result<Vec<Shown>, Refusal> {
        let fields = values(&added.fields)?;
        let (file, mut text, _) = self.open()?;
        text.add(&fields).map_err(|it| self.unchangeable(it))?;
        self.save(file, &text)
    }

    pub fn change(&self, index: usize, changed: &Changed) -> Result<Vec<Shown>, Refusal> {
        let values = values(&changed.set)?;
        let (file, mut text) = self.open_at(index, &changed.version)?;
        for field in &changed.unset {
            text.unset(index, field)
                .map_err(|it| self.unchangeable(it))?;
        }
        for (field, value) in &values {
            text.set(index, field, value)
                .map_err(|it| self.unchangeable(it))?;
        }
        self.save(file, &text)
    }

    pub fn remove(&self, index: usize, version: &str) -> Result<Vec<Shown>, Refusal> {
        let (file, mut text) = self.open_at(index, version)?;
        text.remove(index).map_err(|it| self.unchangeable(it))?;
        self.save(file, &text)
    }

    fn open(&self) -> Result<(TextFile, ListText, Rules), Refusal> {
        let file = TextFile::open(&self.path, FILE_BYTES)?;
        let rules = camweave_rules::parse(&self.path, file.text());
        let rules = rules.map_err(|error| refuse(UNUSABLE, &error))?;
        let text = ListText::new(file.text().to_owned());
        Ok((file, text, rules))
    }

    /// The file, if the rule at this place is the one that is meant.
    fn open_at(&self, index: usize, version: &str) -> Result<(TextFile, ListText), Refusal> {
        let (file, text, _) = self.open()?;
        let found = text.items().get(index).map(|it| self.version(index, it));
        if found.is_none_or(|it| it != version) {
            return Err(Refusal {
                status: StatusCode::PRECONDITION_FAILED,
                line: "the rule has changed since it was read: nothing was written".to_owned(),
            });
        }
        Ok((file, text))
    }

    fn save(&self, file: TextFile, text: &ListText) -> Result<Vec<Shown>, Refusal> {
        let rules = camweave_rules::parse(&self.path, text.text());
        let rules = rules.map_err(|error| refuse(StatusCode::UNPROCESSABLE_ENTITY, &error))?;
        file.save(text.text())?;
        Ok(self.shown(text, &rules))
    }

    fn shown(&self, text: &ListText, rules: &Rules) -> Vec<Shown> {
        // What is written in a way that cannot be changed in place has no version.
        let items = text.items();
        let shown = |(index, rule): (usize, &Rule)| Shown {
            index,
            name: rule.name.clone(),
            kind: rule.kind_name(),
            cameras: rule.cameras.clone(),
            objects: rule.objects.clone(),
            points: rule.points().to_vec(),
            is_line: matches!(rule.kind, Kind::Crossing { .. }),
            fields: text.fields(index).into_iter().collect(),
            version: items
                .get(index)
                .map_or_else(String::new, |it| self.version(index, it)),
        };
        rules.0.iter().enumerate().map(shown).collect()
    }

    fn version(&self, index: usize, item: &str) -> String {
        format!("{:016x}", self.key.hash_one((index, item)))
    }

    fn unchangeable(&self, _: Unchangeable) -> Refusal {
        let path = self.path.display();
        Refusal {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            line: format!(
                "'{path}' is written in a way that cannot be changed here without a loss: edit it by hand"
            ),
        }
    }
}

fn refuse(status: StatusCode, error: &RulesError) -> Refusal {
    Refusal {
        status,
        line: error.to_string(),
    }
}

/// The fields as the text takes them.
fn values(given: &BTreeMap<String, Given>) -> Result<Vec<(&str, Value)>, Refusal> {
    let refuse = |line: String| Refusal {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        line,
    };
    if given.len() > FIELDS_AT_MOST {
        let found = given.len();
        return Err(refuse(format!(
            "{found} fields, expected at most {FIELDS_AT_MOST}"
        )));
    }
    let each = given.iter().map(|(field, value)| {
        let text = value.text();
        if text.len() > VALUE_AT_MOST {
            let (field, found) = (camweave_redact::printable(field), text.len());
            let line = format!("'{field}' has {found} bytes, expected at most {VALUE_AT_MOST}");
            return Err(refuse(line));
        }
        Ok((field.as_str(), Value::typed(field, text)))
    });
    each.collect()
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
