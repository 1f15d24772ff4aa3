//! The edits, as changes of the text.

use std::ops::Range;

use super::layout::{Field, Layout};
use super::quote::scalar;
use super::value::Value;

/// A value as it is written into the text.
pub(super) fn written(field: &str, value: &Value, in_flow: bool) -> String {
    match value {
        Value::Text(text) => scalar(field, text.expose(), in_flow),
        Value::List(list) => list.clone(),
        Value::Map(map) => map.expose().to_owned(),
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

/// Without one of the entries between braces or brackets. `before`: where the one before it ends.
/// Its own comment goes with it, those of others stay; `None`: they cannot.
fn without(
    text: &str,
    layout: &Layout,
    entry: &Range<usize>,
    before: Option<usize>,
    next: Option<usize>,
) -> Option<String> {
    let (start, end) = (line_start(text, entry.start), line_end(text, entry.end));
    let (has_comma, has_comment) = after(&text[entry.end..end]);
    let (gap, cut) = match (before, next) {
        (_, Some(next)) => (entry.end..next, entry.start..next),
        (Some(before), None) => (before..entry.start, before..entry.end),
        (None, None) => return None,
    };
    if !has_comment && !layout.has_comment(&gap) {
        return Some(replaced(text, cut, ""));
    }
    let is_alone = text[start..entry.start].trim().is_empty()
        && (has_comment || text[entry.end..end].trim() == if has_comma { "," } else { "" });
    (is_alone && (has_comma || next.is_none())).then(|| replaced(text, start..end, ""))
}

/// Whether a comma and a comment follow in the rest of an entry's line.
fn after(rest: &str) -> (bool, bool) {
    let rest = rest.trim_start();
    let behind = rest.strip_prefix(',');
    let has_comment = behind.unwrap_or(rest).trim_start().starts_with('#');
    (behind.is_some(), has_comment)
}

/// With an entry more after the last one between braces or brackets.
fn with_entry(text: &str, last: &Range<usize>, on_its_line: bool, entry: &str) -> String {
    let line_break = line_break(text);
    let indent = indent(text, last.start);
    let (has_comma, has_comment) = after(&text[last.end..line_end(text, last.end)]);
    if has_comment {
        // It stays beside the last one.
        let (comma, text) = if has_comma {
            (",", text.to_owned())
        } else {
            ("", replaced(text, last.end..last.end, ","))
        };
        return with_lines(
            &text,
            last.end,
            &format!("{indent}{entry}{comma}{line_break}"),
        );
    }
    let between = if on_its_line {
        ", ".to_owned()
    } else {
        format!(",{line_break}{indent}")
    };
    replaced(text, last.end..last.end, &format!("{between}{entry}"))
}

/// With a value in the place of a field's, or of none. Comments between its name and its value stay.
fn with_value(text: &str, layout: &Layout, known: &Field, value: &str) -> Option<String> {
    let key = known.key.end;
    let colon = key + text[key..].find(|it: char| it != ' ')?;
    let start = colon + 1;
    if !text[colon..].starts_with(':') || layout.has_comment(&known.value) {
        return None;
    }
    if known.value.is_empty() {
        return Some(replaced(text, start..start, &format!(" {value}")));
    }
    let between = text.get(start..known.value.start)?;
    let is_beside = !between.is_empty() && between.bytes().all(|byte| byte == b' ');
    if is_beside || layout.has_comment(&(start..known.value.start)) {
        return Some(replaced(text, known.value.clone(), value));
    }
    let range = key..known.value.end;
    Some(replaced(text, range, &format!(": {value}")))
}

/// With a field's value replaced, or a field more.
pub(super) fn set(
    text: &str,
    layout: &Layout,
    index: usize,
    field: &str,
    value: &Value,
) -> Option<String> {
    let item = &layout.items[index];
    let value = written(field, value, item.in_flow);
    if let Some(known) = item.field(field) {
        return with_value(text, layout, known, &value);
    }
    let last = item.fields.last()?;
    if item.in_flow {
        let last = last.key.start..last.value.end.max(last.key.end);
        return Some(with_entry(text, &last, true, &format!("{field}: {value}")));
    }
    let indent = indent(text, item.fields.first()?.key.start);
    let line = format!("{indent}{field}: {value}{}", line_break(text));
    Some(with_lines(text, last.value.end.max(last.key.end), &line))
}

/// Without a field. Its own line's comment, and those in it, go with it.
pub(super) fn unset(text: &str, layout: &Layout, index: usize, field: &str) -> Option<String> {
    let item = &layout.items[index];
    let index = item.fields.iter().position(|it| it.name == field)?;
    let known = &item.fields[index];
    let end = known.value.end.max(known.key.end + 1);
    let next = item.fields.get(index + 1);
    if item.in_flow {
        let before = index.checked_sub(1).map(|it| &item.fields[it]);
        let before = before.map(|it| it.value.end.max(it.key.end));
        let next = next.map(|it| it.key.start);
        return without(text, layout, &(known.key.start..end), before, next);
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
        let before = index.checked_sub(1).map(|it| layout.items[it].range.end);
        let next = layout.items.get(index + 1).map(|it| it.range.start);
        return without(text, layout, &item.range, before, next);
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
        let camera = format!("{{{}}}", written(true, ", "));
        return Some(with_entry(text, &last, !is_alone, &camera));
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
