//! A live camera: its time line, who is watching, and what has been sent.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::clip::Clip;
use crate::clock::WallClock;
use crate::faults::FaultPlan;
use crate::record::CameraRecord;
use crate::rtp::rtcp::ClockPair;
use crate::sent::SentLog;
use crate::timeline::whole_ticks;

/// What a camera does after its last frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Stays connected and sends reports, but no frames.
    Silent,
    /// Says goodbye (RTCP BYE) and closes its connections.
    Bye,
}

/// Everything that a camera is before it runs.
#[derive(Debug, Clone)]
pub struct CameraSetup {
    /// Path of its URL.
    pub id: String,
    /// What it plays.
    pub clip: Arc<Clip>,
    /// Frames until its end; `None` repeats the clip indefinitely.
    pub frames_total: Option<u64>,
    /// What happens after the last frame.
    pub at_end: AtEnd,
    /// What goes wrong with it, and when.
    pub faults: FaultPlan,
    /// From its start to the capture of frame 0.
    pub start_delay: Duration,
}

/// How a viewer's stream is to end, told to whoever sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Not yet.
    Playing,
    /// At once: the client asked for it, or its connection is gone.
    Stopped,
    /// At once, with its connection: a disconnect fault.
    Disconnected,
    /// After the frames that are still queued, with a goodbye.
    Finished,
}

/// A running camera, shared by its pacer and its viewers.
#[derive(Debug)]
pub struct LiveCamera {
    /// Everything that it was made of.
    pub setup: CameraSetup,
    clock: WallClock,
    rtp_base: u32,
    started: Started,
    state: Mutex<State>,
}

/// When frame 0 is captured, once that is known. The streams of one camera share it.
pub type Started = Arc<watch::Sender<Option<Instant>>>;

#[derive(Debug, Default)]
struct State {
    /// Units handed out so far; the number of the next one.
    next: u64,
    ended: bool,
    next_viewer: u64,
    viewers: Vec<Viewer>,
    /// Streams that still write, also those that are no viewers any more.
    streams: usize,
    sent: SentLog,
    send_backlog: u64,
    frames_stalled: u64,
    frames_damaged: u64,
    packets_lost: u64,
    disconnects: u64,
}

#[derive(Debug)]
struct Viewer {
    id: u64,
    queue: mpsc::Sender<u64>,
    ending: Arc<watch::Sender<Ending>>,
}

/// A viewer's end of a camera: numbers of units to send, and how the stream ends.
#[derive(Debug)]
pub struct Subscription {
    /// The viewer, for [`LiveCamera::unsubscribe`].
    pub viewer: u64,
    /// Units to send, in decode order.
    pub units: mpsc::Receiver<u64>,
    /// How the stream is to end.
    pub ending: Arc<watch::Sender<Ending>>,
    /// RTP timestamp of the first unit that will be in `units`.
    pub first_rtp: u32,
}

/// A stream that is running; see [`LiveCamera::stream_guard`].
#[derive(Debug)]
pub struct StreamGuard(Arc<LiveCamera>);

impl Drop for StreamGuard {
    fn drop(&mut self) {
        self.0.state().streams -= 1;
    }
}

