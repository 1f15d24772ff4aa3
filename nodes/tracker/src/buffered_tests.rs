use super::*;

const CONFIG: FollowConfig = FollowConfig {
    high_score: 0.5,
    new_track_score: 0.6,
    min_iou: 0.2,
    min_iou_low: 0.5,
    memory_seconds: 3.0,
    max_boxes: 300,
};
/// Frames are so far apart.
const MILLIS: i64 = 40;

/// Someone who walks 40 pixels per second, so far beside the way.
fn walker(frame: i64, aside: f32) -> [f32; 4] {
    let x = 0.04 * (frame * MILLIS) as f32 + aside;
    [x, 100.0, x + 40.0, 200.0]
}

/// The numbers of the tracks of these boxes, which are of one class.
fn feed(
    tracker: &mut BufferedTracker,
    boxes: &[([f32; 4], f32)],
    class_id: u32,
) -> Vec<Option<u64>> {
    let detection = |&(bbox, score): &([f32; 4], f32)| Detection {
        bbox,
        score,
        class_id,
    };
    let boxes: Vec<Detection> = boxes.iter().map(detection).collect();
    let found = tracker.update(MILLIS as f64 / 1000.0, &boxes);
    found.iter().map(|it| Some(it.as_ref()?.number)).collect()
}

/// A tracker that has seen the walker in the first frames, and the number of their track.
fn begun(frames: i64) -> (BufferedTracker, u64) {
    let mut tracker = BufferedTracker::new(CONFIG);
    let mut number = None;
    for frame in 0..frames {
        number = feed(&mut tracker, &[(walker(frame, 0.0), 0.9)], 0)[0];
    }
    (tracker, number.expect("a strong box begins a track"))
}

/// Two boxes of this score, equally far from where the walker should be.
fn two_beside(frame: i64, score: f32) -> [([f32; 4], f32); 2] {
    [-18.0, 18.0].map(|aside| (walker(frame, aside), score))
}

/// How probable it is that nobody else has taken over the object of a track.
fn exists(tracker: &BufferedTracker, number: u64) -> Option<f32> {
    let mut tracks = tracker.tracks.iter();
    Some(tracks.find(|it| it.number == Some(number))?.exists)
}

/// While someone is hidden for a moment, others come who may have been them. Seen again, there is no doubt
/// left.
#[test]
fn a_track_that_is_seen_again_exists_for_certain() {
    let (mut tracker, number) = begun(50);
    // Of another class, so that none of them is taken for the one who is hidden.
    for frame in 50..58 {
        let others = feed(&mut tracker, &two_beside(frame, 0.9), 1);
        assert!(!others.contains(&Some(number)), "{frame}");
    }
    let doubtful = exists(&tracker, number).expect("not given up");
    assert!(doubtful < 1.0, "they may be: {doubtful}");
    let again = feed(&mut tracker, &[(walker(58, 0.0), 0.9)], 0);
    assert_eq!(again, [Some(number)]);
    assert_eq!(exists(&tracker, number), Some(1.0));
}

/// What is too weak to begin a track takes over none either.
#[test]
fn boxes_that_are_no_new_objects_do_not_end_a_lost_track() {
    let hidden_beside = |score| {
        let (mut tracker, number) = begun(50);
        for frame in 50..62 {
            feed(&mut tracker, &[], 0);
            assert_eq!(exists(&tracker, number), Some(1.0), "{frame}");
        }
        for frame in 62..72 {
            let found = feed(&mut tracker, &two_beside(frame, score), 0);
            assert!(!found.contains(&Some(number)), "{frame}");
        }
        let exists = exists(&tracker, number);
        for _ in 72..90 {
            feed(&mut tracker, &[], 0);
        }
        let mut after = None;
        for frame in 90..100 {
            after = feed(&mut tracker, &[(walker(frame, 0.0), 0.9)], 0)[0];
        }
        (exists, after == Some(number))
    };
    let (new, _) = hidden_beside(0.9);
    assert!(new.is_none_or(|it| it < 0.5), "{new:?}");
    assert_eq!(hidden_beside(0.55), (Some(1.0), true));
}
