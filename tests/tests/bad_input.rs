//! Whatever is wrong is said in one clear line, and costs nobody else anything.

#[path = "bad_input/cameras.rs"]
mod cameras;
#[path = "bad_input/model.rs"]
mod model;
#[path = "bad_input/nodes.rs"]
mod nodes;
mod support;

use std::collections::BTreeMap;
use std::process::Command;

use camweave_tests::{Cameras, Pipeline, binary, workspace};
use nodes::{Case, case, failure, graph};
use support::{clip, node_lines, path_with_python, patient};

const X264: &[&str] = &["-c:v", "libx264", "-g", "10", "-bf", "0"];

/// No program may show its user a panic or a backtrace.
fn no_panic(log: &str) {
    for line in log.lines().filter(|line| line.contains(" stdout ")) {
        assert!(!line.contains("panicked at"), "{line}");
    }
}

#[test]
fn bad_cameras_cost_the_good_one_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = clip(folder.path(), "clip.mp4", 30, X264);
    let play = |id: &str| format!("{id}={}", file.display());
    let simulated = Cameras::start(&[
        "--camera",
        &play("good"),
        "--camera",
        &play("garbled"),
        "--camera",
        &play("cut"),
        "--seconds",
        "12",
        "--auth",
        "anna:s3cret",
        "--fault",
        "garbled:garbage@2s+2s",
        "--fault",
        "cut:disconnect@2s+1s",
    ]);
    let server = simulated.urls()[0].1.replace("rtsp://", "");
    let server = server.split('/').next().expect("host and port");
    let mut yml = "cameras:\n".to_owned();
    for (id, path) in [
        ("good", "good"),
        ("garbled", "garbled"),
        ("cut", "cut"),
        ("lost", "nowhere"),
    ] {
        yml += &format!("  - {{id: {id}, url: 'rtsp://anna:s3cret@{server}/{path}'}}\n");
    }
    yml += &format!("  - {{id: locked, url: 'rtsp://anna:s3cr3t@{server}/good'}}\n");
    for (id, port) in [
        ("refused", cameras::free_port()),
        ("sound", cameras::describes(cameras::SOUND)),
        ("mjpeg", cameras::describes(cameras::MJPEG)),
    ] {
        yml += &format!("  - {{id: {id}, url: 'rtsp://127.0.0.1:{port}/', client: rtsp}}\n");
    }
    let list = folder.path().join("cameras.yml");
    std::fs::write(&list, yml).expect("the list of cameras");

    let mut run = patient(Pipeline::of("cpu-batched.yml"))
        .cameras(&list)
        .start();
    simulated.wait_until_ended();
    run.wait_until_quiet();
    let states: BTreeMap<String, String> = run
        .report("source")
        .expect("the source reports")
        .cameras
        .into_iter()
        .filter_map(|(id, camera)| Some((id, camera.state?)))
        .collect();
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    no_panic(&results.log);
    for secret in ["s3cret", "s3cr3t"] {
        assert!(!results.log.contains(secret), "the log shows a password");
    }

    let lines = node_lines(&results.log, "source");
    for (id, kind, says) in [
        ("lost", "not_found", "404"),
        ("locked", "unauthorized", "wrong username or password"),
        ("refused", "refused", "nothing listens"),
        ("sound", "no_video", "video"),
        ("mjpeg", "unsupported_codec", "h264 or h265"),
    ] {
        assert_eq!(states[id], format!("offline: {kind}"));
        let camera = results.summary.camera(id);
        assert!(camera.errors[&format!("source.{kind}")] >= 1, "{camera:?}");
        assert_eq!(
            (camera.errors.len(), camera.frames_detected),
            (1, 0),
            "{camera:?}"
        );
        let about = format!("camera={id} ");
        let about: Vec<_> = lines.iter().filter(|line| line.contains(&about)).collect();
        assert_eq!(about.len(), 1, "one line about '{id}': {about:?}");
        assert!(about[0].contains(says), "{}", about[0]);
    }

    let good = results.summary.camera("good");
    assert!(good.frames_detected >= 119, "{good:?}");
    assert_eq!(good.frames_detected, good.frames_sent, "{good:?}");
    assert_eq!(good.dropped, BTreeMap::new());
    let garbled = results.lines_of("garbled");
    let after = garbled[0].captured_unix_nanos + 6_000_000_000;
    let repaired = garbled
        .iter()
        .filter(|line| line.captured_unix_nanos > after);
    assert!(repaired.count() > 40, "frames after the garbage");
    let cut = results.lines_of("cut");
    let first = cut[0].session_unix_nanos;
    let again = cut.iter().filter(|line| line.session_unix_nanos != first);
    assert!(again.count() > 40, "frames after the broken connection");
    for report in &results.reports {
        assert!(
            report.closed && report.fatal.is_none() && report.starts == 1,
            "{report:?}"
        );
        assert_eq!(report.errors, BTreeMap::new(), "{report:?}");
    }
}

