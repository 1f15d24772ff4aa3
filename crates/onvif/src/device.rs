//! From a device that has announced itself to the URLs of its streams.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;

use crate::announced::Announced;
use crate::call::Caller;
use crate::clock;
use crate::error::AskError;
use crate::limits::{Limits, STREAMS_AT_MOST};
use crate::media::{self, DEVICE, Media};
use crate::profiles::{self, Profile};
use crate::stream_url::StreamUrl;
use crate::token::Login;

/// What a device offers.
#[derive(Debug)]
pub struct Device {
    /// Its name, else maker and model; `None`: it has told neither.
    pub name: Option<String>,
    /// What its clock is ahead of this one, in whole seconds; `None`: it does not tell the time.
    pub clock_ahead_seconds: Option<i64>,
    /// Whether it was given user and password: it answered nobody without them.
    pub wants_login: bool,
    /// Its video sources: one, or the channels of a recorder.
    pub sources: Vec<Source>,
}

/// What a camera sees, in several streams.
#[derive(Debug)]
pub struct Source {
    /// The device's word for it; empty where it has none.
    pub token: String,
    /// H.264 and H.265 before others, and then by size and rate, the largest first.
    pub streams: Vec<Stream>,
}

impl Source {
    /// The largest stream.
    #[must_use]
    pub fn main(&self) -> Option<&Stream> {
        self.streams.first()
    }

    /// The smallest stream, if there are several that a decoder takes.
    #[must_use]
    pub fn sub(&self) -> Option<&Stream> {
        let last = self.last_usual()?;
        (last > 0).then(|| &self.streams[last])
    }

    /// All streams, each with `main`, `sub` or nothing.
    pub fn by_role(&self) -> impl Iterator<Item = (Option<&'static str>, &Stream)> {
        let last = self.last_usual();
        self.streams.iter().enumerate().map(move |(at, stream)| {
            let role = match at {
                0 => Some("main"),
                at if Some(at) == last => Some("sub"),
                _ => None,
            };
            (role, stream)
        })
    }

    fn last_usual(&self) -> Option<usize> {
        self.streams.iter().rposition(Stream::is_usual)
    }
}

/// One stream of a source.
#[derive(Debug)]
pub struct Stream {
    /// The profile's name.
    pub name: String,
    /// Such as `H.264`.
    pub codec: String,
    /// Width and height in pixels, as it is set.
    pub size: Option<(u32, u32)>,
    /// Frames per second at most, as it is set.
    pub fps: Option<f64>,
    /// Where it is; `None`: not asked for, as it is neither the largest nor the smallest.
    pub url: Option<Result<StreamUrl, AskError>>,
    token: String,
}

impl Stream {
    fn is_usual(&self) -> bool {
        matches!(self.codec.as_str(), "H.264" | "H.265")
    }
}

/// Asks a device for its video sources and the URLs of their streams.
///
/// # Errors
/// Why it names none. What one stream lacks is with that stream.
pub async fn ask(
    found: &Announced,
    login: Option<&Login>,
    limits: &Limits,
) -> Result<Device, AskError> {
    let no_address = || AskError::NoAddress(found.named.clone());
    let service = found.service.as_ref().ok_or_else(no_address)?;
    let mut caller = Caller::new(found.address, login, limits);
    let operation = clock::operation(DEVICE);
    let told = caller.call(service, &operation, clock::read);
    let has_clock = match told.await {
        Ok(time) => {
            caller.set_clock(time);
            true
        }
        Err(error) if error.is_final() && !error.is_of_login() => return Err(error),
        // Another call would send the same password again.
        Err(error) if error.is_of_login() && caller.has_digest() => return Err(error),
        // It is asked for before anything else, and some want a login for that already.
        Err(_) => false,
    };
    let all = media::services(&mut caller, service, found.address).await?;
    let (media, profiles) = profiles(&mut caller, &all).await?;
    let own: Vec<IpAddr> = [found.address]
        .into_iter()
        .chain(found.also.clone())
        .collect();
    let mut sources = by_source(profiles);
    caller.extend(STREAMS_AT_MOST.min(Duration::from_secs(sources.len() as u64 * 2)));
    for source in &mut sources {
        let last = source.last_usual();
        for (at, stream) in source.streams.iter_mut().enumerate() {
            if at != 0 && Some(at) != last {
                continue;
            }
            let url = match stream_uri(&mut caller, media, &stream.token).await {
                Err(error) if error.is_of_login() => return Err(error),
                Err(error) => Err(error),
                Ok(uri) => StreamUrl::read(&uri, &own),
            };
            stream.url = Some(url);
        }
    }
    let mut name = found.name.clone().or_else(|| found.hardware.clone());
    if name.is_none() {
        name = media::information(&mut caller, service).await.ok();
    }
    Ok(Device {
        name,
        wants_login: caller.wants_login(),
        clock_ahead_seconds: has_clock.then(|| rounded(caller.ahead())),
        sources,
    })
}

