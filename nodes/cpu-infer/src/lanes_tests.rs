use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use camweave_stage::Context;

use super::*;

/// Only what would hang otherwise ends so.
const LONG: Duration = Duration::from_secs(60);

/// Lanes whose parts begin when they are taken and end when the test says so.
struct Bench {
    lanes: Lanes<u32, u32>,
    /// What has begun: the part, the lane, and how to end it.
    begun: Receiver<(u32, usize, SyncSender<()>)>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = Context::for_tests("lanes", folder.path());
        let (sender, begun) = channel();
        let lanes = Lanes::start(count, context.waker(), move |lane, turns| {
            turns.work(|part| {
                let (Part::Share(number) | Part::Whole(number)) = part;
                let (end, ended) = sync_channel(1);
                sender.send((number, lane, end)).expect("the test goes on");
                ended.recv().expect("the test says when");
                10 * number
            });
        });
        Self {
            lanes: lanes.expect("threads"),
            begun,
            _folder: folder,
        }
    }

    fn begin(&self) -> (u32, usize, SyncSender<()>) {
        self.begun.recv_timeout(LONG).expect("a part begins")
    }

    /// Whether a lane has nothing to do, and the frames under way.
    fn rest(&self) -> (bool, usize) {
        (self.lanes.has_idle_lane(), self.lanes.frames_under_way())
    }

    fn nothing_begins(&self) {
        // A lane that wrongly goes on is found here, or by what follows.
        let found = self.begun.recv_timeout(Duration::from_millis(20));
        assert!(found.is_err(), "{found:?}");
    }
}

fn shares(numbers: [u32; 2]) -> Vec<Part<u32>> {
    numbers.map(Part::Share).into()
}

#[test]
fn a_free_lane_goes_on_with_the_next_list_and_lists_come_out_in_order() {
    let bench = Bench::new(2);
    assert_eq!(bench.rest(), (true, 0));
    bench.lanes.push(shares([1, 2]), 4);
    let (first, second) = (bench.begin(), bench.begin());
    let numbers = BTreeSet::from([first.0, second.0]);
    assert_eq!(numbers, BTreeSet::from([1, 2]));
    assert_ne!(first.1, second.1);
    assert_eq!(bench.rest(), (false, 4));
    bench.lanes.push(shares([3, 4]), 2);
    assert_eq!(bench.rest(), (false, 6));
    bench.nothing_begins();
    second.2.send(()).expect("it waits");
    let third = bench.begin();
    assert_eq!((third.0, third.1), (3, second.1), "beside part 1");
    third.2.send(()).expect("it waits");
    bench.begin().2.send(()).expect("it waits");
    // The second list is done now or soon, and the first is not.
    assert_eq!(bench.lanes.pop(), Ok(None));
    first.2.send(()).expect("it waits");
    assert_eq!(bench.lanes.wait(), Ok(Some(vec![10, 20])));
    assert_eq!(bench.lanes.wait(), Ok(Some(vec![30, 40])));
    assert_eq!(bench.lanes.wait(), Ok(None));
    assert_eq!(bench.rest(), (true, 0));
}

#[test]
fn a_whole_list_is_alone() {
    let bench = Bench::new(2);
    bench.lanes.push(vec![Part::Share(1)], 1);
    bench.lanes.push(vec![Part::Whole(2)], 3);
    bench.lanes.push(shares([3, 4]), 4);
    let first = bench.begin();
    bench.nothing_begins();
    first.2.send(()).expect("it waits");
    let whole = bench.begin();
    assert_eq!((whole.0, whole.1), (2, 0), "by the first lane");
    bench.nothing_begins();
    whole.2.send(()).expect("it waits");
    let (third, fourth) = (bench.begin(), bench.begin());
    for share in [&third, &fourth] {
        share.2.send(()).expect("it waits");
    }
    for expected in [vec![10], vec![20], vec![30, 40]] {
        assert_eq!(bench.lanes.wait(), Ok(Some(expected)));
    }
}

#[test]
fn a_lane_that_dies_is_noticed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("lanes", folder.path());
    let lanes: Lanes<u32, u32> = Lanes::start(2, context.waker(), |_, turns| {
        turns.work(|_| panic!("as the test wants it"));
    })
    .expect("threads");
    lanes.push(vec![Part::Share(1)], 1);
    assert_eq!(lanes.wait(), Err(Died));
    assert_eq!(lanes.pop(), Err(Died));
}
