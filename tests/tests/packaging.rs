//! What the packages run beside the nodes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

fn keep_logs(folder: &Path, limits: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/keep-logs");
    let status = Command::new(script).arg(folder).args(limits).status();
    assert!(status.expect("a shell").success());
}

/// A folder of logs as dora makes one for a run, so old.
fn run(folder: &Path, number: u64, bytes: usize) -> String {
    let name = format!("0194f00d-0000-7000-8000-{number:012x}");
    let path = folder.join(&name);
    fs::create_dir_all(&path).expect("writable");
    fs::write(path.join("log_source.jsonl"), vec![b'x'; bytes]).expect("writable");
    let made = SystemTime::now() - Duration::from_secs(60 * number);
    let opened = fs::File::open(&path).expect("a folder");
    opened.set_modified(made).expect("its time can be set");
    name
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable");
    let names = entries.map(|it| it.expect("an entry").file_name().into_string());
    let mut names: Vec<_> = names.map(|it| it.expect("text")).collect();
    names.sort();
    names
}

#[test]
fn the_newest_logs_are_kept_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().expect("a folder");
    let logs = folder.path().join("logs");
    let runs: Vec<_> = (1..=30).map(|number| run(&logs, number, 10)).collect();
    // Neither is of a run, and one leads elsewhere.
    let token = folder.path().join("token.sha256");
    fs::write(&token, "hash").expect("writable");
    fs::write(logs.join("dora-coordinator.txt"), "x").expect("writable");
    let link = logs.join("0194f00d-0000-7000-8000-0000000000ff");
    std::os::unix::fs::symlink(folder.path(), &link).expect("a link");
    keep_logs(&logs, &[]);
    let mut expected: Vec<_> = runs[..20].to_vec();
    expected.extend([
        "0194f00d-0000-7000-8000-0000000000ff".to_owned(),
        "dora-coordinator.txt".to_owned(),
    ]);
    expected.sort();
    assert_eq!(names(&logs), expected);
    assert!(token.exists());
}

#[test]
fn logs_are_bounded_by_their_size_and_the_newest_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let runs: Vec<_> = (1..=3)
        .map(|number| run(folder.path(), number, 3 << 20))
        .collect();
    keep_logs(folder.path(), &["20", "7"]);
    assert_eq!(names(folder.path()), runs[..2]);
    keep_logs(folder.path(), &["20", "1"]);
    assert_eq!(names(folder.path()), runs[..1]);
    keep_logs(&folder.path().join("not there"), &[]);
}
