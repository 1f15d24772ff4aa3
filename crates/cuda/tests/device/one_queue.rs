//! Pools that one stream writes, with one event for all their slots.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use camweave_cuda::{Context, CudaMemory, DeviceSlice, Stream, testing};
use camweave_pool::{Attachments, PoolSpec, Producer, Reference, WriteQueues};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::conformance::read;

/// Set in the process that produces, to what it does.
const ROLE: &str = "CAMWEAVE_TEST_ONE_QUEUE";
const MANY: &str = "many pools";
const ROUNDS: &str = "rounds";
/// What the producer's lines with references begin with; a test's output has other lines as well.
const MARK: &str = "reference ";

/// More slots than a process gets interprocess events, which are some 4,096.
const POOLS: usize = 1000;
const SLOTS: u32 = 8;

/// Contents that one pool has, one after another.
const CONTENTS: usize = 400;
/// Contents that the producer is ahead of the consumer: as many slots are not written meanwhile.
const AHEAD: usize = 6;
/// So large that a fill is still under way when the consumer hears of it.
const LARGE: usize = 32 << 20;

fn spec(slot_bytes: usize) -> PoolSpec {
    PoolSpec {
        name: "one queue".to_owned(),
        slots: SLOTS,
        slot_bytes,
    }
}

fn value_of(index: usize) -> u8 {
    (index % 251) as u8
}

/// A pool has two descriptors.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, all).expect("the limit that root has set");
}

fn print(reference: &Reference) {
    let Reference {
        pool,
        slot,
        generation,
    } = reference;
    let line = format!("\n{MARK}{pool} {slot} {generation}\n");
    let written = std::io::stdout().write_all(line.as_bytes());
    written.expect("a pipe to the test");
}

/// Not a test by itself: the other process of those below.
#[test]
fn producer() {
    let Some(role) = env::var_os(ROLE) else {
        return;
    };
    let context = Context::open(0).expect("a device");
    if role == MANY {
        produce_many(&context);
    } else {
        produce_rounds(&context);
    }
    assert_eq!(context.take_drop_errors(), []);
}

fn produce_many(context: &Context) {
    allow_descriptors();
    let stream = Stream::new(context).expect("a stream");
    let mut pools = Vec::new();
    for index in 0..POOLS {
        let pool = Producer::<CudaMemory>::create_for(context, &spec(4096), WriteQueues::One);
        let pool = pool.unwrap_or_else(|error| panic!("pool {index}: {error}"));
        let slot = pool.begin().expect("a free slot");
        stream
            .fill(slot.address(), value_of(index))
            .expect("a fill");
        print(&slot.publish_on(&stream).expect("a recorded order"));
        pools.push(pool);
    }
    // Until the test has read all of them.
    let mut line = String::new();
    let input = std::io::stdin();
    input.read_line(&mut line).expect("a pipe from the test");
}

fn produce_rounds(context: &Context) {
    let stream = Stream::new(context).expect("a stream");
    let pool = Producer::<CudaMemory>::create_for(context, &spec(LARGE), WriteQueues::One);
    let pool = pool.expect("a pool");
    let mut acknowledged = std::io::stdin().lines();
    for index in 0..CONTENTS {
        if index >= AHEAD {
            let line = acknowledged.next().expect("the test goes on");
            line.expect("a pipe from the test");
        }
        let slot = pool.begin().expect("a free slot");
        stream
            .fill(slot.address(), value_of(index))
            .expect("a fill");
        print(&slot.publish_on(&stream).expect("a recorded order"));
    }
    // Until the test has read the last ones.
    acknowledged.last();
}

fn start(role: &str) -> (Child, impl Iterator<Item = Reference> + use<>) {
    let program = env::current_exe().expect("this test program");
    let mut child = Command::new(program)
        .args(["one_queue::producer", "--exact", "--nocapture"])
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test program again");
    let output: BufReader<ChildStdout> = BufReader::new(child.stdout.take().expect("piped"));
    let lines = output.lines().map(|line| line.expect("text"));
    let references = lines.filter_map(|line| {
        let mut words = line.strip_prefix(MARK)?.split(' ');
        Some(Reference {
            pool: words.next()?.parse().expect("a pool's id"),
            slot: words.next()?.parse().expect("a slot"),
            generation: words.next()?.parse().expect("a generation"),
        })
    });
    (child, references)
}

