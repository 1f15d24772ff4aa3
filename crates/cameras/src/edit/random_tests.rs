//! Random files, random edits: the text says what was meant, and nothing else is touched.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FIELDS: [(&str, &[&str]); 5] = [
    ("transport", &["tcp", "udp"]),
    ("client", &["auto", "rtsp", "ffmpeg"]),
    ("detect_fps", &["1", "0.5", "25"]),
    ("detect", &["on", "off"]),
    (
        "url",
        &[
            "rtsp://h/",
            "rtsp://h:554/a?b=c",
            "rtsp://${CAMWEAVE_H:-h}/#x",
        ],
    ),
];

/// How one camera is written.
#[derive(Debug, Clone)]
struct Written {
    fields: Vec<(usize, usize)>,
    in_flow: bool,
    quote: u8,
    above: bool,
    inside: bool,
    beside: bool,
    blank: bool,
    id_at: usize,
}

#[derive(Debug, Clone)]
enum Edit {
    Add(usize),
    Remove(usize),
    Set(usize, usize, usize),
    Unset(usize, usize),
}

fn camera() -> impl Strategy<Value = Written> {
    let fields = proptest::sample::subsequence(vec![0_usize, 1, 2, 3], 0..4)
        .prop_flat_map(|fields| (Just(fields), vec(0_usize..6, 4)))
        .prop_map(|(fields, values)| fields.into_iter().zip(values).collect());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (fields, any::<bool>(), 0_u8..3, flags, 0_usize..3).prop_map(
        |(fields, in_flow, quote, (above, inside, beside, blank), id_at)| Written {
            fields,
            in_flow,
            quote,
            above,
            inside,
            beside,
            blank,
            id_at,
        },
    )
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (0_usize..100).prop_map(Edit::Add),
        (0_usize..10).prop_map(Edit::Remove),
        (0_usize..10, 0_usize..5, 0_usize..3).prop_map(|(a, b, c)| Edit::Set(a, b, c)),
        (0_usize..10, 0_usize..4).prop_map(|(a, b)| Edit::Unset(a, b)),
    ]
}

type Model = Vec<BTreeMap<String, String>>;

/// The text of a file and what it says. Comments name what they belong to.
fn file(cameras: &[Written], indent: usize, has_break: bool) -> (String, Model) {
    let mut text = String::from("# <top>\ncameras: # <list>\n");
    let mut model = Model::new();
    let dash = " ".repeat(indent);
    for (index, camera) in cameras.iter().enumerate() {
        let id = format!("cam{index}");
        let quoted = |value: &str| match camera.quote {
            0 if !camera.in_flow => value.to_owned(),
            1 => format!("\"{value}\""),
            _ => format!("'{value}'"),
        };
        let mut fields: Vec<(String, String)> = camera
            .fields
            .iter()
            .map(|&(field, value)| {
                let (name, values) = FIELDS[field];
                (name.to_owned(), values[value % values.len()].to_owned())
            })
            .collect();
        fields.push(("url".to_owned(), format!("rtsp://h/{index}")));
        fields.insert(
            camera.id_at.min(fields.len()),
            ("id".to_owned(), id.clone()),
        );
        if camera.blank {
            text.push('\n');
        }
        if camera.above {
            text.push_str(&format!("{dash}# <above {index}>\n"));
        }
        if camera.in_flow {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("{name}: {}", quoted(value)));
            let fields = fields.collect::<Vec<_>>().join(", ");
            text.push_str(&format!("{dash}- {{{fields}}}"));
            if camera.beside {
                text.push_str(&format!("  # <{id}>"));
            }
            text.push('\n');
        } else {
            for (position, (name, value)) in fields.iter().enumerate() {
                let lead = if position == 0 { "- " } else { "  " };
                if camera.inside && position == 1 {
                    text.push_str(&format!("{dash}  # <{id}>\n"));
                }
                text.push_str(&format!("{dash}{lead}{name}: {}", quoted(value)));
                if camera.beside {
                    text.push_str(&format!("  # <{id}.{name}>"));
                }
                text.push('\n');
            }
        }
        model.push(fields.into_iter().collect());
    }
    if !has_break {
        text.pop();
    }
    (text, model)
}

