//! The live table: one line per camera.

use camweave_redact::printable_up_to;

use crate::Summary;
use crate::summary::is_not_selected;

/// The table as text, at most `width` columns wide; one line per camera and a total.
#[must_use]
pub fn render(summary: &Summary, width: usize) -> String {
    // Most users choose no pictures, and need no column for it.
    let chooses = summary.cameras.iter().any(|it| it.not_selected() > 0);
    let skipped = |text: String| {
        if chooses {
            format!("{text:>8} ")
        } else {
            String::new()
        }
    };
    let mut lines = vec![format!(
        "{:<12} {:>8} {:>8} {}{:>8} {:>6} {:>7} {:>8} {:>8}  {}",
        "camera",
        "sent",
        "detected",
        skipped("skipped".to_owned()),
        "dropped",
        "lost",
        "fps",
        "p50 ms",
        "p99 ms",
        "state"
    )];
    let mut totals = (0, 0, 0, 0, 0);
    for camera in &summary.cameras {
        let dropped = camera.dropped_unasked();
        totals.0 += camera.frames_sent;
        totals.1 += camera.frames_detected;
        totals.2 += camera.not_selected();
        totals.3 += dropped;
        let lost: u64 = camera.lost.values().sum();
        totals.4 += lost;
        let mut notes: Vec<String> = camera
            .dropped
            .iter()
            .filter(|(key, _)| !is_not_selected(key))
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let lost_in = camera.lost.iter();
        notes.extend(lost_in.map(|(stage, count)| format!("lost.{stage} {count}")));
        notes.splice(0..0, camera.state.clone());
        lines.push(format!(
            "{:<12} {:>8} {:>8} {}{:>8} {:>6} {:>7.1} {:>8.1} {:>8.1}  {}",
            camera.id,
            camera.frames_sent,
            camera.frames_detected,
            skipped(camera.not_selected().to_string()),
            dropped,
            lost,
            camera.fps,
            camera.latency_ms.p50,
            camera.latency_ms.p99,
            notes.join(", ")
        ));
    }
    lines.push(format!(
        "{:<12} {:>8} {:>8} {}{:>8} {:>6} {:>7.1}",
        "all",
        totals.0,
        totals.1,
        skipped(totals.2.to_string()),
        totals.3,
        totals.4,
        summary.combined_fps
    ));
    if !summary.not_written.is_empty() {
        let counts = summary.not_written.iter();
        let counts: Vec<String> = counts
            .map(|(output, count)| format!("{output} {count}"))
            .collect();
        lines.push(format!("not written: {}", counts.join(", ")));
    }
    // A camera's id comes out of a message, and its state from a file.
    let cut = |line: String| {
        printable_up_to(&line, 4 * width)
            .chars()
            .take(width)
            .collect::<String>()
            .trim_end()
            .to_owned()
    };
    lines.into_iter().map(cut).collect::<Vec<_>>().join("\n")
}
