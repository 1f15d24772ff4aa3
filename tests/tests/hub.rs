//! dora's hub takes each node: `dora hub publish` into an index that is a folder, without a network.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use camweave_tests::{stage_folders, workspace};

/// The hub's configuration: an index beside it has camweave's namespace.
const HUB: &str = "[[index]]\nalias = \"local\"\npath = \"index\"\nnamespaces = [\"camweave\"]\n";
/// The nodes inherit theirs from the workspace, where the hub does not look.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("git and dora are on the PATH: scripts/setup.sh installs dora");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}{errors}");
}

fn git(folder: &Path, arguments: &[&str]) {
    run(Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(folder));
}

#[test]
fn the_hub_takes_each_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let (index, repository) = (folder.path().join("index"), folder.path().join("camweave"));
    fs::write(folder.path().join("hub.toml"), HUB).expect("writable");
    let mut nodes = Vec::new();
    for folder in stage_folders() {
        let node = repository.join(folder.strip_prefix(workspace()).expect("below it"));
        fs::create_dir_all(&node).expect("a folder");
        let manifest = folder.join("dora-node.yml");
        fs::copy(&manifest, node.join("dora-node.yml"))
            .unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
        nodes.push(node);
    }
    // What is published is what is committed.
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "nodes"]);
    for node in nodes {
        let publish = |more: &[&str]| {
            run(Command::new("dora")
                .args(["hub", "publish", "--version", VERSION])
                .args(["--repo", "https://example.com/camweave.git"])
                .args(more)
                .arg(&node)
                .env("DORA_HUB_CONFIG", folder.path().join("hub.toml")));
        };
        let name = format!(
            "camweave-{}",
            node.file_name().unwrap_or_default().display()
        );
        let published = index.join(format!("camweave/{name}/{VERSION}.yml"));
        publish(&["--dry-run"]);
        assert!(!published.exists(), "{name}: a dry run writes nothing");
        publish(&[]);
        assert!(published.is_file(), "{name}: {}", published.display());
    }
}
