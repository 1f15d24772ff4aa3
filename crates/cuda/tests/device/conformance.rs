//! Device memory against the suite for all backends of pools.

use camweave_cuda::{Context, CudaMemory, DeviceSlice, PinnedBuffer, Stream, testing};
use camweave_pool::conformance::Subject;
use camweave_pool::{ReadSlot, Reference, Retained, WriteQueues, WriteSlot, conformance_tests};

pub struct Cuda;

/// One stream for all writes of a thread, as a stage would have.
fn with_stream<T>(work: impl FnOnce(&Stream) -> T) -> T {
    thread_local! {
        static STREAM: Stream = Stream::new(&Cuda::place()).expect("a stream");
    }
    STREAM.with(work)
}

fn fill(slot: &WriteSlot<CudaMemory>, value: u8) {
    with_stream(|stream| {
        CudaMemory::before_writing(slot, stream).expect("an order of writes");
        stream.fill(slot.address(), value).expect("a fill");
    });
}

/// All bytes of device memory, once `stream` has passed what it has to do before.
pub fn read(context: &Context, stream: &Stream, memory: DeviceSlice<'_>) -> Vec<u8> {
    let mut pinned = PinnedBuffer::new(context, memory.len(), "a test").expect("memory");
    stream
        .download(memory, &mut pinned, 0..memory.len())
        .expect("a copy");
    pinned.bytes().expect("a copy that ends").to_vec()
}

impl Subject for Cuda {
    type Memory = CudaMemory;

    fn is_there() -> bool {
        testing::device().is_some()
    }

    fn place() -> Context {
        Context::open(0).expect("a device that is there can be opened")
    }

    fn publish(slot: WriteSlot<CudaMemory>, value: u8) -> Reference {
        fill(&slot, value);
        with_stream(|stream| slot.publish_on(stream)).expect("a recorded order")
    }

    fn publish_retained(
        slot: WriteSlot<CudaMemory>,
        value: u8,
    ) -> (Reference, Retained<CudaMemory>) {
        fill(&slot, value);
        with_stream(|stream| slot.publish_retained_on(stream)).expect("a recorded order")
    }

    fn scribble(slot: &mut WriteSlot<CudaMemory>, value: u8) {
        fill(slot, value);
    }

    fn bytes(slot: &ReadSlot<CudaMemory>) -> Vec<u8> {
        // Another stream than the producer's: only the slot's event orders them.
        let context = Self::place();
        let stream = Stream::new(&context).expect("a stream");
        slot.wait_on(&stream).expect("an order of reads");
        read(&context, &stream, slot.address())
    }
}

conformance_tests!(Cuda);

/// The same in pools with one event: each pool of the suite is written by one thread.
mod one_queue {
    use super::*;

    struct OneQueue;

    impl Subject for OneQueue {
        type Memory = CudaMemory;

        fn is_there() -> bool {
            Cuda::is_there()
        }

        fn place() -> Context {
            Cuda::place()
        }

        fn queues() -> WriteQueues {
            WriteQueues::One
        }

        fn publish(slot: WriteSlot<CudaMemory>, value: u8) -> Reference {
            Cuda::publish(slot, value)
        }

        fn publish_retained(
            slot: WriteSlot<CudaMemory>,
            value: u8,
        ) -> (Reference, Retained<CudaMemory>) {
            Cuda::publish_retained(slot, value)
        }

        fn scribble(slot: &mut WriteSlot<CudaMemory>, value: u8) {
            Cuda::scribble(slot, value);
        }

        fn bytes(slot: &ReadSlot<CudaMemory>) -> Vec<u8> {
            Cuda::bytes(slot)
        }
    }

    conformance_tests!(OneQueue);
}
