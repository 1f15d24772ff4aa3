//! From spans to the begins and ends of one thread, in an order in which they nest.

use camweave_telemetry::span_file::TracedSpan;

/// One begin or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge<'a> {
    /// A span begins.
    Begin(&'a TracedSpan),
    /// The innermost span ends, in monotonic nanoseconds.
    End(i64),
}

/// The edges of one thread.
#[derive(Debug, PartialEq, Eq)]
pub struct Edges<'a> {
    /// In order.
    pub edges: Vec<Edge<'a>>,
    /// Spans that outlasted the span around them, and were cut to it: a bug of their stage.
    pub cut: usize,
}

/// Orders the spans of one thread.
#[must_use]
pub fn edges(mut spans: Vec<&TracedSpan>) -> Edges<'_> {
    // What begins at one moment: the longer one is outside.
    spans.sort_by_key(|span| (span.begin_nanos, std::cmp::Reverse(span.end_nanos)));
    let mut edges = Vec::with_capacity(2 * spans.len());
    let mut open: Vec<i64> = Vec::new();
    let mut cut = 0;
    for span in spans {
        while let Some(end) = open.pop_if(|end| *end <= span.begin_nanos) {
            edges.push(Edge::End(end));
        }
        let mut end = span.end_nanos.max(span.begin_nanos);
        if let Some(outer) = open.last().filter(|outer| **outer < end) {
            end = *outer;
            cut += 1;
        }
        edges.push(Edge::Begin(span));
        open.push(end);
    }
    edges.extend(open.into_iter().rev().map(Edge::End));
    Edges { edges, cut }
}

/// Spreads spans that may overlap over rows in which none does: each goes into the first row that
/// has room for it.
pub(crate) fn rows(mut spans: Vec<&TracedSpan>) -> Vec<Vec<&TracedSpan>> {
    spans.sort_by_key(|span| (span.begin_nanos, span.end_nanos));
    let mut rows: Vec<Vec<&TracedSpan>> = Vec::new();
    for span in spans {
        let free = rows.iter_mut().find(|row| {
            row.last()
                .is_none_or(|last| last.end_nanos <= span.begin_nanos)
        });
        match free {
            Some(row) => row.push(span),
            None => rows.push(vec![span]),
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn span(name: &str, begin_nanos: i64, end_nanos: i64) -> TracedSpan {
        TracedSpan {
            name: Arc::from(name),
            thread: 1,
            begin_nanos,
            end_nanos,
            cpu_nanos: None,
            count: 1,
            flow: true,
            frames: Vec::new(),
        }
    }

    fn text(spans: &[TracedSpan]) -> (String, usize) {
        let found = edges(spans.iter().collect());
        let words = found.edges.iter().map(|edge| match edge {
            Edge::Begin(span) => format!("{}{}", span.name, span.begin_nanos),
            Edge::End(end) => format!("/{end}"),
        });
        (words.collect::<Vec<_>>().join(" "), found.cut)
    }

    #[test]
    fn spans_nest_whatever_their_order() {
        // They are recorded when they end: the inner ones first.
        let spans = [
            span("b", 2, 3),
            span("c", 3, 5),
            span("a", 1, 9),
            span("d", 9, 9),
        ];
        assert_eq!(text(&spans), ("a1 b2 /3 c3 /5 /9 d9 /9".to_owned(), 0));
    }

    #[test]
    fn the_longer_of_two_that_begin_together_is_outside() {
        let spans = [span("in", 1, 2), span("out", 1, 3)];
        assert_eq!(text(&spans), ("out1 in1 /2 /3".to_owned(), 0));
    }

    #[test]
    fn what_does_not_nest_is_cut_and_counted() {
        let spans = [span("a", 1, 5), span("b", 3, 8)];
        assert_eq!(text(&spans), ("a1 b3 /5 /5".to_owned(), 1));
    }

    #[test]
    fn what_overlaps_goes_into_rows_of_its_own() {
        let spans = [
            span("d", 6, 8),
            span("a", 1, 5),
            span("b", 2, 9),
            span("c", 5, 6),
            span("e", 7, 10),
        ];
        let words = |row: Vec<&TracedSpan>| row.iter().map(|it| &*it.name).collect::<String>();
        let found: Vec<String> = rows(spans.iter().collect())
            .into_iter()
            .map(words)
            .collect();
        assert_eq!(found, ["acd", "b", "e"]);
        assert!(rows(Vec::new()).is_empty());
    }
}
