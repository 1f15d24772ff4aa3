//! Counts the holds of one slot within one process, which has a single bit for all of them.

use std::sync::PoisonError;

use super::state::{self, Consumer, State};
use super::sync::{AtomicU64, Mutex};

/// The process's holds of one slot. Every call names the same word and consumer.
#[derive(Debug)]
pub struct Hold {
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    count: usize,
    generation: u32,
}

impl Hold {
    /// No holds.
    #[must_use]
    pub fn new() -> Self {
        Self {
            current: Mutex::new(Current {
                count: 0,
                generation: 0,
            }),
        }
    }

    /// Adds a hold of `generation`; the first one sets the consumer's bit.
    ///
    /// # Errors
    /// The slot's state, if the generation is over.
    pub fn acquire(
        &self,
        word: &AtomicU64,
        generation: u32,
        consumer: Consumer,
    ) -> Result<(), State> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.count == 0 {
            state::acquire(word, generation, consumer)?;
            current.generation = generation;
        } else if current.generation != generation {
            return Err(state::look(word));
        }
        current.count += 1;
        Ok(())
    }

    /// Adds a hold next to one that exists.
    pub fn again(&self) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.count += 1;
    }

    /// Takes a hold away; the last one clears the consumer's bit.
    pub fn release(&self, word: &AtomicU64, consumer: Consumer) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.count -= 1;
        if current.count == 0 {
            state::release(word, consumer);
        }
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}
