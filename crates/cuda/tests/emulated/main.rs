//! The kernels' arithmetic, without a GPU: the same sources, compiled for the CPU, against
//! `camweave-vision`. What only a GPU can show (that they are launched right, and fast) is in
//! `tests/gpu`.
#![expect(unsafe_code, reason = "calls into the compiled kernels")]

mod heads;
mod letterbox;
mod library;
