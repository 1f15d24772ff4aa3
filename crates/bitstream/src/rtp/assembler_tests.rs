use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1 << 20;

/// What comes out: `Ok` the types of a unit's NAL units, `Err` a damage and how many.
type Seen = Vec<Result<Vec<u8>, (Damage, u32)>>;

struct Camera {
    assembler: Assembler,
    codec: NalCodec,
    seen: Seen,
    lost: u32,
    lost_packets: Vec<u32>,
}

impl Camera {
    fn new(codec: NalCodec) -> Self {
        Self {
            assembler: Assembler::new(codec, LIMIT),
            codec,
            seen: Vec::new(),
            lost: 0,
            lost_packets: Vec::new(),
        }
    }

    fn h264() -> Self {
        Self::new(NalCodec::H264)
    }

    fn packet(&mut self, payload: &[u8], timestamp: i64, marker: bool) {
        self.assembler
            .push(Packet {
                payload,
                timestamp,
                marker,
                lost_before: std::mem::take(&mut self.lost),
                restarts: false,
            })
            .expect("small");
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.assembler.pop() {
            self.seen.push(match output {
                Output::Unit(unit) => {
                    self.lost_packets.push(unit.lost_packets);
                    let codes = StartCodes::new(&unit.data);
                    Ok(codes
                        .map(|code| match self.codec {
                            NalCodec::H264 => unit.data[code.nal_at] & 0x1f,
                            NalCodec::H265 => unit.data[code.nal_at] >> 1 & 0x3f,
                        })
                        .collect())
                }
                Output::Dropped { damage, frames } => Err((damage, frames)),
            });
        }
    }

    fn end(&mut self) -> Seen {
        self.assembler.end();
        self.collect();
        std::mem::take(&mut self.seen)
    }

    /// Frames of one packet each, so that the marker is trusted.
    fn settle(&mut self) {
        for frame in -20..0 {
            let nal = if frame == -20 { IDR } else { P };
            self.packet(nal, frame * 3000, true);
        }
        self.seen.clear();
        self.lost_packets.clear();
    }
}

const SPS: &[u8] = &[0x67, 66, 0, 30, 0x80];
const PPS: &[u8] = &[0x68, 0xce, 0x38];
const SEI: &[u8] = &[0x06, 5, 1];
/// The first slice of a picture, and another.
const IDR: &[u8] = &[0x65, 0x88, 0x84];
const IDR_MORE: &[u8] = &[0x65, 0x28, 0x84];
const P: &[u8] = &[0x41, 0x9a, 0x24];
const P_MORE: &[u8] = &[0x41, 0x2a, 0x24];

#[test]
fn a_marker_on_each_slice_cuts_no_picture() {
    let mut camera = Camera::h264();
    for frame in 0..12 {
        let (first, more): (_, _) = if frame == 0 {
            (IDR, IDR_MORE)
        } else {
            (P, P_MORE)
        };
        for nal in [first, more, more] {
            camera.packet(nal, frame * 3000, true);
        }
    }
    let mut expected = vec![Ok(vec![5, 5, 5])];
    expected.extend(vec![Ok(vec![1, 1, 1]); 11]);
    assert_eq!(camera.end(), expected);
}

#[test]
fn a_marker_that_keeps_its_word_ends_a_unit_at_once() {
    let mut camera = Camera::h264();
    camera.settle();
    camera.packet(P, 0, false);
    camera.packet(P_MORE, 0, true);
    assert_eq!(camera.seen, [Ok(vec![1, 1])]);
    assert!(!camera.assembler.holds_marked());
    // Before that, a silence does.
    let mut young = Camera::h264();
    young.packet(IDR, 0, true);
    assert!(young.seen.is_empty() && young.assembler.holds_marked());
    young.assembler.release();
    young.collect();
    assert_eq!(young.seen, [Ok(vec![5])]);
}

