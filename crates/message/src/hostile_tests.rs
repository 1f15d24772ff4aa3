//! Rows as no stage of ours sends them. Each costs itself, and a line that names what is wrong.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, StructArray};
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{Field, Schema};
use camweave_vision::{HeadFormat, Task};

use crate::tests::{detections, head, id, picture, replaced, trace, unit};
use crate::*;

/// A good row, the hostile one, a good row: the good ones come, and the error names the field.
fn costs_itself<R: Row + PartialEq + std::fmt::Debug>(good: &R, bad: R, field: &str, case: &str) {
    let array = R::to_arrow(&[good.clone(), bad, good.clone()]);
    let received = R::read(&array).expect("the message as a whole is one");
    assert_eq!(received.rows, [good.clone(), good.clone()], "{case}");
    let [refused] = received.refused.as_slice() else {
        panic!("{case}: {:?}", received.refused);
    };
    let line = refused.error.to_string();
    assert!(
        line.contains(&format!("'{field}' in row 1")),
        "{case}: {line}"
    );
    assert!(line.len() < 1000, "{case}: {} bytes", line.len());
    assert!(!line.chars().any(char::is_control), "{case}: {line:?}");
    assert!(R::from_arrow(&array).is_err(), "{case}");
}

fn detection(change: impl FnOnce(&mut Detections)) -> Detections {
    let mut row = detections(1, true);
    change(&mut row);
    row
}

fn boxed(bbox: [f32; 4]) -> Detections {
    detection(|row| row.boxes[0].bbox = bbox)
}

fn named(camera: &str) -> Detections {
    detection(|row| row.id.camera = Arc::from(camera))
}

fn passed(enter_nanos: i64, leave_nanos: i64) -> Detections {
    detection(|row| {
        row.trace.0[0] = StagePass {
            stage: Arc::from("x"),
            enter_nanos,
            leave_nanos,
        };
    })
}

#[test]
fn identities_beyond_their_ranges() {
    let good = detections(1, true);
    for (field, bad) in [
        ("camera", named("../../escape")),
        ("camera", named("/tmp/ABS_ESCAPE")),
        ("camera", named("a\0b")),
        ("camera", named(&"c".repeat(5000))),
        ("camera", named("\u{1b}[31mEVIL\u{1b}]0;pwned\u{7}\ncam")),
        (
            "captured_unix_nanos",
            detection(|row| row.id.captured_unix_nanos = i64::MIN),
        ),
        (
            "captured_unix_nanos",
            detection(|row| row.id.captured_unix_nanos = i64::MAX),
        ),
        (
            "session_unix_nanos",
            detection(|row| row.id.session_unix_nanos = i64::MIN),
        ),
        (
            "session_unix_nanos",
            detection(|row| row.id.session_unix_nanos = i64::MAX),
        ),
        ("pts_nanos", detection(|row| row.id.pts_nanos = i64::MIN)),
        ("sequence", detection(|row| row.id.sequence = u64::MAX)),
        ("trace.enter_nanos", passed(i64::MIN, 2)),
        ("trace.leave_nanos", passed(1, i64::MAX)),
        (
            "trace",
            detection(|row| row.trace = trace(limits::MAX_STAGES + 1)),
        ),
        (
            "trace.stage",
            detection(|row| row.trace.0[0].stage = Arc::from("\u{1b}[2J")),
        ),
        (
            "trace.stage",
            detection(|row| row.trace.0[0].stage = Arc::from("s".repeat(5000))),
        ),
    ] {
        let case = format!("{field}: {:?}", bad.id);
        costs_itself(&good, bad, field, &case);
    }
}

#[test]
fn boxes_that_are_none() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let good = detections(1, true);
    for (field, bad) in [
        ("bbox", boxed([nan; 4])),
        ("bbox", boxed([inf, -inf, inf, inf])),
        ("bbox", boxed([-3e38, -3e38, 3e38, 3e38])),
        ("bbox", boxed([-1e9, -1e9, 1e9, 1e9])),
        ("bbox", boxed([20.0, 1.0, 10.0, 5.0])),
        ("bbox", boxed([1e30, 0.0, 1e31, 5.0])),
        ("conf", detection(|row| row.boxes[0].score = nan)),
        ("conf", detection(|row| row.boxes[0].score = inf)),
        ("conf", detection(|row| row.boxes[0].score = -5.0)),
        ("conf", detection(|row| row.boxes[0].score = 1.01)),
        (
            "class_ids",
            detection(|row| row.boxes[0].class_id = u32::MAX),
        ),
        (
            "labels",
            detection(|row| row.boxes[0].label = Arc::from("L".repeat(2_000_000))),
        ),
        (
            "labels",
            detection(|row| row.boxes[0].label = Arc::from("\u{1b}[2J\n{\"camera\":1}")),
        ),
        (
            "model",
            detection(|row| row.model = Arc::from("\u{1b}[31mm")),
        ),
        ("width", detection(|row| row.image_size = (0, 0))),
        (
            "width",
            detection(|row| row.image_size = (u32::MAX, u32::MAX)),
        ),
        (
            "conf",
            detection(|row| row.boxes = vec![row.boxes[0].clone(); limits::MAX_BOXES + 1]),
        ),
    ] {
        let case = format!("{field}: {:?}", bad.boxes.first());
        costs_itself(&good, bad, field, &case);
    }
    // What cameras and models do give.
    for bbox in [
        [0.0; 4],
        [63.9, 63.9, 64.0, 64.0],
        [-5.0, -5.0, -1.0, -1.0],
        [1e-40, 0.0, 2e-40, 1.0],
    ] {
        let row = boxed(bbox);
        let read = Detections::from_arrow(&Detections::to_arrow(std::slice::from_ref(&row)));
        assert_eq!(read, Ok(vec![row]));
    }
}

