//! Media times: the bytes of a media file, and what packets of a file or of a live source say of
//! their times.
#![no_main]

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use camweave_demux::fuzzing::{FileTimes, LiveTimes};
use camweave_demux::{Read, Reader, limit_allocations, silence};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pwrite;

const SECOND: i128 = 1_000_000_000;
/// A file of 8 KiB has fewer reads than this.
const MAX_READS: usize = 100_000;

#[derive(Debug, Arbitrary)]
struct Packet {
    pts: Option<i64>,
    dts: Option<i64>,
    duration: i64,
    keyframe: bool,
    hidden: bool,
}

#[derive(Debug, Arbitrary)]
struct Picture {
    pts_nanos: Option<i64>,
    duration_nanos: i64,
    /// After the one before.
    later_nanos: u32,
    start_unix_nanos: Option<i64>,
    arrival_unix_nanos: i64,
}

// The first byte says what the others are.
fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let mut input = Unstructured::new(rest);
    match kind {
        b'p' => drop(file_times(&mut input)),
        b'l' => drop(live_times(&mut input)),
        _ => file(rest),
    }
});

/// Each access unit has its place soon after the one before.
fn file_times(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    // FFmpeg refuses time bases below zero, and frame rates give frames of 1 ms to 10 s.
    let time_base = (
        i32::arbitrary(input)?.saturating_abs(),
        i32::arbitrary(input)?.saturating_abs(),
    );
    let frame_nanos = input.int_in_range(1_000_000..=10_000_000_000_i64)?;
    let mut times = FileTimes::new(time_base, frame_nanos, bool::arbitrary(input)?);
    let most = 2 * 300 * SECOND + 100 * SECOND + 200 * i128::from(frame_nanos);
    let mut last = 0_i128;
    for packet in input.arbitrary_iter::<Packet>()? {
        let Packet {
            pts,
            dts,
            duration,
            keyframe,
            hidden,
        } = packet?;
        let (_, dts) = times.place(pts, dts, duration, keyframe, hidden);
        let dts = i128::from(dts);
        assert!((dts - last).abs() <= most, "from {last} to {dts} ns");
        last = dts;
    }
    Ok(())
}

/// Presentation stays near the arrivals.
fn live_times(input: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut times = LiveTimes::new(Duration::from_secs(2));
    let (mut arrival, mut last) = (0_i64, None::<(i64, i64)>);
    for picture in input.arbitrary_iter::<Picture>()? {
        let picture = picture?;
        arrival += i64::from(picture.later_nanos);
        let (pts, jumped, sender, _) = times.place(
            picture.pts_nanos,
            picture.duration_nanos,
            arrival,
            picture.start_unix_nanos,
            picture.arrival_unix_nanos,
        );
        if let Some((last_pts, last_arrival)) = last {
            let by_arrival = i128::from(last_pts) + i128::from(arrival - last_arrival);
            let off = (i128::from(pts) - by_arrival).abs();
            assert!(off <= 10 * SECOND, "{off} ns from the arrival");
        }
        assert!(!(jumped && sender.is_some()));
        last = Some((pts, arrival));
    }
    Ok(())
}

/// What is no media file is an error of a line; the reads of any other end.
fn file(bytes: &[u8]) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        silence();
        limit_allocations();
    });
    let memory = memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("a memory file");
    let mut at = 0;
    while at < bytes.len() {
        at += pwrite(memory.as_fd(), &bytes[at..], at as u64).expect("room for 8 KiB");
    }
    let path = PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()));
    let mut reader = match Reader::open(&path) {
        Ok(reader) => reader,
        Err(error) => {
            let text = error.to_string();
            assert!(
                text.len() < 1000 && !text.contains(|c: char| c.is_control()),
                "{text:?}"
            );
            return;
        }
    };
    let mut has_rewound = false;
    for _ in 0..MAX_READS {
        match reader.read() {
            Read::Unit(unit) => {
                assert!(!unit.data.is_empty() && unit.duration_nanos > 0);
            }
            Read::Damaged(text) => assert!(text.len() < 1000),
            Read::End(_) if !has_rewound => {
                has_rewound = true;
                if !reader.rewind() {
                    return;
                }
            }
            Read::End(_) => return,
        }
    }
    panic!(
        "more than {MAX_READS} reads of a file of {} bytes",
        bytes.len()
    );
}
