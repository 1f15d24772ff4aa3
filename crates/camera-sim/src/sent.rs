//! Which frames have been sent, each counted once however many clients got it.

/// A set of frame numbers, one bit each.
#[derive(Debug, Default)]
pub struct SentLog {
    words: Vec<u64>,
    len: u64,
    first: Option<u64>,
    last: Option<u64>,
}

impl SentLog {
    /// Adds a frame.
    pub fn insert(&mut self, frame: u64) {
        let word = (frame / 64) as usize;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (frame % 64);
        if self.words[word] & bit == 0 {
            self.words[word] |= bit;
            self.len += 1;
            self.first = Some(self.first.map_or(frame, |first| first.min(frame)));
            self.last = Some(self.last.map_or(frame, |last| last.max(frame)));
        }
    }

    /// Frames in the set.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Lowest frame.
    pub fn first(&self) -> Option<u64> {
        self.first
    }

    /// Highest frame.
    pub fn last(&self) -> Option<u64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_as_a_set_does(frames in prop::collection::vec(0u64..300, 0..200)) {
            let mut log = SentLog::default();
            frames.iter().for_each(|&frame| log.insert(frame));
            let set: std::collections::BTreeSet<_> = frames.into_iter().collect();
            prop_assert_eq!(log.len(), set.len() as u64);
            prop_assert_eq!(log.first(), set.first().copied());
            prop_assert_eq!(log.last(), set.last().copied());
        }
    }
}
