//! How a camera is announced to Home Assistant: one retained message per camera, which makes a device
//! with its entities (MQTT device discovery).

use camweave_message::EventKind;
use serde_json::{Value, json};

use crate::topics::Topics;

/// The topic and the payload of a camera's announcement; `None` where none is wanted.
pub(crate) fn discovery(topics: &Topics, camera: &str) -> Option<(String, Value)> {
    let id = format!("{}_{camera}", topics.prefix.replace('/', "_"));
    let topic = topics.discovery(&id)?;
    let kinds: Vec<&str> = EventKind::ALL.iter().map(|it| it.as_str()).collect();
    let events = topics.events(camera);
    // An `event` entity wants its type under this name; what else is in the payload becomes attributes.
    let as_event = "{{ dict(value_json, event_type=value_json.kind) | to_json }}";
    let payload = json!({
        "device": {
            "identifiers": [id],
            "name": camera,
            "manufacturer": "camweave",
            "model": "camera",
        },
        "origin": { "name": "camweave", "sw_version": env!("CARGO_PKG_VERSION") },
        "availability_topic": topics.available(),
        "state_topic": events,
        "qos": 1,
        "components": {
            "events": {
                "platform": "event",
                "unique_id": format!("{id}_events"),
                "name": "Events",
                "icon": "mdi:cctv",
                "event_types": kinds,
                "value_template": as_event,
            },
            "last_rule": {
                "platform": "sensor",
                "unique_id": format!("{id}_last_rule"),
                "name": "Last event",
                "value_template": "{{ value_json.rule }}",
                "json_attributes_topic": events,
            },
        },
    });
    Some((topic, payload))
}
