//! The declarations against the C compiler's view of the same headers.

use std::fmt::Write as _;
use std::mem::offset_of;
use std::process::Command;

use camweave_nvdec::sys;

/// For each type its size and the offsets of the listed fields: as C text, and as Rust sees them.
macro_rules! measured {
    ($($type:ident { $($field:ident),* })+) => {{
        let (mut text, mut found) = (String::new(), Vec::new());
        $(
            let name = stringify!($type);
            let _ = writeln!(text, "printf(\"{name} %zu\\n\", sizeof({name}));");
            found.push(format!("{name} {}", size_of::<sys::$type>()));
            $(
                let field = stringify!($field);
                let _ = writeln!(text, "printf(\"{name}.{field} %zu\\n\", offsetof({name}, {field}));");
                found.push(format!("{name}.{field} {}", offset_of!(sys::$type, $field)));
            )*
        )+
        (text, found)
    }};
}

#[test]
fn sizes_and_offsets_are_the_c_compilers() {
    let (text, found) = measured! {
        CUVIDEOFORMAT { codec, progressive_sequence, bit_depth_luma_minus8, min_num_decode_surfaces,
            coded_width, coded_height, display_area, chroma_format, video_signal_description }
        CUVIDDECODECAPS { eCodecType, eChromaFormat, nBitDepthMinus8, bIsSupported, nNumNVDECs,
            nOutputFormatMask, nMaxWidth, nMaxHeight, nMaxMBCount, nMinWidth, nMinHeight }
        CUVIDDECODECREATEINFO { ulWidth, ulHeight, ulNumDecodeSurfaces, CodecType, ChromaFormat,
            ulCreationFlags, bitDepthMinus8, ulMaxWidth, ulMaxHeight, display_area, OutputFormat,
            DeinterlaceMode, ulTargetWidth, ulTargetHeight, ulNumOutputSurfaces, vidLock, target_rect }
        CUVIDRECONFIGUREDECODERINFO { ulWidth, ulHeight, ulTargetWidth, ulTargetHeight,
            ulNumDecodeSurfaces, display_area, target_rect }
        CUVIDPICPARAMS { CurrPicIdx, field_pic_flag, bottom_field_flag, second_field,
            nBitstreamDataLen, pBitstreamData, CodecSpecific }
        CUVIDPROCPARAMS { progressive_frame, second_field, top_field_first, output_stream }
        CUVIDGETDECODESTATUS { decodeStatus }
        CUVIDSOURCEDATAPACKET { flags, payload_size, payload, timestamp }
        CUVIDPARSERDISPINFO { picture_index, progressive_frame, top_field_first, timestamp }
        CUVIDPARSERPARAMS { CodecType, ulMaxNumDecodeSurfaces, ulClockRate, ulErrorThreshold,
            ulMaxDisplayDelay, pUserData, pfnSequenceCallback, pfnDecodePicture, pfnDisplayPicture,
            pfnGetOperatingPoint, pExtVideoInfo }
    };
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let (source, program) = (folder.path().join("sizes.c"), folder.path().join("sizes"));
    let headers = "#include <stddef.h>\n#include <stdio.h>\n#include \"dynlink_cuda.h\"\n#include \"dynlink_nvcuvid.h\"\n";
    std::fs::write(
        &source,
        format!("{headers}int main(void) {{\n{text}return 0;\n}}\n"),
    )
    .expect("room for a file");
    let made = Command::new("cc")
        .arg(concat!("-I", env!("CARGO_MANIFEST_DIR"), "/headers"))
        .arg("-o")
        .args([&program, &source])
        .status()
        .expect("the C compiler is installed");
    assert!(made.success());
    let output = Command::new(&program).output().expect("it was just made");
    let expected = String::from_utf8(output.stdout).expect("plain text");
    assert_eq!(found, expected.lines().collect::<Vec<_>>());
    assert!(found.len() > 60, "{}", found.len());
}
