//! For tests that build engines.

use std::path::PathBuf;

use crate::library::{Places, TensorRt};

/// The variable that says what must be there: `1` a device, `all` a builder as well.
const REQUIRED: &str = "CAMWEAVE_REQUIRE_GPU";
/// The folder of the shipped models, for tests that run elsewhere than they were built.
const MODELS: &str = "CAMWEAVE_MODELS";

/// Whether engines can be built; where not, a line says that the test is skipped.
///
/// # Panics
/// They cannot, and `CAMWEAVE_REQUIRE_GPU` is `all`.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output must see that it was skipped"
)]
pub fn has_builder() -> bool {
    let why = match TensorRt::find(&Places::from_env()) {
        Ok(found) if found.has_builder() => return true,
        Ok(found) => format!("{} is a lean runtime", found.version()),
        Err(error) => error.to_string(),
    };
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "all");
    assert!(
        !required,
        "{REQUIRED} is all, but there is no builder: {why}"
    );
    eprintln!("skipped: no builder ({why})");
    false
}

/// A file of the shipped models: of the folder that `CAMWEAVE_MODELS` names, else of the workspace.
#[must_use]
pub fn model(name: &str) -> PathBuf {
    let folder = std::env::var_os(MODELS).map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models")),
        PathBuf::from,
    );
    folder.join(name)
}
