use camweave_vision::{
    Candidate, Detection, HeadFormat, Letterbox, NmsConfig, Scratch, detect, iou, suppress,
};
use proptest::prelude::*;

fn plain_iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let w = f32::min(a[2], b[2]) - f32::max(a[0], b[0]);
    let h = f32::min(a[3], b[3]) - f32::max(a[1], b[1]);
    if w <= 0.0 || h <= 0.0 {
        return 0.0;
    }
    let both = w * h;
    both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)
}

/// Takes the best of what is left, and throws away what it covers, until nothing is left.
fn naive(candidates: &[Candidate], config: &NmsConfig) -> Vec<Candidate> {
    let mut left = candidates.to_vec();
    let take_best = |left: &mut Vec<Candidate>| {
        let mut best = 0;
        for (index, candidate) in left.iter().enumerate() {
            let (c, b) = (candidate, &left[best]);
            if c.score > b.score || (c.score == b.score && c.anchor < b.anchor) {
                best = index;
            }
        }
        left.remove(best)
    };
    let mut taking_part = Vec::new();
    while !left.is_empty() && taking_part.len() < config.max_candidates {
        taking_part.push(take_best(&mut left));
    }
    let mut kept = Vec::new();
    while !taking_part.is_empty() && kept.len() < config.max_detections {
        let best = take_best(&mut taking_part);
        taking_part
            .retain(|c| c.class_id != best.class_id || plain_iou(c.bbox, best.bbox) <= config.iou);
        kept.push(best);
    }
    kept
}

/// Small integer boxes, so that IoU is often exactly a threshold, some of them empty.
fn candidates(max: usize) -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0u8..12, 0u8..12, 0u8..8, 0u8..8, 1u8..10, 0u32..3);
    prop::collection::vec(one, 0..max).prop_map(|boxes| {
        let candidate = |(anchor, (x, y, w, h, score, class_id))| {
            let [x, y, w, h] = [x, y, w, h].map(f32::from);
            let score = f32::from(score) / 10.0;
            Candidate {
                bbox: [x, y, x + w, y + h],
                score,
                class_id,
                anchor,
            }
        };
        (0u32..).zip(boxes).map(candidate).collect()
    })
}

