//! The disk of a spool loses its power at random moments: no record is lost that was said to be on disk
//! and not to be delivered.
//!
//! 8 times, or as often as `CAMWEAVE_CUTS` says.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camweave_spool::{Options, Spool, Stored};
use camweave_testing::CutDisk;

/// Tells a test of this file that it is the process whose disk is cut: the spool's folder.
const CHILD: &str = "CAMWEAVE_CUT_CHILD";
/// Small enough that segments are begun and removed all the time, large enough that none is dropped.
const OPTIONS: Options = Options {
    bytes: 1 << 20,
    memory_bytes: 1 << 20,
};

/// The bytes of a record: its number, as often as its length takes.
fn bytes(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1 + (number * 7 % 90) as usize)
}

/// Appends, and delivers more slowly, until its disk fails. Says what is on disk and what is delivered.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(CHILD).map(PathBuf::from) else {
        return;
    };
    let (mut spool, _) = Spool::open(&folder, OPTIONS).expect("the last one is dead");
    let mut out = std::io::stdout().lock();
    let mut say = |what: &str, number: u64| {
        writeln!(out, "{what} {number}").expect("the parent reads");
        out.flush().expect("the parent reads");
    };
    for round in 0_u64.. {
        let end = spool.end();
        let batch = end..end + 1 + round % 5;
        let appended = spool.append(0, batch.clone().map(bytes).collect());
        match appended.expect("short enough") {
            Stored::OnDisk => say("kept", batch.end),
            Stored::InMemory(_) => return,
        }
        if round.is_multiple_of(3) {
            let read = spool.read(0, 16, usize::MAX).expect("it was written");
            if let Some(last) = read.last() {
                // Before it is: what is delivered may be given again, not be lost.
                say("delivered", last.number + 1);
                spool.delivered(last.number + 1);
            }
            if round.is_multiple_of(2) && spool.sync().is_err() {
                return;
            }
        }
    }
}

/// The last number that the child has said of this.
fn last(said: &[String], what: &str) -> Option<u64> {
    let of = |line: &String| line.strip_prefix(what)?.trim().parse().ok();
    said.iter().rev().find_map(of)
}

/// What the child has said, and how much of it before the cut. While ext4 is shut down, `fdatasync` may return
/// without an error although its journal was given up (Linux 6.18; a program of ten lines shows it in one of
/// a hundred cuts), so what was said later was promised by a disk that was no disk any more.
fn run(spool: &Path, life: Duration, disk: &CutDisk) -> (Vec<String>, usize) {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, spool)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test again");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let reading = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            heard.lock().expect("it goes on").push(line);
        }
    });
    std::thread::sleep(life);
    let before = said.lock().expect("it goes on").len();
    disk.cut();
    child.kill().expect("SIGKILL, if it has not ended");
    child.wait().expect("it is dead");
    reading.join().expect("text");
    let said = std::mem::take(&mut *said.lock().expect("it is over"));
    (said, before)
}

#[test]
fn whatever_moment_the_power_is_cut_at_what_was_on_disk_is() {
    if std::env::var_os(CHILD).is_some() {
        return;
    }
    if let Some(refusal) = CutDisk::refusal() {
        return eprintln!("skipped: no file system whose power can be cut: {refusal}");
    }
    let cuts: u64 = std::env::var("CAMWEAVE_CUTS").map_or(8, |it| it.parse().expect("a number"));
    let place = tempfile::tempdir().expect("a folder");
    let mounted = place.path().join("disk");
    std::fs::create_dir(&mounted).expect("writable");
    let mut disk = CutDisk::new(&mounted, 32);
    let folder = mounted.join("spool");
    let (mut kept, mut delivered) = (0, 0);
    let mut random = 0x9e37_79b9_7f4a_7c15_u64 ^ u64::from(std::process::id());
    for cut in 0..cuts {
        // xorshift64
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let life = Duration::from_micros(50_000 + random % 500_000);
        let (said, before) = run(&folder, life, &disk);
        disk = disk.after_the_cut();
        kept = last(&said[..before], "kept").unwrap_or(kept);
        delivered = last(&said, "delivered").unwrap_or(delivered);

        let (mut spool, recovered) = Spool::open(&folder, OPTIONS).expect("readable");
        assert_eq!((recovered.missing, spool.dropped()), (0, 0), "cut {cut}");
        let (next, end) = (spool.next(), spool.end());
        assert!(next <= delivered, "cut {cut}: {next}, {delivered}");
        assert!(end >= kept, "cut {cut}: {end} of {kept}, {recovered:?}");
        let found = spool.read(0, usize::MAX, usize::MAX).expect("readable");
        let numbers: Vec<u64> = found.iter().map(|it| it.number).collect();
        assert_eq!(numbers, (next..end).collect::<Vec<_>>(), "cut {cut}");
        for record in found {
            assert_eq!(record.bytes, bytes(record.number), "cut {cut}");
        }
        kept = end;
    }
    eprintln!("{cuts} power cuts, {kept} records, {delivered} delivered: none lost");
    assert!(kept > 10 * cuts, "the cuts came too early");
}
