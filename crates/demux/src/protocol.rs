//! Which live sources FFmpeg's demuxer opens, and what each of them may open in turn.

use std::ffi::CStr;

/// How a live source is reached, by the scheme of its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RTSP; media over TCP or UDP.
    Rtsp,
    /// RTSP over TLS; media inside the connection.
    Rtsps,
    /// HTTP: Motion JPEG (`multipart/x-mixed-replace`), HLS, MPEG transport streams, FLV.
    Http,
    /// The same over TLS.
    Https,
    /// RTMP.
    Rtmp,
    /// RTMP over TLS.
    Rtmps,
    /// SRT, with an MPEG transport stream in it.
    Srt,
    /// A device of this machine: `v4l2:///dev/video0`.
    V4l2,
}

/// Formats that a URL of HTTP may turn out to be. Playlists other than HLS are none of them.
const HTTP_FORMATS: &str = "hls,mpjpeg,mpegts,flv,live_flv,mjpeg,h264,hevc,mov,matroska,webm";
const HTTP_PROTOCOLS: &str = "http,https,tcp,tls,httpproxy,crypto";

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Rtsp,
        Self::Rtsps,
        Self::Http,
        Self::Https,
        Self::Rtmp,
        Self::Rtmps,
        Self::Srt,
        Self::V4l2,
    ];

    /// The protocol of a URL's scheme, in lower case.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.scheme() == scheme)
    }

    /// The scheme of its URLs.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
            Self::Http => "http",
            Self::Https => "https",
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Srt => "srt",
            Self::V4l2 => "v4l2",
        }
    }

    /// FFmpeg's protocols that the source may use, whatever a server, a playlist or an SDP asks
    /// for: `file` is never among them.
    pub(crate) fn whitelist(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp,rtp,udp,tcp",
            Self::Rtsps => "rtsps,rtp,tls,tcp",
            Self::Http | Self::Https => HTTP_PROTOCOLS,
            Self::Rtmp => "rtmp,tcp",
            Self::Rtmps => "rtmps,tls,tcp",
            Self::Srt => "srt",
            // The device is opened by the demuxer itself.
            Self::V4l2 => "none",
        }
    }

    /// FFmpeg's demuxer; `None` where the data decide, among `format_whitelist`.
    pub(crate) fn format(self) -> Option<&'static CStr> {
        match self {
            Self::Rtsp | Self::Rtsps => Some(c"rtsp"),
            Self::Http | Self::Https => None,
            Self::Rtmp | Self::Rtmps => Some(c"flv"),
            Self::Srt => Some(c"mpegts"),
            Self::V4l2 => Some(c"video4linux2"),
        }
    }

    pub(crate) fn format_whitelist(self) -> Option<&'static str> {
        matches!(self, Self::Http | Self::Https).then_some(HTTP_FORMATS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_live_source_may_open_files() {
        for protocol in Protocol::ALL {
            assert_eq!(Protocol::of_scheme(protocol.scheme()), Some(protocol));
            for name in protocol.whitelist().split(',') {
                assert!(
                    !["file", "pipe", "fd", "data", "concat", "subfile", "unix"].contains(&name),
                    "{protocol:?}: {name}"
                );
            }
        }
        assert_eq!(Protocol::of_scheme("file"), None);
        assert_eq!(Protocol::of_scheme("concat"), None);
    }
}
