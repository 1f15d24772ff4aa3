//! AV1: where a stream keeps its sequence header.

const SEQUENCE_HEADER: u8 = 1;
/// Bytes before `configOBUs` in an `av1C` record (AV1 in ISOBMFF, section 2.3.3).
const RECORD_BYTES: usize = 4;

/// The OBUs in the header bytes that a demuxer gives with a stream: those of an
/// `av1C` record, else the bytes themselves.
#[must_use]
pub fn configuration_obus(extradata: &[u8]) -> &[u8] {
    match extradata {
        // Marker bit 1, version 1.
        [0x81, ..] => extradata.get(RECORD_BYTES..).unwrap_or_default(),
        _ => extradata,
    }
}

/// Whether a temporal unit carries a sequence header (AV1 specification, sections 5.3.2 and 4.10.5).
#[must_use]
pub fn has_sequence_header(mut unit: &[u8]) -> bool {
    while let Some((&header, rest)) = unit.split_first() {
        if (header >> 3) & 15 == SEQUENCE_HEADER {
            return true;
        }
        let extension = usize::from(header >> 2 & 1);
        let has_size = header >> 1 & 1 == 1;
        let Some(rest) = rest.get(extension..).filter(|_| has_size) else {
            return false; // an OBU without a size is the last
        };
        let Some((size, rest)) = leb128(rest) else {
            return false;
        };
        let Some(next) = rest.get(size..) else {
            return false;
        };
        unit = next;
    }
    false
}

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(8).enumerate() {
        value |= usize::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_headers_are_found_behind_other_obus() {
        // Temporal delimiter, then a sequence header of 3 bytes.
        assert!(has_sequence_header(&[0x12, 0, 0x0a, 3, 1, 2, 3]));
        assert!(has_sequence_header(&[0x0a, 1, 9]));
        // A frame of 130 bytes and nothing else.
        let mut frame = vec![0x32, 0x82, 0x01];
        frame.extend([0x0a; 130]);
        assert!(!has_sequence_header(&frame));
        frame.extend([0x0a, 1, 9]);
        assert!(has_sequence_header(&frame));
        assert!(!has_sequence_header(&[]));
        assert!(!has_sequence_header(&[0x12]));
        assert!(!has_sequence_header(&[0x32, 0xff, 0xff]));
    }

    #[test]
    fn records_are_unwrapped() {
        assert_eq!(
            configuration_obus(&[0x81, 0, 0, 0, 0x0a, 1, 9]),
            [0x0a, 1, 9]
        );
        assert_eq!(configuration_obus(&[0x81, 0]), []);
        assert_eq!(configuration_obus(&[0x0a, 1, 9]), [0x0a, 1, 9]);
    }
}
