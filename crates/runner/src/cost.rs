//! What processes cost, as the kernel accounts for it.

use procfs::process::{Process, Stat, all_processes};
use procfs::{CurrentSI as _, KernelStats};

/// CPU time of a process so far, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// By the process's account, in the kernel's ticks; whole, but coarse (10 ms).
    pub ticks_nanos: i64,
    /// By its living threads' accounts; exact, but threads that have ended are missing.
    pub threads_nanos: i64,
}

/// Both accounts round to a tick, user and system time apart.
const TICKS_ERR_NANOS: i64 = 30_000_000;

impl CpuTime {
    /// Of a process; `None` if there is no such process.
    #[must_use]
    pub fn of(process: u32) -> Option<Self> {
        let process = find(process)?;
        let Stat { utime, stime, .. } = process.stat().ok()?;
        let threads = process.tasks().ok()?.flatten();
        let threads = threads.filter_map(|thread| thread.schedstat().ok());
        let threads: u64 = threads.map(|thread| thread.sum_exec_runtime).sum();
        Some(Self {
            ticks_nanos: nanos(utime + stime),
            threads_nanos: i64::try_from(threads).unwrap_or(i64::MAX),
        })
    }

    /// Nanoseconds since `earlier`: by the threads, unless some of them have ended meanwhile.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        let coarse = self.ticks_nanos - earlier.ticks_nanos;
        let exact = self.threads_nanos - earlier.threads_nanos;
        if (coarse - exact).abs() <= TICKS_ERR_NANOS {
            exact
        } else {
            coarse
        }
    }
}

pub(crate) fn find(process: u32) -> Option<Process> {
    Process::new(i32::try_from(process).ok()?).ok()
}

/// The kernel's ticks as nanoseconds.
fn nanos(ticks: u64) -> i64 {
    let nanos = ticks.saturating_mul(1_000_000_000 / procfs::ticks_per_second().max(1));
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// The process that has started another one, or has taken it over from one that has ended.
#[must_use]
pub fn parent(process: u32) -> Option<u32> {
    let stat = find(process)?.stat().ok()?;
    u32::try_from(stat.ppid).ok()
}

/// A process and all that it has started, directly or not, as far as it lives.
#[must_use]
pub fn family(root: u32) -> Vec<u32> {
    let found = all_processes().into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = found
        .filter_map(|process| {
            let parent = process.stat().ok()?.ppid;
            Some((process.pid().cast_unsigned(), parent.cast_unsigned()))
        })
        .collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&member) = family.get(next) {
        let children = parents.iter().filter(|(_, parent)| *parent == member);
        family.extend(children.map(|(child, _)| *child));
        next += 1;
    }
    family
}

/// Memory of a process in MiB: its own, and its part of what it shares (PSS); where the kernel
/// does not say that, all that it has mapped and present (RSS).
#[must_use]
pub fn memory_mib(process: u32) -> Option<f64> {
    let process = find(process)?;
    let maps = process.smaps_rollup().ok();
    let maps = maps.and_then(|it| it.memory_map_rollup.into_iter().next());
    let bytes = maps.and_then(|it| it.extension.map.get("Pss").copied());
    let bytes = bytes.or_else(|| Some(process.status().ok()?.vmrss? * 1024));
    Some(bytes? as f64 / 1_048_576.0)
}

/// What a process has mapped in MiB that is no file's, by counters that the kernel keeps. To add up
/// pages instead ([`memory_mib`]) can stop a process of gigabytes for some time.
#[must_use]
pub fn private_mib(process: u32) -> Option<f64> {
    let status = find(process)?.status().ok()?;
    let kibibytes = status.rssanon? + status.rssshmem.unwrap_or(0);
    Some(kibibytes as f64 / 1024.0)
}

/// Whether the process is there, and no zombie.
#[must_use]
pub fn is_alive(process: u32) -> bool {
    let stat = find(process).and_then(|process| process.stat().ok());
    stat.is_some_and(|stat| !['Z', 'X'].contains(&stat.state))
}

/// Time that all processes of this machine have used since it started, over all cores, in
/// nanoseconds: user, nice and system. Interrupts are nobody's: those of the cameras' packets are the
/// measurement's own.
#[must_use]
pub fn machine_nanos() -> Option<i64> {
    let total = KernelStats::current().ok()?.total;
    Some(nanos(total.user + total.nice + total.system))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    #[test]
    fn children_of_children_are_of_the_family() {
        let mut shell = Command::new("sh");
        // The shell waits for its own child, and prints which that is.
        let child = shell
            .args(["-c", "sleep 60 & echo $!; wait"])
            .stdout(Stdio::piped())
            .spawn();
        let mut child = child.expect("every system has a shell");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a line");
        let grandchild: u32 = line.trim().parse().expect("a number");
        let family = family(std::process::id());
        assert!(family.contains(&std::process::id()));
        assert!(family.contains(&child.id()) && family.contains(&grandchild));
        assert!(!family.contains(&1));
        for process in [grandchild, child.id()] {
            let process = i32::try_from(process).ok().and_then(Pid::from_raw);
            kill_process(process.expect("a process"), Signal::KILL).expect("it runs");
        }
        child.wait().expect("it ends");
    }

    #[test]
    fn threads_count_exactly_and_ended_ones_are_not_lost() {
        let earlier = CpuTime::default();
        let now = |ticks_nanos, threads_nanos| CpuTime {
            ticks_nanos,
            threads_nanos,
        };
        assert_eq!(now(100_000_000, 104_321_000).since(earlier), 104_321_000);
        assert_eq!(now(900_000_000, 104_321_000).since(earlier), 900_000_000);
    }

    #[test]
    fn this_process_agrees_with_its_own_clock() {
        let me = std::process::id();
        let begin = CpuTime::of(me).expect("this process is listed");
        let mut value = 1_u64;
        let clock = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
            time.tv_sec * 1_000_000_000 + time.tv_nsec
        };
        let from = clock();
        while clock() - from < 80_000_000 {
            value = std::hint::black_box(value.wrapping_mul(3));
        }
        let used = CpuTime::of(me).expect("listed").since(begin);
        let exact = clock() - from;
        assert!((used - exact).abs() < 40_000_000, "{used} and {exact}");
        assert!(memory_mib(me).is_some_and(|mib| mib > 0.5) && is_alive(me));
    }
}
