//! Who has the slots of a pool.

/// Who has the slots of a pool, at about the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Number of slots.
    pub slots: u32,
    /// Slots held by at least one consumer process.
    pub held: u32,
    /// Slots being written.
    pub writing: u32,
    /// Slots retained by the producer; some of them may be held as well.
    pub retained: u32,
    /// Attached consumers, each one [`Attachments`](crate::Attachments) of a process.
    pub consumers: u32,
}
