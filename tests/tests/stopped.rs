//! A process that does not read costs no memory elsewhere: not in dora, nor in the one that sends.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use camweave_tests::{Cameras, Pipeline, kill};
use rustix::process::Signal;

/// Far more bytes than the limit reach the source in this time.
const STOPPED_FOR: Duration = Duration::from_secs(15);
/// What is sent to a stopped process, and as much again for what the allocator keeps.
const MOST_BYTES: u64 = 2 * 32 * 1024 * 1024;

/// Two seconds of noise, which hardly compresses: some 25 MB.
fn noise(path: &Path) {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("testsrc2=s=640x360:r=25:d=2,noise=alls=100:allf=t")
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-qp", "4"])
        .args(["-g", "25", "-pix_fmt", "yuv420p"])
        .arg(path)
        .status();
    assert!(made.expect("ffmpeg runs").success());
}

fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    1024 * kilobytes.unwrap_or_else(|| panic!("no VmRSS in {status}"))
}

#[test]
fn what_waits_for_a_stopped_decoder_is_bounded_in_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clip = folder.path().join("noise.mp4");
    noise(&clip);
    let bytes = std::fs::metadata(&clip).expect("made").len();
    let clip = clip.to_str().expect("UTF-8");
    let cameras = Cameras::start(&["--cameras", "2", "--media", clip, "--at-end", "loop"]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .start();
    run.wait_until("frames of both cameras", |run| {
        run.detected("cam1") > 5 && run.detected("cam2") > 5
    });
    let source = run.process("source").expect("the source has reported");
    let decoder = run.process("decode").expect("the decoder has reported");
    let before = [run.id(), source].map(resident_bytes);
    let received = |run: &Pipeline| -> u64 {
        let report = run.report("source").expect("it has reported");
        report.cameras.values().map(|camera| camera.received).sum()
    };
    let received_before = received(&run);
    kill(decoder, Signal::STOP);
    let stopped = Instant::now();
    while stopped.elapsed() < STOPPED_FOR {
        std::thread::sleep(Duration::from_millis(100));
    }
    let after = [run.id(), source].map(resident_bytes);
    let came = (received(&run) - received_before) * bytes / 50;
    kill(decoder, Signal::CONT);
    assert!(came > 2 * MOST_BYTES, "only {came} bytes came");
    for (name, (before, after)) in ["dora", "source"].iter().zip(before.iter().zip(after)) {
        let grown = after.saturating_sub(*before);
        assert!(
            grown < MOST_BYTES,
            "{name} grew by {grown} bytes while {came} came"
        );
    }
    let reached = run.detected_in_all();
    run.wait_until("frames after the decoder goes on", |run| {
        run.detected_in_all() > reached + 20
    });
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    results.check_accounts();
    for camera in &results.summary.cameras {
        let dropped = camera.dropped.get("source.receiver_stopped");
        assert!(dropped.is_some_and(|frames| *frames > 0), "{camera:?}");
    }
}
