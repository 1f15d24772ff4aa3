use super::*;

fn read(text: &str) -> Result<Rules, String> {
    parse(Path::new("rules.yml"), text).map_err(|error| error.to_string())
}

/// A rule in a file, with these fields.
fn rule(fields: &str) -> String {
    format!("rules:\n  - name: a\n    {fields}\n")
}

const ZONE: &str = "zone: [[0, 0], [1, 0], [1, 1]]";

#[test]
fn all_kinds_and_fields() {
    let rules = read(
        "rules:
  - {name: yard, kind: presence, zone: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}
  - {name: seats, kind: occupancy, zone: [[0, 0], [1, 0], [1, 1]], enter: 1.5, leave: 4}
  - name: bench
    kind: dwell
    cameras: [cam1, cam2]
    objects: [person, car]
    min_score: 0.6
    anchor: centre
    zone: [[0, 0], [1, 0], [1, 1]]
    after: 60
    after_of: {person: 10}
  - {name: queue, kind: crowding, zone: [[0, 0], [1, 0], [1, 1]], at_least: 5}
  - {name: gate, kind: crossing, line: [[0, 0.5], [1, 0.5]], band: 0.02, direction: in}
  - name: road
    kind: speed
    zone: [[0.3, 0.4], [0.6, 0.4], [0.9, 0.9], [0.1, 0.9]]
    edges: [7, 20, 7, 20]
    over: 50
  - {name: heat, kind: heatmap, grid: [32, 18]}
",
    )
    .expect("all is well");
    let kinds: Vec<_> = rules.0.iter().map(Rule::kind_name).collect();
    let all = [
        "presence",
        "occupancy",
        "dwell",
        "crowding",
        "crossing",
        "speed",
        "heatmap",
    ];
    assert_eq!(kinds, all);
    let bench = &rules.0[2];
    assert!(bench.holds_for("cam1") && !bench.holds_for("cam3"));
    assert_eq!((bench.min_score, bench.anchor), (0.6, Anchor::Centre));
    let Kind::Dwell {
        after,
        after_of,
        hold,
        ..
    } = &bench.kind
    else {
        panic!("{bench:?}");
    };
    assert_eq!(*after, Some(60_000_000_000));
    assert_eq!(after_of["person"], 10_000_000_000);
    assert_eq!(
        *hold,
        Hold {
            enter: 300_000_000,
            leave: 1_000_000_000
        }
    );
    let Kind::Crossing {
        band, direction, ..
    } = &rules.0[4].kind
    else {
        panic!("{:?}", rules.0[4]);
    };
    assert_eq!((*band, *direction), (0.02, Directions::In));
    let heat = &rules.0[6].kind;
    let (columns, rows) = (32, 18);
    assert_eq!(*heat, Kind::Heatmap { columns, rows });
    assert_eq!(rules.of("cam3").count(), 6);
    assert_eq!(read("rules: []").expect("none"), Rules::default());
}

