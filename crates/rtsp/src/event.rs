//! What a session gives.

use camweave_bitstream::NalCodec;
use camweave_bitstream::rtp::Damage;

/// The stream that plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// The codec.
    pub codec: NalCodec,
    /// Ticks per second of [`Event::Unit`]'s timestamp.
    pub clock_hz: u32,
    /// Annex B; may be empty.
    pub parameter_sets: Vec<u8>,
    /// Whether packets come as datagrams.
    pub udp: bool,
}

/// What a session gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A whole access unit.
    Unit {
        /// Annex B.
        data: Vec<u8>,
        /// The unwrapped RTP timestamp.
        timestamp: i64,
        /// Packets that are missing since the unit before.
        lost_packets: u32,
        /// When its last packet came.
        arrival_unix_nanos: i64,
    },
    /// Frames of which a part or all is missing.
    Dropped {
        /// Why.
        damage: Damage,
        /// How many.
        frames: u32,
    },
    /// The camera's clock (RFC 3550, section 6.4.1).
    SenderReport {
        /// 32.32 fixed-point seconds since 1900.
        ntp: u64,
        /// The unwrapped RTP timestamp of the same instant.
        timestamp: i64,
        /// When it came.
        arrival_unix_nanos: i64,
    },
    /// The camera is there.
    Alive,
}
