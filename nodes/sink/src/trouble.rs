//! Results that cannot be written: each kind is reported when that begins, while it lasts and when
//! it is over, and counted meanwhile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camweave_telemetry::Counters;
use tracing::{error, warn};

/// How often trouble that lasts is reported.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// What is not written, by the name of the output.
#[derive(Default)]
pub(crate) struct Troubles(BTreeMap<&'static str, Trouble>);

struct Trouble {
    said: Instant,
    lost: u64,
}

impl Troubles {
    /// Notes how it went: `Err` has how many were lost, and why.
    pub fn note(
        &mut self,
        counters: &Counters,
        output: &'static str,
        result: Result<(), (u64, String)>,
    ) {
        let (lost, reason) = match result {
            Ok(()) => {
                if let Some(trouble) = self.0.remove(output) {
                    warn!("{output}: written again; {} were not", trouble.lost);
                }
                return;
            }
            Err(failed) => failed,
        };
        counters.stage_error("write");
        counters.not_written(output, lost);
        let now = Instant::now();
        match self.0.get_mut(output) {
            None => {
                error!(
                    "{output}: not written: {reason}; the run goes on, and what is lost is counted"
                );
                self.0.insert(output, Trouble { said: now, lost });
            }
            Some(trouble) => {
                trouble.lost += lost;
                if trouble.said.elapsed() >= SAY_EVERY {
                    trouble.said = now;
                    error!(
                        "{output}: still not written, {} so far: {reason}",
                        trouble.lost
                    );
                }
            }
        }
    }
}
