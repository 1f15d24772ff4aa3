//! The fused node's own settings.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Required;
use crate::settings::described;

/// The kind of the node itself, beside its stages.
pub(super) const KIND: &str = "fused";
/// The variable that lists the stages.
pub(super) const STAGES: &str = "STAGES";

/// The node's own settings, beside those of its stages.
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub(super) struct FusedSettings {
    /// stages in pipeline order, as 'kind' or 'name=kind', separated by commas
    stages: Required<String>,
}

impl FusedSettings {
    /// What `STAGES` means.
    pub fn help() -> String {
        described::<Self>()
            .pop()
            .map(|it| it.help)
            .unwrap_or_default()
    }
}
