//! TensorRT's log lines: into ours, and the last errors into our errors.
#![expect(unsafe_code, reason = "a callback from C++")]

use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use tracing::{debug, error, info, trace, warn};

/// So many lines explain a failure.
const KEPT: usize = 16;

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// What TensorRT calls what it does; only versions from 10 on tell.
    pub phase: &'a str,
    /// The phase that this one is part of; empty for the outermost.
    pub parent: &'a str,
    /// Steps done; `None` when the phase begins.
    pub step: Option<u32>,
    /// Steps of the phase, known when it begins; else 0.
    pub steps: u32,
}

type OnProgress<'a> = dyn Fn(Progress<'_>) -> bool + Sync + 'a;

/// Where TensorRT's lines go. Lives as long as whoever has its address.
#[derive(Default)]
pub struct LogSink<'a> {
    errors: Mutex<VecDeque<String>>,
    progress: Option<&'a OnProgress<'a>>,
}

impl<'a> LogSink<'a> {
    /// A sink that passes on how far a build is; `false` cancels it.
    pub fn with_progress(progress: &'a OnProgress<'a>) -> Self {
        Self {
            errors: Mutex::default(),
            progress: Some(progress),
        }
    }

    /// What the shim passes to [`receive`]. Valid while `self` stays where it is.
    pub fn user(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// The error lines since the last call, oldest first.
    pub fn take_errors(&self) -> Vec<String> {
        self.errors().drain(..).collect()
    }

    fn errors(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, severity: i32, text: &str) {
        let text = text.trim();
        match severity {
            0 | 1 => {
                let mut errors = self.errors();
                if errors.len() == KEPT {
                    errors.pop_front();
                }
                errors.push_back(text.to_owned());
                drop(errors);
                // The reason is part of the error that the caller gets; here for the context.
                debug!(target: "tensorrt", "{text}");
                if severity == 0 {
                    error!(target: "tensorrt", "internal error: {text}");
                }
            }
            2 => warn!(target: "tensorrt", "{text}"),
            3 => info!(target: "tensorrt", "{text}"),
            _ => trace!(target: "tensorrt", "{text}"),
        }
    }
}

/// The shim's log callback; `user` is [`LogSink::user`].
pub unsafe extern "C" fn receive(user: *mut c_void, severity: i32, text: *const c_char) {
    // SAFETY: `user` came from a sink that its owner keeps until the shim's object is gone.
    let sink = unsafe { user.cast::<LogSink<'_>>().as_ref() };
    if let Some(sink) = sink {
        // SAFETY: the shim passes TensorRT's text, which ends with a zero byte.
        let text = unsafe { self::text(text) };
        sink.line(severity, &text);
    }
}

/// The shim's progress callback; `user` is [`LogSink::user`].
pub unsafe extern "C" fn progressed(
    user: *mut c_void,
    phase: *const c_char,
    parent: *const c_char,
    step: i32,
    steps: i32,
) -> i32 {
    // SAFETY: as for `receive`.
    let sink = unsafe { user.cast::<LogSink<'_>>().as_ref() };
    let Some(progress) = sink.and_then(|sink| sink.progress) else {
        return 1;
    };
    // SAFETY: the shim passes text that ends with a zero byte and outlives the call.
    let phase = unsafe { text(phase) };
    // SAFETY: as above.
    let parent = unsafe { text(parent) };
    i32::from(progress(Progress {
        phase: &phase,
        parent: &parent,
        step: u32::try_from(step).ok(),
        steps: u32::try_from(steps).unwrap_or(0),
    }))
}

/// # Safety
/// Null, or text that ends with a zero byte and outlives the result.
unsafe fn text<'a>(text: *const c_char) -> std::borrow::Cow<'a, str> {
    if text.is_null() {
        return "".into();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}

/// Whether a line says that device memory is short.
pub fn is_out_of_memory(lines: &[String]) -> bool {
    lines.iter().any(|line| {
        let low = line.to_lowercase();
        low.contains("out of memory") || low.contains("outofmemory")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_kept_in_order_and_within_bounds() {
        let sink = LogSink::default();
        for number in 0..KEPT + 3 {
            let text = std::ffi::CString::new(format!(" line {number}\n")).expect("no zero byte");
            // SAFETY: the sink and the text outlive the call.
            unsafe { receive(sink.user(), 1, text.as_ptr()) };
            // SAFETY: as above.
            unsafe { receive(sink.user(), 2, c"a warning".as_ptr()) };
        }
        let errors = sink.take_errors();
        assert_eq!(errors.len(), KEPT);
        assert_eq!(errors.first().map(String::as_str), Some("line 3"));
        assert!(sink.take_errors().is_empty());
        assert!(is_out_of_memory(&[
            "Cuda Runtime (out of memory)".to_owned()
        ]));
        assert!(!is_out_of_memory(&errors));
    }
}
