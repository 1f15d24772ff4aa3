use camweave_outdir::open_for_reading;
use serde_json::Value;

use super::*;
use crate::clips::testing::{Recordings, note};

fn name(camera: &str, begin_ms: i64) -> ClipName {
    ClipName::new(camera, begin_ms * 1_000_000)
}

/// Adds a clip with events that begin at these seconds of it.
fn add(index: &mut Index, camera: &str, begin_ms: i64, events: &[(&str, f64)]) {
    let folder = Recordings::new();
    let events: Vec<_> = events.iter().map(|(id, at)| note(id, *at)).collect();
    let stem = folder.add(camera, begin_ms, b"video", &events);
    let file = open_for_reading(&folder.at(&stem, "json")).expect("a sidecar");
    let head = Head::read(file, camera).expect("a sidecar");
    index.insert(name(camera, begin_ms), &head, 10);
}

fn found(index: &Index, query: &Query) -> (Vec<(String, i64)>, Value) {
    let before = query.before.as_deref().and_then(ClipName::parse);
    let found = index.find(query, before.as_ref());
    let found: Value = serde_json::from_str(&found).expect("JSON");
    let clips = found["clips"].as_array().expect("a list").iter();
    let each = clips.map(|it| {
        let camera = it["camera"].as_str().expect("a camera").to_owned();
        (camera, it["begin_unix_ms"].as_i64().expect("a time"))
    });
    (each.collect(), found["more"].clone())
}

fn of(camera: &str, begin_ms: i64) -> (String, i64) {
    (camera.to_owned(), begin_ms)
}

#[test]
fn clips_are_found_by_camera_and_time_the_newest_first() {
    let mut index = Index::default();
    for (camera, begin) in [("b", 20_000), ("a", 10_000), ("a", 30_000)] {
        add(&mut index, camera, begin, &[]);
    }
    let all = Query::default();
    let (clips, more) = found(&index, &all);
    assert_eq!(clips, [of("a", 30_000), of("b", 20_000), of("a", 10_000)]);
    assert!(more.is_null());
    let text = |text: &str| Some(text.to_owned());
    for (query, expected) in [
        (
            Query {
                camera: text("b"),
                ..all.clone()
            },
            vec![of("b", 20_000)],
        ),
        // They are four seconds long: what has any of them at a time fits.
        (
            Query {
                since: Some(24_000),
                ..all.clone()
            },
            vec![of("a", 30_000), of("b", 20_000)],
        ),
        (
            Query {
                since: Some(24_001),
                ..all.clone()
            },
            vec![of("a", 30_000)],
        ),
        (
            Query {
                until: Some(20_000),
                ..all.clone()
            },
            vec![of("a", 10_000)],
        ),
        (
            Query {
                before: Some(name("b", 20_000).stem()),
                ..all.clone()
            },
            vec![of("a", 10_000)],
        ),
    ] {
        assert_eq!(found(&index, &query).0, expected, "{query:?}");
    }
}

#[test]
fn pages_of_an_answer_have_each_clip_once() {
    let mut index = Index::default();
    for number in 0..45 {
        add(&mut index, "a", number * 1000, &[]);
    }
    let mut query = Query {
        limit: Some(10),
        ..Query::default()
    };
    let mut all = Vec::new();
    loop {
        let (clips, more) = found(&index, &query);
        all.extend(clips.iter().map(|it| it.1 / 1000));
        query.before = more.as_str().map(str::to_owned);
        if query.before.is_none() {
            break;
        }
    }
    assert!(all.into_iter().eq((0..45).rev()));
}

#[test]
fn a_clip_knows_those_of_its_camera_around_it() {
    let mut index = Index::default();
    for (camera, begin) in [
        ("a", 1000),
        ("b", 2000),
        ("a", 3000),
        ("b", 4000),
        ("a", 5000),
    ] {
        add(&mut index, camera, begin, &[("x", 0.5)]);
    }
    let one = |begin| -> Value {
        let one = index.one(&name("a", begin)).expect("it is known");
        serde_json::from_str(&one).expect("JSON")
    };
    let middle = one(3000);
    assert_eq!(middle["previous"], name("a", 1000).stem());
    assert_eq!(middle["next"], name("a", 5000).stem());
    assert_eq!(middle["clip"]["events"][0]["id"], "x");
    assert_eq!(
        (&middle["clip"]["width"], &middle["clip"]["bytes"]),
        (&640.into(), &10.into())
    );
    assert!(one(1000)["previous"].is_null() && one(5000)["next"].is_null());
    assert_eq!(index.one(&name("a", 2000)), None);
}

#[test]
fn an_event_is_seen_where_it_begins() {
    let mut index = Index::default();
    add(
        &mut index,
        "a",
        9000,
        &[("long", -4.0), ("none", -1.0), ("late", -0.1)],
    );
    add(
        &mut index,
        "a",
        5000,
        &[("long", 0.5), ("late", 3.9), ("last", 3.9)],
    );
    add(&mut index, "a", 13_000, &[("long", -8.0), ("none", -5.0)]);
    let spot = |begin, at| {
        Some(Spot {
            name: name("a", begin).stem().into(),
            at,
        })
    };
    assert_eq!(index.spot("long"), spot(5000, 0.5));
    assert_eq!(index.spot("none"), spot(9000, 0.0), "no clip has its begin");
    assert_eq!(
        index.spot("late"),
        spot(9000, 0.0),
        "the other ends with it"
    );
    assert_eq!(index.spot("last"), spot(5000, 3.9));
    assert_eq!(index.spot("other"), None);
    let mut gone = index.remove(&name("a", 5000));
    gone.sort_unstable();
    assert_eq!(gone, ["last", "late", "long"].map(Arc::from));
    assert_eq!(index.spot("long"), spot(9000, 0.0));
    index.remove(&name("a", 9000));
    index.remove(&name("a", 13_000));
    assert_eq!(index.spot("long"), None);
    assert!(index.of_event.is_empty() && index.with_events.is_empty());
    assert_eq!(index.event_count, 0);
}

#[test]
fn memory_is_bounded_and_the_newest_stay() {
    let mut index = Index::with_bounds(10, 8);
    for begin in [7, 3, 15, 1, 9, 11, 2, 14, 6, 13, 4, 5, 12, 8, 10, 0] {
        let id = format!("e{begin}");
        add(&mut index, "a", begin * 1000, &[(&id, 0.0), ("all", 0.0)]);
    }
    let (clips, _) = found(&index, &Query::default());
    let begins: Vec<i64> = clips.iter().map(|it| it.1 / 1000).collect();
    assert_eq!(begins, (6..16).rev().collect::<Vec<_>>());
    assert!(index.is_too_old(5999) && !index.is_too_old(6000));
    assert_eq!((index.event_count, index.with_events.len()), (8, 4));
    assert_eq!(index.of_event.len(), 5);
    assert!(index.spot("e15").is_some() && index.spot("e11").is_none());
    // That it had events is known all the same.
    let oldest = index.one(&name("a", 6000)).expect("it is known");
    let oldest: Value = serde_json::from_str(&oldest).expect("JSON");
    assert_eq!(oldest["clip"]["event_count"], 2);
    assert_eq!(oldest["clip"]["events"].as_array().map(Vec::len), Some(0));
}
