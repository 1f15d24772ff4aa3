//! Single NAL unit packets and fragmentation units: RFC 6184, 5.6 and 5.8 (FU-A) for H.264,
//! RFC 7798, 4.4.1 and 4.4.3 (FU) for H.265.

use crate::nal::Codec;

const H264_FU_A: u8 = 28;
const H265_FU: u8 = 49;
const START: u8 = 0x80;
const END: u8 = 0x40;

/// The payload of one RTP packet: a payload header, empty for a whole NAL unit, and bytes.
#[derive(Debug, Clone, Copy)]
pub struct Fragment<'a> {
    header: [u8; 3],
    header_len: u8,
    /// Bytes of the NAL unit.
    pub body: &'a [u8],
}

impl Fragment<'_> {
    /// The payload header to be written before the body.
    pub fn header(&self) -> &[u8] {
        &self.header[..usize::from(self.header_len)]
    }
}

/// Cuts one NAL unit into payloads of at most `room` bytes; one that fits stays whole.
///
/// A NAL unit shorter than its own header gives nothing.
pub fn fragments(codec: Codec, nal: &[u8], room: usize) -> Vec<Fragment<'_>> {
    let (nal_header_len, fu_header_len) = match codec {
        Codec::H264 => (1, 2),
        Codec::H265 => (2, 3),
    };
    if nal.len() < nal_header_len {
        return Vec::new();
    }
    if nal.len() <= room {
        return vec![Fragment {
            header: [0; 3],
            header_len: 0,
            body: nal,
        }];
    }
    let (nal_header, body) = nal.split_at(nal_header_len);
    let mut pieces: Vec<Fragment<'_>> = body
        .chunks(room.saturating_sub(fu_header_len).max(1))
        .map(|body| Fragment {
            header: match codec {
                Codec::H264 => [nal_header[0] & 0xe0 | H264_FU_A, nal_header[0] & 0x1f, 0],
                Codec::H265 => [
                    nal_header[0] & 0x81 | H265_FU << 1,
                    nal_header[1],
                    nal_header[0] >> 1 & 0x3f,
                ],
            },
            header_len: fu_header_len as u8,
            body,
        })
        .collect();
    if let Some(first) = pieces.first_mut() {
        first.header[fu_header_len - 1] |= START;
    }
    if let Some(last) = pieces.last_mut() {
        last.header[fu_header_len - 1] |= END;
    }
    pieces
}