#[test]
fn a_name_may_be_one_rule_of_each_camera() {
    let gate = |camera: &str| {
        format!("  - {{name: gate, kind: crossing, {camera} line: [[0, 0], [1, 1]]}}\n")
    };
    let both = |a: &str, b: &str| read(&format!("rules:\n{}{}", gate(a), gate(b)));
    both("cameras: [a, b],", "cameras: [c],").expect("of different cameras");
    for (a, b) in [
        ("", ""),
        ("cameras: [a],", ""),
        ("cameras: [a, b],", "cameras: [b],"),
    ] {
        let error = both(a, b).expect_err("twice");
        assert!(error.starts_with("rules.yml:3:12: two rules"), "{error}");
        assert!(error.contains("'gate' (the other in line 2)"), "{error}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_was_expected() {
    let speed = "kind: speed\n    zone: [[0.3, 0.4], [0.6, 0.4], [0.9, 0.9], [0.1, 0.9]]\n    ";
    let many = vec!["[0, 0]"; 65].join(", ");
    for (text, place, says) in [
        (
            "rule: []",
            "1:1",
            "unknown field `rule`, did you mean `rules`?",
        ),
        ("", "", "unexpected end of file, expected 'rules:'"),
        ("rules: 3", "1:8", "sequence"),
        (
            &rule("kind: presence"),
            "3:11",
            "kind 'presence' without 'zone', expected three points",
        ),
        (
            &rule("kind: presense"),
            "3:11",
            "kind 'presense', expected 'presence' perhaps",
        ),
        (
            &rule("kind: x"),
            "3:11",
            "kind 'x', expected one of presence, occupancy, dwell",
        ),
        (&rule("zone: []"), "3:5", "missing field `kind`"),
        (
            &rule("kind: crossing\n    lines: []"),
            "4:5",
            "unknown field `lines`, did you mean `line`?",
        ),
        (
            &rule("kind: crossing\n    polygon: []"),
            "4:5",
            "unknown field `polygon`, expected one of name, kind",
        ),
        (
            &rule(&format!("kind: presence\n    {ZONE}\n    after: 3")),
            "5:12",
            "'after' in a rule of kind 'presence', expected it with dwell only",
        ),
        (
            &rule(&format!("kind: crossing\n    {ZONE}")),
            "4:11",
            "'zone' in a rule of kind 'crossing', expected it with presence, occupancy",
        ),
        (&rule("kind: crossing"), "3:11", "without 'line'"),
        (
            &rule(&format!("kind: dwell\n    {ZONE}")),
            "3:11",
            "without 'after'",
        ),
        (
            &rule(&format!("kind: crowding\n    {ZONE}")),
            "3:11",
            "without 'at_least'",
        ),
        (
            &rule(&format!("kind: crowding\n    {ZONE}\n    at_least: 0")),
            "5:15",
            "at_least '0', expected 1 to 1000 objects",
        ),
        (
            &rule(&format!("kind: dwell\n    {ZONE}\n    after: soon")),
            "5:12",
            "after 'soon', expected a number from 0 to 604800",
        ),
        (
            &rule(&format!(
                "kind: dwell\n    {ZONE}\n    after_of: {{person: -1}}"
            )),
            "5:24",
            "after_of '-1', expected a number from 0",
        ),
        (
            &rule(&format!("kind: presence\n    {ZONE}\n    enter: -1")),
            "5:12",
            "enter '-1', expected a number from 0 to 3600",
        ),
        (
            &rule("kind: presence\n    zone: [[0, 0], [1, 0]]"),
            "4:11",
            "zone of 2 points, expected 3 to 64",
        ),
        (
            &rule(&format!("kind: presence\n    zone: [{many}]")),
            "4:11",
            "zone of 65 points",
        ),
        (
            &rule("kind: presence\n    zone: [[0, 0], [1, 0], [1, 1.5]]"),
            "4:32",
            "zone '1.5', expected a number from 0 to 1",
        ),
        (
            &rule("kind: presence\n    zone: [[0, 0], [1, 0], [1, 1, 1]]"),
            "4:28",
            "zone has a point of 3 numbers, expected [x, y]",
        ),
        (
            &rule("kind: presence\n    zone: [[0, 0], [1, 0], [0.5, 0]]"),
            "4:11",
            "a zone without an area",
        ),
        (
            &rule("kind: presence\n    zone: [[0, 0], [1, 1], [1, 0], [0, 1], [0.5, 2e-1]]"),
            "4:11",
            "a zone whose edges cross",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0]]"),
            "4:11",
            "line of 1 points, expected 2 to 64",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [0, 0]]"),
            "4:20",
            "the same point twice",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    direction: left"),
            "5:16",
            "direction 'left', expected one of both, in, out",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    band: 2"),
            "5:11",
            "band '2', expected a number from 0 to 0.5",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    anchor: foot"),
            "5:13",
            "anchor 'foot', expected one of bottom, centre",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    min_score: 60"),
            "5:16",
            "min_score '60', expected a number from 0 to 1",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    objects: []"),
            "5:14",
            "objects of 0 names, expected 1 to 1024",
        ),
        (
            &rule("kind: crossing\n    line: [[0, 0], [1, 0]]\n    cameras: [a/b]"),
            "5:15",
            "cameras 'a/b'",
        ),
        (&rule(speed), "3:11", "without 'edges'"),
        (
            &rule(&format!("{speed}edges: [1, 2, 3]")),
            "5:12",
            "edges of 3 numbers, expected 4",
        ),
        (
            &rule(&format!("{speed}edges: [1, 2, 3, 0]")),
            "5:22",
            "edges '0', expected a number from 0.01",
        ),
        (
            &rule(&format!("{speed}edges: [1, 2, 3, 4]")),
            "5:12",
            "edges [1, 2, 3, 4], expected 'diagonal'",
        ),
        (
            &rule(&format!("{speed}edges: [1, 2, 1, 2]\n    diagonal: 9")),
            "5:12",
            "expected lengths that a convex",
        ),
        (
            &rule(&format!("kind: speed\n    {ZONE}\n    edges: [1, 1, 1, 1]")),
            "4:11",
            "zone of 3 points, expected 4",
        ),
        (
            &rule("kind: heatmap\n    grid: [64]"),
            "4:11",
            "grid of 1 numbers, expected [columns, rows]",
        ),
        (
            &rule("kind: heatmap\n    grid: [64, 1000]"),
            "4:16",
            "grid '1000', expected 1 to 256 cells",
        ),
        (
            "rules:\n  - {name: a b, kind: presence}",
            "2:12",
            "name 'a b', expected 1 to 64 letters",
        ),
    ] {
        let error = read(text).expect_err(text);
        let starts = format!("rules.yml:{place}");
        assert!(
            error.starts_with(&starts),
            "{text}\n-> {error}\nis not at {place}"
        );
        assert!(error.contains(says), "{text}\n-> {error}\nlacks {says}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn a_missing_and_a_long_file_are_named() {
    let error = load(Path::new("no/such/rules.yml")).expect_err("none");
    assert!(error.to_string().contains("'no/such/rules.yml'"), "{error}");
    let long = tempfile::NamedTempFile::new().expect("a temporary file");
    long.as_file().set_len(FILE_BYTES + 1).expect("room");
    let error = load(long.path()).expect_err("too long");
    assert!(
        error.to_string().contains("longer than 1048576 bytes"),
        "{error}"
    );
}
