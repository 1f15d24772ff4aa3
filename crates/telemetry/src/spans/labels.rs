//! A stage's table of cameras, reasons and names: events carry numbers.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Labels beyond so many are not told apart; ids come from a user's own files, not from cameras.
const MOST: usize = 65_536;

#[derive(Debug, Default)]
struct Table {
    numbers: HashMap<Arc<str>, u32>,
    texts: Vec<Arc<str>>,
}

/// Texts by number from 1 on; 0 is no text.
#[derive(Debug, Default)]
pub(super) struct Labels(RwLock<Table>);

impl Labels {
    /// The number of a text; it allocates when it first sees one.
    pub fn number(&self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = table.numbers.get(text) {
            return *number;
        }
        drop(table);
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = table.numbers.get(text) {
            return *number;
        }
        if table.texts.len() >= MOST {
            return 0;
        }
        let text: Arc<str> = Arc::from(text);
        table.texts.push(Arc::clone(&text));
        let number = table.texts.len() as u32;
        table.numbers.insert(text, number);
        number
    }

    /// The texts from number `first` on, in order.
    pub fn since(&self, first: u32) -> Vec<Arc<str>> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let skipped = (first as usize).saturating_sub(1);
        table.texts.iter().skip(skipped).map(Arc::clone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_number() {
        let labels = Labels::default();
        let numbers = ["cam1", "cam2", "cam1", ""].map(|text| labels.number(text));
        assert_eq!(numbers, [1, 2, 1, 0]);
        assert_eq!(labels.since(2), [Arc::from("cam2")]);
        assert_eq!(labels.since(1).len(), 2);
    }
}
