//! The stages that the command knows are the workspace's nodes: a new one is a folder under `nodes/`,
//! and no list has to name it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::Table;

fn main() {
    let nodes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nodes");
    println!("cargo:rerun-if-changed={}", nodes.display());
    let mut manifests: Vec<PathBuf> = fs::read_dir(&nodes)
        .expect("the workspace has nodes")
        .map(|entry| entry.expect("readable").path().join("Cargo.toml"))
        .filter(|path| path.is_file())
        .collect();
    manifests.sort();
    let (mut stages, mut on_a_gpu) = (Vec::new(), Vec::new());
    for path in manifests {
        println!("cargo:rerun-if-changed={}", path.display());
        let text = fs::read_to_string(&path).expect("readable");
        let manifest: Table = text.parse().expect("a manifest of Cargo's");
        let programs = manifest["bin"].as_array().expect("a node has a program");
        let names = programs
            .iter()
            .map(|it| it["name"].as_str().expect("a name"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let own = manifest["package"]
            .get("metadata")
            .and_then(|it| it.get("camweave"));
        let needs_gpu = own.and_then(|it| it.get("gpu")?.as_bool()) == Some(true);
        if needs_gpu {
            on_a_gpu.extend(names.clone());
        }
        stages.extend(names);
    }
    let text = format!(
        "/// Camweave's own stages, by the names of their binaries.\n\
         const STAGES: &[&str] = &{stages:?};\n\
         /// Those whose work a GPU does.\n\
         const ON_A_GPU: &[&str] = &{on_a_gpu:?};\n"
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("stages.rs"), text).expect("writable");
}
