//! What differs in a frame, drawn on it.

use camweave_image::{COLORS, Image, text_size};
use camweave_redact::printable_up_to;

use super::findings::Seen;
use super::ranking::Difference;

/// Objects that are in both.
pub const BOTH: [u8; 3] = [160; 3];
/// Objects that were detected when the frame was recorded, and are not now.
pub const RECORDED: [u8; 3] = COLORS[0];
/// Objects that are detected now, and were not then.
pub const REPLAYED: [u8; 3] = COLORS[1];
const WHITE: [u8; 3] = [255; 3];
/// Letters have a dot for each so many rows of the frame.
const ROWS_PER_DOT: u32 = 400;
/// Bytes of a class name that are drawn.
const LABEL_BYTES: usize = 48;

/// Draws the objects on the frame, and below it what the colours mean. `found` is in pixels of the
/// frame.
pub fn draw(image: &mut Image, found: &Difference, title: &str) {
    let scale = i64::from((image.width.min(image.height) / ROWS_PER_DOT).max(1));
    let Difference {
        recorded, replayed, ..
    } = found;
    for (seen, index) in items(replayed, &found.in_both) {
        image.outline(edges(seen, index), scale, BOTH);
    }
    let thick = 2 * scale;
    for (seen, index) in items(recorded, &found.only_recorded) {
        image.outline(edges(seen, index), thick, RECORDED);
    }
    for (seen, index) in items(replayed, &found.only_replayed) {
        image.outline(edges(seen, index), thick, REPLAYED);
    }
    // Labels are on top of all boxes. Those of one object in both are above and below it.
    let [_, high] = text_size("", scale);
    let rows = i64::from(image.height);
    for (seen, index) in items(recorded, &found.only_recorded) {
        let [x, y, ..] = edges(seen, index);
        let above = y.saturating_sub(high);
        let top = if above >= 0 { above } else { y.max(0) };
        image.label([x, top], &label("recorded", seen, index), scale, RECORDED);
    }
    for (seen, index) in items(replayed, &found.only_replayed) {
        let [x, _, _, y] = edges(seen, index);
        let fits = y.saturating_add(high) <= rows;
        let top = if fits { y } else { rows - high };
        image.label([x, top], &label("now", seen, index), scale, REPLAYED);
    }
    legend(image, found, title, scale);
}

fn legend(image: &mut Image, found: &Difference, title: &str, scale: i64) {
    let counted = |what: &str, objects: &[usize]| format!("{what}: {}", objects.len());
    let entries = [
        (WHITE, title.to_owned()),
        (BOTH, counted("in both", &found.in_both)),
        (RECORDED, counted("only recorded", &found.only_recorded)),
        (REPLAYED, counted("only now", &found.only_replayed)),
    ];
    let width = i64::from(image.width);
    let [_, high] = text_size("", scale);
    // Where each begins: in another line if this one has no room for it.
    let (mut x, mut line) = (0, 0);
    let places = entries.each_ref().map(|(_, text)| {
        let [wide, _] = text_size(text, scale);
        if x > 0 && x + wide > width {
            (x, line) = (0, line + 1);
        }
        let place = [x, line];
        x += wide + 8 * scale;
        place
    });
    let top = i64::from(image.height);
    let rows = u32::try_from((line + 1) * (high + scale) + scale);
    image.extend_down(rows.unwrap_or(0), [0; 3]);
    for ((color, text), [x, line]) in entries.iter().zip(places) {
        let y = top + scale + line * (high + scale);
        image.label([x, y], text, scale, *color);
    }
}

/// These objects, the weak ones first: strong ones are on top.
fn items<'a>(seen: &'a Seen, objects: &[usize]) -> Vec<(&'a Seen, usize)> {
    let mut all = objects.to_vec();
    all.sort_by(|a, b| seen.scores[*a].total_cmp(&seen.scores[*b]));
    all.into_iter().map(|index| (seen, index)).collect()
}

fn edges(seen: &Seen, index: usize) -> [i64; 4] {
    seen.boxes[index].map(|edge| edge.round() as i64)
}

fn label(when: &str, seen: &Seen, index: usize) -> String {
    let name = printable_up_to(&seen.labels[index], LABEL_BYTES);
    format!("{when}: {name} {:.2}", seen.scores[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_has_the_colour_of_where_it_is() {
        let seen = |boxes: &[[f32; 4]]| Seen {
            camera: "a".to_owned(),
            sequence: 1,
            width: 300,
            height: 200,
            boxes: boxes.to_vec(),
            scores: vec![0.5; boxes.len()],
            labels: vec!["car".to_owned(); boxes.len()],
        };
        let both = [20.0, 40.0, 60.0, 80.0];
        let recorded = seen(&[both, [100.0, 40.0, 140.0, 80.0]]);
        let replayed = seen(&[
            [200.0, 40.0, 240.0, 80.0],
            both,
            [-9.0, 190.0, 500.0, f32::MAX],
        ]);
        let found = Difference::new(&recorded, &replayed, None);
        let mut image = Image {
            width: 300,
            height: 200,
            rgb: vec![9; 3 * 300 * 200],
        };
        draw(&mut image, &found, "a, frame 1");
        let pixel = |x: usize, y: usize| image.rgb[(y * 300 + x) * 3..][..3].to_vec();
        assert_eq!(pixel(20, 60), BOTH);
        assert_eq!(pixel(21, 60), [9; 3], "thin");
        assert_eq!(pixel(100, 60), RECORDED);
        assert_eq!(pixel(201, 60), REPLAYED);
        assert_eq!(pixel(150, 190), REPLAYED);
        assert_eq!(pixel(120, 60), [9; 3], "the inside is left alone");
        // Of the label above, and of the one below.
        assert_eq!(pixel(100, 31), RECORDED);
        assert_eq!(pixel(200, 82), REPLAYED);
        // The legend is below the frame, in two lines.
        assert_eq!((image.width, image.height), (300, 200 + 2 * 11 + 1));
        for color in [WHITE, BOTH, RECORDED, REPLAYED] {
            assert!(image.rgb[3 * 300 * 200..].chunks(3).any(|it| it == color));
        }
    }
}
