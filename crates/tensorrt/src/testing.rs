//! For tests that build engines.

use std::path::PathBuf;

use crate::library::{Places, TensorRt};

/// The variable that says what must be there: `1` a device and TensorRT, `all` its builder as well.
const REQUIRED: &str = "CAMWEAVE_REQUIRE_GPU";
/// The folder of the shipped models, for tests that run elsewhere than they were built.
const MODELS: &str = "CAMWEAVE_MODELS";

/// Whether engines can be built; where not, a line says that the test is skipped.
///
/// # Panics
/// They cannot, and `CAMWEAVE_REQUIRE_GPU` is `all`; or it is `1`, and there is no TensorRT at all.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output must see that it was skipped"
)]
pub fn has_builder() -> bool {
    let value = std::env::var(REQUIRED).unwrap_or_default();
    let (why, fails) = match TensorRt::find(&Places::from_env()) {
        Ok(found) if found.has_builder() => return true,
        Ok(found) => {
            let why = format!("{} is a lean runtime", found.version());
            (why, value == "all")
        }
        // None, or none that can be loaded: a fault where a GPU is required.
        Err(error) => (error.to_string(), value == "1" || value == "all"),
    };
    assert!(
        !fails,
        "{REQUIRED} is {value}, but there is no builder: {why}"
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
