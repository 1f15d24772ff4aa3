//! The live table: one line per camera.

use camweave_redact::printable_up_to;

use crate::summary::is_not_selected;
use crate::{CameraSummary, Summary};

/// The room for a table, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Columns.
    pub width: usize,
    /// Lines; none for as many as there are cameras.
    pub lines: Option<usize>,
}

impl Room {
    /// So many columns, and any number of lines.
    #[must_use]
    pub fn wide(width: usize) -> Self {
        Self { width, lines: None }
    }
}

/// Lines of a table that are no camera's: the head, the total, and two that may be there.
const OTHER_LINES: usize = 4;

/// The table as text; one line per camera, in the order in which people count (`cam2` before
/// `cam10`), and a total. Where not all cameras have room, those that do not stream or that lost
/// frames are kept first, and a line counts the others.
#[must_use]
pub fn render(summary: &Summary, room: Room) -> String {
    let width = room.width;
    let mut cameras: Vec<&CameraSummary> = summary.cameras.iter().collect();
    cameras.sort_by_key(|camera| natural(&camera.id));
    let hidden = match room
        .lines
        .map(|lines| lines.saturating_sub(OTHER_LINES).max(1))
    {
        Some(most) if most < cameras.len() => {
            let mut order: Vec<usize> = (0..cameras.len()).collect();
            order.sort_by_key(|index| (is_well(cameras[*index]), *index));
            let mut hidden: Vec<usize> = order.split_off(most);
            hidden.sort_unstable();
            let hidden: Vec<_> = hidden
                .into_iter()
                .rev()
                .map(|it| cameras.remove(it))
                .collect();
            hidden
        }
        _ => Vec::new(),
    };
    // Most users choose no frames, and need no column for it.
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
    let shown = lines.len() + cameras.len();
    let mut totals = (0, 0, 0, 0, 0);
    for camera in cameras.iter().chain(&hidden).copied() {
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
    lines.truncate(shown);
    if !hidden.is_empty() {
        let well = hidden.iter().filter(|camera| is_well(camera)).count();
        lines.push(format!(
            "... and {} more cameras, {well} of them without trouble",
            hidden.len()
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

/// Whether there is nothing to see at a camera.
fn is_well(camera: &CameraSummary) -> bool {
    let lost: u64 = camera.lost.values().sum();
    let is_wanted = matches!(camera.state.as_deref(), Some("streaming" | "removed"));
    is_wanted && camera.dropped_unasked() + lost == 0
}

/// An id in pieces that compare as people count: text, and numbers by their value.
fn natural(id: &str) -> Vec<(String, u64)> {
    let mut pieces = Vec::new();
    let mut rest = id;
    while !rest.is_empty() {
        let digits = |letter: char| letter.is_ascii_digit();
        let (text, after) = rest.split_at(rest.find(digits).unwrap_or(rest.len()));
        let end = after.find(|letter: char| !digits(letter));
        let (number, after) = after.split_at(end.unwrap_or(after.len()));
        pieces.push((text.to_owned(), number.parse().unwrap_or(0)));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn ids_are_in_the_order_in_which_people_count() {
        let mut ids = [
            "cam10", "cam2", "gate", "cam1", "cam2-b", "cam2-a10", "cam2-a9", "7",
        ];
        ids.sort_by_key(|id| natural(id));
        assert_eq!(
            ids,
            [
                "7", "cam1", "cam2", "cam2-a9", "cam2-a10", "cam2-b", "cam10", "gate"
            ]
        );
    }
}
