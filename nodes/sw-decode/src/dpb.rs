//! How many decoded pictures a decoder holds, by its stream's own word.

use std::ffi::c_int;

use camweave_decode::MAX_DPB;
use ffmpeg_next::ffi::{AVCodecContext, AVCodecID};

/// How many frames the decoder may hold beside the one that it writes.
pub(crate) fn pictures_held(context: &AVCodecContext) -> u32 {
    let number = |value: c_int| value.max(0).unsigned_abs();
    let held = match context.codec_id {
        AVCodecID::AV_CODEC_ID_H264 => {
            // Reordering may turn out to be needed only later.
            (number(context.refs) + number(context.has_b_frames)).max(4)
        }
        AVCodecID::AV_CODEC_ID_HEVC => {
            h265_dpb(context.level, number(context.width), number(context.height))
        }
        AVCodecID::AV_CODEC_ID_VP9 => 8,
        // Two references, and one that waits for its turn.
        AVCodecID::AV_CODEC_ID_MPEG4 => 3,
        AVCodecID::AV_CODEC_ID_MJPEG => 1,
        _ => MAX_DPB,
    };
    held.min(MAX_DPB)
}

/// `MaxDpbSize` of ITU-T H.265, equation A-2 and table A.8.
fn h265_dpb(level: c_int, width: u32, height: u32) -> u32 {
    // `general_level_idc` is 30 times the level.
    let max_luma: u64 = match level {
        ..=0 => return MAX_DPB,
        1..=30 => 36_864,
        31..=60 => 122_880,
        61..=63 => 245_760,
        64..=90 => 552_960,
        91..=93 => 983_040,
        94..=123 => 2_228_224,
        124..=156 => 8_912_896,
        _ => 35_651_584,
    };
    let luma = u64::from(width) * u64::from(height);
    if 4 * luma <= max_luma {
        16
    } else if 2 * luma <= max_luma {
        12
    } else if 4 * luma <= 3 * max_luma {
        8
    } else {
        6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h265_levels() {
        assert_eq!(h265_dpb(120, 1920, 1080), 6, "level 4 at its largest size");
        assert_eq!(h265_dpb(123, 1280, 720), 12);
        assert_eq!(h265_dpb(93, 1280, 720), 6);
        assert_eq!(h265_dpb(150, 640, 360), 16);
        assert_eq!(h265_dpb(-99, 1920, 1080), 16, "unknown");
    }
}
