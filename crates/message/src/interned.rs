//! One allocation for a text that many rows share.

use std::sync::Arc;

/// Rows of a batch name the same model: one allocation serves them all.
#[derive(Default)]
pub(crate) struct Interned(Option<Arc<str>>);

impl Interned {
    pub fn get(&mut self, text: &str) -> Arc<str> {
        match &self.0 {
            Some(last) if **last == *text => Arc::clone(last),
            _ => Arc::clone(self.0.insert(Arc::from(text))),
        }
    }

    /// As [`Interned::get`]; `check` is asked about a text that is new.
    pub fn checked<E>(
        &mut self,
        text: &str,
        check: impl FnOnce(&str) -> Result<(), E>,
    ) -> Result<Arc<str>, E> {
        if self.0.as_deref() != Some(text) {
            check(text)?;
        }
        Ok(self.get(text))
    }
}
