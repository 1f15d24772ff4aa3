//! From the frame to the ground: the one projective map that takes four points of a plane to four
//! others (Hartley and Zisserman, "Multiple View Geometry", 2nd edition, section 2.3).

use crate::geometry::{Point, is_convex};

/// Edges that differ by less than this part of them count as equal.
const EQUAL: f64 = 1e-3;

/// Four points of a frame, in its parts, that are the corners of a measured quadrilateral on the
/// ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    corners: [Point; 4],
    metres: [Point; 4],
    to_metres: Homography,
}

impl Ground {
    /// `edges`: the lengths from the first corner to the second, to the third, to the fourth and back,
    /// metres. `diagonal`: from the first to the third; where it is not given, opposite edges must be
    /// equal, and the angles are right ones.
    ///
    /// # Errors
    /// Why these cannot be, in words that follow the rule's field.
    pub fn new(
        corners: [Point; 4],
        edges: [f64; 4],
        diagonal: Option<f64>,
    ) -> Result<Self, &'static str> {
        if !is_convex(&corners) {
            return Err("expected four corners of a convex quadrilateral, one after the other");
        }
        let are_equal = |a: f64, b: f64| (a - b).abs() <= EQUAL * a.max(b);
        let diagonal = match diagonal {
            Some(diagonal) => diagonal,
            None if are_equal(edges[0], edges[2]) && are_equal(edges[1], edges[3]) => {
                edges[0].hypot(edges[1])
            }
            None => {
                return Err(
                    "expected 'diagonal' (metres from the first corner to the third) as well, as opposite edges differ",
                );
            }
        };
        // The diagonal lies on the x axis, with the second corner on one side and the fourth on the other.
        let apex = |from_first: f64, from_third: f64| {
            let x = (from_first * from_first - from_third * from_third + diagonal * diagonal)
                / (2.0 * diagonal);
            [x, (from_first * from_first - x * x).sqrt()]
        };
        let ([x2, y2], [x4, y4]) = (apex(edges[0], edges[1]), apex(edges[3], edges[2]));
        let metres = [[0.0, 0.0], [x2, -y2], [diagonal, 0.0], [x4, y4]];
        // A root of a negative number is none: no triangle has these sides.
        let is_a_shape = metres.iter().flatten().all(|it| it.is_finite()) && is_convex(&metres);
        let map = is_a_shape.then(|| Homography::new(corners, metres));
        match map.flatten() {
            Some(to_metres) => Ok(Self {
                corners,
                metres,
                to_metres,
            }),
            None => Err("expected lengths that a convex quadrilateral can have"),
        }
    }

    /// The corners in the frame.
    #[must_use]
    pub fn corners(&self) -> &[Point; 4] {
        &self.corners
    }

    /// The corners on the ground, metres.
    #[must_use]
    pub fn metres(&self) -> &[Point; 4] {
        &self.metres
    }

    /// Where a point of the frame is on the ground, metres.
    #[must_use]
    pub fn place(&self, point: Point) -> Point {
        self.to_metres.apply(point)
    }
}

/// A projective map of the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography([f64; 9]);

impl Homography {
    /// The map that takes these four points to those; `None`: three of them are on a line.
    #[must_use]
    pub fn new(from: [Point; 4], to: [Point; 4]) -> Option<Self> {
        // u = (h0 x + h1 y + h2) / (h6 x + h7 y + 1), v = (h3 x + h4 y + h5) / (...): two equations of
        // each pair of points.
        let mut rows = [[0.0; 9]; 8];
        for (index, ([x, y], [u, v])) in from.into_iter().zip(to).enumerate() {
            rows[2 * index] = [x, y, 1.0, 0.0, 0.0, 0.0, -x * u, -y * u, u];
            rows[2 * index + 1] = [0.0, 0.0, 0.0, x, y, 1.0, -x * v, -y * v, v];
        }
        let [h0, h1, h2, h3, h4, h5, h6, h7] = solve(rows)?;
        Some(Self([h0, h1, h2, h3, h4, h5, h6, h7, 1.0]))
    }

