use super::*;

const TEXT: &str = "# ours
rules:
  - name: gate # the front one
    kind: crossing
    cameras: [cam1]
    line: [[0, 0.5], [1, 0.5]]
  - name: yard
    kind: dwell
    zone:
      - [0, 0.4]
      - [1, 0.4]
      - [1, 1]
    after: 10
";

fn file() -> (tempfile::TempDir, File) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yml");
    std::fs::write(&path, TEXT).expect("writable");
    let file = File::new(&path);
    (folder, file)
}

fn text(file: &File) -> String {
    std::fs::read_to_string(&file.path).expect("readable")
}

fn fields(fields: &[(&str, &str)]) -> BTreeMap<String, Given> {
    let given = fields.iter().map(|(field, value)| {
        let value = Given::Text((*value).to_owned());
        ((*field).to_owned(), value)
    });
    given.collect()
}

fn set(version: &str, values: &[(&str, &str)]) -> Changed {
    Changed {
        set: fields(values),
        version: version.to_owned(),
        ..Changed::default()
    }
}

#[test]
fn rules_are_shown_with_what_is_drawn_and_what_is_typed() {
    let (_folder, file) = file();
    let rules = file.list().expect("valid");
    let [gate, yard] = &rules[..] else {
        panic!("{rules:?}")
    };
    assert_eq!(
        (gate.kind, gate.is_line, yard.kind, yard.is_line),
        ("crossing", true, "dwell", false)
    );
    assert_eq!(gate.points, [[0.0, 0.5], [1.0, 0.5]]);
    assert_eq!((gate.cameras.len(), yard.cameras.len()), (1, 0));
    assert_eq!(yard.fields["after"], "10");
    assert_eq!(yard.fields["zone"], "[[0, 0.4], [1, 0.4], [1, 1]]");
}

#[test]
fn a_rule_is_changed_added_and_removed_with_the_rest_of_the_file_kept() {
    let (_folder, file) = file();
    let version = |index: usize| file.list().expect("valid")[index].version.clone();
    let line = "[[0.1, 0.2], [0.3, 0.4]]";
    let changed = file
        .change(0, &set(&version(0), &[("line", line)]))
        .expect("valid");
    assert_eq!(changed[0].points, [[0.1, 0.2], [0.3, 0.4]]);
    assert_eq!(text(&file), TEXT.replace("[[0, 0.5], [1, 0.5]]", line));
    let added = Added {
        fields: fields(&[
            ("name", "hall"),
            ("kind", "presence"),
            ("zone", "[[0, 0], [1, 0], [1, 1]]"),
        ]),
    };
    assert_eq!(file.add(&added).expect("valid").len(), 3);
    file.remove(0, &version(0)).expect("there");
    let left: Vec<_> = file
        .list()
        .expect("valid")
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(left, ["yard", "hall"]);
    assert!(text(&file).starts_with("# ours\nrules:\n  - name: yard\n"));
}

#[test]
fn what_would_be_invalid_or_is_meant_for_another_rule_is_refused() {
    let (_folder, file) = file();
    let version = |index: usize| file.list().expect("valid")[index].version.clone();
    let (gate, yard) = (version(0), version(1));
    let status = |result: Result<Vec<Shown>, Refusal>| result.expect_err("refused").status;
    let bad = file.change(1, &set(&yard, &[("zone", "[[0, 0], [1, 1]]")]));
    let refused = bad.expect_err("two points");
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.line.contains("zone of 2 points"),
        "{}",
        refused.line
    );
    let swapped = file.change(0, &set(&yard, &[("name", "x")]));
    assert_eq!(status(swapped), StatusCode::PRECONDITION_FAILED);
    file.change(0, &set(&gate, &[("name", "door")]))
        .expect("valid");
    assert_eq!(
        status(file.remove(0, &gate)),
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(version(1), yard, "no other has changed");
    std::fs::write(&file.path, "rules:\n  - name: a\n    kind: what\n").expect("writable");
    assert_eq!(status(file.list()), UNUSABLE);
}