#[test]
fn nodes_refuse_wrong_configuration_and_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    let text = write("text.onnx", b"this is a text\n");
    let identity = write("identity.onnx", &model::identity());
    let no_media = write("text.mp4", b"this is a text\n");
    let list = |name: &str, cameras: &str| write(name, format!("cameras:\n{cameras}").as_bytes());
    let key = list("key.yml", "  - id: a\n    urll: rtsp://h/\n");
    let value = list(
        "value.yml",
        "  - id: a\n    url: rtsp://h/\n    transport: multicast\n",
    );
    let twice = list(
        "twice.yml",
        "  - id: a\n    url: rtsp://h/\n  - id: a\n    url: rtsp://g/\n",
    );
    let unsafe_id = list("unsafe.yml", "  - id: ../a\n    url: rtsp://h/\n");
    let missing = folder.path().join("missing.yml").display().to_string();
    let nothing = folder.path().join("nothing.onnx").display().to_string();

    let mut cases = vec![
        case(
            "key",
            "rtsp-source",
            &[("CAMERAS", &key)],
            2,
            &["key.yml:3:", "urll", "url"],
        ),
        case(
            "value",
            "rtsp-source",
            &[("CAMERAS", &value)],
            2,
            &["value.yml:4:16", "multicast", "'tcp' or 'udp'"],
        ),
        case(
            "twice",
            "rtsp-source",
            &[("CAMERAS", &twice)],
            2,
            &["twice.yml:4:9", "two cameras", "'a'", "line 2"],
        ),
        case(
            "unsafe",
            "rtsp-source",
            &[("CAMERAS", &unsafe_id)],
            2,
            &["unsafe.yml:2:9", "'../a'", "letters"],
        ),
        case(
            "missing",
            "rtsp-source",
            &[("CAMERAS", &missing)],
            2,
            &["missing.yml", "No such file"],
        ),
        case(
            "media",
            "file-source",
            &[("FILES", &no_media)],
            3,
            &["text.mp4", "Invalid data"],
        ),
        case(
            "text",
            "cpu-infer",
            &[("MODEL", &text)],
            3,
            &["text.onnx", "expected an ONNX file"],
        ),
        case(
            "shape",
            "cpu-infer",
            &[("MODEL", &identity)],
            3,
            &["identity.onnx", "[1, 3, 32, 32]", "expected"],
        ),
        case(
            "nothing",
            "cpu-infer",
            &[("MODEL", &nothing)],
            3,
            &["nothing.onnx", "No such file"],
        ),
        case(
            "unknown",
            "batcher",
            &[("MAX_BACH", "4")],
            2,
            &["'MAX_BACH'", "MAX_BATCH"],
        ),
        case(
            "word",
            "sw-decode",
            &[("MAX_BATCH", "4")],
            2,
            &["'MAX_BATCH'", "expected"],
        ),
        case(
            "range",
            "cpu-nms",
            &[("CONFIDENCE", "high")],
            2,
            &["CONFIDENCE='high'", "expected"],
        ),
        case(
            "tracker",
            "tracker",
            &[("HIGH_SCORE", "7")],
            2,
            &["HIGH_SCORE='7'", "expected"],
        ),
    ];
    cases.push(Case {
        outputs: "out, extra",
        ..case(
            "ports",
            "tracker",
            &[],
            2,
            &["[extra, out]", "outputs: [out]"],
        )
    });
    cases.push(Case {
        outputs: "",
        ..case(
            "deaf",
            "cpu-nms",
            &[],
            2,
            &["no input", "inputs: {in: <node>/out}"],
        )
    });
    let (code, log) = nodes::run(folder.path(), &graph(&cases));
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    no_panic(&log);
    for Case { id, exit, says, .. } in cases {
        let (code, lines) =
            failure(&log, id).unwrap_or_else(|| panic!("node '{id}' has not failed:\n{log}"));
        // Many nodes start at once, and dora's transport warns of a port that another one took: a
        // line of dora's, and not the node's.
        let lines: Vec<_> = lines
            .into_iter()
            .filter(|line| !line.contains("WARN zenoh session opened but listener for"))
            .collect();
        assert_eq!(code, exit, "{id}: {lines:?}");
        assert_eq!(lines.len(), 1, "{id}: {lines:?}");
        for part in says {
            assert!(lines[0].contains(&part), "{id}: {}\nlacks {part}", lines[0]);
        }
    }
}

