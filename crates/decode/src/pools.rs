//! One camera's slots: a pool for the frames of one size.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camweave_pool::{
    HostMemory, MAX_NAME_BYTES, Memory, PoolError, PoolSpec, Producer, WriteQueues, WriteSlot,
};

use crate::budget::{Budget, Share};

/// Slots beyond those that the decoder itself may hold: what consumers may hold
/// or have on the way, at a few stages of a few frames each.
pub const SLOTS_FOR_CONSUMERS: u32 = 12;
/// With fewer slots beyond the decoder's own, decoding stops whenever a consumer reads.
const LEAST_FOR_CONSUMERS: u32 = 4;
/// The most frames that a decoder holds, by any level of H.264 and H.265.
pub const MAX_DPB: u32 = 16;
/// A pool that was replaced is kept for so long, for references that are on their way and for
/// frames of its size that may come again; less where its room is wanted. As long as a closed
/// loop waits for frames (`RETURN_TIMEOUT_MS` in files-batched.yml).
const KEEP_REPLACED: Duration = Duration::from_secs(30);
/// Pools of small frames differ by less than is worth a new one.
const WORTH_A_POOL: usize = 64 * 1024;

/// Why there is no slot for a frame.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// A camera may never have as much.
    #[error(
        "frames of {bytes} bytes, {slots} of them needed: expected at most {limit} bytes for a camera (CAMERA_MB)"
    )]
    TooLarge {
        /// Bytes of one frame.
        bytes: usize,
        /// Slots that the decoder and its consumers need at least.
        slots: u32,
        /// Bytes that one camera may have.
        limit: u64,
    },
    /// The other pools have all that there is.
    #[error(
        "no room for a pool of {bytes} bytes: {used} of {limit} bytes are in use by all cameras (POOLS_MB)"
    )]
    NoRoom {
        /// Bytes of the pool.
        bytes: u64,
        /// Bytes that the pools of all cameras have.
        used: u64,
        /// Bytes that they may have.
        limit: u64,
    },
    /// The pool has none, or cannot be made.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl SlotError {
    /// The same for interfaces that know pools only; `pool` is the pool's name.
    #[must_use]
    pub fn into_pool_error(self, pool: &str) -> PoolError {
        let value = self.to_string();
        match self {
            Self::Pool(error) => error,
            Self::TooLarge { .. } | Self::NoRoom { .. } => PoolError::InvalidSpec {
                name: pool.to_owned(),
                field: "memory",
                value,
                expected: "a pool within the limits CAMERA_MB and POOLS_MB",
            },
        }
    }

    /// Whether there may be a slot later, when consumers or other cameras let go.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::NoRoom { .. } | Self::Pool(PoolError::Exhausted { .. })
        )
    }
}

/// The pools of one camera. Its bursts overwrite only its own frames.
pub struct CameraPools<M: Memory = HostMemory> {
    place: M::Place,
    name: String,
    /// 0: by the stream.
    slots: u32,
    budget: Arc<Budget>,
    current: Option<Counted<M>>,
    /// The one that was replaced last comes last.
    replaced: Vec<(Counted<M>, Instant)>,
}

/// A pool and its part of the budget.
struct Counted<M: Memory> {
    pool: Producer<M>,
    share: Share,
}

impl<M: Memory> Counted<M> {
    /// A pool serves as long as the frames fit, and fill at least half of it.
    fn serves(&self, bytes: usize, slots: u32) -> bool {
        bytes <= self.pool.slot_bytes()
            && self.pool.slot_bytes() <= bytes.saturating_mul(2).saturating_add(WORTH_A_POOL)
            // The consumers' share makes up for a decoder that asks for a few more.
            && slots <= self.pool.slots() + SLOTS_FOR_CONSUMERS / 2
    }

    fn is_used(&self) -> bool {
        let usage = self.pool.usage();
        usage.held > 0 || usage.writing > 0 || usage.retained > 0
    }
}

impl<M: Memory> CameraPools<M> {
    /// No pool yet; `slots` is what each will have, 0: by the stream.
    #[must_use]
    pub fn new(place: M::Place, camera: &str, slots: u32, budget: &Arc<Budget>) -> Self {
        Self {
            place,
            name: pool_name(camera),
            slots,
            budget: Arc::clone(budget),
            current: None,
            replaced: Vec::new(),
        }
    }

