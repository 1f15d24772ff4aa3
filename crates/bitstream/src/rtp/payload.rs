//! The payload formats: which pieces of which NAL units a packet carries.

use crate::NalCodec;

/// A piece of a NAL unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A whole unit.
    Whole(&'a [u8]),
    /// The first fragment: the unit's header and the bytes behind it.
    Start { header: Header, rest: &'a [u8] },
    /// A fragment that continues a unit.
    Middle(&'a [u8]),
    /// The unit that is open ends here.
    End,
    /// The packet breaks its format: what it carried is lost.
    Broken,
}

/// The one or two bytes of a NAL unit's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    bytes: [u8; 2],
    length: usize,
}

impl Header {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Calls `take` for each piece in `payload`. Types that are not assigned, or that carry no
/// NAL units that can be used (interleaved packets, which no camera offers), are skipped.
pub(super) fn read<'a, E>(
    codec: NalCodec,
    payload: &'a [u8],
    take: &mut impl FnMut(Piece<'a>) -> Result<(), E>,
) -> Result<(), E> {
    // Some cameras leave the start code of their encoder in front.
    let payload = payload
        .strip_prefix(&[0, 0, 0, 1])
        .or_else(|| payload.strip_prefix(&[0, 0, 1]))
        .unwrap_or(payload);
    match codec {
        NalCodec::H264 => h264(payload, take),
        NalCodec::H265 => h265(payload, take),
    }
}

fn h264<'a, E>(
    payload: &'a [u8],
    take: &mut impl FnMut(Piece<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let Some((&first, rest)) = payload.split_first() else {
        return Ok(());
    };
    match first & 0x1f {
        1..=23 => take(Piece::Whole(payload)),
        24 => aggregate(rest, take),                         // STAP-A
        25 => aggregate(rest.get(2..).unwrap_or(&[]), take), // STAP-B, behind its DON
        kind @ (28 | 29) => {
            let skip = if kind == 28 { 1 } else { 3 }; // FU-B has a DON
            let (Some(&fu), Some(data)) = (rest.first(), rest.get(skip..)) else {
                return take(Piece::Broken);
            };
            let header = Header {
                bytes: [first & 0xe0 | fu & 0x1f, 0],
                length: 1,
            };
            fragment(header, fu, data, take)
        }
        _ => Ok(()),
    }
}

fn h265<'a, E>(
    payload: &'a [u8],
    take: &mut impl FnMut(Piece<'a>) -> Result<(), E>,
) -> Result<(), E> {
    let Some((header, rest)) = payload.split_at_checked(2) else {
        return if payload.is_empty() {
            Ok(())
        } else {
            take(Piece::Broken)
        };
    };
    match (header[0] >> 1) & 0x3f {
        0..=47 => take(Piece::Whole(payload)),
        48 => aggregate(rest, take),
        49 => {
            let Some((&fu, data)) = rest.split_first() else {
                return take(Piece::Broken);
            };
            let header = Header {
                bytes: [header[0] & 0x81 | (fu & 0x3f) << 1, header[1]],
                length: 2,
            };
            fragment(header, fu, data, take)
        }
        _ => Ok(()),
    }
}

/// Units that each have their length in two bytes before them.
fn aggregate<'a, E>(
    mut rest: &'a [u8],
    take: &mut impl FnMut(Piece<'a>) -> Result<(), E>,
) -> Result<(), E> {
    while let Some((length, behind)) = rest.split_at_checked(2) {
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let Some((nal, behind)) = behind.split_at_checked(length) else {
            return take(Piece::Broken);
        };
        if !nal.is_empty() {
            take(Piece::Whole(nal))?;
        }
        rest = behind;
    }
    Ok(())
}

fn fragment<'a, E>(
    header: Header,
    fu: u8,
    data: &'a [u8],
    take: &mut impl FnMut(Piece<'a>) -> Result<(), E>,
) -> Result<(), E> {
    if fu & 0x80 != 0 {
        take(Piece::Start { header, rest: data })?;
    } else {
        take(Piece::Middle(data))?;
    }
    if fu & 0x40 != 0 {
        take(Piece::End)?;
    }
    Ok(())
}
