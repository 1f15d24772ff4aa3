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
        let events = heard.filter(|(topic, _)| topic.starts_with("camweave/cam"));
        events.map(|(_, payload)| payload).collect()
    };
    wait_for("all rows have come", || {
        history::is_complete(payloads().iter().map(String::as_str), count)
    });
    process.end();
    let again = history::check(payloads().iter().map(String::as_str), count);
    eprintln!("{} kills, {count} rows, {again} came again", kills());
    wait_for("it says goodbye", || {
        let available = subscriber.of("camweave/available");
        available.last().is_some_and(|it| it == "offline")
    });
}

/// Runs the rest of its line with a file system of 64 KiB at `$FULL`, where mounting needs no rights.
const FULL_DISK: [&str; 7] = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    r#"mount -t tmpfs -o size=64k full "$FULL" && exec "$0" "$@""#,
];

#[test]
fn a_full_disk_costs_no_event() {
    let folder = tempfile::tempdir().expect("a folder");
    let spool = folder.path().join("disk");
    std::fs::create_dir(&spool).expect("a folder");
    let full = format!("FULL={}", spool.display());
    let wrapper: Vec<&str> = ["env", &full].into_iter().chain(FULL_DISK).collect();
    let probe = std::process::Command::new(wrapper[0])
        .args(&wrapper[1..])
        .arg("true")
        .output();
    match probe {
        Ok(output) if output.status.success() => {}
        other => {
            eprintln!("skipped: no file system of a chosen size without root: {other:?}");
            return;
        }
    }
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
        let events = heard.filter(|(topic, _)| topic.starts_with("camweave/cam"));
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
