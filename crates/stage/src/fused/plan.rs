//! What a fused node is to run: stages, their names and their variables.

use camweave_telemetry::StageIdentity;

use super::part::Part;
use super::place::Place;
use super::settings::{FusedSettings, STAGES};
use crate::declared::{is_foreign, unknown};
use crate::describe::CheckDepth;
use crate::{Declared, StageError};

/// Between a stage's name and its variable's.
const SEPARATOR: &str = "__";

/// One stage of the plan.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub name: String,
    pub part: Part,
}

impl Seat {
    fn own(&self, key: &str) -> String {
        own_variable(&self.name, key)
    }
}

/// The variable `key` of the stage `name` alone: `CPU_INFER__THREADS`.
#[must_use]
pub fn own_variable(name: &str, key: &str) -> String {
    let name = name.to_uppercase().replace('-', "_");
    format!("{name}{SEPARATOR}{key}")
}

/// Name and kind of each stage of a list such as `sw-decode,infer=cpu-infer`, unchecked.
pub fn listed(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let entries = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    entries.map(|entry| {
        let (name, kind) = entry.split_once('=').unwrap_or((entry, entry));
        (name.trim(), kind.trim())
    })
}

/// An ordered list of stages, each of which takes what the one before gives.
#[derive(Debug, Clone)]
pub struct Plan {
    seats: Vec<Seat>,
}

impl Plan {
    /// The stages that a node's variables list.
    ///
    /// # Errors
    /// As [`Plan::parse`], and if there is no list.
    pub fn read(declared: &Declared, known: &[Part]) -> Result<Self, StageError> {
        Self::parse(declared.get(STAGES).unwrap_or_default(), known)
    }

    /// Reads a list such as `sw-decode,infer=cpu-infer,cpu-nms`.
    ///
    /// # Errors
    /// Names the stage that is unknown, named twice, or does not take what comes before it.
    pub fn parse(text: &str, known: &[Part]) -> Result<Self, StageError> {
        let wrong = |message: String| {
            StageError::configuration(format!("env {STAGES}='{text}': {message}"))
        };
        let mut seats: Vec<Seat> = Vec::new();
        for (name, kind) in listed(text) {
            let Some(part) = known.iter().find(|part| part.kind() == kind) else {
                let known = known.iter().filter(|part| !part.is_alone());
                let kinds: Vec<_> = known.map(Part::kind).collect();
                return Err(wrong(format!(
                    "unknown stage '{kind}', expected one of {}",
                    kinds.join(", ")
                )));
            };
            if part.is_alone() {
                return Err(wrong(format!(
                    "stage '{kind}' takes rows of two other stages, expected as a node of its own: 'path: bin/{kind}'"
                )));
            }
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || !name.chars().all(is_plain) {
                return Err(wrong(format!(
                    "the name '{name}' of stage '{kind}', expected lower-case letters, digits and '-'"
                )));
            }
            if seats.iter().any(|seat| seat.name == name) {
                return Err(wrong(format!(
                    "two stages are called '{name}', expected 'name=kind' with a name for each"
                )));
            }
            seats.push(Seat {
                name: name.to_owned(),
                part: *part,
            });
        }
        if seats.is_empty() {
            return Err(StageError::configuration(format!(
                "env {STAGES} is not set, expected {}",
                FusedSettings::help()
            )));
        }
        for pair in seats.windows(2) {
            fits(&pair[0], &pair[1]).map_err(wrong)?;
        }
        Ok(Self { seats })
    }

