//! A graph whose nodes all fail at their start.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use camweave_tests::{binary, wait_for};

/// A node that has to refuse, and how.
pub struct Case {
    pub id: &'static str,
    pub binary: &'static str,
    pub outputs: &'static str,
    pub env: Vec<(&'static str, String)>,
    pub exit: i32,
    /// Parts of its one line.
    pub says: Vec<String>,
}

/// A case with an output `out`.
pub fn case(
    id: &'static str,
    binary: &'static str,
    env: &[(&'static str, &str)],
    exit: i32,
    says: &[&str],
) -> Case {
    Case {
        id,
        binary,
        outputs: "out",
        env: env
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        exit,
        says: says.iter().map(|part| (*part).to_owned()).collect(),
    }
}

/// Runs a graph to its end; its exit code and log.
pub fn run(folder: &Path, graph: &str) -> (Option<i32>, String) {
    let file = folder.join("graph.yml");
    std::fs::write(&file, graph).expect("the graph");
    let log = folder.join("dora.log");
    let out = std::fs::File::create(&log).expect("the log");
    let mut dora = Command::new("dora")
        .args(["run", "graph.yml"])
        .current_dir(folder)
        .env("CAMWEAVE_STATS_DIR", folder.join("stats"))
        .stdin(Stdio::null())
        .stderr(out.try_clone().expect("a second handle"))
        .stdout(out)
        .spawn()
        .expect("dora is on the PATH: scripts/setup.sh installs it");
    let status = wait_for("the graph's end", Duration::from_secs(60), || {
        dora.try_wait().expect("a child")
    });
    let log = std::fs::read_to_string(log).expect("the log");
    (status.code(), log)
}

/// The graph of these nodes. Where a node needs an input it is its own output.
pub fn graph(cases: &[Case]) -> String {
    let mut graph = "nodes:\n".to_owned();
    for case in cases {
        let path = binary(case.binary);
        let _ = writeln!(graph, "  - id: {}\n    path: {}", case.id, path.display());
        let source = if case.outputs.is_empty() {
            "dora/timer/millis/100".to_owned()
        } else {
            let first = case.outputs.split(", ").next().unwrap_or_default();
            format!("{}/{first}", case.id)
        };
        let _ = writeln!(graph, "    inputs: {{in: {source}}}");
        if !case.outputs.is_empty() {
            let _ = writeln!(graph, "    outputs: [{}]", case.outputs);
        }
        if !case.env.is_empty() {
            graph.push_str("    env:\n");
        }
        for (name, value) in &case.env {
            let _ = writeln!(graph, "      {name}: '{value}'");
        }
    }
    graph
}

/// Exit code and standard error of a node that failed, from dora's log.
pub fn failure(log: &str, node: &str) -> Option<(i32, Vec<String>)> {
    let marker = format!(" {node}: daemon exited with code ");
    let mut lines = log.lines().skip_while(|line| !line.contains(&marker));
    let (_, code) = lines.next()?.split_once(&marker)?;
    let code = code.split(' ').next()?.parse().ok()?;
    let errors = lines
        .skip(1)
        .take_while(|line| !line.starts_with("-----"))
        .map(str::to_owned)
        .collect();
    Some((code, errors))
}
