//! How much memory frames may take, in bytes: of one camera, and of all cameras of a process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a control group of this process has its limit (cgroups version 2, and version 1).
const GROUP_LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// The pools of a process, in bytes. Shared by all its cameras.
#[derive(Debug)]
pub struct Budget {
    /// For one camera.
    camera_bytes: u64,
    /// For all together.
    total_bytes: u64,
    used: AtomicU64,
}

impl Budget {
    /// Limits in bytes for one camera, and for all cameras of the process.
    #[must_use]
    pub fn new(camera_bytes: u64, total_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            camera_bytes,
            total_bytes,
            used: AtomicU64::new(0),
        })
    }

    /// For one camera, in bytes.
    #[must_use]
    pub fn camera_bytes(&self) -> u64 {
        self.camera_bytes
    }

    /// For all cameras together, in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// Bytes of all pools that there are.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Takes `bytes`, to be given back when the share is dropped. `None`: there is no room.
    pub(crate) fn take(self: &Arc<Self>, bytes: u64) -> Option<Share> {
        let fits = |used: u64| used.checked_add(bytes).filter(|it| *it <= self.total_bytes);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        Some(Share {
            budget: Arc::clone(self),
            bytes,
        })
    }
}

/// A part of a budget that is in use.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Share {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Half of the memory that this process may use, in bytes: that of its control group or of the
/// machine, whichever is less. 4 GiB where neither is known.
#[must_use]
pub fn half_of_memory() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok();
    let groups = GROUP_LIMITS.map(|path| fs::read_to_string(path).ok());
    let groups = groups.iter().flatten();
    half(machine.as_deref(), groups.map(String::as_str))
}

fn half<'a>(meminfo: Option<&str>, groups: impl Iterator<Item = &'a str>) -> u64 {
    const UNKNOWN: u64 = 8 << 30;
    let machine = meminfo.and_then(|text| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kibibytes.checked_mul(1024)
    });
    // 'max', or a number near 2^63, is no limit.
    let limits = groups.filter_map(|text| text.trim().parse().ok());
    limits.chain(machine).min().unwrap_or(UNKNOWN) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let budget = Budget::new(100, 150);
        let first = budget.take(100).expect("room");
        assert!(budget.take(51).is_none());
        let second = budget.take(50).expect("room");
        assert_eq!((budget.used(), first.bytes()), (150, 100));
        drop((first, second));
        assert_eq!(budget.used(), 0);
        assert!(budget.take(u64::MAX).is_none());
    }

    #[test]
    fn the_smallest_limit_counts() {
        let meminfo = Some("MemTotal:       16 kB\nMemFree: 3 kB\n");
        assert_eq!(half(meminfo, [].into_iter()), 8192);
        assert_eq!(half(meminfo, ["max\n", "8192\n"].into_iter()), 4096);
        assert_eq!(half(meminfo, ["9223372036854771712"].into_iter()), 8192);
        assert_eq!(half(None, [].into_iter()), 4 << 30);
    }
}
