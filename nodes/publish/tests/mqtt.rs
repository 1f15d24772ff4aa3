//! Delivery to a real broker: what arrives, as what, and what becomes of outages.

mod support;

use std::process::Command;

use serde_json::Value;
use support::broker::{Broker, Subscriber, free_port};
use support::{Node, history, wait_for};

fn payloads(subscriber: &Subscriber) -> Vec<String> {
    let heard = subscriber.heard().into_iter();
    let events =
        heard.filter(|(topic, _)| topic.starts_with("camweave/") && topic.ends_with("/events"));
    events.map(|(_, payload)| payload).collect()
}

fn wait_for_rows(subscriber: &Subscriber, count: u64) {
    wait_for("all rows have come", || {
        history::is_complete(payloads(subscriber).iter().map(String::as_str), count)
    });
}

#[test]
fn what_is_sent_arrives_and_is_announced_in_both_versions() {
    for version in ["3.1.1", "5"] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut broker = Broker::new(folder.path(), "");
        broker.start();
        let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
        let spool = folder.path().join("spool");
        let mut node = Node::open(
            folder.path(),
            &[
                ("TO", &broker.url()),
                ("MQTT", version),
                ("SPOOL", spool.to_str().expect("a path")),
                ("DISCOVERY_PREFIX", "homeassistant"),
            ],
        );
        node.send(0..100);
        wait_for_rows(&subscriber, 100);
        wait_for("all are confirmed", || node.number("queued") == 0);
        assert_eq!(node.facts()["connection"], "connected");
        assert_eq!((node.number("delivered"), node.number("refused")), (100, 0));
        let again = history::check(payloads(&subscriber).iter().map(String::as_str), 100);
        assert_eq!(again, 0, "{version}");
        // Each camera in a retained message, before its first event.
        let heard = subscriber.heard();
        for camera in ["cam0", "cam1", "cam2"] {
            let topic = format!("homeassistant/device/camweave_{camera}/config");
            let at = |topic: &str| heard.iter().position(|(of, _)| of == topic);
            assert!(
                at(&topic) < at(&format!("camweave/{camera}/events")),
                "{heard:?}"
            );
            let later = Command::new("mosquitto_sub")
                .args([
                    "-p",
                    &broker.port.to_string(),
                    "-t",
                    &topic,
                    "-C",
                    "1",
                    "-W",
                    "20",
                ])
                .output()
                .expect("mosquitto_sub");
            let device: Value = serde_json::from_slice(&later.stdout).expect("a retained message");
            assert_eq!(device["device"]["name"], camera);
        }
        node.close();
        wait_for("it says goodbye", || {
            subscriber.of("camweave/camweave-publish/available") == ["online", "offline"]
        });
    }
}

/// Seconds for which the broker is away; more by hand.
fn away() -> std::time::Duration {
    let seconds = std::env::var("CAMWEAVE_BROKER_AWAY_SECONDS").ok();
    std::time::Duration::from_secs_f64(seconds.map_or(0.5, |it| it.parse().expect("seconds")))
}

#[test]
fn a_broker_that_dies_and_comes_back_gets_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let spool = folder.path().join("spool");
    let mut node = Node::open(
        folder.path(),
        &[
            ("TO", &broker.url()),
            ("SPOOL", spool.to_str().expect("a path")),
            ("RETRY_AT_MOST_MS", "500"),
        ],
    );
    let mut count = 0;
    for round in 0..4 {
        node.send(count..count + 200);
        count += 200;
        if round % 2 == 0 {
            // A broker that is killed has kept only what it was asked to keep: all that it confirmed.
            wait_for_rows(&subscriber, count);
            wait_for("all are confirmed", || node.number("queued") == 0);
            broker.kill();
        } else {
            broker.stop();
        }
        node.send(count..count + 100);
        count += 100;
        wait_for("it is noticed", || node.facts()["connected"] == "0");
        let until = std::time::Instant::now() + away();
        while std::time::Instant::now() < until {
            node.send(count..count + 1);
            count += 1;
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(node.number("queued") >= 100);
        broker.start();
    }
    wait_for_rows(&subscriber, count);
    wait_for("all are confirmed", || node.number("queued") == 0);
    let again = history::check(payloads(&subscriber).iter().map(String::as_str), count);
    assert!(node.errors()["connection"] >= 4);
    eprintln!("{count} rows, {again} came again");
    node.close();
}

