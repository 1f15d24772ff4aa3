//! For tests that need a device.

use crate::context::Context;
use crate::presence::missing;

/// The variable that says that there must be a device.
const REQUIRED: &str = "CAMWEAVE_REQUIRE_GPU";

/// A device for a test; `None`, and a line that the test is skipped, where there is none.
///
/// # Panics
/// There is no device, and `CAMWEAVE_REQUIRE_GPU` is 1 or all; or there is one that cannot be used.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output must see that it was skipped"
)]
pub fn device() -> Option<Context> {
    let Some(line) = missing() else {
        return Some(Context::open(0).expect("a device that is there can be opened"));
    };
    let value = std::env::var(REQUIRED).unwrap_or_default();
    assert!(
        value != "1" && value != "all",
        "{REQUIRED} is {value}, but: {line}"
    );
    eprintln!("skipped: no CUDA device ({line})");
    None
}
