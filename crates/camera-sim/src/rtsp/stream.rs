//! Sends one camera's frames to one client until either has enough.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::camera::{Ending, LiveCamera, Subscription};
use crate::rtp::{RtpStream, rtcp};
use crate::rtsp::SESSION_TIMEOUT_SECONDS;
use crate::rtsp::sink::Sink;

const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// When a client last gave a sign of life.
#[derive(Debug, Clone)]
pub struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_over(&self) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.elapsed() > Duration::from_secs(SESSION_TIMEOUT_SECONDS)
    }
}

/// A playing session: RTP and RTCP of one viewer.
#[derive(Debug)]
pub struct Stream {
    pub camera: Arc<LiveCamera>,
    pub subscription: Subscription,
    pub rtp: RtpStream,
    pub sink: Sink,
    pub activity: Activity,
    /// Set to close the client's connection.
    pub closing: Arc<watch::Sender<bool>>,
}

impl Stream {
    /// Runs until the stream ends; closes the connection unless the client asked for the end.
    pub async fn run(mut self) {
        let _running = self.camera.stream_guard();
        let ended = self.send().await;
        self.camera.unsubscribe(self.subscription.viewer);
        match ended {
            Ok(Ending::Stopped) => return,
            Ok(ending) => tracing::debug!(camera = self.camera.setup.id, ?ending, "stream ended"),
            Err(error) => tracing::debug!(camera = self.camera.setup.id, %error, "client is gone"),
        }
        self.closing.send_replace(true);
    }

    async fn send(&mut self) -> io::Result<Ending> {
        let mut ending = self.subscription.ending.subscribe();
        // The first report precedes the first frame: the client knows capture times from the start.
        self.send_report().await?;
        let mut reports = interval_at(Instant::now() + REPORT_PERIOD, REPORT_PERIOD);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let now = *ending.borrow_and_update();
            if matches!(now, Ending::Stopped | Ending::Disconnected) {
                return Ok(now);
            }
            tokio::select! {
                biased;
                _ = ending.changed() => {}
                _ = reports.tick() => {
                    if self.sink.is_udp() && self.activity.is_over() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    self.send_report().await?;
                }
                unit = self.subscription.units.recv() => match unit {
                    Some(unit) => tokio::select! {
                        sent = send_unit(&self.camera, &mut self.rtp, &self.sink, unit) => sent?,
                        () = disconnected(&mut ending) => return Ok(Ending::Disconnected),
                    },
                    None => {
                        let how = *ending.borrow();
                        return self.finish(how).await;
                    }
                },
                () = self.sink.sign_of_life() => self.activity.touch(),
            }
        }
    }

    async fn send_report(&self) -> io::Result<()> {
        if self.camera.setup.faults.stalled(self.camera.offset()) {
            return Ok(());
        }
        let report = rtcp::sender_report(&self.rtp, self.camera.clock_pair(), &self.cname());
        self.sink.send_rtcp(&report).await
    }

    async fn finish(&self, ending: Ending) -> io::Result<Ending> {
        if ending == Ending::Finished {
            let bye = rtcp::goodbye(&self.rtp, self.camera.clock_pair(), &self.cname());
            self.sink.send_rtcp(&bye).await?;
        }
        Ok(ending)
    }

    fn cname(&self) -> String {
        format!("{}@camera-sim", self.camera.setup.id)
    }
}

async fn send_unit(
    camera: &LiveCamera,
    rtp: &mut RtpStream,
    sink: &Sink,
    unit: u64,
) -> io::Result<()> {
    let clip = &camera.setup.clip;
    let frame = clip.frame_number(unit);
    let timestamp = camera.rtp_timestamp(frame);
    let mut packets = rtp.packetize(clip.codec, &clip.unit(unit).nals, timestamp);
    let captured = Duration::from_nanos(clip.capture_nanos(frame));
    let lost = camera.setup.faults.damage(captured, frame, &mut packets);
    if sink.send_frame(&packets).await? {
        camera.note_sent(unit, lost);
    }
    Ok(())
}

async fn disconnected(ending: &mut watch::Receiver<Ending>) {
    if ending
        .wait_for(|ending| *ending == Ending::Disconnected)
        .await
        .is_err()
    {
        std::future::pending::<()>().await;
    }
}
