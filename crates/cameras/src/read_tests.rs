use super::*;

use camweave_message::Polygon;

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
    assert_eq!(
        cameras[0].url.expose().as_str(),
        "rtsp://10.0.0.7:8554/a/b?x=1"
    );
    assert_eq!(cameras[0].url.to_string(), "rtsp://10.0.0.7:8554/a/b?x=***");
    assert_eq!(cameras[0].transport, Some(Transport::Udp));
    assert_eq!(
        cameras[0].credentials.as_ref().map(Credentials::expose),
        Some(("anna", "s3cret"))
    );
    assert_eq!(cameras[1].url.expose().as_str(), "rtsp://[::1]/live");
    assert_eq!(cameras[1].transport, None);
    assert_eq!(
        cameras[1].credentials.as_ref().map(Credentials::expose),
        Some(("root", "p@ss:w"))
    );
    assert_eq!(cameras[2].url.expose().host_str(), Some("door"));
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
fn which_pictures_are_detected_on() {
    let cameras = read(
        "cameras:
  - {id: a, url: 'rtsp://h/'}
  - {id: b, url: 'rtsp://h/', detect_fps: 5}
  - {id: c, url: 'rtsp://h/', detect_fps: '${FPS:-0.5}', detect: on}
  - {id: d, url: 'rtsp://h/', detect: off, detect_fps: 5}
  - {id: e, url: 'rtsp://h/', detect: motion, detect_fps: 5}
  - {id: f, url: 'rtsp://h/', detect: motion, motion_area: 1.5}
",
    )
    .expect("all is well");
    let nanos: Vec<i64> = cameras.iter().map(|it| it.selection.to_nanos()).collect();
    assert_eq!(nanos, [0, 200_000_000, 2_000_000_000, -1, 200_000_000, 0]);
    let motion: Vec<u32> = cameras
        .iter()
        .map(|it| it.motion.map_or(0, NonZeroU32::get))
        .collect();
    assert_eq!(motion, [0, 0, 0, 0, 2000, 15_000]);
    for (field, value) in [
        ("detect_fps", "0"),
        ("detect_fps", "-1"),
        ("detect_fps", "2000"),
        ("detect_fps", "NaN"),
        ("detect_fps", "some"),
        ("detect", "maybe"),
        ("motion_area", "0"),
        ("motion_area", "101"),
        ("motion_area", "1"),
    ] {
        let text = format!("cameras:\n  - id: a\n    url: rtsp://h/\n    {field}: {value}\n");
        let error = read(&text).expect_err(value);
        assert!(error.starts_with("cameras.yml:4:"), "{error}");
        let says = format!("{field} '{value}', expected");
        assert!(error.contains(&says), "{error}");
    }
}

#[test]
fn regions_and_ignored_areas() {
    let cameras = read(
        "cameras:
  - {id: a, url: 'rtsp://h/'}
  - {id: b, url: 'rtsp://h/', region: [0, 0.4, 1, '${RIGHT:-0.9}']}
  - id: c
    url: rtsp://h/
    ignore:
      - [[0, 0], [0.25, 0], [0, 0.5]]
      - - [0.5, 0.5]
        - [1, 0.5]
        - [1, 1]
        - [0.5, 1]
  - {id: d, url: 'rtsp://h/', ignore: []}
",
    )
    .expect("all is well");
    assert!(cameras[0].areas.are_whole() && cameras[3].areas.are_whole());
    let region = cameras[1].areas.region.map(|it| it.edges());
    assert_eq!(region, Some([0.0, 0.4, 1.0, 0.9]));
    let polygons = cameras[2].areas.ignored.polygons();
    let values: Vec<_> = polygons.iter().map(Polygon::values).collect();
    let square = [0.5, 0.5, 1.0, 0.5, 1.0, 1.0, 0.5, 1.0];
    assert_eq!(values, [&[0.0, 0.0, 0.25, 0.0, 0.0, 0.5][..], &square]);
}

