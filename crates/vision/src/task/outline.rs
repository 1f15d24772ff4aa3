//! The outline of the largest object in a bitmap.

/// From a pixel to its neighbours, counterclockwise as displayed from the one at the right.
const STEPS: [(isize, isize); 8] = [
    (1, 0),
    (1, -1),
    (0, -1),
    (-1, -1),
    (-1, 0),
    (-1, 1),
    (0, 1),
    (1, 1),
];

/// Of no object.
pub(super) const EMPTY: u8 = 0;
/// Of an object.
pub(super) const FULL: u8 = 1;
/// Of an object whose outline has been followed.
const SEEN: u8 = 2;

/// Pixels, row by row, with an empty one on each side: `(width + 2) * (height + 2)`.
pub(super) struct Bitmap<'a> {
    pub pixels: &'a mut [u8],
    /// From one row to the next: width + 2.
    pub stride: usize,
}

/// Column and row of a pixel, without the empty ones around.
pub(super) type Point = [u32; 2];

impl Bitmap<'_> {
    /// The outline that encloses most, of the objects that the full pixels make: pixels that touch,
    /// be it at a corner, are of one object. Empty where there is none.
    ///
    /// Its points are those that `cv2.findContours(..., RETR_EXTERNAL, CHAIN_APPROX_SIMPLE)` gives:
    /// centres of border pixels, counterclockwise as displayed, without those in the middle of
    /// straight or diagonal lines. Overwrites the pixels.
    pub fn largest_outline(&mut self, stack: &mut Vec<usize>) -> Vec<Point> {
        let mut largest = (0, Vec::new());
        for start in 0..self.pixels.len() {
            if self.pixels[start] != FULL {
                continue;
            }
            // The first of its object in the order of rows.
            let outline = self.follow(start);
            self.mark(start, stack);
            let area = doubled_area(&outline);
            if (area, outline.len()) > (largest.0, largest.1.len()) {
                largest = (area, outline);
            }
        }
        largest.1
    }

    fn neighbour(&self, pixel: usize, direction: usize) -> usize {
        let (dx, dy) = STEPS[direction & 7];
        pixel.wrapping_add_signed(dx + dy * self.stride as isize)
    }

    fn is_empty(&self, pixel: usize) -> bool {
        self.pixels[pixel] == EMPTY
    }

    /// Follows the border of the object whose first pixel is `start` (Suzuki and Abe, 1985, as
    /// OpenCV's `icvFetchContour` does it).
    fn follow(&self, start: usize) -> Vec<Point> {
        let point = |pixel: usize| {
            let (row, column) = (pixel / self.stride, pixel % self.stride);
            [column as u32 - 1, row as u32 - 1]
        };
        // Clockwise from the left, where there is nothing.
        let first = (1..8).map(|turn| 4 + 8 - turn);
        let first = first
            .map(|direction| direction & 7)
            .find(|&direction| !self.is_empty(self.neighbour(start, direction)));
        let Some(mut direction) = first else {
            return vec![point(start)];
        };
        let last = self.neighbour(start, direction);
        let (mut pixel, mut before) = (start, direction ^ 4);
        let mut outline = Vec::new();
        loop {
            // The pixel from which this one was reached is full: one of eight is found.
            let next = loop {
                direction = (direction + 1) & 7;
                let next = self.neighbour(pixel, direction);
                if !self.is_empty(next) {
                    break next;
                }
            };
            if direction != before {
                outline.push(point(pixel));
            }
            before = direction;
            if next == start && pixel == last {
                return outline;
            }
            pixel = next;
            direction ^= 4;
        }
    }

    /// Marks all pixels of an object.
    fn mark(&mut self, start: usize, stack: &mut Vec<usize>) {
        self.pixels[start] = SEEN;
        stack.push(start);
        while let Some(pixel) = stack.pop() {
            for direction in 0..8 {
                let next = self.neighbour(pixel, direction);
                if self.pixels[next] == FULL {
                    self.pixels[next] = SEEN;
                    stack.push(next);
                }
            }
        }
    }
}

/// Twice the area of a polygon.
fn doubled_area(points: &[Point]) -> u64 {
    let next = points.iter().cycle().skip(1);
    let sum: i64 = (points.iter().zip(next))
        .map(|(a, b)| i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1]))
        .sum();
    sum.unsigned_abs()
}
