//! What the fuzz targets call of the parts that are no interface.

use ffmpeg_next::Rational;

use crate::file_times::{self, Clock, Stamps};
use crate::pace::Pace;
use crate::timeline;

/// The time line of a file.
pub struct FileTimes(file_times::Timeline);

impl FileTimes {
    /// `time_base`: numerator and denominator. `is_stream`: its clock may be reset at any time.
    pub fn new(time_base: (i32, i32), frame_nanos: i64, is_stream: bool) -> Self {
        let clock = if is_stream {
            Clock::Stream
        } else {
            Clock::File
        };
        let time_base = Rational::new(time_base.0, time_base.1);
        Self(file_times::Timeline::new(time_base, frame_nanos, clock))
    }

    /// Presentation and decoding time of the next access unit, in nanoseconds.
    pub fn place(
        &mut self,
        pts: Option<i64>,
        dts: Option<i64>,
        duration: i64,
        keyframe: bool,
        hidden: bool,
    ) -> (i64, i64) {
        let times = self.0.place(Stamps {
            pts,
            dts,
            duration,
            keyframe,
            hidden,
        });
        (times.pts_nanos, times.dts_nanos)
    }
}

/// The times of a live source, and how long its access units are held back.
pub struct LiveTimes {
    timeline: timeline::Timeline,
    pace: Pace,
    begin: std::time::Instant,
}

impl LiveTimes {
    /// A session that begins now.
    pub fn new(lead: std::time::Duration) -> Self {
        Self {
            timeline: timeline::Timeline::default(),
            pace: Pace::new(lead),
            begin: std::time::Instant::now(),
        }
    }

    /// Presentation time, whether the stream's times jumped, the sender's time, and the wait.
    pub fn place(
        &mut self,
        pts_nanos: Option<i64>,
        duration_nanos: i64,
        arrival_nanos: i64,
        start_unix_nanos: Option<i64>,
        arrival_unix_nanos: i64,
    ) -> (i64, bool, Option<i64>, std::time::Duration) {
        let times = self.timeline.place(
            pts_nanos,
            duration_nanos,
            arrival_nanos,
            start_unix_nanos,
            arrival_unix_nanos,
        );
        let since = u64::try_from(arrival_nanos).unwrap_or(0);
        let now = self.begin + std::time::Duration::from_nanos(since);
        let wait = self.pace.wait(times.pts_nanos, now);
        (times.pts_nanos, times.jumped, times.sender_unix_nanos, wait)
    }
}
