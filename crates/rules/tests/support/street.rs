//! Rendered streets: what is true of them, and what a tracker that is right would say of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use camweave_camera_sim::scene::{CLASS_NAMES, Canvas, Scene};
use camweave_message::DetectedBox;

use super::{Case, Dice, object};

/// Frames per second of the truth. Those of each camera are some of them.
pub const DENSE_FPS: u32 = 60;
/// Seconds of a scene.
pub const SECONDS: u32 = 30;
/// Size of the frames that are rendered.
const SIZE: (u32, u32) = (384, 216);

/// Where an object is: its box in parts of the frame.
pub type Boxes = BTreeMap<u64, [f64; 4]>;

/// A street.
pub struct Street {
    pub scene: Scene,
    /// By frame of the truth.
    pub dense: Vec<Boxes>,
    pub classes: BTreeMap<u64, &'static str>,
}

impl Street {
    pub fn new(seed: u64) -> Self {
        let (width, height) = SIZE;
        let scene = Scene::new(seed, width, height).expect("a scene");
        let mut canvas = Canvas::new(width, height);
        let mut classes = BTreeMap::new();
        let sides = [width, height, width, height].map(f64::from);
        let dense = (0..SECONDS * DENSE_FPS).map(|frame| {
            let objects = scene.render(f64::from(frame) / f64::from(DENSE_FPS), &mut canvas);
            let boxes = objects.into_iter().map(|it| {
                let id = u64::from(it.track_id);
                classes.insert(id, CLASS_NAMES[it.class_id as usize]);
                let parts = std::array::from_fn(|i| f64::from(it.bbox[i]) / sides[i]);
                (id, parts)
            });
            boxes.collect()
        });
        let dense = dense.collect();
        Self {
            scene,
            dense,
            classes,
        }
    }

    /// The middle of an object's lower edge, by time in seconds.
    pub fn feet(&self, id: u64) -> Vec<(f64, [f64; 2])> {
        let frames = self.dense.iter().enumerate();
        let found = frames.filter_map(|(frame, boxes)| {
            let [x1, _, x2, y2] = *boxes.get(&id)?;
            let seconds = frame as f64 / f64::from(DENSE_FPS);
            Some((seconds, [(x1 + x2) / 2.0, y2]))
        });
        found.collect()
    }
}

/// How a street is watched.
#[derive(Debug, Clone, Copy)]
pub struct Watching {
    pub fps: u32,
    /// The part of the frames that are lost.
    pub lost: f64,
    /// The part of an object's boxes that are wrong in some way.
    pub flicker: f64,
    pub seed: u64,
}

impl Watching {
    /// All ways that the tests go through.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for fps in [5, 15, 30] {
            for (lost, flicker, seeds) in
                [(0.0, 0.0, 1), (0.2, 0.0, 3), (0.0, 0.05, 3), (0.2, 0.05, 3)]
            {
                let of = |seed| Self {
                    fps,
                    lost,
                    flicker,
                    seed,
                };
                all.extend((0..seeds).map(of));
            }
        }
        all
    }

    /// Gives an engine what is seen of a street. The times at which each object was seen where it is.
    pub fn play(self, street: &Street, case: &mut Case) -> BTreeMap<u64, Vec<f64>> {
        let mut dice = Dice::new(self.seed + 1);
        let mut seen: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        // A flicker is of one frame: the one after it is right.
        let mut was_wrong: BTreeMap<u64, bool> = BTreeMap::new();
        for frame in (0..SECONDS * DENSE_FPS).step_by((DENSE_FPS / self.fps) as usize) {
            if dice.part() < self.lost {
                continue;
            }
            let seconds = f64::from(frame) / f64::from(DENSE_FPS);
            let mut boxes = Vec::new();
            for (id, bbox) in &street.dense[frame as usize] {
                let class = street.classes[id];
                let mut item = DetectedBox {
                    label: Arc::from(class),
                    ..object(*id, *bbox)
                };
                let was_just_wrong = was_wrong.insert(*id, false).unwrap_or(true);
                if !was_just_wrong && dice.part() < self.flicker {
                    was_wrong.insert(*id, true);
                    match (dice.part() * 3.0) as u32 {
                        0 => {
                            was_wrong_now(&mut boxes, *id, *bbox, class, &mut dice);
                            seen.entry(*id).or_default();
                            continue;
                        }
                        1 => continue,
                        _ => item.label = Arc::from("bus"),
                    }
                }
                seen.entry(*id).or_default().push(seconds);
                boxes.push(item);
            }
            if self.flicker > 0.0 {
                // Of something that is nothing: the tracker gives it no id.
                for _ in 0..5 {
                    let (x, y) = (0.1 + 0.8 * dice.part(), 0.1 + 0.8 * dice.part());
                    let mut item = object(0, [x - 0.05, y - 0.1, x + 0.05, y + 0.1]);
                    item.track_id = None;
                    boxes.push(item);
                }
            }
            case.frame(
                i64::from(frame) * super::SECOND / i64::from(DENSE_FPS),
                boxes,
            );
        }
        seen
    }
}

/// The object's box is somewhere else in this frame, on the other side of the frame's middle.
fn was_wrong_now(
    boxes: &mut Vec<DetectedBox>,
    id: u64,
    [x1, y1, x2, y2]: [f64; 4],
    class: &str,
    dice: &mut Dice,
) {
    let by = |low: f64, high: f64, dice: &mut Dice| {
        let by = 0.35 + 0.2 * dice.part();
        if low + high > 1.0 {
            -by.min(low)
        } else {
            by.min(1.0 - high)
        }
    };
    let (dx, dy) = (by(x1, x2, dice), by(y1, y2, dice));
    boxes.push(DetectedBox {
        label: Arc::from(class),
        ..object(id, [x1 + dx, y1 + dy, x2 + dx, y2 + dy])
    });
}
