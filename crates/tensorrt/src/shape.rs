//! Tensors of an engine.

use std::fmt;

use crate::sys;

/// The type of a tensor's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    Float32,
    /// 16-bit float.
    Float16,
    /// An integer of 0 to 255.
    Uint8,
    /// Another, by `nvinfer1::DataType`'s number.
    Other(i32),
}

impl ElementType {
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            0 => Self::Float32,
            1 => Self::Float16,
            5 => Self::Uint8,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Float16 => f.write_str("float16"),
            Self::Uint8 => f.write_str("uint8"),
            Self::Other(number) => write!(f, "of TensorRT's type {number}"),
        }
    }
}

/// The shape of a tensor of at most 8 dimensions; -1 is dynamic.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    dims: [i64; sys::MAX_DIMS],
    rank: usize,
}

impl Shape {
    /// A shape; `None` if it has more than 8 dimensions.
    #[must_use]
    pub fn new(sizes: &[i64]) -> Option<Self> {
        let mut dims = [0; sys::MAX_DIMS];
        dims.get_mut(..sizes.len())?.copy_from_slice(sizes);
        Some(Self {
            dims,
            rank: sizes.len(),
        })
    }

    /// The dimensions, outermost first.
    #[must_use]
    pub fn sizes(&self) -> &[i64] {
        &self.dims[..self.rank]
    }

    pub(crate) fn from_sys(shape: &sys::Shape) -> Self {
        let rank = usize::try_from(shape.rank).unwrap_or(0);
        Self {
            dims: shape.dims,
            rank: rank.min(sys::MAX_DIMS),
        }
    }

    pub(crate) fn to_sys(self) -> sys::Shape {
        sys::Shape {
            // At most 8.
            rank: self.rank as i32,
            dims: self.dims,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<_> = self.sizes().iter().map(i64::to_string).collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An input or output of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Whether it is an input.
    pub is_input: bool,
    /// The type of its values.
    pub element_type: ElementType,
    /// Its shape, -1 where dynamic.
    pub shape: Shape,
}
