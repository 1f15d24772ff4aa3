//! Session descriptions (RFC 8866), as far as a player of one video stream needs them.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use camweave_bitstream::{NalCodec, START_CODE};

use crate::RtspError;

/// More media are not looked at.
const MAX_MEDIA: usize = 32;
/// Characters of a codec's or medium's name in an error.
const NAME_CHARACTERS: usize = 32;

/// The stream that is played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Video {
    pub codec: NalCodec,
    pub payload_type: u8,
    pub clock_hz: u32,
    /// Annex B.
    pub parameter_sets: Vec<u8>,
    /// The media's control attribute.
    pub control: Option<String>,
    /// The session's control attribute.
    pub session_control: Option<String>,
}

#[derive(Debug, Default)]
struct Media<'a> {
    kind: &'a str,
    payload_types: Vec<u8>,
    /// Payload type, encoding name, clock rate.
    maps: Vec<(u8, &'a str, u32)>,
    parameters: Vec<(u8, &'a str)>,
    control: Option<&'a str>,
}

/// The first video stream that is H.264 or H.265.
///
/// # Errors
/// If there is none.
pub(crate) fn video(body: &[u8]) -> Result<Video, RtspError> {
    let text = String::from_utf8_lossy(body);
    let mut session_control = None;
    let mut all: Vec<Media<'_>> = Vec::new();
    // Some cameras end lines with CR alone.
    for line in text.split(['\r', '\n']) {
        let Some((kind, value)) = line.trim().split_once('=') else {
            continue;
        };
        match kind {
            "m" if all.len() == MAX_MEDIA => break,
            "m" => all.push(media(value)),
            "a" => match all.last_mut() {
                Some(media) => attribute(media, value),
                None => session_control = value.strip_prefix("control:").or(session_control),
            },
            _ => {}
        }
    }
    if all.is_empty() {
        return Err(RtspError::Protocol("its description lists no media"));
    }
    let mut others = Vec::new();
    for media in all.iter().filter(|media| media.kind == "video") {
        for &payload_type in &media.payload_types {
            let map = media.maps.iter().find(|map| map.0 == payload_type);
            let (name, clock_hz) = match (map, payload_type) {
                (Some(map), _) => (map.1, map.2),
                (None, 26) => ("jpeg", 90_000),
                (None, 31) => ("h261", 90_000),
                (None, 32) => ("mpeg", 90_000),
                (None, 34) => ("h263", 90_000),
                _ => ("unknown", 90_000),
            };
            let codec = match name.to_ascii_lowercase().as_str() {
                "h264" => NalCodec::H264,
                "h265" | "hevc" => NalCodec::H265,
                _ => {
                    others.push(cut(name));
                    continue;
                }
            };
            // Some cameras give each parameter a line of its own.
            let parameters: Vec<&str> = media
                .parameters
                .iter()
                .filter_map(|it| (it.0 == payload_type).then_some(it.1))
                .collect();
            return Ok(Video {
                codec,
                payload_type,
                clock_hz,
                parameter_sets: parameter_sets(codec, &parameters.join(";")),
                control: media.control.map(str::to_owned),
                session_control: session_control.map(str::to_owned),
            });
        }
    }
    others.truncate(4);
    if others.is_empty() {
        let media: Vec<String> = all.iter().take(4).map(|media| cut(media.kind)).collect();
        return Err(RtspError::NoVideo(media.join(", ")));
    }
    Err(RtspError::UnsupportedCodec(others.join("', '")))
}

/// `video 0 RTP/AVP 96 97`.
fn media(value: &str) -> Media<'_> {
    let mut words = value.split_ascii_whitespace();
    Media {
        kind: words.next().unwrap_or_default(),
        payload_types: words
            .skip(2)
            .take(MAX_MEDIA)
            .filter_map(|word| word.parse().ok())
            .collect(),
        ..Media::default()
    }
}

fn attribute<'a>(media: &mut Media<'a>, value: &'a str) {
    if let Some(control) = value.strip_prefix("control:") {
        media.control = Some(control.trim());
    } else if let Some((payload_type, map)) = numbered(value, "rtpmap:") {
        let mut parts = map.split('/');
        let name = parts.next().unwrap_or_default().trim();
        let clock_hz = parts.next().and_then(|rate| rate.trim().parse().ok());
        // Video of another clock than 90 kHz is unheard of; 0 is damage.
        let clock_hz = clock_hz.filter(|&rate| rate > 0).unwrap_or(90_000);
        if media.maps.len() < MAX_MEDIA {
            media.maps.push((payload_type, name, clock_hz));
        }
    } else if let Some((payload_type, parameters)) = numbered(value, "fmtp:")
        && media.parameters.len() < MAX_MEDIA
    {
        media.parameters.push((payload_type, parameters));
    }
}

/// `fmtp:96 x=y` as `(96, "x=y")`.
fn numbered<'a>(value: &'a str, name: &str) -> Option<(u8, &'a str)> {
    let value = value.strip_prefix(name)?.trim();
    let (number, rest) = value.split_once(|it: char| it.is_ascii_whitespace())?;
    Some((number.parse().ok()?, rest.trim()))
}

/// The parameter sets of a `fmtp` attribute (RFC 6184, section 8.1; RFC 7798, section 7.1).
fn parameter_sets(codec: NalCodec, parameters: &str) -> Vec<u8> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    let names: &[&str] = match codec {
        NalCodec::H264 => &["sprop-parameter-sets"],
        NalCodec::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
    };
    let mut sets = Vec::new();
    for name in names {
        let values = parameters.split(';').filter_map(|it| it.split_once('='));
        for (_, value) in values.filter(|(key, _)| key.trim().eq_ignore_ascii_case(name)) {
            for encoded in value.split(',') {
                if let Ok(set) = LENIENT.decode(encoded.trim())
                    && !set.is_empty()
                {
                    sets.extend_from_slice(&START_CODE);
                    sets.extend_from_slice(&set);
                }
            }
        }
    }
    sets
}

