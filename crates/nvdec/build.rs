//! Makes the declarations of `sys` from NVIDIA's headers.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=headers");
    let wanted = "CUVID.*|CUVIDEOFORMAT|tcuvid.*|cudaVideo(Codec|SurfaceFormat|DeinterlaceMode|ChromaFormat|CreateFlags)(_enum)?|cuvidDecodeStatus(_enum)?|CUvideopacketflags";
    let bindings = bindgen::Builder::default()
        .header_contents(
            "wrapper.h",
            "#include \"dynlink_cuda.h\"\n#include \"dynlink_nvcuvid.h\"\n",
        )
        .clang_arg("-Iheaders")
        .allowlist_type(wanted)
        .prepend_enum_name(false)
        .derive_default(true)
        .generate_comments(false)
        .generate()?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    bindings.write_to_file(out.join("bindings.rs"))?;
    Ok(())
}
