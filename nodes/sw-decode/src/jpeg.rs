//! Whether a JPEG picture is all there: libavcodec fills in what is missing and does not say so.

const END: [u8; 2] = [0xff, 0xd9];
const SCAN: [u8; 2] = [0xff, 0xda];

/// Whether the frame has its end (EOI; ITU-T T.81, section B.1.1.3) behind its last scan. Bytes
/// after it do not matter: webcams fill their buffers up.
pub(crate) fn is_whole(data: &[u8]) -> bool {
    let padding = data.iter().rev().take_while(|byte| **byte == 0).count();
    if data[..data.len() - padding].ends_with(&END) {
        return true;
    }
    // A marker cannot be within a scan, but a thumbnail in front has an end of its own.
    let last = |marker: [u8; 2]| data.windows(2).rposition(|it| it == marker);
    match (last(END), last(SCAN)) {
        (Some(end), Some(scan)) => end > scan,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_padding_and_thumbnails() {
        let thumbnail = [0xff, 0xd8, 0xff, 0xda, 1, 0xff, 0xd9];
        let body = [&thumbnail[..], &[0xff, 0xda, 7, 7, 0xff, 0x00, 7]].concat();
        assert!(!is_whole(&body));
        let whole = [&body[..], &END].concat();
        assert!(is_whole(&whole));
        assert!(is_whole(&[&whole[..], &[0; 9]].concat()));
        assert!(is_whole(&[&whole[..], b"camera 3"].concat()));
        for nothing in [&[][..], &[0], &END[..1], b"<html>"] {
            assert!(!is_whole(nothing), "{nothing:?}");
        }
    }
}
