//! Pixels are written once, by the decoder: who reads them, reads the same memory.

use std::collections::BTreeSet;
use std::fs;

use camweave_tests::{Cameras, Pipeline};

/// A process's mappings of pools whose name ends so: device, inode and permissions.
fn pools(process: u32, named: &str) -> BTreeSet<(String, String, String)> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
    let pool = maps.lines().filter(|line| {
        line.split_once("/memfd:camweave-data:")
            .is_some_and(|(_, name)| name.trim_end_matches(" (deleted)").ends_with(named))
    });
    pool.filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let permissions = fields.next()?.to_owned();
        let device = fields.nth(1)?.to_owned();
        Some((device, fields.next()?.to_owned(), permissions))
    })
    .collect()
}

fn with(permissions: &str, pools: &BTreeSet<(String, String, String)>) -> bool {
    !pools.is_empty() && pools.iter().all(|pool| pool.2 == permissions)
}

fn files(pools: &BTreeSet<(String, String, String)>) -> BTreeSet<(&str, &str)> {
    pools
        .iter()
        .map(|(device, inode, _)| (&**device, &**inode))
        .collect()
}

#[test]
fn stages_read_the_memory_that_was_written() {
    let cameras = Cameras::start(&["--cameras", "2", "--seconds", "8", "--seed", "31"]);
    let mut run = Pipeline::of("cpu-batched.yml")
        .cameras(cameras.yml())
        .start();
    run.wait_until("frames of both cameras", |run| {
        run.detected("cam1") > 5 && run.detected("cam2") > 5
    });
    let process = |stage: &str| run.process(stage).expect("the node has reported");
    let (decode, infer, nms) = (
        process("decode"),
        process("detect.infer"),
        process("detect.nms"),
    );
    for camera in ["cam1", "cam2"] {
        let (written, read) = (pools(decode, camera), pools(infer, camera));
        assert!(with("rw-s", &written), "decode, {camera}: {written:?}");
        assert!(with("r--s", &read), "infer, {camera}: {read:?}");
        assert_eq!(files(&written), files(&read), "pictures of {camera}");
    }
    let (written, read) = (pools(infer, "heads"), pools(nms, "heads"));
    assert!(
        with("rw-s", &written) && with("r--s", &read),
        "{written:?} {read:?}"
    );
    assert_eq!(files(&written), files(&read), "heads");

    cameras.wait_until_ended();
    run.wait_until_quiet();
    let results = run.stop();
    let report = results.report("decode");
    let decoded: u64 = report.cameras.values().map(|camera| camera.sent).sum();
    assert_eq!(
        report.facts.get("copied_pictures").map(String::as_str),
        Some("0")
    );
    assert_eq!(
        report.facts.get("direct_pictures"),
        Some(&decoded.to_string())
    );
    assert!(decoded >= 100, "{decoded} pictures decoded");
}
