//! What a decoder holds back while more waits, when nothing more waits.

use super::*;

use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::time::{Duration, Instant};

use camweave_message::{Codec, Orientation, PictureRef, Unit};
use camweave_stage::Context;

use crate::backend::{Decoded, Decoder, Failure, Unpublished};
use crate::reason;

/// Says when it has a unit, and waits until it may go on.
struct Gate {
    entered: Sender<()>,
    go: Receiver<()>,
}

struct Gated(Option<Gate>);

struct GatedDecoder {
    gate: Gate,
    decoded: VecDeque<i64>,
}

impl Backend for Gated {
    type Decoder = GatedDecoder;

    fn open(&mut self, _: Codec, _: Orientation) -> Result<GatedDecoder, Failure> {
        Ok(GatedDecoder {
            gate: self.0.take().expect("opened once"),
            decoded: VecDeque::new(),
        })
    }

    fn tidy(&mut self) {}

    fn is_held(&self) -> bool {
        false
    }
}

impl Decoder for GatedDecoder {
    fn send(&mut self, _: &[u8], ticket: i64) -> Result<(), Failure> {
        self.gate.entered.send(()).expect("the test listens");
        self.gate.go.recv().expect("the test lets it go on");
        self.decoded.push_back(ticket);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// One stays under way while more waits.
    fn receive(&mut self, more_waiting: bool) -> Result<Option<Decoded>, Failure> {
        if self.decoded.len() <= usize::from(more_waiting) {
            return Ok(None);
        }
        let ticket = self.decoded.pop_front();
        Ok(ticket.map(|ticket| Decoded {
            ticket,
            is_damaged: false,
        }))
    }

    /// Counted as `unpublished`: this test has no pool.
    fn publish(&mut self) -> Result<PictureRef, Unpublished> {
        Err(Unpublished::Failed("no pool".to_owned()))
    }
}

fn unit(sequence: u64) -> Job {
    Job::Unit(Box::new(Unit {
        codec: Codec::Vp9,
        keyframe: sequence == 0,
        ..camweave_testing::unit("cam1", sequence)
    }))
}

#[test]
fn a_picture_is_not_held_back_for_a_unit_that_has_given_way() {
    // Nothing is written there.
    let context = Context::for_tests("decode", std::path::Path::new("stats"));
    let (frames, _kept) = sync_channel(4);
    let workers = Workers::start(1, &frames, &context.waker()).expect("a thread");
    let ((entered, has_entered), (go, may_go)) = (channel(), channel());
    let gate = Gate {
        entered,
        go: may_go,
    };
    let camera = Camera::new(
        Arc::from("cam1"),
        Gated(Some(gate)),
        context.counters.clone(),
        Arc::default(),
    );
    let lane = Lane::new(camera);
    workers.push(&lane, unit(0));
    has_entered.recv().expect("the first is being decoded");
    workers.push(&lane, unit(1));
    workers.push(&lane, unit(2));
    go.send(()).expect("a worker");
    has_entered
        .recv()
        .expect("the second, while the third waits");
    assert_eq!(workers.forget(&lane), 1);
    go.send(()).expect("a worker");
    let unpublished = || {
        let report = context.counters.report();
        let camera = report.cameras.get("cam1").cloned().unwrap_or_default();
        camera.dropped.get(reason::UNPUBLISHED).copied()
    };
    let begun = Instant::now();
    while unpublished() != Some(2) {
        assert!(begun.elapsed() < Duration::from_secs(30), "held back");
        std::thread::yield_now();
    }
    workers.stop();
}
