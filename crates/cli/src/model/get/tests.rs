use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use super::makers::{MAKERS, Tool};
use super::*;

/// A server on this machine that has one file, and the requests that it got.
fn server(path: &'static str, body: Vec<u8>) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).expect("a request");
        let request = String::from_utf8_lossy(&request[..length]).into_owned();
        let found = request.starts_with(&format!("GET {path} "));
        let (status, body) = if found {
            ("200 OK", body)
        } else {
            ("404 Not Found", Vec::new())
        };
        let head = format!(
            "HTTP/1.0 {status}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("sent");
        stream.write_all(&body).expect("sent");
        request.lines().next().unwrap_or_default().to_owned()
    });
    (format!("http://{address}/models/"), thread)
}

/// With the maker's own files only.
fn make_from(maker: &Maker, mirror: &str, folder: &Path) -> Result<(), CliError> {
    let from = Origin {
        mirror: Some(mirror),
        takes_any: false,
    };
    make(
        maker,
        Path::new("python3"),
        from,
        folder,
        &AtomicBool::new(false),
    )
}

#[test]
fn names_are_unique_and_licences_with_terms_come_last() {
    let names: BTreeSet<&str> = MAKERS.iter().map(|maker| maker.name).collect();
    assert_eq!(names.len(), MAKERS.len());
    assert!(MAKERS.is_sorted_by_key(|maker| maker.terms.is_some()));
    for maker in MAKERS {
        assert_eq!(
            maker.terms.is_some(),
            maker.licence != "Apache-2.0",
            "{}",
            maker.name
        );
        assert!(EXPORT.contains(&format!("\"{}\": ", maker.tool.word())));
        for file in maker.files {
            // What Python reads may execute what is in it.
            let is_pickle = [".pt", ".pth"].iter().any(|end| file.name.ends_with(end));
            assert!(!is_pickle || file.sha256.is_some(), "{}", file.name);
            let is_digest =
                |it: &str| it.len() == 64 && it.bytes().all(|it| it.is_ascii_hexdigit());
            assert!(file.sha256.is_none_or(is_digest), "{}", file.name);
        }
    }
}

#[test]
fn an_unknown_name_is_refused_with_the_known_ones() {
    let error = maker("yolo99").expect_err("unknown");
    assert_eq!(error.exit, Exit::Configuration);
    assert!(error.message.contains("'yolo99'") && error.message.contains("rf-detr-nano"));
}

#[test]
fn a_licence_with_terms_has_to_be_accepted() {
    let asks = maker("yolo11n").expect("known");
    let error = accepted(asks, false).expect_err("not accepted");
    assert!(error.message.contains("AGPL-3.0") && error.message.contains("--accept-license"));
    accepted(asks, true).expect("accepted");
    accepted(maker("yolox-s").expect("known"), false).expect("no terms");
}

#[test]
fn a_released_file_is_fetched_once_and_described() {
    let folder = tempfile::tempdir().expect("a folder");
    let maker = maker("yolox-s").expect("known");
    assert_eq!(maker.tool, Tool::Onnx);
    let (mirror, server) = server("/models/yolox_s.onnx", b"a model".to_vec());
    let python = Path::new("python3");
    let any = Origin {
        mirror: Some(&mirror),
        takes_any: true,
    };
    let going_on = AtomicBool::new(false);
    make(maker, python, any, folder.path(), &going_on).expect("made");
    assert_eq!(
        server.join().expect("served"),
        "GET /models/yolox_s.onnx HTTP/1.1"
    );
    // The server has ended: what was fetched is used.
    make(maker, python, any, folder.path(), &going_on).expect("made again");
    let (out, description) = (
        folder.path().join("out.onnx"),
        folder.path().join("out.yml"),
    );
    deliver(maker, folder.path(), &out, &description).expect("delivered");
    assert_eq!(fs::read(&out).expect("a model"), b"a model");
    let text = fs::read_to_string(&description).expect("a description");
    assert!(text.contains("family: yolox\nnames:\n  0: \"person\"\n  1: \"bicycle\"\n"));
    assert!(text.contains("  11: \"stop sign\"\n  12: \"parking meter\"\n"));
    assert!(text.ends_with("  79: \"toothbrush\"\n"));
}

#[test]
fn what_cannot_be_fetched_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let maker = maker("yolox-s").expect("known");
    let (mirror, server) = server("/elsewhere", Vec::new());
    let error = make_from(maker, &mirror, folder.path());
    assert!(
        error
            .expect_err("not found")
            .message
            .contains("yolox-s could not be made")
    );
    server.join().expect("served");
    assert!(!folder.path().join("yolox_s.onnx").exists());
    assert!(!folder.path().join("yolox-s.onnx").exists());
}

#[test]
fn a_mirror_is_of_this_machine_or_encrypted() {
    for mirror in [
        "https://models.example/a",
        "http://127.0.0.1:8000",
        "http://localhost/x",
    ] {
        assert!(is_trusted(mirror), "{mirror}");
    }
    for mirror in [
        "http://models.example",
        "http://127.0.0.1.example/",
        "ftp://127.0.0.1",
        "models",
    ] {
        assert!(!is_trusted(mirror), "{mirror}");
    }
}

/// A tool of the maker's would execute what it reads: no file of another digest gets so far.
#[test]
fn a_file_of_another_digest_is_refused_and_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let maker = maker("yolox-s").expect("known");
    let (mirror, server) = server("/models/yolox_s.onnx", b"another model".to_vec());
    let error = make_from(maker, &mirror, folder.path()).expect_err("refused");
    assert_eq!(error.exit, Exit::Missing);
    server.join().expect("served");
    let left = fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 0, "nothing is left of it");
}

/// Nor does one that an earlier call took because it was told to.
#[test]
fn a_file_that_is_there_has_to_be_the_makers_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let maker = maker("yolox-s").expect("known");
    fs::write(folder.path().join("yolox_s.onnx"), b"another model").expect("written");
    let (mirror, server) = server("/models/yolox_s.onnx", b"a third model".to_vec());
    make_from(maker, &mirror, folder.path()).expect_err("refused");
    let request = server.join().expect("fetched again");
    assert_eq!(request, "GET /models/yolox_s.onnx HTTP/1.1");
    assert!(!folder.path().join("yolox-s.onnx").exists());
}

#[test]
fn an_interruption_ends_the_makers_tool() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pid");
    let mut command = Command::new("sh");
    let script = "echo $$ > \"$0.new\" && mv \"$0.new\" \"$0\" && exec sleep 600";
    command.arg("-c").arg(script).arg(&file);
    let interrupted = AtomicBool::new(false);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            let limit = Instant::now() + Duration::from_secs(60);
            while !file.exists() && Instant::now() < limit {
                thread::sleep(Duration::from_millis(5));
            }
            interrupted.store(true, Ordering::Release);
        });
        ended(&mut command, "no end", &interrupted).expect_err("interrupted")
    });
    let pid = fs::read_to_string(&file).expect("it has begun");
    let process = Path::new("/proc").join(pid.trim());
    assert!(
        !process.exists(),
        "{process:?} has ended, and is waited for"
    );
    assert_eq!(
        (error.exit, &*error.message),
        (Exit::Incomplete, "interrupted")
    );
}