#[test]
fn no_marker_at_all() {
    let mut camera = Camera::h264();
    for frame in 0..3 {
        camera.packet(SPS, frame * 3000, false);
        camera.packet(IDR, frame * 3000, false);
        camera.packet(IDR_MORE, frame * 3000, false);
    }
    assert_eq!(camera.end(), vec![Ok(vec![7, 5, 5]); 3]);
}

#[test]
fn parameter_sets_with_the_time_of_the_frame_before() {
    for settled in [false, true] {
        let mut camera = Camera::h264();
        if settled {
            camera.settle();
        }
        camera.packet(P, 0, true);
        camera.packet(SPS, 0, true);
        camera.packet(PPS, 0, true);
        camera.packet(IDR, 3000, true);
        camera.packet(P, 6000, true);
        let expected = [Ok(vec![1]), Ok(vec![7, 8, 5]), Ok(vec![1])];
        let seen = camera.end();
        assert_eq!(seen[seen.len() - 3..], expected, "{settled}");
    }
}

#[test]
fn several_units_in_one_with_start_codes() {
    let mut camera = Camera::h264();
    let all = [SPS, &[0, 0, 0, 1], PPS, &[0, 0, 1], SEI, &[0, 0, 1], IDR].concat();
    camera.packet(&[&[0x7c, 0x87], &all[1..6]].concat(), 0, false);
    camera.packet(&[&[0x7c, 0x47], &all[6..]].concat(), 0, true);
    camera.packet(&[&[0, 0, 0, 1], P].concat(), 3000, true);
    assert_eq!(camera.end(), [Ok(vec![7, 8, 6, 5]), Ok(vec![1])]);
}

#[test]
fn fragments_in_one_packet_without_an_end_and_aggregates() {
    let mut camera = Camera::h264();
    camera.packet(&[0x7c, 0xc5, 0x88, 1], 0, true);
    // The last fragment does not say so.
    camera.packet(&[0x5c, 0x81, 0x9a, 1], 3000, false);
    camera.packet(&[0x5c, 0x01, 2], 3000, true);
    let stap = [
        &[0x18, 0, 5][..],
        SPS,
        &[0, 3],
        PPS,
        &[0, 0, 0, 3],
        IDR,
        &[0],
    ]
    .concat();
    camera.packet(&stap, 6000, true);
    assert_eq!(camera.end(), [Ok(vec![5]), Ok(vec![1]), Ok(vec![7, 8, 5])]);
}

#[test]
fn unknown_types_are_skipped_and_one_bad_unit_costs_one_frame() {
    let mut camera = Camera::h264();
    camera.settle();
    for (frame, odd) in [
        &[0x1e, 1][..],
        &[0x1f],
        &[0x00, 1],
        &[],
        &[0xef, 0, 1],
        &[0x1a, 1],
    ]
    .iter()
    .enumerate()
    {
        camera.packet(odd, frame as i64 * 3000, false);
        camera.packet(P, frame as i64 * 3000, true);
    }
    assert_eq!(camera.seen, vec![Ok(vec![1]); 6]);
    camera.seen.clear();
    camera.packet(&[0xc1, 0x9a], 20_000, false);
    camera.packet(P_MORE, 20_000, true);
    camera.packet(P, 23_000, true);
    // An aggregate whose length is wrong, alone.
    camera.packet(&[0x18, 0xff, 0xff, 0x65], 26_000, true);
    camera.packet(P, 29_000, true);
    let corrupt = Err((Damage::Corrupt, 1));
    assert_eq!(
        camera.end(),
        [corrupt.clone(), Ok(vec![1]), corrupt, Ok(vec![1])]
    );
}

