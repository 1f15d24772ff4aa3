use std::fs;

use super::*;

/// Problems of a graph whose programs are all `true`, under the names of stages.
fn problems(nodes: &str) -> Problems {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b", "sink", "cpu-nms"] {
        std::os::unix::fs::symlink("/bin/true", folder.path().join(name)).expect("a link");
    }
    let path = folder.path().join("graph.yml");
    fs::write(&path, format!("nodes:\n{nodes}")).expect("writable");
    let graph = Graph::read(&path, &Variables::new()).expect("a graph");
    graph.check(CheckDepth::Files)
}

#[test]
fn a_whole_graph_has_no_problem() {
    let found = problems(
        "  - {id: a, path: ./a, outputs: [x]}\n  - {id: b, path: ./b, inputs: {in: a/x}}\n",
    );
    assert_eq!(found, Problems::default());
}

#[test]
fn inputs_that_come_from_nowhere_are_errors() {
    let found = problems(
        "  - {id: a, path: ./a, outputs: [x]}\n  - {id: b, path: ./b, inputs: {in: a/x, more: a/y, other: c/x}}\n",
    );
    assert_eq!(
        found.errors,
        [
            "node 'b', input 'more': 'a/y': node 'a' does not declare the output 'y', expected one of x",
            "node 'b', input 'other': 'c/x': there is no node 'c', expected one of a, b",
        ]
    );
}

#[test]
fn a_stage_that_nobody_reads_is_an_error_and_another_program_a_warning() {
    let found = problems(
        "  - {id: a, path: ./a, outputs: [x]}\n  - {id: n, path: ./cpu-nms, inputs: {in: a/x}, outputs: [out]}\n",
    );
    assert_eq!(found.errors.len(), 1, "{found:?}");
    assert!(found.errors[0].starts_with("node 'n': its output 'out' is connected to no input"));
    let found = problems("  - {id: a, path: ./a, outputs: [x]}\n");
    assert_eq!(found.warnings, ["node 'a': nobody reads its output 'x'"]);
}

#[test]
fn a_missing_program_is_named_and_has_a_code_of_its_own() {
    let found = problems("  - {id: a, path: ./nowhere}\n");
    assert!(
        found.missing[0].starts_with("node 'a': its program './nowhere' does not exist"),
        "{found:?}"
    );
    let error = found.refuse(Path::new("g.yml")).expect_err("refused");
    assert_eq!(error.exit, Exit::Missing);
}

#[test]
fn what_is_no_graph_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |text: &str| {
        let path = folder.path().join("graph.yml");
        fs::write(&path, text).expect("writable");
        Graph::read(&path, &Variables::new()).expect_err("no graph")
    };
    for (text, expected) in [
        ("nodes: [", "graph.yml'"),
        ("nodes:\n  - {id: a, path: ./a, colour: red}\n", "colour"),
        ("nodes:\n  - {id: a, module: none.yml}\n", "none.yml"),
        (
            "env: {A: \"${CAMWEAVE_NOT_SET}\"}\nnodes: []\n",
            "CAMWEAVE_NOT_SET",
        ),
    ] {
        let error = read(text);
        assert_eq!(error.exit, Exit::Configuration, "{text}");
        let line = error.to_string();
        assert!(line.contains(expected) && !line.contains('\n'), "{line}");
    }
    let error = Graph::read(&folder.path().join("no.yml"), &Variables::new()).expect_err("no file");
    assert!(error.to_string().contains("no such file"), "{error}");
}

#[test]
fn what_a_measurement_declares_wins_and_is_taken_as_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("graph.yml");
    fs::write(&path, "env: {QUEUE: 8}\nnodes: []\n").expect("writable");
    let mut graph = Graph::read(&path, &Variables::new()).expect("a graph");
    graph.declare("QUEUE", "16").expect("a number");
    graph.declare("CLASSES", "car, person").expect("a text");
    let value = |graph: &Graph, name: &str| {
        let env = graph.descriptor.env.as_ref();
        env.and_then(|env| env.get(name)).map(ToString::to_string)
    };
    assert_eq!(value(&graph, "QUEUE").as_deref(), Some("16"));
    assert_eq!(value(&graph, "CLASSES").as_deref(), Some("car, person"));
    for changed in ["$CAMWEAVE_NOT_SET", "0123"] {
        let error = graph.declare("QUEUE", changed).expect_err(changed);
        assert_eq!(error.exit, Exit::Configuration);
        let named = format!("QUEUE='{changed}'");
        assert!(error.to_string().contains(&named), "{error}");
        assert_eq!(value(&graph, "QUEUE").as_deref(), Some("16"), "as it was");
    }
}
