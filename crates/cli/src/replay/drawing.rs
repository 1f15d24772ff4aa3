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
    let mut labels = Labels {
        scale,
        taken: Vec::new(),
    };
    for (seen, index) in items(recorded, &found.only_recorded).into_iter().rev() {
        let [x, y, ..] = edges(seen, index);
        labels.put(
            image,
            [x, y],
            true,
            &label("recorded", seen, index),
            RECORDED,
        );
    }
    for (seen, index) in items(replayed, &found.only_replayed).into_iter().rev() {
        let [x, _, _, y] = edges(seen, index);
        labels.put(image, [x, y], false, &label("now", seen, index), REPLAYED);
    }
    legend(image, found, title, scale);
}

/// Labels that do not hide one another, as long as there is room.
struct Labels {
    scale: i64,
    /// Left, right and upper edges of those that are drawn.
    taken: Vec<[i64; 3]>,
}

impl Labels {
    /// Above or below a place, and further away where others are.
    fn put(
        &mut self,
        image: &mut Image,
        [x, y]: [i64; 2],
        above: bool,
        text: &str,
        color: [u8; 3],
    ) {
        let [wide, high] = text_size(text, self.scale);
        let last = i64::from(image.height) - high;
        let left = x.min(i64::from(image.width) - wide).max(0);
        let is_free = |top: i64| {
            let mut taken = self.taken.iter();
            taken.all(|it| it[1] <= left || left + wide <= it[0] || (it[2] - top).abs() >= high)
        };
        let first = if above { y.saturating_sub(high) } else { y };
        let first = first.clamp(0, last.max(0));
        let step = if above { -1 } else { 1 };
        let tops = (0..=last).map(|away| first + step * away);
        let mut tops = tops.take_while(|top| (0..=last).contains(top));
        let top = tops.find(|top| is_free(*top)).unwrap_or(first);
        self.taken.push([left, left + wide, top]);
        image.label([left, top], text, self.scale, color);
    }
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
    fn labels_of_neighbours_do_not_hide_one_another() {
        let mut image = Image {
            width: 100,
            height: 60,
            rgb: vec![9; 3 * 100 * 60],
        };
        let mut labels = Labels {
            scale: 1,
            taken: Vec::new(),
        };
        for (x, above) in [(10, true), (12, true), (14, true), (90, true), (10, false)] {
            labels.put(&mut image, [x, 40], above, "car", RECORDED);
        }
        let tops: Vec<i64> = labels.taken.iter().map(|it| it[2]).collect();
        assert_eq!(tops, [30, 20, 10, 30, 40]);
        // Where there is no room, they do.
        for _ in 0..9 {
            labels.put(&mut image, [10, 40], true, "car", RECORDED);
        }
        assert_eq!(labels.taken.last().map(|it| it[2]), Some(30));
    }

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
