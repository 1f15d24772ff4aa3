//! Finding libnvcuvid: real shared libraries, made by the C compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

use camweave_nvdec::{LIBRARY_NAMES, Library, LoadError};

const FUNCTIONS: [&str; 11] = [
    "cuvidCreateVideoParser",
    "cuvidParseVideoData",
    "cuvidDestroyVideoParser",
    "cuvidGetDecoderCaps",
    "cuvidCreateDecoder",
    "cuvidReconfigureDecoder",
    "cuvidDestroyDecoder",
    "cuvidDecodePicture",
    "cuvidGetDecodeStatus",
    "cuvidMapVideoFrame64",
    "cuvidUnmapVideoFrame64",
];

fn library(folder: &Path, functions: &[&str]) -> PathBuf {
    let source = folder.join("library.c");
    let text: String = functions
        .iter()
        .map(|name| format!("int {name}(void) {{ return 801; }}\n"))
        .collect();
    std::fs::write(&source, text).expect("room for a file");
    let target = folder.join("libnvcuvid.so.1");
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&target, &source])
        .status()
        .expect("the C compiler is installed");
    assert!(made.success());
    target
}

#[test]
fn a_missing_library_is_named_with_what_does_the_same() {
    let Err(error) = Library::open(&["libnvcuvid-none.so.1", "libnvcuvid-none.so"]) else {
        panic!("there is no such library");
    };
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    for part in [
        "libnvcuvid-none.so.1",
        "libnvcuvid-none.so:",
        "driver",
        "sw-decode",
    ] {
        assert!(text.contains(part), "{part} in: {text}");
    }
    assert_eq!(LIBRARY_NAMES[0], "libnvcuvid.so.1");
}

#[test]
fn a_library_without_a_function_is_refused_by_the_functions_name() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    for missing in FUNCTIONS {
        let others: Vec<&str> = FUNCTIONS.into_iter().filter(|it| *it != missing).collect();
        let inner = folder.path().join(missing);
        std::fs::create_dir(&inner).expect("a folder");
        let path = library(&inner, &others);
        let name = path.to_str().expect("plain text");
        let found = Library::open(&[name]).err();
        let library = name.to_owned();
        assert_eq!(
            found,
            Some(LoadError::Function {
                library,
                function: missing
            })
        );
    }
}

#[test]
fn a_whole_library_is_taken_also_as_the_second_choice() {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = library(folder.path(), &FUNCTIONS);
    let name = path.to_str().expect("plain text");
    assert!(Library::open(&["libnvcuvid-none.so.1", name]).is_ok());
}