    pub(super) fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The stages' names, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.seats.iter().map(|seat| &*seat.name).collect()
    }

    /// What the node must be given; none if it begins with a source.
    pub(super) fn takes(&self) -> Option<&'static str> {
        self.seats
            .first()
            .filter(|seat| !seat.part.is_source())
            .and_then(|seat| seat.part.takes())
    }

    /// What the node gives; none if it ends with a sink.
    pub(super) fn gives(&self) -> Option<&'static str> {
        self.seats.last().and_then(|seat| seat.part.gives())
    }

    /// Checks that each of the names in the node's own `env:` is known to a stage.
    ///
    /// # Errors
    /// Names the unknown variable and the valid ones.
    pub fn check_names(&self, declared: &Declared) -> Result<(), StageError> {
        for name in declared.own_names() {
            let is_known = name == STAGES
                || is_foreign(name)
                || self.seats.iter().any(|seat| {
                    let mut settings = seat.part.settings().into_iter();
                    settings.any(|it| name == it.name || name == seat.own(&it.name))
                });
            if !is_known {
                let valid = self.valid_names(name);
                let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
                let mut error = unknown(name, &valid);
                error.message +=
                    &format!(", each also as '<STAGE>{SEPARATOR}<NAME>' for one stage");
                return Err(error);
            }
        }
        Ok(())
    }

    /// The names that may stand there: those of one stage where `name` begins with it.
    fn valid_names(&self, name: &str) -> Vec<String> {
        let meant = |seat: &&Seat| name.starts_with(&seat.own(""));
        if let Some(seat) = self.seats.iter().find(meant) {
            let settings = seat.part.settings().into_iter();
            return settings.map(|it| seat.own(&it.name)).collect();
        }
        let mut names = vec![STAGES.to_owned()];
        for setting in self.seats.iter().flat_map(|seat| seat.part.settings()) {
            if !names.contains(&setting.name) {
                names.push(setting.name);
            }
        }
        names
    }

    /// Checks the settings of all stages.
    ///
    /// # Errors
    /// Names the stage, the variable, its value and what was expected.
    pub(crate) fn check(&self, declared: &Declared, depth: CheckDepth) -> Result<(), StageError> {
        self.check_names(declared)?;
        for (index, seat) in self.seats.iter().enumerate() {
            let checked = seat.part.check(&self.declared(index, declared), depth);
            checked.map_err(|error| StageError {
                message: format!("{}: {}", seat.name, error.message),
                ..error
            })?;
        }
        Ok(())
    }

    /// What the stage `index` is in the graph.
    pub(super) fn identity(&self, index: usize, place: &Place<'_>) -> StageIdentity {
        let name = |index: usize| format!("{}.{}", place.node, self.seats[index].name);
        let part = self.seats[index].part;
        let is_last = index + 1 == self.seats.len();
        StageIdentity {
            stage: name(index),
            kind: part.kind().to_owned(),
            run: place.run.to_owned(),
            takes: match index {
                0 if part.is_source() => Vec::new(),
                0 => place.takes.to_vec(),
                _ => vec![name(index - 1)],
            },
            gives: match part.gives() {
                None => String::new(),
                // Those behind the node know the node alone.
                Some(_) if is_last => place.node.to_owned(),
                Some(_) => name(index),
            },
        }
    }

    /// The variables of the stage `index`: its own first, then those for all.
    pub(super) fn declared(&self, index: usize, node: &Declared) -> Declared {
        let seat = &self.seats[index];
        let mut declared = Declared::default();
        for name in seat.part.settings().into_iter().map(|it| it.name) {
            let own = seat.own(&name);
            if let Some(text) = node.get(&own) {
                declared.set_called(&name, text, own);
            } else if let Some(text) = node.get(&name) {
                declared.set(name, text);
            }
        }
        declared
    }
}

/// Whether `next` takes what `before` gives.
fn fits(before: &Seat, next: &Seat) -> Result<(), String> {
    let (first, second) = (&before.name, &next.name);
    match (before.part.gives(), next.part.takes()) {
        (_, _) if next.part.is_source() => Err(format!(
            "'{second}' is a source and cannot follow '{first}', expected it first"
        )),
        (Some(gives), Some(takes)) if gives == takes => Ok(()),
        (Some(gives), Some(takes)) => Err(format!(
            "'{first}' gives {gives}, and '{second}' after it takes {takes}, expected the same"
        )),
        (None, _) => Err(format!(
            "'{first}' gives nothing, and '{second}' cannot follow it, expected it last"
        )),
        (_, None) => Err(format!(
            "'{second}' takes nothing and cannot follow '{first}', expected it first"
        )),
    }
}
