//! Which part of a frame shows an object, and cutting it out.

/// Width by height.
const ASPECT: (usize, usize) = (4, 3);
/// How much larger than the object it is, and how small a part of the frame's height at least.
const MARGIN: f32 = 1.6;
const LEAST: f32 = 0.25;

/// A part of a frame, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

/// The part around a place, which is in parts of the frame; without one, as much of the frame as fits.
pub(crate) fn around(place: Option<[f32; 4]>, (width, height): (usize, usize)) -> Part {
    let (columns, rows) = ASPECT;
    let [x1, y1, x2, y2] = place.unwrap_or([0.0, 0.0, 1.0, 1.0]);
    let (w, h) = (width as f32, height as f32);
    let wanted = MARGIN * ((y2 - y1) * h).max((x2 - x1) * w * rows as f32 / columns as f32);
    let wanted = (wanted.max(LEAST * h) as usize).max(rows);
    // Of the aspect where the frame allows it.
    let tall = wanted.min(height).min((width * rows / columns).max(1));
    let wide = (tall * columns / rows).clamp(1, width);
    let begin = |centre: f32, side: usize, all: usize| {
        let begin = (centre - side as f32 / 2.0).max(0.0) as usize;
        begin.min(all - side)
    };
    Part {
        x: begin((x1 + x2) / 2.0 * w, wide, width),
        y: begin((y1 + y2) / 2.0 * h, tall, height),
        width: wide,
        height: tall,
    }
}

/// A part of packed RGB.
pub(crate) fn crop(pixels: &[u8], (width, _): (usize, usize), part: Part) -> Vec<u8> {
    let rows = pixels
        .chunks_exact(3 * width)
        .skip(part.y)
        .take(part.height);
    let columns = 3 * part.x..3 * (part.x + part.width);
    rows.flat_map(|row| &row[columns.clone()])
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_object_is_inside_and_the_part_inside_of_the_frame() {
        for size in [
            (640, 360),
            (1920, 1080),
            (360, 640),
            (4, 4),
            (1, 1),
            (5000, 10),
        ] {
            for place in [
                None,
                Some([0.0, 0.0, 0.05, 0.1]),
                Some([0.95, 0.9, 1.0, 1.0]),
                Some([0.4, 0.3, 0.6, 0.9]),
                Some([0.5; 4]),
            ] {
                let part = around(place, size);
                assert!(
                    part.width > 0 && part.height > 0,
                    "{size:?} {place:?} {part:?}"
                );
                assert!(part.x + part.width <= size.0, "{size:?} {place:?} {part:?}");
                assert!(
                    part.y + part.height <= size.1,
                    "{size:?} {place:?} {part:?}"
                );
            }
        }
        let part = around(Some([0.25, 0.5, 0.3, 0.7]), (1920, 1080));
        let (left, top) = (part.x as f32 / 1920.0, part.y as f32 / 1080.0);
        let right = (part.x + part.width) as f32 / 1920.0;
        let bottom = (part.y + part.height) as f32 / 1080.0;
        assert!(
            left < 0.25 && top < 0.5 && right > 0.3 && bottom > 0.7,
            "{part:?}"
        );
        assert_eq!(part.width, part.height * 4 / 3);
    }

    #[test]
    fn a_part_is_cut_out() {
        let pixels: Vec<u8> = (0..36).collect();
        let part = Part {
            x: 1,
            y: 1,
            width: 2,
            height: 2,
        };
        assert_eq!(
            crop(&pixels, (3, 4), part),
            [12, 13, 14, 15, 16, 17, 21, 22, 23, 24, 25, 26]
        );
    }
}
