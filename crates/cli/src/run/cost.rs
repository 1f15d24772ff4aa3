//! What processes cost, as the kernel accounts for it.

use std::fs;
use std::path::Path;

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
    pub fn of(process: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        let per_second = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
        let ticks_nanos = ticks(&stat)? * (1_000_000_000 / per_second.max(1));
        let tasks = fs::read_dir(format!("/proc/{process}/task")).ok()?;
        let threads = tasks.filter_map(|task| {
            let (ran, _) = thread_nanos(&task.ok()?.path())?;
            i64::try_from(ran).ok()
        });
        Some(Self {
            ticks_nanos,
            threads_nanos: threads.sum(),
        })
    }

    /// Nanoseconds since `earlier`: by the threads, unless some of them have ended meanwhile.
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

/// What a thread, a folder of `/proc/<pid>/task`, has done so far, in nanoseconds: on a core, and
/// ready to run while others had the cores.
pub fn thread_nanos(task: &Path) -> Option<(u64, u64)> {
    let text = fs::read_to_string(task.join("schedstat")).ok()?;
    let mut fields = text
        .split_ascii_whitespace()
        .map_while(|it| it.parse().ok());
    Some((fields.next()?, fields.next()?))
}

/// Fields 14 and 15 (utime, stime) of `/proc/<pid>/stat`; the command in field 2 may hold anything.
fn ticks(stat: &str) -> Option<i64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: i64 = fields.next()?.parse().ok()?;
    let system: i64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// A process and all that it has started, directly or not, as far as it lives.
pub fn family(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let parents: Vec<(u32, u32)> = entries
        .filter_map(|entry| {
            let process = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((process, parent(&stat)?))
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

/// Field 4 (ppid) of `/proc/<pid>/stat`.
fn parent(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Memory of a process in MiB: its own, and its part of what it shares (PSS); where the kernel
/// does not say that, all that it has mapped and present (RSS).
pub fn memory_mib(process: u32) -> Option<f64> {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: f64 = line.split_ascii_whitespace().next()?.parse().ok()?;
        Some(kibibytes / 1024.0)
    };
    field("smaps_rollup", "Pss:").or_else(|| field("status", "VmRSS:"))
}

/// Whether the process is there, and no zombie.
pub fn is_alive(process: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    state.is_some_and(|state| !['Z', 'X'].contains(&state))
}

/// Time that all processes of this machine have used since it started, over all cores, in
/// nanoseconds: user, nice and system of the first line of `/proc/stat`. Interrupts are nobody's: those
/// of the cameras' packets are the measurement's own.
pub fn machine_nanos() -> Option<i64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<i64> = line
        .split_ascii_whitespace()
        .map_while(|field| field.parse().ok())
        .collect();
    let per_second = i64::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    let busy = |index: usize| fields.get(index).copied();
    let ticks = busy(0)? + busy(1)? + busy(2)?;
    Some(ticks * (1_000_000_000 / per_second.max(1)))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;

    #[test]
    fn the_command_may_hold_anything() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 110 22 33 44 20 0";
        assert_eq!(ticks(stat), Some(132));
        assert_eq!(parent(stat), Some(1));
        assert_eq!(ticks("42 (cut"), None);
    }

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
