use std::path::PathBuf;

use super::*;
use crate::Exit;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    Newest,
    Oldest,
}

#[derive(Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct Example {
    /// path of an
    /// ONNX file
    model: Required<PathBuf>,
    /// frames of a batch
    #[schemars(range(min = 1, max = 64))]
    max_batch: usize,
    /// longest wait
    #[schemars(range(max = 1000), extend("unit" = "ms"))]
    wait: u64,
    /// least score
    #[schemars(range(min = 0, max = 1))]
    score: f64,
    /// which frames win
    order: Order,
    /// a library
    library: Option<PathBuf>,
    /// classes to keep
    classes: String,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            model: Required::default(),
            max_batch: 8,
            wait: 20,
            score: 0.4,
            order: Order::Newest,
            library: None,
            classes: String::new(),
        }
    }
}

impl Settings for Example {
    fn check(&self) -> Result<(), StageError> {
        match self.classes.contains('?') {
            true => Err(StageError::configuration("env CLASSES: no '?', please")),
            false => Ok(()),
        }
    }
}

fn read(variables: &[(&str, &str)]) -> Result<Example, StageError> {
    Example::read(&Declared::of(variables.iter().copied()))
}

fn refused(variables: &[(&str, &str)]) -> String {
    let error = read(variables).expect_err("a wrong value");
    assert_eq!(error.exit, Exit::Configuration);
    error.message
}

#[test]
fn values_and_defaults() {
    let example = read(&[
        ("MODEL", " a.onnx "),
        ("SCORE", "1"),
        ("ORDER", "oldest"),
        ("LIBRARY", "/lib/x.so"),
        ("WAIT", ""),
        ("RUST_LOG", "x"),
    ])
    .expect("known variables");
    let expected = Example {
        model: Required(PathBuf::from("a.onnx")),
        score: 1.0,
        order: Order::Oldest,
        library: Some(PathBuf::from("/lib/x.so")),
        ..Example::default()
    };
    assert_eq!(example, expected);
}

#[test]
fn every_error_names_variable_value_and_expectation() {
    let model = ("MODEL", "a.onnx");
    assert_eq!(
        refused(&[]),
        "env MODEL is not set, expected path of an ONNX file"
    );
    for (value, expected) in [
        (("MAX_BATCH", "many"), "a whole number from 1 to 64"),
        (("MAX_BATCH", "65"), "a whole number from 1 to 64"),
        (("MAX_BATCH", "0"), "a whole number from 1 to 64"),
        (("MAX_BATCH", "4.5"), "a whole number from 1 to 64"),
        (("WAIT", "-1"), "a whole number from 0 to 1000 (ms)"),
        (("SCORE", "nan"), "a number from 0 to 1"),
        (("SCORE", "1.01"), "a number from 0 to 1"),
        (("ORDER", "some"), "one of newest, oldest"),
    ] {
        let (name, text) = value;
        let message = refused(&[model, value]);
        let expected = format!("env {name}='{text}', expected {expected}");
        assert_eq!(message, expected);
    }
    assert!(refused(&[model, ("MAX_BACH", "4")]).contains("did you mean 'MAX_BATCH'?"));
    assert_eq!(
        refused(&[model, ("CLASSES", "a?")]),
        "env CLASSES: no '?', please"
    );
}

#[test]
fn the_description_has_all_that_the_structure_has() {
    let settings = described::<Example>();
    let names: Vec<&str> = settings.iter().map(|it| &*it.name).collect();
    assert_eq!(
        names,
        [
            "MODEL",
            "MAX_BATCH",
            "WAIT",
            "SCORE",
            "ORDER",
            "LIBRARY",
            "CLASSES"
        ]
    );
    let defaults: Vec<Option<&str>> = settings.iter().map(|it| it.default.as_deref()).collect();
    assert_eq!(
        defaults,
        [
            None,
            Some("8"),
            Some("20"),
            Some("0.4"),
            Some("newest"),
            None,
            None
        ]
    );
    let required: Vec<bool> = settings.iter().map(|it| it.required).collect();
    assert_eq!(required, [true, false, false, false, false, false, false]);
    assert_eq!(settings[0].kind, SettingKind::Text);
    assert_eq!(settings[1].kind, SettingKind::Integer);
    assert_eq!(settings[2].range().as_deref(), Some("0 to 1000 ms"));
    assert_eq!(settings[3].kind, SettingKind::Number);
    assert_eq!(
        settings[4].kind,
        SettingKind::OneOf(vec!["newest".to_owned(), "oldest".to_owned()])
    );
    assert_eq!(settings[0].help, "path of an ONNX file");
    assert_eq!(settings[1].accepted(), "1 to 64; default 8");
}
