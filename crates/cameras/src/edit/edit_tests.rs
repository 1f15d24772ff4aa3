use std::path::Path;

use super::*;

fn edited(text: &str, edit: impl FnOnce(&mut Editor) -> Result<(), EditError>) -> String {
    let mut editor = Editor::of(text);
    edit(&mut editor).expect(text);
    if let Err(error) = editor.cameras() {
        panic!("{error} in\n{}", editor.text());
    }
    editor.text().to_owned()
}

const YARD: &str = "\
# The yard's cameras.
cameras:
  # At the gate.
  - id: gate   # the old one
    url: rtsp://h/1   # stream 1
    # Slow machine.
    detect_fps: 5

  - {id: door, url: 'rtsp://h/2', detect: off}   # never used
# The end.
";

#[test]
fn a_field_is_set() {
    for (id, field, value, before, after) in [
        (
            "gate",
            "detect_fps",
            "2.5",
            "detect_fps: 5\n",
            "detect_fps: 2.5\n",
        ),
        (
            "gate",
            "url",
            "rtsp://h/3",
            "rtsp://h/1   # stream",
            "rtsp://h/3   # stream",
        ),
        (
            "gate",
            "transport",
            "udp",
            "detect_fps: 5\n",
            "detect_fps: 5\n    transport: udp\n",
        ),
        ("door", "detect", "on", "detect: off}", "detect: on}"),
        (
            "door",
            "client",
            "rtsp",
            "detect: off}",
            "detect: off, client: rtsp}",
        ),
        (
            "door",
            "url",
            "rtsp://h/a,b",
            "'rtsp://h/2'",
            "'rtsp://h/a,b'",
        ),
    ] {
        let text = edited(YARD, |it| it.set(id, field, &Value::text(value)));
        assert_eq!(text, YARD.replace(before, after), "{id} {field}");
    }
}

#[test]
fn a_field_is_unset() {
    let text = edited(YARD, |it| it.unset("gate", "detect_fps"));
    assert_eq!(text, YARD.replace("    detect_fps: 5\n", ""));
    let text = edited(YARD, |it| it.unset("door", "detect"));
    assert_eq!(text, YARD.replace(", detect: off", ""));
    let first = "cameras:\n  - detect: off   # why\n    id: a\n    url: rtsp://h/\n";
    let text = edited(first, |it| it.unset("a", "detect"));
    assert_eq!(text, first.replace("detect: off", ""));
    let first = "cameras:\n- {detect: off, id: a, url: 'rtsp://h/'}\n";
    let text = edited(first, |it| it.unset("a", "detect"));
    assert_eq!(text, first.replace("detect: off, ", ""));
    let first = "cameras:\n  - detect: off\n    id: a\n    url: rtsp://h/\n";
    let text = edited(first, |it| it.unset("a", "detect"));
    assert_eq!(text, first.replace("detect: off\n    ", ""));
}

#[test]
fn a_camera_is_added_as_the_others_are_written() {
    let url = [("url", Value::text("rtsp://h/9"))];
    let text = edited(YARD, |it| it.add("new", &url));
    let added = "# never used\n  - id: new\n    url: rtsp://h/9\n";
    assert_eq!(text, YARD.replace("# never used\n", added));
    for (before, after) in [
        (
            "cameras:\n- id: a\n  url: rtsp://h/",
            "cameras:\n- id: a\n  url: rtsp://h/\n- id: new\n  url: rtsp://h/9\n",
        ),
        (
            "cameras:\r\n  - id: a\r\n    url: rtsp://h/\r\n",
            "cameras:\r\n  - id: a\r\n    url: rtsp://h/\r\n  - id: new\r\n    url: rtsp://h/9\r\n",
        ),
        (
            "cameras: [{id: a, url: 'rtsp://h/'}] # all\n",
            "cameras: [{id: a, url: 'rtsp://h/'}, {id: new, url: 'rtsp://h/9'}] # all\n",
        ),
        (
            "cameras: [\n  {id: a, url: 'rtsp://h/'},\n]\n",
            "cameras: [\n  {id: a, url: 'rtsp://h/'},\n  {id: new, url: 'rtsp://h/9'},\n]\n",
        ),
        (
            "{cameras: [{id: a, url: 'rtsp://h/'}]}",
            "{cameras: [{id: a, url: 'rtsp://h/'}, {id: new, url: 'rtsp://h/9'}]}",
        ),
    ] {
        assert_eq!(edited(before, |it| it.add("new", &url)), after);
    }
}