#[test]
fn who_may_not_publish_says_so_without_the_password_and_goes_on_when_it_may() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    let users = |password: &str| {
        let made = Command::new("mosquitto_passwd")
            .args(["-b", "-c", &path("users"), "warden", password])
            .status();
        assert!(made.expect("mosquitto_passwd is installed").success());
    };
    users("another");
    let mut broker = Broker::new(folder.path(), &format!("password_file {}", path("users")));
    broker.start();
    std::fs::write(path("password"), "t0psecret!\n").expect("writable");
    let mut node = Node::open(
        folder.path(),
        &[
            ("TO", &broker.url()),
            ("SPOOL", &path("spool")),
            ("USERNAME", "warden"),
            ("PASSWORD_FILE", &path("password")),
            ("RETRY_AT_MOST_MS", "200"),
        ],
    );
    node.send(0..10);
    wait_for("it is refused", || {
        node.errors().contains_key("authorization")
    });
    let facts = node.facts();
    assert!(facts["connection"].starts_with("away: "), "{facts:?}");
    assert!(!format!("{facts:?}").contains("t0p"), "{facts:?}");
    broker.kill();
    users("t0psecret!");
    broker.start();
    wait_for("it is let in", || node.number("delivered") == 10);
    node.close();
}

#[test]
fn a_topic_that_is_denied_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let rights = folder.path().join("rights");
    let lines = "topic deny camweave/cam1/#\ntopic deny homeassistant/#\ntopic readwrite #\n";
    std::fs::write(&rights, lines).expect("writable");
    let mut broker = Broker::new(folder.path(), &format!("acl_file {}", rights.display()));
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let spool = folder.path().join("spool");
    let mut node = Node::open(
        folder.path(),
        &[
            ("TO", &broker.url()),
            ("SPOOL", spool.to_str().expect("a path")),
            ("DISCOVERY_PREFIX", "homeassistant"),
        ],
    );
    node.send(0..30);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (20, 10));
    // In one session.
    assert!(node.errors().is_empty(), "{:?}", node.errors());
    wait_for("the others have come", || payloads(&subscriber).len() == 20);
    node.close();
}

#[test]
fn two_nodes_are_available_each_by_itself() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let url = broker.url();
    let open = |id: &str| {
        let spool = folder.path().join(id);
        let spool = spool.to_str().expect("a path");
        let settings = [("TO", url.as_str()), ("SPOOL", spool), ("CLIENT_ID", id)];
        Node::open(folder.path(), &settings)
    };
    let (north, south) = (open("north"), open("south"));
    let of = |id: &str| subscriber.of(&format!("camweave/{id}/available"));
    wait_for("both are there", || {
        of("north") == ["online"] && of("south") == ["online"]
    });
    north.close();
    wait_for("one ends", || of("north") == ["online", "offline"]);
    assert_eq!(of("south"), ["online"]);
    south.close();
}

#[test]
fn only_a_broker_with_the_right_certificate_gets_events() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    for name in ["right", "wrong"] {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate");
        std::fs::write(path(&format!("{name}.pem")), made.cert.pem()).expect("writable");
        std::fs::write(
            path(&format!("{name}.key")),
            made.signing_key.serialize_pem(),
        )
        .expect("writable");
    }
    let port = free_port();
    let listener = format!(
        "listener {port} 127.0.0.1\ncertfile {}\nkeyfile {}",
        path("right.pem"),
        path("right.key")
    );
    let mut broker = Broker::new(folder.path(), &listener);
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let to = format!("mqtts://localhost:{port}");
    let (wrong, right, spool) = (path("wrong.pem"), path("right.pem"), path("spool"));
    let settings = |ca| {
        [
            ("TO", to.as_str()),
            ("SPOOL", spool.as_str()),
            ("CA_FILE", ca),
            ("RETRY_AT_MOST_MS", "200"),
        ]
    };
    let mut node = Node::open(folder.path(), &settings(&wrong));
    node.send(0..5);
    wait_for("it is not trusted", || node.errors().contains_key("tls"));
    assert_eq!(node.number("delivered"), 0);
    node.close();
    let mut node = Node::open(folder.path(), &settings(&right));
    // Those of the first start as well.
    node.send(5..10);
    wait_for_rows(&subscriber, 10);
    history::check(payloads(&subscriber).iter().map(String::as_str), 10);
    node.close();
}

#[test]
fn what_was_made_for_frigate_finds_its_topics() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut broker = Broker::new(folder.path(), "");
    broker.start();
    let subscriber = Subscriber::start(folder.path(), broker.port, &[]);
    let spool = folder.path().join("spool");
    let mut node = Node::open(
        folder.path(),
        &[
            ("TO", &broker.url()),
            ("SPOOL", spool.to_str().expect("a path")),
            ("SHAPE", "frigate"),
            ("TOPIC_PREFIX", "frigate"),
        ],
    );
    node.send(0..3);
    wait_for("all have come", || {
        subscriber.of("frigate/events").len() == 3
    });
    for (number, text) in subscriber.of("frigate/events").iter().enumerate() {
        let payload: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(payload["type"], "end");
        assert_eq!(payload["after"]["camera"], format!("cam{number}"));
        assert_eq!(payload["after"]["label"], "person");
    }
    assert_eq!(subscriber.of("frigate/available"), ["online"]);
    node.close();
}
