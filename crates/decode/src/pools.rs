//! One camera's slots: a pool for the pictures of one size.

use std::fmt;
use std::time::{Duration, Instant};

use camweave_pool::{HostMemory, MAX_NAME_BYTES, Memory, PoolError, PoolSpec, Producer, WriteSlot};

/// Slots beyond those that the decoder itself may hold: what consumers may hold
/// or have on the way, at a few stages of a few frames each.
pub const SLOTS_FOR_CONSUMERS: u32 = 12;
/// The most pictures that a decoder holds, by any level of H.264 and H.265.
pub const MAX_DPB: u32 = 16;
/// A pool that was replaced is kept for so long, for references that are on their way.
const KEEP_REPLACED: Duration = Duration::from_secs(2);
/// Pools of small pictures differ by less than is worth a new one.
const WORTH_A_POOL: usize = 64 * 1024;

/// The pools of one camera. Its bursts overwrite only its own frames.
pub struct CameraPools<M: Memory = HostMemory> {
    place: M::Place,
    name: String,
    /// 0: by the stream.
    slots: u32,
    current: Option<Producer<M>>,
    replaced: Vec<(Producer<M>, Instant)>,
}

impl<M: Memory> CameraPools<M> {
    /// No pool yet; `slots` is what each will have, 0: by the stream.
    #[must_use]
    pub fn new(place: M::Place, camera: &str, slots: u32) -> Self {
        Self {
            place,
            name: pool_name(camera),
            slots,
            current: None,
            replaced: Vec::new(),
        }
    }

    /// A slot for a picture of `bytes`, of a decoder that holds up to `dpb` pictures.
    ///
    /// A pool serves as long as the pictures fit, and fill at least half of it:
    /// so a camera that changes its size gets a new one.
    ///
    /// # Errors
    /// The pool is exhausted, or a new one cannot be had.
    pub fn begin(&mut self, bytes: usize, dpb: u32) -> Result<WriteSlot<M>, PoolError> {
        let slots = match self.slots {
            0 => SLOTS_FOR_CONSUMERS + dpb.clamp(1, MAX_DPB),
            slots => slots,
        };
        if let Some(pool) = &self.current {
            let fits = bytes <= pool.slot_bytes()
                && pool.slot_bytes() <= bytes.saturating_mul(2).saturating_add(WORTH_A_POOL);
            // The consumers' share makes up for a decoder that asks for a few more.
            if fits && slots <= pool.slots() + SLOTS_FOR_CONSUMERS / 2 {
                return pool.begin();
            }
        }
        let spec = PoolSpec {
            name: self.name.clone(),
            slots,
            slot_bytes: bytes,
        };
        let pool = Producer::create_in(&self.place, &spec)?;
        tracing::debug!(pool = %pool.id(), camera = %self.name, slots, bytes, "new pool");
        if let Some(replaced) = self.current.replace(pool.clone()) {
            self.replaced.push((replaced, Instant::now()));
        }
        pool.begin()
    }

    /// Gives back the pools that were replaced and that nobody reads any more.
    pub fn tidy(&mut self) {
        self.replaced
            .retain(|(pool, since)| since.elapsed() < KEEP_REPLACED || pool.usage().held > 0);
    }

    /// Whether a consumer holds a slot.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.pools().any(|pool| pool.usage().held > 0)
    }

    /// Slots that consumers hold or that are being written.
    #[must_use]
    pub fn slots_in_use(&self) -> u64 {
        let usages = self.pools().map(Producer::usage);
        usages.map(|it| u64::from(it.held + it.writing)).sum()
    }

    fn pools(&self) -> impl Iterator<Item = &Producer<M>> {
        let replaced = self.replaced.iter().map(|(pool, _)| pool);
        self.current.iter().chain(replaced)
    }
}

impl<M: Memory> fmt::Debug for CameraPools<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CameraPools");
        debug
            .field("name", &self.name)
            .field("current", &self.current);
        debug.finish_non_exhaustive()
    }
}

/// A pool's name is for people; a camera's id may be anything.
fn pool_name(camera: &str) -> String {
    let mut name: String = camera
        .chars()
        .map(|it| if it.is_control() { '?' } else { it })
        .collect();
    let mut end = name.len().min(MAX_NAME_BYTES);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    if name.is_empty() {
        "camera".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_camera_id_gives_a_valid_name() {
        assert_eq!(pool_name("cam1"), "cam1");
        assert_eq!(pool_name(""), "camera");
        assert_eq!(pool_name("a\nb"), "a?b");
        let long = pool_name(&"é".repeat(100));
        assert!(long.len() <= MAX_NAME_BYTES && long.starts_with('é'));
    }

    #[test]
    fn a_new_size_gets_a_new_pool() {
        let mut pools = CameraPools::<HostMemory>::new((), "cam1", 0);
        let pool_of = |pools: &mut CameraPools, bytes| {
            let slot = pools.begin(bytes, 4).expect("memory for a small pool");
            slot.publish().pool
        };
        let first = pool_of(&mut pools, 500_000);
        assert_eq!(pool_of(&mut pools, 500_000), first);
        let second = pool_of(&mut pools, 1_500_000);
        assert_ne!(second, first);
        assert_ne!(pool_of(&mut pools, 500_000), second);
        assert_eq!(pools.replaced.len(), 2);
        assert_eq!(
            pools.current.as_ref().map(Producer::slots),
            Some(SLOTS_FOR_CONSUMERS + 4)
        );
    }
}
