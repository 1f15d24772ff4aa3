//! Rows to Arrow and back.

use arrow_array::StructArray;
use camweave_benches::rows::Rows;
use camweave_message::{Detections, Frame, Head, Row, Unit};
use divan::{Bencher, black_box};

const ROWS: [usize; 2] = [1, 8];

fn main() {
    divan::main();
}

trait Made: Row {
    fn made(rows: &Rows, camera: usize) -> Self;
}

impl Made for Unit {
    fn made(rows: &Rows, camera: usize) -> Self {
        rows.unit(camera)
    }
}

impl Made for Frame {
    fn made(rows: &Rows, camera: usize) -> Self {
        rows.frame(camera)
    }
}

impl Made for Head {
    fn made(rows: &Rows, camera: usize) -> Self {
        rows.head(camera)
    }
}

impl Made for Detections {
    fn made(rows: &Rows, camera: usize) -> Self {
        rows.detections(camera)
    }
}

fn made<R: Made>(count: usize) -> Vec<R> {
    let rows = Rows::new().expect("a small pool fits");
    (0..count).map(|camera| R::made(&rows, camera)).collect()
}

#[divan::bench(types = [Unit, Frame, Head, Detections], args = ROWS)]
fn to_arrow<R: Made>(bencher: Bencher<'_, '_>, count: usize) {
    let rows = made::<R>(count);
    bencher.bench_local(|| R::to_arrow(black_box(&rows)));
}

#[divan::bench(types = [Unit, Frame, Head, Detections], args = ROWS)]
fn from_arrow<R: Made>(bencher: Bencher<'_, '_>, count: usize) {
    let array: StructArray = R::to_arrow(&made::<R>(count));
    bencher.bench_local(|| R::from_arrow(black_box(&array)));
}
