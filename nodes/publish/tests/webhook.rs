//! Delivery to a webhook that answers late, wrongly or not at all.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use ring::hmac::{HMAC_SHA256, Key, verify};
use support::{Node, child, history, wait_for};

/// What the receiver does with a request.
#[derive(Clone, Copy, PartialEq)]
enum Act {
    Answer(&'static str),
    /// It takes the row, and the answer is lost.
    TakeAndHangUp,
    /// It neither answers nor hangs up, for longer than anybody waits.
    Silence,
}

#[derive(Debug, Clone)]
struct Request {
    headers: Vec<(String, String)>,
    body: String,
    is_taken: bool,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(of, _)| of == name);
        found.map_or("", |(_, value)| value)
    }
}

/// A receiver that acts as it is told, request by request, and then takes all.
struct Receiver {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut acts = acts.into_iter();
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                if let Some(stream) = serve(stream, &mut acts, &seen) {
                    silent.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("it goes on").clone()
    }

    fn taken(&self) -> Vec<String> {
        let requests = self.requests().into_iter();
        requests
            .filter(|it| it.is_taken)
            .map(|it| it.body)
            .collect()
    }
}

fn serve(
    mut stream: TcpStream,
    acts: &mut impl Iterator<Item = Act>,
    seen: &Mutex<Vec<Request>>,
) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        assert!(line.starts_with("POST /hook HTTP/1.1"), "{line}");
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.expect("a length").1.parse().expect("a number");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        let act = acts.next().unwrap_or(Act::Answer("204 No Content\r\n"));
        let is_taken = matches!(act, Act::Answer(status) if status.starts_with('2'))
            || act == Act::TakeAndHangUp;
        seen.lock().expect("it goes on").push(Request {
            headers,
            body: String::from_utf8(body).expect("text"),
            is_taken,
        });
        match act {
            Act::Answer(status) => {
                let answer = format!("HTTP/1.1 {status}Content-Length: 0\r\n\r\n");
                drop(stream.write_all(answer.as_bytes()));
            }
            Act::TakeAndHangUp => return None,
            Act::Silence => return Some(stream),
        }
    }
}

fn open(folder: &std::path::Path, receiver: &Receiver, more: &[(&str, &str)]) -> Node {
    let spool = folder.join("spool");
    let to = format!("http://{}/hook", receiver.address);
    let settings = [
        ("TO", to.as_str()),
        ("SPOOL", spool.to_str().expect("a path")),
        ("TIMEOUT_MS", "500"),
        ("RETRY_AT_MOST_MS", "200"),
    ];
    let settings: Vec<_> = settings.into_iter().chain(more.iter().copied()).collect();
    Node::open(folder, &settings)
}

#[test]
fn whatever_it_answers_all_arrive_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(vec![
        Act::Answer("500 Oops\r\n"),
        Act::Answer("200 OK\r\n"),
        Act::Silence,
        Act::Answer("429 Too Many Requests\r\nRetry-After: 1\r\n"),
        Act::Answer("503 Busy\r\nRetry-After: 0\r\n"),
        Act::TakeAndHangUp,
        Act::Answer("202 Accepted\r\n"),
        Act::Answer("302 Found\r\nLocation: http://127.0.0.1:9/\r\n"),
        Act::Answer("401 Unauthorized\r\n"),
    ]);
    let mut node = open(folder.path(), &receiver, &[]);
    node.send(0..20);
    wait_for("all are confirmed", || node.number("delivered") == 20);
    let again = history::check(receiver.taken().iter().map(String::as_str), 20);
    assert_eq!(again, 1, "the one whose answer was lost");
    let errors = node.errors();
    assert_eq!(errors["rejected"], 4, "{errors:?}");
    assert_eq!(
        (
            errors["timeout"],
            errors["authorization"],
            errors["connection"]
        ),
        (1, 1, 1)
    );
    // A row's requests have one id, and no other's.
    for request in receiver.requests() {
        let body: serde_json::Value = serde_json::from_str(&request.body).expect("JSON");
        assert_eq!(request.header("webhook-id"), body["id"]);
        assert_eq!(request.header("idempotency-key"), body["id"]);
        assert_eq!(request.header("content-type"), "application/json");
        assert_eq!(request.header("webhook-signature"), "");
    }
    node.close();
}

#[test]
fn a_row_that_is_refused_for_good_is_counted_and_holds_up_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(vec![
        Act::Answer("200 OK\r\n"),
        Act::Answer("422 Unprocessable\r\n"),
    ]);
    let mut node = open(folder.path(), &receiver, &[]);
    node.send(0..5);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (4, 1));
    assert_eq!(receiver.taken().len(), 4);
    node.close();
}

