use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow_buffer::Buffer;
use camweave_demux::ReadUnit;
use camweave_message::{Areas, CapturedClock, FrameId, Orientation, Selection, Unit};
use camweave_stage::Context;
use camweave_telemetry::{clock, span_names};
use tracing::{info, warn};

use crate::feed::{Feed, Next, Report};
use crate::pace::{MAX_WAIT, Pace};
use crate::playback::Unsent;
use crate::recorded::Recorded;
use crate::window::Window;

/// A unit that is cut off or contradicts itself.
pub(crate) const DAMAGED: &str = "damaged";
/// A unit of more bytes than a message carries.
pub(crate) const TOO_LARGE: &str = "too_large";
/// The file's times jumped; the frame follows the one before it instead.
const TIME_JUMP: &str = "time_jump";
/// The file has no frame for longer than is waited.
const LONG_WAIT: &str = "long_wait";
/// The file's display matrix is none that frames can be turned by.
const DISPLAY_MATRIX: &str = "display_matrix";
/// A frame that did not come back in time.
const NOT_RETURNED: &str = "not_returned";

/// What decides when a unit is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pacing {
    /// The file's own times.
    Realtime,
    /// Frames that come back.
    Fast {
        /// So many are out at once.
        window: usize,
        /// One that is out for longer is given up.
        timeout: Duration,
    },
}

/// One file that plays.
pub(crate) struct Camera {
    id: Arc<str>,
    feed: Feed,
    context: Context,
    pub window: Window,
    pace: Pace,
    due: Option<Instant>,
    session_unix_nanos: i64,
    /// Of a recorder's clip: what its frames were.
    recorded: Option<Recorded>,
    sequence: u64,
    /// Units that were read and are not sent.
    skipped: u64,
    last_pts_nanos: i64,
    orientation: Orientation,
    said: Said,
    /// The first thing that was found to be wrong with the file.
    problem: Option<String>,
    ended: bool,
}

/// What was logged once and is only counted from then on.
#[derive(Debug, Default)]
struct Said {
    jump: bool,
    wait: bool,
}

impl Camera {
    pub fn new(feed: Feed, recorded: Option<Recorded>, context: Context) -> Self {
        context.counters.camera_state(feed.id(), "ready");
        let orientation = feed.orientation().unwrap_or_else(|| {
            context.counters.error(feed.id(), DISPLAY_MATRIX);
            warn!(
                camera = feed.id(),
                "'{}' has a display matrix that does not rotate by multiples of 90 degrees: its frames stay as coded",
                feed.path()
            );
            Orientation::UPRIGHT
        });
        if orientation != Orientation::UPRIGHT {
            info!(
                camera = feed.id(),
                rotation = orientation.degrees(),
                mirrored = orientation.mirrored(),
                "its frames are rotated upright"
            );
        }
        Self {
            id: Arc::from(feed.id()),
            feed,
            context,
            window: Window::default(),
            pace: Pace::default(),
            due: None,
            session_unix_nanos: recorded
                .as_ref()
                .map_or_else(clock::unix_nanos, |it| it.session_unix_nanos),
            recorded,
            sequence: 0,
            skipped: 0,
            last_pts_nanos: 0,
            orientation,
            said: Said::default(),
            problem: None,
            ended: false,
        }
    }

    /// Whether `id` is a frame of this camera and of this run.
    pub fn is(&self, id: &FrameId) -> bool {
        self.id == id.camera && self.session_unix_nanos == id.session_unix_nanos
    }

    /// Whether everything has been sent, and come back or been given up.
    pub fn is_finished(&self) -> bool {
        self.ended && self.window.is_empty()
    }

    /// When there is something to do next.
    pub fn deadline(&self, pacing: Pacing) -> Option<Instant> {
        match pacing {
            Pacing::Realtime => self.due,
            Pacing::Fast { timeout, .. } => self.window.next_expiry(timeout),
        }
    }

    /// Frees the places of frames that do not come back; how many.
    pub fn give_up(&mut self, pacing: Pacing, now: Instant) -> u64 {
        let Pacing::Fast { timeout, .. } = pacing else {
            return 0;
        };
        let lost = self.window.expire(now, timeout);
        for _ in 0..lost {
            self.context.counters.error(&self.id, NOT_RETURNED);
        }
        lost
    }

