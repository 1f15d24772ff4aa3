//! How fast each engine runs a model on this machine: measured once, and kept.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_vision::PAD_VALUE;
use sha2::{Digest, Sha256};

use crate::api::{Engine, EngineError, Threads};
use crate::opening::Opening;

/// Names the folder where measurements are kept.
pub const FOLDER_VARIABLE: &str = "CAMWEAVE_SPEEDS";
/// Each engine runs for so long, after it has run once.
const MEASURE: Duration = Duration::from_millis(500);
/// Frames of one run on all threads.
const BATCH: usize = 4;

/// Frames per second, by the engine's name.
pub type Speeds = BTreeMap<String, f64>;

/// Where the measurements of one model on this machine stand.
pub struct Kept(Option<PathBuf>);

impl Kept {
    /// `key`: all that a measurement depends on, besides the processor. Without a folder nothing is
    /// kept.
    pub fn new(key: &str) -> Self {
        Self(folder().map(|folder| folder.join(file_name(key))))
    }

    /// What is kept; none where it is not there or cannot be read.
    pub fn read(&self) -> Option<Speeds> {
        let text = fs::read(self.0.as_ref()?).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Held while it is measured: who measures at the same time measures wrong. `None` where
    /// nothing can be kept.
    pub fn lock(&self) -> Option<File> {
        let path = self.0.as_ref()?;
        fs::create_dir_all(path.parent()?).ok()?;
        let file = File::create(path.with_extension("lock")).ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Keeps it, if it can be: without it the next start measures again.
    pub fn write(&self, speeds: &Speeds) {
        let Some(path) = &self.0 else { return };
        if let Err(error) = write(path, speeds) {
            tracing::warn!(
                "'{}' cannot be written, so each start measures the engines again: {error}",
                path.display()
            );
        }
    }
}

fn file_name(key: &str) -> String {
    let digest = Sha256::digest(format!("{key}\n{}", processor()));
    let digits: String = digest
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{digits}.json")
}

fn write(path: &Path, speeds: &Speeds) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    // Several processes may measure at once; each file is whole.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, speeds)?;
    file.flush()?;
    file.persist(path)?;
    Ok(())
}

fn folder() -> Option<PathBuf> {
    let path = |name| {
        std::env::var_os(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    path(FOLDER_VARIABLE).or_else(|| {
        let cache = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        Some(cache?.join("camweave/speeds"))
    })
}

/// The processor's name and abilities.
fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name));
    let lines = ["model name", "flags", "Features", "CPU part"]
        .into_iter()
        .filter_map(line);
    lines.collect::<Vec<_>>().join("\n")
}

/// Frames per second of grey frames, in the way in which frames will be run under load.
///
/// # Errors
/// The engine failed.
pub fn measure(engine: &dyn Engine, opening: Opening<'_>) -> Result<f64, EngineError> {
    let (width, height) = (opening.size.0 as usize, opening.size.1 as usize);
    let unit = opening.model.input.batch.unwrap_or(1);
    let shape = |batch| opening.model.input.shape(batch, (width, height));
    engine.wait_until_ready();
    let lanes = if opening.is_sequential {
        1
    } else {
        engine.lanes()
    };
    if lanes == 1 && unit == 1 && !opening.is_sequential {
        let several = measure_with(engine, lanes, shape(BATCH));
        if several.is_ok() {
            return several;
        }
        // It declares a batch of any size, and takes one frame.
    }
    measure_with(engine, lanes, shape(unit))
}

fn measure_with(engine: &dyn Engine, lanes: usize, shape: [usize; 4]) -> Result<f64, EngineError> {
    let batch = shape[0];
    let input = vec![PAD_VALUE; shape.iter().product()];
    let run = |threads| engine.run(threads, &input, shape, &[0], &mut |_| {});
    let threads = |lane| {
        if lanes > 1 {
            Threads::Lane(lane)
        } else {
            Threads::All
        }
    };
    let results: Vec<Result<(usize, f64), EngineError>> = std::thread::scope(|scope| {
        let lanes = (0..lanes).map(|lane| {
            scope.spawn(move || {
                let mut result = Ok((0, 0.0));
                engine.in_lane(lane, &mut || result = repeat(|| run(threads(lane)), batch));
                result
            })
        });
        let lanes: Vec<_> = lanes.collect();
        let joined = lanes.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.map(|it| it.unwrap_or(Ok((0, 1.0)))).collect()
    });
    let mut speed = 0.0;
    for result in results {
        let (frames, seconds) = result?;
        speed += frames as f64 / seconds;
    }
    Ok(speed)
}

/// Frames, and the seconds that they took.
fn repeat(
    run: impl Fn() -> Result<(), EngineError>,
    frames: usize,
) -> Result<(usize, f64), EngineError> {
    run()?;
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < MEASURE {
        run()?;
        count += frames;
    }
    Ok((count, began.elapsed().as_secs_f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measurements_are_kept_by_key_and_damaged_ones_are_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("below/a.json");
        let kept = Kept(Some(path.clone()));
        assert_eq!(kept.read(), None);
        let speeds = Speeds::from([("rten".to_owned(), 21.5)]);
        kept.write(&speeds);
        assert_eq!(kept.read(), Some(speeds));
        fs::write(&path, "{\"rten\": ").expect("writable");
        assert_eq!(kept.read(), None);
        Kept(None).write(&Speeds::new());
        assert_ne!(file_name("a"), file_name("b"));
    }
}
