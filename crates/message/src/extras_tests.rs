use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Float32Array, StructArray};

use crate::tests::{detections, replaced};
use crate::*;

const COLUMNS: [&str; 5] = ["masks", "keypoints", "oriented", "embeddings", "attributes"];

fn attribute(name: &str, label: &str, confidence: f32) -> Attribute {
    Attribute {
        name: Arc::from(name),
        label: Arc::from(label),
        confidence,
    }
}

fn full() -> Extras {
    Extras {
        mask: Some(Arc::from([1.0, 2.0, 3.5, 2.0, 3.5, 8.0])),
        keypoints: Some(Arc::from([4.0, 5.0, 0.25, 1920.0, 1080.0, 1.0])),
        oriented: Some([100.0, 50.0, 30.0, 10.0, -0.5]),
        embedding: Some(Arc::from([0.6, -0.8])),
        attributes: vec![attribute("colour", "red", 0.75), attribute("kind", "", 0.0)],
    }
}

/// A row of three boxes with these.
fn row(extras: [Extras; 3]) -> Detections {
    let mut row = detections(3, false);
    for (item, extras) in row.boxes.iter_mut().zip(extras) {
        item.extras = extras;
    }
    row
}

fn read(array: &StructArray) -> Vec<Detections> {
    Detections::from_arrow(array).expect("own messages are valid")
}

#[test]
fn extras_stay_with_their_boxes() {
    let other = Extras {
        mask: Some(Arc::from([7.0, 7.0])),
        oriented: Some([1.0, 2.0, 3.0, 4.0, 5.0]),
        ..Extras::default()
    };
    let points = Extras {
        keypoints: Some(Arc::from([1.0, 1.0, 0.0])),
        oriented: Some([0.0; 5]),
        attributes: vec![attribute("kind", "van", 1.0)],
        ..Extras::default()
    };
    let none = || Extras::default();
    // Rows of models that give different things, or nothing, in one message.
    let rows = [
        row([full(), other, points]),
        row([none(), none(), none()]),
        detections(0, true),
        row([full(), full(), full()]),
    ];
    let array = Detections::to_arrow(&rows);
    assert_eq!(read(&array), rows);
    for first in 1..rows.len() {
        let tail = array.slice(first, rows.len() - first);
        assert_eq!(read(&tail), rows[first..], "from row {first}");
    }
}

#[test]
fn a_message_without_extras_has_no_columns_of_them() {
    let array = Detections::to_arrow(&[detections(3, true), detections(0, true)]);
    for column in COLUMNS {
        assert!(array.column_by_name(column).is_none(), "{column}");
    }
    let array = Detections::to_arrow(&[row([full(), full(), full()])]);
    for column in COLUMNS {
        let old = replaced(&array, column, None);
        let boxes = read(&old)[0].boxes.clone();
        let extras = &boxes[0].extras;
        let is_there = [
            extras.mask.is_some(),
            extras.keypoints.is_some(),
            extras.oriented.is_some(),
            extras.embedding.is_some(),
            !extras.attributes.is_empty(),
        ];
        assert_eq!(is_there, COLUMNS.map(|it| it != column), "{column}");
    }
}

/// Of two models in a graph one may give oriented boxes: the other's are not rotated.
#[test]
fn a_box_beside_oriented_ones_is_not_rotated() {
    let sent = row([full(), Extras::default(), full()]);
    let [x1, y1, x2, y2] = sent.boxes[1].bbox;
    let read = read(&Detections::to_arrow(std::slice::from_ref(&sent)));
    let expected = [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1, 0.0];
    assert_eq!(read[0].boxes[1].extras.oriented, Some(expected));
    assert_eq!(read[0].boxes[1].extras.mask, None);
}

