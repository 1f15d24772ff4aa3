//! The best assignment of rows to columns.

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// Pairs rows with columns, each at most once, so that the sum of weights is the greatest.
///
/// Weights are integers of at least zero, so that the result is exact and the same on every
/// machine; a pair of weight zero is no pair. Pairs come in the order of rows.
pub(super) fn assign(
    rows: usize,
    columns: usize,
    weight: impl Fn(usize, usize) -> i64,
) -> Vec<(usize, usize)> {
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    // The algorithm wants no more rows than columns.
    let transposed = rows > columns;
    let (short, long) = if transposed {
        (columns, rows)
    } else {
        (rows, columns)
    };
    let weights = Matrix::from_fn(short, long, |(i, j)| {
        if transposed {
            weight(j, i)
        } else {
            weight(i, j)
        }
    });
    let (_, assigned) = kuhn_munkres(&weights);
    let mut pairs: Vec<_> = assigned
        .into_iter()
        .enumerate()
        .filter(|&(i, j)| weights[(i, j)] > 0)
        .map(|(i, j)| if transposed { (j, i) } else { (i, j) })
        .collect();
    pairs.sort_unstable();
    pairs
}
