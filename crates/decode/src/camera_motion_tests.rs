//! What a camera asks its decoder where frames are looked at for motion.

use super::*;

use std::collections::VecDeque;
use std::num::NonZeroU32;

use camweave_message::{FrameId, PictureRef};
use camweave_testing::{frame_id, unit};
use camweave_vision::LumaGrid;

use crate::backend::Decoded;

/// What each frame looks like.
#[derive(Clone)]
enum Looks {
    Still,
    Refused,
    Lost,
}

struct Fake(Looks);

/// Gives a frame two units later, as one that reorders does.
struct FakeDecoder {
    looks: Looks,
    /// What was asked for.
    expected: Vec<i64>,
    waiting: VecDeque<i64>,
    received: i64,
}

impl Backend for Fake {
    type Decoder = FakeDecoder;

    fn open(&mut self, _: Codec, _: Orientation) -> Result<FakeDecoder, Failure> {
        Ok(FakeDecoder {
            looks: self.0.clone(),
            expected: Vec::new(),
            waiting: VecDeque::new(),
            received: -1,
        })
    }

    fn tidy(&mut self) {}

    fn is_held(&self) -> bool {
        false
    }
}

impl Decoder for FakeDecoder {
    fn expect_luma(&mut self, ticket: i64) {
        self.expected.push(ticket);
    }

    fn send(&mut self, _: &[u8], ticket: i64) -> Result<(), Failure> {
        self.waiting.push_back(ticket);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn receive(&mut self, _: bool) -> Result<Option<Decoded>, Failure> {
        if self.waiting.len() < 3 {
            return Ok(None);
        }
        let ticket = self.waiting.pop_front();
        Ok(ticket.map(|ticket| {
            self.received = ticket;
            Decoded {
                ticket,
                is_damaged: false,
            }
        }))
    }

    fn luma(&self) -> Result<Option<LumaGrid>, String> {
        assert!(self.expected.contains(&self.received), "{}", self.received);
        match self.looks {
            Looks::Still => Ok(LumaGrid::from_cells(vec![
                7.0;
                LumaGrid::COLUMNS * LumaGrid::ROWS
            ])),
            Looks::Refused => Err("no device".to_owned()),
            Looks::Lost => Ok(None),
        }
    }

    /// Counted as `unpublished`: these tests have no pool.
    fn publish(&mut self) -> Result<PictureRef, Unpublished> {
        Err(Unpublished::Failed("no pool".to_owned()))
    }
}

/// Takes 50 units of five seconds, of which those from number 10 to 48 are looked at
/// for motion. Gives the frames that went on, and those that were not selected.
fn play(looks: Looks) -> (Camera<Fake>, u64, u64) {
    let counters = Counters::new("decode", "nvdec", None);
    let mut camera = Camera::new(
        Arc::from("cam1"),
        Fake(looks),
        counters.clone(),
        Arc::default(),
    );
    for sequence in 0..50_i64 {
        let unit = Unit {
            id: FrameId {
                pts_nanos: sequence * 100_000_000,
                ..frame_id("cam1", sequence.unsigned_abs())
            },
            codec: Codec::Vp9,
            keyframe: sequence == 0,
            motion: NonZeroU32::new(2000).filter(|_| (10..49).contains(&sequence)),
            ..unit("cam1", 0)
        };
        camera.take(&unit, false, &mut |_| {});
    }
    let report = counters.report();
    let dropped = |reason| report.cameras["cam1"].dropped.get(reason).copied();
    let went_on = dropped(reason::UNPUBLISHED).unwrap_or(0);
    let left_out = dropped(reason::NOT_SELECTED).unwrap_or(0);
    (camera, went_on, left_out)
}

#[test]
fn a_decoder_is_asked_only_for_frames_that_are_looked_at() {
    let (camera, went_on, left_out) = play(Looks::Still);
    let expected = camera.stream.expect("a session").decoder.expected;
    assert_eq!(expected, (10..49).collect::<Vec<i64>>());
    // 48 of 50 have come: those before, and of the others those of two seconds, and one.
    assert_eq!((went_on, left_out), (10 + 21 + 1, 16));
    assert!(!camera.said_that_it_is_blind);
}

#[test]
fn frames_that_cannot_be_looked_at_go_on() {
    let (camera, went_on, left_out) = play(Looks::Refused);
    assert_eq!((went_on, left_out), (48, 0));
    assert!(camera.said_that_it_is_blind, "one line of the log says so");
}

#[test]
fn frames_that_are_lost_are_not_said_to_be_unseen() {
    let (camera, went_on, left_out) = play(Looks::Lost);
    assert_eq!((went_on, left_out), (48, 0));
    assert!(!camera.said_that_it_is_blind);
}