#[test]
fn a_camera_is_removed_with_what_is_in_it() {
    let text = edited(YARD, |it| it.remove("gate"));
    let (before, rest) = YARD.split_once("  - id: gate").expect("a camera");
    let (_, after) = rest.split_once("detect_fps: 5\n").expect("its end");
    assert_eq!(text, format!("{before}{after}"));
    let text = edited(YARD, |it| it.remove("door"));
    let (before, _) = YARD.split_once("  - {id: door").expect("a camera");
    assert_eq!(text, format!("{before}# The end.\n"));
    let flow = "cameras: [{id: a, url: 'rtsp://h/'}, {id: b, url: 'rtsp://h/'}]\n";
    let text = edited(flow, |it| it.remove("a"));
    assert_eq!(text, "cameras: [{id: b, url: 'rtsp://h/'}]\n");
    let text = edited(flow, |it| it.remove("b"));
    assert_eq!(text, "cameras: [{id: a, url: 'rtsp://h/'}]\n");
}

#[test]
fn values_that_stand_in_other_ways() {
    for (value, line) in [
        ("&all 5", "    detect_fps: 2\n"),
        ("!!str 5", "    detect_fps: 2\n"),
        ("\"5\"", "    detect_fps: 2\n"),
        (">-\n      5", "    detect_fps: 2\n"),
        ("|-\n      5\n", "    detect_fps: 2\n"),
        ("\n      5", "    detect_fps: 2\n"),
    ] {
        let text = format!("cameras:\n  - id: a\n    detect_fps: {value}\n    url: rtsp://h/\n");
        let set = edited(&text, |it| it.set("a", "detect_fps", &Value::text("2")));
        assert!(set.contains(line), "{value}: {set}");
        let unset = edited(&text, |it| it.unset("a", "detect_fps"));
        assert!(!unset.contains("detect_fps"), "{value}: {unset}");
        assert!(unset.contains("url: rtsp://h/"), "{value}: {unset}");
    }
}

#[test]
fn what_cannot_be_done_says_why() {
    let text = "cameras:\n  - id: a\n    url: &u rtsp://u:t0psecret@h/\n  - {id: b, url: *u}\n";
    let mut editor = Editor::of(text);
    let value = Value::text("x");
    let mut errors = vec![
        editor.set("c", "url", &value).expect_err("no camera"),
        editor.remove("c").expect_err("no camera"),
        editor.add("a", &[]).expect_err("there is one"),
        editor.unset("a", "detect").expect_err("no field"),
        // The other camera's would be another URL, or none.
        editor.set("a", "url", &value).expect_err("an alias"),
        editor.remove("a").expect_err("an alias"),
        editor
            .set("a", "region", &Value::List("[1, 2".to_owned()))
            .expect_err("no list"),
        editor
            .set("a", "region", &Value::List("[1], x: [2]".to_owned()))
            .expect_err("more than a list"),
    ];
    assert_eq!(editor.text(), text);
    editor.set("b", "urll", &value).expect("any name");
    errors.push(editor.cameras().expect_err("no such field"));
    let parts = [
        "expected one of 'a', 'b'",
        "expected one of 'a', 'b'",
        "already",
        "no field 'detect' of its own",
        "by hand",
        "by hand",
        "region: expected a list",
        "region: expected a list",
        "cameras.yml:4:",
    ];
    for (error, part) in errors.iter().zip(parts) {
        let error = error.to_string();
        assert!(error.contains(part), "{error} lacks {part}");
        assert!(
            !error.contains("t0psecret") && !error.contains('\n'),
            "{error}"
        );
    }
    let mut one = Editor::of("cameras: [{id: a, url: 'rtsp://h/'}]");
    let error = one.remove("a").expect_err("the last").to_string();
    assert!(error.contains("at least one"), "{error}");
}

