//! What a stage says of a file that it watches and that may be changed while it runs.

use camweave_telemetry::{Counters, Fact};
use tracing::{info, warn};

/// What the attribute says of a file that is in use.
const VALID: &str = "valid";

/// Whether a watched file as it is now can be used: said once, when that changes, in the log and in an
/// attribute (`valid`, or `refused: ` and why).
#[derive(Debug)]
pub struct WatchedFile {
    attribute: &'static Fact,
    name: &'static str,
    keeps: &'static str,
    refused: Option<String>,
}

impl WatchedFile {
    /// Of a file that is valid now. `name` is that of its kind, such as `cameras.yml`; `keeps` is what
    /// stays as it was while the file is refused, such as `cameras`.
    #[must_use]
    pub fn new(
        counters: &Counters,
        attribute: &'static Fact,
        name: &'static str,
        keeps: &'static str,
    ) -> Self {
        counters.fact(attribute, VALID);
        Self {
            attribute,
            name,
            keeps,
            refused: None,
        }
    }

    /// Takes what was read: `None` can be used, `Some` is why it cannot.
    pub fn note(&mut self, counters: &Counters, refused: Option<String>) {
        if refused == self.refused {
            return;
        }
        let (name, keeps) = (self.name, self.keeps);
        match &refused {
            Some(error) => {
                warn!("{name} is refused, and the {keeps} stay as they were: {error}");
                counters.fact(self.attribute, &format!("refused: {error}"));
            }
            None => {
                info!("{name} is valid again");
                counters.fact(self.attribute, VALID);
            }
        }
        self.refused = refused;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: Fact = Fact {
        name: "rules_file",
        help: "of a test",
    };

    #[test]
    fn the_attribute_follows_the_file() {
        let counters = Counters::new("analytics", "analytics", None);
        let shown = || counters.report().facts.get("rules_file").cloned();
        let mut file = WatchedFile::new(&counters, &FILE, "rules.yml", "rules");
        assert_eq!(shown().as_deref(), Some("valid"));
        file.note(&counters, Some("line 3: no".to_owned()));
        assert_eq!(shown().as_deref(), Some("refused: line 3: no"));
        file.note(&counters, Some("line 4: no".to_owned()));
        assert_eq!(shown().as_deref(), Some("refused: line 4: no"));
        file.note(&counters, None);
        assert_eq!(shown().as_deref(), Some("valid"));
    }
}
