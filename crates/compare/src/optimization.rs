//! `docs/OPTIMIZATION_SUMMARY.md`: the tables of a reference worker's document of that name, made of
//! measured records.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The records of a device, by the names of their files.
pub const NAMES: [&str; 5] = ["profile", "fps-sequential", "fps-batched", "batch", "ab"];
/// The devices with their detectors, as their folders and as titles.
pub const DEVICES: [(&str, &str); 3] = [
    ("cpu", "CPU"),
    ("gpu", "GPU"),
    ("gpu-yolov8n", "GPU, YOLOv8n layout"),
];

const NOT_MEASURED: &str = "not measured";

/// A row of the reference worker's profile (Python, PyTorch, TensorRT on one GPU).
struct Reference {
    title: &'static str,
    /// The same work here: the last part of a stage's id, and the component.
    parts: &'static [(&'static str, &'static str)],
    /// Milliseconds per frame before its optimization.
    before: f64,
    /// And after it, where the document gives that.
    after: Option<f64>,
    /// In Python (PyTorch 2.11) on the GPU of the records: docs/benchmarks/2026-11-25-gpu.md.
    python: Option<f64>,
}

const REFERENCE: [Reference; 4] = [
    Reference {
        title: "Video decoding",
        parts: &[("decode", "decode")],
        before: 0.24,
        after: None,
        python: None,
    },
    Reference {
        title: "Preprocessing",
        parts: &[("infer", "letterbox")],
        before: 0.14,
        after: None,
        python: Some(0.063),
    },
    Reference {
        title: "Inference",
        parts: &[("infer", "infer")],
        before: 1.79,
        after: None,
        python: Some(0.920),
    },
    Reference {
        title: "Postprocessing (NMS)",
        parts: &[("nms", "decode_head"), ("nms", "nms")],
        before: 404.87,
        after: Some(7.33),
        python: Some(0.957),
    },
];

/// The reference's frames per second: title, cameras, before, after.
const REFERENCE_FPS: [(&str, u32, f64, f64); 2] = [
    ("Single camera", 1, 3.01, 558.03),
    ("Multi-camera (4), per camera", 4, 0.70, 147.06),
];
const REFERENCE_COMBINED: (f64, f64) = (2.79, 588.22);

type Settings = BTreeMap<String, String>;

/// Of `camweave profile --json`.
#[derive(Debug, Deserialize)]
struct Profile {
    components: Vec<Component>,
    bottleneck: Option<usize>,
    times_the_next: Option<f64>,
    verdict: Option<Sentence>,
}

#[derive(Debug, Deserialize)]
struct Component {
    stage: String,
    component: String,
    ms: f64,
    share_percent: f64,
}

#[derive(Debug, Deserialize)]
struct Sentence {
    sentence: String,
}

/// Of `camweave bench --json`.
#[derive(Debug, Deserialize)]
struct Series {
    settings: Settings,
    points: Vec<Point>,
}

#[derive(Debug, Deserialize)]
struct Point {
    name: String,
    cameras: u32,
    per_camera_fps: f64,
    combined_fps: f64,
    frames_per_inference: Option<f64>,
    cpu_ms: f64,
}

/// Of `camweave ab`.
#[derive(Debug, Deserialize)]
struct Comparison {
    versus: Vec<Versus>,
}

#[derive(Debug, Deserialize)]
struct Versus {
    headline: String,
    verdicts: Vec<Verdict>,
}

#[derive(Debug, Deserialize)]
struct Verdict {
    metric: Metric,
    text: String,
}

#[derive(Debug, Deserialize)]
struct Metric {
    family: String,
}

#[derive(Debug, Deserialize)]
struct Origin {
    settings: Settings,
}