#[test]
fn a_missing_cameras_file_is_answered_in_a_few_lines_and_ends_the_graph() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("cameras.yml");
    let run = Pipeline::of("cpu-batched.yml").cameras(&missing).start();
    let (code, log) = run.wait_for_exit();
    assert_eq!(code, Some(1), "{log}");
    no_panic(&log);
    // dora's own lines about its work are below a warning, but for those of connections: a port that
    // another program took in the meantime, and nodes that end at the same time.
    let of_connections = ["did not bind", "dora_daemon::node_communication"];
    let answer: Vec<&str> = log
        .lines()
        .filter(|line| {
            line.contains("cameras.yml") || line.contains("WARN") || line.contains("ERROR")
        })
        .filter(|line| !of_connections.iter().any(|it| line.contains(it)))
        .collect();
    assert!((1..=5).contains(&answer.len()), "{answer:#?}");
    assert!(
        answer[0].contains("source") && answer[0].contains("No such file"),
        "{answer:#?}"
    );
    // Said once: dora does not start the source again and again.
    let said = log.matches("ERROR cannot read the cameras' file").count();
    assert_eq!(said, 1, "{log}");
}

#[test]
fn a_graph_that_wires_to_nothing_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let graph = format!(
        "nodes:\n  - id: track\n    path: {}\n    outputs: [out]\n    inputs: {{in: track/found}}\n",
        binary("tracker").display()
    );
    let (code, log) = nodes::run(folder.path(), &graph);
    assert!(code.is_some_and(|code| code != 0), "{code:?}");
    assert!(log.contains("`track/found`"), "{log}");
    assert!(!folder.path().join("stats").exists(), "no node was started");
}

#[test]
fn messages_that_nobody_can_read_are_refused_and_counted() {
    let path = path_with_python();
    let folder = tempfile::tempdir().expect("a folder");
    let file = clip(folder.path(), "clip.mp4", 40, X264);
    let sender = workspace().join("tests/tests/bad_input/sender.py");
    let model = workspace().join("models/camweave-street-320.onnx");
    let stage = |id: &str, name: &str, from: &str, outputs: &str| {
        format!(
            "  - id: {id}\n    path: {}\n    inputs:\n      in: {{source: {from}/out, queue_size: 1024, queue_policy: backpressure}}\n      odd: {{source: sender/out, queue_size: 64, queue_policy: backpressure}}\n{outputs}",
            binary(name).display()
        )
    };
    let out = "    outputs: [out]\n";
    let graph = [
        format!(
            "env:\n  OUT: ${{OUT}}\n  MODEL: {}\nnodes:\n  - id: sender\n    path: {}\n    outputs: [out]\n",
            model.display(),
            sender.display()
        ),
        format!(
            "  - id: source\n    path: {}\n    outputs: [out]\n    env: {{FILES: '{}'}}\n",
            binary("file-source").display(),
            file.display()
        ),
        stage("decode", "sw-decode", "source", out),
        stage("batch", "batcher", "decode", out),
        stage("infer", "cpu-infer", "batch", out),
        stage("nms", "cpu-nms", "infer", out),
        stage("track", "tracker", "nms", out),
        stage("sink", "sink", "track", ""),
    ]
    .concat();
    let yml = folder.path().join("graph.yml");
    std::fs::write(&yml, graph).expect("the graph");
    let results = patient(Pipeline::of(&yml))
        .env("PATH", path)
        .start()
        .wait_until_ended();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    no_panic(&results.log);
    assert_eq!(results.lines.len(), 40, "all frames of the file");
    for node in ["decode", "batch", "infer", "nms", "track", "sink"] {
        let report = results.report(node);
        assert_eq!(
            report.errors,
            BTreeMap::from([("malformed_message".to_owned(), 4)]),
            "{node}"
        );
        assert!(
            report.closed && report.fatal.is_none() && report.starts == 1,
            "{report:?}"
        );
        let said: Vec<&str> = node_lines(&results.log, node)
            .into_iter()
            .filter(|line| line.contains("message refused"))
            .collect();
        assert_eq!(said.len(), 4, "{node}: {said:?}");
        assert!(said[0].contains("camweave.frames/2"), "{}", said[0]);
    }
}

#[test]
fn programs_answer_without_dora() {
    for name in [
        "rtsp-source",
        "file-source",
        "sw-decode",
        "batcher",
        "cpu-infer",
        "cpu-nms",
        "tracker",
        "sink",
        "camera-sim",
    ] {
        let output = |arguments: &[&str]| {
            let output = Command::new(binary(name)).args(arguments).output();
            let output = output.unwrap_or_else(|error| panic!("{name}: {error}"));
            let text = |bytes| String::from_utf8(bytes).expect("text");
            (
                output.status.code(),
                text(output.stdout),
                text(output.stderr),
            )
        };
        let (code, help, errors) = output(&["--help"]);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{name} --help");
        assert!(
            help.contains("camera-sim") || help.starts_with(name),
            "{help}"
        );
        let (code, _, errors) = output(&["--no-such-option"]);
        assert_eq!(code, Some(2), "{name}: {errors}");
        assert!(errors.contains("--no-such-option"), "{name}: {errors}");
        let (code, _, errors) = output(&[]);
        assert_eq!(code, Some(2), "{name} alone: {errors}");
        if name != "camera-sim" {
            assert_eq!(errors.lines().count(), 1, "{errors}");
            assert!(errors.contains("dora run dataflows/"), "{errors}");
        }
    }
}
