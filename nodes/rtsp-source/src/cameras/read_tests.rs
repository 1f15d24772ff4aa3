use super::*;

fn read(text: &str) -> Result<Vec<Camera>, String> {
    parse(Path::new("cameras.yml"), text, &|name| match name {
        "CAM_USER" => Some("anna".to_owned()),
        "CAM_PASSWORD" => Some("s3cret".to_owned()),
        _ => None,
    })
    .map_err(|error| error.to_string())
}

#[test]
fn every_field() {
    let cameras = read(
        "# the yard
cameras:
  - id: cam1
    url: rtsp://10.0.0.7:8554/a/b?x=1
    transport: udp
    username: ${CAM_USER}
    password: ${CAM_PASSWORD}
  - {id: Gate-2_b, url: 'rtsp://root:p%40ss:w@[::1]/live'}
  - id: '3'
    url: rtsp://${HOST:-door}/
    username: 1234
    password: 0987
",
    )
    .expect("all is well");
    assert_eq!(cameras.len(), 3);
    assert_eq!(cameras[0].url.as_str(), "rtsp://10.0.0.7:8554/a/b?x=1");
    assert_eq!(cameras[0].transport, Transport::Udp);
    assert_eq!(
        cameras[0].credentials.as_ref().map(Credentials::expose),
        Some(("anna", "s3cret"))
    );
    assert_eq!(cameras[1].url.as_str(), "rtsp://[::1]/live");
    assert_eq!(cameras[1].transport, Transport::Tcp);
    assert_eq!(
        cameras[1].credentials.as_ref().map(Credentials::expose),
        Some(("root", "p@ss:w"))
    );
    assert_eq!(cameras[2].url.host_str(), Some("door"));
    assert_eq!(
        cameras[2].credentials.as_ref().map(Credentials::expose),
        Some(("1234", "0987"))
    );
    let shown = format!("{cameras:?}");
    for secret in ["s3cret", "anna", "p@ss", "root"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn errors_name_place_value_and_expectation() {
    for (text, parts) in [
        (
            "cameras:\n  - id: a\n    urll: x\n",
            &["cameras.yml:3:", "urll", "url", "transport"][..],
        ),
        ("cameras:\n  - id: a\n", &["cameras.yml:2:", "url"]),
        (
            "camera:\n  - id: a\n",
            &["cameras.yml:1:1", "camera", "cameras"],
        ),
        (
            "cameras: []\n",
            &["cameras.yml:1:10", "empty", "at least one"],
        ),
        ("", &["cameras.yml:", "end", "expected 'cameras:'"]),
        ("{}", &["cameras.yml:1:1", "missing", "expected 'cameras:'"]),
        ("cameras:\n  - id: a\n    url: [\n", &["cameras.yml:3:"]),
        (
            "cameras:\n  - id: a/b\n    url: rtsp://h/\n",
            &["cameras.yml:2:9", "'a/b'", "letters"],
        ),
        (
            "cameras:\n  - id: -a\n    url: rtsp://h/\n",
            &["cameras.yml:2:9", "'-a'"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://h/\n  - id: a\n    url: rtsp://g/\n",
            &["cameras.yml:4:9", "two cameras", "'a'", "line 2"],
        ),
        (
            "cameras:\n  - id: a\n    url: http://h/\n",
            &["cameras.yml:3:10", "'http'", "rtsp://host"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsps://h/\n",
            &["cameras.yml:3:10", "'rtsps'", "TLS"],
        ),
        (
            "cameras:\n  - id: a\n    url: h/path\n",
            &["cameras.yml:3:10", "'h/path'", "rtsp://host"],
        ),
        (
            "cameras:\n  - id: a\n    url: 'rtsp:///x'\n",
            &["cameras.yml:3:10", "host"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://h/\n    transport: multicast\n",
            &["cameras.yml:4:16", "'multicast'", "'tcp' or 'udp'"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://h/\n    password: ${NONE}\n",
            &["cameras.yml:4:15", "NONE", "not set"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://h/\n    password: x\n",
            &["cameras.yml:3:10", "no username", "both or neither"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://u:p@h/\n    username: u\n    password: x\n",
            &["cameras.yml:3:10", "one of them"],
        ),
    ] {
        let error = read(text).expect_err(text);
        for part in parts {
            assert!(error.contains(part), "{text}\n-> {error}\nlacks {part}");
        }
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn no_error_shows_a_credential() {
    for text in [
        "cameras:\n  - id: a\n    url: http://u:t0psecret@h/\n",
        "cameras:\n  - id: a\n    url: 'rtsp://u:t0psecret@h:port/'\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: [t0psecret]\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: t0psecret\n    extra: 1\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: ''\n    password: t0psecret\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    password: 't0psecret\n",
    ] {
        let error = read(text).expect_err(text);
        assert!(!error.contains("t0psecret"), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("no/such/cameras.yml"))
        .expect_err("no file")
        .to_string();
    assert!(error.contains("'no/such/cameras.yml'"), "{error}");
}
