use std::num::NonZeroU32;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float32Array, StringArray, StructArray};
use arrow_schema::Field;
use camweave_pool::{HostMemory, PoolSpec, Producer, Reference};
use camweave_vision::{ColorMatrix, ColorRange, Fit, HeadFormat, PictureLayout, PixelFormat};
use proptest::prelude::*;

use super::*;

fn reference(slot: u32) -> Reference {
    let spec = PoolSpec {
        name: "test".into(),
        slots: 1,
        slot_bytes: 64,
    };
    let producer = Producer::<HostMemory>::create(&spec).expect("a small pool fits");
    Reference {
        pool: producer.id().clone(),
        slot,
        generation: 7,
    }
}

pub(crate) fn id(camera: &str, sequence: u64) -> FrameId {
    FrameId {
        camera: Arc::from(camera),
        session_unix_nanos: 1_700_000_000_000_000_000,
        sequence,
        pts_nanos: -5,
        captured_unix_nanos: 1_700_000_000_000_000_001,
        captured_clock: CapturedClock::SenderReport,
    }
}

pub(crate) fn trace(passes: usize) -> Trace {
    let pass = |index: usize| StagePass {
        stage: Arc::from(format!("stage{index}")),
        enter_nanos: index as i64,
        leave_nanos: index as i64 + 1,
    };
    Trace((0..passes).map(pass).collect())
}

pub(crate) fn picture(slot: u32) -> PictureRef {
    let layout = PictureLayout::packed(
        640,
        360,
        PixelFormat::I420,
        ColorMatrix::Bt709,
        ColorRange::Limited,
    );
    PictureRef {
        layout,
        slot: reference(slot),
    }
}

pub(crate) fn unit(sequence: u64, data: Vec<u8>) -> Unit {
    Unit {
        id: id("cam1", sequence),
        trace: trace(1),
        codec: Codec::H265,
        keyframe: sequence == 0,
        lost_packets: 3,
        orientation: Orientation::UPRIGHT,
        selection: Selection::All,
        motion: None,
        areas: Areas::default(),
        data: data.into(),
    }
}

pub(crate) fn detections(boxes: usize, with_picture: bool) -> Detections {
    let item = |index: usize| DetectedBox {
        bbox: [index as f32, 1.0, 2.0, 3.5],
        score: 0.5,
        class_id: index as u32,
        label: Arc::from(format!("class{index}")),
        track_id: index.is_multiple_of(2).then_some(index as u64),
        extras: Extras::default(),
    };
    Detections {
        id: id("cam2", boxes as u64),
        trace: trace(3),
        image_size: (1920, 1080),
        picture: with_picture.then(|| picture(1)),
        model: Arc::from("street.onnx@abc"),
        boxes: (0..boxes).map(item).collect(),
    }
}

pub(crate) fn head(row: u32) -> Head {
    Head {
        id: id("cam1", 9),
        trace: trace(2),
        picture: picture(2),
        crop: None,
        ignored: Ignored::default(),
        model_size: (320, 320),
        fit: Fit::TopLeft,
        model: Arc::from("street.onnx@abc"),
        class_names: Arc::from("person\ncar"),
        format: HeadFormat::yolov8(2, 2100),
        tensor: reference(4),
        row,
    }
}

fn round_trip<R: Row + PartialEq + std::fmt::Debug>(rows: &[R]) {
    let array = R::to_arrow(rows);
    assert_eq!(R::from_arrow(&array).expect("own messages are valid"), rows);
    // A slice of a message is a message: offsets inside the arrays are honoured.
    if rows.len() > 1 {
        let tail = array.slice(1, rows.len() - 1);
        assert_eq!(R::from_arrow(&tail).expect("slices are valid"), &rows[1..]);
    }
}

#[test]
fn every_message_survives_arrow() {
    round_trip::<Unit>(&[]);
    round_trip(&[
        unit(0, vec![0, 0, 0, 1, 0x67]),
        unit(1, vec![]),
        unit(2, vec![1; 5000]),
    ]);
    round_trip(&[
        Frame {
            id: id("a", 0),
            trace: trace(0),
            picture: picture(0),
            areas: Areas::default(),
        },
        Frame {
            id: id("b", 1),
            trace: trace(2),
            picture: picture(3),
            areas: Areas::default(),
        },
    ]);
    round_trip(&[head(0), head(1)]);
    round_trip(&[
        detections(0, false),
        detections(3, true),
        detections(1, false),
    ]);
}

#[test]
fn a_units_bytes_are_not_copied_on_receipt() {
    let array = Unit::to_arrow(&[unit(0, vec![7; 100]), unit(1, vec![8; 100])]);
    let bytes = array
        .column_by_name("data")
        .expect("the column")
        .as_binary::<i32>()
        .value(1);
    let received = Unit::from_arrow(&array).expect("valid");
    assert_eq!(received[1].data.as_ptr(), bytes.as_ptr());
}

