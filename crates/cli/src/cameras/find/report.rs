//! What was found, for programs. Secrets are hidden in each text of a device, and not in the document:
//! that would change its keys and numbers where they look like a password.

use camweave_onvif::Stream;
use camweave_redact::safe_line;
use serde_json::{Value, json};

use super::add::Added;
use super::asking::Asked;
use super::lines::remark;
use super::streams::Entry;
use crate::error::CliError;
use crate::say::document as document_text;

/// Prints one JSON document.
pub fn show(asked: &[Asked], entries: &[Entry<'_>], added: &Added) -> Result<(), CliError> {
    let devices: Vec<Value> = asked.iter().map(|it| device(it, entries)).collect();
    let added_now: Vec<Value> = added
        .new
        .iter()
        .map(|it| json!({"id": it.id, "device": it.address.to_string()}))
        .collect();
    let left_out: Vec<Value> = added
        .left_out
        .iter()
        .map(|(name, why)| json!({"name": safe_line(name), "reason": safe_line(why)}))
        .collect();
    let document = json!({
        "devices": devices, "added": added_now, "there": added.known, "left_out": left_out,
    });
    document_text(format_args!("{document:#}\n"))
}

/// Text of a device, which may quote a secret.
fn told(text: Option<&String>) -> Option<String> {
    text.map(|it| safe_line(it))
}

fn device(asked: &Asked, entries: &[Entry<'_>]) -> Value {
    let found = &asked.device;
    let cameras = entries.iter().filter(|it| std::ptr::eq(it.asked, asked));
    let cameras = cameras.map(|entry| {
        let streams = entry.source.by_role().map(|(role, it)| stream(role, it));
        json!({"name": safe_line(&entry.name), "streams": streams.collect::<Vec<_>>()})
    });
    let error = asked.answer.as_ref().err().map(
        |error| json!({"kind": error.kind(), "text": safe_line(&error.to_string()), "advice": error.advice()}),
    );
    let also: Vec<String> = found.also.iter().map(ToString::to_string).collect();
    json!({
        "name": safe_line(&asked.name()),
        "hardware": told(found.hardware.as_ref()),
        "location": told(found.location.as_ref()),
        "address": found.address.to_string(),
        "also": also,
        "endpoint": safe_line(&found.endpoint),
        "service": found.service.as_ref().map(|it| safe_line(&it.url(found.address))),
        "clock_ahead_seconds": asked.answer.as_ref().ok().and_then(|it| it.clock_ahead_seconds),
        "cameras": cameras.collect::<Vec<_>>(),
        "error": error,
    })
}

fn stream(role: Option<&str>, stream: &Stream) -> Value {
    let url = stream.url.as_ref();
    let named = url.and_then(|it| it.as_ref().ok());
    // What opens a stream is in the file that --add writes, and nowhere else.
    let shown = named.map(|it| match it.url.secrets().is_empty() {
        true => it.url.expose().to_string(),
        false => it.url.to_string(),
    });
    json!({
        "role": role,
        "name": safe_line(&stream.name),
        "codec": safe_line(&stream.codec),
        "width": stream.size.map(|(width, _)| width),
        "height": stream.size.map(|(_, height)| height),
        "fps": stream.fps,
        "url": shown,
        "remark": named.and_then(|it| it.remark.as_ref()).map(|it| safe_line(&remark(it))),
        "error": url.and_then(|it| it.as_ref().err()).map(|it| safe_line(&it.to_string())),
    })
}
