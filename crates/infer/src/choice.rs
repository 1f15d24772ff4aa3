//! Which engine to use, as a setting.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::kind::EngineKind;

/// Which engine to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum EngineChoice {
    /// The fastest of those that are there: measured once per model and machine, and kept.
    #[default]
    Auto,
    /// This one or none.
    Only(EngineKind),
}

impl EngineChoice {
    /// What can be chosen.
    pub const ALL: [Self; 4] = [
        Self::Auto,
        Self::Only(EngineKind::OpenVino),
        Self::Only(EngineKind::OnnxRuntime),
        Self::Only(EngineKind::Rten),
    ];

    /// The word in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Only(kind) => kind.as_str(),
        }
    }
}

impl TryFrom<String> for EngineChoice {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let mut all = Self::ALL.into_iter();
        all.find(|choice| choice.as_str() == word).ok_or_else(|| {
            let words = Self::ALL.map(Self::as_str).join(", ");
            format!("'{word}', expected one of {words}")
        })
    }
}

impl From<EngineChoice> for String {
    fn from(choice: EngineChoice) -> Self {
        choice.as_str().to_owned()
    }
}

impl JsonSchema for EngineChoice {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EngineChoice".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::as_str) })
    }
}
