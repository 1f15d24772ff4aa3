//! The kernels against `camweave-vision`: on the CPU, compiled from the same sources, and on a
//! device where there is one.
#![expect(unsafe_code, reason = "calls into the compiled kernels")]

mod heads;
mod letterbox;
mod library;
mod luma;

use camweave_cuda::Context;

/// Where the kernels run.
enum Backend {
    /// The CPU, through `emulation.h`.
    Emulation,
    /// A device.
    Device(Context),
}

/// Makes two tests of each case.
macro_rules! on_both_backends {
    ($($case:ident)*) => {
        mod emulation {
            $(
                #[test]
                fn $case() {
                    super::$case(&crate::Backend::Emulation);
                }
            )*
        }
        mod device {
            $(
                #[test]
                fn $case() {
                    if let Some(context) = camweave_cuda::testing::device() {
                        super::$case(&crate::Backend::Device(context));
                    }
                }
            )*
        }
    };
}
use on_both_backends;
