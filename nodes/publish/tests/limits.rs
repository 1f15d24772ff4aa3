//! What brokers may ask of a client, and what becomes of what they confirm before they hang up.

mod support;

use support::scripted::{Act, Scripted};
use support::{Node, history, wait_for};

fn open(folder: &std::path::Path, broker: &Scripted, more: &[(&str, &str)]) -> Node {
    let (url, spool) = (broker.url(), folder.join("spool"));
    let settings = [
        ("TO", url.as_str()),
        ("SPOOL", spool.to_str().expect("a path")),
        ("RETRY_AT_MOST_MS", "100"),
    ];
    let settings: Vec<_> = settings.into_iter().chain(more.iter().copied()).collect();
    Node::open(folder, &settings)
}

#[test]
fn announcements_keep_to_the_broker_s_receive_maximum() {
    let folder = tempfile::tempdir().expect("a folder");
    // Receive Maximum 2: one row, with its camera's announcement, is as much as may be under way.
    let acts = [Act::ConfirmAndEnd { count: 2 }, Act::Confirm { at_most: 2 }];
    let broker = Scripted::start(&[0x21, 0, 2], &acts);
    let more = [("DISCOVERY_PREFIX", "homeassistant")];
    let mut node = open(folder.path(), &broker, &more);
    node.send(0..12);
    wait_for("all are confirmed", || node.number("delivered") == 12);
    let seen = broker.seen.lock().expect("it goes on").under_way;
    assert_eq!((seen, broker.connections()), (2, 2));
    // One that is there, three announcements, three topics of cameras.
    assert_eq!(broker.topics().len(), 7, "{:?}", broker.topics());
    node.close();
}

#[test]
fn what_was_confirmed_before_the_end_is_not_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = 1 + 20;
    let acts = [Act::ConfirmAndEnd { count }, Act::Confirm { at_most: 99 }];
    let broker = Scripted::start(&[], &acts);
    let mut node = open(folder.path(), &broker, &[]);
    node.send(0..20);
    wait_for("it has ended", || broker.connections() == 2);
    node.send(20..30);
    wait_for("all are confirmed", || node.number("delivered") == 30);
    let events = [broker.events(0), broker.events(1)].concat();
    assert_eq!(history::check(events.iter().map(String::as_str), 30), 0);
    node.close();
}

#[test]
fn a_broker_that_confirms_nothing_is_not_called_connected() {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Scripted::start(&[], &[Act::Silence]);
    let mut node = open(folder.path(), &broker, &[]);
    node.send(0..3);
    wait_for("rows come", || broker.events(0).len() == 3);
    assert_eq!(node.facts()["connected"], "0");
    node.close();
}

#[test]
fn a_row_that_is_rejected_again_and_again_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let reject = Act::Reject {
        camera: "cam1",
        reason: 0x83,
    };
    let broker = Scripted::start(&[], &[reject]);
    let mut node = open(folder.path(), &broker, &[]);
    node.send(0..3);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (2, 1));
    node.close();
}

#[test]
fn a_row_that_is_longer_than_the_broker_takes_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    // Maximum Packet Size 200.
    let broker = Scripted::start(&[0x27, 0, 0, 0, 200], &[Act::Confirm { at_most: 99 }]);
    let mut node = open(folder.path(), &broker, &[]);
    node.send(0..3);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (0, 3));
    assert_eq!(broker.events(0).len(), 0);
    node.close();
}
