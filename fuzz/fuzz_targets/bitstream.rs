//! Coded video: start codes, parameter sets, access units, and the records of containers.
#![no_main]

use camweave_bitstream::{
    Configuration, NalCodec, ParameterSets, StartCodes, av1, presents_in_decode_order,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, Vec<&[u8]>)| {
    let (h265, parts) = input;
    let codec = if h265 { NalCodec::H265 } else { NalCodec::H264 };
    let mut sets = ParameterSets::new(codec);
    let mut configuration = None;
    for part in parts {
        for code in StartCodes::new(part) {
            let nal = StartCodes::new(part).nal(code.nal_at);
            let kind = codec.kind(nal);
            assert!(!(kind.is_slice() && kind.is_parameter_set()));
        }
        let _ = presents_in_decode_order(codec, part);
        let _ = av1::has_sequence_header(part);
        let _ = av1::configuration_obus(part);
        if let Ok(Some(found)) = Configuration::parse(codec, part) {
            configuration = Some(found);
        }
        if let Some(configuration) = &configuration
            && let Ok(annex_b) = configuration.to_annex_b(part)
        {
            assert!(annex_b.len() <= 4 * part.len() + 8);
            sets.learn(&annex_b);
        }
        let unit = sets.complete(part.to_vec());
        if !unit.random_access {
            assert_eq!(unit.data, part, "only a random-access point is changed");
        }
        let again = sets.complete(unit.data.clone());
        assert_eq!(again, unit, "what is complete stays as it is");
    }
});
