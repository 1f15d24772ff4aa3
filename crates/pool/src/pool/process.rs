//! Which process and host this is, and whether another process still lives. Read from `/proc`.

use std::fs::{self, File};
use std::io::{self, Read as _};

use super::memory_error::MemoryError;
use crate::protocol::consumers::Process;

/// What must be equal for two processes to find each other through `/proc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Host {
    /// Random UUID of this boot of the kernel (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: u128,
    /// Inode of the process id namespace, so that containers are told apart.
    pub pid_namespace: u64,
}

impl Host {
    /// The host of this process.
    ///
    /// # Errors
    /// `/proc` is missing or says something that Linux does not.
    pub fn current() -> Result<Self, MemoryError> {
        const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
        const NAMESPACE: &str = "/proc/self/ns/pid";
        let text =
            fs::read_to_string(BOOT_ID).map_err(MemoryError::io(|| format!("read {BOOT_ID}")))?;
        let boot_id =
            parse_uuid(text.trim_end()).ok_or_else(|| unlike(BOOT_ID, &text, "a UUID"))?;
        let namespace = rustix::fs::stat(NAMESPACE)
            .map_err(MemoryError::io(|| format!("look at {NAMESPACE}")))?;
        Ok(Self {
            boot_id,
            pid_namespace: namespace.st_ino,
        })
    }
}

/// Whether a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Liveness {
    Alive,
    /// It is gone, or a zombie that will never again touch memory.
    Dead,
    /// `/proc` gave no answer. Treated as alive: a slot kept is better than a slot torn.
    Unknown,
}

/// This process.
pub(crate) fn current() -> Result<Process, MemoryError> {
    const STAT: &str = "/proc/self/stat";
    let mut buffer = [0; STAT_BYTES];
    let stat = read_stat(STAT, &mut buffer).map_err(MemoryError::io(|| format!("read {STAT}")))?;
    parse_stat(stat)
        .and_then(|stat| Process::new(stat.pid, stat.start_ticks))
        .ok_or_else(|| {
            unlike(
                STAT,
                &String::from_utf8_lossy(stat),
                "a line of proc_pid_stat(5)",
            )
        })
}

pub(crate) fn liveness(process: Process) -> Liveness {
    let mut buffer = [0; STAT_BYTES];
    let stat = match read_stat(&format!("/proc/{}/stat", process.pid()), &mut buffer) {
        Ok(stat) => stat,
        Err(error) if is_gone(&error) => return Liveness::Dead,
        Err(_) => return Liveness::Unknown,
    };
    match parse_stat(stat) {
        Some(stat) if stat.start_ticks != process.start_ticks() => Liveness::Dead,
        // A main thread that has ended shows as a zombie while other threads still run.
        Some(stat) if stat.has_ended && stat.threads <= 1 => Liveness::Dead,
        Some(_) => Liveness::Alive,
        None => Liveness::Unknown,
    }
}

/// Whether an error of a `/proc/<pid>` file says that the process does not exist.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    let code = error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error);
    matches!(
        code,
        Some(rustix::io::Errno::NOENT | rustix::io::Errno::SRCH)
    )
}

/// Reads a UUID in its canonical text form: lower case, with hyphens.
pub(crate) fn parse_uuid(text: &str) -> Option<u128> {
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    if text.len() != 36 {
        return None;
    }
    text.bytes()
        .enumerate()
        .try_fold(0, |value, (place, byte)| {
            if HYPHENS.contains(&place) {
                return (byte == b'-').then_some(value);
            }
            Some(value << 4 | u128::from(hex_digit(byte)?))
        })
}

/// The value of a lower-case hexadecimal digit.
pub(crate) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

pub(crate) fn format_uuid(value: u128) -> String {
    let digits = format!("{value:032x}");
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

fn unlike(what: &'static str, found: &str, expected: &str) -> MemoryError {
    MemoryError::Mismatch {
        what,
        found: found.escape_debug().to_string(),
        expected: expected.to_owned(),
    }
}

/// Enough for the first 22 fields, whose longest is a name of at most 64 bytes.
const STAT_BYTES: usize = 1024;

fn read_stat<'a>(path: &str, buffer: &'a mut [u8; STAT_BYTES]) -> io::Result<&'a [u8]> {
    let length = File::open(path)?.read(buffer)?;
    Ok(&buffer[..length])
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    pid: u32,
    has_ended: bool,
    threads: u64,
    start_ticks: u64,
}

/// Fields 1, 3, 20 and 22 of `proc_pid_stat(5)`. The name in field 2 may contain anything, also
/// parentheses and bytes that are no text, so fields count from its last parenthesis.
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let text = String::from_utf8_lossy(stat);
    let (pid, _) = text.split_once(' ')?;
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let threads = fields.nth(16)?;
    let start_ticks = fields.nth(1)?;
    Some(Stat {
        pid: pid.parse().ok()?,
        has_ended: matches!(state, "Z" | "X" | "x"),
        threads: threads.parse().ok()?,
        start_ticks: start_ticks.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_process_name_does_not_shift_fields() {
        let line =
            b"4711 (a) R 1 \xff (b) Z 1 4711 4711 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 3 0 987654 2 3";
        let stat = Stat {
            pid: 4711,
            has_ended: true,
            threads: 3,
            start_ticks: 987_654,
        };
        assert_eq!(parse_stat(line), Some(stat));
        assert_eq!(parse_stat(b"4711 (a) R 1 2"), None);
        assert_eq!(parse_stat(b""), None);
    }

    #[test]
    fn this_process_lives_and_its_predecessor_does_not() {
        let this = current().expect("Linux has /proc");
        assert_eq!(this.pid(), std::process::id());
        assert_eq!(liveness(this), Liveness::Alive);
        let earlier = Process::new(this.pid(), this.start_ticks() - 1).expect("a possible process");
        assert_eq!(liveness(earlier), Liveness::Dead);
        let nobody = Process::new((1 << 22) - 1, 1).expect("a possible process");
        assert_eq!(liveness(nobody), Liveness::Dead);
    }

    #[test]
    fn uuids_are_read_in_canonical_form_only() {
        let text = "0a1b2c3d-0405-4607-8809-0a0b0c0d0e0f";
        let value = parse_uuid(text).expect("a UUID");
        assert_eq!(format_uuid(value), text);
        for wrong in [
            "",
            "-",
            "0A1B2C3D-0405-4607-8809-0a0b0c0d0e0f",
            "0a1b2c3d040546078809-0a0b0c0d0e0f",
            "+a1b2c3d-0405-4607-8809-0a0b0c0d0e0f",
        ] {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }
}
