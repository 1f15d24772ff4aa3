//! The kernels as a shared library, compiled from their sources when they have changed.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use libloading::{Library, Symbol};

/// As NVRTC compiles them: without contraction to fused multiply-add.
const OPTIONS: [&str; 8] = [
    "-std=c++20",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffp-contract=off",
    "-shared",
    "-fPIC",
];

/// A function of the library that is made of `tests/kernels/<name>.cpp`.
///
/// # Safety
/// `T` must be the function's type.
pub unsafe fn function<T>(name: &str, function: &str) -> Symbol<'static, T> {
    static LETTERBOX: LazyLock<Library> = LazyLock::new(|| build("letterbox"));
    static LUMA: LazyLock<Library> = LazyLock::new(|| build("luma"));
    static HEADS: LazyLock<Library> = LazyLock::new(|| build("heads"));
    let library = match name {
        "letterbox" => &*LETTERBOX,
        "luma" => &*LUMA,
        _ => &*HEADS,
    };
    // SAFETY: the caller answers for the type; the library is never unloaded.
    unsafe { library.get(function.as_bytes()) }.expect("a function of the library")
}

fn build(name: &str) -> Library {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("tests/kernels").join(name).with_extension("cpp");
    let mut hasher = DefaultHasher::new();
    OPTIONS.hash(&mut hasher);
    for folder in ["kernels", "tests/kernels"] {
        let entries = std::fs::read_dir(root.join(folder)).expect("a folder of this crate");
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let is_source = |file: &PathBuf| {
            file.extension()
                .is_some_and(|kind| ["cu", "cuh", "cpp", "h"].iter().any(|known| kind == *known))
        };
        files.retain(is_source);
        for file in files {
            std::fs::read(file).expect("a source").hash(&mut hasher);
        }
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join(format!("lib{name}-{:016x}.so", hasher.finish()));
    if !library.exists() {
        // Each process makes its own, and one of them gets the name.
        let made = library.with_extension(format!("{}.so", std::process::id()));
        let mut compiler = Command::new("c++");
        compiler.args(OPTIONS).arg("-o").arg(&made).arg(source);
        let output = compiler.output().expect("a C++ compiler, c++");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}");
        std::fs::rename(made, &library).expect("a file just made");
    }
    // SAFETY: made above; it has no constructors.
    unsafe { Library::new(library) }.expect("a library just made")
}
