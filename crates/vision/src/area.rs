//! Areas of a frame, in parts of its width and height, so that they are the same at any resolution.

/// A rectangle of a frame: `[x1, y1, x2, y2]` in parts of its width and height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region([f32; 4]);

// Its numbers are finite.
impl Eq for Region {}

impl Region {
    /// What a region is, for errors.
    pub const RULE: &str = "[x1, y1, x2, y2] in parts of the frame, 0 to 1, x1 < x2 and y1 < y2";

    /// The region of these edges; `None` where they break [`Region::RULE`].
    #[must_use]
    pub fn new(edges: [f32; 4]) -> Option<Self> {
        let [x1, y1, x2, y2] = edges;
        (edges.iter().all(is_part) && x1 < x2 && y1 < y2).then_some(Self(edges))
    }

    /// `[x1, y1, x2, y2]`.
    #[must_use]
    pub const fn edges(&self) -> [f32; 4] {
        self.0
    }

    /// Whether a point is inside, or on an edge.
    #[must_use]
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let [x1, y1, x2, y2] = self.0;
        (x1..=x2).contains(&x) && (y1..=y2).contains(&y)
    }
}

/// A polygon in a frame, which closes by itself: x and y of each point, in parts of its width and
/// height.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(Box<[f32]>);

// Its numbers are finite.
impl Eq for Polygon {}

/// A point that is so near to an edge, in parts of the frame, is on it.
const ON_EDGE: f32 = 1e-6;

impl Polygon {
    /// The most points of a polygon.
    pub const MAX_POINTS: usize = 64;
    /// What a polygon is, for errors.
    pub const RULE: &str = "3 to 64 points [x, y] in parts of the frame, 0 to 1";

    /// The polygon of these values, x and y of one point after the other; `None` where they break
    /// [`Polygon::RULE`].
    #[must_use]
    pub fn new(values: &[f32]) -> Option<Self> {
        let is_counted =
            values.len().is_multiple_of(2) && (3..=Self::MAX_POINTS).contains(&(values.len() / 2));
        (is_counted && values.iter().all(is_part)).then(|| Self(Box::from(values)))
    }

    /// x and y of one point after the other.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Whether a point is inside, or on an edge. Where the polygon crosses itself, what it encloses
    /// an even number of times is outside.
    #[must_use]
    pub fn contains(&self, [x, y]: [f32; 2]) -> bool {
        let points = || self.0.chunks_exact(2).map(|point| [point[0], point[1]]);
        let mut is_inside = false;
        for ([x1, y1], [x2, y2]) in points().zip(points().cycle().skip(1)) {
            let (dx, dy) = (x2 - x1, y2 - y1);
            let along = (x - x1) * dx + (y - y1) * dy;
            let length = dx * dx + dy * dy;
            let part = if length > 0.0 {
                (along / length).clamp(0.0, 1.0)
            } else {
                0.0
            };
            // An object that the frame's lower edge cuts has its anchor exactly on that edge, and so
            // has a polygon that reaches down to it.
            if (x1 + part * dx - x).hypot(y1 + part * dy - y) <= ON_EDGE {
                return true;
            }
            if (y1 > y) != (y2 > y) && x < x1 + (y - y1) / dy * dx {
                is_inside = !is_inside;
            }
        }
        is_inside
    }
}

fn is_part(value: &f32) -> bool {
    (0.0..=1.0).contains(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_parts_of_the_frame_in_order() {
        let region = Region::new([0.25, 0.0, 0.5, 1.0]).expect("in order");
        assert!(region.contains([0.25, 1.0]) && region.contains([0.3, 0.5]));
        assert!(!region.contains([0.2, 0.5]) && !region.contains([0.51, 0.5]));
        for wrong in [
            [0.5, 0.0, 0.5, 1.0],
            [0.6, 0.0, 0.5, 1.0],
            [0.0, 0.9, 1.0, 0.1],
            [-0.1, 0.0, 0.5, 1.0],
            [0.0, 0.0, 1.1, 1.0],
            [f32::NAN, 0.0, 0.5, 1.0],
            [0.0, 0.0, 0.5, f32::INFINITY],
        ] {
            assert_eq!(Region::new(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn polygons_have_few_points_inside_the_frame() {
        let many = [0.5; 2 * Polygon::MAX_POINTS + 2];
        assert!(Polygon::new(&many[2..]).is_some());
        assert_eq!(Polygon::new(&many), None);
        for wrong in [
            &[][..],
            &[0.0, 0.0, 1.0, 1.0],
            &[0.0, 0.0, 1.0, 1.0, 0.5],
            &[0.0, 0.0, 1.0, 1.0, 0.5, 1.5],
            &[0.0, 0.0, 1.0, 1.0, f32::NAN, 0.0],
        ] {
            assert_eq!(Polygon::new(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn what_a_polygon_contains() {
        // An L, from the frame's lower left corner.
        let corner = [0.0, 1.0, 0.0, 0.5, 0.2, 0.5, 0.2, 0.8, 0.6, 0.8, 0.6, 1.0];
        let corner = Polygon::new(&corner).expect("six points");
        for inside in [
            [0.1, 0.6],
            [0.5, 0.9],
            // On the frame's edges, and on its own.
            [0.3, 1.0],
            [0.0, 0.7],
            [0.2, 0.6],
            [0.6, 1.0],
        ] {
            assert!(corner.contains(inside), "{inside:?}");
        }
        for outside in [[0.3, 0.6], [0.7, 0.9], [0.1, 0.4], [0.21, 0.79], [0.7, 1.0]] {
            assert!(!corner.contains(outside), "{outside:?}");
        }
        // A bow tie: the point where it crosses itself belongs to both halves.
        let tie = Polygon::new(&[0.2, 0.2, 0.8, 0.8, 0.8, 0.2, 0.2, 0.8]).expect("four points");
        assert!(tie.contains([0.3, 0.5]) && tie.contains([0.7, 0.5]) && tie.contains([0.5, 0.5]));
        assert!(!tie.contains([0.5, 0.3]) && !tie.contains([0.5, 0.7]));
        // Points that are the same make no edge.
        let doubled = Polygon::new(&[0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.5, 0.9]).expect("four points");
        assert!(doubled.contains([0.5, 0.5]) && !doubled.contains([0.1, 0.5]));
    }
}
