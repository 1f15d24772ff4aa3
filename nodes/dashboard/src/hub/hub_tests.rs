use axum::extract::ws::Message;
use camweave_message::{EventKind, EventPhase, Trace};
use camweave_testing::{detections, person, unit};
use futures::FutureExt as _;

use super::*;
use crate::images::Images;
use crate::viewers::{Joined, Wanted};
use crate::wire::{CATCH_UP, DETECTIONS, KEYFRAME, LOST, NO_BOXES_KNOWN};

struct Bench {
    hub: Hub,
    viewers: Arc<Viewers>,
    context: Context,
    now: Instant,
}

/// A text, or a binary message's flags and sequence.
#[derive(Debug, PartialEq)]
enum Got {
    Text(String),
    Unit(u8, u64),
}

impl Bench {
    fn new() -> Self {
        let context = Context::for_tests("dashboard", std::path::Path::new("."));
        let viewers = Arc::new(Viewers::new(8, context.waker()));
        let images = Images::start(&context, 0).expect("a thread");
        Self {
            hub: Hub::new(
                &context,
                Arc::clone(&viewers),
                Shared::default(),
                images,
                Arc::default(),
                Duration::from_millis(400),
            ),
            viewers,
            context,
            now: Instant::now(),
        }
    }

    fn viewer(&mut self, cameras: &[(&str, Way)]) -> Joined {
        let joined = self.viewers.join().expect("a place");
        let wanted = cameras.iter().map(|(id, way)| Wanted {
            id: Arc::from(*id),
            way: *way,
        });
        joined.watch(wanted.collect());
        self.hub.tick(self.now);
        joined
    }

    fn unit(&mut self, camera: &str, sequence: u64, keyframe: bool) {
        let mut row = unit(camera, sequence);
        row.keyframe = keyframe;
        row.id.pts_nanos = sequence as i64;
        self.take(Watched::Unit(row));
    }

    fn detections(&mut self, camera: &str, sequence: u64) {
        let mut row = detections(camera, sequence);
        row.id.pts_nanos = sequence as i64;
        row.boxes = vec![person([1.0, 2.0, 3.0, 4.0], 0.5)];
        self.take(Watched::Detections(row));
    }

    fn take(&mut self, row: Watched) {
        if row.is_frame() {
            self.context.counters.received(&row.id().camera);
        }
        self.hub.take(row, self.now);
        self.hub.release(self.now);
    }

    /// A unit and its detections.
    fn frame(&mut self, camera: &str, sequence: u64, keyframe: bool) {
        self.unit(camera, sequence, keyframe);
        self.detections(camera, sequence);
    }

    fn after(&mut self, time: Duration) {
        self.now += time;
        self.hub.tick(self.now);
    }

    fn dropped(&self) -> BTreeMap<String, u64> {
        let report = self.context.counters.report();
        let cameras = report.cameras.into_values();
        cameras.flat_map(|camera| camera.dropped).collect()
    }

    fn inside(&self) -> u64 {
        let report = self.context.counters.report();
        report
            .cameras
            .values()
            .map(camweave_stage::telemetry::CameraCounters::inside)
            .sum()
    }
}

fn got(joined: &Joined) -> Vec<Got> {
    let mut all = Vec::new();
    while let Some(Some(message)) = joined.viewer.queue.next().now_or_never() {
        all.push(match message {
            Message::Text(text) => Got::Text(text.to_string()),
            Message::Binary(bytes) => {
                let sequence = bytes[16..24].try_into().expect("eight bytes");
                Got::Unit(bytes[1], u64::from_le_bytes(sequence))
            }
            other => panic!("{other:?}"),
        });
    }
    all
}

fn told(index: u16, id: &str, way: &str) -> Got {
    Got::Text(format!(
        r#"{{"type":"camera","index":{index},"id":"{id}","way":"{way}"}}"#
    ))
}

#[test]
fn one_who_joins_sees_the_group_and_then_each_frame_with_its_boxes() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    bench.frame("gate", 1, false);
    bench.frame("gate", 2, true);
    bench.frame("gate", 3, false);
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    bench.frame("gate", 4, false);
    bench.frame("yard", 0, true);
    // The first frame of a camera is not known to have detections.
    assert_eq!(
        got(&viewer),
        [
            told(0, "gate", "video"),
            Got::Unit(KEYFRAME | CATCH_UP | DETECTIONS, 2),
            Got::Unit(DETECTIONS, 3),
            Got::Unit(DETECTIONS, 4),
        ]
    );
    assert_eq!((bench.dropped(), bench.inside()), (BTreeMap::new(), 0));
}