    /// How many slots a pool for frames of `bytes` has, of a decoder that holds up to `dpb`:
    /// fewer where the camera's limit has no room for more.
    ///
    /// # Errors
    /// There is no room for as many as are needed.
    pub fn slots_for(&self, bytes: usize, dpb: u32) -> Result<u32, SlotError> {
        let dpb = dpb.clamp(1, MAX_DPB);
        let (wanted, least) = match self.slots {
            0 => (SLOTS_FOR_CONSUMERS + dpb, LEAST_FOR_CONSUMERS + dpb),
            slots => (slots, slots),
        };
        let limit = self.budget.camera_bytes();
        let fitting = limit / slot_bytes(bytes);
        if fitting < u64::from(least) {
            return Err(SlotError::TooLarge {
                bytes,
                slots: least,
                limit,
            });
        }
        Ok(u64::from(wanted).min(fitting) as u32)
    }

    /// Whether a decoder may have `pictures` of `bytes` in memory of its own, beside the slots that
    /// they are copied to.
    ///
    /// # Errors
    /// There is no room for as many.
    pub fn check_own(&self, bytes: usize, pictures: u32, slot: usize) -> Result<(), SlotError> {
        let limit = self.budget.camera_bytes();
        let slots = u64::from(self.slots_for(slot, 1)?.min(LEAST_FOR_CONSUMERS + 1));
        let own = (bytes as u64).saturating_mul(u64::from(pictures));
        if own.saturating_add(slots * slot_bytes(slot)) <= limit {
            return Ok(());
        }
        Err(SlotError::TooLarge {
            bytes,
            slots: pictures,
            limit,
        })
    }

    /// A slot for a frame of `bytes`, of a decoder that holds up to `dpb` frames.
    ///
    /// A camera that changes the size of its frames gets another pool, the one that
    /// it had for such frames if that is still there.
    ///
    /// # Errors
    /// The pool is exhausted, or a new one cannot be created, or would exceed a limit.
    pub fn begin(&mut self, bytes: usize, dpb: u32) -> Result<WriteSlot<M>, SlotError> {
        let slots = self.slots_for(bytes, dpb)?;
        if let Some(current) = &self.current
            && current.serves(bytes, slots)
        {
            return Ok(current.pool.begin()?);
        }
        let before = self
            .replaced
            .iter()
            .position(|(it, _)| it.serves(bytes, slots));
        let next = match before {
            Some(index) => self.replaced.remove(index).0,
            None => self.make(bytes, slots)?,
        };
        let slot = next.pool.begin();
        if let Some(replaced) = self.current.replace(next) {
            self.replaced.push((replaced, Instant::now()));
        }
        Ok(slot?)
    }

    fn make(&mut self, bytes: usize, slots: u32) -> Result<Counted<M>, SlotError> {
        let spec = PoolSpec {
            name: self.name.clone(),
            slots,
            slot_bytes: bytes,
        };
        let share = self.room(slot_bytes(bytes).saturating_mul(u64::from(slots)))?;
        // A camera has one decoder at a time, which writes on one queue. A decoder that follows
        // another writes into the same pools: so a decoder leaves no write under way when it is
        // closed (nvdec's waits for each copy before its slot is published).
        let pool = Producer::create_for(&self.place, &spec, WriteQueues::One)?;
        tracing::debug!(pool = %pool.id(), camera = %self.name, slots, bytes, "new pool");
        Ok(Counted { pool, share })
    }

    /// Room for a pool of `bytes`. Pools that were replaced are dropped for it, oldest first, then
    /// the current one; those that somebody uses do not.
    fn room(&mut self, bytes: u64) -> Result<Share, SlotError> {
        loop {
            let own: u64 = self.pools().map(|it| it.share.bytes()).sum();
            let fits = own.saturating_add(bytes) <= self.budget.camera_bytes().max(bytes);
            if fits && let Some(share) = self.budget.take(bytes) {
                return Ok(share);
            }
            let idle = self.replaced.iter().position(|(it, _)| !it.is_used());
            if let Some(index) = idle {
                self.replaced.remove(index);
            } else if self.current.as_ref().is_some_and(|it| !it.is_used()) {
                self.current = None;
            } else if fits {
                return Err(SlotError::NoRoom {
                    bytes,
                    used: self.budget.used(),
                    limit: self.budget.total_bytes(),
                });
            } else {
                return Err(SlotError::NoRoom {
                    bytes,
                    used: own,
                    limit: self.budget.camera_bytes(),
                });
            }
        }
    }

    /// Gives back the pools that were replaced and that nobody reads any more.
    pub fn tidy(&mut self) {
        self.replaced
            .retain(|(it, since)| since.elapsed() < KEEP_REPLACED || it.is_used());
    }