#[test]
fn areas_that_cannot_be_are_named_where_they_are() {
    let points = |count: usize| vec!["[0, 0]"; count].join(", ");
    let polygons = format!("[{}]", vec![format!("[{}]", points(3)); 33].join(", "));
    for (fields, place, says) in [
        (
            "region: [0, 0, 1.5, 1]",
            "4:20",
            "region '1.5', expected a part of the frame, 0 to 1",
        ),
        ("region: [0, 0, a, 1]", "4:20", "region 'a', expected"),
        ("region: [0, -1, 1, 1]", "4:17", "region '-1', expected"),
        ("region: [0, 0, NaN, 1]", "4:20", "region 'NaN', expected"),
        (
            "region: [0, 0, 1]",
            "4:13",
            "region of 3 numbers, expected [x1, y1, x2, y2]",
        ),
        (
            "region: [0.5, 0, 0.2, 1]",
            "4:13",
            "region [0.5, 0, 0.2, 1], expected x1 < x2 and y1 < y2",
        ),
        ("region: [0, 0, '${NONE}', 1]", "4:20", "NONE is not set"),
        ("region: 0.5", "4:13", "sequence"),
        (
            "ignore: [[[0, 0], [1, 0]]]",
            "4:14",
            "ignore has a polygon of 2 points, expected 3 to 64",
        ),
        (
            &format!("ignore: [[{}]]", points(65)),
            "4:14",
            "a polygon of 65 points, expected 3 to 64",
        ),
        (
            "ignore: [[[0, 0], [1, 0], [1, 1, 1]]]",
            "4:31",
            "ignore has a point of 3 numbers, expected [x, y]",
        ),
        (
            "ignore: [[[0, 0], [1, 0], [1, 1.01]]]",
            "4:35",
            "ignore '1.01', expected a part of the frame, 0 to 1",
        ),
        (
            &format!("ignore: {polygons}"),
            "4:13",
            "ignore has 33 polygons, expected at most 32",
        ),
        // One polygon without the list around it.
        ("ignore: [[0, 0], [1, 0], [1, 1]]", "4:15", "sequence"),
    ] {
        let text = format!("cameras:\n  - id: a\n    url: rtsp://h/\n    {fields}\n");
        let error = read(&text).expect_err(fields);
        let place = format!("cameras.yml:{place}: ");
        assert!(error.starts_with(&place) && error.contains(says), "{error}");
    }
}

