//! `cameras.yml` is changed again and again while the graph runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use std::io::Write;
use std::process::{Command, Output, Stdio};

use camweave_tests::{Cameras, Pipeline, binary, workspace};

const SEED: u64 = 20_261_130;
/// Cameras that are in the list from the first edit to the last, unchanged.
const STAY: usize = 4;
/// Simulated cameras that the others are taken from.
const OTHERS: usize = 4;
/// Ids of the others.
const IDS: u64 = 8;
/// Edits of the two halves of the test.
const EDITS: [usize; 2] = [30, 70];
/// Memory may differ so much between the halves.
const SLACK_KIB: u64 = 32 << 10;

/// PCG's multiplier and increment.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The file, and what it is to say.
struct File {
    path: PathBuf,
    urls: Vec<String>,
    /// Fields of the cameras that come and go.
    others: BTreeMap<String, String>,
    seen: BTreeSet<String>,
}

impl File {
    fn text(&self) -> String {
        let mut text = "# These stay.\ncameras:\n".to_owned();
        for (index, url) in self.urls[..STAY].iter().enumerate() {
            let id = index + 1;
            text.push_str(&format!(
                "  - {{id: cam{id}, url: '{url}', detect_fps: 1}}\n"
            ));
        }
        for (id, fields) in &self.others {
            text.push_str(&format!("  - id: {id}\n{fields}"));
        }
        text
    }

    fn fields(&self, random: &mut Random) -> String {
        let url = &self.urls[STAY + random.below(OTHERS as u64) as usize];
        let mut fields = format!("    url: {url}\n");
        for (field, values) in [
            ("transport", ["tcp", "udp", ""]),
            ("detect_fps", ["1", "0.5", "2"]),
            ("detect", ["off", "on", "motion"]),
        ] {
            match values[random.below(3) as usize] {
                "" => {}
                value => fields.push_str(&format!("    {field}: {value}\n")),
            }
        }
        fields
    }

    fn write(&self, text: &str, in_place: bool) {
        if in_place {
            fs::write(&self.path, text).expect("writable");
            return;
        }
        let new = self.path.with_extension("new");
        fs::write(&new, text).expect("writable");
        fs::rename(new, &self.path).expect("in its place");
    }

    /// Makes one edit; whether the file is valid then.
    fn edit(&mut self, random: &mut Random) -> bool {
        let id = format!("e{}", random.below(IDS));
        let in_place = random.below(2) == 0;
        match random.below(5) {
            0 => {
                let text = self.text();
                let text = match random.below(4) {
                    0 => text.replacen("url:", "urll:", 1),
                    1 => format!("{text}  - id: cam1\n    url: rtsp://h/\n"),
                    2 => format!("{text}  - id: [\n"),
                    _ => String::new(),
                };
                self.write(&text, in_place);
                return false;
            }
            1 => drop(self.others.remove(&id)),
            _ => {
                let fields = self.fields(random);
                self.seen.insert(id.clone());
                self.others.insert(id, fields);
            }
        }
        self.write(&self.text(), in_place);
        true
    }
}

/// Waits until each camera is as the list has it.
fn wait_until_live(run: &mut Pipeline, file: &File) {
    let expected = file.text();
    run.wait_until(&format!("the cameras of\n{expected}"), |run| {
        let Some(report) = run.report("source") else {
            return false;
        };
        let state = |id: &str| {
            let camera = report.cameras.get(id);
            camera.and_then(|it| it.state.clone()).unwrap_or_default()
        };
        report
            .facts
            .get("cameras_file")
            .is_some_and(|it| it == "valid")
            && (1..=STAY).all(|index| state(&format!("cam{index}")) == "streaming")
            && file.seen.iter().all(|id| {
                let is_listed = file.others.contains_key(id);
                state(id) == if is_listed { "streaming" } else { "removed" }
            })
    });
}

fn wait_until_refused(run: &mut Pipeline) {
    run.wait_until("the file is refused", |run| {
        let report = run.report("source");
        let fact = report.and_then(|it| it.facts.get("cameras_file").cloned());
        fact.is_some_and(|it| it.starts_with("refused: "))
    });
}

fn maps(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default()
}

fn resident_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    number.expect("Linux tells the memory")
}

fn threads(process: u32) -> usize {
    fs::read_dir(Path::new("/proc").join(process.to_string()).join("task"))
        .map_or(0, Iterator::count)
}

const NODES: [&str; 4] = ["source", "decode", "detect.infer", "sink"];

/// Waits until nothing of the cameras that are gone is left in any process.
fn wait_until_given_back(run: &mut Pipeline, threads_of_source: usize) {
    run.wait_until("pools and threads of cameras that are gone", |run| {
        let has_pools = |node: &&str| {
            let process = run.process(node).expect("it runs");
            let maps = maps(process);
            (0..IDS).any(|id| maps.contains(&format!("camweave-data:e{id}")))
        };
        let source = run.process("source").expect("it runs");
        !NODES.iter().any(has_pools) && threads(source) <= threads_of_source
    });
}

