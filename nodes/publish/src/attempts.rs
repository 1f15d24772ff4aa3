//! How often one row was not taken.

/// So often a row is tried before the fault may be its own.
const ATTEMPTS: u32 = 5;

/// Attempts with the row that is to be delivered next.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    number: u64,
    count: u32,
}

impl Attempts {
    /// Notes that the row with this number was not taken: whether that was often enough to look for the
    /// fault in it.
    pub fn fail(&mut self, number: u64) -> bool {
        if self.number != number {
            (self.number, self.count) = (number, 0);
        }
        self.count += 1;
        self.count >= ATTEMPTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_its_own() {
        let mut attempts = Attempts::default();
        for number in [0, 7] {
            let failed: Vec<bool> = (0..6).map(|_| attempts.fail(number)).collect();
            assert_eq!(failed, [false, false, false, false, true, true]);
        }
        assert!(!attempts.fail(0));
    }
}
