//! When a device worked, on the host's clock.

use camweave_cuda::{Context, DeviceBuffer, DeviceClock, Stream, Timeline, testing};
use camweave_telemetry::DeviceRange;
use camweave_telemetry::clock::monotonic_nanos;

/// Work of some hundred microseconds.
struct Work {
    buffer: DeviceBuffer,
    stream: Stream,
}

impl Work {
    fn new(context: &Context) -> Self {
        Self {
            buffer: DeviceBuffer::new(context, 256 << 20, "a test").expect("memory"),
            stream: Stream::new(context).expect("a stream"),
        }
    }

    fn range(&self, timeline: &mut Timeline<u32>, number: u32) {
        let begun = timeline.begin(&self.stream);
        let filled = self.stream.fill(self.buffer.slice(), 7);
        filled.expect("a fill");
        timeline.end(&self.stream, begun, number);
    }
}

fn polled(timeline: &mut Timeline<u32>) -> Vec<(u32, DeviceRange)> {
    let mut found = Vec::new();
    timeline.poll(|range, number| found.push((number, range)));
    found
}

/// Both clocks are read at moments of their own, and one counts in half microseconds.
const SLACK_NANOS: i64 = 50_000;

/// Checks ranges that were put in and waited for between two moments.
fn check(found: &[(u32, DeviceRange)], begin: i64, end: i64) {
    let mut last = begin;
    for (number, range) in found {
        assert!(range.duration_nanos > 0, "{number}: {range:?}");
        assert!(range.begin_nanos >= last - SLACK_NANOS, "{found:?}, {last}");
        last = range.begin_nanos + range.duration_nanos;
    }
    assert!(last <= end + SLACK_NANOS, "{found:?}, {end}");
}

#[test]
fn ranges_lie_where_the_host_saw_them_and_the_ring_is_bounded() {
    let Some(context) = testing::device() else {
        return;
    };
    let work = Work::new(&context);
    let clock = DeviceClock::new(&context).expect("a clock");
    let mut timeline = Timeline::new(&clock, 2).expect("events");
    // Anchors are renewed on the way.
    for _ in 0..5 {
        let begin = monotonic_nanos();
        for number in 0..3 {
            work.range(&mut timeline, number);
        }
        work.stream.synchronize().expect("work that ends");
        let end = monotonic_nanos();
        let found = polled(&mut timeline);
        let numbers: Vec<u32> = found.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [0, 1], "there are two pairs of events");
        assert_eq!(timeline.take_unmeasured(), 1);
        assert_eq!(timeline.take_unmeasured(), 0);
        check(&found, begin, end);
        assert_eq!(polled(&mut timeline), []);
        std::thread::sleep(std::time::Duration::from_millis(600));
    }
    assert_eq!(context.take_drop_errors(), []);
}