#[test]
fn a_hundred_edits_touch_nothing_else_and_leave_nothing() {
    let cameras = Cameras::endless((STAY + OTHERS) as u32);
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = File {
        path: folder.path().join("cameras.yml"),
        urls: cameras.urls().iter().map(|(_, url)| url.clone()).collect(),
        others: BTreeMap::new(),
        seen: BTreeSet::new(),
    };
    file.write(&file.text(), true);
    let graph = workspace().join("dataflows/cpu-batched.yml");
    let mut run = Pipeline::of(graph).cameras(&file.path).start();
    wait_until_live(&mut run, &file);
    run.wait_until("a frame of each", |run| {
        (1..=STAY).all(|index| run.detected(&format!("cam{index}")) > 0)
    });
    let process = |run: &Pipeline, node: &str| run.process(node).expect("it runs");
    let threads_of_source = threads(process(&run, "source"));
    let mut random = Random(SEED);
    let mut resident: Vec<[u64; NODES.len()]> = Vec::new();
    for edits in EDITS {
        for _ in 0..edits {
            if file.edit(&mut random) {
                wait_until_live(&mut run, &file);
            } else {
                wait_until_refused(&mut run);
            }
        }
        file.others.clear();
        file.write(&file.text(), false);
        wait_until_live(&mut run, &file);
        wait_until_given_back(&mut run, threads_of_source);
        resident.push(NODES.map(|node| resident_kib(process(&run, node))));
    }
    for ((node, first), last) in NODES.iter().zip(resident[0]).zip(resident[1]) {
        assert!(
            last < first + first / 5 + SLACK_KIB,
            "{node}: {first} KiB, then {last} KiB"
        );
    }
    let results = run.stop();
    results.check_accounts();
    for index in 1..=STAY {
        let id = format!("cam{index}");
        let lines = results.lines_of(&id);
        let sessions: BTreeSet<i64> = lines.iter().map(|it| it.session_unix_nanos).collect();
        assert_eq!(sessions.len(), 1, "{id}");
        let source = &results.report("source").cameras[&id];
        assert!(source.errors.is_empty(), "{id}: {source:?}");
        // What the stop cut off has its own reason.
        let lost = source.dropped.keys().filter(|it| *it != "stopped");
        assert_eq!(lost.count(), 0, "{id}: {source:?}");
    }
    for id in &file.seen {
        assert_eq!(results.summary.camera(id).state.as_deref(), Some("removed"));
    }
}

/// `camweave cameras` with these arguments.
fn command(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(binary("camweave"))
        .arg("cameras")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a program");
    let mut stdin = child.stdin.take().expect("piped");
    // One that needs no input may have ended.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

#[test]
fn the_command_edits_a_file_and_tests_a_camera() {
    let cameras = Cameras::start(&[
        "--cameras",
        "1",
        "--fps",
        "10",
        "--seconds",
        "20",
        "--at-end",
        "loop",
        "--auth",
        "u:t0psecret",
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cameras.yml");
    let file = path.to_str().expect("UTF-8");
    let png = folder.path().join("yard.png");
    let url = &cameras.urls()[0].1;
    let url = format!(
        "rtsp://{}",
        url.rsplit('@')
            .next()
            .expect("a URL")
            .trim_start_matches("rtsp://")
    );
    for (arguments, input, exit, part) in [
        (
            &[
                "add",
                file,
                "yard",
                &url,
                "--username",
                "u",
                "--password-stdin",
            ][..],
            "wrong\n",
            0,
            "camera 'yard' added to",
        ),
        (
            &["test", file, "yard"],
            "",
            6,
            "what to do: correct username and password",
        ),
        (
            &["set", file, "yard", "--password-stdin", "detect_fps=5"],
            "t0psecret",
            0,
            "changed in",
        ),
        (
            &["set", file, "yard", "password=t0psecret"],
            "",
            2,
            "--password-stdin",
        ),
        (
            &["set", file, "yard", "detect=maybe"],
            "",
            2,
            "detect 'maybe', expected",
        ),
        (
            &["set", file, "yard", "--unset", "detect"],
            "",
            2,
            "has no field 'detect'",
        ),
        (&["remove", file, "yard"], "", 2, "at least one"),
        (&["add", file, "yard", "rtsp://h/"], "", 2, "already"),
        (
            &["add", file, "door", "rtsp://h/"],
            "",
            0,
            "which has 2 cameras",
        ),
        (
            &["remove", file, "yard2"],
            "",
            2,
            "expected one of 'yard', 'door'",
        ),
        (&["remove", file, "door"], "", 0, "which has 1 camera"),
        (&[file], "", 0, "1 cameras"),
        (
            &[
                "test",
                file,
                "yard",
                "--seconds",
                "3",
                "--image",
                png.to_str().expect("UTF-8"),
            ],
            "",
            0,
            "transport   tcp, client rtsp",
        ),
        (
            &["test", &url, "--seconds", "1"],
            "",
            6,
            "asks for a username and password",
        ),
    ] {
        let output = command(arguments, input);
        let shown = text(&output);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {shown}");
        assert!(shown.contains(part), "{arguments:?}: {shown}");
        let has_shown =
            shown.contains("t0psecret") && !arguments.iter().any(|it| it.contains("t0psecret"));
        assert!(!has_shown, "{arguments:?}: {shown}");
    }
    assert!(fs::read(&png).expect("written").starts_with(b"\x89PNG"));
    let written = fs::read_to_string(&path).expect("readable");
    let expected = format!(
        "cameras:\n  - id: yard\n    url: {url}\n    username: u\n    password: t0psecret\n    detect_fps: 5\n"
    );
    assert_eq!(written, expected);
}
