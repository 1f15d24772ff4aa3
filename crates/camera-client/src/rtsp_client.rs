//! The client that speaks RTSP itself, with the crate `camweave-rtsp`.

use camweave_bitstream::rtp::Damage;
use camweave_bitstream::{NalCodec, picture_size};
use camweave_cameras::{Camera, Transport};
use camweave_failure::FailureKind;
use camweave_message::Codec;
use camweave_redact::{KnownSecrets, printable_up_to};
use camweave_rtsp::{Credentials, Limits, Options, RtspError, Session, TriedSchemes};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::client::{Client, Event, Frame, StreamInfo};
use crate::failure::Failure;
use crate::limits::ClientLimits;

/// Frames of which packets did not arrive.
pub const LOST_IN_NETWORK: &str = "lost_in_network";
/// Frames whose packets break their format.
pub const CORRUPT: &str = "corrupt";

struct RtspClient {
    session: Session,
    info: StreamInfo,
    has_credentials: bool,
    known: KnownSecrets,
}

impl RtspClient {
    async fn next_event(&mut self) -> Result<Event, Failure> {
        let event = self.session.next().await;
        Ok(
            match event.map_err(|error| failure(&error, self.has_credentials, &self.known))? {
                camweave_rtsp::Event::Unit {
                    data,
                    timestamp,
                    lost_packets,
                    arrival_unix_nanos,
                } => Event::Frame(Frame {
                    data,
                    keyframe: None,
                    timestamp,
                    lost_packets,
                    arrival_unix_nanos,
                }),
                camweave_rtsp::Event::Dropped { damage, frames } => Event::Dropped {
                    reason: match damage {
                        Damage::Lost => LOST_IN_NETWORK,
                        Damage::Corrupt => CORRUPT,
                    },
                    frames,
                },
                camweave_rtsp::Event::SenderReport {
                    ntp,
                    timestamp,
                    arrival_unix_nanos,
                } => Event::SenderReport {
                    ntp,
                    timestamp,
                    arrival_unix_nanos,
                },
                camweave_rtsp::Event::Alive => Event::Alive,
            },
        )
    }
}

impl Client for RtspClient {
    fn info(&self) -> &StreamInfo {
        &self.info
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Event, Failure>> {
        self.next_event().boxed()
    }

    fn teardown(&mut self) -> BoxFuture<'_, ()> {
        self.session.teardown().boxed()
    }
}

/// Connects and plays.
pub async fn connect(
    camera: &Camera,
    limits: &ClientLimits,
    tried: &TriedSchemes,
    flooded: bool,
) -> Result<Box<dyn Client>, Failure> {
    let usual = Limits::default();
    let credentials = camera.credentials.as_ref().map(|credentials| {
        let (username, password) = credentials.expose();
        Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    });
    let has_credentials = credentials.is_some();
    let known = camera.known_secrets();
    let options = Options {
        credentials,
        tried: tried.clone(),
        transport: match camera.transport {
            None => camweave_rtsp::Transport::TcpThenUdp,
            Some(Transport::Tcp) => camweave_rtsp::Transport::Tcp,
            Some(Transport::Udp) => camweave_rtsp::Transport::Udp,
        },
        user_agent: concat!("camweave/", env!("CARGO_PKG_VERSION")),
        limits: Limits {
            access_unit_bytes: limits.access_unit_bytes,
            // What a relay keeps for who comes is not sent again and again.
            bytes_at_start: if flooded {
                usual.bytes_per_second
            } else {
                usual.bytes_at_start
            },
            ..usual
        },
        connect_timeout: limits.connect_timeout,
        probe_after: limits.stall_timeout / 2,
    };
    let session = Session::connect(camera.url.expose(), options)
        .await
        .map_err(|error| failure(&error, has_credentials, &known))?;
    let stream = session.stream();
    let info = StreamInfo {
        codec: match stream.codec {
            NalCodec::H264 => Codec::H264,
            NalCodec::H265 => Codec::H265,
        },
        clock_hz: stream.clock_hz,
        size: picture_size(stream.codec, &stream.parameter_sets),
        parameter_sets: stream.parameter_sets.clone(),
        transport: match (stream.udp, camera.transport) {
            (false, _) => "tcp",
            (true, None) => "udp (it refuses tcp)",
            (true, Some(_)) => "udp",
        },
    };
    Ok(Box::new(RtspClient {
        session,
        info,
        has_credentials,
        known,
    }))
}

/// Characters of an error's text in the log.
const MAX_TEXT: usize = 200;