#[test]
fn any_password_comes_out_as_it_went_in() {
    for password in [
        "",
        " ",
        "a b",
        "#x",
        "a #x",
        "'",
        "\"",
        "\\",
        "\\n",
        "\n",
        "a\nb",
        "\r",
        "\t",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\0",
        "\u{7f}",
        "é",
        "密码",
        "- a",
        "? a",
        "a: b",
        "a:",
        "[a]",
        "{a}",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a",
        "~",
        "null",
        "Null",
        "true",
        "1e3",
        "0x1f",
        "1_000",
        "=",
        "<<",
        "...",
        "---",
        "\u{1f600}",
        ",",
        "a,b",
        "a]b}",
    ] {
        for text in [
            "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: p\n",
            "cameras: [{id: a, url: 'rtsp://h/', username: u, password: p}]\n",
        ] {
            let text = edited(text, |it| it.set("a", "password", &Value::text(password)));
            let cameras = crate::parse(Path::new("c"), &text, &|_| None).expect("valid");
            let credentials = cameras[0].credentials.as_ref().map(|it| it.expose().1);
            assert_eq!(credentials, Some(password), "{text}");
        }
    }
}

#[test]
fn variables_that_only_the_pipeline_has() {
    let text = "cameras:\n  - id: a\n    url: ${CAMWEAVE_NO_SUCH_URL}\n    transport: ${CAMWEAVE_NO_SUCH}\n    username: u\n    password: ${CAMWEAVE_NO_SUCH}\n    detect_fps: ${CAMWEAVE_NO_SUCH:-3}\n";
    let set = edited(text, |it| it.set("a", "detect_fps", &Value::text("4")));
    assert_eq!(set, text.replace("${CAMWEAVE_NO_SUCH:-3}", "4"));
}

