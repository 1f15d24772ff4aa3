//! What each thread of the graph and each core did, as the kernel accounts for it.

use std::collections::BTreeMap;
use std::fs;
use std::time::Instant;

use crate::cost;

/// Time of a thread so far, in nanoseconds.
#[derive(Debug, Clone, Default)]
struct Thread {
    name: String,
    /// On a core.
    ran: u64,
    /// Ready to run, while others had the cores.
    delayed: u64,
}

/// Time of the usable cores so far, in the kernel's ticks, summed over them.
#[derive(Debug, Clone, Copy, Default)]
struct Cores {
    busy: u64,
    /// Taken by other machines of the host.
    stolen: u64,
}

/// The accounts at one moment.
#[derive(Debug, Clone)]
pub struct Moment {
    at: Instant,
    cores: Cores,
    /// By process, then by thread.
    threads: BTreeMap<u32, BTreeMap<u32, Thread>>,
}

/// What one thread did between two moments, in parts of the time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ThreadUse {
    /// Its name, as the kernel has it: 15 characters at most.
    pub name: String,
    /// On a core.
    pub ran: f64,
    /// Ready to run, while others had the cores.
    pub delayed: f64,
}

/// What threads and cores did between two moments.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Usage {
    /// Cores' worth of time in which programs and the kernel computed, of the usable cores.
    pub busy_cores: f64,
    /// The same that other machines of the host took.
    pub stolen_cores: f64,
    /// By process.
    pub threads: BTreeMap<u32, Vec<ThreadUse>>,
}

impl Moment {
    /// Now, of these processes.
    #[must_use]
    pub fn take(processes: impl Iterator<Item = u32>) -> Self {
        let threads = processes.map(|process| (process, threads(process)));
        Self {
            threads: threads.collect(),
            cores: cores(&usable()),
            at: Instant::now(),
        }
    }

    /// What happened since `earlier`; threads that began later count from their begin.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Usage {
        let nanos = (self.at - earlier.at).as_nanos().max(1) as f64;
        let ticks = nanos / 1e9 * rustix::param::clock_ticks_per_second() as f64;
        let part = |now: u64, then: u64| now.saturating_sub(then) as f64;
        let none = BTreeMap::new();
        let of_process = |(process, now): (&u32, &BTreeMap<u32, Thread>)| {
            let then = earlier.threads.get(process).unwrap_or(&none);
            let threads = now.iter().map(|(id, thread)| {
                let begin = then.get(id).cloned().unwrap_or_default();
                ThreadUse {
                    name: thread.name.clone(),
                    ran: part(thread.ran, begin.ran) / nanos,
                    delayed: part(thread.delayed, begin.delayed) / nanos,
                }
            });
            (*process, threads.collect())
        };
        Usage {
            busy_cores: part(self.cores.busy, earlier.cores.busy) / ticks,
            stolen_cores: part(self.cores.stolen, earlier.cores.stolen) / ticks,
            threads: self.threads.iter().map(of_process).collect(),
        }
    }
}

fn threads(process: u32) -> BTreeMap<u32, Thread> {
    let tasks = cost::find(process).and_then(|process| process.tasks().ok());
    let threads = tasks.into_iter().flatten().flatten();
    threads
        .filter_map(|thread| {
            let time = thread.schedstat().ok()?;
            let found = Thread {
                name: thread.stat().ok()?.comm,
                ran: time.sum_exec_runtime,
                delayed: time.run_delay,
            };
            Some((thread.tid.cast_unsigned(), found))
        })
        .collect()
}

/// The numbers of the cores that this process, and so the graph, may use.
fn usable() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else {
        return Vec::new();
    };
    let all = 0..rustix::thread::CpuSet::MAX_CPU;
    all.filter(|core| set.is_set(*core)).collect()
}

/// How many cores the graph may use: by its affinity and its control group's quota.
#[must_use]
pub fn usable_cores() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64)
}

/// Whether a quota allows less than the cores that may be used: then how busy those are says
/// nothing of the graph's limit.
#[must_use]
pub fn has_quota() -> bool {
    usable_cores() < usable().len() as f64
}

fn cores(usable: &[usize]) -> Cores {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    sum(&text, usable)
}

/// By the cores' numbers, which `procfs` leaves out and which have gaps where cores are offline:
/// `cpu3 user nice system idle iowait irq softirq steal ...`, a line for each core.
fn sum(stat: &str, usable: &[usize]) -> Cores {
    let mut sum = Cores::default();
    for line in stat.lines() {
        let mut words = line.split_ascii_whitespace();
        let core = words.next().and_then(|word| word.strip_prefix("cpu"));
        let Some(core) = core.and_then(|number| number.parse::<usize>().ok()) else {
            continue;
        };
        let ticks: Vec<u64> = words.map_while(|it| it.parse().ok()).collect();
        let at = |index: usize| ticks.get(index).copied().unwrap_or(0);
        if usable.contains(&core) {
            sum.busy += at(0) + at(1) + at(2) + at(5) + at(6);
            sum.stolen += at(7);
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_usable_cores_count() {
        let stat =
            "cpu  9 9 9 9 9 9 9 9\ncpu0 1 2 3 90 91 4 5 6 0 0\ncpu1 100 0 0 0 0 0 0 0\nintr 7\n";
        let found = sum(stat, &[0]);
        assert_eq!((found.busy, found.stolen), (15, 6));
        assert_eq!(sum(stat, &[0, 1]).busy, 115);
        assert_eq!(sum("", &[0]).busy, 0);
    }

    #[test]
    fn a_thread_that_computes_is_seen_to() {
        let me = std::process::id();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let busy = std::thread::Builder::new().name("computes-here".to_owned());
        let busy = busy.spawn(move || {
            let mut value = 1_u64;
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                value = std::hint::black_box(value.wrapping_mul(3));
            }
        });
        let busy = busy.expect("a thread");
        let begin = Moment::take([me].into_iter());
        std::thread::sleep(std::time::Duration::from_millis(300));
        let usage = Moment::take([me].into_iter()).since(&begin);
        drop(stop);
        busy.join().expect("it ends");
        let threads = &usage.threads[&me];
        let found = threads.iter().find(|it| it.name == "computes-here");
        let found = found.expect("it is listed");
        // Others may have had the cores meanwhile.
        assert!(found.ran + found.delayed > 0.3, "{found:?}");
        assert!(usage.busy_cores + usage.stolen_cores > 0.05, "{usage:?}");
    }
}