fn assert_filled(
    context: &Context,
    stream: &Stream,
    memory: DeviceSlice<'_>,
    value: u8,
    what: &str,
) {
    let bytes = read(context, stream, memory);
    let wrong = bytes.iter().position(|&byte| byte != value);
    assert_eq!(wrong, None, "{what}: a byte is not {value}");
}

#[test]
fn a_thousand_pools_of_one_queue_are_made_by_one_process_and_read_by_another() {
    let Some(context) = testing::device() else {
        return;
    };
    allow_descriptors();
    let (mut child, mut references) = start(MANY);
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let stream = Stream::new(&context).expect("a stream");
    let mut held = Vec::new();
    for (index, reference) in references.by_ref().take(POOLS).enumerate() {
        let slot = attachments.acquire(&reference);
        let slot = slot.unwrap_or_else(|error| panic!("pool {index}: {error}"));
        slot.wait_on(&stream).expect("an order of reads");
        let what = format!("pool {index}");
        assert_filled(&context, &stream, slot.address(), value_of(index), &what);
        held.push(slot);
    }
    assert_eq!(held.len(), POOLS, "the producer has ended early");
    drop(held);
    drop(child.stdin.take());
    // What else it says: a test program that cannot print has failed.
    references.for_each(drop);
    let ended = child.wait().expect("a child");
    assert!(ended.success(), "the producer's own checks: {ended}");
    attachments.sweep();
    assert_eq!(context.take_drop_errors(), []);
}

/// The one event is recorded again while the other process waits for an earlier record.
#[test]
fn slots_are_whole_while_the_only_event_is_recorded_again_and_again() {
    let Some(context) = testing::device() else {
        return;
    };
    let (mut child, mut references) = start(ROUNDS);
    let mut input = child.stdin.take().expect("piped");
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let stream = Stream::new(&context).expect("a stream");
    let mut count = 0;
    for (index, reference) in references.by_ref().take(CONTENTS).enumerate() {
        let slot = attachments.acquire(&reference).expect("not written again");
        slot.wait_on(&stream).expect("an order of reads");
        let what = format!("content {index}");
        assert_filled(&context, &stream, slot.address(), value_of(index), &what);
        drop(slot);
        // Fails when the producer has written all that it has to.
        let _ = input.write_all(b"\n");
        count += 1;
    }
    assert_eq!(count, CONTENTS, "the producer has ended early");
    drop(input);
    references.for_each(drop);
    let ended = child.wait().expect("a child");
    assert!(ended.success(), "the producer's own checks: {ended}");
    assert_eq!(context.take_drop_errors(), []);
}

/// In the process itself, where the event is not opened but shared.
#[test]
fn a_new_stream_may_go_on_when_the_work_of_the_old_one_is_done() {
    let Some(context) = testing::device() else {
        return;
    };
    let pool = Producer::<CudaMemory>::create_for(&context, &spec(LARGE), WriteQueues::One);
    let pool = pool.expect("a pool");
    let attachments = Attachments::<CudaMemory>::new_in(context.clone());
    let reader = Stream::new(&context).expect("a stream");
    for round in 0..20 {
        // As a camera's next decoder has one.
        let stream = Stream::new(&context).expect("a stream");
        let mut references = Vec::new();
        for value in [2 * round, 2 * round + 1] {
            let slot = pool.begin().expect("a free slot");
            CudaMemory::before_writing(&slot, &stream).expect("an order of writes");
            stream.fill(slot.address(), value).expect("a fill");
            references.push((slot.publish_on(&stream).expect("a recorded order"), value));
        }
        for (reference, value) in references {
            let slot = attachments.acquire(&reference).expect("not written again");
            slot.wait_on(&reader).expect("an order of reads");
            assert_filled(&context, &reader, slot.address(), value, "a slot");
        }
        stream.synchronize().expect("work that ends");
    }
    assert_eq!(context.take_drop_errors(), []);
}