#[test]
fn the_last_frame_of_a_session_that_has_ended_is_drawn() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    bench.frame("gate", 1, false);
    let mut end = unit("gate", 2);
    end.keyframe = false;
    end.data = Vec::<u8>::new().into();
    bench.take(Watched::Unit(end));
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    let found = got(&viewer);
    let flags: Vec<u8> = found
        .iter()
        .filter_map(|it| match it {
            Got::Unit(flags, _) => Some(flags & CATCH_UP),
            Got::Text(_) => None,
        })
        .collect();
    assert_eq!(flags, [CATCH_UP, 0, 0], "{found:?}");
}

#[test]
fn a_frame_whose_detections_do_not_come_is_shown_without_and_those_are_late() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    bench.frame("gate", 1, false);
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    got(&viewer);
    bench.unit("gate", 2, false);
    assert_eq!(got(&viewer), [], "it waits");
    bench.after(Duration::from_millis(400));
    assert_eq!(got(&viewer), [Got::Unit(NO_BOXES_KNOWN, 2)]);
    bench.detections("gate", 2);
    assert_eq!(got(&viewer), [], "boxes never come alone");
    let report = bench.context.counters.report();
    assert_eq!(
        report.facts[&LATE.of_camera("gate")],
        "2",
        "and the first frame's"
    );
    assert_eq!((bench.dropped(), bench.inside()), (BTreeMap::new(), 0));
}

#[test]
fn a_viewer_that_reads_nothing_costs_itself_alone() {
    let mut bench = Bench::new();
    let slow = bench.viewer(&[("gate", Way::Video)]);
    let quick = bench.viewer(&[("gate", Way::Video)]);
    bench.frame("gate", 0, true);
    bench.after(Duration::from_secs(1));
    got(&quick);
    let mut expected = Vec::new();
    let mut seen = Vec::new();
    for sequence in 1..200 {
        bench.frame("gate", sequence, sequence % 20 == 0);
        bench.after(Duration::from_millis(40));
        expected.push(sequence);
        seen.extend(got(&quick));
    }
    let seen = seen.into_iter().map(|it| match it {
        Got::Unit(_, sequence) => sequence,
        Got::Text(text) => panic!("{text}"),
    });
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!((bench.dropped(), bench.inside()), (BTreeMap::new(), 0));
    let found = got(&slow);
    let begins = found.iter().position(|it| matches!(it, Got::Unit(..)));
    let begins = &found[begins.expect("something waits") - 1..];
    let [Got::Text(text), Got::Unit(flags, _), ..] = begins else {
        panic!("{begins:?}");
    };
    assert!(
        text.starts_with(r#"{"type":"dropped","index":0,"frames":"#),
        "{text}"
    );
    assert_ne!(flags & KEYFRAME, 0, "it goes on with a keyframe");
}

#[test]
fn a_camera_that_comes_later_and_one_without_images_are_told_when_that_changes() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Jpeg), ("yard", Way::Video)]);
    assert_eq!(got(&viewer), []);
    bench.frame("gate", 0, true);
    bench.after(Duration::from_millis(1));
    let found = got(&viewer);
    let [Got::Text(text)] = &found[..] else {
        panic!("{found:?}");
    };
    assert!(
        text.contains(r#""id":"gate","way":"none","reason":"#),
        "{text}"
    );
    bench.frame("yard", 7, false);
    bench.frame("yard", 8, true);
    bench.after(Duration::from_secs(1));
    let expected = [
        told(1, "yard", "video"),
        Got::Unit(KEYFRAME | NO_BOXES_KNOWN, 8),
    ];
    assert_eq!(got(&viewer), expected);
    assert_eq!(bench.dropped()[BEFORE_KEYFRAME], 1);
    drop(viewer);
    bench.after(Duration::from_secs(1));
    assert!(bench.hub.seats.is_empty());
}

