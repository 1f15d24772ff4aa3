//! The state machine under a model checker: every interleaving up to a number of preemptions.
//!
//! `RUSTFLAGS="--cfg loom" cargo nextest run --release -p camweave-pool --target-dir target/loom --test loom`
#![cfg(loom)]
#![expect(unsafe_code, reason = "a slot's content is shared as raw memory is")]

use camweave_pool::consumers::{self, Process};
use camweave_pool::hold::Hold;
use camweave_pool::state::{self, Consumer};
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

/// A pool of one slot with two consumer entries. The content of generation `n` is `n`.
struct World {
    word: AtomicU64,
    content: UnsafeCell<u32>,
    table: [AtomicU64; 2],
    /// The newest reference that was sent, by any means; 0 for none.
    sent: AtomicU64,
    /// Whether the process with this number has died, as the kernel knows.
    dead: [AtomicBool; 3],
}

// SAFETY: accesses to the content are what the models check: loom's cell fails the model when two
// of them race.
unsafe impl Send for World {}
// SAFETY: as above.
unsafe impl Sync for World {}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: AtomicU64::new(0),
            content: UnsafeCell::new(0),
            table: [AtomicU64::new(0), AtomicU64::new(0)],
            sent: AtomicU64::new(0),
            dead: [
                AtomicBool::new(false),
                AtomicBool::new(false),
                AtomicBool::new(false),
            ],
        })
    }

    fn begin_and_write(&self) -> Option<u32> {
        let generation = state::begin(&self.word)?;
        // SAFETY: checked by loom's cell.
        self.content
            .with_mut(|content| unsafe { *content = generation });
        Some(generation)
    }

    fn produce(&self) -> bool {
        let Some(generation) = self.begin_and_write() else {
            return false;
        };
        state::end(&self.word);
        // Deliberately without order: the message may overtake or lag behind the memory.
        self.sent.store(u64::from(generation), Ordering::Relaxed);
        true
    }

    fn received(&self) -> u32 {
        self.sent.load(Ordering::Relaxed) as u32
    }

    fn read(&self, generation: u32) {
        // SAFETY: checked by loom's cell.
        let content = self.content.with(|content| unsafe { *content });
        assert_eq!(content, generation, "the content of another generation");
    }

    fn claim(&self, number: u32) -> Option<Consumer> {
        consumers::claim(&self.table, process(number))
    }

    fn vacate(&self, consumer: Consumer) {
        consumers::vacate(&self.table, [&self.word], consumer);
    }

    fn reap(&self) -> usize {
        let is_dead =
            |process: Process| self.dead[process.pid() as usize - 1].load(Ordering::Acquire);
        consumers::reap(&self.table, || [&self.word], is_dead)
    }

    fn die(&self, number: u32) {
        self.dead[number as usize - 1].store(true, Ordering::Release);
    }

    /// A consumer's life, which ends by SIGKILL after `steps` steps if it has not ended before.
    fn consume(&self, number: u32, steps: usize) {
        if self.consume_steps(number, steps).is_none() {
            self.die(number);
        }
    }

    fn consume_steps(&self, number: u32, steps: usize) -> Option<()> {
        let mut left = steps;
        let mut step = move || {
            left = left.checked_sub(1)?;
            Some(())
        };
        step()?;
        let Some(consumer) = self.claim(number) else {
            return Some(());
        };
        step()?;
        let generation = self.received();
        if state::acquire(&self.word, generation, consumer).is_ok() {
            step()?;
            self.read(generation);
            step()?;
            state::release(&self.word, consumer);
        }
        step()?;
        self.vacate(consumer);
        Some(())
    }

    fn assert_all_returned(&self) {
        assert_eq!(
            state::look(&self.word).holders(),
            0,
            "a holder's bit is left"
        );
        assert!(!state::look(&self.word).is_writing());
        assert_eq!(
            consumers::count(&self.table),
            0,
            "a consumer's entry is left"
        );
        assert!(self.produce(), "the slot can be written again");
    }
}

