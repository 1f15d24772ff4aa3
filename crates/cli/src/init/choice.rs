//! Which detector, and how often: measured on this machine, for the cameras that there are.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::cameras::Found;
use super::capacity::{Capacity, Measuring, Planned, capacity};
use super::device::Chosen;
use crate::error::CliError;
use crate::run::interruption;
use crate::say::note;
use crate::shipped;

/// The detectors that come with camweave, the one that sees the smallest objects first.
const SHIPPED: [&str; 2] = ["camweave-street-640.onnx", shipped::DETECTOR];
/// A camera that is detected on so often is followed well: more frames are worth less than a
/// detector that sees more. It is what Frigate detects on as well.
const OFTEN_ENOUGH: f64 = 5.0;

/// What was chosen.
#[derive(Debug)]
pub struct Choice {
    pub planned: Planned,
    /// A detector other than that of the shipped graph.
    pub model: Option<PathBuf>,
}

/// Measures this machine with each of these detectors (without any: with those that are shipped),
/// the best first, until one can detect often enough, and tells the user.
///
/// # Errors
/// Interrupted, or there is no place for the measurement. A machine that cannot be measured detects
/// on each frame.
pub fn choose(device: Chosen, models: &[PathBuf], found: &[Found]) -> Result<Choice, CliError> {
    let interrupted = interruption()?;
    let folder = tempfile::tempdir()
        .map_err(|error| CliError::file("create", &std::env::temp_dir(), &error))?;
    let candidates = match models {
        [] => SHIPPED
            .iter()
            .filter_map(|name| shipped::model(name).ok())
            .collect(),
        own => own.to_vec(),
    };
    let rates: Vec<f64> = found.iter().map(|it| it.fps).collect();
    let size = largest(found);
    note!("measuring this machine: about 20 s for each detector ...");
    let mut measured: Vec<(usize, Capacity)> = Vec::new();
    for (index, model) in candidates.iter().enumerate() {
        let part = folder.path().join(index.to_string());
        match measure(device, model, &size, &part, &interrupted) {
            Ok(capacity) => {
                let planned = capacity.plan(&rates);
                note!("{}: {}", name(model), told(&capacity, &size, planned));
                measured.push((index, capacity));
                if is_often_enough(planned, &rates) {
                    break;
                }
            }
            Err(error) if interrupted.load(Ordering::Acquire) => return Err(error),
            Err(error) => note!("{} cannot be measured: {error}", name(model)),
        }
    }
    let Some((index, capacity)) = best(&measured, &rates) else {
        note!("this machine was not measured, so each frame is detected on");
        return Ok(Choice {
            planned: Planned::All,
            model: candidates.into_iter().next().filter(|_| !models.is_empty()),
        });
    };
    note!("{}", summary(&capacity, &rates));
    let chosen = &candidates[index];
    let is_graphs_own = models.is_empty() && chosen.ends_with(shipped::DETECTOR);
    Ok(Choice {
        planned: match capacity.plan(&rates) {
            Planned::TooMany => Planned::DetectFps(1.0),
            other => other,
        },
        model: (!is_graphs_own).then(|| chosen.clone()),
    })
}

fn measure(
    device: Chosen,
    model: &Path,
    size: &str,
    out: &Path,
    interrupted: &AtomicBool,
) -> Result<Capacity, CliError> {
    let measuring = Measuring {
        graph: device.measured(),
        model: Some(model),
        size: size.to_owned(),
        out,
    };
    capacity(&measuring, interrupted)
}

/// The largest frames cost the most to decode.
fn largest(found: &[Found]) -> String {
    let pixels = |it: &&Found| u64::from(it.size.0) * u64::from(it.size.1);
    let (width, height) = found
        .iter()
        .max_by_key(pixels)
        .map_or((640, 360), |it| it.size);
    format!("{}x{}", width & !1, height & !1)
}

fn name(model: &Path) -> String {
    let name = model.file_name().unwrap_or(model.as_os_str());
    camweave_redact::printable(&name.to_string_lossy()).into_owned()
}

/// How often the camera that is detected on least is; 0: frames are dropped.
fn rate(planned: Planned) -> f64 {
    match planned {
        Planned::All => f64::INFINITY,
        Planned::DetectFps(rate) => rate,
        Planned::TooMany => 0.0,
    }
}

/// Whether each camera is detected on often, or on all of its frames where it has fewer.
fn is_often_enough(planned: Planned, rates: &[f64]) -> bool {
    let fastest = rates.iter().copied().reduce(f64::max);
    let needed = fastest.map_or(OFTEN_ENOUGH, |it| it.min(OFTEN_ENOUGH));
    planned != Planned::TooMany && rate(planned) >= needed
}