#[test]
fn sources_and_clients() {
    let cameras = read(
        "cameras:
  - {id: a, url: 'rtsp://h/'}
  - {id: b, url: 'rtsp://h/', client: rtsp}
  - {id: c, url: 'rtsps://u:p%2F@h/x', client: ffmpeg}
  - {id: d, url: 'https://u:p@h/live.m3u8', client: auto}
  - {id: e, url: 'rtmp://h:1935/live/x'}
  - {id: f, url: 'srt://h:9000?streamid=x'}
  - {id: g, url: 'v4l2:///dev/video0?video_size=640x480'}
  - {id: h, url: 'rtsp://h/', client: retina}
",
    )
    .expect("all is well");
    let clients: Vec<_> = cameras.iter().map(|camera| camera.client).collect();
    let (auto, rtsp) = (ClientKind::Auto, ClientKind::Rtsp);
    let ffmpeg = ClientKind::Ffmpeg;
    assert_eq!(clients, [auto, rtsp, ffmpeg, auto, auto, auto, auto, rtsp]);
    for camera in &cameras[2..4] {
        assert!(camera.credentials.is_some());
        assert!(!camera.url.expose().as_str().contains('@'));
    }
    assert_eq!(cameras[6].url.expose().path(), "/dev/video0");
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
            "cameras:\n  - id: a\n    url: ftp://h/\n",
            &["cameras.yml:3:10", "'ftp'", "rtsp://host"],
        ),
        (
            "cameras:\n  - id: a\n    url: file:///etc/passwd\n",
            &["cameras.yml:3:10", "'file'", "rtsp://host"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsp://h/\n    client: vlc\n",
            &["cameras.yml:4:13", "'vlc'", "'auto', 'rtsp' or 'ffmpeg'"],
        ),
        (
            "cameras:\n  - id: a\n    url: rtsps://h/\n    client: rtsp\n",
            &["cameras.yml:4:13", "'rtsps'", "'auto' or 'ffmpeg'"],
        ),
        (
            "cameras:\n  - id: a\n    url: http://h/\n    transport: udp\n",
            &["cameras.yml:4:16", "'udp'", "'http'"],
        ),
        (
            "cameras:\n  - id: a\n    url: 'v4l2:///'\n",
            &["cameras.yml:3:10", "no device", "v4l2:///dev/video0"],
        ),
        (
            "cameras:\n  - id: a\n    url: h/path\n",
            &["cameras.yml:3:10", "cannot be read", "rtsp://host"],
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
        "cameras:\n  - id: a\n    url: ftp://u:t0psecret@h/\n",
        "cameras:\n  - id: a\n    url: 'rtsp://u:t0psecret@h:port/'\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: [t0psecret]\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: t0psecret\n    extra: 1\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: ''\n    password: t0psecret\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    password: 't0psecret\n",
        // A mistake around the '@' or the colon makes another part of the line the host or the name.
        "cameras:\n  - id: a\n    url: rtsp://admin:t0psecret/x\n",
        "cameras:\n  - id: a\n    url: t0psecret\n",
        "cameras:\n  - id: a\n    url: 't0psecret://h/'\n",
        "cameras:\n  - id: a\n    url: 'rtsp:/admin:t0psecret@h/'\n",
        "cameras:\n  - id: a\n    url: 'rtsp://admin:t0p\tsecret@h/'\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: ${t0psecret!}\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: a${t0psecret}\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    username: u\n    password: ${t0psecret\n",
        "cameras:\n  - id: a\n    url: rtsp://u:${t0psecret}@h/\n",
        "cameras:\n  - id: a\n    url: rtsp://h/\n    transport: ${CAM_PASSWORD}\n",
        "cameras:\n  - password:t0psecret\n",
        "cameras:\n  - password:t0psecret: x\n",
        "cameras:\n  - t0psecret: x\n    id: a\n",
        "cameras:\n  - id: a\n    t0psecret: x\n    t0psecret: y\n",
        "cameras:\n  - id: a\n    password: *t0psecret\n",
        "cameras:\n  - id: a\n    password: !t0psecret\n",
        "cameras:\n  - id: a\n    password: !t0psecret x\n",
        "cameras:\n  - id: a\n    password: @t0psecret\n",
        "cameras:\n  - id: a\n    password: %t0psecret\n",
        "cameras:\n  - id: a\n    password: \"t0psecret\\q\"\n",
        "cameras:\n  - id: a\n    password: {t0psecret: 1}\n",
        "t0psecret",
        "- t0psecret\n",
    ] {
        let error = read(text).expect_err(text);
        for secret in ["t0psecret", "secret@", "s3cret"] {
            assert!(!error.contains(secret), "{text}\n-> {error}");
        }
        assert!(error.starts_with("cameras.yml:"), "{error}");
    }
}

