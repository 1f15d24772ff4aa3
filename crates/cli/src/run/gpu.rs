//! How busy a GPU is, by NVIDIA's own command where the machine has it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use camweave_compare::run::Gpu;
use camweave_telemetry::span_names::{GPU_BUSY, NVDEC_BUSY};
use camweave_telemetry::{SpanMode, SpanSettings, Spans};
use camweave_trace::MACHINE;

/// The GPU that is watched and its driver, by the same command.
pub fn card() -> Option<String> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=name,memory.total,driver_version"])
        .args(["--format=csv,noheader", "--id=0"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}

/// Asks `nvidia-smi` four times a second until it is dropped.
pub struct GpuWatch {
    child: Child,
    reader: Option<JoinHandle<()>>,
    seen: Arc<Mutex<Vec<Gpu>>>,
}

impl GpuWatch {
    /// Starts to watch the first GPU; `None` where there is no such command. What is seen goes
    /// into the folder `trace` as well, if there is one, for the counter tracks of a trace.
    pub fn start(trace: Option<&Path>) -> Option<Self> {
        let mut child = Command::new("nvidia-smi")
            .args(["--query-gpu=utilization.gpu,utilization.decoder,memory.used"])
            .args(["--format=csv,noheader,nounits", "--id=0", "-lms", "250"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let output = child.stdout.take()?;
        let store = Arc::clone(&seen);
        let mut spans = None;
        let trace = trace.map(Path::to_owned);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if let Some(gpu) = parse(&line) {
                    if let Some(trace) = &trace {
                        note(spans.get_or_insert_with(|| counters(trace)), &gpu);
                    }
                    store
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(gpu);
                }
            }
        });
        Some(Self {
            child,
            reader: Some(reader),
            seen,
        })
    }

    /// Forgets what was seen so far, such as the warm-up.
    pub fn begin(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The mean use and the largest memory since [`GpuWatch::begin`].
    pub fn sum_up(&self) -> Option<Gpu> {
        mean(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for GpuWatch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        // It has read the last line, and what it noted is in its file.
        drop(self.reader.take().map(JoinHandle::join));
    }
}

/// A file of counters in `folder`.
fn counters(folder: &Path) -> Spans {
    let settings = SpanSettings {
        mode: SpanMode::Trace,
        ..SpanSettings::default()
    };
    Spans::open("nvidia-smi", MACHINE, &settings, folder)
}

fn note(spans: &Spans, gpu: &Gpu) {
    let parts = [
        (&GPU_BUSY, gpu.busy_percent),
        (&NVDEC_BUSY, gpu.decoder_percent),
    ];
    for (name, percent) in parts {
        spans.gauge(name, "", percent.round().max(0.0) as u64);
    }
}

/// `37, 12, 1024`; a device that does not know its decoders says `[N/A]` there.
fn parse(line: &str) -> Option<Gpu> {
    let mut fields = line.split(',').map(str::trim);
    let busy_percent = fields.next()?.parse().ok()?;
    let decoder_percent = fields.next()?.parse().unwrap_or(0.0);
    let memory_mib = fields.next()?.parse().ok()?;
    Some(Gpu {
        busy_percent,
        decoder_percent,
        memory_mib,
    })
}

fn mean(seen: &[Gpu]) -> Option<Gpu> {
    let count = seen.len() as f64;
    let mean = |part: fn(&Gpu) -> f64| seen.iter().map(part).sum::<f64>() / count;
    (!seen.is_empty()).then(|| Gpu {
        busy_percent: mean(|gpu| gpu.busy_percent),
        decoder_percent: mean(|gpu| gpu.decoder_percent),
        memory_mib: seen.iter().map(|gpu| gpu.memory_mib).fold(0.0, f64::max),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_averaged() {
        let seen: Vec<Gpu> = ["40, 10, 1000", "60, [N/A], 1200", "No devices were found"]
            .iter()
            .filter_map(|line| parse(line))
            .collect();
        let found = mean(&seen).expect("two lines");
        assert_eq!((found.busy_percent, found.decoder_percent), (50.0, 5.0));
        assert_eq!(found.memory_mib, 1200.0);
        assert_eq!(mean(&[]), None);
    }

    #[test]
    fn what_is_seen_becomes_counters_of_the_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let spans = counters(folder.path());
        for line in ["40, 10, 1000", "61, [N/A], 1200"] {
            note(&spans, &parse(line).expect("a line of figures"));
        }
        drop(spans);
        let gathered = camweave_trace::gather(folder.path()).expect("a file");
        let file = &gathered.files[0];
        assert_eq!(file.header.kind, MACHINE);
        let found: Vec<(&str, i64)> = file
            .gauges
            .iter()
            .map(|gauge| (&*gauge.name, gauge.value))
            .collect();
        let (gpu, nvdec) = ("GPU busy %", "NVDEC busy %");
        assert_eq!(found, [(gpu, 40), (nvdec, 10), (gpu, 61), (nvdec, 0)]);
    }
}
