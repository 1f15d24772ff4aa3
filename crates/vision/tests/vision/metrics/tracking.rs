use camweave_vision::metrics::tracking::{self, FrameTracks, Sequence, TrackedBox, TrackingScores};
use camweave_vision::metrics::{FrameTruth, MetricsError};

use super::{Random, close, truth};

fn tracking_data(seed: u64) -> Sequence {
    let mut random = Random(seed);
    let mut segments = [0u64; 5];
    let mut sequence = Sequence::default();
    for frame in 0..80u64 {
        let (mut truths, mut tracks) = (FrameTruth::default(), FrameTracks::default());
        for i in 0..5u64 {
            let speed = if i % 2 == 0 { 2 } else { 1 };
            let x = (12 * i + speed * frame) as f64;
            let bbox = [x, 100.0, x + 40.0, 140.0];
            truths.objects.push(truth(i, 0, bbox));
            let segment = &mut segments[i as usize];
            if random.below(15) == 0 {
                *segment += 1;
            }
            if random.below(8) > 0 {
                let jitter = random.jitter();
                let bbox = std::array::from_fn(|edge| bbox[edge] + jitter[edge]);
                let track_id = i + 10 * (*segment % 3);
                tracks.objects.push(TrackedBox {
                    track_id,
                    class_id: 0,
                    bbox,
                });
            }
        }
        if random.below(5) == 0 {
            let x = (12 * random.below(5) + frame) as f64;
            let track_id = 100 + random.below(3);
            tracks.objects.push(TrackedBox {
                track_id,
                class_id: 0,
                bbox: [x, 103.0, x + 40.0, 143.0],
            });
        }
        sequence.truth.push(truths);
        sequence.tracks.push(tracks);
    }
    sequence
}

/// Values of `tests/reference/metrics.py`.
#[test]
fn tracking_scores_are_those_of_trackeval() {
    let scores = tracking::evaluate(&[tracking_data(2), tracking_data(3)]).unwrap();
    assert_eq!(
        (
            scores.matches,
            scores.false_negatives,
            scores.false_positives
        ),
        (704, 96, 27)
    );
    assert_eq!(scores.id_switches, 46);
    let ids = (
        scores.id_true_positives,
        scores.id_false_negatives,
        scores.id_false_positives,
    );
    assert_eq!(ids, (463, 337, 268));
    close(scores.mota, 0.78875);
    close(scores.motp, 0.805_863_514_390_124_2);
    close(scores.idf1, 0.604_833_442_194_644_1);
    let hota = scores.hota.unwrap();
    close(Some(hota.hota), 0.514_513_483_314_462_6);
    close(Some(hota.det_a), 0.688_003_349_050_885_2);
    close(Some(hota.ass_a), 0.385_121_637_406_667_1);
    close(Some(hota.loc_a), 0.827_233_692_463_701_9);
}

/// Two objects that stand apart for `frames` frames, tracked as `ids` says frame by frame.
fn two_tracked(frames: usize, ids: impl Fn(usize) -> [u64; 2]) -> Sequence {
    let boxes = [[0.0, 0.0, 10.0, 10.0], [50.0, 0.0, 60.0, 10.0]];
    let truths = FrameTruth {
        objects: vec![truth(0, 0, boxes[0]), truth(1, 0, boxes[1])],
    };
    let tracks = |frame| FrameTracks {
        objects: ids(frame)
            .into_iter()
            .zip(boxes)
            .map(|(track_id, bbox)| TrackedBox {
                track_id,
                class_id: 0,
                bbox,
            })
            .collect(),
    };
    Sequence {
        truth: vec![truths; frames],
        tracks: (0..frames).map(tracks).collect(),
    }
}

fn score(sequence: Sequence) -> TrackingScores {
    tracking::evaluate(&[sequence]).unwrap()
}

#[test]
fn perfect_tracks_score_one_whatever_their_names() {
    let scores = score(two_tracked(10, |_| [7, 3]));
    assert_eq!(
        (scores.idf1, scores.mota, scores.motp),
        (Some(1.0), Some(1.0), Some(1.0))
    );
    assert_eq!(
        (scores.matches, scores.truths, scores.predictions),
        (20, 20, 20)
    );
}

#[test]
fn an_exchange_of_ids_by_hand() {
    // Exchanged for the last four of ten frames: 12 of 20 boxes under the best pairing.
    let scores = score(two_tracked(
        10,
        |frame| if frame < 6 { [1, 2] } else { [2, 1] },
    ));
    assert_eq!(scores.id_switches, 2);
    assert_eq!((scores.false_positives, scores.false_negatives), (0, 0));
    assert_eq!(scores.id_true_positives, 12);
    close(scores.idf1, 24.0 / 40.0);
    close(scores.mota, 1.0 - 2.0 / 20.0);
}

