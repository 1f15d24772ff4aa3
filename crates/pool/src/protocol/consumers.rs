//! The table of consumer processes: one 64-bit entry each, in shared memory.
//!
//! ```text
//! 63  62 61          40 39                        0
//! +-----+--------------+--------------------------+
//! | tag |  process id  | start time, clock ticks  |
//! +-----+--------------+--------------------------+
//! ```
//!
//! Tag 0 (the whole entry is 0) is free, 1 is live, 2 is being reaped. A consumer claims an entry
//! and vacates it; only the producer reaps, because it alone needs the slots. Linux keeps process
//! ids below 2^22, and 40 bits of ticks last for centuries, so process id and start time name a
//! process once and for all within a boot.

use super::state::{self, Consumer};
use super::sync::{AtomicU64, Ordering};

const START_BITS: u32 = 40;
const PID_BITS: u32 = 22;
const LIVE: u64 = 1 << (START_BITS + PID_BITS);
const REAPING: u64 = 2 << (START_BITS + PID_BITS);
const TAG: u64 = 3 << (START_BITS + PID_BITS);

/// A process, told apart from later ones with the same id by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Process {
    pid: u32,
    start_ticks: u64,
}

impl Process {
    /// `start_ticks` is field 22 of `/proc/<pid>/stat`. `None` if a value cannot be Linux's.
    #[must_use]
    pub fn new(pid: u32, start_ticks: u64) -> Option<Self> {
        let fits = pid != 0 && pid >> PID_BITS == 0 && start_ticks >> START_BITS == 0;
        fits.then_some(Self { pid, start_ticks })
    }

    /// The process id.
    #[must_use]
    pub fn pid(self) -> u32 {
        self.pid
    }

    /// When the process started, in clock ticks since boot.
    #[must_use]
    pub fn start_ticks(self) -> u64 {
        self.start_ticks
    }

    fn live_entry(self) -> u64 {
        LIVE | (u64::from(self.pid) << START_BITS) | self.start_ticks
    }

    fn of_live_entry(entry: u64) -> Option<Self> {
        let pid = (entry >> START_BITS) & ((1 << PID_BITS) - 1);
        let start_ticks = entry & ((1 << START_BITS) - 1);
        (entry & TAG == LIVE).then_some(Self {
            pid: pid as u32,
            start_ticks,
        })
    }
}

/// Consumer: takes a free entry, or `None` if there is none.
#[must_use]
pub fn claim(table: &[AtomicU64], process: Process) -> Option<Consumer> {
    table.iter().enumerate().find_map(|(index, entry)| {
        let consumer = Consumer::new(index)?;
        // Acquire: what the former owner or the reaper did to the slots comes before.
        entry
            .compare_exchange(
                0,
                process.live_entry(),
                Ordering::Acquire,
                Ordering::Relaxed,
            )
            .ok()
            .map(|_| consumer)
    })
}

/// Consumer: gives its entry back, and every slot that it may still hold.
pub fn vacate<'a>(
    table: &[AtomicU64],
    words: impl IntoIterator<Item = &'a AtomicU64>,
    consumer: Consumer,
) {
    for word in words {
        state::release(word, consumer);
    }
    if let Some(entry) = table.get(consumer.index()) {
        entry.store(0, Ordering::Release);
    }
}

/// Producer: frees the entries and slots of dead consumers; returns how many there were.
///
/// Safe to call from several threads: an entry changes hands by compare-and-swap, and becomes
/// free only after its bit is gone from every slot, so a successor never loses a slot.
pub fn reap<'a, W>(
    table: &[AtomicU64],
    words: impl Fn() -> W,
    is_dead: impl Fn(Process) -> bool,
) -> usize
where
    W: IntoIterator<Item = &'a AtomicU64>,
{
    let mut reaped = 0;
    for (index, entry) in table.iter().enumerate() {
        let (Some(consumer), seen) = (Consumer::new(index), entry.load(Ordering::Relaxed)) else {
            break;
        };
        let Some(process) = Process::of_live_entry(seen) else {
            continue;
        };
        if !is_dead(process) {
            continue;
        }
        let reaping = (seen & !TAG) | REAPING;
        if entry
            .compare_exchange(seen, reaping, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
        {
            vacate(table, words(), consumer);
            reaped += 1;
        }
    }
    reaped
}

/// How many entries are taken.
#[must_use]
pub fn count(table: &[AtomicU64]) -> usize {
    let taken = |entry: &&AtomicU64| entry.load(Ordering::Relaxed) != 0;
    table.iter().filter(taken).count()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn process(pid: u32) -> Process {
        Process::new(pid, 77).expect("a possible process")
    }

    #[test]
    fn an_entry_names_its_process() {
        for (pid, start) in [(1, 0), ((1 << 22) - 1, (1 << 40) - 1), (4711, 123_456)] {
            let process = Process::new(pid, start).expect("within Linux's limits");
            assert_eq!(Process::of_live_entry(process.live_entry()), Some(process));
        }
        assert_eq!(Process::of_live_entry(0), None);
        assert_eq!(Process::new(0, 1), None);
        assert_eq!(Process::new(1 << 22, 1), None);
        assert_eq!(Process::new(1, 1 << 40), None);
    }

    #[test]
    fn the_dead_give_back_entries_and_slots_and_the_living_keep_them() {
        let table = [const { AtomicU64::new(0) }; 2];
        let words = [const { AtomicU64::new(0) }; 3];
        let dead = claim(&table, process(10)).expect("free entry");
        let living = claim(&table, process(11)).expect("free entry");
        assert!(claim(&table, process(12)).is_none(), "the table is full");
        for word in &words {
            let generation = state::begin(word).expect("free slot");
            state::end(word);
            assert!(state::acquire(word, generation, dead).is_ok());
            assert!(state::acquire(word, generation, living).is_ok());
        }
        assert_eq!(reap(&table, || &words, |process| process.pid() == 10), 1);
        assert_eq!(reap(&table, || &words, |process| process.pid() == 10), 0);
        assert!(words.iter().all(|word| state::look(word).holders() == 1));
        assert_eq!(claim(&table, process(12)), Some(dead));
        assert_eq!(count(&table), 2);
    }
}