#[test]
fn units_and_pictures_that_cannot_be() {
    let good = unit(1, vec![1, 2]);
    let oversized = unit(1, vec![0; limits::MAX_UNIT_BYTES + 1]);
    costs_itself(
        &good,
        oversized,
        "data",
        "an access unit of more than the limit",
    );
    let frame = |change: fn(&mut PictureRef)| {
        let mut picture = picture(1);
        change(&mut picture);
        Frame {
            id: id("cam1", 0),
            trace: trace(1),
            picture,
            areas: Areas::default(),
        }
    };
    let good = frame(|_| {});
    for (field, bad) in [
        (
            "planes",
            frame(|it| (it.layout.width, it.layout.height) = (0, 0)),
        ),
        (
            "planes",
            frame(|it| (it.layout.width, it.layout.height) = (u32::MAX, u32::MAX)),
        ),
        (
            "planes",
            frame(|it| it.layout.planes = [it.layout.planes[0]].into()),
        ),
        ("slot", frame(|it| it.slot.slot = u32::MAX)),
        ("generation", frame(|it| it.slot.generation = 0)),
    ] {
        let case = format!("{field}: {:?}", bad.picture);
        costs_itself(&good, bad, field, &case);
    }
}

#[test]
fn heads_that_cannot_be() {
    let good = head(0);
    let bad = |change: &dyn Fn(&mut Head)| {
        let mut row = head(0);
        change(&mut row);
        row
    };
    for (field, bad) in [
        (
            "format",
            bad(&|it| it.format = HeadFormat::yolov8(u32::MAX, u32::MAX)),
        ),
        (
            "format",
            bad(&|it| it.format = HeadFormat::yolov8(1, 20_000_000)),
        ),
        (
            "format",
            bad(&|it| it.format = HeadFormat::yolov8(60_000, 100_000)),
        ),
        (
            "format",
            bad(&|it| it.format = HeadFormat::yolov8(70_000, 1)),
        ),
        ("format", bad(&|it| it.format.extra = u32::MAX)),
        ("format", bad(&|it| it.format.task = Task::Obb)),
        (
            "format",
            bad(&|it| {
                let (height, width) = (u32::MAX, u32::MAX);
                (it.format.extra, it.format.task) = (32, Task::Segment { height, width });
            }),
        ),
        ("format", bad(&|it| it.format = HeadFormat::end_to_end(0))),
        ("row", bad(&|it| it.row = u32::MAX)),
        ("model_width", bad(&|it| it.model_size = (0, 64))),
        ("model_height", bad(&|it| it.model_size = (1, u32::MAX))),
        (
            "class_names",
            bad(&|it| it.class_names = Arc::from("x\n".repeat(3_000_000))),
        ),
        (
            "class_names",
            bad(&|it| it.class_names = Arc::from("n\n".repeat(70_000))),
        ),
        (
            "class_names",
            bad(&|it| it.class_names = Arc::from("a\n\u{1b}[31m")),
        ),
        ("model", bad(&|it| it.model = Arc::from("m".repeat(5000)))),
    ] {
        costs_itself(&good, bad, field, field);
    }
}

