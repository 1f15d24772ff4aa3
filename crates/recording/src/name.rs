//! What clips are called.

use std::time::SystemTime;

use chrono::{DateTime, NaiveDateTime, Utc};

/// When a clip begins, as it is in its name.
const TIME: &str = "%Y%m%dT%H%M%S%.3fZ";
/// The folder of a day.
const DAY: &str = "%Y-%m-%d";
/// The end of the year 9999, in milliseconds of Unix.
const LAST_MILLIS: i64 = 253_402_300_799_999;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// A clip's name, less its extension: whose it is and when it begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClipName {
    /// When its first frame was captured, in Unix milliseconds, by the camera's clock.
    pub begin_unix_millis: i64,
    /// The camera's id.
    pub camera: String,
    /// Of those of one camera that begin in the same millisecond; 0 for the first.
    pub number: u32,
}

impl ClipName {
    /// The first of this time.
    #[must_use]
    pub fn new(camera: &str, begin_unix_nanos: i64) -> Self {
        Self {
            begin_unix_millis: (begin_unix_nanos / NANOS_PER_MILLI).clamp(0, LAST_MILLIS),
            camera: camera.to_owned(),
            number: 0,
        }
    }

    /// One that begins at this time of this machine's clock.
    pub(crate) fn at(camera: &str, time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let nanos = since.map_or(0, |it| it.as_nanos());
        Self::new(camera, i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    /// The stem that all files of the clip have, such as `gate-20261130T184803.123Z`.
    #[must_use]
    pub fn stem(&self) -> String {
        let time = self.time().format(TIME);
        match self.number {
            0 => format!("{}-{time}", self.camera),
            number => format!("{}-{time}_{number}", self.camera),
        }
    }

    /// The folder of its day, in that of its camera.
    #[must_use]
    pub fn day(&self) -> String {
        self.time().format(DAY).to_string()
    }

    /// Reads a stem.
    #[must_use]
    pub fn parse(stem: &str) -> Option<Self> {
        // A camera's id may have hyphens, a time has none.
        let (camera, rest) = stem.rsplit_once('-')?;
        let (time, number) = match rest.split_once('_') {
            Some((time, number)) => (time, number.parse().ok()?),
            None => (rest, 0),
        };
        let time = NaiveDateTime::parse_from_str(time, TIME).ok()?;
        Some(Self {
            begin_unix_millis: time.and_utc().timestamp_millis(),
            camera: camera.to_owned(),
            number,
        })
    }

    fn time(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.begin_unix_millis).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written() {
        let name = ClipName::new("gate-2", 1_796_064_483_123_456_789);
        assert_eq!(name.stem(), "gate-2-20261130T184803.123Z");
        assert_eq!(name.day(), "2026-11-30");
        let second = ClipName { number: 1, ..name };
        assert_eq!(second.stem(), "gate-2-20261130T184803.123Z_1");
        assert_eq!(ClipName::parse(&second.stem()), Some(second));
        // No clock is outside of what four digits of a year can say.
        for nanos in [i64::MIN, -1, 0, (1 << 62) - 1, i64::MAX] {
            let name = ClipName::new("a", nanos);
            assert_eq!(ClipName::parse(&name.stem()), Some(name), "{nanos}");
        }
        for stem in [
            "gate",
            "gate-",
            "-",
            "gate-20261130T184803Z_x",
            "gate-2026-11-30",
        ] {
            assert_eq!(ClipName::parse(stem), None, "{stem}");
        }
    }
}
