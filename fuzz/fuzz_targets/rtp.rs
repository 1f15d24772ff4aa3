//! RTP payloads into access units, and these on to a decoder's entry: packets of any content in any
//! order, with gaps, restarts, and times that jump.
#![no_main]

use arbitrary::Arbitrary;
use camweave_bitstream::rtp::{Assembler, Output, Packet};
use camweave_bitstream::{NalCodec, ParameterSets, presents_in_decode_order};
use libfuzzer_sys::fuzz_target;

/// Small, so that a short input reaches it.
const LIMIT_BYTES: usize = 2000;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    h265: bool,
    packets: Vec<Step<'a>>,
}

#[derive(Debug, Arbitrary)]
struct Step<'a> {
    payload: &'a [u8],
    /// Added to the packet's time: most packets belong to the frame of the one before.
    later: Option<i32>,
    jump: Option<i64>,
    marker: bool,
    lost_before: u8,
    restarts: bool,
    release: bool,
}

fuzz_target!(|input: Input<'_>| {
    let codec = if input.h265 {
        NalCodec::H265
    } else {
        NalCodec::H264
    };
    let mut assembler = Assembler::new(codec, LIMIT_BYTES);
    let mut sets = ParameterSets::new(codec);
    let mut timestamp = 0_i64;
    for step in input.packets {
        timestamp = timestamp.wrapping_add(i64::from(step.later.unwrap_or_default()));
        // An unwrapped time of 32 bits cannot come further than this in a million years.
        timestamp = step.jump.unwrap_or(timestamp).clamp(-(1 << 62), 1 << 62);
        let packet = Packet {
            payload: step.payload,
            timestamp,
            marker: step.marker,
            lost_before: u32::from(step.lost_before),
            restarts: step.restarts,
        };
        if let Err(error) = assembler.push(packet) {
            assert_eq!(error.limit_bytes, LIMIT_BYTES);
        }
        if step.release && assembler.holds_marked() {
            assembler.release();
        }
        take(&mut assembler, &mut sets, codec);
    }
    assembler.end();
    take(&mut assembler, &mut sets, codec);
    assert!(assembler.pop().is_none());
});

fn take(assembler: &mut Assembler, sets: &mut ParameterSets, codec: NalCodec) {
    while let Some(output) = assembler.pop() {
        match output {
            Output::Unit(unit) => {
                assert!(!unit.data.is_empty() && unit.data.len() <= LIMIT_BYTES);
                let _ = presents_in_decode_order(codec, &unit.data);
                let _ = sets.complete(unit.data);
            }
            Output::Dropped { frames, .. } => assert!(frames > 0),
        }
    }
}
