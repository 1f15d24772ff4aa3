//! Delivery to a broker that speaks Kafka's protocol, librdkafka's: what arrives, as what, and what becomes
//! of outages and refusals.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use camweave_message::Event;
use camweave_stage::{Output, Stage as _};
use support::child::{self, Process};
use support::kafka::Kafka;
use support::{Node, history, numbered, wait_for};

#[test]
fn child() {
    child::main();
}

fn open(folder: &Path, to: &str, more: &[(&str, &str)]) -> Node {
    let spool = folder.join("spool");
    let settings = [
        ("TO", to),
        ("SPOOL", spool.to_str().expect("a path")),
        ("TIMEOUT_MS", "500"),
        ("RETRY_AT_MOST_MS", "200"),
    ];
    let settings: Vec<_> = settings.into_iter().chain(more.iter().copied()).collect();
    Node::open(folder, &settings)
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().expect("a path").to_owned()
}

fn wait_for_rows(kafka: &Kafka, count: u64) {
    wait_for("all rows have come", || {
        history::is_complete(kafka.values().iter().map(String::as_str), count)
    });
}

/// Waits for an error of this kind, and says what it is to an operator.
fn trouble(node: &mut Node, reason: &str) -> String {
    wait_for("it fails", || node.errors().contains_key(reason));
    let mut state = String::new();
    wait_for("it is said", || {
        state = node.facts().remove("connection").unwrap_or_default();
        state.starts_with("away: ")
    });
    state
}

fn check(kafka: &Kafka, count: u64) -> usize {
    history::check(kafka.values().iter().map(String::as_str), count)
}

#[test]
fn what_is_sent_arrives_with_its_camera_as_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(kafka) = Kafka::start(folder.path(), &[]) else {
        return;
    };
    let mut node = open(folder.path(), &kafka.url(), &[]);
    node.send(0..100);
    wait_for_rows(&kafka, 100);
    wait_for("all are confirmed", || node.number("queued") == 0);
    assert_eq!(node.facts()["connection"], "connected");
    assert_eq!((node.number("delivered"), node.number("refused")), (100, 0));
    assert_eq!(check(&kafka, 100), 0);
    let mut partitions: BTreeMap<String, BTreeSet<i32>> = BTreeMap::new();
    for message in kafka.arrived() {
        let payload: serde_json::Value = serde_json::from_str(&message.value).expect("JSON");
        assert_eq!(message.key, payload["camera"]);
        assert_eq!(message.headers["id"], payload["id"]);
        assert_eq!(message.headers["schema"], "camweave.event/1");
        assert_eq!(message.headers["content-type"], "application/json");
        let of_camera = partitions.entry(message.key).or_default();
        of_camera.insert(message.partition);
    }
    assert!(
        partitions.values().all(|it| it.len() == 1),
        "{partitions:?}"
    );
    let used: BTreeSet<_> = partitions.values().flatten().collect();
    assert_eq!(used.len(), 2, "all in one: {partitions:?}");
    assert!(node.errors().is_empty(), "{:?}", node.errors());
    node.close();
}

#[test]
fn a_broker_that_goes_away_or_does_not_answer_gets_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut kafka) = Kafka::start(folder.path(), &[]) else {
        return;
    };
    kafka.tell("close");
    let mut node = open(folder.path(), &kafka.url(), &[]);
    node.send(0..50);
    let state = trouble(&mut node, "connection");
    assert!(state.contains("refused"), "{state}");
    kafka.tell("open");
    wait_for("all are confirmed", || node.number("queued") == 0);
    let mut count = 50;
    for way in ["close", "deaf"] {
        kafka.tell(way);
        // What a deaf one takes, it does not confirm.
        node.send(count..count + 60);
        wait_for("it is noticed", || node.facts()["connected"] == "0");
        node.send(count + 60..count + 100);
        count += 100;
        assert!(node.number("queued") >= 100);
        if way == "deaf" {
            kafka.tell("close");
        }
        kafka.tell("open");
        wait_for("all are confirmed", || node.number("queued") == 0);
    }
    wait_for_rows(&kafka, count);
    let again = check(&kafka, count);
    let errors = node.errors();
    eprintln!("{count} rows, {again} came again, {errors:?}");
    assert!(errors["timeout"] >= 2, "{errors:?}");
    node.close();
}

