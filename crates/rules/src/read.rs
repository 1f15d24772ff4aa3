use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::ops::RangeInclusive;
use std::path::Path;

use camweave_message::camera_id;
use camweave_message::limits::{MAX_CAMERAS, MAX_LABEL_BYTES};
use camweave_redact::printable;
use serde_saphyr::{Location, Spanned};

use crate::geometry::{Point, area, crosses_itself, distance};
use crate::homography::Ground;
use crate::raw::{KINDS, List, RawFile, RawPoints, RawRule, Text};
use crate::rule::{Anchor, Directions, Hold, Kind, Rule, Rules};
use crate::syntax::{nearest, syntax};
use crate::{FILE_BYTES, MAX_POINTS, MAX_RULES, RulesError};

/// What `enter` and `leave` may be, seconds.
const HOLD: RangeInclusive<f64> = 0.0..=3600.0;
/// What `after` may be, seconds.
const AFTER: RangeInclusive<f64> = 0.0..=604_800.0;
/// What `band` may be, in heights of the frame.
const BAND: RangeInclusive<f64> = 0.0..=0.5;
/// What `edges` and `diagonal` may be, metres.
const METRES: RangeInclusive<f64> = 0.01..=10_000.0;
/// What `over` may be, km/h.
const SPEED: RangeInclusive<f64> = 0.0..=1000.0;
/// What `at_least` may be.
const OBJECTS: RangeInclusive<usize> = 1..=1000;

/// What the sides of `grid` may be.
const GRID: RangeInclusive<usize> = 1..=256;

/// What the fields are where they are left out; times in seconds.
const ENTER: f64 = 0.3;
const LEAVE: f64 = 1.0;
const DEFAULT_BAND: f64 = 0.01;
const DEFAULT_GRID: [usize; 2] = [64, 36];

/// A zone of less than this part of the frame is a mistake.
const LEAST_AREA: f64 = 1e-6;

/// Reads and checks `rules.yml`.
///
/// # Errors
/// Names the file, line and column, the value and what was expected.
pub fn load(path: &Path) -> Result<Rules, RulesError> {
    let failed = |source| RulesError::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(RulesError::TooLong {
            path: path.to_owned(),
        });
    }
    parse(path, &text)
}

/// As [`load`], for text that is in `path`.
///
/// # Errors
/// As [`load`].
pub fn parse(path: &Path, text: &str) -> Result<Rules, RulesError> {
    let wrong = |(at, message): Wrong| RulesError::Invalid {
        path: path.to_owned(),
        line: at.line(),
        column: at.column(),
        message,
    };
    let file: RawFile = serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location().unwrap_or(Location::UNKNOWN);
        wrong((at, syntax(&error, at)))
    })?;
    read_rules(&file.rules).map_err(wrong)
}

/// What is wrong, and where.
type Wrong = (Location, String);

fn read_rules(raw: &List<RawRule>) -> Result<Rules, Wrong> {
    let found = raw.value.len();
    if found > MAX_RULES {
        let message = format!("{found} rules, expected at most {MAX_RULES}");
        return Err((raw.referenced, message));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(found);
    let mut named: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, raw_rule) in raw.value.iter().enumerate() {
        let rule = read_rule(raw_rule)?;
        let same = named.entry(&raw_rule.name.value).or_default();
        if let Some(other) = same.iter().find(|it| share_a_camera(&rules[**it], &rule)) {
            let line = raw.value[*other].name.referenced.line();
            let message = format!(
                "two rules of a camera have the name '{}' (the other in line {line})",
                rule.name
            );
            return Err((raw_rule.name.referenced, message));
        }
        same.push(index);
        rules.push(rule);
    }
    Ok(Rules(rules))
}

fn share_a_camera(a: &Rule, b: &Rule) -> bool {
    a.cameras.is_empty() || b.cameras.is_empty() || a.cameras.iter().any(|it| b.holds_for(it))
}

fn read_rule(raw: &RawRule) -> Result<Rule, Wrong> {
    let name = &raw.name.value;
    if !camera_id::is_valid(name) {
        let expected = camera_id::RULE;
        return Err(refused(&raw.name, "name", expected));
    }
    Ok(Rule {
        name: name.clone(),
        cameras: names(raw.cameras.as_ref(), "cameras", MAX_CAMERAS, |name| {
            camera_id::is_valid(name)
        })?,
        objects: names(raw.objects.as_ref(), "objects", 1024, |name| {
            (1..=MAX_LABEL_BYTES).contains(&name.len())
        })?,
        min_score: number_or(raw.min_score.as_ref(), "min_score", 0.0..=1.0, 0.0)? as f32,
        anchor: word_or_default(raw.anchor.as_ref(), "anchor", &Anchor::ALL)?,
        kind: read_kind(raw)?,
    })
}

