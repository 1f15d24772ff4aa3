//! Which bytes of a file a request asks for (RFC 9110, 14).

use std::ops::Range;

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The whole file: there is no range, or none that is served here.
    All,
    /// These bytes, which are there.
    Part(Range<u64>),
    /// The file has no such bytes.
    Unsatisfiable,
}

/// By the text of a `Range` header. Several ranges at once, other units and what is no range may be
/// ignored, and are.
pub(crate) fn wanted(header: Option<&str>, length: u64) -> Wanted {
    let Some((first, last)) = header.and_then(single) else {
        return Wanted::All;
    };
    let end = |last: Option<u64>| last.map_or(length, |last| last.saturating_add(1).min(length));
    let range = match (first, last) {
        (Some(first), Some(last)) if last < first => return Wanted::All,
        (Some(first), last) => first..end(last),
        // The last so many.
        (None, Some(count)) => length.saturating_sub(count)..length,
        (None, None) => return Wanted::All,
    };
    match range.is_empty() {
        true => Wanted::Unsatisfiable,
        false => Wanted::Part(range),
    }
}

/// First and last byte, as they are written.
fn single(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (unit, ranges) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    Some((number(first)?, number(last)?))
}

/// `Some(None)`: there is none.
fn number(text: &str) -> Option<Option<u64>> {
    match text {
        "" => Some(None),
        _ if text.bytes().all(|it| it.is_ascii_digit()) => {
            // More than any file has.
            Some(Some(text.parse().unwrap_or(u64::MAX)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_served_as_far_as_it_goes() {
        for (header, expected) in [
            ("bytes=0-", 0..100),
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=10-1000", 10..100),
            ("bytes=99-", 99..100),
            ("bytes=-1", 99..100),
            ("bytes=-1000", 0..100),
            ("Bytes= 5-9 ", 5..10),
            ("bytes=7-99999999999999999999999", 7..100),
        ] {
            let found = wanted(Some(header), 100);
            assert_eq!(found, Wanted::Part(expected), "{header}");
        }
    }

    #[test]
    fn what_is_not_there_is_said_and_what_is_no_range_is_ignored() {
        for header in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999-",
        ] {
            assert_eq!(wanted(Some(header), 100), Wanted::Unsatisfiable, "{header}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-4",
            "bytes=0-1,5-9",
            "lines=0-1",
            "bytes=+1-2",
            "bytes=1 - 2",
            "bytes=--1",
        ] {
            assert_eq!(wanted(Some(header), 100), Wanted::All, "{header}");
        }
        assert_eq!(wanted(None, 100), Wanted::All);
    }
}
