//! The stage on heads in real pools.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use camweave_cpu_nms::CpuNms;
use camweave_detect::postprocess::NmsSettings;
use camweave_message::{Detections, Head, Ignored, PictureRef, Polygon, Row};
use camweave_pool::{PoolSpec, Producer, Reference};
use camweave_stage::{Context, Declared, Exit, Output, Settings, Stage};
use camweave_testing::head;
use camweave_vision::{
    Activation, BoxCoding, BoxSpace, ColorMatrix, ColorRange, Crop, HeadFormat, Order,
    PictureLayout, PixelFormat, Task,
};

const ANCHORS: usize = 64;
/// Pictures of twice the network's width: boxes come back doubled, less a padding of 80 rows.
const PICTURE: (u32, u32) = (640, 320);
const MODEL: (u32, u32) = (320, 320);

/// A YOLOv8 head of two classes in which these anchors have boxes (centre, size; scores).
fn yolov8(boxes: &[(usize, [f32; 4], [f32; 2])]) -> Vec<f32> {
    let mut head = vec![0.0; 6 * ANCHORS];
    for (anchor, bbox, scores) in boxes {
        for (row, value) in bbox.iter().chain(scores).enumerate() {
            head[row * ANCHORS + anchor] = *value;
        }
    }
    head
}

fn declared(values: &[(&str, &str)]) -> Declared {
    Declared::of(values.iter().copied())
}

struct Bench {
    _folder: tempfile::TempDir,
    context: Context,
    stage: CpuNms,
    pool: Producer,
    pictures: Producer,
}

impl Bench {
    fn new(values: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let context = Context::for_tests("nms", folder.path());
        let stage = CpuNms::open_declared(&declared(values), &context).expect("good settings");
        let pool = |name: &str| {
            let spec = PoolSpec {
                name: name.to_owned(),
                slots: 2,
                slot_bytes: 16_384,
            };
            Producer::create(&spec).expect("memory for a pool")
        };
        Self {
            _folder: folder,
            context,
            stage,
            pool: pool("heads"),
            pictures: pool("frames"),
        }
    }

    /// Puts heads into one slot, as a batch.
    fn publish(&self, heads: &[Vec<f32>]) -> Reference {
        let mut slot = self.pool.begin().expect("a free slot");
        let bytes: Vec<u8> = heads
            .iter()
            .flatten()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        slot[..bytes.len()].copy_from_slice(&bytes);
        slot.publish()
    }

    fn head(&self, tensor: &Reference, row: u32) -> Head {
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
        let layout = PictureLayout::packed(PICTURE.0, PICTURE.1, PixelFormat::I420, matrix, range);
        let slot = self.pictures.begin().expect("a free slot").publish();
        let picture = PictureRef { layout, slot };
        Head {
            trace: self.context.new_trace(),
            model_size: MODEL,
            format: HeadFormat::yolov8(2, ANCHORS as u32),
            row,
            ..head("north", u64::from(row), picture, tensor.clone())
        }
    }

    fn messages(&mut self, heads: Vec<Head>) -> Vec<Vec<Detections>> {
        let mut out = Output::default();
        self.stage.rows(heads, &mut out).expect("the stage goes on");
        out.take()
    }

    fn run(&mut self, heads: Vec<Head>) -> Vec<Detections> {
        let mut messages = self.messages(heads);
        assert!(messages.len() <= 1);
        messages.pop().unwrap_or_default()
    }

    fn one(&mut self, values: Vec<f32>) -> Detections {
        let tensor = self.publish(&[values]);
        let head = self.head(&tensor, 0);
        self.run(vec![head]).pop().expect("one row")
    }

    fn dropped(&self) -> BTreeMap<String, u64> {
        let report = self.context.counters.report();
        report
            .cameras
            .get("north")
            .map(|camera| camera.dropped.clone())
            .unwrap_or_default()
    }

    fn errors(&self) -> BTreeMap<String, u64> {
        let report = self.context.counters.report();
        report
            .cameras
            .get("north")
            .map(|camera| camera.errors.clone())
            .unwrap_or_default()
    }
}

fn counts(reason: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(reason.to_owned(), count)])
}

fn summary(detections: &Detections) -> Vec<(&str, u32, f32, [f32; 4])> {
    let boxes = detections.boxes.iter();
    boxes
        .map(|it| (&*it.label, it.class_id, it.score, it.bbox))
        .collect()
}

