//! `camweave cameras find` and `camweave init --address` with devices that want more than they should
//! get, or that name what cannot be written.

mod support;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use support::{PASSWORD, camweave};

/// The address of a device that names this URL for its only stream.
fn device_with(uri: &str) -> String {
    device(uri, "", false)
}

/// The same of a device of this maker. `is_closed`: it wants a login.
fn device(uri: &str, maker: &'static str, is_closed: bool) -> String {
    let uri = uri.to_owned();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let own = address.clone();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = String::new();
            let mut part = [0; 4096];
            while !request.ends_with("</s:Envelope>") {
                match stream.read(&mut part) {
                    Ok(length) if length > 0 => {
                        request += &String::from_utf8_lossy(&part[..length]);
                    }
                    _ => break,
                }
            }
            let is_anybody = !request.contains("UsernameToken");
            let body = match &request {
                it if is_closed && is_anybody && it.contains("<GetProfiles") => {
                    "<Fault><faultcode>ter:NotAuthorized</faultcode></Fault>".to_owned()
                }
                it if it.contains("<GetDeviceInformation") => format!(
                    "<GetDeviceInformationResponse><Manufacturer>{maker}</Manufacturer>\
                     </GetDeviceInformationResponse>"
                ),
                it if it.contains("<GetCapabilities") => format!(
                    "<GetCapabilitiesResponse><Capabilities><Media><XAddr>http://{own}/media</XAddr>\
                     </Media></Capabilities></GetCapabilitiesResponse>"
                ),
                it if it.contains("<GetProfiles") => "<GetProfilesResponse><Profiles token='a'>\
                     <VideoEncoderConfiguration><Encoding>H264</Encoding></VideoEncoderConfiguration>\
                     </Profiles></GetProfilesResponse>"
                    .to_owned(),
                it if it.contains("<GetStreamUri") => format!(
                    "<GetStreamUriResponse><MediaUri><Uri>{uri}</Uri></MediaUri></GetStreamUriResponse>"
                ),
                _ => String::new(),
            };
            let answer = format!("<Envelope><Body>{body}</Body></Envelope>");
            let length = answer.len();
            // The other side may have had enough.
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{answer}"
            );
        }
    });
    address
}

#[test]
fn a_stream_at_another_host_is_listed_and_not_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.yml");
    let address = device_with("rtsp://203.0.113.5/live");
    let add = file.display().to_string();
    let (code, out, error) = camweave(&["cameras", "find", "--address", &address, "--add", &add]);
    assert_eq!(code, Some(0), "{out}{error}");
    for part in [
        "main H.264",
        "another host, 203.0.113.5",
        "left out 127.0.0.1: it names no stream of its own",
        "0 added",
    ] {
        assert!(out.contains(part), "'{part}' is not in {out}");
    }
    assert!(!file.exists());
}

#[test]
fn what_opens_a_stream_is_in_the_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.yml");
    let address = device_with("rtsp://127.0.0.1:554/live?channel=1&amp;password=t0psecret");
    let add = file.display().to_string();
    let (code, out, error) = camweave(&[
        "cameras",
        "find",
        "--json",
        "--address",
        &address,
        "--add",
        &add,
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    let url = &found["devices"][0]["cameras"][0]["streams"][0]["url"];
    assert_eq!(url, "rtsp://127.0.0.1:554/live?channel=***&password=***");
    assert_eq!(found["added"][0]["id"], "127-0-0-1");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(
        text.contains("/live?channel=1&password=t0psecret"),
        "{text}"
    );
}

/// The port of an RTSP server that offers basic authentication alone, and what it has been sent.
fn rtsp_with_basic() -> (u16, Arc<Mutex<String>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let sent = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&sent);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut part = [0; 4096];
            while let Ok(length) = stream.read(&mut part)
                && length > 0
            {
                let request = String::from_utf8_lossy(&part[..length]).into_owned();
                let number = request.lines().find(|it| it.starts_with("CSeq"));
                let number = number.unwrap_or("CSeq: 1").to_owned();
                all.lock().expect("whole").push_str(&request);
                let answer = "RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"";
                let _ = write!(stream, "{answer}\r\n{number}\r\n\r\n");
            }
        }
    });
    (port, sent)
}

const LOGIN: [&str; 4] = ["--username", "anna", "--password-env", "STREET_PASSWORD"];

