//! What the trackers are tried on: frames of one camera, with their truth and what a detector saw.

use anyhow::{Context as _, Result, ensure};
use camweave_camera_sim::scene::{Canvas, Scene};
use camweave_vision::Detection;
use camweave_vision::metrics::{FrameTruth, TruthObject};

use crate::detector::{Detector, Seen};

/// One frame.
pub struct Frame {
    pub seconds: f64,
    pub truth: FrameTruth,
    pub boxes: Vec<Detection>,
}

/// The frames of one camera at its full rate.
pub struct Clip {
    pub fps: f64,
    pub frames: Vec<Frame>,
}

/// The rate of scenes: 15, 10 and 5 are whole parts of it.
const SCENE_FPS: u32 = 30;
/// As in the demo.
const SCENE_SIZE: (u32, u32) = (640, 360);

impl Clip {
    /// A rendered street, and what a detector with noise of the same seed sees of it.
    pub fn of_scene(seed: u64, seconds: u32) -> Result<Self> {
        let (width, height) = SCENE_SIZE;
        let scene = Scene::new(seed, width, height)?;
        let mut canvas = Canvas::new(width, height);
        let detector = Detector::new(seed, SCENE_SIZE);
        let frames = (0..seconds * SCENE_FPS).map(|number| {
            let time = f64::from(number) / f64::from(SCENE_FPS);
            let objects = scene.render(time, &mut canvas);
            let seen = objects.iter().map(|object| Seen {
                bbox: object.bbox,
                class_id: object.class_id,
                visible: object.visible,
                is_small: object.ignore,
            });
            let boxes = detector.look(u64::from(number), seen);
            let objects = objects.iter().map(|object| TruthObject {
                track_id: u64::from(object.track_id),
                class_id: object.class_id,
                bbox: object.bbox.map(f64::from),
                ignore: object.ignore,
            });
            Frame {
                seconds: time,
                truth: FrameTruth {
                    objects: objects.collect(),
                },
                boxes,
            }
        });
        Ok(Self {
            fps: f64::from(SCENE_FPS),
            frames: frames.collect(),
        })
    }

    /// The people of a truth file of the MOTChallenge (frame, id, left, top, width, height and more,
    /// separated by commas), and what a detector with noise of this seed sees of them.
    pub fn of_mot(text: &str, fps: f64, seed: u64) -> Result<Self> {
        let mut frames: Vec<Vec<TruthObject>> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let numbers: Vec<f64> = line
                .split(',')
                .map_while(|field| field.trim().parse().ok())
                .collect();
            let [frame, id, left, top, width, height, ..] = numbers[..] else {
                anyhow::bail!(
                    "line {}: expected frame,id,left,top,width,height,...",
                    index + 1
                );
            };
            ensure!(
                (1.0..1e6).contains(&frame) && width > 0.0 && height > 0.0,
                "line {}: expected a frame from 1 on, and a box with area",
                index + 1
            );
            let frame = frame as usize - 1;
            if frames.len() <= frame {
                frames.resize(frame + 1, Vec::new());
            }
            frames[frame].push(TruthObject {
                track_id: id as u64,
                class_id: 0,
                bbox: [left, top, left + width, top + height],
                ignore: false,
            });
        }
        let all = || frames.iter().flatten();
        let extent = |edge: usize| all().map(|object| object.bbox[edge]).fold(0.0, f64::max);
        let size = (extent(2).ceil() as u32, extent(3).ceil() as u32);
        let detector = Detector::new(seed, size);
        let frames = frames.into_iter().enumerate().map(|(number, objects)| {
            let boxes = detector.look(number as u64, visible(&objects));
            Frame {
                seconds: number as f64 / fps,
                truth: FrameTruth { objects },
                boxes,
            }
        });
        let frames: Vec<Frame> = frames.collect();
        frames.first().context("no frames")?;
        Ok(Self { fps, frames })
    }
}

/// People on the same ground: whose feet are lower in the frame stands in front.
fn visible(objects: &[TruthObject]) -> impl Iterator<Item = Seen> {
    objects.iter().map(|object| {
        let bbox = object.bbox.map(|edge| edge as f32);
        let hidden = objects
            .iter()
            .filter(|other| other.bbox[3] > object.bbox[3])
            .map(|other| covered(bbox, other.bbox.map(|edge| edge as f32)))
            .fold(0.0, f32::max);
        Seen {
            bbox,
            class_id: 0,
            visible: 1.0 - hidden,
            is_small: false,
        }
    })
}

/// The share of `a` inside `b`.
fn covered(a: [f32; 4], b: [f32; 4]) -> f32 {
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    side(0) * side(1) / ((a[2] - a[0]) * (a[3] - a[1]))
}
