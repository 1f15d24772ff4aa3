use proptest::prelude::*;

use super::*;

fn annex_b(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter()
        .flat_map(|nal| START_CODE.into_iter().chain(nal.iter().copied()))
        .collect()
}

const AUD: &[u8] = &[0x09, 0xf0];
const SPS0: &[u8] = &[0x67, 66, 0, 30, 0b1101_0000, 0x80];
const SPS0_NEW: &[u8] = &[0x67, 66, 0, 31, 0b1101_0001, 0x80];
const PPS0: &[u8] = &[0x68, 0b1111_0000, 0x80];
const PPS1: &[u8] = &[0x68, 0b0101_1000, 0x80];
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x21];
const P: &[u8] = &[0x41, 0x9a, 0x01];
/// Recovery point with recovery_frame_cnt 0, behind a message of another type.
const RECOVERY: &[u8] = &[0x06, 5, 2, 9, 9, 6, 1, 0xc4, 0x80];
const OTHER_SEI: &[u8] = &[0x06, 5, 2, 6, 1, 0x80];

fn known() -> ParameterSets {
    let mut sets = ParameterSets::new(NalCodec::H264);
    sets.learn(&annex_b(&[SPS0, PPS0, PPS1]));
    assert!(sets.is_complete());
    sets
}

#[test]
fn an_idr_gets_what_it_lacks_behind_the_delimiter() {
    let unit = known().complete(annex_b(&[AUD, IDR]));
    assert!(unit.random_access);
    assert_eq!(unit.data, annex_b(&[AUD, SPS0, PPS0, PPS1, IDR]));
    let unit = known().complete(annex_b(&[IDR]));
    assert_eq!(unit.data, annex_b(&[SPS0, PPS0, PPS1, IDR]));
}

#[test]
fn own_sets_are_newer_and_stand_once() {
    let mut sets = known();
    let unit = sets.complete(annex_b(&[AUD, SPS0_NEW, OTHER_SEI, PPS0, IDR]));
    assert_eq!(
        unit.data,
        annex_b(&[AUD, SPS0_NEW, PPS0, PPS1, OTHER_SEI, IDR])
    );
    // Updates between keyframes are learnt as well.
    let unit = sets.complete(annex_b(&[SPS0, P]));
    assert!(!unit.random_access);
    assert_eq!(unit.data, annex_b(&[SPS0, P]));
    assert_eq!(
        sets.complete(annex_b(&[IDR])).data,
        annex_b(&[SPS0, PPS0, PPS1, IDR])
    );
}

#[test]
fn a_complete_unit_stays_byte_for_byte() {
    let mut sets = ParameterSets::new(NalCodec::H264);
    let data = annex_b(&[AUD, PPS0, SPS0, IDR, IDR]);
    let unit = sets.complete(data.clone());
    assert_eq!(
        unit,
        AccessUnit {
            data,
            random_access: true
        }
    );
}

#[test]
fn a_recovery_point_is_an_entry() {
    let unit = known().complete(annex_b(&[AUD, RECOVERY, P]));
    assert!(unit.random_access);
    assert_eq!(unit.data, annex_b(&[AUD, SPS0, PPS0, PPS1, RECOVERY, P]));
    assert!(!known().complete(annex_b(&[OTHER_SEI, P])).random_access);
    assert!(!known().complete(annex_b(&[AUD])).random_access);
    assert!(!known().complete(Vec::new()).random_access);
}

/// Parameter sets that x265 3.5 wrote for a 320x240 stream.
const VPS265: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03,
    0x00, 0x00, 0x03, 0x00, 0x3c, 0x95, 0x98, 0x09,
];
const SPS265: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x3c, 0xa0, 0x0a, 0x08, 0x0f, 0x16, 0x59, 0x59, 0xa4, 0x93, 0x2b, 0xc0, 0x5a, 0x02, 0x00,
];
const PPS265: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];

#[test]
fn a_cra_gets_the_sets_of_an_earlier_idr() {
    let mut sets = ParameterSets::new(NalCodec::H265);
    let idr = annex_b(&[VPS265, SPS265, PPS265, &[20 << 1, 1, 0xaf]]);
    assert!(sets.complete(idr).random_access);
    assert!(sets.is_complete());
    // The SPS's id is 0 behind emulation prevention: an SPS with another id is a second one.
    assert_eq!(sets.sets.keys().filter(|key| key.1 != 0).count(), 0);
    let cra: &[u8] = &[21 << 1, 1, 0xaf];
    let unit = sets.complete(annex_b(&[&[35 << 1, 1, 0x50], cra]));
    // The trailing zero of the SPS is no part of it.
    let sps = &SPS265[..SPS265.len() - 1];
    assert_eq!(
        unit.data,
        annex_b(&[&[35 << 1, 1, 0x50], VPS265, sps, PPS265, cra])
    );
    let rasl: &[u8] = &[8 << 1, 1, 0xaf];
    assert!(!sets.complete(annex_b(&[rasl])).random_access);
}

#[test]
fn an_sps_with_sub_layers_is_read_to_its_id() {
    // max_sub_layers_minus1 = 2, each with profile and level; then ue(3) = 00100.
    let mut bits = String::from("0000" /* vps id */);
    bits += "010"; // sps_max_sub_layers_minus1
    bits += "1";
    bits += &"10".repeat(48); // general: 96 bits
    bits += "1111"; // two sub-layers: profile and level present
    bits += &"00".repeat(6); // reserved for the other six
    bits += &"10".repeat(2 * 48);
    bits += "00100";
    let mut nal = vec![33 << 1, 1];
    nal.extend(bits.as_bytes().chunks(8).map(|chunk| {
        chunk
            .iter()
            .enumerate()
            .fold(0_u8, |byte, (at, bit)| byte | (bit - b'0') << (7 - at))
    }));
    let sets = ParameterSets::new(NalCodec::H265);
    assert_eq!(sets.set_id(NalKind::Sps, &nal), Some(3));
}

proptest! {
    #[test]
    fn noise_never_panics_and_slices_survive(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        h265 in any::<bool>(),
    ) {
        let codec = if h265 { NalCodec::H265 } else { NalCodec::H264 };
        let mut sets = ParameterSets::new(codec);
        sets.learn(&annex_b(&[SPS0, PPS0]));
        let mut unit = START_CODE.to_vec();
        unit.extend(&bytes);
        let complete = sets.complete(unit.clone());
        if complete.random_access {
            prop_assert!(complete.data.len() >= bytes.len());
        } else {
            prop_assert_eq!(complete.data, unit);
        }
    }
}

#[test]
fn what_is_kept_and_put_before_a_keyframe_is_bounded() {
    let mut sets = ParameterSets::new(NalCodec::H264);
    // 250 picture parameter sets, of ids 0 to 249 and some thousand bytes each.
    for bytes in [60_000, 16_000, 1000] {
        for id in 0..250_u32 {
            let code = id + 1;
            let bits = 32 - code.leading_zeros();
            let ue = u64::from(code) << (64 - (2 * bits - 1));
            let mut unit = vec![0, 0, 0, 1, 0x68];
            unit.extend(&ue.to_be_bytes()[..2]);
            unit.extend(vec![0xff; bytes]);
            sets.learn(&unit);
        }
        let keyframe = sets.complete(vec![0, 0, 0, 1, 0x65, 0x88, 0x84]);
        assert!(keyframe.random_access);
        assert!(
            keyframe.data.len() < MAX_BYTES + 2048,
            "{}",
            keyframe.data.len()
        );
    }
}
