//! The numbers that heads are made of.

use half::f16;
use half::slice::HalfFloatSliceExt;

/// A number that heads are made of: `f32` or `f16`.
pub trait HeadValue: Copy + sealed::Sealed {
    /// The value as `f32`.
    fn value(self) -> f32;

    /// Values as `f32`, in place where they are already, else converted into `scratch`, which is
    /// at least as long.
    fn values<'a>(values: &'a [Self], scratch: &'a mut [f32]) -> &'a [f32];
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
}

impl HeadValue for f32 {
    #[inline]
    fn value(self) -> f32 {
        self
    }

    #[inline]
    fn values<'a>(values: &'a [Self], _scratch: &'a mut [f32]) -> &'a [f32] {
        values
    }
}

impl HeadValue for f16 {
    #[inline]
    fn value(self) -> f32 {
        self.to_f32()
    }

    #[inline]
    fn values<'a>(values: &'a [Self], scratch: &'a mut [f32]) -> &'a [f32] {
        let scratch = &mut scratch[..values.len()];
        values.convert_to_f32_slice(scratch);
        scratch
    }
}