/// Anybody on the network can answer a search, and name itself for its stream.
#[test]
fn a_device_that_is_found_does_not_get_the_password_itself() {
    let (port, sent) = rtsp_with_basic();
    let uri = format!("rtsp://127.0.0.1:{port}/x");
    let folder = tempfile::tempdir().expect("a folder");
    let secret = folder.path().join("secret");
    std::fs::write(&secret, format!("{PASSWORD}\n")).expect("writable");
    let secret = secret.display().to_string();
    for is_closed in [true, false] {
        let address = device(&uri, "gate", is_closed);
        let site = folder.path().join(format!("site-{is_closed}"));
        let (_, out, error) = camweave(&[
            "init",
            &site.display().to_string(),
            "--device",
            "cpu",
            "--no-measurement",
            "--address",
            &address,
            "--username",
            "anna",
            "--password-file",
            &secret,
        ]);
        let requests = std::mem::take(&mut *sent.lock().expect("whole"));
        assert!(requests.contains("DESCRIBE"), "{out}{error}");
        assert!(!requests.contains("Authorization"), "{requests}");
        assert_eq!(error.contains("gate: left out"), is_closed, "{error}");
        let file = std::fs::read_to_string(site.join("cameras.yml")).unwrap_or_default();
        assert!(!file.contains(PASSWORD), "{file}");
        assert_eq!(file.contains(&uri), !is_closed, "{file}{error}");
    }
}

/// A login is written for a device that has asked for it.
#[test]
fn a_device_that_answers_anybody_is_added_without_a_login() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.yml");
    let (open, closed) = (
        device("rtsp://127.0.0.1:554/open", "open", false),
        device("rtsp://127.0.0.1:554/closed", "closed", true),
    );
    let add = file.display().to_string();
    let find = ["cameras", "find", "--address", &open, "--address", &closed];
    let (code, out, error) = camweave(&[&find[..], &LOGIN, &["--add", &add]].concat());
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("without user and password"), "{out}");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(text.matches("username: anna").count(), 1, "{text}");
    let (_, after) = text.split_once("/closed").expect("added");
    let own = after.split("- id").next().expect("fields");
    assert!(own.contains("username: anna"), "{text}");
}

#[test]
fn what_cannot_be_written_is_left_out_and_the_rest_is_added() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.yml");
    let (odd, usual) = (
        device("rtsp://127.0.0.1:554/live@1", "odd", false),
        device("rtsp://127.0.0.1:554/live", "usual", false),
    );
    let add = file.display().to_string();
    let find = ["cameras", "find", "--address", &odd, "--address", &usual];
    let (code, out, error) = camweave(&[&find[..], &["--add", &add]].concat());
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(
        out.contains("left out odd: ") && out.contains("1 added"),
        "{out}"
    );
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(
        text.contains("- id: usual") && !text.contains("@"),
        "{text}"
    );
    // A file that takes nothing hides nothing either.
    std::fs::write(&file, "cameras: [\n").expect("writable");
    let (code, out, _) = camweave(&[&find[..], &["--add", &add]].concat());
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("usual") && out.contains("main H.264"), "{out}");
}

#[test]
fn names_that_look_like_secrets_leave_json_whole() {
    let uri = "rtsp://127.0.0.1:554/camera";
    let address = device(uri, "Authorization", true);
    let (code, out, error) = camweave(&[
        "cameras",
        "find",
        "--json",
        "--address",
        &address,
        "--username",
        "camera",
        "--password-env",
        "STREET_PASSWORD",
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    let found: Value = serde_json::from_str(&out).expect("JSON");
    let device = &found["devices"][0];
    assert_eq!(device["cameras"][0]["streams"][0]["url"], uri);
    assert!(device["name"].is_string() && found["left_out"].is_array());
}

#[test]
fn an_installation_has_a_camera_once_and_none_of_another_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let uri = "rtsp://127.0.0.1:9/live";
    let known = device(uri, "known", false);
    let elsewhere = device("rtsp://203.0.113.5/live", "elsewhere", false);
    let site = folder.path().join("site");
    let (code, out, error) = camweave(&[
        "init",
        &site.display().to_string(),
        "--device",
        "cpu",
        "--no-measurement",
        "--camera",
        &format!("gate={uri}"),
        "--address",
        &known,
        "--address",
        &elsewhere,
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(error.contains("there already, as 'gate'"), "{error}");
    assert!(error.contains("elsewhere: left out"), "{error}");
    let text = std::fs::read_to_string(site.join("cameras.yml")).expect("a file");
    assert_eq!(text.matches("- id:").count(), 1, "{text}");
    assert!(!text.contains("203.0.113.5"), "{text}");
}