#[test]
fn h265_with_a_marker_on_each_slice_and_vendor_types() {
    let mut camera = Camera::new(NalCodec::H265);
    for frame in 0..10 {
        let nal_type = if frame == 0 { 19 } else { 1 };
        camera.packet(&[62 << 1, 1, 9], frame * 3000, false);
        camera.packet(&[nal_type << 1, 1, 0x80, 7], frame * 3000, true);
        // The second slice in fragments.
        let fu = |flags: u8| [49 << 1, 1, flags | nal_type, 0x40];
        camera.packet(&fu(0x80), frame * 3000, false);
        camera.packet(&fu(0x40), frame * 3000, true);
    }
    let mut expected = vec![Ok(vec![19, 19])];
    expected.extend(vec![Ok(vec![1, 1]); 9]);
    assert_eq!(camera.end(), expected);
}

#[test]
fn a_lost_packet_costs_its_frame_and_is_told() {
    let mut camera = Camera::h264();
    camera.settle();
    // In the middle of a fragmented slice.
    camera.packet(&[0x5c, 0x81, 0x9a], 0, false);
    camera.lost = 1;
    camera.packet(&[0x5c, 0x41, 1], 0, true);
    // The beginning.
    camera.lost = 1;
    camera.packet(&[0x5c, 0x01, 1], 3000, false);
    camera.packet(&[0x5c, 0x41, 1], 3000, true);
    // The end, and the next unit is whole.
    camera.packet(P, 6000, false);
    camera.lost = 1;
    camera.packet(P, 9000, true);
    // The second slice.
    camera.packet(P, 12_000, false);
    camera.lost = 2;
    camera.packet(P_MORE, 12_000, true);
    camera.packet(P, 15_000, true);
    let lost = Err((Damage::Lost, 1));
    let whole = Ok(vec![1]);
    assert_eq!(
        camera.end(),
        [
            lost.clone(),
            lost.clone(),
            lost.clone(),
            whole.clone(),
            lost,
            whole
        ]
    );
    assert_eq!(camera.lost_packets, [3, 2]);
}

#[test]
fn frames_that_never_came_are_counted_by_time() {
    let mut camera = Camera::h264();
    camera.settle();
    camera.lost = 5;
    // Frames 0 to 2 are missing.
    camera.packet(P, 9000, true);
    // A parameter set or message between two frames is none.
    camera.lost = 1;
    camera.packet(P, 12_000, true);
    assert_eq!(
        camera.end(),
        [Err((Damage::Lost, 3)), Ok(vec![1]), Ok(vec![1])]
    );
}

#[test]
fn numbering_that_begins_anew_between_frames_costs_nothing() {
    for settled in [false, true] {
        let mut camera = Camera::h264();
        if settled {
            camera.settle();
        }
        camera.packet(P, 0, true);
        camera
            .assembler
            .push(Packet {
                payload: P,
                timestamp: 3000,
                marker: true,
                lost_before: 0,
                restarts: true,
            })
            .expect("small");
        camera.collect();
        assert_eq!(camera.end(), vec![Ok(vec![1]); 2]);
    }
}

#[test]
fn a_picture_without_its_first_slice_or_its_end_is_not_given_out() {
    let mut camera = Camera::h264();
    camera.settle();
    camera.packet(P_MORE, 0, true);
    camera.packet(P, 3000, true);
    camera.packet(P, 6000, false);
    assert_eq!(camera.end(), [Err((Damage::Corrupt, 1)), Ok(vec![1])]);
}

/// One broken picture does not make the network lose the next.
#[test]
fn pictures_that_are_all_broken_are_corrupt() {
    let mut camera = Camera::h264();
    camera.settle();
    for frame in 0..3 {
        camera.packet(P_MORE, frame * 3000, true);
    }
    assert_eq!(camera.end(), vec![Err((Damage::Corrupt, 1)); 3]);
}

#[test]
fn one_who_joins_within_a_frame_loses_nothing_else() {
    let mut camera = Camera::h264();
    camera.packet(&[0x5c, 0x01, 1], 0, false);
    camera.packet(&[0x5c, 0x41, 1], 0, true);
    camera.packet(P, 3000, true);
    assert_eq!(camera.end(), [Ok(vec![1])]);
}

