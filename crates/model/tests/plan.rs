//! What is known of a TensorRT plan by its sidecar and by MODEL.yml beside it.

use std::path::Path;
use std::sync::Arc;

use camweave_model::{
    Description, ElementType, Family, FileFacts, ModelFile, ModelInput, ModelOutput, describe,
};
use camweave_vision::{InputLayout, Range};

/// The descriptions of a plan with one output, `[1, 300, 6]`, that fit these facts.
fn described(path: &Path, facts: FileFacts) -> Vec<Description> {
    let input = ModelInput {
        name: "images".to_owned(),
        element_type: ElementType::Float32,
        layout: InputLayout::Nchw,
        range: Range::One,
        batch: None,
        width: None,
        height: None,
        target_sizes: None,
    };
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let id = Arc::from("net.onnx@0123456789ab");
    let file = ModelFile::of_plan(path, id, input, Some(names), facts);
    let output = ModelOutput {
        name: "output0".to_owned(),
        shape: Vec::new(),
        is_read: true,
    };
    let file = ModelFile {
        outputs: vec![output],
        ..file.expect("a readable MODEL.yml")
    };
    describe(&file, (640, 640), 1, &[vec![1, 300, 6]]).expect("a known kind")
}

#[test]
fn a_plan_is_what_its_file_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.plan");
    let families = |facts: FileFacts| {
        let all = described(&path, facts).into_iter();
        all.map(|it| it.family).collect::<Vec<_>>()
    };
    // A sidecar of an older engine has none of the facts.
    assert_eq!(
        families(FileFacts::default()),
        [Family::EndToEnd, Family::RtDetrLabelled]
    );
    let suppressed = FileFacts {
        end_to_end: Some(true),
        ..FileFacts::default()
    };
    assert_eq!(families(suppressed), [Family::EndToEnd]);
    let transformer = FileFacts {
        description: Some("Ultralytics rtdetr-l model".to_owned()),
        range: Range::Byte,
        ..FileFacts::default()
    };
    let [found] = &described(&path, transformer.clone())[..] else {
        panic!("one");
    };
    assert_eq!(found.family, Family::RtDetrLabelled);
    assert_eq!(found.input.range, Range::Byte);
    assert_eq!(found.class_names, ["a", "b", "c"]);
    // What people write beside the plan decides.
    std::fs::write(
        folder.path().join("net.yml"),
        "family: end_to_end\nnames: [x]\n",
    )
    .expect("written");
    let [found] = &described(&path, transformer)[..] else {
        panic!("one");
    };
    assert_eq!(
        (found.family, &*found.class_names),
        (Family::EndToEnd, ["x".to_owned()].as_slice())
    );
}

#[test]
fn facts_survive_a_sidecar() {
    let facts = FileFacts {
        end_to_end: Some(false),
        description: Some("a model".to_owned()),
        range: Range::Byte,
        ..FileFacts::default()
    };
    let text = serde_json::to_string(&facts).expect("JSON");
    assert_eq!(
        serde_json::from_str::<FileFacts>(&text).expect("read"),
        facts
    );
    let older: FileFacts = serde_json::from_str("{}").expect("read");
    assert_eq!(older, FileFacts::default());
}
