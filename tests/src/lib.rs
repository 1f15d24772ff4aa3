//! End-to-end tests: simulated cameras, real nodes, real dora, results as a user finds them.
//!
//! ```text
//! use camweave_tests::{Cameras, Pipeline};
//!
//! let cameras = Cameras::start(&["--cameras", "2", "--seconds", "10"]);
//! let mut run = Pipeline::of("cpu-batched.yml").cameras(cameras.yml()).start();
//! cameras.wait_until_ended();
//! run.wait_until_quiet();
//! let results = run.stop();
//! assert!(results.lines.len() > 100);
//! ```

mod cameras;
mod listeners;
mod pipeline;
mod processes;
mod results;
mod score;

pub use cameras::Cameras;
pub use camweave_runner::{
    CameraRecord, environment_contains as processes_with, is_alive, signal as kill,
};
pub use listeners::listeners_beyond_loopback;
pub use pipeline::{Builder, Pipeline};
pub use processes::orphaned_shared_memory;
pub use results::{Attribute, CameraSummary, Latency, Line, Results, RunFolder, Summary};
pub use score::{Score, frame_of, score};

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long to wait for what takes a second on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The repository's root.
#[must_use]
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A shipped graph with further nodes, in a `folder` of its own: the programs and modules that it names are
/// found beside it. Where it is.
///
/// # Panics
/// There is no such graph, or the folder has these names already.
#[must_use]
pub fn extended_graph(folder: &Path, shipped: &str, nodes: &str) -> PathBuf {
    let graphs = workspace().join("dataflows");
    for name in ["bin", "modules"] {
        std::os::unix::fs::symlink(graphs.join(name), folder.join(name)).expect("a free name");
    }
    let text = std::fs::read_to_string(graphs.join(shipped)).expect("a shipped graph");
    let models = format!("{}/models/", workspace().display());
    let path = folder.join("graph.yml");
    let written = std::fs::write(&path, text.replace("../models/", &models) + nodes);
    written.expect("writable");
    path
}

/// The folders of the nodes whose inputs, outputs and settings do not depend on the graph: all but `fused`.
///
/// # Panics
/// If the repository has none.
#[must_use]
pub fn stage_folders() -> Vec<PathBuf> {
    let folder = workspace().join("nodes");
    let entries = std::fs::read_dir(&folder).expect("the folder of the nodes");
    let found = entries.map(|entry| entry.expect("an entry").path());
    let found: Vec<_> = found
        .filter(|path| path.join("Cargo.toml").is_file() && !path.ends_with("fused"))
        .collect();
    assert!(!found.is_empty(), "'{}' has no nodes", folder.display());
    found
}

/// The folder of the binaries that belong to this test's build.
///
/// # Panics
/// If the test does not run from a cargo target folder.
#[must_use]
pub fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("the system knows this executable");
    let folder = test.ancestors().find(|folder| {
        folder
            .file_name()
            .is_some_and(|name| name == "release" || name == "debug")
    });
    folder
        .unwrap_or_else(|| {
            panic!(
                "'{}' is in no cargo target folder, expected .../release/deps/...",
                test.display()
            )
        })
        .to_owned()
}

/// The path of a built binary.
///
/// # Panics
/// If it was not built.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = binaries().join(name);
    assert!(
        path.is_file(),
        "'{}' not found, expected all binaries: run 'cargo build --release --workspace' first",
        path.display()
    );
    path
}

/// Asks every 50 ms, until there is an answer.
///
/// # Panics
/// If there is none within `patience`.
pub fn wait_for<T>(what: &str, patience: Duration, mut answer: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = answer() {
            return found;
        }
        assert!(
            began.elapsed() < patience,
            "waited {} s in vain: {what}",
            patience.as_secs()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
