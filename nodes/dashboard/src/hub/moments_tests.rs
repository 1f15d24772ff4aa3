use camweave_message::{EventKind, EventPhase, Trace};
use camweave_pool::{PoolSpec, Producer};
use camweave_testing::frame_id;
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};

use super::*;

fn picture() -> PictureRef {
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(64, 48, PixelFormat::I420, matrix, range);
    let pool = Producer::create(&PoolSpec {
        name: "frames".to_owned(),
        slots: 1,
        slot_bytes: layout.required_bytes().expect("a possible layout"),
    });
    let slot = pool.expect("memory").begin().expect("free").publish();
    PictureRef { layout, slot }
}

fn id(sequence: u64) -> FrameId {
    let mut id = frame_id("gate", sequence);
    id.captured_unix_nanos = sequence as i64 * 100_000_000;
    id
}

fn event(sequence: u64) -> Event {
    Event {
        id: id(sequence),
        trace: Trace::default(),
        event: Arc::from(format!("e{sequence}")),
        phase: EventPhase::New,
        kind: EventKind::Presence,
        rule: Arc::from("yard"),
        direction: None,
        began_unix_nanos: 0,
        ended_unix_nanos: None,
        track_ids: Vec::new(),
        label: Arc::from(""),
        score: 0.0,
        place: None,
        value: 0.0,
        entered: 0,
        left: 0,
    }
}

/// Frames whose references differ in their generation.
fn numbered(picture: &PictureRef, sequence: u64) -> PictureRef {
    let mut picture = picture.clone();
    picture.slot.generation = sequence as u32;
    picture
}

#[test]
fn whichever_comes_first_an_event_has_its_very_frame() {
    let (mut moments, any) = (Moments::default(), picture());
    for sequence in 0..6 {
        assert!(
            moments
                .picture(&id(sequence), &numbered(&any, sequence))
                .is_empty()
        );
    }
    let made = moments.event(&event(3)).expect("its frame is here");
    assert_eq!((&*made.event, made.picture.slot.generation), ("e3", 3));
    assert!(moments.event(&event(7)).is_none());
    assert!(moments.picture(&id(6), &numbered(&any, 6)).is_empty());
    let made = moments.picture(&id(7), &numbered(&any, 7));
    assert_eq!(
        (&*made[0].event, made[0].picture.slot.generation),
        ("e7", 7)
    );
    assert!(moments.picture(&id(8), &any).is_empty(), "once");
}

#[test]
fn where_the_frame_itself_is_left_out_a_near_one_is_taken_and_no_other() {
    let (mut moments, any) = (Moments::default(), picture());
    assert!(moments.event(&event(2)).is_none());
    let made = moments.picture(&id(4), &numbered(&any, 4));
    assert_eq!(made[0].picture.slot.generation, 4);
    moments.picture(&id(90), &any);
    assert!(moments.event(&event(40)).is_none());
    (0..100).for_each(|sequence| drop(moments.event(&event(100 + sequence))));
    assert_eq!(moments.waiting.len(), MOST_WAITING);
}