/// The first that detects often enough, else the one that detects most often, or drops the fewest
/// frames.
fn best(measured: &[(usize, Capacity)], rates: &[f64]) -> Option<(usize, Capacity)> {
    let enough = measured
        .iter()
        .find(|(_, it)| is_often_enough(it.plan(rates), rates));
    let often = |(_, it): &(usize, Capacity)| match it.plan(rates) {
        // A frame that is dropped shows nothing, however small the objects that would be seen.
        Planned::TooMany => (0.0, it.frames_per_second),
        planned => (rate(planned), 0.0),
    };
    // Of several that are as good, the first: it sees more.
    let most = || {
        let measured = measured.iter().rev();
        measured.max_by(|a, b| {
            let (a, b) = (often(a), often(b));
            a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
        })
    };
    enough.or_else(most).copied()
}

fn told(capacity: &Capacity, size: &str, planned: Planned) -> String {
    let frames = capacity.frames_per_second;
    let means = match planned {
        Planned::All => "every frame of these cameras".to_owned(),
        Planned::DetectFps(rate) => format!("{rate} frames/s of each camera"),
        Planned::TooMany => "too slow for these cameras".to_owned(),
    };
    format!("{frames:.0} frames/s of {size} can be detected on: {means}")
}

fn summary(capacity: &Capacity, rates: &[f64]) -> String {
    let mean = rates.iter().sum::<f64>() / rates.len().max(1) as f64;
    let planned = capacity.plan(rates);
    let most = capacity.cameras(mean, rate(planned).clamp(1.0, mean.max(1.0)));
    let more = (most as usize).saturating_sub(rates.len());
    match planned {
        Planned::All => {
            format!("every frame is detected on; {more} cameras more like these would fit")
        }
        Planned::DetectFps(rate) => format!(
            "each camera is detected on {rate} times a second (detect_fps in cameras.yml); {more} cameras more like these would fit"
        ),
        Planned::TooMany => format!(
            "these cameras are more than this machine carries: with one frame per second and camera {most} would fit. Frames will be dropped, and counted"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(frames_per_second: f64) -> Capacity {
        Capacity {
            frames_per_second,
            decode_ms: 1.0,
            detect_ms: 9.0,
            is_on_gpu: false,
        }
    }

    #[test]
    fn the_best_detector_that_is_often_enough_is_taken() {
        // Of two cameras with 25 frames/s.
        let rates = [25.0, 25.0];
        let chosen = |speeds: &[f64]| {
            let measured: Vec<_> = speeds.iter().map(|it| of(*it)).enumerate().collect();
            best(&measured, &rates).map(|(index, _)| index)
        };
        assert_eq!(chosen(&[20.0, 100.0]), Some(0), "5 a second are enough");
        assert_eq!(chosen(&[13.0, 100.0]), Some(1), "5 a second need 17.5");
        assert_eq!(
            chosen(&[5.0, 9.0]),
            Some(1),
            "the one that detects more often"
        );
        assert_eq!(chosen(&[3.0, 4.0]), Some(1), "neither carries them");
        assert_eq!(chosen(&[4.0, 3.0]), Some(0), "neither carries them");
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn a_slow_camera_needs_no_more_than_its_own_frames() {
        assert!(is_often_enough(Planned::All, &[2.0]));
        assert!(is_often_enough(Planned::DetectFps(2.0), &[2.0, 2.0]));
        assert!(is_often_enough(Planned::DetectFps(5.0), &[25.0, 2.0]));
        assert!(!is_often_enough(Planned::DetectFps(4.0), &[25.0]));
        assert!(!is_often_enough(Planned::TooMany, &[25.0]));
    }

    #[test]
    fn a_slow_camera_lets_no_other_be_detected_on_seldom() {
        let rates = [25.0, 25.0, 25.0, 2.0];
        assert_eq!(of(20.0).plan(&rates), Planned::DetectFps(2.0));
        assert!(!is_often_enough(Planned::DetectFps(2.0), &rates));
        let measured = [(0, of(20.0)), (1, of(40.0))];
        assert_eq!(best(&measured, &rates).map(|(index, _)| index), Some(1));
    }

    #[test]
    fn what_was_found_is_told() {
        let rates = [25.0, 25.0];
        assert_eq!(
            told(&of(20.0), "640x360", of(20.0).plan(&rates)),
            "20 frames/s of 640x360 can be detected on: 5 frames/s of each camera"
        );
        assert_eq!(
            summary(&of(200.0), &rates),
            "every frame is detected on; 4 cameras more like these would fit"
        );
    }
}