    /// Where it takes a point.
    #[must_use]
    pub fn apply(&self, [x, y]: Point) -> Point {
        let h = &self.0;
        let scale = h[6] * x + h[7] * y + h[8];
        [
            (h[0] * x + h[1] * y + h[2]) / scale,
            (h[3] * x + h[4] * y + h[5]) / scale,
        ]
    }
}

/// Solves eight equations, each with its right side last, by Gaussian elimination with pivots.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let pivot =
            (column..8).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        if rows[column][column].abs() < 1e-12 {
            return None;
        }
        let from = rows[column];
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / from[column];
                for (value, from) in row.iter_mut().zip(from) {
                    *value -= factor * from;
                }
            }
        }
    }
    Some(std::array::from_fn(|index| {
        rows[index][8] / rows[index][index]
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::distance;

    #[test]
    fn a_rectangle_needs_no_diagonal_and_another_shape_does() {
        let corners = [[0.2, 0.4], [0.6, 0.4], [0.9, 0.9], [0.1, 0.9]];
        let ground = Ground::new(corners, [3.0, 4.0, 3.0, 4.0], None).expect("a rectangle");
        let [a, b, c, d] = *ground.metres();
        assert!((distance(a, c) - 5.0).abs() < 1e-9 && (distance(b, d) - 5.0).abs() < 1e-9);
        let error = Ground::new(corners, [3.0, 4.0, 5.0, 4.0], None).expect_err("open");
        assert!(error.contains("'diagonal'"), "{error}");
        Ground::new(corners, [3.0, 4.0, 5.0, 4.0], Some(5.5)).expect("measured");
        // No triangle has sides of 3, 4 and 8.
        let error = Ground::new(corners, [3.0, 4.0, 3.0, 4.0], Some(8.0)).expect_err("none");
        assert!(error.contains("can have"), "{error}");
        let [a, b, c, d] = corners;
        let error = Ground::new([a, c, b, d], [3.0; 4], None).expect_err("crossed");
        assert!(error.contains("convex"), "{error}");
    }

    proptest! {
        /// A camera looks at a quadrilateral on the ground: lengths between any two points of it come
        /// back, whatever the camera is.
        #[test]
        fn lengths_on_the_ground_come_back(
            height in 2.0..15.0_f64,
            pitch in 0.2..1.2_f64,
            focal in 0.5..2.0_f64,
            corners in prop::array::uniform4((-1.0..1.0_f64, -1.0..1.0_f64)),
            inside in prop::array::uniform2((0.0..1.0_f64, 0.0..1.0_f64)),
        ) {
            // Around the place that the camera looks at.
            let ahead = height / pitch.tan();
            let base = [[-3.0, -2.0], [3.0, -2.0], [3.0, 2.0], [-3.0, 2.0]];
            let ground: [Point; 4] = std::array::from_fn(|i| {
                [base[i][0] + corners[i].0, ahead + base[i][1].clamp(-0.4 * ahead, 0.4 * ahead) + 0.1 * corners[i].1]
            });
            prop_assume!(is_convex(&ground));
            let (sin, cos) = pitch.sin_cos();
            let project = |[x, y]: Point| -> Point {
                let depth = y * cos + height * sin;
                [0.5 + focal * x / depth, 0.5 + focal * (height * cos - y * sin) / depth]
            };
            let edges: [f64; 4] = std::array::from_fn(|i| distance(ground[i], ground[(i + 1) % 4]));
            let found = Ground::new(ground.map(project), edges, Some(distance(ground[0], ground[2])));
            let found = found.expect("measured");
            let at = |(u, v): (f64, f64)| crate::geometry::mix(
                crate::geometry::mix(ground[0], ground[1], u),
                crate::geometry::mix(ground[3], ground[2], u),
                v,
            );
            let [a, b] = inside.map(at);
            let measured = distance(found.place(project(a)), found.place(project(b)));
            prop_assert!((measured - distance(a, b)).abs() < 1e-6, "{measured}, {}", distance(a, b));
        }
    }
}
