use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

const TEXT: &str = "cameras: # all\n  - id: a\n    url: rtsp://h/\n";

fn written() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cameras.yml");
    fs::write(&path, TEXT).expect("writable");
    (folder, path)
}

fn set(path: &Path, fps: &str) -> Result<Vec<Camera>, EditError> {
    let mut editor = Editor::open(path)?;
    editor.set("a", "detect_fps", &Value::text(fps))?;
    editor.save()
}

#[test]
fn a_file_is_replaced_with_its_mode_and_a_link_stays_one() {
    let (folder, path) = written();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).expect("ours");
    let link = folder.path().join("link.yml");
    symlink("cameras.yml", &link).expect("a link");
    let before = fs::metadata(&path).expect("there").ino();
    let cameras = set(&link, "5").expect("valid");
    assert_eq!(cameras.len(), 1);
    let found = fs::metadata(&path).expect("there");
    assert_ne!(found.ino(), before, "readers see one file or the other");
    assert_eq!(found.mode() & 0o7777, 0o604);
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    let text = fs::read_to_string(&path).expect("readable");
    assert_eq!(text, format!("{TEXT}    detect_fps: 5\n"));
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2);
}

#[test]
fn what_would_be_invalid_is_not_written() {
    let (folder, path) = written();
    let error = set(&path, "0").expect_err("out of range").to_string();
    assert!(
        error.contains("cameras.yml:4:17: detect_fps '0', expected"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).expect("readable"), TEXT);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    fs::write(&path, "cameras:\n  - id: a\n").expect("writable");
    let error = set(&path, "5").expect_err("invalid before").to_string();
    assert!(error.contains("cameras.yml:2:"), "{error}");
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays() {
    let (_folder, path) = written();
    let mut editor = Editor::open(&path).expect("valid");
    editor
        .set("a", "detect_fps", &Value::text("5"))
        .expect("valid");
    let theirs = TEXT.replace("all", "mine");
    fs::write(&path, &theirs).expect("writable");
    let error = editor.save().expect_err("changed");
    assert!(matches!(error, EditError::Changed { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("readable"), theirs);
}

/// Each editor takes a step that the one before it has made possible.
#[test]
fn editors_take_turns() {
    const STEPS: usize = 8;
    let (_folder, path) = written();
    let threads: Vec<_> = (0..STEPS)
        .map(|number| {
            let path = path.clone();
            std::thread::spawn(move || {
                let url = [("url", Value::text("rtsp://h/"))];
                loop {
                    let mut editor = match Editor::open(&path) {
                        Err(EditError::Busy { .. }) => continue,
                        opened => opened.expect("valid at any time"),
                    };
                    editor.add(&format!("cam{number}"), &url).expect("new");
                    return editor.save().expect("nobody else writes").len();
                }
            })
        })
        .collect();
    let mut seen: Vec<usize> = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, (2..STEPS + 2).collect::<Vec<_>>());
}

#[test]
fn a_file_is_created_for_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("cameras.yml");
    let error = Editor::open(&path).expect_err("no file").to_string();
    assert!(error.contains("cannot read"), "{error}");
    let mut editor = Editor::open_or_create(&path).expect("a folder to write into");
    let url = [("url", Value::text("rtsp://h/"))];
    editor.add("a", &url).expect("the first");
    editor.save().expect("writable");
    assert_eq!(
        fs::read_to_string(&path).expect("readable"),
        "cameras:\n  - id: a\n    url: rtsp://h/\n"
    );
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o600);
    Editor::open_or_create(&path).expect("it is opened as it is");
}
