//! Boxes, lines and text on a frame. What is outside of it is cut.

use font8x8::UnicodeFonts;

use crate::image::Image;

/// A letter's sides, in dots.
const GLYPH: i64 = 8;

/// A point in pixels of the frame.
pub type Point = [f32; 2];

/// Width and height of a line of text with a margin of one dot, in pixels. Each dot of a letter has
/// `scale` pixels each way.
#[must_use]
pub fn text_size(text: &str, scale: i64) -> [i64; 2] {
    let letters = text.chars().count() as i64;
    [(letters * GLYPH + 2) * scale, (GLYPH + 2) * scale]
}

impl Image {
    fn set(&mut self, x: i64, y: i64, color: [u8; 3]) {
        let inside =
            (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y);
        if !inside {
            return;
        }
        let start = (y as usize * self.width as usize + x as usize) * 3;
        if let Some(pixel) = self.rgb.get_mut(start..start + 3) {
            pixel.copy_from_slice(&color);
        }
    }

    /// Fills a box, its right and lower edges exclusive.
    pub fn fill(&mut self, [x1, y1, x2, y2]: [i64; 4], color: [u8; 3]) {
        for y in y1.max(0)..y2.min(i64::from(self.height)) {
            for x in x1.max(0)..x2.min(i64::from(self.width)) {
                self.set(x, y, color);
            }
        }
    }

    /// The edges of a box, inside of it.
    pub fn outline(&mut self, [x1, y1, x2, y2]: [i64; 4], thickness: i64, color: [u8; 3]) {
        self.fill([x1, y1, x2, y1.saturating_add(thickness)], color);
        self.fill([x1, y2.saturating_sub(thickness), x2, y2], color);
        self.fill([x1, y1, x1.saturating_add(thickness), y2], color);
        self.fill([x2.saturating_sub(thickness), y1, x2, y2], color);
    }

    /// A square of so many pixels about a point.
    pub fn dot(&mut self, point: Point, side: i64, color: [u8; 3]) {
        let [x, y] = point.map(|it| (it.round() as i64).saturating_sub(side / 2));
        self.fill(
            [x, y, x.saturating_add(side), y.saturating_add(side)],
            color,
        );
    }

    /// A line, as far as it may touch the frame, of at most `left` dots.
    pub fn line(
        &mut self,
        [from, to]: [Point; 2],
        thickness: i64,
        color: [u8; 3],
        left: &mut usize,
    ) {
        let sides = [self.width as f32, self.height as f32];
        // Half of a line may stand beyond the edge.
        let beyond = thickness as f32;
        let [mut from, mut to] = [from, to];
        // Liang and Barsky: the part of the line between each pair of edges.
        let (mut first, mut last) = (0.0_f32, 1.0_f32);
        for axis in 0..2 {
            let length = to[axis] - from[axis];
            let low = (-beyond - from[axis]) / length;
            let high = (sides[axis] + beyond - from[axis]) / length;
            if length == 0.0 {
                if !(-beyond..=sides[axis] + beyond).contains(&from[axis]) {
                    return;
                }
                continue;
            }
            first = first.max(low.min(high));
            last = last.min(low.max(high));
        }
        if first > last {
            return;
        }
        let at = |part: f32| [0, 1].map(|axis| from[axis] + part * (to[axis] - from[axis]));
        [from, to] = [at(first), at(last)];
        let steps = [0, 1].map(|axis| (to[axis] - from[axis]).abs());
        let steps = steps[0].max(steps[1]).ceil().max(1.0);
        for step in 0..=steps as u32 {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let part = step as f32 / steps;
            let point = [0, 1].map(|axis| from[axis] + part * (to[axis] - from[axis]));
            self.dot(point, thickness, color);
        }
    }

    /// A closed polygon.
    pub fn polygon(&mut self, points: &[Point], thickness: i64, color: [u8; 3], left: &mut usize) {
        let next = points.iter().cycle().skip(1);
        for (from, to) in points.iter().zip(next) {
            self.line([*from, *to], thickness, color, left);
        }
    }

    /// Text, as far as the font has its letters (ASCII).
    pub fn text(&mut self, [x, y]: [i64; 2], text: &str, scale: i64, color: [u8; 3]) {
        for (index, letter) in text.chars().enumerate() {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else {
                continue;
            };
            let begin = x.saturating_add(index as i64 * GLYPH * scale);
            for (dy, row) in (0..).zip(rows) {
                for dx in (0..8).filter(|bit| row & (1 << bit) != 0) {
                    let left = begin.saturating_add(dx * scale);
                    let top = y.saturating_add(dy * scale);
                    let (right, below) = (left.saturating_add(scale), top.saturating_add(scale));
                    self.fill([left, top, right, below], color);
                }
            }
        }
    }

    /// A line of black text on a colour, which begins at `x` or as far left of it as it takes to be in
    /// the frame.
    pub fn label(&mut self, [x, y]: [i64; 2], text: &str, scale: i64, color: [u8; 3]) {
        let [wide, high] = text_size(text, scale);
        let left = x.min(i64::from(self.width) - wide).max(0);
        self.fill([left, y, left + wide, y.saturating_add(high)], color);
        self.text([left + scale, y.saturating_add(scale)], text, scale, [0; 3]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blank(width: u32, height: u32) -> Image {
        Image {
            width,
            height,
            rgb: vec![9; 3 * width as usize * height as usize],
        }
    }

    #[test]
    fn larger_text_is_the_same_text() {
        let small = {
            let mut image = blank(40, 10);
            image.label([0, 0], "car", 1, [200; 3]);
            image
        };
        let mut large = blank(80, 20);
        large.label([0, 0], "car", 2, [200; 3]);
        assert_eq!(large.up_to(40), small);
        assert!(small.rgb.contains(&0) && small.rgb.contains(&200) && small.rgb.contains(&9));
        assert_eq!(text_size("car", 2), [52, 20]);
    }

    #[test]
    fn a_label_is_moved_into_the_frame() {
        let mut image = blank(40, 10);
        image.label([35, 0], "car", 1, [200; 3]);
        assert!(image.rgb.chunks(3).take(14).all(|it| it == [9; 3]));
        assert_eq!(image.rgb[3 * 14], 200);
    }

    #[test]
    fn what_is_far_outside_is_cut() {
        let mut image = blank(4, 4);
        image.outline([i64::MIN, i64::MIN, i64::MAX, i64::MAX], 1, [1; 3]);
        image.label([i64::MAX, i64::MAX], "x", 3, [1; 3]);
        image.dot([f32::MAX, f32::MIN], 3, [1; 3]);
        assert_eq!(image, blank(4, 4));
    }
}
