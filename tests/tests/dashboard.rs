//! The page's server at the end of a real graph: what a viewer is sent belongs together, and no
//! viewer costs the graph a frame.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpStream;

use camweave_tests::{Cameras, Pipeline};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

const CAMERAS: u32 = 4;
/// Frames of each camera that are looked at.
const FRAMES: usize = 60;

const KEYFRAME: u8 = 1;
const CATCH_UP: u8 = 2;
const DETECTIONS: u8 = 4;
const NO_BOXES_KNOWN: u8 = 16;

struct Viewer(WebSocket<TcpStream>);

/// An access unit, as a page gets it.
struct Unit {
    flags: u8,
    index: u16,
    session: i64,
    sequence: u64,
    detections: Option<Value>,
    data: Vec<u8>,
}

impl Unit {
    fn read(bytes: &[u8]) -> Self {
        fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
            bytes[at..at + N].try_into().expect("a whole header")
        }
        assert_eq!(bytes[0], 1, "an access unit");
        let length = u32::from_le_bytes(part(bytes, 40)) as usize;
        let (json, data) = bytes[44..].split_at(length);
        let detections = (length > 0).then(|| serde_json::from_slice(json).expect("JSON"));
        assert_eq!(bytes[1] & DETECTIONS != 0, detections.is_some());
        Self {
            flags: bytes[1],
            index: u16::from_le_bytes(part(bytes, 4)),
            session: i64::from_le_bytes(part(bytes, 8)),
            sequence: u64::from_le_bytes(part(bytes, 16)),
            detections,
            data: data.to_vec(),
        }
    }
}

impl Viewer {
    /// Opens the page of the graph's dashboard, and watches these cameras.
    fn open(run: &mut Pipeline, cameras: &[String]) -> Self {
        let listens = |run: &Pipeline| {
            let report = run.report("dashboard").filter(|it| it.ready)?;
            report.facts.get("listens").cloned()
        };
        run.wait_until("the page", |run| listens(run).is_some());
        let url = listens(run).expect("it listens");
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let stream = TcpStream::connect(address).expect("it listens");
        let url = format!("ws://{address}/ws");
        let (mut socket, _) = tungstenite::client(url, stream).expect("a WebSocket");
        let watched = cameras.iter().map(|id| json!({"id": id, "way": "video"}));
        let watch = json!({"type": "watch", "cameras": watched.collect::<Vec<_>>()});
        socket.send(Message::text(watch.to_string())).expect("open");
        Self(socket)
    }
}

