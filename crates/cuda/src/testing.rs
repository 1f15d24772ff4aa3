//! For tests that need a device.

use crate::context::Context;
use crate::presence::missing;

/// The variable that says that there must be a device.
const REQUIRED: &str = "CAMWEAVE_REQUIRE_GPU";

/// A device for a test; `None`, and a line that the test is skipped, where there is none.
///
/// # Panics
/// There is no device, and `CAMWEAVE_REQUIRE_GPU` is 1; or there is one that cannot be used.
#[must_use]
#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output must see that it was skipped"
)]
pub fn device() -> Option<Context> {
    let Some(line) = missing() else {
        return Some(Context::open(0).expect("a device that is there can be opened"));
    };
    let required = std::env::var(REQUIRED).is_ok_and(|value| value == "1");
    assert!(!required, "{REQUIRED} is 1, but: {line}");
    eprintln!("skipped: no CUDA device ({line})");
    None
}
