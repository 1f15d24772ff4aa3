//! Pools between processes, and after a kill.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use camweave_cuda::{Context, CudaMemory, Stream, testing};
use camweave_pool::{AcquireErrorKind, Attachments, PoolSpec, Producer, Reference};

use crate::conformance::read;

/// Set in the process that produces.
const ROLE: &str = "CAMWEAVE_TEST_PRODUCER";
/// What the producer's lines with references begin with; a test's output has other lines as well.
const MARK: &str = "reference ";
const SLOT_BYTES: usize = 3 << 20;

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
    // Until the test kills this process or closes the pipe.
    let mut rest = Vec::new();
    std::io::stdin()
        .read_to_end(&mut rest)
        .expect("a pipe from the test");
}

fn start() -> (Child, Vec<Reference>) {
    let program = env::current_exe().expect("this test program");
    let mut child = Command::new(program)
        .args(["processes::producer", "--exact", "--nocapture"])
        .env(ROLE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test program again");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let lines = output.lines().map(|line| line.expect("text"));
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
    (child, references)
}

#[test]
fn another_process_reads_what_was_written_and_outlives_the_producer() {
    let Some(context) = testing::device() else {
        return;
    };
    let (mut child, references) = start();
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let stream = Stream::new(&context).expect("a stream");
    let mut held = Vec::new();
    for (reference, value) in references.iter().zip(1..) {
        let slot = attachments.acquire(reference).expect("published");
        slot.wait_on(&stream).expect("an order of reads");
        let bytes = read(&context, &stream, slot.address());
        assert!(bytes.len() >= SLOT_BYTES);
        assert!(bytes.iter().all(|&byte| byte == value), "slot of {value}s");
        held.push(slot);
    }
    println!("shared as {}", held[0].memory().sharing());

    child.kill().expect("a child");
    child.wait().expect("a child");
    for (slot, value) in held.iter().zip(1..) {
        slot.wait_on(&stream).expect("the event of a dead process");
        let bytes = read(&context, &stream, slot.address());
        assert!(bytes.iter().all(|&byte| byte == value), "slot of {value}s");
    }
    let late = Attachments::<CudaMemory>::new_in(context.clone());
    let error = late.acquire(&references[0]).expect_err("a dead producer");
    assert_eq!(error.kind(), AcquireErrorKind::ProducerGone, "{error}");
    drop(held);
    assert_eq!(attachments.sweep(), 1);
    assert_eq!(context.take_drop_errors(), []);
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
