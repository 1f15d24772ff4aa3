use std::io::{self, Write};

use camweave_redact::log_line;
use serde_json::Value;

/// Makes each line fit for a terminal and a file before it goes there. The subscriber hands over
/// one event per call.
pub(super) struct Writer<W> {
    to: W,
    clean: fn(&str) -> String,
}

impl<W: Write> Writer<W> {
    /// For lines of text.
    pub fn text(to: W) -> Self {
        Self {
            to,
            clean: |line| log_line(line).into_owned(),
        }
    }

    /// For JSON objects: each of their strings is cleaned, so that the line stays an object.
    pub fn json(to: W) -> Self {
        Self { to, clean: json }
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(event);
        let mut line = (self.clean)(line.trim_end_matches('\n'));
        line.push('\n');
        // In one call: other processes write to the same pipe.
        self.to.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn json(line: &str) -> String {
    let value = match serde_json::from_str(line) {
        Ok(value) => cleaned(value),
        Err(_) => Value::String(log_line(line).into_owned()),
    };
    value.to_string()
}

fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(log_line(&text).into_owned()),
        Value::Array(values) => values.into_iter().map(cleaned).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (log_line(&name).into_owned(), cleaned(value)))
            .collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use camweave_redact::{KnownSecrets, LINE_BYTES, Secret, remember};
    use tracing::warn;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands in the log after an event with everything in it that should not be there.
    fn logged(json: bool) -> String {
        let secret = |text: &str| Secret::from(text.to_owned());
        remember(&KnownSecrets::new(&secret("warden"), &secret("t0p secret")));
        let kept = Kept::default();
        let to = kept.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false);
        let hostile = "\x1b[2J\x1b]0;pwned\x07\r\nforged line \u{9b}31m \u{202e}gnp.exe";
        let log = || {
            let long = "y".repeat(50_000_000);
            warn!(reason = hostile, shown = %hostile, bytes = ?hostile, "{hostile} {}", "t0p%20secret");
            warn!("{long} d2FyZGVuOnQwcCBzZWNyZXQ=");
        };
        if json {
            let subscriber = builder.json().with_writer(move || Writer::json(to.clone()));
            tracing::subscriber::with_default(subscriber.finish(), log);
        } else {
            let subscriber = builder
                .compact()
                .with_writer(move || Writer::text(to.clone()));
            tracing::subscriber::with_default(subscriber.finish(), log);
        }
        let bytes = kept.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn a_line_shows_neither_secrets_nor_what_a_terminal_obeys() {
        for json in [false, true] {
            let log = logged(json);
            assert_eq!(log.lines().count(), 2, "no line is forged");
            for line in log.lines() {
                assert!(line.len() < LINE_BYTES + 500, "{} bytes", line.len());
                assert!(!line.contains(char::is_control), "{line:?}");
                for hidden in ["t0p", "d2Fy", "\u{202e}"] {
                    assert!(!line.contains(hidden), "{line:?}");
                }
                if json {
                    let fields: Value = serde_json::from_str(line).expect("a JSON object");
                    assert_eq!(fields["level"], "WARN");
                }
            }
            assert!(log.contains("forged line") && log.contains("more bytes)"));
        }
    }
}