#[test]
fn extras_beyond_their_ranges_cost_their_row() {
    let nan = f32::NAN;
    let mask = |values: &[f32]| Extras {
        mask: Some(Arc::from(values)),
        ..Extras::default()
    };
    let keypoints = |values: &[f32]| Extras {
        keypoints: Some(Arc::from(values)),
        ..Extras::default()
    };
    let oriented = |values: [f32; 5]| Extras {
        oriented: Some(values),
        ..Extras::default()
    };
    let embedding = |values: &[f32]| Extras {
        embedding: Some(Arc::from(values)),
        ..Extras::default()
    };
    let good = row([full(), full(), full()]);
    let cases = [
        ("masks", mask(&[1.0])),
        ("masks", mask(&[1.0, 2.0, 3.0])),
        ("masks", mask(&[-0.5, 2.0])),
        ("masks", mask(&[1920.5, 2.0])),
        ("masks", mask(&[1.0, nan])),
        ("masks", mask(&vec![1.0; limits::MAX_BOX_VALUES + 2])),
        ("keypoints", keypoints(&[1.0, 2.0])),
        ("keypoints", keypoints(&[1.0, 2.0, 1.5])),
        ("keypoints", keypoints(&[1.0, 2.0, nan])),
        ("keypoints", keypoints(&[1.0, 1081.0, 0.5])),
        ("oriented", oriented([nan, 0.0, 1.0, 1.0, 0.0])),
        ("oriented", oriented([1e9, 0.0, 1.0, 1.0, 0.0])),
        ("oriented", oriented([0.0, 0.0, -1.0, 1.0, 0.0])),
        ("oriented", oriented([0.0, 0.0, 1.0, 1e9, 0.0])),
        ("oriented", oriented([0.0, 0.0, 1.0, 1.0, 7.0])),
        ("embeddings", embedding(&[1.0, nan])),
        ("embeddings", embedding(&[2.0, 0.0])),
    ];
    for (index, (field, bad)) in cases.into_iter().enumerate() {
        let case = format!("{field}, case {index}");
        assert!(!bad.is_valid(good.image_size), "{case}");
        let bad = row([full(), bad, full()]);
        let array = Detections::to_arrow(&[good.clone(), bad, good.clone()]);
        let received = Detections::read(&array).expect("the message as a whole is one");
        assert_eq!(received.rows, [good.clone(), good.clone()], "{case}");
        let line = received.refused[0].error.to_string();
        assert!(
            line.contains(&format!("'{field}' in row 1")) && line.len() < 500,
            "{case}: {line}"
        );
    }
    assert!(full().is_valid(good.image_size));
}

#[test]
fn attributes_beyond_their_ranges_cost_their_row() {
    let of = |attributes: Vec<Attribute>| Extras {
        attributes,
        ..Extras::default()
    };
    let good = row([full(), full(), full()]);
    let cases = [
        ("attributes.name", of(vec![attribute("", "red", 0.5)])),
        (
            "attributes.name",
            of(vec![attribute(&"n".repeat(65), "red", 0.5)]),
        ),
        (
            "attributes.label",
            of(vec![attribute("colour", "a\nb", 0.5)]),
        ),
        ("attributes.conf", of(vec![attribute("colour", "red", 1.5)])),
        (
            "attributes.conf",
            of(vec![attribute("colour", "red", f32::NAN)]),
        ),
        ("attributes", of(vec![attribute("colour", "red", 0.5); 17])),
    ];
    for (field, bad) in cases {
        let bad = row([full(), bad, full()]);
        let array = Detections::to_arrow(&[good.clone(), bad, good.clone()]);
        let received = Detections::read(&array).expect("the message as a whole is one");
        assert_eq!(received.rows, [good.clone(), good.clone()], "{field}");
        let line = received.refused[0].error.to_string();
        assert!(line.contains(&format!("'{field}' in row 1")), "{line}");
    }
}

#[test]
fn an_attribute_takes_the_place_of_the_one_of_its_name() {
    let mut extras = full();
    extras.set_attribute(attribute("colour", "blue", 0.5));
    extras.set_attribute(attribute("size", "large", 0.5));
    let names: Vec<_> = extras
        .attributes
        .iter()
        .map(|it| (&*it.name, &*it.label))
        .collect();
    assert_eq!(names, [("colour", "blue"), ("kind", ""), ("size", "large")]);
}

#[test]
fn columns_that_do_not_match_the_boxes_are_refused() {
    let array = Detections::to_arrow(&[row([full(), full(), full()])]);
    // The lists of two boxes, in a row of three.
    let error = |column: &str, array: &StructArray| {
        let error = Detections::from_arrow(array).expect_err(column).to_string();
        assert!(error.contains(&format!("'{column}'")), "{error}");
        error
    };
    for column in COLUMNS {
        let lists = array.column_by_name(column).expect("the column");
        let lists = lists.as_list::<i32>();
        let items = lists.values();
        let short = items.slice(0, items.len() / 3);
        let field = Arc::new(arrow_schema::Field::new(
            "item",
            short.data_type().clone(),
            true,
        ));
        let offsets = arrow_buffer::OffsetBuffer::from_lengths([short.len()]);
        let short: ArrayRef = Arc::new(arrow_array::ListArray::new(field, offsets, short, None));
        let line = error(column, &replaced(&array, column, Some(&short)));
        assert!(line.contains("3 boxes"), "{line}");
        let flat: ArrayRef = Arc::new(Float32Array::from(vec![1.0]));
        let line = error(column, &replaced(&array, column, Some(&flat)));
        assert!(line.contains("List"), "{line}");
    }
}