#[test]
fn a_unit_without_an_end_is_too_large() {
    let mut assembler = Assembler::new(NalCodec::H264, LIMIT);
    let mut packet = |payload: &[u8]| {
        assembler.push(Packet {
            payload,
            timestamp: 0,
            marker: false,
            lost_before: 0,
            restarts: false,
        })
    };
    packet(&[0x7c, 0x85, 0x88]).expect("small");
    let fragment = [&[0x7c, 0x05][..], &[0xff; 60_000]].concat();
    let refused = (0..100).find_map(|_| packet(&fragment).err());
    assert_eq!(refused, Some(TooLarge { limit_bytes: LIMIT }));
    assert_eq!(assembler.unit.data.capacity(), 0);
}

/// Time stamps that count the packets, or the slices, of a picture.
#[test]
fn a_time_stamp_that_differs_within_a_picture() {
    let mut camera = Camera::h264();
    for frame in 0..3 {
        let nal_type = if frame == 0 { 5 } else { 1 };
        let fu = |flags: u8| [0x5c, flags | nal_type, 0x9a];
        camera.packet(&fu(0x80), frame * 3000, false);
        camera.packet(&fu(0), frame * 3000 + 1, false);
        camera.packet(&fu(0x40), frame * 3000 + 2, true);
    }
    assert_eq!(camera.end(), [Ok(vec![5]), Ok(vec![1]), Ok(vec![1])]);
    let mut slices = Camera::h264();
    for frame in 0..3 {
        let first = if frame == 0 { IDR } else { P };
        slices.packet(first, frame * 3000, false);
        slices.packet(P_MORE, frame * 3000 + 1, false);
        slices.packet(P_MORE, frame * 3000 + 2, true);
    }
    assert_eq!(
        slices.end(),
        [Ok(vec![5, 1, 1]), Ok(vec![1, 1, 1]), Ok(vec![1, 1, 1])]
    );
}

#[test]
fn half_a_slice_is_no_whole_picture() {
    let mut camera = Camera::h264();
    camera.packet(IDR, 0, true);
    camera.packet(&[0x5c, 0x81, 0x2a], 0, false);
    camera.assembler.unit.marked = true;
    camera.assembler.release();
    camera.collect();
    assert_eq!(camera.seen, [Err((Damage::Corrupt, 1))]);
}

#[test]
fn messages_between_the_slices_of_a_picture() {
    for settled in [false, true] {
        let mut camera = Camera::h264();
        if settled {
            camera.settle();
        }
        for frame in 0..3 {
            camera.packet(SPS, frame * 3000, false);
            camera.packet(IDR, frame * 3000, false);
            camera.packet(SEI, frame * 3000, false);
            camera.packet(IDR_MORE, frame * 3000, true);
        }
        let seen = camera.end();
        assert_eq!(seen[seen.len() - 3..], vec![Ok(vec![7, 5, 6, 5]); 3]);
    }
    // What follows the last slice belongs to the next picture.
    let mut camera = Camera::h264();
    camera.packet(IDR, 0, false);
    camera.packet(SEI, 0, false);
    camera.packet(P, 3000, false);
    // Half of one that is lost belongs to none.
    camera.packet(&[0x7c, 0x87, 66], 3000, false);
    camera.lost = 1;
    camera.packet(P, 6000, false);
    camera.packet(P, 9000, true);
    let seen = camera.end();
    assert_eq!(seen[0], Ok(vec![5]));
    assert_eq!(seen[seen.len() - 2..], [Ok(vec![1]), Ok(vec![1])]);
}

/// 640x480, frames alone.
const SPS_FRAMES: &[u8] = &[0x67, 66, 0, 30, 0xda, 0x02, 0x80, 0xf6, 0x40];