#[test]
fn one_row_of_detections_is_a_hub_message() {
    let array = Detections::to_arrow(&[detections(2, true)]);
    assert_eq!(array.len(), 1);
    let list = |name: &str| {
        array
            .column_by_name(name)
            .expect("the column")
            .as_list::<i32>()
            .value(0)
    };
    assert_eq!(
        list("bbox")
            .as_primitive::<arrow_array::types::Float32Type>()
            .len(),
        8
    );
    assert_eq!(
        list("conf")
            .as_primitive::<arrow_array::types::Float32Type>()
            .len(),
        2
    );
    assert_eq!(list("labels").as_string::<i32>().value(1), "class1");
}

#[test]
fn any_message_tells_whose_frame_has_passed() {
    let passed = Passage::from_arrow(&Detections::to_arrow(&[detections(1, false)]));
    assert_eq!(passed.expect("valid")[0].id, detections(1, false).id);
    assert!(Passage::from_arrow(&Unit::to_arrow(&[unit(4, vec![])])).is_ok());
}

pub(crate) fn replaced(array: &StructArray, name: &str, column: Option<&ArrayRef>) -> StructArray {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, old) in array.fields().iter().zip(array.columns()) {
        let new = if field.name() == name {
            column.cloned()
        } else {
            Some(old.clone())
        };
        if let Some(new) = new {
            fields.push(Field::new(field.name(), new.data_type().clone(), true));
            columns.push(new);
        }
    }
    StructArray::new(fields.into(), columns, None)
}

#[test]
fn errors_name_field_type_and_value() {
    let good = Detections::to_arrow(&[detections(1, false)]);
    let error = |name: &str, column: Option<ArrayRef>| {
        Detections::from_arrow(&replaced(&good, name, column.as_ref()))
            .expect_err("malformed")
            .to_string()
    };
    let text = |value: &str| Some(Arc::new(StringArray::from(vec![value])) as ArrayRef);
    let cases = [
        (
            error("conf", None),
            vec!["'conf'", "missing", "camweave.detections/1"],
        ),
        (error("conf", text("x")), vec!["'conf'", "Utf8", "List"]),
        (
            error("captured_clock", text("sundial")),
            vec!["captured_clock", "'sundial'", "arrival"],
        ),
        (error("camera", text("")), vec!["'camera'", "row 0"]),
        (
            error(
                "camera",
                Some(Arc::new(StringArray::from(vec![None::<&str>]))),
            ),
            vec!["'camera'", "null", "row 0"],
        ),
        (
            error("schema", text("camweave.detections/2")),
            vec!["detections/2", "another version"],
        ),
        (
            error("schema", text("camweave.units/1")),
            vec!["units/1", "graph connects"],
        ),
    ];
    for (message, words) in cases {
        for word in words {
            assert!(message.contains(word), "'{word}' is not in: {message}");
        }
        assert!(!message.contains('\n'));
    }
    let plain = Float32Array::from(vec![1.0]);
    let message = Unit::from_arrow(&plain).expect_err("no struct").to_string();
    assert!(
        message.contains("camweave.units/1") && message.contains("Float32"),
        "{message}"
    );
}

#[test]
fn a_sender_that_knows_of_no_turned_pictures_sends_upright_ones() {
    let mut turned = unit(0, vec![1]);
    turned.orientation = Orientation::new(270, true).expect("quarters");
    let array = Unit::to_arrow(&[turned.clone()]);
    assert_eq!(Unit::from_arrow(&array).expect("valid"), [turned.clone()]);
    let old = replaced(&replaced(&array, "rotation", None), "mirrored", None);
    turned.orientation = Orientation::UPRIGHT;
    assert_eq!(Unit::from_arrow(&old).expect("valid"), [turned]);
    let wrong: ArrayRef = Arc::new(arrow_array::UInt16Array::from(vec![45]));
    let error = Unit::from_arrow(&replaced(&array, "rotation", Some(&wrong)));
    let error = error.expect_err("45 degrees").to_string();
    for part in ["'rotation'", "45", "90"] {
        assert!(error.contains(part), "{error}\nlacks {part}");
    }
}

