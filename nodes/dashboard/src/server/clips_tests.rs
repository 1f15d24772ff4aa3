use std::os::unix::fs::symlink;

use super::*;
use crate::clips::testing::{Recordings, note};
use crate::clips::{Watcher, unwatched};

/// A server with these recordings, as they are now.
fn bench(recordings: &Recordings, needs_token: bool) -> (Bench, Watcher) {
    let events = Arc::new(Events::default());
    let (clips, mut watcher) = unwatched(recordings.path(), &events);
    watcher.look(std::time::SystemTime::now(), || false);
    (Bench::with_clips(needs_token, clips), watcher)
}

fn get(bench: &Bench, path: &str, header: &str) -> (u16, String, String) {
    let line = format!("GET {path} HTTP/1.1");
    let lines = match header {
        "" => vec![&*line],
        header => vec![&*line, header],
    };
    let (status, answer) = bench.ask(&lines, "");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status, head.to_owned(), body.to_owned())
}

#[test]
fn clips_are_listed_with_what_is_in_them() {
    let recordings = Recordings::new();
    let first = recordings.add("gate", 1000, b"video", &[note("a", 0.5)]);
    let second = recordings.add("yard", 9000, b"video", &[]);
    let (bench, _) = bench(&recordings, false);
    let list = |query: &str| -> serde_json::Value {
        let (status, _, body) = get(&bench, &format!("/api/clips{query}"), "");
        assert_eq!(status, 200, "{query}: {body}");
        serde_json::from_str(&body).expect("JSON")
    };
    let all = list("");
    assert_eq!(
        (&all["clips"][0]["name"], &all["clips"][1]["name"]),
        (&(*second).into(), &(*first).into())
    );
    let clip = &all["clips"][1];
    let expected = serde_json::json!({
        "camera": "gate", "begin_unix_ms": 1000, "end_unix_ms": 5000, "seconds": 4.0,
        "codec": "avc1.64001F", "width": 640, "height": 360, "salvaged": false,
        "missing_seconds": 0.0, "event_count": 1,
    });
    for (field, expected) in expected.as_object().expect("fields") {
        assert_eq!(&clip[field], expected, "{field}");
    }
    let event = serde_json::json!({
        "id": "a", "kind": "presence", "rule": "yard", "label": "person", "begin_at": 0.5, "end_at": 1.5,
    });
    assert_eq!(clip["events"][0], event);
    let bytes = clip["bytes"].as_u64().expect("bytes");
    let files = ["mp4", "json"].map(|it| std::fs::metadata(recordings.at(&first, it)));
    let files = files.map(|it| it.expect("there").len());
    assert_eq!(bytes, files[0] + files[1]);
    for (query, expected) in [
        ("?camera=yard", 1),
        ("?since=5001", 1),
        ("?until=9000", 1),
        (&*format!("?before={second}"), 1),
        ("?limit=1", 1),
        ("?camera=none", 0),
    ] {
        assert_eq!(
            list(query)["clips"].as_array().map(Vec::len),
            Some(expected),
            "{query}"
        );
    }
    assert_eq!(list("?limit=1")["more"], second);
    for query in ["?since=now", "?colour=red", "?limit=-1", "?before=../x"] {
        assert_eq!(
            get(&bench, &format!("/api/clips{query}"), "").0,
            400,
            "{query}"
        );
    }
    let (_, _, one) = get(&bench, &format!("/api/clips/{first}"), "");
    let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!(one["clip"], *clip);
    let (_, _, sidecar) = get(&bench, &format!("/api/clips/{first}/sidecar"), "");
    assert_eq!(
        sidecar,
        std::fs::read_to_string(recordings.at(&first, "json")).expect("text")
    );
    let without = Bench::new(false, 1);
    assert_eq!(get(&without, "/api/clips", "").2, r#"{"clips":null}"#);
    assert_eq!(
        get(&without, &format!("/api/clips/{first}/video"), "").0,
        404
    );
}

#[test]
fn video_is_sent_whole_or_in_part() {
    let recordings = Recordings::new();
    let stem = recordings.add("gate", 1000, b"0123456789", &[]);
    let (bench, _) = bench(&recordings, false);
    let path = format!("/api/clips/{stem}/video");
    let (status, head, body) = get(&bench, &path, "");
    assert_eq!((status, &*body), (200, "0123456789"));
    for part in [
        "content-type: video/mp4",
        "content-length: 10",
        "accept-ranges: bytes",
        "media-src 'self' blob:",
        "cache-control: no-store",
    ] {
        assert!(head.contains(part), "{part}: {head}");
    }
    assert!(!head.contains("content-disposition"), "{head}");
    for (range, content, expected) in [
        ("bytes=0-", "bytes 0-9/10", "0123456789"),
        ("bytes=3-4", "bytes 3-4/10", "34"),
        ("bytes=8-100", "bytes 8-9/10", "89"),
        ("bytes=-3", "bytes 7-9/10", "789"),
    ] {
        let (status, head, body) = get(&bench, &path, &format!("Range: {range}"));
        assert_eq!((status, &*body), (206, expected), "{range}");
        assert!(
            head.contains(&format!("content-range: {content}")),
            "{head}"
        );
        assert!(
            head.contains(&format!("content-length: {}", expected.len())),
            "{head}"
        );
    }
    let (status, head, _) = get(&bench, &path, "Range: bytes=10-");
    assert_eq!(status, 416);
    assert!(head.contains("content-range: bytes */10"), "{head}");
    let (status, _, body) = get(&bench, &path, "Range: bytes=0-1,4-5");
    assert_eq!(
        (status, &*body),
        (200, "0123456789"),
        "several are not served"
    );
    let lines = [
        &*format!("GET {path} HTTP/1.1"),
        "Range: bytes=1-2",
        "If-Range: \"x\"",
    ];
    assert_eq!(bench.ask(&lines, "").0, 200, "it may be of another file");
    let (_, head, _) = get(&bench, &format!("{path}?download"), "");
    assert!(
        head.contains(&format!(
            "content-disposition: attachment; filename=\"{stem}.mp4\""
        )),
        "{head}"
    );
    let (status, answer) = bench.ask(&[&format!("HEAD {path} HTTP/1.1")], "");
    assert!(
        status == 200 && answer.ends_with("\r\n\r\n") && answer.contains("content-length: 10"),
        "{answer}"
    );
    assert_eq!(bench.ask(&[&format!("POST {path} HTTP/1.1")], "").0, 405);
}

#[test]
fn a_large_clip_is_sent_in_pieces() {
    let recordings = Recordings::new();
    let video: Vec<u8> = (0..1_000_003_u32)
        .map(|it| b'a' + (it % 23) as u8)
        .collect();
    let stem = recordings.add("gate", 1000, &video, &[]);
    let (bench, _) = bench(&recordings, false);
    let path = format!("/api/clips/{stem}/video");
    let (status, _, body) = get(&bench, &path, "");
    assert!(status == 200 && body.as_bytes() == video);
    let (_, _, body) = get(&bench, &path, "Range: bytes=262143-786433");
    assert!(body.as_bytes() == &video[262_143..786_434]);
}

#[test]
fn nothing_but_clips_is_served() {
    let recordings = Recordings::new();
    let stem = recordings.add("gate", 1000, b"video", &[]);
    let replaced = recordings.add("gate", 2000, b"video", &[]);
    let moved = recordings.add("yard", 3000, b"video", &[]);
    let foreign = "gate-19700101T000009.000Z";
    for extension in ["mp4", "json"] {
        std::fs::copy(
            recordings.at(&stem, extension),
            recordings.at(foreign, extension),
        )
        .expect("copied");
    }
    std::fs::write(recordings.path().join("secret.mp4"), "secret").expect("writable");
    let (bench, _) = bench(&recordings, false);
    let path = |stem: &str| format!("/api/clips/{stem}/video");
    assert_eq!(get(&bench, &path(&stem), "").0, 200);
    // Links that take the place of a file, and of a folder, after it was found.
    let secret = recordings.path().join("secret.mp4");
    std::fs::remove_file(recordings.at(&replaced, "mp4")).expect("removable");
    symlink(&secret, recordings.at(&replaced, "mp4")).expect("a link");
    let (yard, away) = (
        recordings.path().join("yard"),
        recordings.path().join("away"),
    );
    std::fs::rename(&yard, &away).expect("moved");
    symlink(&away, &yard).expect("a link");
    for stem in [&*replaced, &*moved] {
        let (status, _, body) = get(&bench, &path(stem), "");
        assert!(
            status == 500 && !body.contains("secret"),
            "{stem}: {status} {body}"
        );
    }
    for stem in [
        foreign,
        "secret",
        "..%2fsecret",
        "..%2f..%2f..%2fetc%2fpasswd",
        "..%2fgate%2f1970-01-01%2fgate-19700101T000001.000Z",
        "gate-19700101T000001.000Z_0",
        "gate-19700101T000001.000Z.mp4",
        "gate-19700101T000001.000Z%00",
        "%2e%2e",
    ] {
        for part in ["video", "sidecar"] {
            let (status, _, body) = get(&bench, &format!("/api/clips/{stem}/{part}"), "");
            assert_eq!(status, 404, "{stem}: {body}");
        }
    }
}

#[test]
fn a_clip_that_is_removed_is_not_there_and_a_new_one_is() {
    let recordings = Recordings::new();
    let stem = recordings.add("gate", 1000, b"video", &[]);
    let (bench, mut watcher) = bench(&recordings, false);
    recordings.remove(&stem);
    let path = format!("/api/clips/{stem}/video");
    let (status, _, body) = get(&bench, &path, "");
    assert!(
        status == 404 && body.contains("may have been removed"),
        "{body}"
    );
    let new = recordings.add("gate", 5000, b"video", &[]);
    watcher.look(std::time::SystemTime::now(), || false);
    assert_eq!(get(&bench, &format!("/api/clips/{stem}"), "").0, 404);
    assert_eq!(get(&bench, &format!("/api/clips/{new}/video"), "").0, 200);
}

#[test]
fn clips_need_the_token() {
    let recordings = Recordings::new();
    let stem = recordings.add("gate", 1000, b"video", &[]);
    let (bench, _) = bench(&recordings, true);
    let token = bench.token.as_ref().expect("it is new").expose();
    let bearer = format!("Authorization: Bearer {token}");
    for path in [
        "/api/clips".to_owned(),
        format!("/api/clips/{stem}"),
        format!("/api/clips/{stem}/video"),
        format!("/api/clips/{stem}/sidecar"),
    ] {
        let (status, _, body) = get(&bench, &path, "");
        assert!(status == 401 && !body.contains("video"), "{path}: {body}");
        assert_eq!(get(&bench, &path, &bearer).0, 200, "{path}");
    }
}
