//! What a file says, as it is there.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

/// A list, and where it is.
pub(crate) type List<T> = Spanned<Vec<T>>;
/// As text, so that an error shows what is there.
pub(crate) type Text = Spanned<String>;
/// Points, `[x, y]` of each.
pub(crate) type RawPoints = List<List<Text>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    pub rules: List<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub name: Text,
    pub kind: Text,
    pub cameras: Option<List<Text>>,
    pub objects: Option<List<Text>>,
    pub min_score: Option<Text>,
    pub anchor: Option<Text>,
    pub zone: Option<RawPoints>,
    pub line: Option<RawPoints>,
    pub band: Option<Text>,
    pub direction: Option<Text>,
    pub enter: Option<Text>,
    pub leave: Option<Text>,
    pub after: Option<Text>,
    pub after_of: Option<Spanned<BTreeMap<String, Text>>>,
    pub at_least: Option<Text>,
    pub edges: Option<List<Text>>,
    pub diagonal: Option<Text>,
    pub over: Option<Text>,
    pub grid: Option<List<Text>>,
}

/// The kinds of rules, and the fields that each has beside those of every kind.
pub(crate) const KINDS: [(&str, &[&str]); 7] = [
    ("presence", &["zone", "enter", "leave"]),
    ("occupancy", &["zone", "enter", "leave"]),
    ("dwell", &["zone", "enter", "leave", "after", "after_of"]),
    ("crowding", &["zone", "enter", "leave", "at_least"]),
    ("crossing", &["line", "band", "direction"]),
    (
        "speed",
        &["zone", "edges", "diagonal", "enter", "leave", "over"],
    ),
    ("heatmap", &["grid"]),
];

impl RawRule {
    /// The fields of some kinds only that are there, and where.
    pub fn of_kinds(&self) -> impl Iterator<Item = (&'static str, Location)> {
        fn at<T>(value: &Option<Spanned<T>>) -> Option<Location> {
            value.as_ref().map(|it| it.referenced)
        }
        let fields = [
            ("zone", at(&self.zone)),
            ("line", at(&self.line)),
            ("band", at(&self.band)),
            ("direction", at(&self.direction)),
            ("enter", at(&self.enter)),
            ("leave", at(&self.leave)),
            ("after", at(&self.after)),
            ("after_of", at(&self.after_of)),
            ("at_least", at(&self.at_least)),
            ("edges", at(&self.edges)),
            ("diagonal", at(&self.diagonal)),
            ("over", at(&self.over)),
            ("grid", at(&self.grid)),
        ];
        fields
            .into_iter()
            .filter_map(|(name, at)| Some((name, at?)))
    }
}
