//! From the four values of a box to its corners.

use super::exp::exp;
use super::{BoxCoding, BoxSpace, HeadFormat};

/// Sides of the cells of [`BoxCoding::Grid`], in pixels.
const CELLS: [u32; 3] = [8, 16, 32];

/// How the boxes of a head are read.
pub(super) struct Boxes {
    coding: BoxCoding,
    /// The width and height that a box is a part of.
    parts_of: Option<(f32, f32)>,
    /// Width and height of the network's input, in pixels.
    size: (u32, u32),
}

impl Boxes {
    pub fn new(format: &HeadFormat, size: (u32, u32)) -> Self {
        let is_normalised = format.space == BoxSpace::Normalised;
        Self {
            coding: format.boxes,
            parts_of: is_normalised.then_some((size.0 as f32, size.1 as f32)),
            size,
        }
    }

    /// Edges x1, y1, x2, y2 in pixels of the network's input.
    pub fn corners(&self, values: [f32; 4], place: usize) -> [f32; 4] {
        let values = match self.coding {
            BoxCoding::Centre | BoxCoding::Corners => values,
            BoxCoding::CornersYx => {
                let [y1, x1, y2, x2] = values;
                [x1, y1, x2, y2]
            }
            BoxCoding::Grid => match cell(self.size, place) {
                Some(cell) => cell.centre_and_size(values),
                None => [f32::NAN; 4],
            },
        };
        let values = match (self.parts_of, values) {
            (Some((width, height)), [a, b, c, d]) => [a * width, b * height, c * width, d * height],
            (None, values) => values,
        };
        match self.coding {
            BoxCoding::Corners | BoxCoding::CornersYx => values,
            BoxCoding::Centre | BoxCoding::Grid => {
                let [x, y, width, height] = values;
                let (half_width, half_height) = (width / 2.0, height / 2.0);
                [
                    x - half_width,
                    y - half_height,
                    x + half_width,
                    y + half_height,
                ]
            }
        }
    }
}

/// A cell of the grid, which lies at `column` and `row` of cells of its size.
struct Cell {
    column: f32,
    row: f32,
    side: f32,
}

impl Cell {
    fn centre_and_size(&self, [x, y, width, height]: [f32; 4]) -> [f32; 4] {
        [
            (x + self.column) * self.side,
            (y + self.row) * self.side,
            exp(width) * self.side,
            exp(height) * self.side,
        ]
    }
}

fn cell((width, height): (u32, u32), place: usize) -> Option<Cell> {
    let mut index = place;
    for side in CELLS {
        let (columns, rows) = ((width / side) as usize, (height / side) as usize);
        if index < columns * rows {
            return Some(Cell {
                column: (index % columns) as f32,
                row: (index / columns) as f32,
                side: side as f32,
            });
        }
        index -= columns * rows;
    }
    None
}

/// How many cells the grid of an input has.
pub(super) fn cells((width, height): (u32, u32)) -> u64 {
    let cells = |side| u64::from(width / side) * u64::from(height / side);
    CELLS.map(cells).into_iter().sum()
}
