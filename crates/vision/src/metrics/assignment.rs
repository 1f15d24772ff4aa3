//! The best assignment of rows to columns.

use std::collections::BTreeSet;

use pathfinding::kuhn_munkres::kuhn_munkres;
use pathfinding::matrix::Matrix;

/// Groups with more rows and more columns than this are assigned greedily: the time of an exact
/// assignment grows with the cube.
const MOST_EXACT: usize = 64;

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

/// A row and a column that may be paired, and the weight of the pair, which is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// Index of the row.
    pub row: usize,
    /// Index of the column.
    pub column: usize,
    /// What the pair adds to the sum.
    pub weight: i64,
}

/// Pairs rows with columns, each at most once, so that the sum of weights is the greatest, where few
/// of the pairs are possible: those given. Of a row and a column only one pair may be given.
///
/// Rows and columns that share no pair with others are assigned by themselves, which makes this quick.
/// A group that is connected by more than 64 rows and 64 columns is assigned greedily. The result is
/// in the order of rows.
#[must_use]
pub fn assign_pairs(pairs: &[Pair]) -> Vec<(usize, usize)> {
    let rows = pairs.iter().map(|pair| pair.row + 1).max().unwrap_or(0);
    let columns = pairs.iter().map(|pair| pair.column + 1).max().unwrap_or(0);
    // The best pair of each row. If the columns of these all differ, no sum can be greater.
    let mut best: Vec<Option<&Pair>> = vec![None; rows];
    for pair in pairs {
        let of_row = &mut best[pair.row];
        if of_row.is_none_or(|other| pair.weight >= other.weight) {
            *of_row = Some(pair);
        }
    }
    let mut wanted = vec![false; columns];
    let mut contested = Vec::new();
    for pair in best.iter().flatten() {
        if std::mem::replace(&mut wanted[pair.column], true) {
            contested.push(pair.column);
        }
    }
    let of = |pair: &Pair| (pair.row, pair.column);
    if contested.is_empty() {
        return best.into_iter().flatten().map(of).collect();
    }
    // That holds for each group by itself; the others are few.
    let mut groups = Groups::new(rows + columns);
    for pair in pairs {
        groups.join(pair.row, rows + pair.column);
    }
    let mut is_contested = vec![false; rows + columns];
    for column in contested {
        is_contested[groups.root(rows + column)] = true;
    }
    let mut assigned = Vec::with_capacity(rows.min(columns));
    let free = best.into_iter().flatten();
    assigned.extend(free.filter(|it| !is_contested[groups.root(it.row)]).map(of));
    let mut members: Vec<(usize, &Pair)> = pairs
        .iter()
        .map(|pair| (groups.root(pair.row), pair))
        .filter(|(root, _)| is_contested[*root])
        .collect();
    members.sort_by_key(|&(root, pair)| (root, pair.row));
    for group in members.chunk_by(|a, b| a.0 == b.0) {
        assign_group(group, &mut assigned);
    }
    assigned.sort_unstable();
    assigned
}

fn assign_group(group: &[(usize, &Pair)], assigned: &mut Vec<(usize, usize)>) {
    let numbered = |of: fn(&Pair) -> usize| -> Vec<usize> {
        let mut all: Vec<usize> = group.iter().map(|(_, pair)| of(pair)).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (rows, columns) = (numbered(|pair| pair.row), numbered(|pair| pair.column));
    if rows.len().min(columns.len()) > MOST_EXACT {
        assign_greedily(group, assigned);
        return;
    }
    let mut weights = vec![0; rows.len() * columns.len()];
    for (_, pair) in group {
        let (Ok(i), Ok(j)) = (
            rows.binary_search(&pair.row),
            columns.binary_search(&pair.column),
        ) else {
            continue;
        };
        weights[i * columns.len() + j] = pair.weight;
    }
    let pairs = assign(rows.len(), columns.len(), |i, j| {
        weights[i * columns.len() + j]
    });
    assigned.extend(pairs.into_iter().map(|(i, j)| (rows[i], columns[j])));
}

fn assign_greedily(group: &[(usize, &Pair)], assigned: &mut Vec<(usize, usize)>) {
    let mut best_first: Vec<&Pair> = group.iter().map(|&(_, pair)| pair).collect();
    best_first.sort_by_key(|pair| (-pair.weight, pair.row, pair.column));
    let (mut rows, mut columns) = (BTreeSet::new(), BTreeSet::new());
    for pair in best_first {
        if !rows.contains(&pair.row) && !columns.contains(&pair.column) {
            rows.insert(pair.row);
            columns.insert(pair.column);
            assigned.push((pair.row, pair.column));
        }
    }
}

/// Disjoint sets (Galler and Fischer 1964).
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn root(&mut self, mut item: usize) -> usize {
        while self.0[item] != item {
            self.0[item] = self.0[self.0[item]];
            item = self.0[item];
        }
        item
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(pairs: &[Pair], assigned: &[(usize, usize)]) -> i64 {
        let weight = |&(row, column): &(usize, usize)| {
            let mut given = pairs
                .iter()
                .filter(|it| (it.row, it.column) == (row, column));
            given.next().expect("only given pairs are assigned").weight
        };
        assigned.iter().map(weight).sum()
    }

    #[test]
    fn sparse_pairs_are_assigned_as_a_whole_matrix_is() {
        let mut state = 1_u64;
        let mut below = |limit: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % limit
        };
        for _ in 0..500 {
            let (rows, columns) = (1 + below(6) as usize, 1 + below(6) as usize);
            let mut weights = vec![0; rows * columns];
            for weight in &mut weights {
                *weight = below(8).saturating_sub(4) as i64;
            }
            let mut pairs: Vec<Pair> = (0..rows * columns)
                .filter(|&at| weights[at] > 0)
                .map(|at| Pair {
                    row: at / columns,
                    column: at % columns,
                    weight: weights[at],
                })
                .collect();
            // Their order has no meaning.
            pairs.sort_by_key(|it| (it.column, it.weight));
            let found = assign_pairs(&pairs);
            let expected = assign(rows, columns, |row, column| weights[row * columns + column]);
            assert_eq!(sum(&pairs, &found), sum(&pairs, &expected), "{pairs:?}");
            for (index, a) in found.iter().enumerate() {
                assert!(found[..index].iter().all(|b| a.0 != b.0 && a.1 != b.1));
            }
        }
    }
}
