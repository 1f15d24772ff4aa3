//! Comments stay where they are, or the file is left as it is.

use super::*;

type Edit = fn(&mut Editor) -> Result<(), EditError>;

fn edited(text: &str, edit: Edit) -> Option<String> {
    let mut editor = Editor::of(text);
    match edit(&mut editor) {
        Ok(()) => {
            let checked = editor.cameras();
            assert!(checked.is_ok(), "{checked:?} in\n{}", editor.text());
            Some(editor.text().to_owned())
        }
        Err(error) => {
            assert!(error.to_string().contains("by hand"), "{error}");
            assert_eq!(editor.text(), text);
            None
        }
    }
}

const LIST: &str = "\
cameras: [
  # the gate
  {id: a, url: 'rtsp://h/'}, # gate
  # the yard
  {id: b, url: 'rtsp://h/'}, # yard
  # the door
  {id: c, url: 'rtsp://h/'} # door
  # the end
]
";

#[test]
fn a_camera_between_brackets_is_removed() {
    for (id, line) in [
        ("a", "  {id: a, url: 'rtsp://h/'}, # gate\n"),
        ("b", "  {id: b, url: 'rtsp://h/'}, # yard\n"),
        ("c", "  {id: c, url: 'rtsp://h/'} # door\n"),
    ] {
        let mut editor = Editor::of(LIST);
        editor.remove(id).expect(id);
        assert_eq!(editor.text(), LIST.replace(line, ""));
    }
    let plain =
        "cameras: [\n  {id: a, url: 'rtsp://h/'},\n  # the yard\n  {id: b, url: 'rtsp://h/'},\n]\n";
    assert_eq!(
        edited(plain, |it| it.remove("a")).as_deref(),
        Some("cameras: [\n  # the yard\n  {id: b, url: 'rtsp://h/'},\n]\n")
    );
    let last = "cameras: [{id: a, url: 'rtsp://h/'},\n  {id: b, url: 'rtsp://h/'}, # yard\n]\n";
    assert_eq!(
        edited(last, |it| it.remove("b")).as_deref(),
        Some("cameras: [{id: a, url: 'rtsp://h/'},\n]\n")
    );
    for text in [
        "cameras: [{id: a, url: 'rtsp://h/'}, # gate\n  {id: b, url: 'rtsp://h/'}]\n",
        "cameras: [\n  {id: a, url: 'rtsp://h/'}\n  # the yard\n  , {id: b, url: 'rtsp://h/'}]\n",
    ] {
        assert_eq!(edited(text, |it| it.remove("a")), None, "{text}");
        assert_eq!(edited(text, |it| it.remove("b")), None, "{text}");
    }
}

#[test]
fn a_camera_is_added_between_brackets() {
    let add: Edit = |it| it.add("new", &[("url", Value::text("rtsp://n/"))]);
    let added = "{id: new, url: 'rtsp://n/'}";
    assert_eq!(
        edited(LIST, add),
        Some(LIST.replace("} # door\n", &format!("}}, # door\n  {added}\n")))
    );
    let comma = LIST.replace("} # door", "}, # door");
    assert_eq!(
        edited(&comma, add),
        Some(comma.replace("# door\n", &format!("# door\n  {added},\n")))
    );
}

#[test]
fn a_field_between_braces_is_set_and_unset() {
    let text = "\
cameras:
  - {
      id: a, # gate
      # main stream
      url: 'rtsp://h/', # 4K
      # slow
      detect: on # for now
    }
";
    assert_eq!(
        edited(text, |it| it.unset("a", "detect")),
        Some(text.replace("      detect: on # for now\n", ""))
    );
    let more = text.replace("      # slow", "      client: auto, # any\n      # slow");
    assert_eq!(
        edited(&more, |it| it.unset("a", "client")).as_deref(),
        Some(text)
    );
    assert_eq!(
        edited(text, |it| it.set("a", "client", &Value::text("rtsp"))),
        Some(text.replace("on # for now\n", "on, # for now\n      client: rtsp\n"))
    );
    let beside = "cameras:\n  - {id: a, detect: on, # now\n      url: 'rtsp://h/'}\n";
    assert_eq!(edited(beside, |it| it.unset("a", "detect")), None);
}

#[test]
fn comments_between_a_name_and_its_value_stay() {
    let text = "cameras:\n  - id: a\n    url: # main\n      # of two\n      rtsp://h/ # stream 1\n    detect: # later\n";
    assert_eq!(
        edited(text, |it| it.set("a", "url", &Value::text("rtsp://n/"))),
        Some(text.replace("rtsp://h/", "rtsp://n/"))
    );
    assert_eq!(
        edited(text, |it| it.set("a", "detect", &Value::text("off"))),
        Some(text.replace("detect: #", "detect: off #"))
    );
    let text = "cameras:\n  - id: a\n    detect: # later\n    url: rtsp://h/\n";
    assert_eq!(
        edited(text, |it| it.set("a", "detect", &Value::text("off"))),
        Some(text.replace("detect: #", "detect: off #"))
    );
    let areas = "\
cameras:
  - id: street
    url: rtsp://192.0.2.11/stream1
    ignore:
      # The parking lot at the left.
      - [[0, 0.4], [0.3, 0.4], [0.2, 0.7], [0, 0.75]]
";
    let triangle: Edit = |it| {
        let list = Value::List("[[[0, 0], [1, 0], [1, 1]]]".to_owned());
        it.set("street", "ignore", &list)
    };
    assert_eq!(
        edited(areas, triangle),
        Some(areas.replace(
            "- [[0, 0.4], [0.3, 0.4], [0.2, 0.7], [0, 0.75]]",
            "[[[0, 0], [1, 0], [1, 1]]]"
        ))
    );
    // Those in a list go with the field, and keep it from being replaced.
    let more = format!(
        "{areas}      # The time stamp.\n      - [[0.7, 0.95], [1, 0.95], [1, 1]]\n    client: auto\n"
    );
    assert_eq!(edited(&more, triangle), None);
    let (before, _) = more.split_once("    ignore").expect("a field");
    assert_eq!(
        edited(&more, |it| it.unset("street", "ignore")),
        Some(format!("{before}    client: auto\n"))
    );
    let folded = "cameras:\n  - id: a\n    url: >- # main\n      rtsp://h/\n";
    assert_eq!(
        edited(folded, |it| it.set("a", "url", &Value::text("rtsp://n/"))),
        Some(folded.replace("//h/", "//n/"))
    );
}