#[test]
fn texts_that_are_no_format() {
    let yolov8 = r#"{"order":"planes","anchors":10,"scores":{"per_class":{"values":2}},"boxes":"centre","overlaps":true}"#;
    let changed = |from: &str, to: &str| yolov8.replace(from, to);
    let texts = [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        "[".repeat(100_000),
        format!("{{{}", " ".repeat(1_000_000)),
        changed("10", "-1"),
        changed("10", "NaN"),
        changed("10", "1e9"),
        changed("10", "4294967296"),
        changed("10", "0"),
        changed("true", "1"),
        changed(r#","overlaps":true"#, ""),
        changed("planes", r"\u001b[31m"),
        changed("planes", r"\u202e"),
        changed("\"anchors", "\"other\":1,\"anchors"),
        changed(
            r#"{"per_class":{"values":2}}"#,
            "\"labelled\",\"activation\":\"softmax\"",
        ),
        format!("{yolov8}{yolov8}"),
    ];
    let good = Head::to_arrow(&[head(0), head(0), head(0)]);
    for text in &texts {
        let column: ArrayRef = Arc::new(StringArray::from(vec![yolov8, text, yolov8]));
        let received = Head::read(&replaced(&good, "format", Some(&column))).expect("a message");
        assert_eq!(received.rows.len(), 2, "{text:.100}");
        let line = received.refused[0].error.to_string();
        assert!(line.contains("'format' in row 1"), "{line}");
        assert!(line.len() < 1000, "{} bytes", line.len());
        assert!(
            !line.chars().any(|it| it.is_control() || it == '\u{202e}'),
            "{line:?}"
        );
    }
    let column: ArrayRef = Arc::new(StringArray::from(vec!["letterbox", "diagonal", "stretch"]));
    let received = Head::read(&replaced(&good, "fit", Some(&column))).expect("a message");
    let line = received.refused[0].error.to_string();
    for part in ["'fit' in row 1", "diagonal", "top_left"] {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn a_refused_row_tells_whose_frame_is_missed() {
    let mut end = unit(3, vec![]);
    end.id.pts_nanos = i64::MAX;
    let mut late = unit(2, vec![1]);
    late.id.pts_nanos = i64::MAX;
    let mut nobody = unit(1, vec![1]);
    nobody.id.camera = Arc::from("../x");
    let received = Unit::read(&Unit::to_arrow(&[nobody, late, end])).expect("a message");
    let seen: Vec<_> = received
        .refused
        .iter()
        .map(|it| (it.camera.as_deref(), it.is_frame))
        .collect();
    assert_eq!(
        seen,
        [(None, true), (Some("cam1"), true), (Some("cam1"), false)]
    );
}

#[test]
fn a_message_of_too_many_rows_is_refused_whole() {
    let rows = vec![detections(0, false); limits::MAX_ROWS + 1];
    let error = Detections::read(&Detections::to_arrow(&rows)).expect_err("too many");
    assert!(error.to_string().contains("4097 rows"), "{error}");
    assert!(Detections::read(&Detections::to_arrow(&rows[1..])).is_ok());
}

#[test]
fn one_small_unit_does_not_keep_a_large_message_in_memory() {
    let array = Unit::to_arrow(&[unit(0, vec![7; 4 << 20]), unit(1, vec![8; 100])]);
    let whole = array
        .column_by_name("data")
        .expect("the column")
        .as_binary::<i32>()
        .values()
        .clone();
    let received = Unit::from_arrow(&array).expect("valid");
    let inside = |data: &Buffer| whole.as_slice().as_ptr_range().contains(&data.as_ptr());
    assert!(inside(&received[0].data) && !inside(&received[1].data));
    assert_eq!(received[1].data.as_slice(), [8; 100]);
}

/// A message as dora carries it: an Arrow IPC stream of one batch with one column.
fn encode(array: StructArray) -> Vec<u8> {
    let field = Field::new("", array.data_type().clone(), true);
    let schema = Arc::new(Schema::new(vec![field]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(array) as ArrayRef]);
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).expect("a schema");
    writer.write(&batch.expect("one column")).expect("memory");
    writer.into_inner().expect("memory")
}

/// What dora's nodes make of bytes that come, by the same decoder.
fn decode(bytes: &[u8]) -> Result<Option<ArrayRef>, arrow_schema::ArrowError> {
    let mut buffer = Buffer::from(bytes);
    let batch = StreamDecoder::new().decode(&mut buffer)?;
    Ok(batch.map(|batch| Arc::clone(batch.column(0))))
}

/// Replaces `from` in what follows the schema.
fn patched(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = (0..bytes.len() - from.len())
        .rev()
        .find(|&at| bytes[at..].starts_with(from))
        .expect("the pattern is in the message");
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// Offsets and text that lie never reach `Row::read`: Arrow's decoder validates what it is given.
#[test]
fn arrays_that_lie_about_themselves_are_refused_on_receipt() {
    let mut row = detections(1, false);
    row.boxes[0].label = Arc::from("marker-label");
    row.model = Arc::from("marker-model");
    let bytes = encode(Detections::to_arrow(&[row.clone(), row]));
    let whole = decode(&bytes).expect("our own").expect("a batch");
    assert_eq!(Detections::from_arrow(&whole).map(|rows| rows.len()), Ok(2));
    // The offsets of 'model': 0, 12, 24.
    let offsets = |values: [i32; 3]| values.map(i32::to_le_bytes).concat();
    let model = offsets([0, 12, 24]);
    for (case, lie) in [
        (
            "utf-8",
            patched(&bytes, b"marker-model", b"\xff\xfe\xfd\xfcer-model"),
        ),
        (
            "label",
            patched(&bytes, b"marker-label", b"\xc3\x28rker-label"),
        ),
        ("far", patched(&bytes, &model, &offsets([0, 12, 1 << 30]))),
        (
            "negative",
            patched(&bytes, &model, &offsets([-8, 0, i32::MIN])),
        ),
        ("falling", patched(&bytes, &model, &offsets([0, 24, 12]))),
    ] {
        assert!(decode(&lie).is_err(), "{case}");
    }
}
