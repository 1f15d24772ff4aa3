//! What a client of a camera gives to the camera's task, whichever library or protocol it speaks.
//!
//! A client connects, plays, and then yields [`Event`]s until it fails. The camera's
//! task owns everything else: states, waits, sequence numbers, times and counters.

use camweave_bitstream::NalCodec;
use camweave_message::Codec;
use futures::future::BoxFuture;

use crate::failure::Failure;

/// What is known of a stream once it plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// What is sent.
    pub codec: Codec,
    /// Ticks per second of [`Frame::timestamp`].
    pub clock_hz: u32,
    /// Width and height in pixels, where the camera has said.
    pub size: Option<(u32, u32)>,
    /// Annex B, as the description of the stream gives them; may be empty.
    pub parameter_sets: Vec<u8>,
    /// How the data travels, for the log and the state: `tcp`, `udp`, `http`, …
    pub transport: &'static str,
}

/// One access unit (or packet of a codec without NAL units) as it came from the camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Annex B for codecs with NAL units.
    pub data: Vec<u8>,
    /// Whether decoding can begin here, where the client knows: it is found for codecs with NAL
    /// units; of other codecs each picture is taken to stand alone.
    pub keyframe: Option<bool>,
    /// Unwrapped, in ticks of [`StreamInfo::clock_hz`]: the RTP time or the presentation time.
    pub timestamp: i64,
    /// Packets that the network lost before or within this frame.
    pub lost_packets: u32,
    /// When its last packet arrived.
    pub arrival_unix_nanos: i64,
}

/// What a client yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An access unit.
    Frame(Frame),
    /// The camera's clock (RFC 3550, section 6.4.1).
    SenderReport {
        /// 32.32 fixed-point seconds since 1900.
        ntp: u64,
        /// The unwrapped RTP timestamp of the same instant.
        timestamp: i64,
        /// When it arrived.
        arrival_unix_nanos: i64,
    },
    /// Frames that cannot be used; they count as received and dropped.
    Dropped {
        /// As in the counters.
        reason: &'static str,
        /// How many.
        frames: u32,
    },
    /// Anything else that shows the camera to be alive.
    Alive,
}

/// A camera that plays. Dropping it ends the session without a word to the camera.
pub trait Client: Send {
    /// What is known of the stream.
    fn info(&self) -> &StreamInfo;

    /// The next event, or why there will be none. Must lose nothing where it is
    /// dropped before it is ready.
    fn next(&mut self) -> BoxFuture<'_, Result<Event, Failure>>;

    /// Tells the camera that nobody watches any longer. The caller bounds its time.
    fn teardown(&mut self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The bitstream crate's codec, where `codec` has NAL units.
#[must_use]
pub fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        _ => None,
    }
}
