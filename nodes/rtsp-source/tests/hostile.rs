//! Cameras that attack cost themselves alone: the memory is bounded, and the healthy camera
//! loses nothing.

mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Cameras, open};

/// Paths of `tests/field/hostile/rtsp_server.py`, and the error that names what is wrong; none
/// where nothing ends the session for sure.
const ATTACKS: &[(&str, Option<&str>)] = &[
    ("biglen", Some("too_large")),
    ("midlen", Some("too_large")),
    ("headers", Some("too_large")),
    ("oneline", Some("too_large")),
    ("bigsdp", Some("too_large")),
    ("tracks", Some("too_large")),
    ("fua", Some("too_large")),
    ("bigau70", Some("too_large")),
    ("flood3000", None),
    ("ppsbomb", None),
    ("tiny", Some("too_fast")),
    ("tinyidr", Some("too_fast")),
    ("tinyfua", Some("too_fast")),
    ("rtpflood", Some("too_fast")),
    ("rtcpflood", Some("too_fast")),
    ("unknownmsgs", None),
    ("stap", None),
    ("jumps", None),
];
/// How long each lasts.
const LASTS: Duration = Duration::from_secs(3);
/// Beyond what the healthy camera needs.
const MEMORY_BYTES: u64 = 150 * 1024 * 1024;
/// The healthy camera's.
const FRAMES_PER_SECOND: f64 = 10.0;

/// 2 s, and one more for a loaded machine; the backlog alone takes longer.
const BACK_WITHIN: Duration = Duration::from_secs(3);

struct Server(Child, u16);

impl Server {
    fn port(&self) -> u16 {
        self.1
    }

    fn start() -> Self {
        let port = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a port");
            free.local_addr().expect("it").port()
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/field/hostile/rtsp_server.py");
        let child = Command::new("python3")
            .arg(script)
            .arg(port.to_string())
            .stderr(Stdio::null())
            .spawn()
            .expect("the python3 command (Debian package python3)");
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "no server");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes in memory at most so far.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_ascii_whitespace().next());
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        * 1024
}

#[test]
fn a_camera_that_attacks_costs_itself_alone() {
    let good = Server::start();
    let mut complaints = Vec::new();
    let mut peaks = BTreeMap::new();
    for (attack, state) in ATTACKS {
        // A server of its own, so that the attack does not slow the good camera down itself.
        let bad = Server::start();
        let yaml = format!(
            "  - {{id: good, url: 'rtsp://127.0.0.1:{}/good'}}\n  - {{id: bad, url: 'rtsp://127.0.0.1:{}/{attack}'}}\n",
            good.1, bad.1
        );
        let mut source = open(&yaml, &[("STALL_TIMEOUT_MS", "20000")]).expect("a source");
        source.run_until("the good camera", |source| {
            source.counters("good").received > 0
        });
        let (first, began) = (source.counters("good").received, Instant::now());
        source.discard_for(LASTS);
        let counters = source.counters("good");
        let expected = began.elapsed().as_secs_f64() * FRAMES_PER_SECOND - 1.0;
        let frames = (counters.received - first) as f64;
        if frames < 0.98 * expected || !counters.dropped.is_empty() || !counters.errors.is_empty() {
            complaints.push(format!(
                "{attack}: the good camera has {frames} of {expected} frames: {counters:?}"
            ));
        }
        let bad = source.counters("bad");
        if let Some(state) = state
            && !bad.errors.contains_key(*state)
        {
            complaints.push(format!("{attack}: expected {state}: {bad:?}"));
        }
        source.close();
        let bad = source.counters("bad");
        let dropped: u64 = bad.dropped.values().sum();
        if bad.received != source.discarded("bad") + dropped {
            complaints.push(format!(
                "{attack}: gave out {}: {bad:?}",
                source.discarded("bad")
            ));
        }
        drop(source);
        peaks.insert(*attack, peak_memory() >> 20);
    }
    assert!(
        complaints.is_empty(),
        "{}\nMiB {peaks:?}",
        complaints.join("\n")
    );
    assert!(peak_memory() < MEMORY_BYTES, "MiB {peaks:?}");
    tracing::info!("peak memory in MiB after each: {peaks:?}");
}

/// What a flood leaves in the buffers of both ends is not waited for.
#[test]
fn a_camera_that_flooded_is_live_soon_after_its_end() {
    let folder = support::folder();
    let file = support::make(folder.path(), "clip.mp4", 25, support::X264);
    for attack in ["tiny", "tinyfua", "tinyidr", "rtcpflood"] {
        let bad = Server::start();
        let port = bad.port();
        let yaml = format!("  - {{id: cam, url: 'rtsp://127.0.0.1:{port}/{attack}'}}\n");
        let mut source = open(&yaml, &[]).expect("a source");
        source.discard_for(LASTS);
        drop(bad);
        let ended = Instant::now();
        let clip = support::clip(&file);
        let camera = support::camera(attack, &clip, None, &[]);
        let _cameras = Cameras::start(vec![camera], None, port);
        source.run_until("a frame of its own", |source| {
            source.units.iter().any(|unit| unit.data.len() > 100)
        });
        let back = ended.elapsed();
        assert!(back < BACK_WITHIN, "{attack}: {back:?}");
        source.run_until("the state", |source| source.state("cam") == "streaming");
        assert!(source.errors("cam", "too_fast") > 0, "{attack}");
    }
}
