//! From rows of red, green and blue to the values of a network's input.

use std::ops::Range;

use super::{Affine, Channels, InputFormat, InputLayout, Letterbox};
use crate::picture::sample::Sampling;

/// Fills inputs of one format and one letterbox.
#[derive(Debug, Clone)]
pub(super) struct Fill {
    /// Width of the input, in pixels.
    width: usize,
    /// What the picture fills of it.
    columns: Range<usize>,
    rows: Range<usize>,
    channels: Channels,
    layout: InputLayout,
    affine: [Affine; 3],
    padding: [f32; 3],
    /// A row of three planes on its way to pixels; empty where planes are what is wanted.
    row: Vec<f32>,
}

impl Fill {
    /// The letterbox' picture is inside the input.
    pub fn new(letterbox: &Letterbox, format: &InputFormat) -> Self {
        let range = |pad: u32, resized: u32| pad as usize..(pad + resized) as usize;
        let columns = range(letterbox.pad_left, letterbox.resized_width);
        let row = match format.layout {
            InputLayout::Nchw => Vec::new(),
            InputLayout::Nhwc => vec![0.0; 3 * columns.len()],
        };
        Self {
            width: letterbox.model.0 as usize,
            columns,
            rows: range(letterbox.pad_top, letterbox.resized_height),
            channels: format.channels,
            layout: format.layout,
            affine: format.affine(),
            padding: format.padding(),
            row,
        }
    }

    /// Writes one input.
    pub fn run(&mut self, sampling: Sampling<'_>, out: &mut [f32]) {
        match self.layout {
            InputLayout::Nchw => self.planes(sampling, out),
            InputLayout::Nhwc => self.pixels(sampling, out),
        }
    }

    fn planes(&self, mut sampling: Sampling<'_>, out: &mut [f32]) {
        let width = self.width;
        let mut planes = thirds(out);
        for (plane, padding) in planes.iter_mut().zip(self.padding) {
            plane[..self.rows.start * width].fill(padding);
            plane[self.rows.end * width..].fill(padding);
        }
        for row in self.rows.clone() {
            let mut lines = planes
                .each_mut()
                .map(|plane| &mut plane[row * width..][..width]);
            for (line, padding) in lines.iter_mut().zip(self.padding) {
                line[..self.columns.start].fill(padding);
                line[self.columns.end..].fill(padding);
            }
            let mut lines = lines.map(|line| &mut line[self.columns.clone()]);
            let rgb = rgb(self.channels, lines.each_mut().map(|line| &mut **line));
            sampling.rgb_row(row - self.rows.start, rgb);
            if self.affine != [Affine::IDENTITY; 3] {
                for (line, affine) in lines.into_iter().zip(self.affine) {
                    for value in line {
                        *value = affine.value(*value);
                    }
                }
            }
        }
    }

    fn pixels(&mut self, mut sampling: Sampling<'_>, out: &mut [f32]) {
        let Self {
            columns,
            rows,
            affine,
            padding,
            row: buffer,
            ..
        } = self;
        let width = self.width;
        let (pixels, _) = out.as_chunks_mut::<3>();
        pixels[..rows.start * width].fill(*padding);
        pixels[rows.end * width..].fill(*padding);
        let mut planes = thirds(buffer);
        for row in rows.clone() {
            let rgb = rgb(self.channels, planes.each_mut().map(|plane| &mut **plane));
            sampling.rgb_row(row - rows.start, rgb);
            let line = &mut pixels[row * width..][..width];
            line[..columns.start].fill(*padding);
            line[columns.end..].fill(*padding);
            for (i, pixel) in line[columns.clone()].iter_mut().enumerate() {
                *pixel = std::array::from_fn(|c| affine[c].value(planes[c][i]));
            }
        }
    }
}

/// Red, green and blue of channels in this order.
fn rgb<T>(channels: Channels, [first, second, third]: [T; 3]) -> [T; 3] {
    match channels {
        Channels::Rgb => [first, second, third],
        Channels::Bgr => [third, second, first],
    }
}

fn thirds(values: &mut [f32]) -> [&mut [f32]; 3] {
    let len = values.len() / 3;
    let (first, rest) = values.split_at_mut(len);
    let (second, third) = rest.split_at_mut(len);
    [first, second, third]
}