#[test]
fn a_page_is_told_of_losses() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    bench.frame("gate", 0, true);
    let mut row = unit("gate", 2);
    row.lost_packets = 3;
    bench.take(Watched::Unit(row));
    bench.after(Duration::from_secs(1));
    let units = got(&viewer).into_iter().filter_map(|it| match it {
        Got::Unit(flags, sequence) => Some((flags & LOST, sequence)),
        Got::Text(_) => None,
    });
    assert_eq!(units.collect::<Vec<_>>(), [(0, 0), (LOST, 2)]);
}

#[test]
fn a_page_is_told_where_units_are_missing() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    let lost = |viewer: &Joined| -> Vec<(u8, u64)> {
        let units = got(viewer).into_iter().filter_map(|it| match it {
            Got::Unit(flags, sequence) => Some((flags & LOST, sequence)),
            Got::Text(_) => None,
        });
        units.collect()
    };
    bench.frame("gate", 0, true);
    bench.after(Duration::from_secs(1));
    for (sequence, keyframe) in [(1, false), (3, false), (4, false), (9, true), (10, false)] {
        bench.frame("gate", sequence, keyframe);
    }
    let expected = [(0, 0), (0, 1), (LOST, 3), (0, 4), (0, 9), (0, 10)];
    assert_eq!(lost(&viewer), expected);
    let mut next = unit("gate", 20);
    next.id.session_unix_nanos += 1;
    bench.take(Watched::Unit(next.clone()));
    next.id.sequence = 21;
    next.keyframe = false;
    bench.take(Watched::Unit(next));
    bench.after(Duration::from_secs(1));
    assert_eq!(lost(&viewer), [(0, 20), (0, 21)], "a session of its own");
}

#[test]
fn a_camera_that_is_named_many_times_is_joined_once() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    let mut cameras = vec![("gate", Way::Video); 600];
    cameras.push(("gate", Way::None));
    let viewer = bench.viewer(&cameras);
    bench.after(Duration::from_secs(1));
    bench.after(Duration::from_secs(1));
    let expected = [
        told(0, "gate", "video"),
        Got::Unit(KEYFRAME | NO_BOXES_KNOWN, 0),
    ];
    assert_eq!(got(&viewer), expected);
}

#[test]
fn images_are_asked_for_while_a_page_wants_them() {
    let mut bench = Bench::new();
    assert!(bench.hub.as_images.is_empty());
    let first = bench.viewer(&[("gate", Way::Jpeg), ("yard", Way::Video)]);
    let second = bench.viewer(&[("gate", Way::Jpeg), ("door", Way::Jpeg)]);
    let wanted = |bench: &Bench| -> Vec<String> {
        let mut ids: Vec<_> = bench
            .hub
            .as_images
            .iter()
            .map(ToString::to_string)
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(wanted(&bench), ["door", "gate"]);
    second.watch(Vec::new());
    bench.after(Duration::from_millis(1));
    assert_eq!(wanted(&bench), ["gate"]);
    drop(first);
    bench.after(Duration::from_millis(1));
    assert!(bench.hub.as_images.is_empty());
}

#[test]
fn what_comes_twice_is_counted_once() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    bench.frame("gate", 0, true);
    bench.unit("gate", 1, false);
    bench.detections("gate", 1);
    assert_eq!(bench.dropped(), [(REPEATED.to_owned(), 1)].into());
    assert_eq!(bench.inside(), 0);
}

#[path = "mse_tests.rs"]
mod mse;

#[test]
fn events_are_kept_for_pages_and_are_no_frames() {
    let mut bench = Bench::new();
    bench.frame("gate", 0, true);
    for phase in [EventPhase::New, EventPhase::End] {
        bench.take(Watched::Event(Event {
            id: camweave_testing::frame_id("gate", 0),
            trace: Trace::default(),
            event: Arc::from("gate-1"),
            phase,
            kind: EventKind::Presence,
            rule: Arc::from("yard"),
            direction: None,
            began_unix_nanos: 0,
            ended_unix_nanos: (phase == EventPhase::End).then_some(0),
            track_ids: vec![1],
            label: Arc::from("person"),
            score: 0.5,
            place: None,
            value: 0.0,
            entered: 1,
            left: 1,
        }));
    }
    let found = bench.hub.events.find(&crate::events::Query::default());
    let found: serde_json::Value = serde_json::from_str(&found).expect("JSON");
    let events = found["events"].as_array().expect("a list");
    assert_eq!((events.len(), &events[0]["phase"]), (1, &"end".into()));
    assert_eq!((bench.inside(), bench.dropped().len()), (0, 0));
}