#[test]
fn a_process_that_is_killed_loses_nothing_that_it_took_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(kafka) = Kafka::start(folder.path(), &[]) else {
        return;
    };
    let (url, spool) = (kafka.url(), path(folder.path(), "spool"));
    let settings = [("TO", url.as_str()), ("SPOOL", spool.as_str())];
    let kills = std::env::var("CAMWEAVE_KILLS").ok();
    let kills: u64 = kills.map_or(5, |it| it.parse().expect("a number"));
    let mut taken = 0;
    for kill in 0..kills {
        let mut process = Process::start(folder.path(), &settings, &[]);
        for number in taken..taken + 40 {
            if !process.send(number) {
                break;
            }
        }
        process.wait_until_taken(taken + 1);
        // At another moment each time: while rows are taken over, sent, and confirmed.
        std::thread::sleep(Duration::from_micros(kill * 7_777 % 40_000));
        taken = process.kill().max(taken);
    }
    let mut process = Process::start(folder.path(), &settings, &[]);
    for number in taken..taken + 10 {
        process.send(number);
    }
    let count = taken + 10;
    process.wait_until_taken(count);
    wait_for_rows(&kafka, count);
    process.end();
    let again = check(&kafka, count);
    eprintln!("{kills} kills, {count} rows, {again} came again");
}

#[test]
fn a_row_that_is_too_large_is_counted_and_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(kafka) = Kafka::start(folder.path(), &["--most-bytes", "100000"]) else {
        return;
    };
    let mut node = open(folder.path(), &kafka.url(), &[]);
    node.send(0..20);
    let large = Event {
        event: "cam0-large".into(),
        track_ids: (0..30_000).collect(),
        ..numbered(0)
    };
    let rows = vec![large];
    node.stage.rows(rows, &mut Output::default()).expect("rows");
    node.send(20..60);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (60, 1));
    wait_for_rows(&kafka, 60);
    assert_eq!(check(&kafka, 60), 0);
    node.close();
}

#[test]
fn a_topic_that_is_not_there_or_closed_to_the_user_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut kafka) = Kafka::start(folder.path(), &[]) else {
        return;
    };
    for (number, (error, reason, said)) in [
        ("unknown-topic", "rejected", "no topic 'events'"),
        ("denied", "authorization", "write to the topic 'events'"),
    ]
    .into_iter()
    .enumerate()
    {
        kafka.tell(&format!("topic {error}"));
        let mut node = open(folder.path(), &kafka.url(), &[]);
        let first = 5 * number as u64;
        node.send(first..first + 5);
        let state = trouble(&mut node, reason);
        assert!(state.contains(said), "{state}");
        kafka.tell("topic none");
        wait_for("all are confirmed", || node.number("delivered") == 5);
        node.close();
    }
    wait_for_rows(&kafka, 10);
    check(&kafka, 10);
}

#[test]
fn who_may_not_write_says_so_without_the_password_and_goes_on_when_it_may() {
    for (name, setting) in [
        ("PLAIN", "plain"),
        ("SCRAM-SHA-256", "scram-sha-256"),
        ("SCRAM-SHA-512", "scram-sha-512"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let broker = ["--sasl", name, "--password", "another"];
        let Some(mut kafka) = Kafka::start(folder.path(), &broker) else {
            return;
        };
        let password = path(folder.path(), "password");
        std::fs::write(&password, "t0psecret!\n").expect("writable");
        let login = [
            ("USERNAME", "warden"),
            ("PASSWORD_FILE", password.as_str()),
            ("SASL", setting),
        ];
        let mut node = open(folder.path(), &kafka.url(), &login);
        node.send(0..10);
        let state = trouble(&mut node, "authorization");
        assert!(state.contains("SASL"), "{state}");
        assert!(!format!("{:?}", node.facts()).contains("t0p"), "{state}");
        kafka.tell("password t0psecret!");
        wait_for("it is let in", || node.number("delivered") == 10);
        wait_for_rows(&kafka, 10);
        node.close();
    }
}

#[test]
fn only_a_broker_with_the_right_certificate_gets_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| path(folder.path(), name);
    for name in ["right", "wrong"] {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate");
        let key = made.signing_key.serialize_pem();
        std::fs::write(file(&format!("{name}.pem")), made.cert.pem()).expect("writable");
        std::fs::write(file(&format!("{name}.key")), key).expect("writable");
    }
    let (right, wrong, key) = (file("right.pem"), file("wrong.pem"), file("right.key"));
    let Some(kafka) = Kafka::start(folder.path(), &["--certificate", &right, "--key", &key]) else {
        return;
    };
    let to = kafka.url().replace("kafka://", "kafkas://");
    let mut node = open(folder.path(), &to, &[("CA_FILE", &wrong)]);
    node.send(0..5);
    wait_for("it is not trusted", || node.errors().contains_key("tls"));
    assert_eq!(node.number("delivered"), 0);
    node.close();
    let mut node = open(folder.path(), &to, &[("CA_FILE", &right)]);
    // Those of the first start as well.
    node.send(5..10);
    wait_for_rows(&kafka, 10);
    check(&kafka, 10);
    node.close();
}