fn process(number: u32) -> Process {
    Process::new(number, 1).expect("a possible process")
}

fn model(check: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(3));
    builder.check(check);
}

const ALL_STEPS: usize = 5;

#[test]
fn readers_never_see_a_torn_or_newer_slot() {
    model(|| {
        let world = World::new();
        assert!(world.produce());
        let readers = [1, 2].map(|number| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.consume(number, ALL_STEPS))
        });
        world.produce();
        world.produce();
        for reader in readers {
            reader.join().expect("the reader ends");
        }
        world.assert_all_returned();
    });
}

#[test]
fn a_consumer_that_dies_at_any_point_leaves_nothing() {
    for steps in 0..ALL_STEPS {
        model(move || {
            let world = World::new();
            assert!(world.produce());
            let mortal = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.consume(1, steps))
            };
            let living = {
                let world = Arc::clone(&world);
                thread::spawn(move || world.consume(2, ALL_STEPS))
            };
            if !world.produce() {
                world.reap();
                world.produce();
            }
            mortal.join().expect("the thread ends");
            living.join().expect("the thread ends");
            world.reap();
            world.assert_all_returned();
        });
    }
}

#[test]
fn a_successor_of_a_dead_consumer_keeps_its_slot() {
    model(|| {
        let world = World::new();
        assert!(world.produce());
        // Two dead consumers fill the table, and both hold the slot.
        world.consume(1, 2);
        world.consume(2, 3);
        let successor = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let consumer = world.claim(3)?;
                let generation = world.received();
                state::acquire(&world.word, generation, consumer).ok()?;
                world.read(generation);
                assert!(
                    state::look(&world.word).holders() > 0,
                    "the bit was taken away"
                );
                world.read(generation);
                state::release(&world.word, consumer);
                world.vacate(consumer);
                Some(())
            })
        };
        let reaper = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.reap();
            })
        };
        world.reap();
        world.produce();
        reaper.join().expect("the thread ends");
        let is_through = successor.join().expect("the thread ends").is_some();
        if !is_through {
            world.die(3);
        }
        world.reap();
        world.assert_all_returned();
    });
}

#[test]
fn there_are_never_two_writers() {
    model(|| {
        let world = World::new();
        let writers = [(); 2].map(|()| {
            let world = Arc::clone(&world);
            thread::spawn(move || world.produce())
        });
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || world.consume(1, ALL_STEPS))
        };
        for writer in writers {
            writer.join().expect("the writer ends");
        }
        reader.join().expect("the reader ends");
        world.assert_all_returned();
    });
}

#[test]
fn a_producer_that_dies_while_writing_never_shows_it() {
    model(|| {
        let world = World::new();
        assert!(world.produce());
        let reader = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let consumer = world.claim(1).expect("a free entry");
                for generation in [1, 2] {
                    if state::acquire(&world.word, generation, consumer).is_ok() {
                        assert_eq!(generation, 1, "never published");
                        world.read(generation);
                        state::release(&world.word, consumer);
                    }
                }
                world.vacate(consumer);
            })
        };
        let _never_ended = world.begin_and_write();
        reader.join().expect("the reader ends");
        assert_eq!(state::look(&world.word).holders(), 0);
    });
}

#[test]
fn threads_of_one_process_share_one_bit() {
    model(|| {
        let world = World::new();
        assert!(world.produce());
        let consumer = world.claim(1).expect("a free entry");
        let hold = Arc::new(Hold::new());
        let readers = [(); 2].map(|()| {
            let (world, hold) = (Arc::clone(&world), Arc::clone(&hold));
            thread::spawn(move || {
                let generation = world.received();
                if hold.acquire(&world.word, generation, consumer).is_ok() {
                    hold.again();
                    hold.release(&world.word, consumer);
                    world.read(generation);
                    hold.release(&world.word, consumer);
                }
            })
        });
        world.produce();
        for reader in readers {
            reader.join().expect("the reader ends");
        }
        world.vacate(consumer);
        world.assert_all_returned();
    });
}
