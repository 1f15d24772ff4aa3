//! The endpoint over HTTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use camweave_testing::detections;

use super::*;

fn open(folder: &std::path::Path) -> (Metrics, Context, String) {
    let context = Context::for_tests("watch", folder);
    let settings = MetricsSettings {
        listen: "127.0.0.1:0".to_owned(),
    };
    let metrics = Metrics::open(settings, &context).expect("a port is free");
    let address = metrics._server.address.to_string();
    (metrics, context, address)
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!("{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn a_scrape_is_answered_in_the_format_that_it_asks_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut metrics, context, address) = open(folder.path());
    context.counters.received("gate");
    let row = Watched::Detections(detections("gate", 1));
    metrics
        .rows(vec![row], &mut Output::default())
        .expect("rows");
    let plain = ask(&address, "GET /metrics HTTP/1.1");
    assert!(
        plain.starts_with("HTTP/1.1 200") && plain.contains("version=0.0.4"),
        "{plain}"
    );
    let sent = r#"camweave_rows_sent_total{stage="watch",kind="watch",camera="gate"} 1"#;
    assert!(
        plain.contains(sent) && plain.contains("camweave_frame_age_seconds_count"),
        "{plain}"
    );
    let open = "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let open = ask(&address, open);
    assert!(
        open.contains("application/openmetrics-text") && open.contains("# EOF"),
        "{open}"
    );
}

#[test]
fn nothing_else_is_answered() {
    let folder = tempfile::tempdir().expect("a folder");
    let (_metrics, _, address) = open(folder.path());
    for (request, status) in [
        ("GET / HTTP/1.1", "404"),
        ("POST /metrics HTTP/1.1", "405"),
        ("nonsense", "400"),
    ] {
        let answer = ask(&address, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    let huge = format!("GET /metrics HTTP/1.1\r\nX: {}", "x".repeat(100_000));
    let mut stream = TcpStream::connect(&address).expect("it listens");
    drop(stream.write_all(huge.as_bytes()));
    let mut answer = String::new();
    drop(stream.read_to_string(&mut answer));
    assert!(!answer.contains("200"), "{answer}");
    // A port that is taken is named.
    let context = Context::for_tests("other", folder.path());
    let taken = MetricsSettings {
        listen: address.clone(),
    };
    let error = Metrics::open(taken, &context).err().expect("it is taken");
    assert!(error.message.contains(&address), "{error}");
}