#[test]
fn a_viewer_gets_each_frame_with_its_own_detections() {
    let cameras = Cameras::endless(CAMERAS);
    let ids: Vec<String> = cameras.urls().iter().map(|(id, _)| id.clone()).collect();
    let mut run = Pipeline::of("cpu-dashboard.yml")
        .cameras(cameras.yml())
        .env("LISTEN", "127.0.0.1:0")
        // On a busy machine the detector takes its time.
        .set("WAIT_AT_MOST_MS", "10000")
        .set("MAX_WAIT_MS", "10000")
        .start();
    let mut viewer = Viewer::open(&mut run, &ids);
    // This one never reads: it costs nobody else a frame.
    let idle = Viewer::open(&mut run, &ids);

    let mut names: HashMap<u16, String> = HashMap::new();
    let mut units: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    let mut states = Vec::new();
    while units.len() < ids.len() || units.values().any(|it| it.len() < FRAMES) || states.len() < 2
    {
        match viewer.0.read().expect("it goes on") {
            Message::Text(text) => {
                let text: Value = serde_json::from_str(&text).expect("JSON");
                match text["type"].as_str() {
                    Some("camera") => {
                        assert_eq!(text["way"], "video", "{text}");
                        let index = text["index"].as_u64().expect("a number") as u16;
                        let id = text["id"].as_str().expect("a name");
                        names.insert(index, id.to_owned());
                    }
                    Some("state") => states.push(text),
                    Some("hello") | None => {}
                    other => panic!("{other:?}: {text}"),
                }
            }
            Message::Binary(bytes) => {
                let unit = Unit::read(&bytes);
                let id = names.get(&unit.index).expect("the camera was named before");
                units.entry(id.clone()).or_default().push(unit);
            }
            _ => {}
        }
    }
    drop((viewer, idle));
    cameras_are_live(&states, &ids);
    let results = run.stop();
    assert_eq!(results.exit_code, Some(0), "{}", results.log);

    let (mut with, mut without) = (0, 0);
    for (id, units) in &units {
        let lines = results.lines_of(id);
        let lines: HashMap<(i64, u64), _> = lines
            .iter()
            .map(|line| ((line.session_unix_nanos, line.sequence), line))
            .collect();
        assert_ne!(units[0].flags & KEYFRAME, 0, "{id} begins with a keyframe");
        assert!(
            units.is_sorted_by(|a, b| a.sequence + 1 == b.sequence),
            "{id}: a frame is missing"
        );
        for unit in units {
            assert!(unit.data.starts_with(&[0, 0]), "{id}: Annex B");
            match &unit.detections {
                None => {
                    assert_ne!(unit.flags & NO_BOXES_KNOWN, 0);
                    without += usize::from(unit.flags & CATCH_UP == 0);
                }
                Some(found) => {
                    with += 1;
                    let line = lines.get(&(unit.session, unit.sequence));
                    let line =
                        line.unwrap_or_else(|| panic!("{id}: {} is in no line", unit.sequence));
                    let boxes = found["boxes"].as_array().expect("boxes");
                    assert_eq!(boxes.len(), line.boxes.len(), "{id}: {}", unit.sequence);
                    let sent = boxes.iter().flat_map(|it| it.as_array().expect("a box"));
                    for (sent, written) in sent.zip(line.boxes.iter().flatten()) {
                        let difference = sent.as_f64().expect("a number") - f64::from(*written);
                        assert!(difference.abs() <= 0.051, "{id}: {found} is not {line:?}");
                    }
                }
            }
        }
    }
    assert!(
        with > 10 * without,
        "{with} frames had their boxes, {without} had none"
    );
    for report in &results.reports {
        for (id, camera) in &report.cameras {
            let mut dropped = camera.dropped.clone();
            dropped.remove("stopped");
            assert_eq!(dropped, BTreeMap::new(), "{}: {id}", report.stage);
        }
    }
}

/// The last state names each camera as live, and the stages in their order.
fn cameras_are_live(states: &[Value], ids: &[String]) {
    let state = states.last().expect("a state");
    let cameras = state["cameras"].as_array().expect("cameras");
    for id in ids {
        let camera = cameras.iter().find(|it| it["id"] == **id);
        let camera = camera.unwrap_or_else(|| panic!("no {id} in {state}"));
        assert_eq!(camera["state"], "live", "{camera}");
        assert_eq!(
            (&camera["width"], &camera["codec"]),
            (&json!(640), &json!("h264"))
        );
        assert!(camera["latency_ms"]["p50"].as_f64() > Some(0.0), "{camera}");
    }
    let nodes = state["graph"]["nodes"].as_array().expect("nodes");
    let position = |id: &str| nodes.iter().position(|it| it["id"] == id);
    assert!(position("source") < position("decode"), "{state}");
    assert!(position("track") < position("dashboard"), "{state}");
    let text = state.to_string();
    assert!(!text.contains("rtsp://"), "no address of a camera is told");
}

#[test]
fn a_taken_port_costs_the_page_and_nothing_else() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let cameras = Cameras::endless(1);
    let mut run = Pipeline::of("cpu-dashboard.yml")
        .cameras(cameras.yml())
        .env("LISTEN", &address)
        .start();
    run.wait_until("frames", |run| run.detected_in_all() > 30);
    let report = run.report("dashboard").expect("it says why");
    let why = report.fatal.expect("it has no page");
    assert!(
        why.contains(&address) && why.contains("another program listens"),
        "{why}"
    );
    let results = run.stop();
    assert!(
        results.log.contains("another program listens"),
        "{}",
        results.log
    );
    assert_eq!(results.summary.camera("cam1").dropped, BTreeMap::new());
}