fn comments(text: &str) -> Vec<&str> {
    let of_line = |line: &'_ str| line.find("# <").map(|at| at..line.len());
    let lines = text.lines();
    lines
        .filter_map(|line| of_line(line).map(|range| &line[range]))
        .collect()
}

fn says(text: &str) -> Model {
    let layout = layout::Layout::read(text).expect("a list");
    let cameras = layout.model().into_iter().map(|camera| {
        let fields = camera.into_iter().map(|(name, value)| match value {
            layout::Plain::Text(text) => (name, text),
            other => panic!("{other:?}"),
        });
        fields.collect()
    });
    cameras.collect()
}

proptest! {
    #[test]
    fn edits_do_what_they_say_and_nothing_else(
        cameras in vec(camera(), 1..6),
        edits in vec(edit(), 1..12),
        indent in 0_usize..3,
        has_break in any::<bool>(),
    ) {
        let (text, mut model) = file(&cameras, 2 * indent, has_break);
        let mut editor = Editor::of(&text);
        prop_assert_eq!(&says(&text), &model);
        for edit in edits {
            let before = editor.text().to_owned();
            let at = |index: usize| index % model.len();
            let id_of = |index: usize| model[index]["id"].clone();
            // What may be gone with this edit.
            let (gone, most_lines) = match edit {
                Edit::Add(number) => {
                    let id = format!("new{number}");
                    let url = format!("rtsp://new/{number}");
                    let added = editor.add(&id, &[("url", Value::text(&*url))]);
                    prop_assert_eq!(added.is_ok(), !model.iter().any(|it| it["id"] == id));
                    if added.is_ok() {
                        let fields = [("id".to_owned(), id), ("url".to_owned(), url)];
                        model.push(fields.into_iter().collect());
                    }
                    (String::new(), 0)
                }
                Edit::Remove(index) if model.len() > 1 => {
                    let index = at(index);
                    let id = id_of(index);
                    editor.remove(&id).expect("it is there");
                    model.remove(index);
                    (id, 12)
                }
                Edit::Remove(index) => {
                    let id = id_of(at(index));
                    prop_assert!(editor.remove(&id).is_err());
                    (String::new(), 0)
                }
                Edit::Set(index, field, value) => {
                    let (index, (name, values)) = (at(index), FIELDS[field]);
                    let value = values[value % values.len()];
                    editor.set(&id_of(index), name, &Value::text(value)).expect("any value");
                    model[index].insert(name.to_owned(), value.to_owned());
                    (String::new(), 1)
                }
                Edit::Unset(index, field) => {
                    let (index, (name, _)) = (at(index), FIELDS[field]);
                    let id = id_of(index);
                    let is_there = model[index].remove(name).is_some();
                    prop_assert_eq!(editor.unset(&id, name).is_ok(), is_there);
                    // Behind the dash the next field takes its place.
                    (format!("{id}.{name}"), 2)
                }
            };
            let after = editor.text();
            prop_assert_eq!(&says(after), &model, "{} -> {}", before, after);
            let valid = editor.cameras();
            prop_assert!(valid.is_ok(), "{:?}\n{}", valid, after);
            let left = comments(after);
            for comment in comments(&before) {
                let is_of_gone = !gone.is_empty()
                    && (comment.contains(&format!("<{gone}>")) || comment.contains(&format!("<{gone}.")));
                prop_assert!(is_of_gone || left.contains(&comment), "{}\n{}\n->\n{}", comment, before, after);
            }
            // Only lines in one place differ.
            let same = before.lines().zip(after.lines()).take_while(|(a, b)| a == b).count();
            let rest = before.lines().rev().zip(after.lines().rev());
            let same_end = rest.take_while(|(a, b)| a == b).count();
            prop_assert!(same + same_end + most_lines >= before.lines().count(), "{}\n->\n{}", before, after);
        }
    }
}