#[test]
fn a_row_whose_answer_never_changes_is_left_out_once_the_next_is_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    // The sixth request is of the next row, which shows whose fault it is.
    let mut acts = vec![Act::Answer("500 Oops\r\n"); 5];
    acts.push(Act::Answer("200 OK\r\n"));
    acts.push(Act::Answer("500 Oops\r\n"));
    // A receiver that takes nothing gets all, later: it comes back between two rows.
    acts.extend([Act::Answer("404 Not Found\r\n"); 7]);
    let receiver = Receiver::start(acts);
    let more = [("RETRY_AT_MOST_MS", "100")];
    let mut node = open(folder.path(), &receiver, &more);
    node.send(0..6);
    wait_for("all are done", || node.number("queued") == 0);
    assert_eq!((node.number("delivered"), node.number("refused")), (5, 1));
    let taken = receiver.taken();
    let numbers: Vec<&str> = taken
        .iter()
        .filter_map(|it| it.split_once('-')?.1.split(':').next())
        .collect();
    assert_eq!(numbers, ["1", "3", "2", "4", "5"]);
    node.close();
}

#[test]
fn a_row_that_the_receiver_has_already_is_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    let acts = vec![Act::TakeAndHangUp, Act::Answer("409 Conflict\r\n")];
    let receiver = Receiver::start(acts);
    let mut node = open(folder.path(), &receiver, &[]);
    node.send(0..3);
    wait_for("all are confirmed", || node.number("delivered") == 3);
    assert_eq!((receiver.taken().len(), node.number("refused")), (3, 0));
    node.close();
}

#[test]
fn an_address_that_is_gone_is_named_and_its_wait_kept_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(vec![
        Act::Answer("410 Gone\r\n"),
        // Longer than the test: whoever ignores it is let in.
        Act::Answer("403 Forbidden\r\nRetry-After: 3000\r\n"),
    ]);
    let mut node = open(folder.path(), &receiver, &[]);
    node.send(0..1);
    wait_for("it is gone", || node.errors().contains_key("rejected"));
    wait_for("it is not let in", || {
        node.errors().contains_key("authorization")
    });
    assert_eq!(node.number("delivered"), 0);
    assert!(node.facts()["connection"].ends_with("403"));
    let shown = node.facts()["receiver"].clone();
    assert_eq!(shown, format!("http://{}/***", receiver.address));
    node.close();
}

#[test]
fn a_proxy_that_the_environment_names_is_not_asked() {
    let folder = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(Vec::new());
    let to = format!("http://{}/hook", receiver.address);
    let spool = folder.path().join("spool");
    let settings = [
        ("TO", to.as_str()),
        ("SPOOL", spool.to_str().expect("a path")),
        ("RETRY_AT_MOST_MS", "200"),
    ];
    // Nobody listens there.
    let proxy = "http://127.0.0.1:9";
    let (http, all) = (format!("http_proxy={proxy}"), format!("ALL_PROXY={proxy}"));
    let wrapper = ["env", "-u", "no_proxy", "-u", "NO_PROXY", &http, &all];
    let mut process = child::Process::start(folder.path(), &settings, &wrapper);
    process.send(0);
    wait_for("it comes", || receiver.taken().len() == 1);
    process.end();
}

#[test]
fn child() {
    child::main();
}

#[test]
fn requests_are_signed_and_show_their_token_to_the_receiver_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .to_str()
            .expect("a path")
            .to_owned()
    };
    std::fs::write(path("token"), "t0psecret-bearer\n").expect("writable");
    std::fs::write(path("key"), "a key of one's own").expect("writable");
    let receiver = Receiver::start(vec![Act::Answer("403 t0psecret-bearer\r\n")]);
    let more = [
        ("PASSWORD_FILE", path("token")),
        ("SIGNING_KEY_FILE", path("key")),
    ];
    let more: Vec<_> = more
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let mut node = open(folder.path(), &receiver, &more);
    node.send(0..3);
    wait_for("it is refused", || {
        node.errors().contains_key("authorization")
    });
    wait_for("all are confirmed", || node.number("delivered") == 3);
    let key = Key::new(HMAC_SHA256, b"a key of one's own");
    for request in receiver.requests() {
        assert_eq!(request.header("authorization"), "Bearer t0psecret-bearer");
        let signature = request.header("webhook-signature").strip_prefix("v1,");
        let signature = BASE64.decode(signature.expect("a signature").as_bytes());
        let (id, time) = (
            request.header("webhook-id"),
            request.header("webhook-timestamp"),
        );
        let signed = format!("{id}.{time}.{}", request.body);
        let signature = signature.expect("base64");
        assert!(
            verify(&key, signed.as_bytes(), &signature).is_ok(),
            "{request:?}"
        );
    }
    assert!(!format!("{:?}", node.facts()).contains("t0p"));
    node.close();
}
