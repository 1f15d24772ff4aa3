//! What a camera sends over its connection: RTSP messages with interleaved packets, session
//! descriptions, RTP and RTCP.
#![no_main]

use camweave_rtsp::fuzzing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind % 3 {
        0 => fuzzing::description(bytes),
        1 => fuzzing::wire(bytes, usize::from(kind / 3) + 1),
        _ => fuzzing::packets(bytes, kind & 0x80 != 0),
    }
});
