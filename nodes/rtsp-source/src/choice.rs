//! Which client takes a camera, and when the other one does.

use std::time::{Duration, Instant};

use crate::cameras::ClientKind;
use crate::failure::{Failure, FailureKind};

/// After so long with FFmpeg, a new session is tried with the RTSP client again: a camera's
/// software may have been updated, and that client tells more of lost packets and of the camera's clock.
pub(crate) const RTSP_AGAIN_AFTER: Duration = Duration::from_secs(3600);
/// Sessions with the RTSP client in a row that stood still, after which FFmpeg takes the camera.
pub(crate) const STALLS: u32 = 2;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Rtsp,
    Ffmpeg,
}

impl Which {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Ffmpeg => "ffmpeg",
        }
    }
}

/// Chooses the client of one camera, session by session.
#[derive(Debug)]
pub(crate) struct Choice {
    kind: ClientKind,
    is_rtsp: bool,
    /// Since when FFmpeg has the camera that the RTSP client could not play, and why.
    fallen: Option<(Instant, Failure)>,
    stalls: u32,
}

impl Choice {
    /// `is_rtsp`: whether the URL is one that the RTSP client can open.
    pub fn new(kind: ClientKind, is_rtsp: bool) -> Self {
        Self {
            kind,
            is_rtsp,
            fallen: None,
            stalls: 0,
        }
    }

    /// The client of a session that begins now.
    pub fn client(&mut self, now: Instant) -> Which {
        match self.kind {
            ClientKind::Ffmpeg => return Which::Ffmpeg,
            ClientKind::Rtsp => return Which::Rtsp,
            ClientKind::Auto if !self.is_rtsp => return Which::Ffmpeg,
            ClientKind::Auto => {}
        }
        let is_over = |(since, _): &(Instant, Failure)| {
            now.saturating_duration_since(*since) >= RTSP_AGAIN_AFTER
        };
        if self.fallen.as_ref().is_some_and(is_over) {
            self.fallen = None;
        }
        match self.fallen {
            Some(_) => Which::Ffmpeg,
            None => Which::Rtsp,
        }
    }

    /// Why FFmpeg has the camera, in a few words.
    pub fn why(&self) -> Option<String> {
        match self.kind {
            ClientKind::Ffmpeg => Some("client: ffmpeg".to_owned()),
            ClientKind::Rtsp => None,
            ClientKind::Auto if !self.is_rtsp => Some("by its URL".to_owned()),
            ClientKind::Auto => self
                .fallen
                .as_ref()
                .map(|(_, why)| format!("rtsp client: {}: {why}", why.kind.as_str())),
        }
    }

    /// Takes the end of a session. `None`: the other client shall try at once. Else what is to be
    /// reported: where neither of them can play the camera, one line of both.
    pub fn ended(
        &mut self,
        which: Which,
        failure: Failure,
        frames: u64,
        now: Instant,
    ) -> Option<Failure> {
        if self.kind != ClientKind::Auto || !self.is_rtsp {
            return Some(failure);
        }
        match which {
            Which::Rtsp => {
                let stalls = self.stalls + 1;
                self.stalls = if failure.kind == FailureKind::Stalled {
                    stalls
                } else {
                    0
                };
                let falls = matches!(
                    failure.kind,
                    FailureKind::Protocol | FailureKind::UnsupportedCodec
                ) || self.stalls >= STALLS;
                if !falls {
                    return Some(failure);
                }
                self.stalls = 0;
                self.fallen = Some((now, failure));
                None
            }
            // FFmpeg cannot either: neither of them is the better one.
            Which::Ffmpeg if frames == 0 && is_verdict(failure.kind) => {
                let Some((_, first)) = self.fallen.take() else {
                    return Some(failure);
                };
                Some(Failure::new(
                    first.kind,
                    format!("{first}; nor can FFmpeg play it: {failure}"),
                ))
            }
            Which::Ffmpeg => Some(failure),
        }
    }
}

