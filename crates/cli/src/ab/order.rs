//! The order of runs.

/// `A B B A A B ...`, with more graphs `A B C C B A A B C ...`: a machine that gets slower or
/// faster over time favours none. Graphs are counted from 0.
pub fn interleaved(graphs: usize, repeat: usize) -> Vec<usize> {
    (0..repeat)
        .flat_map(|round| {
            let forth: Vec<usize> = if round % 2 == 0 {
                (0..graphs).collect()
            } else {
                (0..graphs).rev().collect()
            };
            forth
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_turn() {
        assert_eq!(interleaved(2, 3), [0, 1, 1, 0, 0, 1]);
        assert_eq!(interleaved(3, 2), [0, 1, 2, 2, 1, 0]);
    }
}
