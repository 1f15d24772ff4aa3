//! The edits, as changes of the text.

use std::ops::Range;

use super::layout::{Item, Layout};
use super::quote::scalar;
use super::value::Value;

/// A value as it is written into the text.
pub(super) fn written(field: &str, value: &Value, in_flow: bool) -> String {
    match value {
        Value::Text(text) => scalar(field, text.expose(), in_flow),
        Value::List(list) => list.clone(),
    }
}

/// The text with a part replaced.
fn replaced(text: &str, range: Range<usize>, by: &str) -> String {
    let mut result = String::with_capacity(text.len() + by.len());
    result.push_str(&text[..range.start]);
    result.push_str(by);
    result.push_str(&text[range.end..]);
    result
}

/// How the file ends its lines.
fn line_break(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |before| before + 1)
}

/// Where the next line begins, or the text ends.
fn line_end(text: &str, at: usize) -> usize {
    text[at..]
        .find('\n')
        .map_or(text.len(), |after| at + after + 1)
}

/// The column of a place, in spaces.
fn indent(text: &str, at: usize) -> String {
    " ".repeat(text[line_start(text, at)..at].chars().count())
}

/// Whole lines after the line of `at`, comments at its end included.
fn with_lines(text: &str, at: usize, lines: &str) -> String {
    let end = line_end(text, at);
    let has_break = text[..end].ends_with('\n');
    let first = if has_break { "" } else { line_break(text) };
    replaced(text, end..end, &format!("{first}{lines}"))
}

/// Where the dash of a camera in a block list is.
fn dash(text: &str, layout: &Layout, index: usize) -> Option<usize> {
    let before = match index.checked_sub(1) {
        Some(before) => layout.items[before].range.end,
        None => layout.key_end,
    };
    let mut at = line_end(text, before);
    while at < layout.items[index].range.start {
        let line = &text[at..line_end(text, at)];
        let content = line.trim_start_matches(' ');
        if content.starts_with('-') {
            return Some(at + line.len() - content.len());
        }
        at += line.len();
    }
    None
}

/// With a field's value replaced, or a field more.
pub(super) fn set(text: &str, item: &Item, field: &str, value: &Value) -> Option<String> {
    let value = written(field, value, item.in_flow);
    if let Some(known) = item.field(field) {
        let between = text.get(known.key.end..known.value.start)?;
        let is_beside = between.len() > 1
            && between.starts_with(':')
            && between[1..].bytes().all(|byte| byte == b' ');
        return Some(if is_beside {
            replaced(text, known.value.clone(), &value)
        } else {
            let end = known.value.end.max(known.key.end + 1);
            replaced(text, known.key.end..end, &format!(": {value}"))
        });
    }
    let last = item.fields.last()?;
    if item.in_flow {
        let end = last.value.end;
        return Some(replaced(text, end..end, &format!(", {field}: {value}")));
    }
    let indent = indent(text, item.fields.first()?.key.start);
    let line = format!("{indent}{field}: {value}{}", line_break(text));
    Some(with_lines(text, last.value.end.max(last.key.end), &line))
}

/// Without a field. Its own line's comment goes with it.
pub(super) fn unset(text: &str, item: &Item, field: &str) -> Option<String> {
    let index = item.fields.iter().position(|it| it.name == field)?;
    let known = &item.fields[index];
    let end = known.value.end.max(known.key.end + 1);
    let next = item.fields.get(index + 1);
    if item.in_flow {
        let range = match (next, index.checked_sub(1)) {
            (Some(next), _) => known.key.start..next.key.start,
            (None, Some(before)) => item.fields[before].value.end..end,
            (None, None) => return None,
        };
        return Some(replaced(text, range, ""));
    }
    let start = line_start(text, known.key.start);
    if text[start..known.key.start].trim().is_empty() {
        return Some(replaced(text, start..line_end(text, end), ""));
    }
    // It stands behind the camera's dash: the next field takes its place, or comments stay between.
    let next = next?.key.start;
    let range = if text[end..next].trim().is_empty() {
        known.key.start..next
    } else {
        known.key.start..end
    };
    Some(replaced(text, range, ""))
}

/// Without a camera: from its dash to the end of its last line. Comments above it stay.
pub(super) fn remove(text: &str, layout: &Layout, index: usize) -> Option<String> {
    let item = &layout.items[index];
    if layout.in_flow {
        let range = match (layout.items.get(index + 1), index.checked_sub(1)) {
            (Some(next), _) => item.range.start..next.range.start,
            (None, Some(before)) => layout.items[before].range.end..item.range.end,
            (None, None) => return None,
        };
        return Some(replaced(text, range, ""));
    }
    let start = line_start(text, dash(text, layout, index)?);
    let end = line_end(text, item.range.end);
    Some(replaced(text, start..end, ""))
}

/// With a camera more, after the others.
pub(super) fn add(text: &str, layout: &Layout, fields: &[(&str, Value)]) -> Option<String> {
    let written = |in_flow: bool, between: &str| {
        let fields = fields
            .iter()
            .map(|(field, value)| format!("{field}: {}", written(field, value, in_flow)));
        fields.collect::<Vec<_>>().join(between)
    };
    let line_break = line_break(text);
    let last = layout.items.last();
    if layout.in_flow {
        let last = last?.range.clone();
        let start = line_start(text, last.start);
        let is_alone = text[start..last.start].trim().is_empty();
        let between = if is_alone {
            format!(",{line_break}{}", indent(text, last.start))
        } else {
            ", ".to_owned()
        };
        let camera = format!("{between}{{{}}}", written(true, ", "));
        return Some(replaced(text, last.end..last.end, &camera));
    }
    let (indent, at) = match last {
        Some(item) => {
            let dash = dash(text, layout, layout.items.len() - 1)?;
            (indent(text, dash), item.range.end)
        }
        None => ("  ".to_owned(), layout.key_end),
    };
    let between = format!("{line_break}{indent}  ");
    let lines = format!("{indent}- {}{line_break}", written(false, &between));
    Some(with_lines(text, at, &lines))
}
