//! Spans of what a device does beside the CPU: measured elsewhere, and told when they have ended.

use super::event::{DEVICE, Event, Kind};
use super::name::SpanName;
use super::{FrameKey, Spans};

/// When a device worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceRange {
    /// When it began, in nanoseconds of `CLOCK_MONOTONIC`.
    pub begin_nanos: i64,
    /// How long it took, in nanoseconds.
    pub duration_nanos: i64,
}

/// The frames of work that ends later than their messages are at hand; see [`Spans::members`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Members {
    count: u32,
    /// All of them, or none where only numbers are of interest.
    named: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Member {
    label: u32,
    session_unix_nanos: i64,
    sequence: u64,
}

impl Spans {
    /// Keeps the frames of a range in mind until it is told.
    pub fn members<'a>(&self, frames: impl IntoIterator<Item = FrameKey<'a>>) -> Members {
        let traced = self.0.as_ref().filter(|recorder| recorder.traces());
        let mut members = Members::default();
        for frame in frames {
            members.count += 1;
            if let Some(recorder) = traced {
                members.named.push(Member {
                    label: recorder.labels.number(frame.camera),
                    session_unix_nanos: frame.session_unix_nanos,
                    sequence: frame.sequence,
                });
            }
        }
        members
    }

    /// A span of the stage's device that has ended; `members` are of these spans. Profilers do
    /// not get it: they see the device themselves.
    pub fn device(&self, name: &'static SpanName, range: DeviceRange, members: &Members) {
        let Some(recorder) = self.0.as_ref().filter(|recorder| recorder.records()) else {
            return;
        };
        let span = Event {
            kind: Kind::Span,
            name: name.name,
            flow: name.flow,
            thread: DEVICE,
            begin_nanos: range.begin_nanos,
            end_nanos: range.begin_nanos + range.duration_nanos.max(0),
            value: -1,
            count: members.count,
            ..Event::default()
        };
        let of = |member: &Member, event: Event| Event {
            label: member.label,
            session_unix_nanos: member.session_unix_nanos,
            sequence: member.sequence,
            ..event
        };
        if let [member] = &*members.named {
            recorder.push(of(member, span));
            return;
        }
        for member in &members.named {
            let event = of(member, span);
            let kind = Kind::Member;
            recorder.push(Event { kind, ..event });
        }
        recorder.push(span);
    }

    /// Counts ranges of the device that were not measured: whoever measures had no room for them.
    pub fn not_measured(&self, ranges: u64) {
        if let Some(recorder) = &self.0 {
            recorder.lose(ranges);
        }
    }
}