/// Neither markers nor time stamps tell where a picture ends: its first slice does.
#[test]
fn a_time_stamp_that_stands_still_without_markers() {
    let mut camera = Camera::h264();
    camera.packet(SPS_FRAMES, 0, false);
    camera.packet(PPS, 0, false);
    camera.packet(IDR, 0, false);
    for _ in 0..3 {
        camera.packet(P, 0, false);
        camera.packet(P_MORE, 0, false);
        camera.packet(SEI, 0, false);
    }
    assert_eq!(
        camera.end(),
        [
            Ok(vec![7, 8, 5]),
            Ok(vec![1, 1]),
            Ok(vec![6, 1, 1]),
            Ok(vec![6, 1, 1])
        ]
    );
}

#[test]
fn two_fields_share_a_time_stamp() {
    // frame_mbs_only_flag is 0, log2_max_frame_num 4.
    let sps: &[u8] = &[0x67, 77, 0, 30, 0xda, 0x02, 0x81, 0xe4, 0x80];
    // first_mb_in_slice 0, slice_type 5, pic_parameter_set_id 0, frame_num, field_pic_flag.
    let slice = |number: u8, field: u8| {
        let bits = 0b100_1101_u16 << 9 | u16::from(number) << 5 | u16::from(field) << 4;
        [&[0x41][..], &bits.to_be_bytes()].concat()
    };
    for (field, expected) in [(1, 1), (0, 2)] {
        let mut camera = Camera::h264();
        camera.packet(sps, 0, false);
        camera.packet(&slice(0, field), 0, false);
        camera.packet(&slice(1, field), 0, false);
        camera.packet(&slice(2, 0), 3000, false);
        assert_eq!(camera.end().len(), expected + 1, "{field}");
    }
}

proptest! {
    /// Frames are given out or counted, each once, whatever packets are missing.
    #[test]
    fn every_frame_is_given_out_or_counted(
        sizes in proptest::collection::vec(1_usize..5, 30..60),
        lost in proptest::collection::vec(any::<bool>(), 250),
        lossy in any::<bool>(),
    ) {
        let mut camera = Camera::h264();
        camera.settle();
        let mut number = 0;
        let frames = sizes.len();
        for (frame, size) in sizes.iter().enumerate() {
            for fragment in 0..*size {
                let flags = u8::from(fragment == 0) << 7 | u8::from(fragment + 1 == *size) << 6;
                number += 1;
                // The first and last frame arrive, so that the ends are known.
                if lossy && lost[number] && (1..frames - 1).contains(&frame) {
                    camera.lost += 1;
                    continue;
                }
                camera.packet(&[0x5c, flags | 1, 0x9a], frame as i64 * 3000, fragment + 1 == *size);
            }
        }
        let seen = camera.end();
        let counted: usize = seen.iter().map(|it| match it {
            Ok(_) => 1,
            Err((_, count)) => *count as usize,
        }).sum();
        prop_assert_eq!(counted, frames);
        prop_assert!(lossy || seen.iter().all(Result::is_ok));
    }

    #[test]
    fn noise_never_panics_and_stays_within_bounds(
        packets in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), 0..40), -3_i64..3, any::<bool>(), 0_u32..2, any::<bool>()), 0..80),
        h265 in any::<bool>(),
    ) {
        let codec = if h265 { NalCodec::H265 } else { NalCodec::H264 };
        let mut assembler = Assembler::new(codec, 500);
        for (payload, timestamp, marker, lost_before, restarts) in packets {
            let _ = assembler.push(Packet { payload: &payload, timestamp, marker, lost_before, restarts });
            prop_assert!(assembler.unit.data.len() <= 500);
            while let Some(output) = assembler.pop() {
                if let Output::Unit(unit) = output {
                    prop_assert!(unit.data.len() <= 500);
                }
            }
        }
        assembler.end();
    }
}

#[test]
fn no_step_of_time_stamps_is_too_large() {
    let mut pace = Pace::default();
    for timestamp in [-(1 << 62), 1 << 62, (1 << 62) + 5, i64::MIN, i64::MAX] {
        pace.saw(timestamp);
        assert_eq!(pace.missing(timestamp), 0);
    }
    assert!(pace.missing(i64::MIN) == 0);
}