#[test]
fn a_sender_that_knows_of_no_selection_wants_all_pictures() {
    let mut some = unit(0, vec![1]);
    some.selection = Selection::from_nanos(200_000_000).expect("in range");
    let array = Unit::to_arrow(&[some.clone()]);
    assert_eq!(Unit::from_arrow(&array).expect("valid"), [some.clone()]);
    some.motion = NonZeroU32::new(2000);
    let moving = Unit::to_arrow(&[some.clone()]);
    assert_eq!(Unit::from_arrow(&moving).expect("valid"), [some.clone()]);
    let old = replaced(&moving, "motion_area_ppm", None);
    some.motion = None;
    assert_eq!(Unit::from_arrow(&old).expect("valid"), [some.clone()]);
    some.selection = Selection::All;
    let old = replaced(&array, "detect_every_nanos", None);
    assert_eq!(Unit::from_arrow(&old).expect("valid"), [some]);
    let more: ArrayRef = Arc::new(arrow_array::UInt32Array::from(vec![1_000_001]));
    let error = Unit::from_arrow(&replaced(&moving, "motion_area_ppm", Some(&more)));
    let error = error.expect_err("more than the picture").to_string();
    assert!(
        error.contains("'motion_area_ppm'") && error.contains("1000001"),
        "{error}"
    );
    for wrong in [-2, Selection::MAX_NANOS + 1] {
        let column: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![wrong]));
        let error = Unit::from_arrow(&replaced(&array, "detect_every_nanos", Some(&column)));
        let error = error.expect_err("out of range").to_string();
        assert!(
            error.contains("'detect_every_nanos'") && error.contains(&wrong.to_string()),
            "{error}"
        );
    }
}

/// As `docs/messages.md` writes them, without what is usual.
#[test]
fn heads_of_every_format_survive() {
    let read = |text: &str| -> HeadFormat { serde_json::from_str(text).expect("a format") };
    let yolov8 = read(
        r#"{"order":"planes","anchors":8400,"scores":{"per_class":{"values":80}},"boxes":"centre","overlaps":true}"#,
    );
    assert_eq!(yolov8, HeadFormat::yolov8(80, 8400));
    let end_to_end = read(
        r#"{"order":"rows","anchors":300,"scores":"labelled","boxes":"corners","overlaps":false}"#,
    );
    assert_eq!(end_to_end, HeadFormat::end_to_end(300));
    let yolox = read(
        r#"{"order":"rows","anchors":8400,"scores":{"objectness":{"classes":80}},"boxes":"grid","extra":2,"overlaps":true}"#,
    );
    let ssd = read(
        r#"{"order":"parts_by_class","anchors":1917,"scores":{"per_class":{"values":91,"background":"first"}},"boxes":"corners_yx","space":"normalised","activation":"softmax","overlaps":true}"#,
    );
    let masks = read(
        r#"{"order":"rows","anchors":300,"scores":"labelled","boxes":"corners","extra":32,"overlaps":false,"task":{"segment":{"height":160,"width":160}}}"#,
    );
    assert_eq!(masks.len(), 300 * 38 + 32 * 160 * 160);
    let rows =
        [yolov8, end_to_end, yolox, yolox, ssd, masks].map(|format| Head { format, ..head(0) });
    round_trip(&rows);
    for fit in Fit::ALL {
        round_trip(&[Head {
            fit: *fit,
            ..head(0)
        }]);
    }
}

#[test]
fn impossible_pictures_are_refused() {
    let mut frame = Frame {
        id: id("a", 0),
        trace: trace(0),
        picture: picture(0),
        areas: Areas::default(),
    };
    frame.picture.layout.width = 0;
    let message = Frame::from_arrow(&Frame::to_arrow(&[frame]))
        .expect_err("no picture")
        .to_string();
    assert!(
        message.contains("planes") && message.contains("0x360"),
        "{message}"
    );
}

proptest! {
    #[test]
    fn units_of_any_shape_survive(
        rows in proptest::collection::vec(
            (0..=limits::MAX_SEQUENCE, -limits::MAX_NANOS..=limits::MAX_NANOS,
             -limits::MAX_NANOS..=limits::MAX_NANOS, any::<u32>(), any::<bool>(),
             proptest::collection::vec(any::<u8>(), 0..64), 0..4_usize, "[a-z]{1,8}"), 0..8),
    ) {
        let rows: Vec<Unit> = rows.into_iter().map(
            |(sequence, pts_nanos, captured, lost_packets, keyframe, data, passes, camera)| Unit {
                id: FrameId { pts_nanos, captured_unix_nanos: captured, ..id(&camera, sequence) },
                trace: trace(passes),
                codec: Codec::H264,
                keyframe,
                lost_packets,
                orientation: Orientation::new(90 * (lost_packets % 4) as u16, keyframe)
                    .expect("quarters"),
                selection: Selection::from_nanos(i64::from(lost_packets) - 1).expect("in range"),
                motion: NonZeroU32::new(lost_packets % Unit::MAX_MOTION_PPM),
                areas: Areas::default(),
                data: data.into(),
            }).collect();
        prop_assert_eq!(Unit::from_arrow(&Unit::to_arrow(&rows)).expect("valid"), rows);
    }
}
