//! Pools between processes, and after a kill.

use std::env;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use camweave_cuda::{Context, CudaMemory, DeviceBuffer, Stream, testing};
use camweave_pool::{AcquireErrorKind, Attachments, PoolSpec, Producer, ReadSlot, Reference};

use crate::conformance::read;

/// Set in the process that produces.
const ROLE: &str = "CAMWEAVE_TEST_PRODUCER";
/// What the producer's lines with references begin with; a test's output has other lines as well.
const MARK: &str = "reference ";
/// What the test writes to have the pool closed, and the producer when it has.
const CLOSE: &str = "close\n";
const CLOSED: &str = "closed";
/// Which way the producer shares its memory.
const SHARING: &str = "CAMWEAVE_CUDA_SHARING";
/// Large, so that what comes back shows in the device's free memory.
const SLOT_BYTES: usize = 48 << 20;

/// Not a test by itself: the other process of those below.
#[test]
fn producer() {
    if env::var_os(ROLE).is_none() {
        return;
    }
    let context = Context::open(0).expect("a device");
    let stream = Stream::new(&context).expect("a stream");
    let spec = PoolSpec {
        name: "between processes".to_owned(),
        slots: 3,
        slot_bytes: SLOT_BYTES,
    };
    let pool = Producer::<CudaMemory>::create_in(&context, &spec).expect("a pool");
    for value in 1..=3 {
        let slot = pool.begin().expect("a free slot");
        stream.fill(slot.address(), value).expect("a fill");
        let Reference {
            pool,
            slot,
            generation,
        } = slot.publish_on(&stream).expect("a recorded order");
        println!("\n{MARK}{pool} {slot} {generation}");
    }
    // Until the test kills this process, closes the pipe, or says that the pool is to be closed.
    let mut line = String::new();
    let input = std::io::stdin();
    input.read_line(&mut line).expect("a pipe from the test");
    if line == CLOSE {
        drop(pool);
        // Takes the place of what has been freed.
        let other = DeviceBuffer::new(&context, 4 * SLOT_BYTES, "a test").expect("memory");
        stream.fill(other.slice(), 0xFF).expect("a fill");
        stream.synchronize().expect("a fill that ends");
        println!("\n{CLOSED}");
        let mut rest = Vec::new();
        let mut input = input.lock();
        input.read_to_end(&mut rest).expect("a pipe from the test");
    }
    assert_eq!(context.take_drop_errors(), []);
}

/// The other process.
struct Peer {
    child: Child,
    output: Lines<BufReader<ChildStdout>>,
    references: Vec<Reference>,
}

/// Starts the other process, which shares its memory in a given way.
fn start(sharing: &str) -> Peer {
    let program = env::current_exe().expect("this test program");
    let mut child = Command::new(program)
        .args(["processes::producer", "--exact", "--nocapture"])
        .env(ROLE, "1")
        .env(SHARING, sharing)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test program again");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut output = output.lines();
    let lines = output.by_ref().map(|line| line.expect("text"));
    let references = lines.filter_map(|line| {
        let mut words = line.strip_prefix(MARK)?.split(' ');
        Some(Reference {
            pool: words.next()?.parse().expect("a pool's id"),
            slot: words.next()?.parse().expect("a slot"),
            generation: words.next()?.parse().expect("a generation"),
        })
    });
    let references: Vec<_> = references.take(3).collect();
    assert_eq!(references.len(), 3, "the producer has ended early");
    Peer {
        child,
        output,
        references,
    }
}

impl Peer {
    /// Holds all slots.
    fn hold(&self, attachments: &Attachments<CudaMemory>) -> Vec<ReadSlot<CudaMemory>> {
        let acquire = |reference| attachments.acquire(reference).expect("published");
        self.references.iter().map(acquire).collect()
    }

    fn kill(&mut self) {
        self.child.kill().expect("a child");
        self.child.wait().expect("a child");
    }

    /// Closes the pool; the process goes on.
    fn close_pool(&mut self) {
        let input = self.child.stdin.as_mut().expect("piped");
        input.write_all(CLOSE.as_bytes()).expect("a pipe");
        let mut lines = self.output.by_ref().map(|line| line.expect("text"));
        assert!(lines.any(|line| line == CLOSED), "it has ended early");
    }

    fn expect_gone(&self, context: &Context) {
        let late = Attachments::<CudaMemory>::new_in(context.clone());
        let error = late.acquire(&self.references[0]).expect_err("no producer");
        assert_eq!(error.kind(), AcquireErrorKind::ProducerGone, "{error}");
    }
}

/// That the slots hold what the producer has written.
fn check(context: &Context, stream: &Stream, held: &[ReadSlot<CudaMemory>]) {
    for (slot, value) in held.iter().zip(1..) {
        slot.wait_on(stream).expect("an order of reads");
        let bytes = read(context, stream, slot.address());
        assert!(bytes.len() >= SLOT_BYTES);
        assert!(bytes.iter().all(|&byte| byte == value), "slot of {value}s");
    }
}

