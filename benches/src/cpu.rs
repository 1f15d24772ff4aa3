//! CPU time of processes.

use std::time::Duration;

/// CPU time that a process has used so far, user and system, in steps of the kernel's clock tick
/// (10 ms as a rule). Nothing if there is no such process.
#[must_use]
pub fn of_process(process_id: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    let ticks = ticks(&text)?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / per_second as f64))
}

/// Fields 14 and 15 (utime, stime) of `/proc/<pid>/stat`; the command in field 2 may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// CPU time of this process so far, exact.
#[must_use]
pub fn of_this_process() -> Duration {
    of_clock(rustix::time::ClockId::ProcessCPUTime)
}

/// CPU time of the calling thread so far, exact.
#[must_use]
pub fn of_this_thread() -> Duration {
    of_clock(rustix::time::ClockId::ThreadCPUTime)
}

fn of_clock(clock: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    let nanos = time.tv_sec * 1_000_000_000 + time.tv_nsec;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// Time that all processes of this machine have used since it started, over all cores.
#[must_use]
pub fn of_machine() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(
        busy(&text)? as f64 / per_second as f64,
    ))
}

/// user, nice, system, irq and softirq of the first line of `/proc/stat`.
fn busy(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields = line
        .split_ascii_whitespace()
        .map(str::parse)
        .collect::<Result<Vec<u64>, _>>();
    let fields = fields.ok().filter(|fields| fields.len() >= 7)?;
    Some([0, 1, 2, 5, 6].iter().map(|index| fields[*index]).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_behind_any_command() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 110 22 33 44 20 0";
        assert_eq!(ticks(stat), Some(132));
        assert_eq!(ticks("42 (cut"), None);
    }

    #[test]
    fn waiting_is_not_busy() {
        let stat = "cpu  10 20 30 4000 5000 60 70 8000 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0";
        assert_eq!(busy(stat), Some(190));
        assert_eq!(busy("cpu0 1 2 3 4 5 6 7"), None);
    }

    #[test]
    fn both_ways_agree_on_this_process() {
        let mut value = 1_u64;
        while of_this_process() < Duration::from_millis(60) {
            value = std::hint::black_box(value.wrapping_mul(3));
        }
        let listed = of_process(std::process::id()).expect("this process is listed");
        let exact = of_this_process();
        let apart = exact.abs_diff(listed);
        assert!(
            apart < Duration::from_millis(50),
            "{listed:?} and {exact:?}"
        );
    }
}
