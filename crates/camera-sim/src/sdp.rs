//! Session descriptions (RFC 8866) with the media parameters of RFC 6184, 8.2 and RFC 7798, 7.2.

use std::fmt::Write as _;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::clip::Clip;
use crate::nal::Codec;
use crate::rtp::PAYLOAD_TYPE;

/// Control attribute of the only stream of a camera, relative to the camera's URL.
pub const STREAM_CONTROL: &str = "streamid=0";

/// Describes a live camera that plays `clip`, as an `application/sdp` body.
pub fn describe(camera: &str, server: IpAddr, clip: &Clip) -> String {
    let family = if server.is_ipv4() { "IP4" } else { "IP6" };
    let any = if server.is_ipv4() { "0.0.0.0" } else { "::" };
    let codec = clip.codec.rtpmap_name();
    let fmtp = format_parameters(clip);
    let mut sdp = String::new();
    for line in [
        "v=0".to_owned(),
        format!("o=- 1 1 IN {family} {server}"),
        format!("s={camera}"),
        "t=0 0".to_owned(),
        "a=tool:camera-sim".to_owned(),
        "a=type:broadcast".to_owned(),
        "a=control:*".to_owned(),
        "a=range:npt=now-".to_owned(),
        format!("m=video 0 RTP/AVP {PAYLOAD_TYPE}"),
        format!("c=IN {family} {any}"),
        format!("a=rtpmap:{PAYLOAD_TYPE} {codec}/90000"),
        format!("a=fmtp:{PAYLOAD_TYPE} {fmtp}"),
        format!("a=framerate:{}", (clip.fps * 1000.0).round() / 1000.0),
        format!("a=framesize:{PAYLOAD_TYPE} {}-{}", clip.width, clip.height),
        format!("a=control:{STREAM_CONTROL}"),
    ] {
        sdp.push_str(&line);
        sdp.push_str("\r\n");
    }
    sdp
}

fn format_parameters(clip: &Clip) -> String {
    let sets = &clip.parameter_sets;
    let mut text = String::new();
    match clip.codec {
        Codec::H264 => {
            text.push_str("packetization-mode=1");
            if let Some(profile) = sets.h264_profile_level_id() {
                let _ = write!(text, ";profile-level-id={profile}");
            }
            let both: Vec<Bytes> = sets.sps.iter().chain(&sets.pps).cloned().collect();
            let _ = write!(text, ";sprop-parameter-sets={}", base64_list(&both));
        }
        Codec::H265 => {
            if let Some(profile) = sets.h265_profile() {
                let _ = write!(
                    text,
                    "profile-space={};profile-id={};tier-flag={};level-id={};",
                    profile.space, profile.profile, profile.tier, profile.level
                );
            }
            let _ = write!(
                text,
                "sprop-vps={};sprop-sps={};sprop-pps={}",
                base64_list(&sets.vps),
                base64_list(&sets.sps),
                base64_list(&sets.pps)
            );
        }
    }
    text
}

fn base64_list(nals: &[Bytes]) -> String {
    let encoded: Vec<String> = nals.iter().map(|nal| STANDARD.encode(nal)).collect();
    encoded.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{ClipFormat, RawUnit};
    use crate::parameter_sets::ParameterSets;
    use crate::timeline::{FrameRate, Timing};

    fn clip(codec: Codec, nals: &[&'static [u8]]) -> Clip {
        let nals = nals.iter().map(|nal| Bytes::from_static(nal)).collect();
        let format = ClipFormat {
            codec,
            width: 640,
            height: 360,
            fps: 30_000.0 / 1001.0,
        };
        let timing = Timing::Constant(FrameRate::new(30_000, 1001).unwrap());
        let raw = vec![RawUnit {
            nals,
            keyframe: true,
            pts: 0,
        }];
        Clip::new(format, raw, &ParameterSets::default(), timing).unwrap()
    }

    #[test]
    fn h264_parameters() {
        let clip = clip(
            Codec::H264,
            &[
                &[0x67, 0x64, 0x00, 0x1f, 0xac],
                &[0x68, 0xee, 0x3c],
                &[0x65, 1],
            ],
        );
        let sdp = describe("cam1", IpAddr::from([127, 0, 0, 1]), &clip);
        assert!(sdp.contains("\r\na=rtpmap:96 H264/90000\r\n"), "{sdp}");
        assert!(
            sdp.contains(
                "\r\na=fmtp:96 packetization-mode=1;profile-level-id=64001F;sprop-parameter-sets=Z2QAH6w=,aO48\r\n"
            ),
            "{sdp}"
        );
        assert!(sdp.contains("\r\na=framerate:29.97\r\n"), "{sdp}");
        assert!(sdp.ends_with("a=control:streamid=0\r\n"), "{sdp}");
    }

    #[test]
    fn h265_parameters() {
        let sps: &[u8] = &[
            0x42, 1, 1, 1, 0x60, 0, 0, 3, 0, 0x90, 0, 0, 3, 0, 0, 3, 0, 0x5a, 0xa0,
        ];
        let clip = clip(
            Codec::H265,
            &[&[0x40, 1, 0xc], sps, &[0x44, 1, 0xc0], &[0x26, 1, 5]],
        );
        let sdp = describe("cam1", IpAddr::from([127, 0, 0, 1]), &clip);
        assert!(sdp.contains("\r\na=rtpmap:96 H265/90000\r\n"), "{sdp}");
        assert!(
            sdp.contains("a=fmtp:96 profile-space=0;profile-id=1;tier-flag=0;level-id=90;sprop-vps=QAEM;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwBaoA==;sprop-pps=RAHA\r\n"),
            "{sdp}"
        );
    }
}
