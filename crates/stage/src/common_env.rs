//! The variables that every node reads, whatever its stage.

use camweave_telemetry::{SPAN_VARIABLES, log};

/// The variable that overrides the folder of the reports.
pub(crate) const STATS_VARIABLE: &str = "CAMWEAVE_STATS_DIR";

/// The variable that says that the cameras are simulated.
pub const SIMULATED_VARIABLE: &str = "CAMWEAVE_SIMULATED";

/// Whether whoever started this process says that all cameras are simulated.
#[must_use]
pub fn is_simulated() -> bool {
    std::env::var_os(SIMULATED_VARIABLE).is_some_and(|value| value == "1")
}

/// Those beside the variables of spans: name, default, meaning.
const VARIABLES: [(&str, &str, &str); 4] = [
    (
        STATS_VARIABLE,
        "out/<dataflow>/stats",
        "the folder for the stages' reports",
    ),
    (
        log::FILTER_VARIABLE,
        "info",
        "what is logged, such as 'debug' or 'camweave_stage=trace'",
    ),
    (
        log::FORMAT_VARIABLE,
        "text",
        "'json' for log lines as JSON objects",
    ),
    (
        SIMULATED_VARIABLE,
        "0",
        "'1': all cameras are simulated, so a model of rendered streets is the right one",
    ),
];

/// The section of `--help`.
pub(crate) fn help() -> String {
    let mut text = "\nEnvironment (of every node; docs/profiling.md):\n".to_owned();
    for (name, default, help) in VARIABLES.iter().chain(&SPAN_VARIABLES) {
        text += &format!("  {name:<22} {help} (default {default})\n");
    }
    text
}
