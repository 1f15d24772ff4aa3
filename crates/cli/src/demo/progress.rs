use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use camweave_sink::{Room, Summary};

/// The run on standard error: a table that renews itself on a terminal, a line now and then elsewhere.
pub struct Progress {
    seconds: f64,
    shown: Option<Instant>,
    lines: usize,
    is_terminal: bool,
}

impl Progress {
    pub fn new(seconds: f64) -> Self {
        Self {
            seconds,
            shown: None,
            lines: 0,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows how far the run is, not too often.
    pub fn show(&mut self, summary: Option<&Summary>, since_first: Option<Duration>) {
        let every = Duration::from_secs(if self.is_terminal { 1 } else { 5 });
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let elapsed = since_first.unwrap_or_default().as_secs_f64();
        let head = if elapsed > self.seconds {
            format!(
                "{:.0} s are over; waiting for the last frames",
                self.seconds
            )
        } else {
            format!("{elapsed:.0} s of {:.0} s", self.seconds)
        };
        let text = match summary {
            None => format!("{head}: waiting for the first frames"),
            Some(summary) if self.is_terminal => {
                // A line for the time, and one for the cursor.
                let room = terminal_room(2);
                format!("{head}\n{}", camweave_sink::render(summary, room))
            }
            Some(summary) => {
                let sum = |of: &dyn Fn(&camweave_sink::CameraSummary) -> u64| {
                    summary.cameras.iter().map(of).sum::<u64>()
                };
                let skipped = match sum(&camweave_sink::CameraSummary::not_selected) {
                    0 => String::new(),
                    count => format!(" {count} skipped,"),
                };
                format!(
                    "{head}: {} cameras, {} frames received, {} detected,{skipped} {} dropped, {} lost, {:.1} fps",
                    summary.cameras.len(),
                    sum(&|camera| camera.frames_sent),
                    sum(&|camera| camera.frames_detected),
                    sum(&camweave_sink::CameraSummary::dropped_unasked),
                    sum(&|camera| camera.lost.values().sum()),
                    summary.combined_fps
                )
            }
        };
        let back = self.back();
        self.lines = text.lines().count();
        // Nobody reads a closed terminal.
        drop(writeln!(std::io::stderr().lock(), "{back}{text}"));
    }

    /// Up over the last table, and clear to the end of the screen.
    fn back(&self) -> String {
        if self.is_terminal && self.lines > 0 {
            format!("\x1b[{}A\x1b[J", self.lines)
        } else {
            String::new()
        }
    }
}

impl Drop for Progress {
    /// The last table comes with the results.
    fn drop(&mut self) {
        drop(write!(std::io::stderr().lock(), "{}", self.back()));
    }
}

/// What the terminal has room for beside so many lines.
fn terminal_room(other_lines: usize) -> Room {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Room {
            width: usize::from(size.ws_col),
            lines: Some(usize::from(size.ws_row).saturating_sub(other_lines)),
        },
        _ => Room::wide(100),
    }
}

/// What standard output has room for: results may be as long as they are, and are read again later,
/// so that a narrow terminal costs no column.
pub fn results_room() -> Room {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let width = size.map_or(0, |size| usize::from(size.ws_col));
    Room::wide(if width == 0 { 160 } else { width.max(120) })
}