#[test]
fn variables_in_lists_and_beside_what_depends_on_them() {
    for fields in [
        "region: [0, '${CAMWEAVE_NO_SUCH}', 1, 1]",
        "region: ['${CAMWEAVE_NO_SUCH}', 0.2, '${CAMWEAVE_NO_SUCH}', 0.4]",
        "ignore: [[[0, 0], [0, '${CAMWEAVE_NO_SUCH}'], [1, 1]]]",
        "detect: '${CAMWEAVE_NO_SUCH}', motion_area: 3",
        "detect: motion, motion_area: '${CAMWEAVE_NO_SUCH}'",
    ] {
        let text = format!("cameras: [{{id: a, url: 'rtsp://h/', {fields}, client: auto}}]\n");
        let set = edited(&text, |it| it.set("a", "client", &Value::text("rtsp")));
        assert_eq!(set, text.replace("auto", "rtsp"));
    }
    let text = "cameras:\n  - id: a\n    url: &u ${CAMWEAVE_NO_SUCH}\n  - {id: b, url: *u}\n";
    let set = edited(text, |it| it.set("b", "detect", &Value::text("off")));
    assert_eq!(set, text.replace("*u}", "*u, detect: off}"));
    // What needs no variable is checked as ever, and where it is.
    for (fields, expected) in [
        (
            "url: ${CAMWEAVE_NO_SUCH}\n    detect_fps: 0",
            "cameras.yml:4:17: detect_fps '0'",
        ),
        (
            "url: rtsp://h/${CAMWEAVE_NO_SUCH}\n    region: ['${CAMWEAVE_NO_SUCH}', 0, 2, 1]",
            "cameras.yml:4:40: region '2'",
        ),
        ("url: ${CAMWEAVE-NO}", "names no environment variable"),
    ] {
        let editor = Editor::of(&format!("cameras:\n  - id: a\n    {fields}\n"));
        let error = editor.cameras().expect_err(fields).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_removed_anchor_does_not_change_what_others_refer_to() {
    let text = "cameras:\n  - {id: a, url: &one 'rtsp://h/a'}\n  - {id: b, url: &two 'rtsp://h/b'}\n  - {id: c, url: *two}\n";
    let removed = edited(text, |it| it.remove("a"));
    assert_eq!(
        removed,
        text.replace("  - {id: a, url: &one 'rtsp://h/a'}\n", "")
    );
    // The alias would mean the other anchor of this name, or another camera.
    let text = text.replace("&one", "&two");
    let mut editor = Editor::of(&text);
    editor.remove("b").expect_err("c refers to it");
    let url = Value::text("rtsp://h/");
    editor.set("b", "url", &url).expect_err("c refers to it");
    assert_eq!(
        edited(&text, |it| it.set("a", "url", &url)),
        text.replace("&two 'rtsp://h/a'", "'rtsp://h/'")
    );
    let region = Value::List("[&two 0, 0, 1, 1]".to_owned());
    editor.set("a", "region", &region).expect_err("an anchor");
}

#[test]
fn a_camera_that_others_are_made_of_is_left_alone() {
    let text = "cameras:\n  - &base\n    id: a\n    url: rtsp://h/\n  - <<: *base\n    id: b\n";
    let mut editor = Editor::of(text);
    let off = Value::text("off");
    editor.set("a", "detect", &off).expect_err("b changes too");
    editor.remove("a").expect_err("b would be nothing");
    editor.set("b", "detect", &off).expect("nobody else");
    assert_eq!(editor.text(), format!("{text}    detect: off\n"));
}

#[test]
fn the_fields_of_each_camera_are_known_and_which_of_them_are_variables() {
    let text = "cameras:
  - {id: gate, url: 'rtsp://h/', password: &p '${PASSWORD:-x}', username: anna}
  - url: rtsp://${NVR}/yard # first
    id: yard
    region: [0, 0, 1, 1]
";
    let written = Editor::of(text).written();
    let field = |name: &str, is_variable| WrittenField {
        name: name.to_owned(),
        is_variable,
    };
    let gate = [
        field("url", false),
        field("password", true),
        field("username", false),
    ];
    assert_eq!((&*written[0].id, &*written[0].fields), ("gate", &gate[..]));
    let yard = [field("url", true), field("region", false)];
    assert_eq!((&*written[1].id, &*written[1].fields), ("yard", &yard[..]));
    assert_eq!(Editor::of("cameras: gate").written(), []);
}

#[test]
fn the_rate_of_a_camera_that_is_off_is_known() {
    let text = "cameras:
  - {id: a, url: 'rtsp://h/', detect: off, detect_fps: 4}
  - {id: b, url: 'rtsp://h/', detect_fps: '${CAMWEAVE_NO_SUCH:-2.5}'}
  - {id: c, url: 'rtsp://h/', detect_fps: '${CAMWEAVE_NO_SUCH}'}
  - {id: d, url: 'rtsp://h/'}
";
    let written = Editor::of(text).written();
    let rates: Vec<_> = written.iter().map(|it| it.detect_fps).collect();
    assert_eq!(rates, [Some(4.0), Some(2.5), None, None]);
}

#[test]
fn a_camera_to_connect_to_has_nothing_made_up() {
    let text = "cameras:
  - {id: a, url: &u 'rtsp://${CAMWEAVE_NO_SUCH}/'}
  - {id: b, url: 'rtsp://h/b', username: u, password: '${CAMWEAVE_NO_SUCH}'}
  - {id: c, url: *u}
  - {id: d, url: 'rtsp://${CAMWEAVE_NO_SUCH:-h}/d'}
";
    let editor = Editor::of(text);
    assert_eq!(editor.cameras().expect("valid elsewhere").len(), 4);
    assert_eq!(editor.without_url(), ["a", "c"]);
    for id in ["a", "b", "c"] {
        let error = editor.camera(id).expect_err(id).to_string();
        assert!(error.contains("CAMWEAVE_NO_SUCH is not set"), "{error}");
    }
    let camera = editor.camera("d").expect("it has a default");
    assert_eq!(camera.url.to_string(), "rtsp://h/d");
    let error = editor.camera("none").expect_err("no such camera");
    assert!(matches!(error, EditError::NoCamera { .. }), "{error}");
}

#[test]
fn streams_are_set_in_one_line_and_other_edits_leave_them() {
    let block = "cameras:
  - id: a   # the gate
    streams:
      # Small.
      detect: rtsp://h/sub
      # Large.
      record: 'rtsp://u:t0psecret@h/main'   # large
    detect_fps: 5
";
    // Other fields are changed around them.
    let set = edited(block, |it| it.set("a", "detect_fps", &Value::text("2")));
    assert_eq!(set, block.replace("detect_fps: 5", "detect_fps: 2"));
    let added = edited(block, |it| {
        it.set("a", "region", &Value::typed("region", "[0, 0, 1, 1]"))
    });
    assert_eq!(added, format!("{block}    region: [0, 0, 1, 1]\n"));
    // One stream becomes two, and two become others, and one again.
    let one = "cameras:\n  - {id: a, url: 'rtsp://h/'}\n  - id: b\n    url: rtsp://g/\n";
    let value = Value::streams("rtsp://g/sub", "rtsp://g/main?a, b: {c}");
    let mut editor = Editor::of(one);
    for id in ["a", "b"] {
        editor.unset(id, "url").expect("it has one");
        editor.set(id, "streams", &value).expect("two");
    }
    let cameras = editor.cameras().expect("valid");
    for camera in &cameras {
        let record = camera.record.as_ref().expect("two streams");
        assert_eq!(camera.url.expose().as_str(), "rtsp://g/sub");
        assert_eq!(record.url.expose().query(), Some("a,%20b:%20{c}"));
    }
    let typed = Value::typed("streams", "{detect: 'rtsp://g/1', record: 'rtsp://g/2'}");
    let mut editor = Editor::of(block);
    let error = editor.set("a", "streams", &Value::typed("streams", "{detect"));
    let error = error.expect_err("no mapping").to_string();
    assert!(error.starts_with("streams: expected a mapping"), "{error}");
    // Comments in what is replaced would be lost.
    assert!(editor.set("a", "streams", &typed).is_err());
    let block = block.replace("      # Large.\n", "");
    let mut editor = Editor::of(&block);
    editor.set("a", "streams", &typed).expect("two others");
    assert!(!editor.text().contains("t0psecret") && editor.text().contains("# the gate"));
    assert!(editor.text().contains("# Small."), "{}", editor.text());
    assert!(
        !format!("{typed:?}").contains("rtsp"),
        "it may have a password"
    );
    editor.unset("a", "streams").expect("they are there");
    editor
        .set("a", "url", &Value::text("rtsp://g/1"))
        .expect("one");
    assert_eq!(editor.cameras().expect("valid")[0].record, None);
    // What it has of its own is known, and that a variable of another process is in one of them.
    let editor = Editor::of(
        "cameras: [{id: a, streams: {detect: 'rtsp://h/', record: 'rtsp://${NOT_SET_ANYWHERE}/'}}]",
    );
    let written = &editor.written()[0].fields[0];
    assert_eq!((&*written.name, written.is_variable), ("streams", true));
    assert_eq!(editor.without_url(), ["a"]);
}
