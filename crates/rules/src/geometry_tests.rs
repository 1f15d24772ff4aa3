use proptest::prelude::*;

use super::*;

fn point() -> impl Strategy<Value = Point> {
    prop::array::uniform2(-1.0..2.0_f64)
}

/// Points on a grid: they meet lines and corners exactly.
fn on_grid() -> impl Strategy<Value = Point> {
    prop::array::uniform2((-4..8_i32).prop_map(|it| f64::from(it) / 4.0))
}

const SQUARE: [Point; 4] = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];

#[test]
fn in_is_from_the_left_to_the_right() {
    // From left to right in the frame: left of the way is above it.
    let line = [[0.0, 0.5], [1.0, 0.5]];
    assert_eq!(
        line_crossings(&line, [0.5, 0.0], [0.5, 1.0]),
        (1, Some(0.5))
    );
    assert_eq!(
        line_crossings(&line, [0.5, 1.0], [0.5, 0.0]),
        (-1, Some(0.5))
    );
    // Past its end.
    assert_eq!(line_crossings(&line, [1.1, 0.0], [1.1, 1.0]), (0, None));
}

#[test]
fn a_line_is_crossed_once_at_its_corner() {
    let line = [[0.0, 0.0], [0.5, 0.5], [1.0, 0.0]];
    for x in [0.25, 0.5, 0.75] {
        let (net, _) = line_crossings(&line, [x, -1.0], [0.5, 1.0]);
        assert_eq!(net, 1, "{x}");
    }
    // Through one arm and out of the other.
    assert_eq!(line_crossings(&line, [0.0, 0.25], [1.0, 0.25]).0, 0);
}

#[test]
fn shapes() {
    assert!((area(&SQUARE) - 1.0).abs() < 1e-12);
    assert!(is_convex(&SQUARE) && !crosses_itself(&SQUARE));
    let bow = [SQUARE[0], SQUARE[2], SQUARE[1], SQUARE[3]];
    assert!(crosses_itself(&bow) && !is_convex(&bow));
    assert!(!is_convex(&[
        [0.0, 0.0],
        [1.0, 0.0],
        [0.2, 0.2],
        [0.0, 1.0]
    ]));
    assert!((distance_to_segment([0.5, 2.0], [0.0, 0.0], [1.0, 0.0]) - 2.0).abs() < 1e-12);
    assert!((distance_to_segment([4.0, 4.0], [0.0, 0.0], [1.0, 0.0]) - 5.0).abs() < 1e-12);
}

proptest! {
    /// However a way is cut into steps, also on the line itself, it crosses a straight line as often as
    /// its ends say.
    #[test]
    fn steps_cross_as_often_as_the_whole(way in prop::collection::vec(on_grid(), 2..40)) {
        // Longer than the grid: no way goes past its ends.
        let line = [[-10.0, 0.5], [10.0, 0.5]];
        let net: i32 = way.windows(2).map(|step| line_crossings(&line, step[0], step[1]).0).sum();
        let is_right = |p: Point| i32::from(side(line[0], line[1], p) >= 0.0);
        let ends = is_right(way[way.len() - 1]) - is_right(way[0]);
        prop_assert_eq!(net, ends);
    }

    /// A way into a polygon crosses its edges once more often than out of it, through corners as well.
    #[test]
    fn a_closed_line_is_crossed_as_its_inside_says(way in prop::collection::vec(point(), 2..40)) {
        let closed = [SQUARE[0], SQUARE[1], SQUARE[2], SQUARE[3], SQUARE[0]];
        let net: i32 = way.windows(2).map(|step| line_crossings(&closed, step[0], step[1]).0).sum();
        let is_in = |p: Point| i32::from(contains(&SQUARE, p));
        prop_assert_eq!(net, is_in(way[way.len() - 1]) - is_in(way[0]));
    }

    #[test]
    fn where_a_way_enters_it_is_inside_from_then_on(
        p in point(),
        q in prop::array::uniform2(0.01..0.99_f64),
    ) {
        prop_assume!(!contains(&SQUARE, p));
        let (first, last) = edge_crossings(&SQUARE, p, q).expect("it enters");
        prop_assert!(first <= last);
        prop_assert!(!contains(&SQUARE, mix(p, q, (first - 1e-9).max(0.0))));
        prop_assert!(contains(&SQUARE, mix(p, q, last + (1.0 - last) * 1e-6 + 1e-12)));
    }

    /// Inside a polygon is where the sum of the angles to its points is a full turn.
    #[test]
    fn inside_is_where_the_angles_say(polygon in prop::collection::vec(point(), 3..9), p in point()) {
        prop_assume!(!crosses_itself(&polygon) && area(&polygon) > 1e-3);
        let edge = edges(&polygon).map(|(a, b)| distance_to_segment(p, a, b)).fold(f64::MAX, f64::min);
        prop_assume!(edge > 1e-6);
        let turned: f64 = edges(&polygon)
            .map(|(a, b)| {
                let (a, b) = ([a[0] - p[0], a[1] - p[1]], [b[0] - p[0], b[1] - p[1]]);
                (a[0] * b[1] - a[1] * b[0]).atan2(a[0] * b[0] + a[1] * b[1])
            })
            .sum();
        prop_assert_eq!(contains(&polygon, p), turned.abs() > 3.0);
    }
}
