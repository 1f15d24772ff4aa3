//! What was found, for people: a line for each camera, and for what is unusual about it.

use camweave_onvif::{Source, Stream, StreamRemark};
use camweave_redact::printable;

use super::asking::Asked;
use super::streams::Entry;
use crate::error::CliError;
use crate::say::say;

/// A clock that is off by more makes trouble elsewhere.
const CLOCK_OFF_SECONDS: u64 = 5;

/// Prints it.
pub fn show(asked: &[Asked], entries: &[Entry<'_>]) -> Result<(), CliError> {
    for asked in asked {
        let address = asked.device.address.to_string();
        let line = |name: &str, text: &str| -> Result<(), CliError> {
            say!("{:<24} {address:<15} {text}", printable(name));
            Ok(())
        };
        if let Err(error) = &asked.answer {
            let text = printable(&error.to_string()).into_owned();
            line(&asked.name(), &format!("{text}: {}", error.advice()))?;
        }
        for entry in entries.iter().filter(|it| std::ptr::eq(it.asked, asked)) {
            line(&entry.name, &streams(entry.source))?;
            for remark in remarks(entry.source) {
                say!("    {remark}");
            }
        }
        for remark in remarks_of_device(asked) {
            say!("    {remark}");
        }
    }
    Ok(())
}

/// `main H.264 1920x1080 25/s, H.264 1280x720 25/s, sub H.264 640x360 10/s`.
fn streams(source: &Source) -> String {
    let shown = source.by_role().map(|(role, stream)| match role {
        Some(role) => format!("{role} {}", format(stream)),
        None => format(stream),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// Codec, size and rate, as they are set in the device.
pub fn format(stream: &Stream) -> String {
    let mut text = printable(&stream.codec).into_owned();
    if let Some((width, height)) = stream.size {
        text += &format!(" {width}x{height}");
    }
    if let Some(fps) = stream.fps {
        text += &format!(" {fps}/s");
    }
    text
}

fn remarks(source: &Source) -> Vec<String> {
    let named = source
        .streams
        .iter()
        .filter_map(|it| Some((it, it.url.as_ref()?)));
    let said = named.filter_map(|(stream, url)| {
        let name = printable(&stream.name);
        match url {
            Err(error) => Some(format!("{name}: {}", printable(&error.to_string()))),
            Ok(url) => url
                .remark
                .as_ref()
                .map(|it| format!("{name}: {}", remark(it))),
        }
    });
    said.collect()
}

/// What is unusual about a stream's URL.
pub fn remark(remark: &StreamRemark) -> String {
    match remark {
        StreamRemark::Replaced { named } => format!(
            "the device names {}, which only itself can reach; its own address is taken",
            printable(named)
        ),
        StreamRemark::OtherHost { host } => format!(
            "the stream is at another host, {}, and is not added by itself: that host would be sent user and password, or digests of them",
            printable(host)
        ),
    }
}

fn remarks_of_device(asked: &Asked) -> Vec<String> {
    let mut all = Vec::new();
    if !asked.device.also.is_empty() {
        let also: Vec<String> = asked.device.also.iter().map(ToString::to_string).collect();
        all.push(format!(
            "the same identity answers at {} too: one device with several addresses, or devices with one identity",
            also.join(", ")
        ));
    }
    let ahead = asked
        .answer
        .as_ref()
        .ok()
        .and_then(|it| it.clock_ahead_seconds);
    if let Some(ahead) = ahead.filter(|it| it.unsigned_abs() > CLOCK_OFF_SECONDS) {
        let side = if ahead > 0 { "ahead" } else { "behind" };
        let seconds = ahead.unsigned_abs();
        all.push(format!(
            "its clock is {seconds} s {side}: let it set itself by NTP"
        ));
    }
    all
}