    /// Whether a consumer holds a slot.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.pools().any(|it| it.pool.usage().held > 0)
    }

    /// Slots that consumers hold or that are being written.
    #[must_use]
    pub fn slots_in_use(&self) -> u64 {
        let usages = self.pools().map(|it| it.pool.usage());
        usages.map(|it| u64::from(it.held + it.writing)).sum()
    }

    fn pools(&self) -> impl Iterator<Item = &Counted<M>> {
        let replaced = self.replaced.iter().map(|(pool, _)| pool);
        self.current.iter().chain(replaced)
    }
}

impl<M: Memory> fmt::Debug for CameraPools<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CameraPools");
        debug
            .field("name", &self.name)
            .field("current", &self.current.as_ref().map(|it| &it.pool));
        debug.finish_non_exhaustive()
    }
}

/// Slots are whole pages.
fn slot_bytes(bytes: usize) -> u64 {
    const PAGE: u64 = 4096;
    (bytes as u64)
        .max(1)
        .checked_next_multiple_of(PAGE)
        .unwrap_or(u64::MAX)
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

    const MIB: u64 = 1 << 20;

    fn pools(camera_bytes: u64, total_bytes: u64) -> (CameraPools, Arc<Budget>) {
        let budget = Budget::new(camera_bytes, total_bytes);
        let pools = CameraPools::<HostMemory>::new((), "cam1", 0, &budget);
        (pools, budget)
    }

    fn pool_of(pools: &mut CameraPools, bytes: usize) -> camweave_pool::PoolId {
        let slot = pools.begin(bytes, 4).expect("memory for a small pool");
        slot.publish().pool
    }

    #[test]
    fn a_new_size_gets_a_new_pool_and_an_old_one_the_old() {
        let (mut pools, budget) = pools(256 * MIB, 512 * MIB);
        let first = pool_of(&mut pools, 500_000);
        assert_eq!(pool_of(&mut pools, 500_000), first);
        let second = pool_of(&mut pools, 1_500_000);
        assert_ne!(second, first);
        let used = budget.used();
        for _ in 0..100 {
            assert_eq!(pool_of(&mut pools, 500_000), first);
            assert_eq!(pool_of(&mut pools, 1_500_000), second);
        }
        assert_eq!((budget.used(), pools.replaced.len()), (used, 1));
        let slots = pools.current.as_ref().map(|it| it.pool.slots());
        assert_eq!(slots, Some(SLOTS_FOR_CONSUMERS + 4));
        drop(pools);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_camera_that_changes_its_size_all_the_time_stays_within_its_limit() {
        let (mut pools, budget) = pools(16 * MIB, 512 * MIB);
        for step in 1..60 {
            pool_of(&mut pools, 25_000 * step);
            assert!(budget.used() <= 16 * MIB, "{} at {step}", budget.used());
        }
        // A frame of which as many fit as a decoder needs is taken, with fewer slots.
        let slots = pools.slots_for(7 << 18, 4).expect("nine of them fit");
        assert_eq!(slots, 9);
        let error = pools
            .begin(9 << 18, 4)
            .expect_err("seven of them fit, of eight");
        assert!(
            matches!(error, SlotError::TooLarge { slots: 8, .. }),
            "{error}"
        );
        assert!(!error.is_temporary());
    }

    #[test]
    fn what_others_have_is_not_there_and_comes_back() {
        let budget = Budget::new(64 * MIB, 40 * MIB);
        let mut first = CameraPools::<HostMemory>::new((), "cam1", 0, &budget);
        let mut second = CameraPools::<HostMemory>::new((), "cam2", 0, &budget);
        pool_of(&mut first, 2 << 20);
        let error = second.begin(2 << 20, 4).expect_err("8 MiB are left of 32");
        assert!(
            matches!(error, SlotError::NoRoom { .. }) && error.is_temporary(),
            "{error}"
        );
        drop(first);
        pool_of(&mut second, 2 << 20);
    }

    #[test]
    fn a_pool_that_is_used_is_not_dropped() {
        let (mut pools, _) = pools(40 * MIB, 512 * MIB);
        let held = pools.begin(2 << 20, 4).expect("room");
        let error = pools.begin(1 << 20, 16).expect_err("8 MiB are left of 28");
        assert!(error.is_temporary(), "{error}");
        drop(held);
        assert!(pools.begin(1 << 20, 16).is_ok());
    }
}
