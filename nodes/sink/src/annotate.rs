//! Boxes and labels on a frame.

use camweave_message::DetectedBox;
use camweave_redact::printable_up_to;
use font8x8::UnicodeFonts;

/// An RGB frame, 8 bit, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `3 * width * height` bytes.
    pub pixels: Vec<u8>,
}

/// Colours that stay apart, also for most colour-blind eyes (Okabe and Ito, 2008).
const COLORS: [[u8; 3]; 7] = [
    [230, 159, 0],
    [86, 180, 233],
    [0, 158, 115],
    [240, 228, 66],
    [0, 114, 178],
    [213, 94, 0],
    [204, 121, 167],
];
const GLYPH: i64 = 8;
/// Ids of tracks are shown modulo this: the whole number is long, and in the messages.
const SHOWN_IDS: u64 = 10_000;
/// Bytes of a class name that are drawn.
const LABEL_BYTES: usize = 64;
/// Bytes of the label of an attribute that are drawn.
const ATTRIBUTE_BYTES: usize = 24;

impl Canvas {
    fn set(&mut self, x: i64, y: i64, color: [u8; 3]) {
        let inside =
            (0..i64::from(self.width)).contains(&x) && (0..i64::from(self.height)).contains(&y);
        if !inside {
            return;
        }
        let start = (y as usize * self.width as usize + x as usize) * 3;
        if let Some(pixel) = self.pixels.get_mut(start..start + 3) {
            pixel.copy_from_slice(&color);
        }
    }

    fn fill(&mut self, [x1, y1, x2, y2]: [i64; 4], color: [u8; 3]) {
        for y in y1.max(0)..y2.min(i64::from(self.height)) {
            for x in x1.max(0)..x2.min(i64::from(self.width)) {
                self.set(x, y, color);
            }
        }
    }

    fn text(&mut self, x: i64, y: i64, text: &str, color: [u8; 3]) {
        for (index, letter) in text.chars().enumerate() {
            let Some(rows) = font8x8::BASIC_FONTS.get(letter) else {
                continue;
            };
            for (dy, row) in rows.iter().enumerate() {
                for dx in (0..8).filter(|bit| row & (1 << bit) != 0) {
                    self.set(x + index as i64 * GLYPH + dx, y + dy as i64, color);
                }
            }
        }
    }
}

/// What models of a second stage give of an object, as far as there is room.
fn attributes(item: &DetectedBox) -> String {
    let all = item.extras.attributes.iter();
    let labels = all.map(|it| format!(" {}", printable_up_to(&it.label, ATTRIBUTE_BYTES)));
    labels.collect()
}

/// Draws each box with its label, score and track id; a track keeps its colour.
pub fn annotate(canvas: &mut Canvas, boxes: &[DetectedBox]) {
    let thickness = (i64::from(canvas.height) / 240).max(1) + 1;
    // Weak boxes first, so that strong ones lie on top.
    for item in boxes
        .iter()
        .rev()
        .filter(|item| item.bbox.iter().all(|edge| edge.is_finite()))
    {
        let key = item.track_id.unwrap_or(u64::from(item.class_id));
        let color = COLORS[(key % COLORS.len() as u64) as usize];
        let [x1, y1, x2, y2] = item.bbox.map(|edge| edge.round() as i64);
        canvas.fill([x1, y1, x2, y1 + thickness], color);
        canvas.fill([x1, y2 - thickness, x2, y2], color);
        canvas.fill([x1, y1, x1 + thickness, y2], color);
        canvas.fill([x2 - thickness, y1, x2, y2], color);
        let track = item
            .track_id
            .map(|id| format!(" #{}", id % SHOWN_IDS))
            .unwrap_or_default();
        let name = printable_up_to(&item.label, LABEL_BYTES);
        let attributes = attributes(item);
        let label = format!("{name} {:.2}{track}{attributes}", item.score);
        let wide = label.chars().count() as i64 * GLYPH + 2;
        let left = x1.min(i64::from(canvas.width) - wide).max(0);
        let top = if y1 >= GLYPH + 2 { y1 - GLYPH - 2 } else { y1 };
        canvas.fill([left, top, left + wide, top + GLYPH + 2], color);
        canvas.text(left + 1, top + 1, &label, [0, 0, 0]);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn item(bbox: [f32; 4]) -> DetectedBox {
        DetectedBox {
            bbox,
            score: 0.9,
            class_id: 0,
            label: Arc::from("car"),
            track_id: Some(2),
            extras: camweave_message::Extras::default(),
        }
    }

    #[test]
    fn the_frame_is_drawn_and_the_inside_left_alone() {
        let mut canvas = Canvas {
            width: 100,
            height: 100,
            pixels: vec![9; 30_000],
        };
        annotate(&mut canvas, &[item([20.0, 30.0, 60.0, 80.0])]);
        let pixel = |x: usize, y: usize| &canvas.pixels[(y * 100 + x) * 3..][..3];
        assert_eq!(pixel(20, 50), COLORS[2]);
        assert_eq!(pixel(59, 50), COLORS[2]);
        assert_eq!(pixel(40, 79), COLORS[2]);
        assert_eq!(pixel(40, 50), [9, 9, 9]);
        assert_eq!(pixel(10, 50), [9, 9, 9]);
        // The label's letters stand above the box.
        assert!((20..28).any(|y| (20..60).any(|x| pixel(x, y) == [0, 0, 0])));
    }

    #[test]
    fn boxes_beyond_the_picture_are_cut() {
        let mut canvas = Canvas {
            width: 10,
            height: 10,
            pixels: vec![0; 300],
        };
        annotate(
            &mut canvas,
            &[
                item([-50.0, -50.0, 500.0, 500.0]),
                item([f32::NAN, 0.0, 1.0, 1.0]),
            ],
        );
        assert_eq!(canvas.pixels.len(), 300);
    }
}
