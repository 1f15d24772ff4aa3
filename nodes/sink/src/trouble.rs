//! Results that cannot be written: counted, and logged by output.

use std::collections::BTreeMap;

use camweave_stage::Trouble;
use camweave_telemetry::Counters;

/// What is not written, by the name of the output.
#[derive(Default)]
pub(crate) struct Troubles(BTreeMap<&'static str, Trouble>);

impl Troubles {
    /// Notes how it went with the output of a camera: `Err` has how many were lost, and why.
    pub fn note(
        &mut self,
        counters: &Counters,
        output: &'static str,
        camera: &str,
        result: &Result<(), (u64, String)>,
    ) {
        if let Err((lost, _)) = result {
            counters.stage_error("write");
            counters.not_written(output, *lost);
        } else if !self.0.contains_key(output) {
            return;
        }
        let result = result.as_ref().map_err(|(lost, why)| (*lost, &**why));
        let trouble = self.0.entry(output).or_default();
        trouble.note(output, camera, result.copied());
    }

    /// Logs what was lost since the last line of each output: nothing comes after this.
    pub fn close(&mut self) {
        for (output, trouble) in &mut self.0 {
            trouble.close(output);
        }
    }
}
