//! Scenes as clips: every frame is rendered and encoded before the run, so that the run costs
//! no more than sending.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::SimError;
use crate::clip::{Clip, ClipFormat};
use crate::encode::{Encoding, VideoEncoder};
use crate::parameter_sets::ParameterSets;
use crate::scene::{Canvas, FrameTruth, Scene, Yuv420Planes};
use crate::timeline::{FrameRate, Timing};

/// A scene to be rendered for one camera.
#[derive(Debug, Clone)]
pub struct SceneClip {
    /// The camera's id, for messages.
    pub camera: String,
    /// What the scene is made from.
    pub seed: u64,
    /// Width in pixels, even.
    pub width: u32,
    /// Height in pixels, even.
    pub height: u32,
    /// Frames per second.
    pub rate: FrameRate,
    /// Length in seconds; the nearest whole number of frames is rendered.
    pub seconds: f64,
    /// Whether each frame's number is written into it: [`Canvas::stamp`].
    pub stamp: bool,
    /// How it is encoded.
    pub encoding: Encoding,
}

/// A rendered scene.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The encoded frames.
    pub clip: Clip,
    /// What is in each frame, in display order.
    pub truth: Vec<FrameTruth>,
}

/// Renders scenes on `workers` threads, at least one. `progress` hears, from any of them, of every
/// frame that is done.
pub fn render_all(
    scenes: &[SceneClip],
    workers: usize,
    progress: &(dyn Fn() + Sync),
) -> Result<Vec<Rendered>, SimError> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<Rendered, SimError>>>> =
        scenes.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while let Some((scene, result)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            scenes.get(i).zip(results.get(i))
        } {
            let rendered = render(scene, progress);
            *result
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(rendered);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, scenes.len().max(1)) {
            scope.spawn(work);
        }
    });
    results
        .into_iter()
        .filter_map(|result| {
            result
                .into_inner()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        })
        .collect()
}

fn render(scene: &SceneClip, progress: &(dyn Fn() + Sync)) -> Result<Rendered, SimError> {
    let (width, height, rate) = (scene.width, scene.height, scene.rate);
    let frames = rate.frames_in(scene.seconds);
    if frames == 0 {
        return Err(SimError::NoFrames {
            seconds: scene.seconds,
            fps: rate.as_f64(),
        });
    }
    let failed = |reason: String| SimError::Scene {
        camera: scene.camera.clone(),
        reason,
    };
    let mut encoder = VideoEncoder::new(width, height, rate, &scene.encoding)?;
    let world = Scene::new(scene.seed, width, height).map_err(|error| failed(error.to_string()))?;
    let mut canvas = Canvas::new(width, height);
    let timing = Timing::Constant(rate);
    let mut truth = Vec::new();
    let mut raw = Vec::new();
    for frame in 0..frames {
        let captured_offset_nanos = timing.capture_nanos(frame);
        let objects = world.render(captured_offset_nanos as f64 / 1e9, &mut canvas);
        truth.push(FrameTruth {
            frame,
            captured_offset_nanos,
            objects,
        });
        if scene.stamp {
            canvas.stamp(frame);
        }
        encoder.encode(picture(&canvas), frame as i64, &mut raw)?;
        progress();
    }
    encoder.finish(&mut raw)?;
    let format = ClipFormat {
        codec: scene.encoding.codec,
        width,
        height,
        fps: rate.as_f64(),
    };
    let clip = Clip::new(format, raw, &ParameterSets::default(), timing).map_err(failed)?;
    Ok(Rendered { clip, truth })
}

/// The canvas as encoders take it. Each has its own memory, since an encoder may still hold the last.
pub fn picture(canvas: &Canvas) -> frame::Video {
    let mut picture = frame::Video::new(Pixel::YUV420P, canvas.width(), canvas.height());
    let strides = [0, 1, 2].map(|plane| picture.stride(plane));
    let mut planes = [0, 1, 2].map(|plane| picture.data(plane).to_vec());
    let [y, u, v] = &mut planes;
    canvas.write_yuv420(Yuv420Planes {
        y: (y, strides[0]),
        u: (u, strides[1]),
        v: (v, strides[2]),
    });
    for (plane, bytes) in planes.iter().enumerate() {
        picture.data_mut(plane).copy_from_slice(bytes);
    }
    picture
}
