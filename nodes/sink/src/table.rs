//! The live table: one line per camera.

use camweave_redact::printable_up_to;

use crate::Summary;

/// The table as text, at most `width` columns wide; one line per camera and a total.
#[must_use]
pub fn render(summary: &Summary, width: usize) -> String {
    let mut lines = vec![format!(
        "{:<12} {:>8} {:>8} {:>8} {:>6} {:>7} {:>8} {:>8}  {}",
        "camera", "sent", "detected", "dropped", "lost", "fps", "p50 ms", "p99 ms", "state"
    )];
    let mut totals = (0, 0, 0, 0);
    for camera in &summary.cameras {
        let dropped: u64 = camera.dropped.values().sum();
        totals.0 += camera.frames_sent;
        totals.1 += camera.frames_detected;
        totals.2 += dropped;
        let lost: u64 = camera.lost.values().sum();
        totals.3 += lost;
        let mut notes: Vec<String> = camera
            .dropped
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let lost_in = camera.lost.iter();
        notes.extend(lost_in.map(|(stage, count)| format!("lost.{stage} {count}")));
        notes.splice(0..0, camera.state.clone());
        lines.push(format!(
            "{:<12} {:>8} {:>8} {:>8} {:>6} {:>7.1} {:>8.1} {:>8.1}  {}",
            camera.id,
            camera.frames_sent,
            camera.frames_detected,
            dropped,
            lost,
            camera.fps,
            camera.latency_ms.p50,
            camera.latency_ms.p99,
            notes.join(", ")
        ));
    }
    lines.push(format!(
        "{:<12} {:>8} {:>8} {:>8} {:>6} {:>7.1}",
        "all", totals.0, totals.1, totals.2, totals.3, summary.combined_fps
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
