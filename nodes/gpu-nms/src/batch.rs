//! Which heads of a list go through the kernels together.

use std::ops::Range;

use camweave_cuda::heads::MAX_FRAMES;

/// Parts of a list whose neighbours are alike, each as long as the kernels take.
pub fn parts<T: PartialEq>(kinds: &[T]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for alike in kinds.chunk_by(|one, next| one == next) {
        for chunk in alike.chunks(MAX_FRAMES) {
            parts.push(start..start + chunk.len());
            start += chunk.len();
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_are_alike_go_together() {
        assert!(parts::<u8>(&[]).is_empty());
        assert_eq!(parts(&[1, 1, 2, 1]), [0..2, 2..3, 3..4]);
        assert_eq!(parts(&[7; 70]), [0..32, 32..64, 64..70]);
    }
}
