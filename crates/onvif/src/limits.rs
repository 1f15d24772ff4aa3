use std::time::Duration;

/// What one device may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Until a call has its whole answer.
    pub call: Duration,
    /// All calls of one device together; for each of its streams a second more, at most
    /// [`STREAMS_AT_MOST`].
    pub device: Duration,
    /// Bytes of an answer. A recorder describes each of its profiles in some 6 KiB.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(5),
            device: Duration::from_secs(30),
            answer_bytes: 4 << 20,
        }
    }
}

/// What the calls for all streams of a device add to its time at most.
pub const STREAMS_AT_MOST: Duration = Duration::from_secs(60);
/// Video profiles that are kept of a device: those of a recorder of 128 channels.
pub(crate) const PROFILES: usize = 512;
/// Characters of a name that are kept.
pub(crate) const NAME_CHARACTERS: usize = 96;
/// Characters of a token, an address or an error that are kept. Longer ones are not used.
pub(crate) const TEXT_CHARACTERS: usize = 2048;
