//! What a stage's threads leave for the one that writes it down.

/// The thread of what a device does: no thread of the system has this id.
pub(super) const DEVICE: u32 = 0;

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Kind {
    /// Something that took time on one thread, or on a device.
    #[default]
    Span,
    /// A frame of the span on the same thread that has the same name and begin.
    Member,
    /// Frames of a camera that were dropped.
    Drop,
    /// A number at a moment.
    Gauge,
}

/// One event, plain data of a fixed size. Labels are numbers of the stage's own table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Event {
    pub kind: Kind,
    pub name: &'static str,
    /// Whether frames are followed through it.
    pub flow: bool,
    /// The system's thread id, or [`DEVICE`].
    pub thread: u32,
    /// `CLOCK_MONOTONIC`.
    pub begin_nanos: i64,
    /// `CLOCK_MONOTONIC`; of spans only.
    pub end_nanos: i64,
    /// Span: CPU time in nanoseconds, or -1 where nobody looked. Gauge: the number.
    pub value: i64,
    /// The camera, or what the gauge is about; 0: none.
    pub label: u32,
    /// Drop: why.
    pub reason: u32,
    /// Span: frames. Drop: frames.
    pub count: u32,
    pub session_unix_nanos: i64,
    pub sequence: u64,
}

impl Event {
    pub fn cpu_nanos(&self) -> Option<i64> {
        (self.value >= 0).then_some(self.value)
    }
}
