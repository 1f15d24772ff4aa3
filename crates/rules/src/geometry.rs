//! Points, segments and polygons.

/// `[x, y]`, y downwards.
pub type Point = [f64; 2];

/// Twice the area of the triangle `a`, `b`, `p`: above 0 where `p` is to the right of the way from `a`
/// to `b`, as one sees it in a frame.
#[must_use]
pub fn side(a: Point, b: Point, p: Point) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

/// The distance between two points.
#[must_use]
pub fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// The point between `a` and `b`, at a part of the way.
#[must_use]
pub fn mix(a: Point, b: Point, part: f64) -> Point {
    [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part]
}

/// Where the way from `p` to `q` crosses the segment from `a` to `b`, as a part of the way, and whether
/// it does so from the segment's left to its right.
///
/// A point on a segment counts to its right. So ways that follow each other, and segments that do,
/// never cross twice where they meet, and never slip through.
#[must_use]
pub fn crossing(p: Point, q: Point, a: Point, b: Point) -> Option<(f64, bool)> {
    let (from, to) = (side(a, b, p), side(a, b, q));
    let is_right = |side: f64| side >= 0.0;
    let is_across =
        is_right(from) != is_right(to) && is_right(side(p, q, a)) != is_right(side(p, q, b));
    is_across.then(|| ((from / (from - to)).clamp(0.0, 1.0), is_right(to)))
}

/// The distance of a point from a segment.
#[must_use]
pub fn distance_to_segment(p: Point, a: Point, b: Point) -> f64 {
    let (along, length) = ([b[0] - a[0], b[1] - a[1]], distance(a, b));
    if length == 0.0 {
        return distance(p, a);
    }
    let part = ((p[0] - a[0]) * along[0] + (p[1] - a[1]) * along[1]) / (length * length);
    distance(p, mix(a, b, part.clamp(0.0, 1.0)))
}

/// The pairs of points that follow each other.
fn segments(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    points.windows(2).map(|pair| (pair[0], pair[1]))
}

/// The pairs of points that follow each other, the last with the first.
fn edges(points: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    let last = points.last().copied().zip(points.first().copied());
    segments(points).chain(last)
}

/// How often the way from `p` to `q` crosses a line of two or more points from its left to its right,
/// less how often back; and where for the last time, as a part of the way.
#[must_use]
pub fn line_crossings(line: &[Point], p: Point, q: Point) -> (i32, Option<f64>) {
    let found = segments(line).filter_map(|(a, b)| crossing(p, q, a, b));
    found.fold((0, None), |(net, last), (part, is_in)| {
        let last = last.map_or(part, |last: f64| last.max(part));
        (net + if is_in { 1 } else { -1 }, Some(last))
    })
}

/// The segment of a line of two or more points that is nearest to a point, and its distance.
#[must_use]
pub fn nearest_segment(line: &[Point], p: Point) -> Option<((Point, Point), f64)> {
    let measured = segments(line).map(|(a, b)| ((a, b), distance_to_segment(p, a, b)));
    measured.min_by(|a, b| a.1.total_cmp(&b.1))
}

/// Whether a point is inside a polygon (even-odd rule).
#[must_use]
pub fn contains(polygon: &[Point], p: Point) -> bool {
    let is_crossed = |(a, b): &(Point, Point)| {
        (a[1] > p[1]) != (b[1] > p[1])
            && p[0] < (b[0] - a[0]) * (p[1] - a[1]) / (b[1] - a[1]) + a[0]
    };
    edges(polygon).filter(is_crossed).count() % 2 == 1
}

/// Where the way from `p` to `q` crosses a polygon's edges for the first and for the last time, as
/// parts of the way.
#[must_use]
pub fn edge_crossings(polygon: &[Point], p: Point, q: Point) -> Option<(f64, f64)> {
    let parts = edges(polygon).filter_map(|(a, b)| crossing(p, q, a, b));
    let widen = |found: Option<(f64, f64)>, (part, _)| match found {
        None => Some((part, part)),
        Some((first, last)) => Some((f64::min(first, part), f64::max(last, part))),
    };
    parts.fold(None, widen)
}

/// The area of a polygon (shoelace formula), without its sign.
#[must_use]
pub fn area(polygon: &[Point]) -> f64 {
    let doubled: f64 = edges(polygon).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    doubled.abs() / 2.0
}

/// Whether two edges of a polygon that are no neighbours meet.
#[must_use]
pub fn crosses_itself(polygon: &[Point]) -> bool {
    let edges: Vec<_> = edges(polygon).collect();
    let count = edges.len();
    (0..count).any(|i| {
        (i + 2..count).any(|j| {
            let are_neighbours = i == 0 && j == count - 1;
            let ((p, q), (a, b)) = (edges[i], edges[j]);
            !are_neighbours && crossing(p, q, a, b).is_some()
        })
    })
}

/// Whether a polygon turns the same way at each of its points.
#[must_use]
pub fn is_convex(polygon: &[Point]) -> bool {
    let count = polygon.len();
    let turn = |i: usize| {
        side(
            polygon[i],
            polygon[(i + 1) % count],
            polygon[(i + 2) % count],
        )
    };
    let turns = || (0..count).map(turn);
    count >= 3 && (turns().all(|it| it > 0.0) || turns().all(|it| it < 0.0))
}

#[cfg(test)]
#[path = "geometry_tests.rs"]
mod tests;
