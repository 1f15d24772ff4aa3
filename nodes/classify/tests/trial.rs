//! A model is tried in a process of its own before it is opened.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use camweave_classify::{Classify, use_program};
use camweave_stage::{Context, Declared, Exit, Stage};

#[test]
fn a_model_whose_trial_fails_is_refused_with_the_line_of_the_trial() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("program");
    std::fs::write(
        &program,
        "#!/bin/sh\nprintf 'refused by %s' \"$1\"\nexit 3\n",
    )
    .and_then(|()| std::fs::set_permissions(&program, PermissionsExt::from_mode(0o700)))
    .expect("a writable folder");
    use_program(program);
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let model = models.join("camweave-car-color.onnx").display().to_string();
    let context = Context::for_tests("color", folder.path());
    let declared = Declared::of([("MODEL", model.as_str()), ("ENGINE", "rten")]);
    let error = Classify::open_declared(&declared, &context).err();
    let error = error.expect("the trial fails");
    assert_eq!(error.exit, Exit::Input, "{error}");
    assert!(
        error.message.contains("refused by --try-classifier"),
        "{error}"
    );
}