/// What happened, and what to do about it. `known`: what the camera may quote of its secrets.
fn failure(error: &RtspError, has_credentials: bool, known: &KnownSecrets) -> Failure {
    let kind = match error {
        RtspError::Connect(cause) => return not_connected(cause),
        RtspError::Unauthorized if has_credentials => {
            return Failure::new(
                FailureKind::Unauthorized,
                "wrong username or password (RTSP status 401): correct them in cameras.yml; it is tried seldom, so that the camera does not lock the account",
            );
        }
        RtspError::Unauthorized => {
            return Failure::new(
                FailureKind::Unauthorized,
                "it asks for a username and password (RTSP status 401), and cameras.yml gives none",
            );
        }
        RtspError::BasicAlone => FailureKind::Unauthorized,
        RtspError::Status { status, method } => return refused(*status, method),
        RtspError::TooLarge { what, limit_bytes } => {
            return Failure::new(
                FailureKind::TooLarge,
                format!(
                    "it sends {what} of more than {limit_bytes} bytes: lower its bit rate, or raise ACCESS_UNIT_MAX_BYTES if its frames are that large"
                ),
            );
        }
        RtspError::TooFast { .. } => {
            return Failure::new(FailureKind::TooFast, format!("{error}: lower its bit rate"));
        }
        RtspError::Broken(_) | RtspError::Closed | RtspError::Ended(_) => FailureKind::Ended,
        RtspError::NoVideo(_) => FailureKind::NoVideo,
        RtspError::UnsupportedCodec(_) => FailureKind::UnsupportedCodec,
        RtspError::Redirect(_) | RtspError::Protocol(_) => FailureKind::Protocol,
    };
    let advice = match kind {
        FailureKind::NoVideo => ": is it the URL of the video stream?",
        FailureKind::UnsupportedCodec => ": set it in the camera",
        _ => "",
    };
    let text = known.hide(&error.to_string());
    Failure::new(
        kind,
        format!("{}{advice}", printable_up_to(&text, MAX_TEXT)),
    )
}

fn not_connected(cause: &std::io::Error) -> Failure {
    match cause.kind() {
        std::io::ErrorKind::ConnectionRefused => Failure::new(
            FailureKind::Refused,
            "connection refused: nothing listens on that port; is RTSP switched on, and the port right?",
        ),
        std::io::ErrorKind::TimedOut => {
            Failure::new(FailureKind::Timeout, "the host does not answer: is it on?")
        }
        _ => Failure::new(
            FailureKind::Unreachable,
            format!("{cause}: are its host name and the network right?"),
        ),
    }
}

/// The text of a status is the camera's, and stays out of the log.
fn refused(status: u16, method: &str) -> Failure {
    let (kind, text) = match status {
        403 => (
            FailureKind::Unauthorized,
            "the user has no permission to watch it",
        ),
        404 => (FailureKind::NotFound, "no such path: correct the URL"),
        461 => (
            FailureKind::Transport,
            "it does not offer this transport: set 'transport: udp' (or 'tcp') in cameras.yml, or leave it out",
        ),
        453 => (
            FailureKind::Protocol,
            "not enough bandwidth: it has too many viewers",
        ),
        454 => (FailureKind::Protocol, "session not found"),
        503 => (
            FailureKind::Protocol,
            "service unavailable: it starts, or has too many viewers",
        ),
        400..=499 => (FailureKind::Protocol, "it does not take the request"),
        _ => (FailureKind::Protocol, "it cannot"),
    };
    let failure = Failure::new(kind, format!("{text} (RTSP status {status} to {method})"));
    if matches!(status, 453 | 454 | 500..) {
        failure.passing()
    } else {
        failure
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn each_error_has_its_kind() {
        let os = |number| RtspError::Connect(io::Error::from_raw_os_error(number));
        let status = |status| RtspError::Status {
            status,
            method: "SETUP",
        };
        for (error, kind) in [
            (os(111), FailureKind::Refused),
            (os(110), FailureKind::Timeout),
            (os(113), FailureKind::Unreachable),
            (RtspError::Closed, FailureKind::Ended),
            (status(403), FailureKind::Unauthorized),
            (status(404), FailureKind::NotFound),
            (status(461), FailureKind::Transport),
            (status(500), FailureKind::Protocol),
            (RtspError::Protocol("x"), FailureKind::Protocol),
            (
                RtspError::TooLarge {
                    what: "x",
                    limit_bytes: 1,
                },
                FailureKind::TooLarge,
            ),
        ] {
            assert_eq!(
                failure(&error, true, &KnownSecrets::default()).kind,
                kind,
                "{error}"
            );
        }
        for (number, is_passing) in [(400, false), (453, true), (454, true), (503, true)] {
            let failure = failure(&status(number), true, &KnownSecrets::default());
            assert_eq!(failure.is_passing, is_passing, "{number}");
        }
        let line = failure(&status(461), true, &KnownSecrets::default()).to_string();
        assert!(line.contains("transport: udp"), "{line}");
    }
}