/// Kinds that say something of the client, and not of the camera's or the network's state.
fn is_verdict(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Protocol
            | FailureKind::UnsupportedCodec
            | FailureKind::NoVideo
            | FailureKind::Stalled
            | FailureKind::Timeout
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(kind: FailureKind) -> Failure {
        Failure::new(kind, "a reason")
    }

    #[test]
    fn what_the_rtsp_client_cannot_play_goes_to_ffmpeg_and_comes_back_after_a_while() {
        let now = Instant::now();
        for kind in [FailureKind::Protocol, FailureKind::UnsupportedCodec] {
            let mut choice = Choice::new(ClientKind::Auto, true);
            assert_eq!(choice.client(now), Which::Rtsp);
            assert_eq!(choice.why(), None);
            assert_eq!(choice.ended(Which::Rtsp, failure(kind), 0, now), None);
            assert_eq!(choice.client(now), Which::Ffmpeg);
            let why = choice.why().expect("a reason");
            assert_eq!(why, format!("rtsp client: {}: a reason", kind.as_str()));
            // A camera that is away is no reason to change.
            for kind in [FailureKind::Refused, FailureKind::Ended] {
                let failure = failure(kind);
                let ended = choice.ended(Which::Ffmpeg, failure.clone(), 0, now);
                assert_eq!(ended, Some(failure));
            }
            let stalled = failure(FailureKind::Stalled);
            assert!(choice.ended(Which::Ffmpeg, stalled, 9, now).is_some());
            assert_eq!(choice.client(now), Which::Ffmpeg);
            assert_eq!(choice.client(now + RTSP_AGAIN_AFTER), Which::Rtsp);
            assert_eq!(choice.why(), None);
        }
    }

    #[test]
    fn what_is_the_cameras_own_matter_stays_with_the_rtsp_client() {
        let now = Instant::now();
        let mut choice = Choice::new(ClientKind::Auto, true);
        for kind in [
            FailureKind::Refused,
            FailureKind::Unreachable,
            FailureKind::Timeout,
            FailureKind::Unauthorized,
            FailureKind::NotFound,
            FailureKind::NoVideo,
            FailureKind::Ended,
            FailureKind::Stalled,
        ] {
            assert!(choice.ended(Which::Rtsp, failure(kind), 0, now).is_some());
            assert_eq!(choice.client(now), Which::Rtsp, "{kind:?}");
        }
    }

    #[test]
    fn streams_that_stand_still_again_and_again_go_to_ffmpeg() {
        let now = Instant::now();
        let mut choice = Choice::new(ClientKind::Auto, true);
        let mut first = |kind| choice.ended(Which::Rtsp, failure(kind), 20, now);
        assert!(first(FailureKind::Stalled).is_some());
        assert!(first(FailureKind::Ended).is_some());
        assert!(first(FailureKind::Stalled).is_some());
        assert_eq!(first(FailureKind::Stalled), None);
        assert_eq!(choice.client(now), Which::Ffmpeg);
        // Nor can FFmpeg: one line says so, and they take turns.
        let timeout = Failure::new(FailureKind::Timeout, "no session");
        let both = choice.ended(Which::Ffmpeg, timeout, 0, now);
        let both = both.expect("a report");
        assert_eq!(both.kind, FailureKind::Stalled);
        assert_eq!(both.detail, "a reason; nor can FFmpeg play it: no session");
        assert_eq!(choice.client(now), Which::Rtsp);
    }

    #[test]
    fn the_file_and_the_url_decide_first() {
        let now = Instant::now();
        for (kind, is_rtsp, which) in [
            (ClientKind::Rtsp, true, Which::Rtsp),
            (ClientKind::Ffmpeg, true, Which::Ffmpeg),
            (ClientKind::Auto, false, Which::Ffmpeg),
        ] {
            let mut choice = Choice::new(kind, is_rtsp);
            let protocol = failure(FailureKind::Protocol);
            assert!(choice.ended(which, protocol, 0, now).is_some());
            assert_eq!(choice.client(now), which);
        }
    }
}
