use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use camweave_sink::Summary;

/// The run on standard error: a table that renews itself on a terminal, a line now and then elsewhere.
pub struct Progress {
    seconds: f64,
    started: Instant,
    shown: Option<Instant>,
    lines: usize,
    is_terminal: bool,
}

impl Progress {
    pub fn new(seconds: f64) -> Self {
        Self {
            seconds,
            started: Instant::now(),
            shown: None,
            lines: 0,
            is_terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows how far the run is, not too often.
    pub fn show(&mut self, summary: Option<&Summary>) {
        let every = Duration::from_secs(if self.is_terminal { 1 } else { 5 });
        if self.shown.is_some_and(|shown| shown.elapsed() < every) {
            return;
        }
        self.shown = Some(Instant::now());
        let elapsed = self.started.elapsed().as_secs();
        let head = format!("{elapsed} s of {:.0} s", self.seconds);
        let text = match summary {
            None => format!("{head}: waiting for the first frames"),
            Some(summary) if self.is_terminal => {
                format!("{head}\n{}", camweave_sink::render(summary, 100))
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
        let mut screen = std::io::stderr().lock();
        // Up over the last table, and clear to the end of the screen.
        let back = if self.is_terminal && self.lines > 0 {
            format!("\x1b[{}A\x1b[J", self.lines)
        } else {
            String::new()
        };
        self.lines = text.lines().count();
        // Nobody reads a closed terminal.
        drop(writeln!(screen, "{back}{text}"));
    }
}
