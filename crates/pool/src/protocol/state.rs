//! One slot's state: a single 64-bit word in shared memory, changed only by atomic operations.
//!
//! ```text
//! 63            32 31        30            0
//! +---------------+---------+---------------+
//! |  generation   | writing |    holders    |
//! +---------------+---------+---------------+
//! ```
//!
//! The producer alone changes the generation and the writing bit; each consumer process owns one
//! bit of the holders. Every change is a read-modify-write, so a release of any holder and a
//! publication stay visible (C++20 release sequence) to whoever acquires the word later.

use super::sync::{AtomicU64, Ordering};

/// How many consumer processes can share a pool: the width of the holders' mask.
pub const MAX_CONSUMERS: usize = 31;

const WRITING: u64 = 1 << 31;
const HOLDERS: u64 = WRITING - 1;

/// Number of a consumer process in its pool, `0..MAX_CONSUMERS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumer(u8);

impl Consumer {
    /// The consumer of this table entry, or `None` beyond [`MAX_CONSUMERS`].
    #[must_use]
    pub fn new(index: usize) -> Option<Self> {
        u8::try_from(index)
            .ok()
            .filter(|&index| usize::from(index) < MAX_CONSUMERS)
            .map(Self)
    }

    /// The consumer's entry in the consumer table.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    fn bit(self) -> u64 {
        1 << self.0
    }
}

/// A value that a slot's word had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State(u64);

impl State {
    /// How often the slot has been begun; 0 means never.
    #[must_use]
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Whether the producer was writing.
    #[must_use]
    pub fn is_writing(self) -> bool {
        self.0 & WRITING != 0
    }

    /// How many consumer processes held the slot.
    #[must_use]
    pub fn holders(self) -> u32 {
        (self.0 & HOLDERS).count_ones()
    }
}

/// The slot's state at some moment of this call.
#[must_use]
pub fn look(word: &AtomicU64) -> State {
    State(word.load(Ordering::Relaxed))
}

/// Consumer: holds the slot if it still has `generation` and is published.
///
/// After `Ok` all that the producer wrote before publishing is visible, and the producer writes
/// nothing until [`release`].
///
/// # Errors
/// The state that was found instead; the slot is not held.
pub fn acquire(word: &AtomicU64, generation: u32, consumer: Consumer) -> Result<(), State> {
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        let state = State(seen);
        if generation == 0 || state.generation() != generation || state.is_writing() {
            return Err(state);
        }
        match word.compare_exchange_weak(
            seen,
            seen | consumer.bit(),
            Ordering::Acquire,
            Ordering::Relaxed,
        ) {
            Ok(_) => return Ok(()),
            Err(now) => seen = now,
        }
    }
}

/// Consumer, or the producer in the name of a dead one: gives the slot up, if it was held.
pub fn release(word: &AtomicU64, consumer: Consumer) {
    word.fetch_and(!consumer.bit(), Ordering::Release);
}

/// Producer: takes the slot for writing unless somebody holds or writes it.
///
/// Returns the new generation. All reads of former holders have happened before.
#[must_use]
pub fn begin(word: &AtomicU64) -> Option<u32> {
    let mut seen = word.load(Ordering::Relaxed);
    loop {
        if seen & (HOLDERS | WRITING) != 0 {
            return None;
        }
        let generation = following(State(seen).generation());
        let next = (u64::from(generation) << 32) | WRITING;
        match word.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Some(generation),
            Err(now) => seen = now,
        }
    }
}

/// Producer: ends the writing that [`begin`] started, whether the content is announced or given up.
pub fn end(word: &AtomicU64) {
    word.fetch_and(!WRITING, Ordering::Release);
}

/// The generation after this one; 0 is left out, so that it never names content.
fn following(generation: u32) -> u32 {
    generation.checked_add(1).unwrap_or(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn consumer(index: usize) -> Consumer {
        Consumer::new(index).expect("index below the limit")
    }

    #[test]
    fn a_new_slot_cannot_be_acquired() {
        let word = AtomicU64::new(0);
        assert!(acquire(&word, 0, consumer(0)).is_err());
        assert!(acquire(&word, 1, consumer(0)).is_err());
    }

    #[test]
    fn only_the_published_generation_is_acquired() {
        let word = AtomicU64::new(0);
        assert_eq!(begin(&word), Some(1));
        assert!(acquire(&word, 1, consumer(0)).is_err_and(State::is_writing));
        end(&word);
        assert!(acquire(&word, 2, consumer(0)).is_err());
        assert_eq!(acquire(&word, 1, consumer(0)), Ok(()));
        assert_eq!(look(&word).holders(), 1);
    }

    #[test]
    fn a_held_slot_is_not_begun_until_the_last_holder_leaves() {
        let word = AtomicU64::new(0);
        assert_eq!(begin(&word), Some(1));
        assert_eq!(begin(&word), None, "already being written");
        end(&word);
        assert_eq!(acquire(&word, 1, consumer(0)), Ok(()));
        assert_eq!(acquire(&word, 1, consumer(30)), Ok(()));
        release(&word, consumer(0));
        assert_eq!(begin(&word), None);
        release(&word, consumer(30));
        assert_eq!(begin(&word), Some(2));
        end(&word);
        assert_eq!(
            acquire(&word, 1, consumer(0)).map_err(State::generation),
            Err(2)
        );
    }

    #[test]
    fn the_generation_wraps_past_zero() {
        let word = AtomicU64::new(u64::from(u32::MAX) << 32);
        assert_eq!(begin(&word), Some(1));
    }

    #[test]
    fn there_are_31_consumers() {
        assert!(Consumer::new(30).is_some());
        assert!(Consumer::new(31).is_none());
        assert!(Consumer::new(256).is_none());
    }
}
