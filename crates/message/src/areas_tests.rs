use std::sync::Arc;

use arrow_array::types::{Float32Type, UInt32Type};
use arrow_array::{ArrayRef, StructArray};
use camweave_vision::Crop;

use crate::columns::Columns;
use crate::limits::MAX_IGNORED;
use crate::tests::{head, id, picture, replaced, trace, unit};
use crate::*;

fn triangle(x: f32) -> Polygon {
    Polygon::new(&[x, 0.0, x, 1.0, 0.5, 0.25]).expect("three points")
}

fn areas(polygons: usize) -> Areas {
    let polygons = (0..polygons).map(|index| triangle(index as f32 / 64.0));
    Areas {
        region: Region::new([0.25, 0.0, 0.75, 1.0]),
        ignored: Ignored::new(polygons.collect()).expect("few"),
    }
}

fn frame(areas: Areas) -> Frame {
    Frame {
        id: id("cam1", 0),
        trace: trace(1),
        picture: picture(1),
        areas,
    }
}

fn round_trip<R: Row + PartialEq + std::fmt::Debug>(rows: &[R]) -> StructArray {
    let array = R::to_arrow(rows);
    assert_eq!(R::from_arrow(&array).expect("own messages are valid"), rows);
    let tail = array.slice(1, rows.len() - 1);
    assert_eq!(R::from_arrow(&tail).expect("slices are valid"), &rows[1..]);
    array
}

#[test]
fn areas_go_from_units_to_heads() {
    // Cameras that have all, one, or none of them, in one message.
    let region_only = Areas {
        ignored: Ignored::default(),
        ..areas(0)
    };
    let ignored_only = Areas {
        region: None,
        ..areas(MAX_IGNORED)
    };
    let all = [Areas::default(), areas(2), region_only, ignored_only];
    round_trip(&all.clone().map(|areas| Unit {
        areas,
        ..unit(0, vec![1])
    }));
    round_trip(&all.clone().map(frame));
    round_trip(&all.map(|areas| {
        let seen = frame(areas);
        Head {
            crop: seen.crop(),
            ignored: seen.areas.ignored,
            ..head(0)
        }
    }));
}

#[test]
fn rows_without_areas_have_no_columns_for_them() {
    let has = |array: &StructArray, name| array.column_by_name(name).is_some();
    let units = Unit::to_arrow(&[unit(0, vec![1])]);
    let frames = Frame::to_arrow(&[frame(Areas::default())]);
    let heads = Head::to_arrow(&[head(0)]);
    for array in [&units, &frames, &heads] {
        for name in ["region", "ignore", "crop"] {
            assert!(!has(array, name), "{name}");
        }
    }
    let ignored = Areas {
        region: None,
        ..areas(1)
    };
    let frames = Frame::to_arrow(&[frame(ignored), frame(Areas::default())]);
    assert!(has(&frames, "ignore") && !has(&frames, "region"));
}

#[test]
fn a_head_maps_the_part_that_the_network_saw() {
    let seen = frame(areas(0));
    let (crop, size) = (seen.crop(), (640, 360));
    assert_eq!(crop, Crop::new((160, 0), (320, 360)));
    let of = |crop| Head { crop, ..head(0) };
    let letterbox = |head: &Head| head.letterbox().expect("possible sizes").source;
    assert_eq!(letterbox(&of(crop)), (320, 360));
    assert_eq!(letterbox(&of(None)), size);
    assert_eq!(of(crop).image_size(), size);
}

/// A column of one row's lists.
fn polygons(lists: &[&[f32]]) -> ArrayRef {
    let mut columns = Columns::default();
    columns.nested_lists::<Float32Type>("ignore", std::iter::once(lists.to_vec()));
    Arc::clone(columns.finish().column(0))
}

fn numbers<T: arrow_array::types::ArrowPrimitiveType>(values: Vec<T::Native>) -> ArrayRef {
    let mut columns = Columns::default();
    columns.number_lists::<T>("column", std::iter::once(values));
    Arc::clone(columns.finish().column(0))
}

#[test]
fn areas_that_cannot_be_cost_their_row() {
    let all = areas(1);
    let units = Unit::to_arrow(&[Unit {
        areas: all.clone(),
        ..unit(0, vec![1])
    }]);
    let frames = Frame::to_arrow(&[frame(all.clone())]);
    let heads = Head::to_arrow(&[Head {
        crop: frame(all.clone()).crop(),
        ignored: all.ignored,
        ..head(0)
    }]);
    let error = |name: &str, column: &ArrayRef| {
        let column = Some(column);
        let mut errors = Vec::new();
        if units.column_by_name(name).is_some() {
            errors.push(Unit::from_arrow(&replaced(&units, name, column)).err());
            errors.push(Frame::from_arrow(&replaced(&frames, name, column)).err());
        }
        if heads.column_by_name(name).is_some() {
            errors.push(Head::from_arrow(&replaced(&heads, name, column)).err());
        }
        errors
            .into_iter()
            .map(|error| error.expect("refused").to_string())
            .collect::<Vec<_>>()
    };
    let regions = [
        vec![0.5, 0.0, 0.25, 1.0],
        vec![0.0, 0.0, 1.5, 1.0],
        vec![f32::NAN, 0.0, 1.0, 1.0],
        vec![0.0, 0.0, 1.0],
        vec![0.0; 5000],
    ];
    let regions = regions.map(|it| ("region", numbers::<Float32Type>(it), "x1 < x2"));
    let crops = [
        vec![0, 0, 641, 360],
        vec![1, 0, 32, 32],
        vec![640, 0, 2, 2],
        vec![0, 0, 0, 32],
        vec![u32::MAX, 0, u32::MAX, 2],
        vec![0, 0, 2],
        vec![0; 5000],
    ];
    let crops = crops.map(|it| ("crop", numbers::<UInt32Type>(it), "frame of 640x360"));
    let good: &[f32] = &[0.0, 0.0, 1.0, 0.0, 1.0, 1.0];
    let ignored = [
        (polygons(&[good, &good[..4]]), "3 to 64 points"),
        (polygons(&[&[0.5; 130]]), "3 to 64 points"),
        (
            polygons(&[&[0.0, 0.0, 1.0, 0.0, 1.0, -0.5]]),
            "3 to 64 points",
        ),
        (
            polygons(&[&[0.0, 0.0, 1.0, 0.0, 1.0, f32::NAN]]),
            "3 to 64 points",
        ),
        (polygons(&[&[]]), "3 to 64 points"),
        (polygons(&[good; MAX_IGNORED + 1]), "at most 32 polygons"),
    ];
    let ignored = ignored.map(|(column, expected)| ("ignore", column, expected));
    for (name, column, expected) in regions.into_iter().chain(crops).chain(ignored) {
        let errors = error(name, &column);
        assert!(!errors.is_empty(), "{name}");
        for line in errors {
            let place = format!("'{name}' in row 0");
            assert!(line.contains(&place) && line.contains(expected), "{line}");
            assert!(line.len() < 400, "{line}");
        }
    }
    // A column of another type is no message.
    for (name, column, expected) in [
        (
            "region",
            numbers::<UInt32Type>(vec![0, 0, 1, 1]),
            "List<Float32>",
        ),
        (
            "crop",
            numbers::<Float32Type>(vec![0.0, 0.0, 2.0, 2.0]),
            "List<UInt32>",
        ),
        (
            "ignore",
            numbers::<Float32Type>(vec![0.0; 6]),
            "List<List<Float32>>",
        ),
    ] {
        for line in error(name, &column) {
            assert!(line.contains(expected) && line.contains(name), "{line}");
        }
    }
}