/// The URL of a profile's stream. What the first service does not tell, the next one may: both have
/// the same profiles, and the newer one is half done in some devices.
async fn stream_uri(
    caller: &mut Caller<'_>,
    services: &[Media],
    token: &str,
) -> Result<String, AskError> {
    let mut first = None;
    for media in services {
        let operation = media.get_stream_uri(token);
        let uri = caller.call(&media.service, &operation, media::stream_uri);
        match uri.await {
            Ok(uri) => return Ok(uri),
            Err(error) if error.is_of_login() => return Err(error),
            Err(error) => _ = first.get_or_insert(error),
        }
    }
    Err(first.unwrap_or(AskError::Lacking {
        what: "GetStreamUri",
        lacking: "URL",
    }))
}

/// The profiles of the first service that has some; that one and those after it.
async fn profiles<'a>(
    caller: &mut Caller<'_>,
    all: &'a [Media],
) -> Result<(&'a [Media], Vec<Profile>), AskError> {
    let mut last = AskError::Lacking {
        what: "GetProfiles",
        lacking: "profile with video",
    };
    for (at, media) in all.iter().enumerate() {
        let operation = media.get_profiles();
        let found = caller.call(&media.service, &operation, profiles::read);
        match found.await {
            Ok(found) if !found.is_empty() => return Ok((&all[at..], found)),
            Ok(_) => {}
            Err(error) if error.is_of_login() => return Err(error),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn by_source(profiles: Vec<Profile>) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for profile in profiles {
        let stream = Stream {
            name: profile.name,
            codec: profile.codec,
            size: profile.size,
            fps: profile.fps,
            url: None,
            token: profile.token,
        };
        match sources.iter_mut().find(|it| it.token == profile.source) {
            Some(source) => source.streams.push(stream),
            None => sources.push(Source {
                token: profile.source,
                streams: vec![stream],
            }),
        }
    }
    for source in &mut sources {
        let pixels = |it: &Stream| it.size.map_or(0, |(w, h)| u64::from(w) * u64::from(h));
        source.streams.sort_by(|a, b| {
            let fps = |it: &Stream| it.fps.unwrap_or(0.0);
            let key = |it: &Stream| (it.is_usual(), pixels(it));
            key(b).cmp(&key(a)).then(fps(b).total_cmp(&fps(a)))
        });
    }
    sources
}

/// In whole seconds. The device tells whole ones, so that one in between is none at all.
fn rounded(ahead: TimeDelta) -> i64 {
    let millis = ahead.num_milliseconds();
    (millis + millis.signum() * 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(token: &str, source: &str, codec: &str, size: (u32, u32), fps: f64) -> Profile {
        Profile {
            token: token.to_owned(),
            name: token.to_owned(),
            source: source.to_owned(),
            codec: codec.to_owned(),
            size: Some(size),
            fps: Some(fps),
        }
    }

    #[test]
    fn main_and_sub_streams_of_each_source() {
        let sources = by_source(vec![
            profile("jpeg", "a", "JPEG", (3840, 2160), 5.0),
            profile("small", "a", "H.264", (640, 360), 10.0),
            profile("large", "a", "H.265", (2560, 1440), 25.0),
            profile("middle", "a", "H.264", (1280, 720), 25.0),
            profile("only", "b", "H.264", (704, 576), 25.0),
            profile("slow", "c", "H.264", (704, 576), 5.0),
            profile("fast", "c", "H.264", (704, 576), 25.0),
            profile("old", "d", "JPEG", (704, 576), 25.0),
            profile("older", "d", "JPEG", (352, 288), 25.0),
        ]);
        let named = |stream: Option<&Stream>| stream.map(|it| it.name.clone());
        let chosen: Vec<_> = sources
            .iter()
            .map(|it| (named(it.main()), named(it.sub())))
            .collect();
        let pair = |main: &str, sub: Option<&str>| (Some(main.to_owned()), sub.map(str::to_owned));
        assert_eq!(
            chosen,
            [
                pair("large", Some("small")),
                pair("only", None),
                pair("fast", Some("slow")),
                pair("old", None),
            ]
        );
    }

    #[test]
    fn a_clock_is_ahead_or_behind_by_whole_seconds() {
        for (millis, expected) in [(0, 0), (-499, 0), (-900, -1), (3_600_400, 3600)] {
            assert_eq!(rounded(TimeDelta::milliseconds(millis)), expected);
        }
    }
}
