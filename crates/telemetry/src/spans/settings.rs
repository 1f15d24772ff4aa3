//! What the environment says of spans.

use std::path::PathBuf;

use super::nvtx;

/// What is done with spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SpanMode {
    /// Nothing.
    #[default]
    Off,
    /// Each stage's report has a summary per span name.
    Stats,
    /// As well, every span goes into a file, for `camweave trace`.
    Trace,
}

impl SpanMode {
    /// As the environment says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Stats => "stats",
            Self::Trace => "trace",
        }
    }
}

/// The settings of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanSettings {
    /// What is done with spans.
    pub mode: SpanMode,
    /// Where files of spans go, if not beside the folder of reports.
    pub trace_dir: Option<PathBuf>,
    /// So many events of a stage may come within a tenth of a second.
    pub events: usize,
    /// Whether NVTX ranges are emitted.
    pub nvtx: bool,
}

/// One variable: its name, its default and what it means.
pub type Variable = (&'static str, &'static str, &'static str);

const MODE: &str = "CAMWEAVE_SPANS";
const DIR: &str = "CAMWEAVE_TRACE_DIR";
const EVENTS: &str = "CAMWEAVE_TRACE_EVENTS";
const NVTX: &str = "CAMWEAVE_NVTX";
const DEFAULT_EVENTS: usize = 16_384;
const MIN_EVENTS: usize = 64;
const MAX_EVENTS: usize = 1 << 24;

/// The variables that [`SpanSettings::from_env`] reads.
pub const VARIABLES: [Variable; 4] = [
    (
        MODE,
        "off",
        "'stats' for times per span in the stage's report, 'trace' for files of all spans as well",
    ),
    (
        DIR,
        "'trace' next to the folder of reports",
        "the folder for span files",
    ),
    (
        EVENTS,
        "16384",
        "maximum number of events of a stage in a tenth of a second; more are counted as lost",
    ),
    (
        NVTX,
        "auto",
        "NVTX ranges for NVIDIA's profilers: 'auto' (when started by one), 'on' or 'off'",
    ),
];

impl Default for SpanSettings {
    fn default() -> Self {
        Self {
            mode: SpanMode::Off,
            trace_dir: None,
            events: DEFAULT_EVENTS,
            nvtx: false,
        }
    }
}

impl SpanSettings {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn from_env() -> Result<Self, String> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// As [`SpanSettings::from_env`], of any source of variables.
    ///
    /// # Errors
    /// Names the variable, its value and what was expected.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let text = |name| {
            let text: String = lookup(name).unwrap_or_default();
            text.trim().to_owned()
        };
        let mode = match text(MODE).as_str() {
            "" | "off" => SpanMode::Off,
            "stats" => SpanMode::Stats,
            "trace" => SpanMode::Trace,
            other => {
                return Err(format!(
                    "{MODE}='{other}', expected one of off, stats, trace"
                ));
            }
        };
        let nvtx = match text(NVTX).as_str() {
            "" | "auto" => lookup(nvtx::INJECTION_VARIABLE).is_some_and(|path| !path.is_empty()),
            "on" => true,
            "off" => false,
            other => return Err(format!("{NVTX}='{other}', expected one of auto, on, off")),
        };
        let events = match text(EVENTS).as_str() {
            "" => DEFAULT_EVENTS,
            text => text
                .parse()
                .ok()
                .filter(|events| (MIN_EVENTS..=MAX_EVENTS).contains(events))
                .ok_or_else(|| {
                    format!(
                        "{EVENTS}='{text}', expected a number from {MIN_EVENTS} to {MAX_EVENTS}"
                    )
                })?,
        };
        Ok(Self {
            mode,
            trace_dir: Some(text(DIR))
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
            events,
            nvtx,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<SpanSettings, String> {
        SpanSettings::read(|name| {
            let found = values.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_on_by_default() {
        assert_eq!(read(&[]), Ok(SpanSettings::default()));
        assert_eq!(read(&[(MODE, ""), (NVTX, "")]), Ok(SpanSettings::default()));
    }

    #[test]
    fn each_variable_counts() {
        let found = read(&[(MODE, "trace"), (DIR, "/x"), (EVENTS, "100"), (NVTX, "on")]);
        let expected = SpanSettings {
            mode: SpanMode::Trace,
            trace_dir: Some(PathBuf::from("/x")),
            events: 100,
            nvtx: true,
        };
        assert_eq!(found, Ok(expected));
    }

    #[test]
    fn a_profiler_that_announces_itself_turns_nvtx_on() {
        let profiler = (nvtx::INJECTION_VARIABLE, "/opt/profiler/libinject.so");
        assert!(read(&[profiler]).expect("valid").nvtx);
        assert!(!read(&[profiler, (NVTX, "off")]).expect("valid").nvtx);
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_valid_ones() {
        for (name, value, expected) in [
            (MODE, "all", "off, stats, trace"),
            (NVTX, "yes", "auto, on, off"),
            (EVENTS, "1", "from 64 to"),
            (EVENTS, "many", "from 64 to"),
        ] {
            let error = read(&[(name, value)]).expect_err("a wrong value");
            assert!(
                error.contains(name) && error.contains(value) && error.contains(expected),
                "{error}"
            );
        }
    }
}
