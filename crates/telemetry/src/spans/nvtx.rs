//! Ranges for NVIDIA's profilers (NVTX 3): the domain `camweave`, a category per kind of stage.
//!
//! Nothing is formatted: names are registered once, and the frame's number in its session, or the
//! number of frames in a batch, is the range's payload.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::{OnceLock, PoisonError, RwLock};

use nvtx::Domain;
use nvtx::domain::{Category, LocalRange, RegisteredString};

use super::name::SpanName;

/// The variable by which a profiler names the library that takes the ranges.
pub(super) const INJECTION_VARIABLE: &str = "NVTX_INJECTION64_PATH";

/// NVTX knows domains by process; so there is one, however many stages share the process.
fn domain() -> &'static Domain {
    static DOMAIN: OnceLock<Domain> = OnceLock::new();
    DOMAIN.get_or_init(|| Domain::new(c"camweave"))
}

/// In bytes, not in wide characters: all tools show and filter those.
fn text(text: &str) -> nvtx::Str {
    nvtx::Str::Ascii(CString::new(text).unwrap_or_default())
}

/// One stage's ranges.
#[derive(Debug)]
pub(super) struct Ranges {
    category: Category<'static>,
    names: RwLock<HashMap<&'static str, RegisteredString<'static>>>,
}

impl Ranges {
    /// Ranges of the category `kind`.
    pub fn new(kind: &str) -> Self {
        Self {
            category: domain().register_category(text(kind)),
            names: RwLock::default(),
        }
    }

    /// A range on this thread, which ends when it is dropped.
    pub fn begin(&self, name: &'static SpanName, payload: u64) -> LocalRange<'static> {
        let attributes = domain()
            .event_attributes_builder()
            .category(self.category)
            .message(self.registered(name))
            .payload(payload)
            .build();
        domain().local_range(attributes)
    }

    fn registered(&self, name: &'static SpanName) -> RegisteredString<'static> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(registered) = names.get(name.name) {
            return *registered;
        }
        drop(names);
        let registered = domain().register_string(text(name.name));
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        *names.entry(name.name).or_insert(registered)
    }
}