#[test]
fn new_ids_in_every_frame_by_hand() {
    let scores = score(two_tracked(10, |frame| {
        [2 * frame as u64, 2 * frame as u64 + 1]
    }));
    assert_eq!((scores.id_switches, scores.id_true_positives), (18, 2));
    close(scores.idf1, 4.0 / 40.0);
    close(scores.mota, 1.0 - 18.0 / 20.0);
}

#[test]
fn a_switch_over_a_gap_counts_and_a_return_does_not() {
    let mut sequence = two_tracked(10, |_| [1, 2]);
    for frame in 4..6 {
        sequence.tracks[frame].objects.clear();
    }
    let returned = score(sequence.clone());
    assert_eq!((returned.id_switches, returned.false_negatives), (0, 4));
    for frame in 6..10 {
        sequence.tracks[frame].objects[0].track_id = 9;
    }
    assert_eq!(score(sequence).id_switches, 1);
}

/// Two tracks on one object: the one it had is kept although the other fits better.
#[test]
fn matching_is_continuous() {
    let object = truth(0, 0, [0.0, 0.0, 10.0, 10.0]);
    let track = |track_id, width| TrackedBox {
        track_id,
        class_id: 0,
        bbox: [0.0, 0.0, width, 10.0],
    };
    let sequence = Sequence {
        truth: vec![
            FrameTruth {
                objects: vec![object]
            };
            3
        ],
        tracks: vec![
            FrameTracks {
                objects: vec![track(1, 9.0)],
            },
            FrameTracks {
                objects: vec![track(2, 10.0), track(1, 8.0)],
            },
            FrameTracks {
                objects: vec![track(2, 10.0), track(1, 8.0)],
            },
        ],
    };
    let scores = score(sequence);
    assert_eq!((scores.id_switches, scores.false_positives), (0, 2));
    close(scores.motp, (0.9 + 0.8 + 0.8) / 3.0);
}

#[test]
fn boxes_on_ignored_objects_are_removed() {
    let mut sequence = two_tracked(10, |_| [1, 2]);
    for frame in &mut sequence.truth[3..6] {
        frame.objects[1].ignore = true;
    }
    let scores = score(sequence.clone());
    assert_eq!((scores.truths, scores.predictions), (17, 17));
    assert_eq!((scores.idf1, scores.mota), (Some(1.0), Some(1.0)));
    // A miss of an ignored object is none.
    sequence.tracks[4].objects.truncate(1);
    assert_eq!(score(sequence.clone()).mota, Some(1.0));
    // A box that lies on nothing still counts.
    sequence.tracks[5].objects[1].bbox = [80.0, 0.0, 90.0, 10.0];
    assert_eq!(score(sequence).false_positives, 1);
}

#[test]
fn classes_are_kept_apart() {
    let mut sequence = two_tracked(4, |_| [1, 2]);
    sequence.tracks[0].objects[0].class_id = 1;
    let scores = score(sequence);
    assert_eq!((scores.false_positives, scores.false_negatives), (1, 1));
}

#[test]
fn cameras_are_combined_by_their_counts() {
    let whole = two_tracked(10, |_| [1, 2]);
    let mut empty = two_tracked(10, |_| [1, 2]);
    empty
        .tracks
        .iter_mut()
        .for_each(|frame| frame.objects.clear());
    let scores = tracking::evaluate(&[whole, empty]).unwrap();
    // Ids of one camera do not pair with those of another.
    close(scores.idf1, 40.0 / 60.0);
    close(scores.mota, 0.5);
    let none = tracking::evaluate(&[]).unwrap();
    assert_eq!((none.idf1, none.mota, none.motp), (None, None, None));
}

#[test]
fn tracks_that_cannot_be_compared_are_refused() {
    let mut sequence = two_tracked(2, |_| [1, 1]);
    let error = tracking::evaluate(&[Sequence::default(), sequence.clone()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "track id 1 occurs twice in sequence 1, frame 0: expected ids that are unique in a frame"
    );
    sequence.tracks.pop();
    let error = tracking::evaluate(&[sequence]).unwrap_err();
    assert!(matches!(
        error,
        MetricsError::FrameCount {
            results: 1,
            truth: 2,
            ..
        }
    ));
    let mut sequence = two_tracked(2, |_| [1, 2]);
    sequence.truth[1].objects[0].bbox[2] = f64::NAN;
    let error = tracking::evaluate(&[sequence]).unwrap_err();
    assert!(matches!(
        error,
        MetricsError::NotFinite {
            what: "truth",
            frame: 1,
            ..
        }
    ));
}
