//! What the fuzz target `rtsp` reaches without a connection.

use crate::media::Media;
use crate::rtp::is_rtcp;
use crate::wire::{Message, Reader};
use crate::{RtspError, sdp};

/// Bytes of an access unit at most: small, so that a short input reaches it.
const ACCESS_UNIT_BYTES: usize = 2000;

/// An error may quote the peer, in a few words: who prints it makes them safe.
fn check(error: &RtspError) {
    let line = error.to_string();
    assert!(line.len() < 1000, "{} bytes", line.len());
}

/// A session description, and the URLs that come out of it.
pub fn description(body: &[u8]) {
    match sdp::video(body) {
        Ok(video) => {
            let base = video.session_control.as_deref().unwrap_or("rtsp://h/x");
            let _ = sdp::join(base, video.control.as_deref());
        }
        Err(error) => check(&error),
    }
}

/// The bytes of a connection, as they come in pieces of `chunk` bytes.
pub fn wire(bytes: &[u8], chunk: usize) {
    let mut reader = Reader::default();
    for part in bytes.chunks(chunk) {
        reader.space(part.len()).extend_from_slice(part);
        loop {
            match reader.next() {
                Ok(Some(Message::Data(range))) => {
                    let _ = is_rtcp(reader.bytes(range));
                }
                Ok(Some(Message::Response(response))) => {
                    let _ = response.headers.sequence();
                }
                Ok(Some(Message::Request { headers, .. })) => {
                    let _ = headers.sequence();
                }
                Ok(None) => break,
                Err(error) => return check(&error),
            }
        }
    }
}

/// Packets, each behind a byte with its length.
pub fn packets(mut bytes: &[u8], udp: bool) {
    const SDP: &[u8] = b"m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    let Ok(video) = sdp::video(SDP) else {
        return;
    };
    let mut media = Media::new(&video, ACCESS_UNIT_BYTES, udp);
    while let Some((&length, rest)) = bytes.split_first() {
        let (packet, rest) = rest.split_at(rest.len().min(usize::from(length)));
        bytes = rest;
        if let Err(error) = media.packet(packet) {
            return check(&error);
        }
        if length % 8 == 7
            && let Err(error) = media.on_time()
        {
            return check(&error);
        }
        while media.pop().is_some() {}
    }
    media.end();
}
