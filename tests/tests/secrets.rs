//! No password reaches a file or the screen, whatever a camera does with it, and nothing that a
//! terminal would obey.

#[path = "secrets/peer.rs"]
mod peer;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use camweave_tests::{PATIENCE, Pipeline, binary, wait_for};

/// Passwords that break what is careless with them.
const NASTY: [&str; 6] = [
    "p@ss:w/o#r%d ?ü'\"x",
    "pass123##X",
    "with%percent",
    " blanks around ",
    "Ключ-от-ворот",
    "${dollar}\\slash",
];
const USER: &str = "warden";

/// A password in each form in which it could be written down.
fn forms(password: &str) -> Vec<String> {
    let encoded: String = password
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let plain: String = password.chars().filter(char::is_ascii_graphic).collect();
    let mut forms = vec![
        password.to_owned(),
        encoded,
        password.escape_debug().to_string(),
        serde_json::to_string(password)
            .expect("a string")
            .trim_matches('"')
            .to_owned(),
        STANDARD.encode(password).trim_end_matches('=').to_owned(),
        STANDARD
            .encode(format!("{USER}:{password}"))
            .trim_end_matches('=')
            .to_owned(),
    ];
    if plain.len() >= 8 {
        forms.push(plain);
    }
    forms
}

fn no_secret(what: &str, text: &str) {
    for password in NASTY {
        for form in forms(password) {
            if let Some(at) = text.find(&form) {
                let from = text.floor_char_boundary(at.saturating_sub(200));
                panic!("{what} shows '{form}': …{}", &text[from..at + form.len()]);
            }
        }
    }
}

/// All files below `folder`, as text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            found.push((path.display().to_string(), text));
        }
    }
    found
}

#[test]
fn no_password_and_no_escape_sequence_gets_out() {
    let port = peer::start();
    let mut yml = "cameras:\n".to_owned();
    let mut variables = Vec::new();
    for (index, password) in NASTY.into_iter().enumerate() {
        variables.push((format!("PASSWORD_{index}"), password));
        for mode in ["echo", "ansi", "sdp", "query"] {
            let _ = write!(
                yml,
                "  - id: {mode}{index}\n    url: 'rtsp://127.0.0.1:{port}/{mode}?pwd={}'\n    username: {USER}\n    password: ${{PASSWORD_{index}}}\n",
                forms(password)[1]
            );
        }
    }
    let list = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(list.path(), yml).expect("writable");

    let shown = Command::new(binary("camweave"))
        .arg("cameras")
        .arg(list.path())
        .envs(variables.iter().cloned())
        .output()
        .expect("it runs");
    assert!(shown.status.success(), "{shown:?}");
    for text in [&shown.stdout, &shown.stderr] {
        no_secret("'camweave cameras'", &String::from_utf8_lossy(text));
    }

    let mut graph = Pipeline::of("cpu-batched.yml").cameras(list.path());
    for (name, password) in &variables {
        graph = graph.env(name, *password);
    }
    // Also what the RTSP client and its libraries say by themselves.
    let run = graph.env("CAMWEAVE_LOG", "debug").start();
    wait_for("a state of each camera", PATIENCE, || {
        let report = run.report("source")?;
        let offline = |state: &Option<String>| {
            let state = state.as_deref().unwrap_or_default();
            state.starts_with("offline")
        };
        let cameras = report.cameras.values();
        (cameras.filter(|camera| offline(&camera.state)).count() == 4 * NASTY.len()).then_some(())
    });
    let folder = run.folder().to_owned();
    let mut all = files(&folder);
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);
    all.extend(files(&folder));
    assert!(all.iter().any(|(name, _)| name.ends_with("source.json")));
    for (name, text) in &all {
        no_secret(name, text);
        for hostile in ["\x1b]0;", "\x1b[31mRED", "\u{202e}", "\u{9b}"] {
            assert!(!text.contains(hostile), "{name} has escape sequences in it");
        }
    }
    assert!(results.log.contains("camera=echo0"), "{}", results.log);
}