    /// The next unit, if its time has come; after the last one, the end of the session.
    pub fn next(&mut self, pacing: Pacing, now: Instant) -> Option<Unit> {
        if self.ended {
            return None;
        }
        let due_nanos = match self.feed.peek() {
            Next::Unit(due_nanos) => due_nanos,
            Next::Unread => {
                self.due = None;
                return None;
            }
            Next::End => return self.end(),
        };
        match pacing {
            Pacing::Realtime => {
                let due = self.pace.due(due_nanos, now);
                let is_news = self.due.replace(due.at) != Some(due.at);
                if let Some(wait) = due.instead_of
                    && is_news
                {
                    self.say_long_wait(wait);
                }
                if due.at > now {
                    return None;
                }
                self.pace.sent(due_nanos, due.at);
            }
            Pacing::Fast { window, .. } => {
                if self.window.len() >= window {
                    return None;
                }
            }
        }
        let mut span = self.context.counters.spans().begin(&span_names::READ);
        let (unit, report) = self.feed.take();
        self.count(report);
        let (read, lost) = unit?;
        if self.sequence == 0 {
            self.context.counters.camera_state(&self.id, "streaming");
        }
        self.last_pts_nanos = read.pts_nanos;
        // What was read and not sent has a place in the sidecar.
        self.skipped += u64::from(lost);
        let unit = self.unit(read, lost);
        if matches!(pacing, Pacing::Fast { .. }) {
            self.window.sent(unit.id.sequence, now);
        }
        self.context
            .name_frames(&mut span, std::slice::from_ref(&unit));
        Some(unit)
    }

    /// The empty unit that ends the session; once.
    pub fn end(&mut self) -> Option<Unit> {
        if std::mem::replace(&mut self.ended, true) {
            return None;
        }
        self.due = None;
        let stopped = self.feed.peek() != Next::End;
        self.feed.stop();
        if !stopped {
            let (_, report) = self.feed.take();
            self.count(report);
        }
        self.context
            .counters
            .camera_state(&self.id, if stopped { "stopped" } else { "ended" });
        match self.problem.take() {
            Some(problem) => {
                self.context.counters.error(&self.id, DAMAGED);
                warn!(
                    camera = %self.id,
                    "'{}' is damaged or ends early ({problem}); {} frames were read",
                    self.feed.path(),
                    self.sequence
                );
            }
            None if stopped => {}
            None => info!(camera = %self.id, frames = self.sequence, "the file has ended"),
        }
        let empty = ReadUnit {
            data: Vec::new(),
            keyframe: false,
            pts_nanos: self.last_pts_nanos,
            dts_nanos: 0,
            duration_nanos: 0,
        };
        Some(self.unit(empty, 0))
    }

    fn count(&mut self, report: Report) {
        if self.problem.is_none() {
            self.problem = report.problem;
        }
        self.count_unsent(report.unsent);
        self.count_jumps(report.jumps);
    }

    /// What is not sent was received as well.
    fn count_unsent(&self, Unsent { damaged, too_large }: Unsent) {
        for _ in 0..damaged.saturating_add(too_large) {
            self.context.counters.received(&self.id);
        }
        self.context.counters.dropped(&self.id, DAMAGED, damaged);
        self.context
            .counters
            .dropped(&self.id, TOO_LARGE, too_large);
    }

    fn count_jumps(&mut self, jumps: u64) {
        for _ in 0..jumps {
            self.context.counters.error(&self.id, TIME_JUMP);
        }
        if jumps > 0 && !std::mem::replace(&mut self.said.jump, true) {
            warn!(
                camera = %self.id,
                frame = self.sequence,
                "the timestamps of '{}' jump: its frames continue one after the other (further jumps are only counted, as '{TIME_JUMP}')",
                self.feed.path()
            );
        }
    }

    fn say_long_wait(&mut self, wait: Duration) {
        self.context.counters.error(&self.id, LONG_WAIT);
        if !std::mem::replace(&mut self.said.wait, true) {
            warn!(
                camera = %self.id,
                frame = self.sequence,
                "'{}' has no frame for {} s: waits {} s at most (further ones are only counted, as '{LONG_WAIT}')",
                self.feed.path(),
                wait.as_secs(),
                MAX_WAIT.as_secs()
            );
        }
    }

    fn unit(&mut self, read: ReadUnit, lost_packets: u32) -> Unit {
        if !read.data.is_empty() {
            self.context.counters.received(&self.id);
        }
        let recorded = self.recorded.as_ref();
        let id = recorded.and_then(|it| it.id(self.sequence + self.skipped, &self.id));
        let unit = Unit {
            id: id.unwrap_or_else(|| FrameId {
                camera: Arc::clone(&self.id),
                session_unix_nanos: self.session_unix_nanos,
                sequence: self.sequence,
                pts_nanos: read.pts_nanos,
                captured_unix_nanos: clock::unix_nanos(),
                captured_clock: CapturedClock::File,
            }),
            trace: self.context.new_trace(),
            codec: self.feed.codec(),
            keyframe: read.keyframe,
            lost_packets,
            orientation: self.orientation,
            selection: Selection::All,
            motion: None,
            areas: recorded.map_or_else(Areas::default, |it| it.areas.clone()),
            data: Buffer::from_vec(read.data),
        };
        self.sequence += 1;
        unit
    }
}