#[test]
fn boxes_come_back_in_picture_pixels() {
    let mut bench = Bench::new(&[]);
    // A car, a worse box of it, a person at the same place, one below the threshold, and one
    // that hangs out of the picture.
    let values = yolov8(&[
        (3, [100.0, 180.0, 40.0, 20.0], [0.1, 0.9]),
        (4, [101.0, 180.0, 40.0, 20.0], [0.1, 0.8]),
        (5, [100.0, 180.0, 40.0, 20.0], [0.7, 0.2]),
        (6, [200.0, 180.0, 40.0, 20.0], [0.25, 0.2]),
        (7, [310.0, 180.0, 40.0, 20.0], [0.3, 0.0]),
    ]);
    let tensor = bench.publish(&[values]);
    let head = bench.head(&tensor, 0);
    let found = bench.run(vec![head.clone()]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        summary(&found[0]),
        [
            ("car", 1, 0.9, [160.0, 180.0, 240.0, 220.0]),
            ("person", 0, 0.7, [160.0, 180.0, 240.0, 220.0]),
            ("person", 0, 0.3, [580.0, 180.0, 640.0, 220.0]),
        ]
    );
    assert_eq!((&found[0].id, &found[0].trace), (&head.id, &head.trace));
    assert_eq!(
        (found[0].image_size, &found[0].model),
        (PICTURE, &head.model)
    );
    assert_eq!(found[0].picture.as_ref(), Some(&head.picture));
    assert!(found[0].boxes.iter().all(|it| it.track_id.is_none()));
    assert_eq!(bench.pool.usage().held, 0, "the tensor is let go of");
}

#[test]
fn boxes_of_a_region_come_back_in_picture_pixels_and_inside_it() {
    let mut bench = Bench::new(&[]);
    // As wide as the network's input: less a padding of 80 rows, and moved by 100 and 60.
    let crop = Crop::new((100, 60), (320, 160));
    // The lower left part of the frame.
    let corner = [0.0, 0.4, 0.3, 0.4, 0.3, 1.0, 0.0, 1.0];
    let corner = Polygon::new(&corner).expect("four points");
    let values = yolov8(&[
        (3, [200.0, 180.0, 40.0, 20.0], [0.1, 0.9]),
        // It hangs out of the region, but not of the frame.
        (4, [310.0, 180.0, 40.0, 20.0], [0.1, 0.8]),
        // Beside the region: nothing is left.
        (5, [340.0, 180.0, 30.0, 20.0], [0.1, 0.7]),
        // The middle of its lower edge, at 150, 150, is in the corner.
        (6, [50.0, 160.0, 40.0, 20.0], [0.1, 0.6]),
    ]);
    let tensor = bench.publish(&[values]);
    let head = |bench: &Bench, ignored: Vec<Polygon>| Head {
        crop,
        ignored: Ignored::new(ignored).expect("few"),
        ..bench.head(&tensor, 0)
    };
    let all = head(&bench, Vec::new());
    let found = bench.run(vec![all]);
    assert_eq!(
        summary(&found[0]),
        [
            ("car", 1, 0.9, [280.0, 150.0, 320.0, 170.0]),
            ("car", 1, 0.8, [390.0, 150.0, 420.0, 170.0]),
            ("car", 1, 0.6, [130.0, 130.0, 170.0, 150.0]),
        ]
    );
    assert_eq!(found[0].image_size, PICTURE, "that of the whole frame");
    let fact = |bench: &Bench| {
        let facts = bench.context.counters.report().facts;
        facts.get("objects_ignored").cloned()
    };
    assert_eq!(fact(&bench), None);
    for count in ["1", "2"] {
        let some = head(&bench, vec![corner.clone()]);
        let found = bench.run(vec![some]);
        let scores: Vec<f32> = found[0].boxes.iter().map(|it| it.score).collect();
        assert_eq!(scores, [0.9, 0.8]);
        assert_eq!(fact(&bench).as_deref(), Some(count));
    }
}

#[test]
fn each_row_reads_its_own_part_of_the_batch() {
    let mut bench = Bench::new(&[]);
    let heads: Vec<_> = (0..3)
        .map(|row: u8| {
            yolov8(&[(
                usize::from(row),
                [100.0, 180.0, 40.0, 20.0],
                [0.5 + f32::from(row) / 8.0, 0.0],
            )])
        })
        .collect();
    let tensor = bench.publish(&heads);
    // In another order than in the slot, and without one of them.
    let rows = vec![bench.head(&tensor, 2), bench.head(&tensor, 0)];
    let found = bench.run(rows);
    let scores: Vec<_> = found
        .iter()
        .map(|row| (row.id.sequence, row.boxes[0].score))
        .collect();
    assert_eq!(scores, [(2, 0.75), (0, 0.5)]);
}

