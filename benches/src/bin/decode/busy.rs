//! How busy the decoding engines are, by NVML.

use std::fmt;
use std::sync::Mutex;

use camweave_cuda::Context;
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::Clock;
use uuid::Uuid;

/// NVML where it is there; the benchmark goes on without.
pub struct Busy {
    nvml: Result<Nvml, String>,
    uuid: String,
    samples: Mutex<Vec<(u32, u32)>>,
}

/// The mean of samples, or why there is none.
pub struct Shares {
    /// Share of the time in which the engines decoded, in percent, and the video clock in MHz.
    pub known: Result<(f64, f64), String>,
}

impl fmt::Display for Shares {
    /// Two columns of the table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.known {
            Ok((busy, clock)) => write!(f, "{busy:.0} % | {clock:.0} MHz"),
            Err(why) => write!(f, "unknown ({why}) | unknown"),
        }
    }
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

    /// Forgets what was seen so far, such as the warm-up.
    pub fn begin(&self) {
        if let Ok(mut samples) = self.samples.lock() {
            samples.clear();
        }
    }

    /// The mean of the samples since [`Busy::begin`].
    pub fn shares(&self) -> Shares {
        let samples = self.samples.lock().map(|mut it| std::mem::take(&mut *it));
        let samples = samples.unwrap_or_default();
        if samples.is_empty() {
            let why = self.nvml.as_ref().err();
            let known = Err(why.map_or("no sample", String::as_str).to_owned());
            return Shares { known };
        }
        let count = samples.len() as f64;
        let busy: f64 = samples.iter().map(|it| f64::from(it.0)).sum();
        let clock: f64 = samples.iter().map(|it| f64::from(it.1)).sum();
        let known = Ok((busy / count, clock / count));
        Shares { known }
    }
}

/// As NVML writes it: `GPU-` and the groups of a UUID.
fn uuid_text(uuid: [u8; 16]) -> String {
    format!("GPU-{}", Uuid::from_bytes(uuid))
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
