//! What the kernels cost on a device: letterboxing of batches, and heads to detections on the host.
//!
//! Times are the device's own, by events around many launches in a row; the least and the median
//! of several such rows.
#![expect(clippy::print_stdout, reason = "the result is for standard output")]

use std::process::ExitCode;

use anyhow::Result;
use camweave_benches::gpu;
use camweave_cuda::heads::{HeadConfig, HeadDecoder};
use camweave_cuda::letterbox::{FrameDescriptor, Kernel, launch};
use camweave_cuda::{Context, DeviceBuffer, Event, PinnedBuffer, Precision, Stream};
use camweave_vision::{
    ColorMatrix, ColorRange, Element, HeadFormat, InputFormat, Letterbox, NmsConfig, PictureLayout,
    PixelFormat,
};
use clap::Parser;
use serde::Serialize;

/// Launches between two events, and how often.
const LAUNCHES: u32 = 50;
const REPEATS: usize = 9;
const MODEL: (u32, u32) = (640, 640);
/// Of a YOLOv8 network for 640 x 640.
const ANCHORS: usize = 8400;
const CLASSES: usize = 80;

/// Measures the kernels; prints a table in Markdown.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Options {
    #[command(flatten)]
    gpu: gpu::Options,
}

/// One kind of work over one size of batch.
#[derive(Debug, Serialize)]
struct Row {
    /// `letterbox` or `postprocess`.
    kernel: &'static str,
    /// The pictures' format, or what the heads hold.
    what: String,
    batch: usize,
    /// Milliseconds per batch, the least and the median of several rows of launches.
    least_ms: f32,
    median_ms: f32,
}

fn main() -> Result<ExitCode> {
    Options::parse().gpu.run(measure_all)
}

fn measure_all(context: &Context) -> Result<Vec<Row>> {
    let stream = Stream::new(context)?;
    println!(
        "{context}; the device's time, least and median of {REPEATS} times {LAUNCHES} batches"
    );
    println!("letterbox: 1920x1080 to 640x640 in half precision");
    println!("postprocess: 8400 anchors and 80 classes, with the copy to the host\n");
    println!("| kernel | of | batch | least ms | median ms | us a frame |");
    println!("|---|---|---:|---:|---:|---:|");
    let mut rows = Vec::new();
    for format in [PixelFormat::Nv12, PixelFormat::P010] {
        for batch in [1, 16, 32] {
            rows.push(show(letterbox(context, &stream, format, batch)?));
        }
    }
    for batch in [1, 4, 16, 32] {
        rows.push(show(postprocess(context, &stream, batch)?));
    }
    Ok(rows)
}

fn show(row: Row) -> Row {
    println!(
        "| {} | {} | {} | {:.4} | {:.4} | {:.2} |",
        row.kernel,
        row.what,
        row.batch,
        row.least_ms,
        row.median_ms,
        row.median_ms / row.batch as f32 * 1000.0
    );
    row
}

/// The least and the median of milliseconds per call of `work`.
fn measure(
    context: &Context,
    stream: &Stream,
    mut work: impl FnMut() -> Result<()>,
) -> Result<(f32, f32)> {
    let (begin, end) = (Event::timed(context)?, Event::timed(context)?);
    let mut millis = Vec::new();
    work()?;
    for _ in 0..REPEATS {
        begin.record(stream)?;
        for _ in 0..LAUNCHES {
            work()?;
        }
        end.record(stream)?;
        end.synchronize()?;
        millis.push(end.millis_since(&begin)? / LAUNCHES as f32);
    }
    millis.sort_by(f32::total_cmp);
    Ok((millis[0], millis[REPEATS / 2]))
}

fn letterbox(context: &Context, stream: &Stream, format: PixelFormat, batch: usize) -> Result<Row> {
    let input_format = InputFormat {
        element: Element::Float16,
        ..InputFormat::default()
    };
    let kernel = Kernel::load(context, &input_format)?;
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(1920, 1080, format, matrix, range);
    let geometry = Letterbox::new((1920, 1080), MODEL)?;
    let bytes = layout.required_bytes()?;
    // Pictures of their own, as cameras have: the cache must not help.
    let pictures = DeviceBuffer::new(context, batch * bytes, "pictures")?;
    stream.fill(pictures.slice(), 120)?;
    let frames: Vec<FrameDescriptor> = (0..batch)
        .map(|index| {
            let memory = pictures.slice().part(index * bytes, bytes)?;
            Ok(FrameDescriptor::new(&layout, memory, &geometry)?)
        })
        .collect::<Result<_>>()?;
    let values = batch * geometry.output_len();
    let input = DeviceBuffer::new(context, values * input_format.element.bytes(), "inputs")?;
    let (least, median) = measure(context, stream, || {
        let input = input.slice();
        Ok(launch(&kernel, stream, &frames, input, MODEL)?)
    })?;
    Ok(Row {
        kernel: "letterbox",
        what: format.to_string(),
        batch,
        least_ms: least,
        median_ms: median,
    })
}

fn postprocess(context: &Context, stream: &Stream, batch: usize) -> Result<Row> {
    let format = HeadFormat::yolov8(CLASSES as u32, ANCHORS as u32);
    let head_bytes = format.len() * Precision::F32.bytes();
    let memory = DeviceBuffer::new(context, batch * head_bytes, "heads")?;
    let heads: Vec<_> = (0..batch)
        .map(|index| memory.slice().part(index * head_bytes, head_bytes))
        .collect::<Result<_, _>>()?;
    // One anchor in ten is a candidate of one of four classes: 840 boxes that overlap in groups.
    let mut values = vec![0.0_f32; format.len()];
    for anchor in (0..ANCHORS).step_by(10) {
        let place = (anchor / 10 % 40) as f32 * 15.0;
        for (row, value) in [place, place, 60.0, 90.0].into_iter().enumerate() {
            values[row * ANCHORS + anchor] = value + (anchor % 7) as f32;
        }
        values[(4 + anchor / 10 % 4) * ANCHORS + anchor] = 0.3 + (anchor % 600) as f32 / 1000.0;
    }
    let mut pinned = PinnedBuffer::new(context, head_bytes, "heads")?;
    for (bytes, value) in pinned.bytes_mut()?.chunks_exact_mut(4).zip(&values) {
        bytes.copy_from_slice(&value.to_ne_bytes());
    }
    for head in &heads {
        stream.upload(&mut pinned, 0..head_bytes, *head)?;
    }
    let mut decoder = HeadDecoder::new(context)?;
    let config = HeadConfig {
        format,
        size: MODEL,
        precision: Precision::F32,
        nms: NmsConfig::default(),
        classes: None,
    };
    let (least, median) = measure(context, stream, || {
        Ok(decoder.enqueue(stream, &heads, &config)?)
    })?;
    let found = decoder.results()?;
    let found = found.iter().flatten().map(Vec::len).next().unwrap_or(0);
    Ok(Row {
        kernel: "postprocess",
        what: format!("840 candidates, {found} found"),
        batch,
        least_ms: least,
        median_ms: median,
    })
}
