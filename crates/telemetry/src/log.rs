//! Structured logs: one line per event on standard error, which dora keeps per node.

mod writer;

use tracing_subscriber::EnvFilter;
use writer::Writer;

/// The environment variable that filters the log, in `tracing`'s syntax.
pub const FILTER_VARIABLE: &str = "CAMWEAVE_LOG";

/// The environment variable that turns lines into JSON: `CAMWEAVE_LOG_FORMAT=json`.
pub const FORMAT_VARIABLE: &str = "CAMWEAVE_LOG_FORMAT";

/// Starts logging for the process. Returns what is wrong with the filter, if it is wrong.
///
/// Whatever a line quotes, it shows no secret that the process was told to remember, no control
/// characters, and not more than a bounded length ([`camweave_redact::log_line`]).
///
/// Information and above by default; dora's own crates from warnings on, because
/// that is where it says that it drops messages; its `node` module warns of each
/// output's first messages, which tells nothing, and its transport calls it an
/// error that a neighbour's process has just ended.
///
/// # Errors
/// Names the variable, its value and what was expected.
pub fn start() -> Result<(), String> {
    let default = "info,dora=warn,dora_node_api=warn,dora_node_api::node=error,zenoh=off,zenoh_transport=off,zenoh_link_tcp=off,retina=warn,krafka=off";
    let text = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let filter = if text.is_empty() {
        default.to_owned()
    } else {
        format!("{default},{text}")
    };
    let filter = EnvFilter::try_new(&filter).map_err(|error| {
        format!("{FILTER_VARIABLE}='{text}' is not a log filter ({error}); expected for example 'debug' or 'camweave_stage=trace'")
    })?;
    let format = std::env::var(FORMAT_VARIABLE).unwrap_or_default();
    // Without colours: a terminal cannot tell the log's own escape sequences from a stranger's.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false);
    let started = match format.as_str() {
        "" | "text" => builder
            .with_writer(|| Writer::text(std::io::stderr()))
            .with_target(false)
            .compact()
            .try_init(),
        "json" => builder
            .with_writer(|| Writer::json(std::io::stderr()))
            .json()
            .try_init(),
        other => {
            return Err(format!(
                "{FORMAT_VARIABLE}='{other}': expected 'text' or 'json'"
            ));
        }
    };
    // A second start in one process (tests) keeps the first subscriber.
    drop(started);
    Ok(())
}