#[test]
fn a_raw_character_in_a_password_is_named_and_not_taken_for_the_end_of_the_host() {
    for (url, raw, encoded) in [
        ("rtsp://admin:t0p/secret@host/live", "'/'", "'%2F'"),
        ("rtsp://admin:12/secret@host:554/live", "'/'", "'%2F'"),
        ("rtsp://admin:t0p#secret@host/live", "'#'", "'%23'"),
        ("rtsp://admin:12?secret@host/live", "'?'", "'%3F'"),
        ("rtsp://admin:p@t0p/secret@host/live", "'/'", "'%2F'"),
        ("rtsp://h/t0p@secret", "'/'", "'%40'"),
    ] {
        let error = read(&format!("cameras:\n  - id: a\n    url: '{url}'\n")).expect_err(url);
        for part in ["cameras.yml:3:10", raw, encoded, "'password'"] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
        for secret in ["t0p", "secret", "admin", "12"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
    // With the fields there is no doubt what an '@' in a path is.
    let fields = "\n    username: u\n    password: 'a/b#c?d@e'\n";
    let cameras = read(&format!(
        "cameras:\n  - id: a\n    url: rtsp://h/x@1{fields}"
    ));
    let cameras = cameras.expect("all is well");
    assert_eq!(cameras[0].url.expose().path(), "/x@1");
}

#[test]
fn credentials_are_taken_as_they_are() {
    let text = "cameras:\n  - id: a\n    url: ' rtsp://h/ '\n    username: ' u '\n    password: ' ${CAM_PASSWORD} \t'\n";
    let cameras = read(text).expect("all is well");
    let credentials = cameras[0].credentials.as_ref().map(Credentials::expose);
    assert_eq!(credentials, Some((" u ", " s3cret \t")));
}

#[test]
fn ids_are_printed_safely() {
    let id = "\\e[31m".to_owned() + &"x".repeat(1_000_000);
    let error = read(&format!("cameras:\n  - id: \"{id}\"\n    url: rtsp://h/\n"));
    let error = error.expect_err("no id");
    assert!(
        error.contains("id '\\u001b[31mxxx") && error.len() < 600,
        "{error}"
    );
}

#[test]
fn a_missing_file_is_named() {
    let error = load(Path::new("no/such/cameras.yml"))
        .expect_err("no file")
        .to_string();
    assert!(error.contains("'no/such/cameras.yml'"), "{error}");
    let long = tempfile::NamedTempFile::new().expect("a temporary file");
    long.as_file()
        .set_len(FILE_BYTES + 1)
        .expect("room for a file");
    let error = load(long.path()).expect_err("too long").to_string();
    assert!(error.contains("longer than 4194304 bytes"), "{error}");
}

#[test]
fn secrets_in_the_file_itself_are_noticed() {
    for (fields, expected) in [
        ("url: rtsp://h/", false),
        ("url: rtsp://h/, username: u, password: x", true),
        ("url: rtsp://u:x@h/", true),
        ("url: rtsp://h/?channel=1", false),
        ("url: 'rtsp://h/?pwd=x'", true),
        // A variable that every process has.
        ("url: rtsp://h/, username: u, password: '${PATH}'", false),
        (
            "url: rtsp://h/, username: u, password: '${NO_SUCH_VARIABLE_:-x}'",
            true,
        ),
    ] {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), format!("cameras: [{{id: a, {fields}}}]")).expect("writable");
        assert_eq!(has_literal_secrets(file.path()), expected, "{fields}");
        // Whatever variables another camera needs, or has that are no longer valid with a digit more.
        for other in [
            "url: 'rtsp://${NO_SUCH_HOST_}/', username: u, password: '${NO_SUCH_VARIABLE_}'",
            "url: '${NO_SUCH_URL_}', region: [0, 0, '${NO_SUCH_PART_}', 1], detect: '${PATH}'",
        ] {
            let text = format!("cameras: [{{id: a, {fields}}}, {{id: b, {other}}}]");
            std::fs::write(file.path(), text).expect("writable");
            assert_eq!(
                has_literal_secrets(file.path()),
                expected,
                "{fields} {other}"
            );
        }
    }
}

#[test]
fn secrets_in_a_url_itself_are_noticed() {
    for (url, expected) in [
        ("rtsp://h/a", false),
        ("rtsp://user@h/a", false),
        ("rtsp://user:@h/a", false),
        ("rtsp://user:x@h/a", true),
        ("rtsp://user:x@${NO_SUCH_HOST_}:${NO_SUCH_PORT_}/a", true),
        ("rtsp://${USER:-u}:${NO_SUCH_VARIABLE_}@h/a", false),
        ("rtsp://u:${NO_SUCH_VARIABLE_:-x}@h/a", true),
        ("${NO_SUCH_URL_}", false),
        ("https://h/a?password=x", true),
        ("https://h/a?password=${NO_SUCH_VARIABLE_}", false),
    ] {
        assert_eq!(has_literal_secret(url), expected, "{url}");
    }
}