fn read_kind(raw: &RawRule) -> Result<Kind, Wrong> {
    let kind = &*raw.kind.value;
    let Some((_, fields)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        let names = KINDS.map(|(name, _)| name);
        let expected = match nearest(kind, &names) {
            Some(near) => format!("'{near}' perhaps; the kinds are {}", names.join(", ")),
            None => format!("one of {}", names.join(", ")),
        };
        return Err(refused(&raw.kind, "kind", &expected));
    };
    if let Some((field, at)) = raw.of_kinds().find(|(name, _)| !fields.contains(name)) {
        let with = KINDS.iter().filter(|(_, fields)| fields.contains(&field));
        let with: Vec<_> = with.map(|(name, _)| *name).collect();
        let message = format!(
            "'{field}' in a rule of kind '{kind}', expected it with {} only",
            with.join(", ")
        );
        return Err((at, message));
    }
    let lacks = |field: &str, what: &str| {
        let message = format!("a rule of kind '{kind}' without '{field}', expected {what}");
        (raw.kind.referenced, message)
    };
    let zone = || match &raw.zone {
        Some(zone) => read_zone(zone),
        None => Err(lacks("zone", "three points or more, [[x, y], …]")),
    };
    let hold = Hold {
        enter: nanos(number_or(raw.enter.as_ref(), "enter", HOLD, ENTER)?),
        leave: nanos(number_or(raw.leave.as_ref(), "leave", HOLD, LEAVE)?),
    };
    Ok(match kind {
        "presence" => Kind::Presence {
            zone: zone()?,
            hold,
        },
        "occupancy" => Kind::Occupancy {
            zone: zone()?,
            hold,
        },
        "dwell" => {
            let after = raw.after.as_ref().map(|it| number(it, "after", AFTER));
            let after_of = match &raw.after_of {
                None => BTreeMap::new(),
                Some(classes) => (classes.value.iter())
                    .map(|(class, it)| Ok((class.clone(), nanos(number(it, "after_of", AFTER)?))))
                    .collect::<Result<_, Wrong>>()?,
            };
            if after.is_none() && after_of.is_empty() {
                return Err(lacks(
                    "after",
                    "seconds, for all classes or each in 'after_of'",
                ));
            }
            Kind::Dwell {
                zone: zone()?,
                hold,
                after: after.transpose()?.map(nanos),
                after_of,
            }
        }
        "crowding" => {
            let Some(text) = &raw.at_least else {
                return Err(lacks("at_least", "how many objects"));
            };
            let count = text.value.trim().parse().unwrap_or(0);
            if !OBJECTS.contains(&count) {
                return Err(refused(text, "at_least", "1 to 1000 objects"));
            }
            Kind::Crowding {
                zone: zone()?,
                hold,
                at_least: count,
            }
        }
        "crossing" => {
            let Some(line) = &raw.line else {
                return Err(lacks("line", "two points or more, [[x, y], …]"));
            };
            Kind::Crossing {
                line: read_line(line)?,
                band: number_or(raw.band.as_ref(), "band", BAND, DEFAULT_BAND)?,
                direction: word_or_default(raw.direction.as_ref(), "direction", &Directions::ALL)?,
            }
        }
        "heatmap" => {
            let [columns, rows] = raw.grid.as_ref().map_or(Ok(DEFAULT_GRID), read_grid)?;
            Kind::Heatmap { columns, rows }
        }
        _ => {
            let Some(edges) = &raw.edges else {
                return Err(lacks(
                    "edges",
                    "the lengths of the zone's four edges, metres",
                ));
            };
            let over = raw.over.as_ref().map(|it| number(it, "over", SPEED));
            Kind::Speed {
                ground: read_ground(raw, edges, zone()?)?,
                hold,
                over: over.transpose()?,
            }
        }
    })
}

fn read_zone(points: &RawPoints) -> Result<Vec<Point>, Wrong> {
    let zone = read_points("zone", points, 3)?;
    if area(&zone) < LEAST_AREA {
        let message = "a zone without an area, expected points around one".to_owned();
        return Err((points.referenced, message));
    }
    if crosses_itself(&zone) {
        let message = "a zone whose edges cross, expected its points one after the other around it";
        return Err((points.referenced, message.to_owned()));
    }
    Ok(zone)
}

