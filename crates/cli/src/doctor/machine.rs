//! Cores, memory and ports.

use std::net::TcpListener;

use procfs::{Current as _, Meminfo};
use rustix::fs::{MemfdFlags, memfd_create, statvfs};

use super::report::{Need, Row, State};

/// The port that the demo's cameras do not need, but that a user will know.
const RTSP_PORT: u16 = 554;
/// Room for the pictures of a few cameras and dora's own pools.
const LEAST_MEMORY_MIB: u64 = 512;
/// dora reserves 8 MiB for each node there, and the shipped graphs fill next to nothing of it: a
/// container's usual 64 MiB are enough, also for a check while a graph runs.
const LEAST_SHARED_MIB: u64 = 16;

pub fn rows() -> Vec<Row> {
    vec![rtsp(), cores(), shared(), memory()]
}

fn rtsp() -> Row {
    let any = TcpListener::bind(("127.0.0.1", 0));
    let (state, found) = match any {
        Err(error) => (
            State::Broken,
            format!("no TCP port of 127.0.0.1 can be bound: {error}"),
        ),
        Ok(_) => match TcpListener::bind(("127.0.0.1", RTSP_PORT)) {
            Ok(_) => (
                State::Ok,
                format!("TCP ports can be bound, {RTSP_PORT} as well"),
            ),
            Err(error) => (
                State::Ok,
                format!(
                    "TCP ports can be bound, but not {RTSP_PORT} ({error}); the simulated cameras use a free one"
                ),
            ),
        },
    };
    Row {
        name: "RTSP port",
        state,
        found,
        need: Need::Cpu,
        used_for: "the simulated cameras of the demo",
        without: "cameras of your own: demo.sh --cameras-file",
        get: "allow this user to listen on 127.0.0.1",
        decodes: Vec::new(),
    }
}

fn cores() -> Row {
    let (state, found) = match std::thread::available_parallelism() {
        Ok(cores) => (State::Ok, format!("{cores} that this process may use")),
        Err(error) => (State::Broken, format!("their number is not known: {error}")),
    };
    Row {
        name: "cores",
        state,
        found,
        need: Need::Optional,
        used_for: "decoding and inference on the CPU",
        without: "everything, for fewer cameras",
        get: "more cores; --cameras 1",
        decodes: Vec::new(),
    }
}

fn shared() -> Row {
    let (state, found) = match memfd_create("camweave-doctor", MemfdFlags::CLOEXEC) {
        Err(error) => (State::Broken, format!("memfd_create: {error}")),
        Ok(_) => match statvfs("/dev/shm") {
            Err(error) => (State::Broken, format!("/dev/shm: {error}")),
            Ok(found) => {
                let free = found.f_bavail.saturating_mul(found.f_frsize) >> 20;
                let text = format!("memfd, and {free} MiB free in /dev/shm");
                if free < LEAST_SHARED_MIB {
                    (
                        State::Broken,
                        format!("{text}, expected {LEAST_SHARED_MIB} or more"),
                    )
                } else {
                    (State::Ok, text)
                }
            }
        },
    };
    Row {
        name: "shared memory",
        state,
        found,
        need: Need::Cpu,
        used_for: "frames between processes (memfd), and dora's own shared memory (/dev/shm)",
        without: "no graph runs",
        get: "Linux 3.17 or newer; room in /dev/shm (docker run --shm-size 64m)",
        decodes: Vec::new(),
    }
}

fn memory() -> Row {
    let bytes = Meminfo::current().ok().and_then(|it| it.mem_available);
    let (state, found) = match bytes.map(|bytes| bytes >> 20) {
        None => (
            State::Broken,
            "/proc/meminfo has no MemAvailable".to_owned(),
        ),
        Some(mib) if mib < LEAST_MEMORY_MIB => (
            State::Broken,
            format!("{mib} MiB available, expected {LEAST_MEMORY_MIB} or more"),
        ),
        Some(mib) => (State::Ok, format!("{mib} MiB available")),
    };
    Row {
        name: "memory",
        state,
        found,
        need: Need::Cpu,
        used_for: "frames: up to 37 MiB per camera at 1280x720 (28 slots)",
        without: "fewer or smaller cameras",
        get: "more memory, or --cameras and --size",
        decodes: Vec::new(),
    }
}
