//! Which client takes a camera, and when the other one does.

use std::time::{Duration, Instant};

use camweave_cameras::ClientKind;
use camweave_failure::FailureKind;

use crate::failure::Failure;

/// After so long with FFmpeg, a new session is tried with the RTSP client again: a camera's
/// software may have been updated, and that client tells more of lost packets and of the camera's clock.
pub(crate) const RTSP_AGAIN_AFTER: Duration = Duration::from_secs(3600);
/// Sessions with the RTSP client in a row that stood still, after which FFmpeg takes the camera.
pub(crate) const STALLS: u32 = 2;

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The RTSP client.
    Rtsp,
    /// FFmpeg's demuxer.
    Ffmpeg,
}

impl Which {
    /// Its name in `cameras.yml` and in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Ffmpeg => "ffmpeg",
        }
    }
}

/// Chooses the client of one camera, session by session.
#[derive(Debug)]
pub struct Choice {
    kind: ClientKind,
    is_rtsp: bool,
    /// Since when FFmpeg has the camera that the RTSP client could not play, and why.
    fallen: Option<(Instant, Failure)>,
    stalls: u32,
    /// When FFmpeg could not play the camera either.
    ffmpeg_failed: Option<Instant>,
}

impl Choice {
    /// `is_rtsp`: whether the URL is one that the RTSP client can open.
    #[must_use]
    pub fn new(kind: ClientKind, is_rtsp: bool) -> Self {
        Self {
            kind,
            is_rtsp,
            fallen: None,
            stalls: 0,
            ffmpeg_failed: None,
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

    /// Whether FFmpeg is left to try where a session with the RTSP client gives nothing usable.
    #[must_use]
    pub fn has_alternative(&self, which: Which, now: Instant) -> bool {
        let failed = self
            .ffmpeg_failed
            .is_some_and(|at| now.saturating_duration_since(at) < RTSP_AGAIN_AFTER);
        which == Which::Rtsp && self.kind == ClientKind::Auto && self.is_rtsp && !failed
    }

    /// Why FFmpeg has the camera, in a few words.
    #[must_use]
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
                let cannot = matches!(
                    failure.kind,
                    FailureKind::Protocol | FailureKind::UnsupportedCodec
                );
                let falls = (cannot && !failure.is_passing) || self.stalls >= STALLS;
                if !falls {
                    return Some(failure);
                }
                self.stalls = 0;
                self.fallen = Some((now, failure));
                None
            }
            // Nor has FFmpeg played it, for whatever reason: neither of them is the better one,
            // and the camera may have changed meanwhile.
            Which::Ffmpeg if frames == 0 => {
                let Some((_, first)) = self.fallen.take() else {
                    return Some(failure);
                };
                if !is_verdict(failure.kind) {
                    return Some(failure);
                }
                self.ffmpeg_failed = Some(now);
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
            // FFmpeg lacks a part, and will not have it in a moment.
            | FailureKind::Missing
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
            let stalled = failure(FailureKind::Stalled);
            assert!(choice.ended(Which::Ffmpeg, stalled, 9, now).is_some());
            assert_eq!(choice.client(now), Which::Ffmpeg);
            assert_eq!(choice.client(now + RTSP_AGAIN_AFTER), Which::Rtsp);
            assert_eq!(choice.why(), None);
        }
    }

    #[test]
    fn a_passing_refusal_changes_nothing_and_ffmpeg_keeps_only_what_it_plays() {
        let now = Instant::now();
        let mut choice = Choice::new(ClientKind::Auto, true);
        let busy = failure(FailureKind::Protocol).passing();
        assert!(choice.ended(Which::Rtsp, busy, 0, now).is_some());
        assert_eq!(choice.client(now), Which::Rtsp);
        for kind in [
            FailureKind::Refused,
            FailureKind::Ended,
            FailureKind::Unauthorized,
        ] {
            let protocol = failure(FailureKind::Protocol);
            assert_eq!(choice.ended(Which::Rtsp, protocol, 0, now), None);
            let away = failure(kind);
            let ended = choice.ended(Which::Ffmpeg, away.clone(), 0, now);
            assert_eq!(ended, Some(away));
            assert_eq!(choice.client(now), Which::Rtsp, "{kind:?}");
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
        assert!(!choice.has_alternative(Which::Rtsp, now));
        assert!(choice.has_alternative(Which::Rtsp, now + RTSP_AGAIN_AFTER));
        assert_eq!(choice.client(now), Which::Rtsp);
    }

    #[test]
    fn an_ffmpeg_that_lacks_a_part_is_no_alternative() {
        let now = Instant::now();
        let mut choice = Choice::new(ClientKind::Auto, true);
        let protocol = failure(FailureKind::Protocol);
        assert_eq!(choice.ended(Which::Rtsp, protocol, 0, now), None);
        let missing = Failure::new(FailureKind::Missing, "no demuxer 'rtsp'");
        let both = choice.ended(Which::Ffmpeg, missing, 0, now);
        let both = both.expect("a report");
        assert_eq!(both.kind, FailureKind::Protocol);
        assert!(both.detail.contains("nor can FFmpeg"), "{both}");
        assert!(!choice.has_alternative(Which::Rtsp, now));
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
