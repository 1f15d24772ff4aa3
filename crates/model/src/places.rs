//! How many places the grids of an input have.

/// Numbers of cells of an input's grids.
pub(crate) struct Places {
    /// Of strides 8 to 32; to 64; 4 to 32; 16 and 32.
    grids: Vec<usize>,
}

/// Strides that detectors of one kind or another have.
const STRIDES: [&[u32]; 4] = [&[8, 16, 32], &[8, 16, 32, 64], &[4, 8, 16, 32], &[16, 32]];
/// Anchors in a cell of YOLOv3 to v7.
const ANCHORS: usize = 3;

impl Places {
    pub fn of((width, height): (u32, u32)) -> Self {
        let cells =
            |stride: &u32| width.div_ceil(*stride) as usize * height.div_ceil(*stride) as usize;
        Self {
            grids: (STRIDES.iter())
                .map(|strides| strides.iter().map(cells).sum())
                .collect(),
        }
    }

    /// Whether so many places are one for each cell.
    pub fn is_grid(&self, places: usize) -> bool {
        self.grids.contains(&places)
    }

    /// Whether so many places are three for each cell.
    pub fn is_three_grids(&self, places: usize) -> bool {
        places.is_multiple_of(ANCHORS) && self.is_grid(places / ANCHORS)
    }

    /// Whether so many places are one or three for each cell.
    pub fn is_known(&self, places: usize) -> bool {
        self.is_grid(places) || self.is_three_grids(places)
    }
}
