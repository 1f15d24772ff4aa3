//! What is written is read again, box by box.

use camweave_bitstream::NalCodec;
use camweave_fmp4::{Mp4Error, Sample, Track, is_sync};
use mp4_atom::{Any, Codec, Decode as _, DecodeMaybe as _, Moof, Moov};

/// Of x264 for 320x180, profile Baseline.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10];
const PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x20];
const OTHER_PPS: &[u8] = &[0x68, 0xcb, 0x83, 0xcb, 0x21];
const DELIMITER: &[u8] = &[0x09, 0xf0];
const IDR: &[u8] = &[0x65, 1, 2, 3];
const SLICE: &[u8] = &[0x41, 4, 5];

fn unit(nals: &[&[u8]]) -> Vec<u8> {
    let with_codes = nals.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat());
    with_codes.collect()
}

fn keyframe() -> Vec<u8> {
    unit(&[DELIMITER, SPS, PPS, IDR])
}

fn track() -> Track {
    Track::new(NalCodec::H264, &keyframe(), 90_000).expect("a keyframe")
}

fn moov(bytes: &[u8]) -> Moov {
    let mut rest = bytes;
    while let Some(any) = Any::decode_maybe(&mut rest).expect("boxes") {
        if let Any::Moov(moov) = any {
            assert!(rest.is_empty(), "nothing behind it");
            return moov;
        }
    }
    panic!("no moov");
}

#[test]
fn the_initialization_segment_has_the_track_and_its_parameter_sets() {
    let track = track();
    assert_eq!(track.codec_name(), "avc1.42C00D");
    let moov = moov(&track.initialization().expect("boxes"));
    let trak = &moov.trak[0];
    assert_eq!(trak.mdia.mdhd.timescale, 90_000);
    assert_eq!(
        moov.mvex.expect("fragments").trex[0].track_id,
        trak.tkhd.track_id
    );
    let [Codec::Avc1(entry)] = &trak.mdia.minf.stbl.stsd.codecs[..] else {
        panic!("{:?}", trak.mdia.minf.stbl.stsd);
    };
    assert_eq!((entry.visual.width, entry.visual.height), (320, 180));
    assert_eq!(entry.avcc.sequence_parameter_sets, [SPS]);
    assert_eq!(entry.avcc.picture_parameter_sets, [PPS]);
    assert_eq!(entry.avcc.length_size, 4);
}

#[test]
fn a_fragment_has_its_samples_where_its_boxes_say() {
    let key = keyframe();
    let changed = unit(&[DELIMITER, OTHER_PPS, SLICE, SLICE]);
    let samples = [
        Sample {
            unit: &key,
            duration: 3000,
            composition_offset: 6000,
        },
        Sample {
            unit: &changed,
            duration: 3001,
            composition_offset: -5,
        },
    ];
    let decode_time = u64::from(u32::MAX) + 7;
    let bytes = track().fragment(9, decode_time, &samples).expect("boxes");
    let mut rest = &bytes[..];
    let moof = Moof::decode(&mut rest).expect("moof");
    assert_eq!(moof.mfhd.sequence_number, 9);
    let traf = &moof.traf[0];
    let tfdt = traf.tfdt.as_ref().expect("a decode time");
    assert_eq!(tfdt.base_media_decode_time, decode_time);
    assert!(traf.tfhd.default_base_is_moof);
    let entries: Vec<_> = traf.trun[0].samples.iter().collect();
    let times = entries.iter().map(|it| (it.duration, it.cts));
    assert!(times.eq([(Some(3000), Some(6000)), (Some(3001), Some(-5))]));
    let is_sync = entries
        .iter()
        .map(|it| it.flags.expect("flags") & 0x1_0000 == 0);
    assert!(is_sync.eq([true, false]));
    // What the track says already is left out, what changes is not.
    let length = |nal: &[u8]| [&[0, 0, 0, nal.len() as u8], nal].concat();
    let expected = [vec![IDR], vec![OTHER_PPS, SLICE, SLICE]];
    let mut at = traf.trun[0].data_offset.expect("an offset") as usize;
    assert_eq!(bytes[at - 4..at], *b"mdat");
    for (entry, nals) in entries.iter().zip(expected) {
        let end = at + entry.size.expect("a size") as usize;
        let data: Vec<u8> = nals.into_iter().flat_map(length).collect();
        assert_eq!(bytes[at..end], data);
        at = end;
    }
    assert_eq!(at, bytes.len());
    assert_eq!(
        rest.len(),
        u32::from_be_bytes(rest[..4].try_into().expect("four")) as usize
    );
}

#[test]
fn recovery_points_are_no_sync_samples() {
    // A recovery point SEI with recovery_frame_cnt 0, before a slice that is no IDR slice.
    let recovery_point: &[u8] = &[0x06, 0x06, 0x01, 0xc4, 0x80];
    let recovery = unit(&[DELIMITER, SPS, PPS, recovery_point, SLICE]);
    assert!(!is_sync(NalCodec::H264, &recovery));
    assert!(is_sync(NalCodec::H264, &keyframe()));
    assert!(!is_sync(NalCodec::H264, &unit(&[SPS, PPS])));
    // CRA, TRAIL_R.
    assert!(is_sync(NalCodec::H265, &unit(&[&[21 << 1, 1, 0x80]])));
    assert!(!is_sync(NalCodec::H265, &unit(&[&[1 << 1, 1, 0x80]])));
    let sample = Sample {
        unit: &recovery,
        duration: 3000,
        composition_offset: 0,
    };
    let bytes = track().fragment(1, 0, &[sample]).expect("boxes");
    let moof = Moof::decode(&mut &bytes[..]).expect("moof");
    let entry = moof.traf[0].trun[0].samples.iter().next();
    let flags = entry.and_then(|it| it.flags).expect("flags");
    assert_eq!(flags & 0x1_0000, 0x1_0000, "sample_is_non_sync_sample");
}

#[test]
fn tracks_are_equal_while_the_parameter_sets_are() {
    assert_eq!(track(), track());
    let other = unit(&[SPS, OTHER_PPS, IDR]);
    let other = Track::new(NalCodec::H264, &other, 90_000).expect("a keyframe");
    assert_ne!(track(), other);
}

#[test]
fn what_is_no_keyframe_with_parameter_sets_is_refused() {
    let refused = |unit: &[u8]| Track::new(NalCodec::H264, unit, 90_000).expect_err("refused");
    assert!(matches!(
        refused(&unit(&[IDR])),
        Mp4Error::NoParameterSets { .. }
    ));
    let cut = refused(&unit(&[&SPS[..4], PPS, IDR]));
    assert_eq!(
        cut.to_string(),
        "a sequence parameter set of 4 bytes whose size cannot be read"
    );
    for length in 0..SPS.len() {
        drop(Track::new(
            NalCodec::H264,
            &unit(&[&SPS[..length], PPS, IDR]),
            1,
        ));
    }
    for length in 0..30 {
        let sps = [&[0x42, 1], &vec![1; length][..]].concat();
        drop(Track::new(
            NalCodec::H265,
            &unit(&[&[0x40, 1, 1], &sps, &[0x44, 1, 1]]),
            1,
        ));
    }
}