#[test]
fn another_process_reads_what_was_written_and_outlives_the_producer() {
    let Some(context) = testing::device() else {
        return;
    };
    let sharing = CudaMemory::sharing_on(&context).expect("an answer");
    if !sharing.contains("descriptor") {
        eprintln!("skipped: device memory is shared as {sharing}");
        return;
    }
    let mut peer = start("descriptor");
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let stream = Stream::new(&context).expect("a stream");
    let held = peer.hold(&attachments);
    println!("shared as {}", held[0].memory().sharing());
    check(&context, &stream, &held);
    peer.kill();
    check(&context, &stream, &held);
    peer.expect_gone(&context);
    drop(held);
    assert_eq!(attachments.sweep(), 1);
    assert_eq!(context.take_drop_errors(), []);
}

#[test]
fn cuda_ipc_is_read_while_its_producer_lives_and_refused_after_that() {
    let Some(context) = testing::device() else {
        return;
    };
    let mut peer = start("ipc");
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let stream = Stream::new(&context).expect("a stream");
    let held = peer.hold(&attachments);
    assert_eq!(
        held[0].memory().sharing(),
        "CUDA IPC, ends with its producer"
    );
    check(&context, &stream, &held);
    // A second consumer of this process opens the same memory again.
    let other = Attachments::<CudaMemory>::new_in(context.clone());
    check(&context, &stream, &peer.hold(&other));
    drop(other);
    check(&context, &stream, &held);
    peer.kill();
    for slot in &held {
        let error = slot.wait_on(&stream).expect_err("no memory any more");
        assert_eq!(error.kind(), AcquireErrorKind::ProducerGone, "{error}");
    }
    let error = attachments
        .acquire(&peer.references[0])
        .expect_err("no memory any more");
    assert_eq!(error.kind(), AcquireErrorKind::ProducerGone, "{error}");
    peer.expect_gone(&context);
    drop(held);
    assert_eq!(attachments.sweep(), 1);
    assert_eq!(context.take_drop_errors(), []);
    // The device is as usable as before.
    let buffer = DeviceBuffer::new(&context, 64, "a test").expect("memory");
    stream.fill(buffer.slice(), 7).expect("a fill");
    assert_eq!(read(&context, &stream, buffer.slice()), [7; 64]);
}

#[test]
fn a_closed_pool_keeps_its_memory_for_those_who_hold_slots() {
    let Some(context) = testing::device() else {
        return;
    };
    for sharing in ["auto", "ipc"] {
        let mut peer = start(sharing);
        let attachments = Attachments::<CudaMemory>::new_in(context.clone());
        let stream = Stream::new(&context).expect("a stream");
        let held = peer.hold(&attachments);
        check(&context, &stream, &held);
        peer.close_pool();
        check(&context, &stream, &held);
        peer.expect_gone(&context);
        let free = || context.memory().expect("an answer").0;
        let before = free();
        drop(held);
        assert_eq!(attachments.sweep(), 1);
        // The producer frees it, or nobody has it any more. Nextest's limit is the limit.
        while free() < before + 2 * SLOT_BYTES {
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(peer.child.stdin.take());
        let ended = peer.child.wait().expect("a child");
        assert!(ended.success(), "the producer's own checks: {ended}");
        assert_eq!(context.take_drop_errors(), []);
    }
}

/// What needs no other process uses the way that the environment names.
#[test]
fn the_conformance_suite_passes_with_cuda_ipc_as_well() {
    if testing::device().is_none() {
        return;
    }
    let program = env::current_exe().expect("this test program");
    let mut again = Command::new(program);
    again.args(["conformance::", "memory_comes_back", "--test-threads=1"]);
    let ended = again.env(SHARING, "ipc").status();
    let ended = ended.expect("this test program again");
    assert!(ended.success(), "with {SHARING}=ipc: {ended}");
}

#[test]
fn an_unknown_way_of_sharing_is_refused() {
    if testing::device().is_none() {
        return;
    }
    let program = env::current_exe().expect("this test program");
    let mut again = Command::new(program);
    again.args(["processes::producer", "--exact", "--nocapture"]);
    let output = again.env(ROLE, "1").env(SHARING, "fd").output();
    let output = output.expect("this test program again");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    // Printed as a panic's text.
    for part in [
        "env CAMWEAVE_CUDA_SHARING",
        "'fd'",
        "auto, descriptor or ipc",
    ] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn memory_comes_back_when_the_last_process_ends() {
    let Some(context) = testing::device() else {
        return;
    };
    let spec = PoolSpec {
        name: "large".to_owned(),
        slots: 4,
        slot_bytes: 256 << 20,
    };
    let free = || context.memory().expect("an answer").0;
    // Whatever the driver takes for itself at the first pool.
    drop(Producer::<CudaMemory>::create_in(&context, &spec).expect("1 GiB of device memory"));
    let before = free();
    let pool = Producer::<CudaMemory>::create_in(&context, &spec).expect("1 GiB of device memory");
    assert!(before - free() >= 1 << 30);
    drop(pool);
    // Others may use the device, but hardly take half of that in the same moment.
    assert!(free() + (1 << 29) >= before);
    assert_eq!(context.take_drop_errors(), []);
}