#[test]
fn a_frame_without_objects_is_a_row_without_boxes() {
    let mut bench = Bench::new(&[]);
    let found = bench.one(yolov8(&[]));
    assert!(found.boxes.is_empty());
    assert!(bench.dropped().is_empty());
}

#[test]
fn settings_are_obeyed() {
    let values = || {
        yolov8(&[
            (3, [100.0, 180.0, 40.0, 20.0], [0.0, 0.9]),
            (4, [120.0, 180.0, 40.0, 20.0], [0.0, 0.8]),
            (5, [200.0, 180.0, 40.0, 20.0], [0.2, 0.0]),
        ])
    };
    let scores = |settings: &[(&str, &str)]| -> Vec<f32> {
        Bench::new(settings)
            .one(values())
            .boxes
            .iter()
            .map(|it| it.score)
            .collect()
    };
    assert_eq!(scores(&[]), [0.9, 0.8]);
    // The two overlap by a third.
    assert_eq!(scores(&[("IOU", "0.3")]), [0.9]);
    assert_eq!(scores(&[("CONFIDENCE", "0.1")]), [0.9, 0.8, 0.2]);
    assert_eq!(
        scores(&[("CONFIDENCE", "0.1"), ("MAX_DETECTIONS", "1")]),
        [0.9]
    );
}

#[test]
fn only_some_classes() {
    let values = || {
        yolov8(&[
            (3, [100.0, 180.0, 40.0, 20.0], [0.0, 0.9]),
            (4, [101.0, 180.0, 40.0, 20.0], [0.0, 0.8]),
            (5, [100.0, 180.0, 40.0, 20.0], [0.7, 0.2]),
            (6, [100.0, 60.0, 40.0, 20.0], [0.0, 0.6]),
        ])
    };
    let labels = |settings: &[(&str, &str)]| {
        let found = Bench::new(settings).one(values());
        found
            .boxes
            .iter()
            .map(|it| (it.label.to_string(), it.score))
            .collect::<Vec<_>>()
    };
    // What is in the padding is no detection.
    let car = ("car".to_owned(), 0.9);
    let person = ("person".to_owned(), 0.7);
    assert_eq!(labels(&[]), [car.clone(), person.clone()]);
    assert_eq!(
        labels(&[("CLASSES", "person, car")]),
        [car.clone(), person.clone()]
    );
    assert_eq!(labels(&[("CLASSES", "car")]), [car]);
    assert_eq!(
        labels(&[("CLASSES", "0"), ("MAX_DETECTIONS", "1")]),
        [person]
    );
}

#[test]
fn an_unknown_class_is_counted_once() {
    let mut bench = Bench::new(&[("CLASSES", "car,cat")]);
    for _ in 0..3 {
        let found = bench.one(yolov8(&[(3, [100.0, 180.0, 40.0, 20.0], [0.1, 0.9])]));
        assert_eq!(found.boxes.len(), 1);
    }
    assert_eq!(
        bench.context.counters.report().errors,
        counts("unknown_class", 1)
    );
}

#[test]
fn an_end_to_end_head_is_not_suppressed() {
    let mut bench = Bench::new(&[]);
    let mut values = vec![0.0; 6 * ANCHORS];
    let rows: [[f32; 6]; 4] = [
        [80.0, 170.0, 120.0, 190.0, 0.5, 1.0],
        [80.0, 170.0, 120.0, 190.0, 0.9, 1.0],
        [80.0, 170.0, 120.0, 190.0, 0.7, 7.0],
        [80.0, 170.0, 120.0, 190.0, 0.2, 0.0],
    ];
    values[..24].copy_from_slice(rows.as_flattened());
    let tensor = bench.publish(&[values]);
    let head = Head {
        format: HeadFormat::end_to_end(ANCHORS as u32),
        ..bench.head(&tensor, 0)
    };
    let found = bench.run(vec![head]).pop().expect("one row");
    let bbox = [160.0, 180.0, 240.0, 220.0];
    assert_eq!(
        summary(&found),
        [
            ("car", 1, 0.9, bbox),
            ("class7", 7, 0.7, bbox),
            ("car", 1, 0.5, bbox)
        ]
    );
}

