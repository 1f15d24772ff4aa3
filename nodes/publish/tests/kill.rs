//! The node's process dies at any moment, and the disk fills up: no event that it took over is lost.

mod support;

use std::time::Duration;

use support::broker::{Broker, Subscriber};
use support::child::{self, Process};
use support::{history, wait_for};

#[test]
fn child() {
    child::main();
}

/// How often the process is killed; more by hand.
fn kills() -> u64 {
    let kills = std::env::var("CAMWEAVE_KILLS").ok();
    kills.map_or(20, |it| it.parse().expect("a number"))
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_took_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let spool = folder.path().join("spool");
    let url = broker.url();
    let settings = [
        ("TO", url.as_str()),
        ("SPOOL", spool.to_str().expect("a path")),
    ];
    let mut taken = 0;
    for kill in 0..kills() {
        let mut process = Process::start(folder.path(), &settings, &[]);
        let from = taken;
        // At another moment each time: while rows are taken over, sent, and confirmed.
        for number in from..from + 40 {
            if !process.send(number) {
                break;
            }
        }
        process.wait_until_taken(from + 1);
        std::thread::sleep(Duration::from_micros(kill * 1_777 % 40_000));
        taken = process.kill().max(from);
        assert!(taken > from);
    }
    let mut process = Process::start(folder.path(), &settings, &[]);
    for number in taken..taken + 10 {
        process.send(number);
    }
    let count = taken + 10;
    process.wait_until_taken(count);
    let payloads = || -> Vec<String> {
        let heard = subscriber.heard().into_iter();
        let events =
            heard.filter(|(topic, _)| topic.starts_with("camweave/") && topic.ends_with("/events"));
        events.map(|(_, payload)| payload).collect()
    };
    wait_for("all rows have come", || {
        history::is_complete(payloads().iter().map(String::as_str), count)
    });
    process.end();
    let again = history::check(payloads().iter().map(String::as_str), count);
    eprintln!("{} kills, {count} rows, {again} came again", kills());
    wait_for("it says goodbye", || {
        let available = subscriber.of("camweave/camweave-publish/available");
        available.last().is_some_and(|it| it == "offline")
    });
}

/// Runs the rest of its line with a file system of 64 KiB at `$FULL`, of which `$FILLED` bytes are taken, where
/// mounting needs no rights.
const SMALL_DISK: &str = r#"mount -t tmpfs -o size=64k full "$FULL" && head -c "$FILLED" /dev/zero > "$FULL/filler" && exec "$0" "$@""#;

/// The beginning of such a line; `None` where the system has no such disk for us.
#[expect(clippy::print_stderr, reason = "a test's output")]
fn small_disk(at: &std::path::Path, filled: u32) -> Option<Vec<String>> {
    std::fs::create_dir(at).expect("a folder");
    let full = format!("FULL={}", at.display());
    let filled = format!("FILLED={filled}");
    let line = [
        "env",
        &full,
        &filled,
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
    ];
    let line: Vec<String> = line
        .into_iter()
        .chain([SMALL_DISK])
        .map(str::to_owned)
        .collect();
    let probe = std::process::Command::new(&line[0])
        .args(&line[1..])
        .arg("true")
        .output();
    match probe {
        Ok(output) if output.status.success() => Some(line),
        other => {
            eprintln!("skipped: no file system of a chosen size without root: {other:?}");
            None
        }
    }
}

#[test]
fn a_full_disk_costs_no_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("disk");
    let Some(wrapper) = small_disk(&spool, 0) else {
        return;
    };
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    broker.stop();
    let url = broker.url();
    let settings = [
        ("TO", url.as_str()),
        ("SPOOL", spool.to_str().expect("a path")),
        ("RETRY_AT_MOST_MS", "200"),
    ];
    let mut process = Process::start(folder.path(), &settings, &wrapper);
    // Some 500 bytes each.
    for number in 0..400 {
        process.send(number);
    }
    process.wait_until_taken(400);
    let log = || std::fs::read_to_string(folder.path().join("log")).expect("a log");
    wait_for("it is said", || log().contains("spool:"));
    broker.start();
    let payloads = || -> Vec<String> {
        let heard = subscriber.heard().into_iter();
        let events =
            heard.filter(|(topic, _)| topic.starts_with("camweave/") && topic.ends_with("/events"));
        events.map(|(_, payload)| payload).collect()
    };
    wait_for("the last row has come", || {
        payloads().iter().any(|it| it.contains("cam0-399"))
    });
    process.end();
    let log = log();
    assert!(log.contains("No space left on device"), "{log}");
    let said = log.matches("spool: ").count();
    assert!(said <= 3, "{said} lines: {log}");
    history::check(payloads().iter().map(String::as_str), 400);
}

#[test]
fn a_start_on_a_full_disk_takes_rows_and_counts_those_that_nobody_gets() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("disk");
    let Some(wrapper) = small_disk(&spool, 64 << 10) else {
        return;
    };
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    // Nobody listens there.
    let settings = [
        ("TO", "mqtt://127.0.0.1:9"),
        ("SPOOL", spool.to_str().expect("a path")),
    ];
    let mut process = Process::start(folder.path(), &settings, &wrapper);
    for number in 0..7 {
        process.send(number);
    }
    process.wait_until_taken(7);
    process.end();
    let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");
    assert!(log.contains("7 undelivered rows are dropped"), "{log}");
}