fn read_line(points: &RawPoints) -> Result<Vec<Point>, Wrong> {
    let line = read_points("line", points, 2)?;
    match line.windows(2).position(|it| distance(it[0], it[1]) == 0.0) {
        Some(index) => {
            let message = "a line with the same point twice in a row, expected another one";
            Err((points.value[index + 1].referenced, message.to_owned()))
        }
        None => Ok(line),
    }
}

fn read_points(field: &str, points: &RawPoints, least: usize) -> Result<Vec<Point>, Wrong> {
    let found = points.value.len();
    if !(least..=MAX_POINTS).contains(&found) {
        let message = format!("{field} of {found} points, expected {least} to {MAX_POINTS}");
        return Err((points.referenced, message));
    }
    let point = |raw: &List<Text>| match &raw.value[..] {
        [x, y] => Ok([number(x, field, 0.0..=1.0)?, number(y, field, 0.0..=1.0)?]),
        other => {
            let message = format!(
                "{field} has a point of {} numbers, expected [x, y]",
                other.len()
            );
            Err((raw.referenced, message))
        }
    };
    points.value.iter().map(point).collect()
}

fn read_ground(raw: &RawRule, edges: &List<Text>, zone: Vec<Point>) -> Result<Ground, Wrong> {
    let found = zone.len();
    let corners: [Point; 4] = zone.try_into().map_err(|_| {
        let at = raw
            .zone
            .as_ref()
            .map_or(edges.referenced, |it| it.referenced);
        (
            at,
            format!("zone of {found} points, expected 4 in a rule of kind 'speed'"),
        )
    })?;
    let lengths = edges.value.iter().map(|it| number(it, "edges", METRES));
    let lengths: Vec<f64> = lengths.collect::<Result<_, _>>()?;
    let lengths: [f64; 4] = lengths.try_into().map_err(|found: Vec<f64>| {
        let message = format!("edges of {} numbers, expected 4, metres", found.len());
        (edges.referenced, message)
    })?;
    let diagonal = raw.diagonal.as_ref();
    let diagonal = diagonal
        .map(|it| number(it, "diagonal", METRES))
        .transpose()?;
    Ground::new(corners, lengths, diagonal).map_err(|expected| {
        let shown: Vec<_> = edges.value.iter().map(|it| printable(&it.value)).collect();
        (
            edges.referenced,
            format!("edges [{}], {expected}", shown.join(", ")),
        )
    })
}

fn read_grid(grid: &List<Text>) -> Result<[usize; 2], Wrong> {
    let cell = |value: &Text| match value.value.trim().parse() {
        Ok(cells) if GRID.contains(&cells) => Ok(cells),
        _ => Err(refused(value, "grid", "1 to 256 cells")),
    };
    let cells: Vec<usize> = grid.value.iter().map(cell).collect::<Result<_, _>>()?;
    cells.try_into().map_err(|found: Vec<usize>| {
        let message = format!("grid of {} numbers, expected [columns, rows]", found.len());
        (grid.referenced, message)
    })
}

fn refused(value: &Text, field: &str, expected: &str) -> Wrong {
    let shown = printable(&value.value);
    (
        value.referenced,
        format!("{field} '{shown}', expected {expected}"),
    )
}

fn number(value: &Text, field: &str, range: RangeInclusive<f64>) -> Result<f64, Wrong> {
    let number = value.value.trim().parse().unwrap_or(f64::NAN);
    if range.contains(&number) {
        return Ok(number);
    }
    let expected = format!("a number from {} to {}", range.start(), range.end());
    Err(refused(value, field, &expected))
}

fn number_or(
    value: Option<&Text>,
    field: &str,
    range: RangeInclusive<f64>,
    default: f64,
) -> Result<f64, Wrong> {
    value.map_or(Ok(default), |value| number(value, field, range))
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

fn word_or_default<T: Copy + Default>(
    value: Option<&Text>,
    field: &str,
    words: &[(&'static str, T)],
) -> Result<T, Wrong> {
    let Some(value) = value else {
        return Ok(T::default());
    };
    match words.iter().find(|(word, _)| *word == value.value) {
        Some((_, it)) => Ok(*it),
        None => {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let expected = format!("one of {}", known.join(", "));
            Err(refused(value, field, &expected))
        }
    }
}

fn names(
    list: Option<&Spanned<Vec<Text>>>,
    field: &str,
    most: usize,
    is_valid: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Wrong> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let found = list.value.len();
    if !(1..=most).contains(&found) {
        let message = format!("{field} of {found} names, expected 1 to {most} (left out: all)");
        return Err((list.referenced, message));
    }
    let name = |value: &Text| match is_valid(&value.value) {
        true => Ok(value.value.clone()),
        false => Err(refused(value, field, "names")),
    };
    list.value.iter().map(name).collect()
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