/// As DETRs have it: boxes, then logits, in parts of the input, without overlaps.
#[test]
fn a_head_of_boxes_and_logits() {
    let mut bench = Bench::new(&[]);
    let format = HeadFormat {
        order: Order::Parts,
        space: BoxSpace::Normalised,
        activation: Activation::Sigmoid,
        overlaps: false,
        ..HeadFormat::yolov8(2, 3)
    };
    let place = [100.0, 180.0, 40.0, 20.0].map(|pixels: f32| pixels / 320.0);
    let boxes = [place; 3].concat();
    let values = [boxes, vec![-3.0, 2.0, 1.0, 0.5, -4.0, -5.0]].concat();
    let tensor = bench.publish(&[values]);
    let head = Head {
        format,
        ..bench.head(&tensor, 0)
    };
    let found = bench.run(vec![head]).pop().expect("one row");
    let bbox = [160.0, 180.0, 240.0, 220.0];
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    assert_eq!(found.boxes.len(), 2);
    for (found, (label, logit)) in found.boxes.iter().zip([("car", 2.0), ("person", 1.0)]) {
        assert_eq!((&*found.label, found.bbox), (label, bbox));
        assert!((found.score - sigmoid(logit)).abs() < 1e-6);
    }
}

/// A mask takes long: the first frames do not wait for those of 31 others.
#[test]
fn few_heads_of_more_than_boxes_are_taken_at_once() {
    let mut bench = Bench::new(&[]);
    let values = [80.0, 170.0, 120.0, 190.0, 0.9, 1.0, 0.0, 0.0];
    let tensor = bench.publish(&[values.to_vec()]);
    let mut after = |task: Task, extra: u32| {
        let format = HeadFormat {
            task,
            extra,
            ..HeadFormat::end_to_end(1)
        };
        let head = Head {
            format,
            ..bench.head(&tensor, 0)
        };
        assert_eq!(bench.run(vec![head]).len(), 1);
        bench.stage.batch().map(NonZeroUsize::get)
    };
    assert_eq!(after(Task::Detect, 0), Some(32));
    assert_eq!(after(Task::Pose { values: 2 }, 2), Some(4));
    assert_eq!(after(Task::Detect, 0), Some(32));
}

/// As YOLO26 has it: a pose, a mask and an oriented box, each in a head of its own.
#[test]
fn heads_of_more_than_boxes() {
    let mut bench = Bench::new(&[]);
    let mut run = |task: Task, extra: u32, values: Vec<f32>| {
        let tensor = bench.publish(&[values]);
        let head = Head {
            format: HeadFormat {
                task,
                extra,
                boxes: match task {
                    Task::Obb => BoxCoding::Centre,
                    _ => BoxCoding::Corners,
                },
                ..HeadFormat::end_to_end(1)
            },
            ..bench.head(&tensor, 0)
        };
        let mut found = bench.run(vec![head]).pop().expect("one row").boxes;
        assert_eq!(found.len(), 1);
        found.remove(0)
    };
    let place = [80.0, 170.0, 120.0, 190.0, 0.9, 1.0];
    let keypoints = [[90.0, 175.0], [0.0, 0.0]].concat();
    let pose = run(
        Task::Pose { values: 2 },
        4,
        [&place[..], &keypoints].concat(),
    );
    assert_eq!(
        pose.extras.keypoints.as_deref(),
        Some(&[180.0, 190.0, 1.0, 0.0, 0.0, 1.0][..])
    );
    assert_eq!(pose.bbox, [160.0, 180.0, 240.0, 220.0]);
    // Everything is an object's: its outline is its box, whose last pixels are 119 and 189.
    let (height, width) = (4, 4);
    let masks = [&place[..], &[2.0], &[1.0; 16]].concat();
    let masked = run(Task::Segment { height, width }, 1, masks);
    let outline = [160.0, 180.0, 160.0, 218.0, 238.0, 218.0, 238.0, 180.0];
    assert_eq!(masked.extras.mask.as_deref(), Some(&outline[..]));
    let rotated = run(
        Task::Obb,
        1,
        vec![
            100.0,
            180.0,
            40.0,
            20.0,
            0.9,
            0.0,
            std::f32::consts::FRAC_PI_2,
        ],
    );
    let [x, y, w, h, angle] = rotated.extras.oriented.expect("rotated");
    assert_eq!(
        [x, y, w, h, angle],
        [200.0, 200.0, 80.0, 40.0, std::f32::consts::FRAC_PI_2]
    );
    let near = rotated.bbox.iter().zip([180.0, 160.0, 220.0, 240.0]);
    assert!(
        near.into_iter()
            .all(|(found, edge)| (found - edge).abs() < 1e-3),
        "{:?}",
        rotated.bbox
    );
}