/// A camera's text, as it came.
fn cut(text: &str) -> String {
    text.chars().take(NAME_CHARACTERS).collect()
}

/// The URLs of the track and of the whole session, as FFmpeg makes them: a session's control
/// attribute that is a URL is the base of the tracks, whatever `Content-Base` says.
pub(crate) fn urls(base: &str, video: &Video) -> (String, String) {
    let session = join(base, video.session_control.as_deref());
    let is_url = |control: &String| is_url(control.trim());
    let base = if video.session_control.as_ref().is_some_and(is_url) {
        session.as_str()
    } else {
        base
    };
    (join(base, video.control.as_deref()), session)
}

fn is_url(control: &str) -> bool {
    control.to_ascii_lowercase().starts_with("rtsp://")
}

/// Joins a control attribute to a base as live555 and FFmpeg do, not as RFC 3986 asks:
/// cameras count on it.
pub(crate) fn join(base: &str, control: Option<&str>) -> String {
    match control.map(str::trim) {
        None | Some("" | "*") => base.to_owned(),
        Some(control) if is_url(control) => control.to_owned(),
        Some(control) if base.ends_with('/') || control.starts_with('/') => {
            format!(
                "{}{control}",
                base.strip_suffix('/')
                    .filter(|_| control.starts_with('/'))
                    .unwrap_or(base)
            )
        }
        Some(control) => format!("{base}/{control}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn odd_descriptions_of_cameras() {
        let text = "v=0\r\ns=x\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\nm=video 0 RTP/AVP 97 96\r\na=rtpmap:96 HEVC/90000 \r\na=fmtp:96 sprop-vps=QAE;sprop-sps=QgE=; sprop-pps=RAE=\r\na=framerate:0S\r\na=control:trackID=1\r\n";
        assert_eq!(
            video(text.as_bytes()).expect("video"),
            Video {
                codec: NalCodec::H265,
                payload_type: 96,
                clock_hz: 90_000,
                parameter_sets: vec![
                    0, 0, 0, 1, 0x40, 1, 0, 0, 0, 1, 0x42, 1, 0, 0, 0, 1, 0x44, 1
                ],
                control: Some("trackID=1".to_owned()),
                session_control: Some("*".to_owned()),
            }
        );
    }

    #[test]
    fn the_codec_that_is_none_of_ours_is_named() {
        let text = "m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\n";
        let error = video(text.as_bytes())
            .expect_err("another codec")
            .to_string();
        assert_eq!(error, "its video is 'MP4V-ES', expected h264 or h265");
        let error = video(b"m=audio 0 RTP/AVP 0\n").expect_err("no video");
        assert!(matches!(error, RtspError::NoVideo(media) if media == "audio"));
        assert!(matches!(video(b"<html>"), Err(RtspError::Protocol(_))));
    }

    #[test]
    fn control_attributes() {
        let base = "rtsp://h/s?a=1";
        for (base, control, url) in [
            (base, None, base),
            (base, Some("*"), base),
            (base, Some("ctype=video"), "rtsp://h/s?a=1/ctype=video"),
            ("rtsp://h/s/", Some("trackID=1"), "rtsp://h/s/trackID=1"),
            ("rtsp://h/s/", Some("/track1"), "rtsp://h/s/track1"),
            ("rtsp://h/s", Some("rtsp://other/x"), "rtsp://other/x"),
        ] {
            assert_eq!(join(base, control), url);
        }
    }

    #[test]
    fn urls_of_the_track_and_the_session() {
        let mut video = video(b"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\n").expect("video");
        video.control = Some("trackID=1".to_owned());
        for (session, track, whole) in [
            (None, "rtsp://h/s/trackID=1", "rtsp://h/s/"),
            (Some("*"), "rtsp://h/s/trackID=1", "rtsp://h/s/"),
            (
                Some("rtsp://h/s/real/"),
                "rtsp://h/s/real/trackID=1",
                "rtsp://h/s/real/",
            ),
            (Some("all"), "rtsp://h/s/trackID=1", "rtsp://h/s/all"),
        ] {
            video.session_control = session.map(str::to_owned);
            let expected = (track.to_owned(), whole.to_owned());
            assert_eq!(urls("rtsp://h/s/", &video), expected, "{session:?}");
        }
    }

    #[test]
    fn parameters_on_several_lines_and_tabs() {
        let text = "m=video 0 RTP/AVP 96\na=rtpmap:96\tH264/90000\na=fmtp:96\tpacketization-mode=1\na=fmtp:96 sprop-parameter-sets=Z0I=,aM4=\na=fmtp:97 sprop-parameter-sets=Z0M=\n";
        for text in [text.to_owned(), text.replace('\n', "\r")] {
            let video = video(text.as_bytes()).expect("video");
            assert_eq!(video.codec, NalCodec::H264);
            assert_eq!(
                video.parameter_sets,
                [0, 0, 0, 1, 0x67, 0x42, 0, 0, 0, 1, 0x68, 0xce]
            );
        }
    }

    proptest! {
        #[test]
        fn noise_never_panics(text in "([mas]=(video|control:|rtpmap:96 |fmtp:96 )?[ -~]{0,20}\n){0,8}") {
            let _ = video(text.as_bytes());
        }
    }
}