proptest! {
    #[test]
    fn suppression_is_the_naive_one(
        candidates in candidates(60),
        iou in prop::sample::select(vec![0.0f32, 0.25, 1.0 / 3.0, 0.45, 0.5, 0.7, 1.0]),
        max_candidates in prop::sample::select(vec![1usize, 7, 20, 30_000]),
        max_detections in prop::sample::select(vec![1usize, 5, 300]),
        shuffle in any::<prop::sample::Index>(),
    ) {
        let config = NmsConfig { iou, max_candidates, max_detections, ..NmsConfig::default() };
        let expected = naive(&candidates, &config);
        let mut found = candidates;
        // The order that candidates come in must not matter.
        if !found.is_empty() {
            let by = shuffle.index(found.len());
            found.rotate_left(by);
        }
        suppress(&mut found, &config);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn iou_is_symmetric_and_in_range(a in any::<[f32; 4]>(), b in any::<[f32; 4]>()) {
        let value = iou(a, b);
        prop_assert!((0.0..=1.0001).contains(&value), "{:?} {:?} {}", a, b, value);
        prop_assert_eq!(value, iou(b, a));
    }
}

#[test]
fn iou_by_hand() {
    assert_eq!(iou([0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.0]), 1.0);
    assert_eq!(iou([0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0]), 1.0 / 3.0);
    assert_eq!(iou([0.0, 0.0, 2.0, 2.0], [2.0, 0.0, 4.0, 2.0]), 0.0);
    assert_eq!(iou([1.0; 4], [1.0; 4]), 0.0);
    assert_eq!(
        iou(
            [0.0, 0.0, f32::INFINITY, 1.0],
            [0.0, 0.0, f32::INFINITY, 1.0]
        ),
        0.0
    );
    assert_eq!(iou([f32::NAN; 4], [0.0, 0.0, 1.0, 1.0]), 0.0);
    // Reversed twice over is still no box.
    assert_eq!(iou([2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0]), 0.0);
}

fn candidate(bbox: [f32; 4], score: f32, class_id: u32, anchor: u32) -> Candidate {
    Candidate {
        bbox,
        score,
        class_id,
        anchor,
    }
}

#[test]
fn a_pair_at_the_threshold_stays() {
    // An IoU of 1/2.
    let pair = [
        candidate([0.0, 0.0, 4.0, 3.0], 0.9, 0, 0),
        candidate([0.0, 1.0, 4.0, 4.0], 0.8, 0, 1),
    ];
    let kept = |iou: f32, class_id: u32| {
        let mut pair = pair.to_vec();
        pair[1].class_id = class_id;
        suppress(
            &mut pair,
            &NmsConfig {
                iou,
                ..NmsConfig::default()
            },
        );
        pair.len()
    };
    assert_eq!(kept(0.5, 0), 2);
    assert_eq!(kept(0.499_999, 0), 1);
    assert_eq!(kept(0.0, 1), 2);
}

/// What a suppressed box covers is not suppressed by it.
#[test]
fn suppression_does_not_chain() {
    let mut row: Vec<_> = [0.0, 3.0, 6.0]
        .into_iter()
        .zip(0u32..)
        .map(|(x, anchor)| candidate([x, 0.0, x + 10.0, 10.0], 0.9 - x / 100.0, 0, anchor))
        .collect();
    suppress(&mut row, &NmsConfig::default());
    assert_eq!(
        row.iter().map(|kept| kept.anchor).collect::<Vec<_>>(),
        [0, 2]
    );
}

#[test]
fn crowds_beyond_the_limit() {
    let config = NmsConfig::default();
    let mut crowd: Vec<_> = (0..40_000)
        .map(|anchor| candidate([0.0, 0.0, 9.0, 9.0], 0.5, 0, 39_999 - anchor))
        .collect();
    suppress(&mut crowd, &config);
    assert_eq!(crowd, [candidate([0.0, 0.0, 9.0, 9.0], 0.5, 0, 0)]);

    // All apart: the best 300, in order.
    let mut apart: Vec<_> = (0u16..40_000)
        .map(|n| {
            let x = f32::from(n) * 2.0;
            candidate(
                [x, 0.0, x + 1.0, 1.0],
                f32::from(n) / 40_000.0,
                0,
                u32::from(n),
            )
        })
        .collect();
    suppress(&mut apart, &config);
    let expected: Vec<u32> = (39_700..40_000).rev().collect();
    assert_eq!(
        apart.iter().map(|kept| kept.anchor).collect::<Vec<_>>(),
        expected
    );

    // The one class that is apart scores lowest, and is beyond the limit of candidates.
    let mut hidden: Vec<_> = (0..30_000)
        .map(|anchor| candidate([0.0, 0.0, 9.0, 9.0], 0.5, 0, anchor))
        .collect();
    hidden.push(candidate([0.0, 0.0, 9.0, 9.0], 0.4, 1, 30_000));
    suppress(&mut hidden, &config);
    assert_eq!(hidden.len(), 1);
}

#[test]
fn settings_are_checked_by_name() {
    assert!(NmsConfig::default().validate().is_ok());
    let message = |config: NmsConfig| config.validate().unwrap_err().to_string();
    let default = NmsConfig::default();
    assert_eq!(
        message(NmsConfig {
            confidence: 1.5,
            ..default
        }),
        "confidence is 1.5: expected a number of 0 to 1"
    );
    assert_eq!(
        message(NmsConfig {
            iou: f32::NAN,
            ..default
        }),
        "iou is NaN: expected a number of 0 to 1"
    );
    assert_eq!(
        message(NmsConfig {
            max_candidates: 30_001,
            ..default
        }),
        "max_candidates is 30001: expected a number of 1 to 30000"
    );
    assert_eq!(
        message(NmsConfig {
            max_detections: 0,
            ..default
        }),
        "max_detections is 0: expected a number of 1 to 30000"
    );
    let read: NmsConfig = serde_json::from_str(r#"{"iou":0.7}"#).unwrap();
    assert_eq!(
        read,
        NmsConfig {
            iou: 0.7,
            ..default
        }
    );
    assert!(serde_json::from_str::<NmsConfig>(r#"{"threshold":0.7}"#).is_err());
}

#[test]
fn detections_lie_in_the_picture() {
    // 1280x720 in 640x640: scale 1/2, 140 rows of padding above.
    let letterbox = Letterbox::new((1280, 720), (640, 640)).unwrap();
    let format = HeadFormat::yolov8(2, 5);
    #[rustfmt::skip]
    let head = [
        // found, its duplicate, another class, in the padding, beyond the edge
        100.0f32, 101.0, 100.0, 320.0, 640.0, // cx
        200.0, 200.0, 200.0, 70.0, 500.0, // cy
        40.0, 40.0, 40.0, 20.0, 40.0, // w
        20.0, 20.0, 20.0, 20.0, 80.0, // h
        0.9, 0.8, 0.1, 0.7, 0.3, // class 0
        0.2, 0.2, 0.6, 0.2, 0.2, // class 1
    ];
    let config = NmsConfig::default();
    let mut scratch = Scratch::default();
    let detection = |bbox, score, class_id| Detection {
        bbox,
        score,
        class_id,
    };
    for _ in 0..2 {
        let found = detect(&head, &format, &letterbox, &config, &mut scratch).unwrap();
        let expected = [
            detection([160.0, 100.0, 240.0, 140.0], 0.9, 0),
            detection([160.0, 100.0, 240.0, 140.0], 0.6, 1),
            detection([1240.0, 640.0, 1280.0, 720.0], 0.3, 0),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn end_to_end_heads_are_only_thresholded_and_ordered() {
    let letterbox = Letterbox::new((640, 640), (640, 640)).unwrap();
    let format = HeadFormat::end_to_end(4);
    #[rustfmt::skip]
    let head = [
        0.0f32, 0.0, 10.0, 10.0, 0.5, 3.0,
        0.0, 0.0, 10.0, 10.0, 0.9, 3.0,
        0.0, 0.0, 10.0, 10.0, 0.25, 3.0,
        1.0, 1.0, 11.0, 11.0, 0.5, 7.0,
    ];
    let config = NmsConfig {
        max_detections: 2,
        ..NmsConfig::default()
    };
    let mut scratch = Scratch::default();
    let found = detect(&head, &format, &letterbox, &config, &mut scratch).unwrap();
    let detection = |score| Detection {
        bbox: [0.0, 0.0, 10.0, 10.0],
        score,
        class_id: 3,
    };
    assert_eq!(found, [detection(0.9), detection(0.5)]);
}
