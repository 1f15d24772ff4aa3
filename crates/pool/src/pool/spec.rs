//! What a pool is made of: the request, and the layout that comes of it.

use super::error::PoolError;

/// The most slots a pool may have.
pub const MAX_SLOTS: u32 = 4096;

/// The longest pool name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 64;

/// A pool to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolSpec {
    /// For people: shown in errors and in `/proc/<pid>/maps`. 1 to 64 bytes, no control characters.
    pub name: String,
    /// Number of slots, 1 to 4096.
    pub slots: u32,
    /// Bytes wanted per slot, at least 1; rounded up to whole pages.
    pub slot_bytes: usize,
}

/// How a pool's slots are written, which decides how a device orders reads after the writes. Memory
/// of the host needs no such order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteQueues {
    /// One queue writes all slots, one after another: once the last recorded write is done, so are
    /// all earlier ones, and the pool needs a single event.
    ///
    /// Another queue may take over when all work of the one before it is done, and not earlier: a
    /// reader waits for the new queue's record only.
    One,
    /// Several queues write slots at the same time: each slot has an event of its own.
    Several,
}

impl PoolSpec {
    pub(crate) fn layout(&self) -> Result<Layout, PoolError> {
        let invalid = |field, value: &dyn ToString, expected| PoolError::InvalidSpec {
            name: self.name.clone(),
            field,
            value: value.to_string(),
            expected,
        };
        if self.name.is_empty()
            || self.name.len() > MAX_NAME_BYTES
            || self.name.chars().any(char::is_control)
        {
            let expected = "1 to 64 bytes without control characters";
            return Err(invalid("name", &self.name.escape_debug(), expected));
        }
        if !(1..=MAX_SLOTS).contains(&self.slots) {
            return Err(invalid("slots", &self.slots, "1 to 4096"));
        }
        Layout::new(self.slots, self.slot_bytes).ok_or_else(|| {
            let expected = "at least 1, and less than half the address space over all slots";
            invalid("slot_bytes", &self.slot_bytes, expected)
        })
    }
}

/// Number and size of a pool's slots: slot `i` is at byte `i * slot_bytes` of the pool's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    slots: u32,
    slot_bytes: usize,
}

impl Layout {
    /// Rounds `slot_bytes` up to whole pages. `None` if a value is 0 or the sum is too large.
    #[must_use]
    pub fn new(slots: u32, slot_bytes: usize) -> Option<Self> {
        let page = rustix::param::page_size();
        let slot_bytes = slot_bytes.checked_next_multiple_of(page)?;
        let data_bytes = slot_bytes.checked_mul(usize::try_from(slots).ok()?)?;
        (data_bytes > 0 && isize::try_from(data_bytes).is_ok())
            .then_some(Self { slots, slot_bytes })
    }

    /// Number of slots.
    #[must_use]
    pub fn slots(self) -> u32 {
        self.slots
    }

    /// Bytes from one slot to the next, all of which may be used.
    #[must_use]
    pub fn slot_bytes(self) -> usize {
        self.slot_bytes
    }

    /// Bytes of all slots together.
    #[must_use]
    pub fn data_bytes(self) -> usize {
        self.slots as usize * self.slot_bytes
    }

    /// Where a slot begins in the pool's data, in bytes. `None` beyond the last slot.
    #[must_use]
    pub fn offset(self, slot: u32) -> Option<usize> {
        (slot < self.slots).then(|| slot as usize * self.slot_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, slots: u32, slot_bytes: usize) -> String {
        let name = name.to_owned();
        let spec = PoolSpec {
            name,
            slots,
            slot_bytes,
        };
        spec.layout().expect_err("must be refused").to_string()
    }

    #[test]
    fn errors_name_field_value_and_what_was_expected() {
        let text = refused("front", 0, 10);
        assert!(
            text.contains("front") && text.contains("slots is 0"),
            "{text}"
        );
        assert!(refused("front", 4097, 10).contains("1 to 4096"));
        assert!(refused("front", 1, 0).contains("slot_bytes is 0"));
        assert!(refused("front", 2, usize::MAX).contains("slot_bytes"));
        assert!(refused("front", 4096, usize::MAX / 4096).contains("slot_bytes"));
        assert!(refused("", 1, 1).contains("name"));
        assert!(refused("a\nb", 1, 1).contains("name"));
        assert!(refused(&"x".repeat(65), 1, 1).contains("name"));
    }

    #[test]
    fn slots_are_whole_pages() {
        let layout = Layout::new(3, 1).expect("valid");
        assert_eq!(layout.slot_bytes() % 4096, 0);
        assert_eq!(layout.data_bytes(), 3 * layout.slot_bytes());
        assert_eq!(layout.offset(2), Some(2 * layout.slot_bytes()));
        assert_eq!(layout.offset(3), None);
    }
}
