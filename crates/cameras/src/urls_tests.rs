use std::path::Path;

use crate::{Camera, Change, Credentials, StreamRole, changes, has_literal_secrets, parse};

fn read(camera: &str) -> Result<Camera, String> {
    let lookup = |name: &str| match name {
        "CAM_PASSWORD" => Some("s3cret-word".to_owned()),
        "HOST" => Some("door".to_owned()),
        _ => None,
    };
    let text = format!("cameras:\n  - {camera}\n");
    let cameras = parse(Path::new("cameras.yml"), &text, &lookup);
    cameras
        .map(|mut it| it.remove(0))
        .map_err(|error| error.to_string())
}

fn login(camera: &Camera) -> Option<(&str, &str)> {
    camera.credentials.as_ref().map(Credentials::expose)
}

#[test]
fn a_camera_has_one_stream_or_two() {
    let camera = "{id: a, streams: {record: 'rtsp://${HOST}/main?k=1', detect: 'rtsp://door/sub'}, username: u, password: '${CAM_PASSWORD}'}";
    let camera = read(camera).expect("valid");
    let [detect, record] =
        [StreamRole::Detect, StreamRole::Record].map(|it| camera.clone().with_stream(it));
    assert_eq!(detect.url.expose().as_str(), "rtsp://door/sub");
    assert_eq!(record.url.expose().as_str(), "rtsp://door/main?k=1");
    for one in [&detect, &record] {
        assert_eq!(login(one), Some(("u", "s3cret-word")));
        assert_eq!(one.record, None);
    }
    // Each URL has the login that is in it.
    let camera =
        read("{id: a, streams: {detect: 'rtsp://h/sub', record: 'rtsp://v:s3cret-word@h/main'}}")
            .expect("valid");
    let shown = format!("{camera:?}");
    assert!(!shown.contains("s3cret-word"), "{shown}");
    let hidden = camera.known_secrets().hide("401 for v:s3cret-word");
    assert!(!hidden.contains("s3cret-word"), "{hidden}");
    let record = camera.clone().with_stream(StreamRole::Record);
    assert_eq!(login(&camera.with_stream(StreamRole::Detect)), None);
    assert_eq!(login(&record), Some(("v", "s3cret-word")));
    // One stream is both.
    let one = read("{id: a, url: 'rtsp://h/'}").expect("valid");
    assert_eq!(one.clone().with_stream(StreamRole::Record), one);
    assert_eq!(one.clone().with_stream(StreamRole::Detect), one);
}

#[test]
fn errors_name_the_camera_the_stream_and_what_was_expected() {
    const BOTH: &str = "'streams: {detect: URL, record: URL}'";
    for (camera, parts) in [
        (
            "{id: a}",
            &["cameras.yml:2:10", "missing field `url`", "'a'", BOTH][..],
        ),
        (
            "{id: a, url: 'rtsp://h/', streams: {detect: 'rtsp://h/', record: 'rtsp://h/'}}",
            &[
                "cameras.yml:2:40",
                "'a'",
                "'url' and 'streams'",
                "one of them",
            ],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/'}}",
            &["cameras.yml:2:22", "'a'", "without 'record'", BOTH],
        ),
        (
            "{id: a, streams: {record: 'rtsp://h/'}}",
            &["cameras.yml:2:22", "'a'", "without 'detect'", BOTH],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/', main: 'rtsp://h/'}}",
            &["cameras.yml:2:", "unknown field `main`", "detect, record"],
        ),
        (
            "{id: a, streams: 'rtsp://t0psecret@h/'}",
            &["cameras.yml:2:"],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/', record: 'ftp://u:t0psecret@h/'}}",
            &[
                "cameras.yml:2:52",
                "'a'",
                "streams.record",
                "'ftp'",
                "rtsp://host",
            ],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://u:t0p/secret@h/', record: 'rtsp://h/'}}",
            &["cameras.yml:2:31", "streams.detect", "'%2F'"],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://${NONE}/', record: 'rtsp://h/'}}",
            &["cameras.yml:2:31", "streams.detect", "NONE is not set"],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/', record: 'rtsps://h/'}, client: rtsp}",
            &["client 'rtsp'", "'rtsps'"],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/', record: 'http://h/'}, transport: udp}",
            &["transport 'udp'", "'http'"],
        ),
        (
            "{id: a, streams: {detect: 'rtsp://h/', record: 'rtsp://u:t0psecret@h/'}, username: u, password: x}",
            &["'a'", "credentials in its url", "one of them"],
        ),
    ] {
        let error = read(camera).expect_err(camera);
        for part in parts {
            assert!(error.contains(part), "{camera}\n-> {error}\nlacks {part}");
        }
        assert!(
            !error.contains("t0p") && !error.contains("secret") && !error.contains('\n'),
            "{error}"
        );
    }
}

/// Each source takes the one stream that it reads: that the other one changes is nothing to it.
#[test]
fn a_changed_stream_is_connected_again_and_the_other_is_not() {
    let camera = |record: &str, more: &str| {
        read(&format!(
            "{{id: a, streams: {{detect: 'rtsp://h/sub', record: '{record}'}}{more}}}"
        ))
        .expect("valid")
    };
    let shown = |role, old: &Camera, new: &Camera| {
        let [old, new] = [old, new].map(|it| it.clone().with_stream(role));
        match &changes(&[old], &[new])[..] {
            [] => "nothing",
            [Change::Reconnect(_)] => "reconnect",
            [Change::Adjust(_)] => "adjust",
            _ => "other",
        }
    };
    let old = camera("rtsp://h/main", "");
    for (new, expected) in [
        (camera("rtsp://h/main2", ""), ["nothing", "reconnect"]),
        (camera("rtsp://u:p@h/main", ""), ["nothing", "reconnect"]),
        (
            camera("rtsp://h/main", ", detect_fps: 5"),
            ["adjust", "adjust"],
        ),
        (
            camera("rtsp://h/main", ", transport: tcp"),
            ["reconnect", "reconnect"],
        ),
        (
            read("{id: a, url: 'rtsp://h/sub'}").expect("valid"),
            ["nothing", "reconnect"],
        ),
    ] {
        let found = [StreamRole::Detect, StreamRole::Record].map(|it| shown(it, &old, &new));
        assert_eq!(found, expected, "{new:?}");
    }
}

#[test]
fn a_password_in_either_url_is_noticed() {
    for (streams, expected) in [
        ("{detect: 'rtsp://h/', record: 'rtsp://h/main'}", false),
        ("{detect: 'rtsp://h/', record: 'rtsp://u:x@h/main'}", true),
        ("{detect: 'rtsp://u:x@h/', record: 'rtsp://h/main'}", true),
        (
            "{detect: 'rtsp://h/', record: 'rtsp://u:${NO_SUCH_}@h/'}",
            false,
        ),
    ] {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let text = format!("cameras: [{{id: a, streams: {streams}}}]");
        std::fs::write(file.path(), text).expect("writable");
        assert_eq!(has_literal_secrets(file.path()), expected, "{streams}");
    }
}
