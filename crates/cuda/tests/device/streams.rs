//! Memory, copies and graphs.
#![expect(unsafe_code, reason = "captures graphs")]

use std::panic::{self, AssertUnwindSafe};

use camweave_cuda::{
    Context, CudaError, CudaErrorKind, DeviceBuffer, Event, Graph, PinnedBuffer, Rows, Stream,
    device_count, testing,
};

use crate::conformance::read;

fn upload(context: &Context, stream: &Stream, bytes: &[u8]) -> DeviceBuffer {
    let mut pinned = PinnedBuffer::new(context, bytes.len(), "a test").expect("memory");
    pinned
        .bytes_mut()
        .expect("no copy yet")
        .copy_from_slice(bytes);
    let buffer = DeviceBuffer::new(context, bytes.len(), "a test").expect("memory");
    stream
        .upload(&mut pinned, 0..bytes.len(), buffer.slice())
        .expect("a copy");
    buffer
}

#[test]
fn copies_keep_their_order_and_their_bounds() {
    let Some(context) = testing::device() else {
        return;
    };
    println!(
        "{context}, compute capability {:?}",
        context.compute_capability()
    );
    let stream = Stream::new(&context).expect("a stream");
    let bytes: Vec<u8> = (0..=255).collect();
    let from = upload(&context, &stream, &bytes);
    let to = DeviceBuffer::new(&context, 64, "a test").expect("memory");
    stream.fill(to.slice(), 9).expect("a fill");
    // Three rows of 5 bytes: 16 apart there, 20 apart here.
    let rows = |memory, pitch| Rows { memory, pitch };
    let copied = stream.copy_rows(rows(from.slice(), 16), rows(to.slice(), 20), 5, 3);
    copied.expect("rows within both");
    let found = read(&context, &stream, to.slice());
    for (index, &byte) in found.iter().enumerate() {
        let (row, column) = (index / 20, index % 20);
        let expected = if row < 3 && column < 5 {
            16 * row + column
        } else {
            9
        };
        assert_eq!(usize::from(byte), expected, "byte {index}");
    }
    let outside = stream.copy_rows(rows(from.slice(), 16), rows(to.slice(), 20), 5, 4);
    assert!(outside.is_err(), "the fourth row ends at byte 65 of 64");
    let mut pinned = PinnedBuffer::new(&context, 8, "a test").expect("memory");
    assert!(stream.download(from.slice(), &mut pinned, 0..8).is_err());
    assert_eq!(context.take_drop_errors(), []);
}

#[test]
fn a_graph_does_its_work_each_time() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = Stream::new(&context).expect("a stream");
    let from = upload(&context, &stream, &[1; 32]);
    let to = upload(&context, &stream, &[0; 32]);
    stream.synchronize().expect("copies that end");
    let work = |stream: &Stream| stream.copy(from.slice(), to.slice());
    // SAFETY: both buffers outlive the graph, and nobody else has the stream.
    let graph = unsafe { Graph::capture::<CudaError>(&stream, work) };
    let mut graph = graph.expect("a graph");
    assert_eq!(
        read(&context, &stream, to.slice()),
        [0; 32],
        "only recorded"
    );
    for value in [1, 5] {
        stream.fill(from.slice(), value).expect("a fill");
        graph.launch(&stream).expect("a launch");
        assert_eq!(read(&context, &stream, to.slice()), [value; 32]);
    }
    let wrong = |stream: &Stream| stream.copy(from.slice(), to.slice().part(0, 8)?);
    // SAFETY: as above.
    let refused = unsafe { Graph::capture::<CudaError>(&stream, wrong) };
    assert!(refused.is_err(), "the error of the work");
    graph.launch(&stream).expect("the stream is usable again");
    stream.synchronize().expect("work that ends");
    let panics = |_: &Stream| panic!("not an error, on purpose");
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: as above.
        unsafe { Graph::capture::<CudaError>(&stream, panics) }.is_ok()
    }));
    assert!(caught.is_err());
    graph.launch(&stream).expect("the stream is usable again");
    stream.synchronize().expect("work that ends");
    assert_eq!(context.take_drop_errors(), []);
}

#[test]
fn streams_wait_for_events() {
    let Some(context) = testing::device() else {
        return;
    };
    let stream = || Stream::new(&context).expect("a stream");
    let (first, second) = (stream(), stream());
    let buffer = DeviceBuffer::new(&context, 256 << 20, "a test").expect("memory");
    let event = Event::new(&context).expect("an event");
    let (begin, end) = (Event::timed(&context), Event::timed(&context));
    let (begin, end) = (begin.expect("an event"), end.expect("an event"));
    assert!(event.is_done().expect("an answer"), "never recorded");
    for value in 0..20 {
        begin.record(&first).expect("a record");
        first.fill(buffer.slice(), value).expect("a fill");
        event.record(&first).expect("a record");
        end.record(&first).expect("a record");
        second.wait(&event).expect("a wait");
        let last = buffer.slice().part((256 << 20) - 16, 16).expect("a part");
        assert_eq!(read(&context, &second, last), [value; 16]);
        end.synchronize().expect("work that ends");
        assert!(end.millis_since(&begin).expect("two passed events") > 0.0);
    }
}

#[test]
fn too_much_memory_is_refused_with_figures() {
    let Some(context) = testing::device() else {
        return;
    };
    let error = DeviceBuffer::new(&context, 1 << 50, "a petabyte").expect_err("too much");
    assert_eq!(error.kind(), CudaErrorKind::OutOfMemory, "{error}");
    for part in ["a petabyte", "1125899906842624 bytes wanted", "free"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_stream_takes_no_memory_of_another_device() {
    let Some(context) = testing::device() else {
        return;
    };
    if device_count() < 2 {
        eprintln!("skipped: there is one device");
        return;
    }
    let other = Context::open(1).expect("a device that is there can be opened");
    let stream = Stream::new(&other).expect("a stream");
    let memory = |context| DeviceBuffer::new(context, 64, "a test").expect("memory");
    let (here, there) = (memory(&other), memory(&context));
    let mut pinned = PinnedBuffer::new(&other, 64, "a test").expect("memory");
    let mut foreign = PinnedBuffer::new(&context, 64, "a test").expect("memory");
    let refused = [
        stream.fill(there.slice(), 0),
        stream.copy(there.slice(), here.slice()),
        stream.copy(here.slice(), there.slice()),
        stream.upload(&mut pinned, 0..64, there.slice()),
        stream.download(there.slice(), &mut pinned, 0..64),
        stream.upload(&mut foreign, 0..64, here.slice()),
    ];
    for refused in refused {
        let error = refused.expect_err("another device's");
        assert!(error.to_string().contains("the stream's"), "{error}");
    }
    stream.fill(here.slice(), 1).expect("its own device's");
    assert_eq!(read(&other, &stream, here.slice()), [1; 64]);
}