/// The records of one device; those that are not there are missing.
#[derive(Debug, Clone, Default)]
pub struct Records(BTreeMap<&'static str, Value>);

impl Records {
    /// Reads the records that `read` finds by their names.
    ///
    /// # Errors
    /// Of the first that is no record, or of `read`.
    pub fn read<E>(mut read: impl FnMut(&str) -> Result<Option<Value>, E>) -> Result<Self, E> {
        let mut found = BTreeMap::new();
        for name in NAMES {
            if let Some(record) = read(name)? {
                found.insert(name, record);
            }
        }
        Ok(Self(found))
    }

    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, String> {
        let record = self.0.get(name).cloned().map(serde_json::from_value);
        record
            .transpose()
            .map_err(|error| format!("the record '{name}': {error}"))
    }
}

/// A record as it is kept: without its single runs, which are large.
pub fn without_runs(record: &mut Value) {
    if let Some(fields) = record.as_object_mut() {
        fields.remove("runs");
        fields.remove("run");
    }
}

/// The document, of the records of [`DEVICES`] in their order.
///
/// # Errors
/// A record is not of its kind.
pub fn document(records: &[Records]) -> Result<String, String> {
    let parts = [
        "# Performance optimization summary\n\nThe tables of the reference worker's document of that name, measured on camweave. The detector is the small street model that camweave ships; in the columns of the YOLOv8n layout it is a network of that layout with random weights: 80 classes, 640x640, FP16, batches of up to 32.\n".to_owned(),
        components(records)?,
        cameras(records)?,
        batches(records)?,
        verdicts(records)?,
        origin(records)?,
    ];
    Ok(parts.join("\n"))
}

/// Each device's title, with its record of a name.
fn each<T: DeserializeOwned>(
    records: &[Records],
    name: &str,
) -> Result<Vec<(&'static str, Option<T>)>, String> {
    let each = records.iter().zip(DEVICES);
    each.map(|(records, (_, title))| Ok((title, records.get(name)?)))
        .collect()
}

fn table(head: &[String], rows: &[Vec<String>]) -> String {
    let mut text = format!(
        "| {} |\n|---|{}\n",
        head.join(" | "),
        "---:|".repeat(head.len() - 1)
    );
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn number(value: impl Into<Option<f64>>, digits: usize) -> String {
    let value: Option<f64> = value.into();
    value.map_or_else(|| NOT_MEASURED.to_owned(), |it| format!("{it:.digits$}"))
}

fn words(of: &[&str]) -> Vec<String> {
    of.iter().map(|word| (*word).to_owned()).collect()
}

/// Milliseconds per frame of some spans.
fn milliseconds(profile: Option<&Profile>, parts: &[(&str, &str)]) -> Option<f64> {
    let found = profile?.components.iter().filter(|it| {
        let stage = it.stage.rsplit('.').next();
        parts.contains(&(stage.unwrap_or_default(), &*it.component))
    });
    let found: Vec<f64> = found.map(|it| it.ms).collect();
    (!found.is_empty()).then(|| found.iter().sum())
}

fn point(series: Option<&Series>, cameras: u32) -> Option<&Point> {
    series?.points.iter().find(|it| it.cameras == cameras)
}

fn components(records: &[Records]) -> Result<String, String> {
    let profiles = each::<Profile>(records, "profile")?;
    let mut rows: Vec<Vec<String>> = REFERENCE
        .iter()
        .map(|it| {
            let after = it.after.map(|after| number(after, 2));
            let mut row = vec![
                it.title.to_owned(),
                number(it.before, 2),
                after.unwrap_or_else(|| "the same".to_owned()),
                number(it.python, 3),
            ];
            let measured = profiles.iter().map(|(_, profile)| profile.as_ref());
            row.extend(measured.map(|it_is| number(milliseconds(it_is, it.parts), 3)));
            row
        })
        .collect();
    let mut whole = words(&[
        "Full pipeline, one camera",
        "1952.00",
        "714.00",
        NOT_MEASURED,
    ]);
    for (_, series) in each::<Series>(records, "fps-sequential")? {
        let found = point(series.as_ref(), 1).map(|it| 1000.0 / it.combined_fps);
        whole.push(number(found, 3));
    }
    rows.push(whole);
    let mut head = words(&[
        "Component, ms per frame",
        "Reference, before",
        "Reference, after",
        "Python on this GPU",
    ]);
    head.extend(DEVICES.map(|(_, title)| format!("camweave, {title}")));
    let mut text = format!("## Profile of the components\n\n{}", table(&head, &rows));
    for (title, profile) in profiles {
        let Some(profile) = profile else { continue };
        let _ = writeln!(text, "\n{}", worst(title, &profile)?);
    }
    text += "\n`ms per frame` is processing time, without queues; the full pipeline is the time from one frame's detections to the next one's.\n";
    Ok(text)
}

/// What keeps a device from more frames per second.
fn worst(title: &str, profile: &Profile) -> Result<String, String> {
    // A verdict by what is saturated.
    if let Some(verdict) = &profile.verdict {
        let sentence = &verdict.sentence;
        let what = sentence.strip_prefix("bottleneck: ").unwrap_or(sentence);
        return Ok(format!("Bottleneck on the {title}: {what}."));
    }
    let worst = profile.bottleneck.and_then(|at| profile.components.get(at));
    let worst = worst.ok_or("the record 'profile': neither 'verdict' nor 'bottleneck'")?;
    Ok(format!(
        "On the {title} **{}** of `{}` takes the most time per frame: {:.0} % of all work, {:.1} times the next component.",
        worst.component,
        worst.stage,
        worst.share_percent,
        profile.times_the_next.unwrap_or(1.0)
    ))
}

fn cameras(records: &[Records]) -> Result<String, String> {
    let mut kinds = Vec::new();
    for (records, (_, title)) in records.iter().zip(DEVICES) {
        for kind in ["sequential", "batched"] {
            let series: Option<Series> = records.get(&format!("fps-{kind}"))?;
            kinds.push((format!("camweave, {title}, {kind}"), series));
        }
    }
    let mut rows = Vec::new();
    for (title, count, before, after) in REFERENCE_FPS {
        let mut row = vec![title.to_owned(), number(before, 2), number(after, 2)];
        row.extend(kinds.iter().map(|(_, series)| {
            let found = point(series.as_ref(), count);
            number(found.map(|it| it.per_camera_fps), 2)
        }));
        rows.push(row);
    }
    let (before, after) = REFERENCE_COMBINED;
    let mut combined = vec![
        "Combined throughput (4)".to_owned(),
        number(before, 2),
        number(after, 2),
    ];
    let mut drop = words(&["Drop per camera, one to four", "76.8 %", "73.6 %"]);
    for (_, series) in &kinds {
        let (one, four) = (point(series.as_ref(), 1), point(series.as_ref(), 4));
        combined.push(number(four.map(|it| it.combined_fps), 2));
        let percent = one.zip(four).map(|(one, four)| {
            let percent = 100.0 * (1.0 - four.per_camera_fps / one.per_camera_fps);
            format!("{percent:.1} %")
        });
        drop.push(percent.unwrap_or_else(|| NOT_MEASURED.to_owned()));
    }
    rows.extend([combined, drop]);
    let mut head = words(&["FPS", "Reference, before", "Reference, after"]);
    head.extend(kinds.into_iter().map(|(name, _)| name));
    Ok(format!(
        "## Frames per second, one camera against four\n\n{}\nIf one camera already uses the whole machine, four share it: each then gets a quarter of the rate, and the combined rate is the one to compare.\n",
        table(&head, &rows)
    ))
}

fn batches(records: &[Records]) -> Result<String, String> {
    let mut text = "## Batches against one inference per frame\n\nThe reference document expected 300 to 400 FPS per camera from batches of four (558 and 147 sequential), and did not measure it.\n".to_owned();
    for (title, series) in each::<Series>(records, "batch")? {
        let _ = write!(text, "\n### {title}\n\n");
        let Some(Series { settings, points }) = series else {
            text += &format!("{NOT_MEASURED}\n");
            continue;
        };
        let mut rows = Vec::new();
        for it in &points {
            let mut same = points.iter().filter(|other| other.cameras == it.cameras);
            let base = same.find(|other| other.name.ends_with("sequential"));
            let base = base.ok_or_else(|| {
                let name = &it.name;
                format!("the record 'batch': nothing sequential to compare '{name}' with")
            })?;
            let frames = it.frames_per_inference.map(|frames| number(frames, 2));
            rows.push(vec![
                it.name.clone(),
                number(it.per_camera_fps, 2),
                number(it.combined_fps, 2),
                format!("{:.2}x", it.combined_fps / base.combined_fps),
                frames.unwrap_or_else(|| "-".to_owned()),
                number(it.cpu_ms, 2),
            ]);
        }
        let head = words(&[
            "",
            "FPS per camera",
            "Combined FPS",
            "Against sequential",
            "Frames of one inference",
            "CPU ms per frame",
        ]);
        text += &table(&head, &rows);
        let mps = settings.get("MPS").map(String::as_str);
        if let Some(gpu) = settings.get("GPU") {
            let gpu = gpu.split(',').next().unwrap_or_default();
            let _ = write!(text, "\nOn {gpu}, MPS {}.\n", mps.unwrap_or("not known"));
        }
        if mps == Some("off") {
            text += "\nWithout MPS, so separate processes took turns on the GPU: one inference per frame pays for each turn, and batching is worth more than under MPS (see the comparison below).\n";
        }
    }
    Ok(text)
}

fn verdicts(records: &[Records]) -> Result<String, String> {
    let mut text = "## Sequential against batched, with intervals\n".to_owned();
    for (title, comparison) in each::<Comparison>(records, "ab")? {
        let versus = comparison.and_then(|it| it.versus.into_iter().next());
        let headline = versus
            .as_ref()
            .map_or(NOT_MEASURED, |versus| &versus.headline);
        let _ = write!(text, "\n**{title}**: {headline}.\n");
        for it in versus.iter().flat_map(|versus| &versus.verdicts) {
            if it.metric.family == "whole" {
                let _ = writeln!(text, "- {}", it.text);
            }
        }
    }
    Ok(text)
}

fn origin(records: &[Records]) -> Result<String, String> {
    let mut text = "## Where the figures come from\n\nMade by `scripts/optimization-summary.sh`; the records are in `docs/benchmarks/records`. The reference's figures are its own document's. Those of Python on the same GPU are in [benchmarks/2026-11-25-gpu.md](benchmarks/2026-11-25-gpu.md): one frame at a time, the network as a CUDA graph of the YOLOv8n layout, postprocess vectorised (401.6 ms as a loop over anchors).\n".to_owned();
    for (records, (_, title)) in records.iter().zip(DEVICES) {
        let _ = write!(text, "\n**{title}**: ");
        if records.0.is_empty() {
            let _ = writeln!(text, "{NOT_MEASURED}.");
            continue;
        }
        text += "\n\n";
        for name in NAMES {
            let Some(Origin { settings }) = records.get(name)? else {
                continue;
            };
            let of = |names: &[&str]| {
                let found = names.iter().find_map(|name| settings.get(*name));
                found.cloned().unwrap_or_else(|| "not known".to_owned())
            };
            let command = settings.get("command").cloned();
            let _ = writeln!(
                text,
                "- `{}`: {}, {}, {}, load {}",
                command.unwrap_or_else(|| format!("camweave {name}")),
                of(&["CPU"]),
                of(&["memory"]),
                of(&["kernel"]),
                of(&["load average at the start", "load average at the begin"])
            );
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(path: &Path) -> Option<Value> {
        let text = std::fs::read(path).ok()?;
        Some(serde_json::from_slice(&text).expect("a record is JSON"))
    }

    #[test]
    fn the_document_is_what_its_records_say() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let of = |device: &str| {
            let folder = docs.join("benchmarks/records").join(device);
            let read = |name: &str| Ok::<_, String>(read(&folder.join(format!("{name}.json"))));
            Records::read(read).expect("readable")
        };
        let records = DEVICES.map(|(device, _)| of(device));
        let kept = std::fs::read_to_string(docs.join("OPTIMIZATION_SUMMARY.md"));
        assert_eq!(document(&records), Ok(kept.expect("a document")));
    }

    #[test]
    fn what_was_not_measured_says_so() {
        let text = document(&DEVICES.map(|_| Records::default())).expect("a document");
        assert!(text.contains(
            "| Inference | 1.79 | the same | 0.920 | not measured | not measured | not measured |"
        ));
        assert!(text.contains("### GPU\n\nnot measured\n"));
        assert!(text.contains("**CPU**: not measured.\n\n**GPU**: not measured.\n"));
    }

    #[test]
    fn runs_are_not_kept() {
        let mut record = serde_json::json!({"runs": [1], "run": {}, "points": []});
        without_runs(&mut record);
        assert_eq!(record, serde_json::json!({"points": []}));
    }
}
