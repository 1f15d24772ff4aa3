//! The stages that the command knows are the workspace's nodes: a new one is a folder under `nodes/`,
//! and no list has to name it.

use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::Table;

fn main() {
    // As it is now: a target folder that checkouts share has this program from any of them.
    let here = env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let nodes = Path::new(&here).join("../../nodes");
    // All of the folder: watching the manifests alone, cargo would not see a new one.
    println!("cargo:rerun-if-changed={}", nodes.display());
    let mut manifests: Vec<PathBuf> = fs::read_dir(&nodes)
        .expect("the workspace has nodes")
        .map(|entry| entry.expect("readable").path().join("Cargo.toml"))
        .filter(|path| path.is_file())
        .collect();
    manifests.sort();
    let (mut stages, mut on_a_gpu) = (Vec::new(), Vec::new());
    for path in manifests {
        let refuse = |what: &str| -> ! {
            panic!(
                "{}: {what}, expected the manifest of a node",
                path.display()
            )
        };
        let text = fs::read_to_string(&path).unwrap_or_else(|error| refuse(&error.to_string()));
        let manifest: Table = toml::from_str(&text).unwrap_or_else(|error| refuse(error.message()));
        let Some(programs) = manifest.get("bin").and_then(|it| it.as_array()) else {
            refuse("no [[bin]]")
        };
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