impl LiveCamera {
    /// A camera that has not started: its frame 0 is captured at the first [`Self::subscribe`] or
    /// at [`Self::start`], or at that of another stream which shares `started`. RTP timestamps begin at
    /// `rtp_base`.
    pub fn new(setup: CameraSetup, clock: WallClock, rtp_base: u32, started: Started) -> Self {
        Self {
            setup,
            clock,
            rtp_base,
            started,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Captures frame 0 after the camera's delay, unless that was done before.
    pub fn start(&self) {
        self.started.send_if_modified(|t0| {
            let first = t0.is_none();
            t0.get_or_insert_with(|| Instant::now() + self.setup.start_delay);
            first
        });
    }

    /// Time since the capture of frame 0; zero before it.
    pub fn offset(&self) -> Duration {
        self.started
            .borrow()
            .map_or(Duration::ZERO, |t0| t0.elapsed())
    }

    /// RTP timestamp of a frame, by display number.
    pub fn rtp_timestamp(&self, frame: u64) -> u32 {
        self.rtp_base
            .wrapping_add(self.setup.clip.rtp_ticks(frame) as u32)
    }

    /// The present on the wall clock and on the RTP clock, exactly the same instant: the last
    /// whole RTP tick.
    pub fn clock_pair(&self) -> ClockPair {
        let t0 = self.started.borrow().unwrap_or_else(Instant::now);
        let (ticks, offset_nanos) = whole_ticks(crate::clock::nanos(t0.elapsed()));
        ClockPair {
            unix_nanos: self.clock.unix_nanos(t0) + offset_nanos,
            rtp: self.rtp_base.wrapping_add(ticks as u32),
        }
    }

    /// Adds a viewer, who gets every unit from the next one on; starts the camera. The viewer's
    /// queue holds `capacity` units; what does not fit is not sent and counted.
    pub fn subscribe(&self, capacity: usize) -> Subscription {
        let (queue, units) = mpsc::channel(capacity.max(1));
        let ending = Arc::new(watch::Sender::new(Ending::Playing));
        let mut state = self.state();
        self.start();
        let viewer = state.next_viewer;
        state.next_viewer += 1;
        if state.ended && self.setup.at_end == AtEnd::Bye {
            ending.send_replace(Ending::Finished);
        } else {
            // Also after the last frame: the end of its queue would be the stream's end.
            let ending = Arc::clone(&ending);
            state.viewers.push(Viewer {
                id: viewer,
                queue,
                ending,
            });
        }
        let first_rtp = self.rtp_timestamp(self.setup.clip.frame_number(state.next));
        Subscription {
            viewer,
            units,
            ending,
            first_rtp,
        }
    }

    /// Forgets a viewer.
    pub fn unsubscribe(&self, viewer: u64) {
        self.state().viewers.retain(|other| other.id != viewer);
    }

    /// Notes that a unit was sent to a viewer: whole, or damaged with `packets_lost` of its packets
    /// taken out on purpose.
    pub fn note_sent(&self, sent: u64, packets_lost: usize) {
        let frame = self.setup.clip.frame_number(sent);
        let mut state = self.state();
        if packets_lost == 0 {
            state.sent.insert(frame);
        } else {
            state.frames_damaged += 1;
            state.packets_lost += packets_lost as u64;
        }
    }

    /// Hands out units when they are due, and then ends the streams as asked. Runs indefinitely
    /// where the camera has no end; dropping it stops the camera.
    pub async fn pace(&self) {
        let t0 = self.wait_for_start().await;
        let due = |unit| t0 + Duration::from_nanos(self.setup.clip.send_nanos(unit));
        let mut next = 0;
        while self.setup.frames_total.is_none_or(|total| next < total) {
            sleep_until(due(next)).await;
            self.hand_out(next);
            next += 1;
        }
        // The last frame lasts as long as every other. Without that, a goodbye sent over UDP would
        // overtake it: clients look for RTCP first.
        sleep_until(due(next)).await;
        self.state().ended = true;
        if self.setup.at_end == AtEnd::Bye {
            self.finish();
        }
    }

    /// Ends the streams of all viewers, with a goodbye.
    pub fn finish(&self) {
        let mut state = self.state();
        for viewer in state.viewers.drain(..) {
            viewer.ending.send_replace(Ending::Finished);
        }
    }

    /// Whether the last frame was captured.
    pub fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// Whether no stream is running.
    pub fn is_alone(&self) -> bool {
        self.state().streams == 0
    }

    /// Notes that a stream runs, until the answer is dropped.
    pub fn stream_guard(self: &Arc<Self>) -> StreamGuard {
        self.state().streams += 1;
        StreamGuard(Arc::clone(self))
    }

    /// Closes all connections when a disconnect fault says so.
    pub async fn disconnect_when_due(&self) {
        let t0 = self.wait_for_start().await;
        for due in self.setup.faults.disconnects() {
            sleep_until(t0 + due).await;
            let mut state = self.state();
            state.disconnects += 1;
            for viewer in state.viewers.drain(..) {
                viewer.ending.send_replace(Ending::Disconnected);
            }
        }
    }

    async fn wait_for_start(&self) -> Instant {
        let mut started = self.started.subscribe();
        loop {
            if let Some(t0) = *started.borrow_and_update() {
                return t0;
            }
            // The sender lives in `self`, so this cannot fail while `self` is borrowed.
            if started.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    fn hand_out(&self, next: u64) {
        let frame = self.setup.clip.frame_number(next);
        let captured = Duration::from_nanos(self.setup.clip.capture_nanos(frame));
        let mut state = self.state();
        state.next = next + 1;
        if self.setup.faults.stalled(captured) {
            state.frames_stalled += 1;
            return;
        }
        let mut backlog = 0;
        state
            .viewers
            .retain(|viewer| match viewer.queue.try_send(next) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    backlog += 1;
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
        state.send_backlog += backlog;
    }

    /// What the camera has done so far.
    pub fn record(&self, url: String) -> CameraRecord {
        let clip = &self.setup.clip;
        let t0 = *self.started.borrow();
        let state = self.state();
        CameraRecord {
            id: self.setup.id.clone(),
            url,
            codec: clip.codec,
            width: clip.width,
            height: clip.height,
            fps: clip.fps,
            t0_unix_nanos: t0.map(|t0| self.clock.unix_nanos(t0)),
            frames_total: self.setup.frames_total,
            frames_in_clip: clip.len(),
            frames_captured: state.next,
            frames_sent: state.sent.len(),
            first_frame_sent: state.sent.first(),
            last_frame_sent: state.sent.last(),
            ended: state.ended,
            clients: state.viewers.len(),
            plays: state.next_viewer,
            send_backlog: state.send_backlog,
            frames_stalled: state.frames_stalled,
            frames_damaged: state.frames_damaged,
            packets_lost: state.packets_lost,
            disconnects: state.disconnects,
        }
    }
}
