//! `camweave rules`: what a rules.yml says.

mod support;

use std::fs;

use support::camweave;

const RULES: &str = "rules:
  - {name: gate, kind: crossing, cameras: [cam1, cam3], line: [[0, 0.5], [1, 0.5]]}
  - {name: yard, kind: presence, objects: [person], zone: [[0, 0], [1, 0], [1, 1]]}
";

#[test]
fn rules_are_listed_and_mistakes_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (rules, cameras) = (path("rules.yml"), path("cameras.yml"));
    fs::write(&rules, RULES).expect("writable");
    fs::write(&cameras, "cameras:\n  - {id: cam1, url: 'rtsp://h/'}\n").expect("writable");

    let (code, out, error) = camweave(&["rules", &rules]);
    assert_eq!((code, &*error), (Some(0), ""));
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(
        lines[0].starts_with("gate") && lines[0].contains("crossing"),
        "{out}"
    );
    assert!(lines[0].ends_with("cam1, cam3: all objects"), "{out}");
    assert!(lines[1].ends_with("all cameras: person"), "{out}");

    let (code, _, error) = camweave(&["rules", &rules, "--cameras", &cameras]);
    assert_eq!(code, Some(2), "{error}");
    assert!(
        error.contains("rule 'gate' is for camera 'cam3', which is not in"),
        "{error}"
    );
    assert!(!error.contains("'cam1'"), "{error}");

    fs::write(&rules, RULES.replace("0.5]]", "5]]")).expect("writable");
    let (code, out, error) = camweave(&["rules", &rules]);
    assert_eq!((code, &*out), (Some(2), ""));
    assert!(
        error.contains("rules.yml:2:78: line '5', expected a number from 0 to 1"),
        "{error}"
    );
}
