//! What the engine alone is given.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use camweave_vision::{
    ColorMatrix, ColorRange, Letterbox, LetterboxPlan, Picture, PictureLayout, PixelFormat,
};

/// Frames taken of each clip, from its begin.
const FRAMES_PER_CLIP: usize = 8;

/// Frames of the clips, in turn, as inputs of a network of the size `model`.
pub fn of_clips(clips: &[PathBuf], model: (u32, u32)) -> Result<Vec<Vec<f32>>> {
    let clips = clips.iter().map(|clip| letterboxed(clip, model));
    let clips = clips.collect::<Result<Vec<_>>>()?;
    let mut clips: Vec<_> = clips.into_iter().map(Vec::into_iter).collect();
    let mut inputs = Vec::new();
    for _ in 0..FRAMES_PER_CLIP {
        inputs.extend(clips.iter_mut().filter_map(Iterator::next));
    }
    Ok(inputs)
}

fn letterboxed(clip: &Path, model: (u32, u32)) -> Result<Vec<Vec<f32>>> {
    let path = clip.to_string_lossy();
    let size = output(
        "ffprobe",
        &[
            "-v",
            "error",
            "-select_streams",
            "v:0",
            "-show_entries",
            "stream=width,height",
            "-of",
            "csv=p=0:s=x",
            &path,
        ],
    )?;
    let size = String::from_utf8_lossy(&size);
    let size = size.trim().split_once('x').and_then(|(width, height)| {
        let height = height.trim_end_matches('x');
        Some((width.parse().ok()?, height.parse().ok()?))
    });
    let (width, height) = size.with_context(|| format!("'{path}' has no picture size"))?;
    let frames = FRAMES_PER_CLIP.to_string();
    let data = output(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-i",
            &path,
            "-frames:v",
            &frames,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
            "-",
        ],
    )?;
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(width, height, PixelFormat::I420, matrix, range);
    let letterbox = Letterbox::new((width, height), model)?;
    let mut plan = LetterboxPlan::new(&layout, &letterbox)?;
    let pictures = data.chunks_exact(layout.required_bytes()?);
    pictures
        .map(|data| {
            let mut input = vec![0.0; letterbox.output_len()];
            plan.run(&Picture::new(&layout, data)?, &mut input)?;
            Ok(input)
        })
        .collect()
}

fn output(program: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start '{program}'"))?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {}", arguments.join(" "), message.trim());
    }
    Ok(output.stdout)
}