#[test]
fn an_expired_head_costs_only_itself() {
    let mut bench = Bench::new(&[]);
    let old = bench.publish(&[yolov8(&[])]);
    bench.publish(&[yolov8(&[])]);
    let new = bench.publish(&[yolov8(&[])]);
    let rows = vec![bench.head(&old, 0), bench.head(&new, 0)];
    assert_eq!(bench.run(rows).len(), 1);
    assert_eq!(bench.dropped(), counts("expired", 1));
    assert!(bench.errors().is_empty());
}

#[test]
fn heads_that_are_not_what_they_say() {
    let mut bench = Bench::new(&[]);
    let tensor = bench.publish(&[yolov8(&[])]);
    let format = |format, row| Head {
        format,
        ..bench.head(&tensor, row)
    };
    let heads = vec![
        format(HeadFormat::yolov8(0, 64), 0),
        format(HeadFormat::yolov8(2, 0), 0),
        format(
            HeadFormat {
                activation: Activation::Softmax,
                ..HeadFormat::end_to_end(64)
            },
            0,
        ),
        format(HeadFormat::end_to_end(0), 0),
        format(HeadFormat::yolov8(2, 64), 1000),
        format(
            HeadFormat {
                boxes: BoxCoding::Grid,
                ..HeadFormat::yolov8(2, 64)
            },
            0,
        ),
        format(HeadFormat::yolov8(u32::MAX, u32::MAX), u32::MAX),
        format(HeadFormat::end_to_end(u32::MAX), u32::MAX),
    ];
    let count = heads.len() as u64;
    assert!(bench.run(heads).is_empty());
    assert_eq!(bench.dropped(), counts("malformed", count));
    assert_eq!(bench.errors(), counts("malformed_head", count));
    assert_eq!(bench.pool.usage().held, 0);
}

#[test]
fn a_slot_that_does_not_exist() {
    let mut bench = Bench::new(&[]);
    let tensor = Reference {
        slot: 99,
        ..bench.publish(&[yolov8(&[])])
    };
    let head = bench.head(&tensor, 0);
    assert!(bench.run(vec![head]).is_empty());
    assert_eq!(bench.dropped(), counts("unreachable", 1));
    assert_eq!(bench.errors(), counts("slot_out_of_range", 1));
}

#[test]
fn rows_per_message() {
    for (setting, expected) in [("0", vec![5]), ("1", vec![1; 5]), ("2", vec![2, 2, 1])] {
        let mut bench = Bench::new(&[("ROWS_PER_MESSAGE", setting)]);
        let tensor = bench.publish(&vec![
            yolov8(&[(1, [100.0, 180.0, 40.0, 20.0], [0.5, 0.0])]);
            5
        ]);
        let heads: Vec<_> = (0..5).map(|row| bench.head(&tensor, row)).collect();
        let messages = bench.messages(heads);
        assert_eq!(messages.iter().map(Vec::len).collect::<Vec<_>>(), expected);
        let order: Vec<_> = messages
            .iter()
            .flatten()
            .map(|row| row.id.sequence)
            .collect();
        assert_eq!(order, [0, 1, 2, 3, 4]);
        // They survive their own message format.
        for message in &messages {
            let read =
                Detections::from_arrow(&Detections::to_arrow(message)).expect("a good message");
            assert_eq!(&read, message);
        }
    }
}

#[test]
fn wrong_settings_are_named() {
    for (name, value, part) in [
        ("CONFIDENCE", "1.5", "0 to 1"),
        ("CONFIDENCE", "NaN", "0 to 1"),
        ("IOU", "-0.1", "0 to 1"),
        ("MAX_DETECTIONS", "0", "1 to 30000"),
        ("CLASSES", "car,,person", "separated by commas"),
        ("ROWS_PER_MESSAGE", "many", "0 to 4096"),
    ] {
        let error = NmsSettings::read(&declared(&[(name, value)])).expect_err("out of range");
        assert_eq!(error.exit, Exit::Configuration);
        for part in [name, value, part] {
            assert!(error.message.contains(part), "no '{part}' in: {error}");
        }
    }
}
