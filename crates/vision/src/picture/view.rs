//! A checked view of a picture's bytes.

use super::layout::plane_shapes;
use super::{PictureError, PictureLayout};

/// A picture whose planes are known to lie inside the borrowed data.
#[derive(Debug, Clone, Copy)]
pub struct Picture<'a> {
    layout: PictureLayout,
    /// Bytes of the samples of one row, per plane.
    row_bytes: [usize; 3],
    data: &'a [u8],
}

impl<'a> Picture<'a> {
    /// Checks the layout against the data, which may be longer than the picture.
    ///
    /// # Errors
    /// The layout is impossible, or the data ends before the picture does.
    pub fn new(layout: &PictureLayout, data: &'a [u8]) -> Result<Self, PictureError> {
        let expected = layout.required_bytes()?;
        let PictureLayout {
            width,
            height,
            format,
            ..
        } = *layout;
        if data.len() < expected {
            let found = data.len();
            return Err(PictureError::DataTooShort {
                format,
                width,
                height,
                found,
                expected,
            });
        }
        // A row is at most 2^17 bytes: MAX_DIMENSION pixels of 4 bytes.
        let row_bytes = plane_shapes(format, width, height).map(|shape| shape.row_bytes as usize);
        Ok(Self {
            layout: *layout,
            row_bytes,
            data,
        })
    }

    /// The layout the view was made with.
    #[must_use]
    pub const fn layout(&self) -> &PictureLayout {
        &self.layout
    }

    /// Width in pixels.
    #[must_use]
    pub const fn width(&self) -> u32 {
        self.layout.width
    }

    /// Height in pixels.
    #[must_use]
    pub const fn height(&self) -> u32 {
        self.layout.height
    }

    /// The samples of one row of a plane, without what lies between rows. `plane` and `row` must
    /// be the picture's: `new` has checked that those lie inside the data.
    pub(crate) fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        let place = self.layout.planes[plane];
        let start = place.offset as usize + place.stride as usize * row;
        &self.data[start..start + self.row_bytes[plane]]
    }
}
