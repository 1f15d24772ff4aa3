//! The shape of Frigate's `events`, for automations that were made for it: `before` and `after` of one
//! object, with the fields of which there is something to say.

use std::collections::{BTreeMap, VecDeque};

use chrono::DateTime;
use serde_json::{Value, json};

use super::Payload;

/// Events whose last row is remembered, for `before`.
const EVENTS: usize = 1024;

/// Makes such payloads.
#[derive(Debug, Default)]
pub(crate) struct Frigate {
    last: BTreeMap<String, Value>,
    order: VecDeque<String>,
}

/// Seconds since 1970, as Frigate's times are.
fn seconds(time: &str) -> Value {
    let time = DateTime::parse_from_rfc3339(time).ok();
    time.map_or(Value::Null, |it| {
        (it.timestamp_micros() as f64 / 1e6).into()
    })
}

fn state(row: &Payload) -> Value {
    let is_over = row.phase == "end";
    let zone = |is_in: bool| if is_in { json!([row.rule]) } else { json!([]) };
    let is_line = row.kind == "crossing";
    json!({
        "id": row.event,
        "camera": row.camera,
        "frame_time": seconds(&row.captured),
        "start_time": seconds(&row.began),
        "end_time": row.ended.as_deref().map_or(Value::Null, seconds),
        "label": row.label,
        "sub_label": null,
        "score": row.score,
        "top_score": row.score,
        "false_positive": false,
        "active": !is_over,
        "stationary": false,
        "current_zones": zone(!is_over && !is_line),
        "entered_zones": zone(!is_line),
        "has_clip": false,
        "has_snapshot": false,
        "camweave": row,
    })
}

impl Frigate {
    /// The payload of a row; `before` is that of the row before, or this one where none is known.
    pub fn of(&mut self, row: &Payload) -> Value {
        let after = state(row);
        let before = self.last.get(&row.event).unwrap_or(&after).clone();
        if row.phase == "end" {
            self.last.remove(&row.event);
            self.order.retain(|it| *it != row.event);
        } else if self.last.insert(row.event.clone(), after.clone()).is_none() {
            self.order.push_back(row.event.clone());
            if self.order.len() > EVENTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.last.remove(&oldest);
            }
        }
        json!({ "type": row.phase, "before": before, "after": after })
    }
}
