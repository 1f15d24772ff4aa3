//! How busy the decoding engines are, by NVML.

use std::fmt::Write as _;
use std::sync::Mutex;

use camweave_cuda::Context;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;

/// NVML where it is there; the benchmark goes on without.
pub struct Busy {
    nvml: Result<Nvml, String>,
    uuid: String,
    samples: Mutex<Vec<(u32, u32)>>,
}

impl Busy {
    pub fn open(context: &Context) -> Self {
        Self {
            nvml: Nvml::init().map_err(|error| error.to_string()),
            uuid: uuid_text(context.uuid()),
            samples: Mutex::default(),
        }
    }

    /// Takes a sample: the engines' share of the driver's last period, and the video clock.
    pub fn sample(&self) {
        let Ok(nvml) = &self.nvml else { return };
        let Ok(device) = nvml.device_by_uuid(self.uuid.as_str()) else {
            return;
        };
        let (Ok(share), Ok(clock)) = (
            device.decoder_utilization(),
            device.clock_info(Clock::Video),
        ) else {
            return;
        };
        if let Ok(mut samples) = self.samples.lock() {
            samples.push((share.utilization, clock));
        }
    }

    /// The two last columns of the table, from the samples since the last call.
    pub fn columns(&self) -> String {
        let samples = self.samples.lock().map(|mut it| std::mem::take(&mut *it));
        let samples = samples.unwrap_or_default();
        let count = samples.len() as f64;
        if samples.is_empty() {
            let why = self.nvml.as_ref().err().map_or("no sample", String::as_str);
            return format!("unknown ({why}) | unknown");
        }
        let share: f64 = samples.iter().map(|it| f64::from(it.0)).sum::<f64>() / count;
        let clock: f64 = samples.iter().map(|it| f64::from(it.1)).sum::<f64>() / count;
        format!("{share:.0} % | {clock:.0} MHz")
    }
}

/// As NVML writes it: `GPU-` and the groups of a UUID.
fn uuid_text(uuid: [u8; 16]) -> String {
    let mut text = String::from("GPU");
    for (index, byte) in uuid.iter().enumerate() {
        if [0, 4, 6, 8, 10].contains(&index) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_reads_as_nvidia_smi_writes_it() {
        let bytes = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(uuid_text(bytes), "GPU-00112233-4455-6677-8899-aabbccddeeff");
    }
}
