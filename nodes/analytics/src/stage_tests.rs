use std::fs;
use std::path::Path;

use camweave_message::{DetectedBox, EventPhase, FrameId};
use camweave_stage::{Declared, Settings};
use camweave_testing::{detections, frame_id, person};
use tempfile::TempDir;

use super::*;

const YARD: &str = "  - {name: yard, kind: presence, zone: [[0, 0], [1, 0], [1, 1], [0, 1]]}\n";
const SEATS: &str = "  - {name: seats, kind: occupancy, zone: [[0, 0], [1, 0], [1, 1], [0, 1]]}\n";

struct Case {
    folder: TempDir,
    stage: Analytics,
    context: Context,
}

impl Case {
    fn new(rules: &str) -> Self {
        Self::with(rules, AnalyticsSettings::default())
    }

    fn with(rules: &str, settings: AnalyticsSettings) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rules.yml");
        fs::write(&path, format!("rules:\n{rules}")).expect("writable");
        let context = Context::for_tests("analytics", folder.path());
        let settings = AnalyticsSettings {
            rules: camweave_stage::Required(path),
            ..settings
        };
        let stage = Analytics::open(settings, &context).expect("valid rules");
        Self {
            folder,
            stage,
            context,
        }
    }

    /// Someone stands there in these frames, tenths of a second.
    fn feed(&mut self, frames: std::ops::Range<i64>) -> Vec<Event> {
        let mut out = Output::default();
        for frame in frames {
            self.stage
                .rows(vec![row("cam1", frame)], &mut out)
                .expect("it goes on");
        }
        out.take().concat()
    }

    /// What ticks send until the attribute of the file begins with this.
    fn tick_until(&mut self, says: &str) -> Vec<Event> {
        let mut out = Output::default();
        let is_said = |context: &Context| {
            let facts = context.counters.report().facts;
            facts
                .get("rules_file")
                .is_some_and(|it| it.starts_with(says))
        };
        let began = Instant::now();
        while !is_said(&self.context) {
            assert!(began.elapsed() < Duration::from_secs(60), "never '{says}'");
            std::thread::sleep(Duration::from_millis(10));
            self.stage.tick(&mut out).expect("it goes on");
        }
        out.take().concat()
    }

    fn write(&self, rules: &str) {
        let path = self.folder.path().join("rules.yml");
        fs::write(path, format!("rules:\n{rules}")).expect("writable");
    }
}

fn row(camera: &str, frame: i64) -> Detections {
    let nanos = frame * 100_000_000;
    Detections {
        id: FrameId {
            pts_nanos: nanos,
            captured_unix_nanos: nanos,
            ..frame_id(camera, frame as u64)
        },
        boxes: vec![DetectedBox {
            track_id: Some(7),
            ..person([100.0, 100.0, 140.0, 200.0], 0.9)
        }],
        ..detections(camera, frame as u64)
    }
}

fn shown(events: &[Event]) -> Vec<(&str, EventPhase)> {
    events.iter().map(|it| (&*it.rule, it.phase)).collect()
}

#[test]
fn a_rule_that_is_edited_begins_again_and_the_others_go_on() {
    let mut case = Case::new(&format!("{YARD}{SEATS}"));
    let begun = case.feed(0..10);
    let mut names = shown(&begun);
    names.sort_unstable_by_key(|it| it.0);
    assert_eq!(
        names,
        [("seats", EventPhase::New), ("yard", EventPhase::New)]
    );
    let yard = begun.iter().find(|it| &*it.rule == "yard").expect("begun");

    // Half a line: the old rules stay.
    case.write("  - {name: yard, kind: presenc, zone: [[0, 0], [1, 0], [1, 1]]}\n");
    assert_eq!(shown(&case.tick_until("refused: ")), []);
    let report = case.context.counters.report();
    let why = &report.facts["rules_file"];
    assert!(
        why.contains("rules.yml:2:24: kind 'presenc', expected 'presence'"),
        "{why}"
    );
    assert_eq!(shown(&case.feed(10..12)), []);

    // The second rule is another now.
    case.write(&format!("{YARD}{}", SEATS.replace("[0, 1]", "[0, 0.9]")));
    let ended = case.tick_until("valid");
    assert_eq!(shown(&ended), [("seats", EventPhase::End)]);
    let events = case.feed(12..30);
    let again = events
        .iter()
        .find(|it| &*it.rule == "seats")
        .expect("it begins");
    assert_eq!(again.phase, EventPhase::New);
    assert_ne!(again.event, ended[0].event);
    let rest: Vec<_> = events.iter().filter(|it| &*it.rule == "yard").collect();
    assert!(!rest.is_empty());
    for event in rest {
        assert_eq!(
            (event.phase, &event.event),
            (EventPhase::Update, &yard.event)
        );
    }
}

#[test]
fn the_end_of_a_run_and_a_silent_camera_end_events() {
    let mut case = Case::new(YARD);
    let begun = case.feed(0..20);
    let mut out = Output::default();
    let now = Instant::now();
    case.stage.close_silent(now, &mut out);
    assert_eq!(out.take().concat(), []);
    case.stage
        .close_silent(now + Duration::from_secs(31), &mut out);
    let ended = out.take().concat();
    assert_eq!(shown(&ended), [("yard", EventPhase::End)]);
    assert_eq!(ended[0].event, begun[0].event);
    // It was seen last in frame 19.
    assert_eq!(ended[0].ended_unix_nanos, Some(1_900_000_000));
    case.stage
        .close_silent(now + Duration::from_secs(90), &mut out);
    assert_eq!(out.take().concat(), []);
    // It is back, and so is the event, under another id.
    let again = case.feed(400..410);
    assert_eq!(shown(&again), [("yard", EventPhase::New)]);
    assert_ne!(again[0].event, begun[0].event);
    assert_eq!((again[0].entered, again[0].left), (2, 1));
    case.stage.close(&mut out).expect("it ends");
    assert_eq!(shown(&out.take().concat()), [("yard", EventPhase::End)]);
}

#[test]
fn each_frame_is_accounted_for_and_each_event_can_be_sent() {
    use camweave_message::Row;
    let mut case = Case::new(&format!("{YARD}{SEATS}"));
    let events = case.feed(0..50);
    assert!(events.len() > 5);
    let read = Event::from_arrow(&Event::to_arrow(&events)).expect("events");
    assert_eq!(read, events);
    assert_eq!(case.context.counters.report().cameras["cam1"].sent, 50);
}

#[test]
fn files_that_cannot_be_used_end_the_stage_before_it_begins() {
    let declared = |path: &Path| Declared::of([("RULES", path.display().to_string())]);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yml");
    let settings = AnalyticsSettings::read(&declared(&path)).expect("settings");
    let error = settings.check_files().expect_err("no file").to_string();
    assert!(error.contains("cannot read the rules' file"), "{error}");
    let error = AnalyticsSettings::read(&Declared::default()).expect_err("no RULES");
    assert!(error.to_string().contains("RULES"), "{error}");
}

#[test]
fn heatmaps_have_the_time_that_objects_were_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = AnalyticsSettings {
        heatmaps: Some(folder.path().join("heat")),
        ..AnalyticsSettings::default()
    };
    let rules = "  - {name: where, kind: heatmap, grid: [4, 2]}\n";
    let mut case = Case::with(rules, settings);
    assert_eq!(case.feed(0..52), []);
    let mut out = Output::default();
    case.stage.close(&mut out).expect("it ends");
    let path = folder.path().join("heat/cam1/where.json");
    let text = fs::read_to_string(&path).expect("a heatmap");
    let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    // The middle of its lower edge is at (120, 200) of 640 x 360. The last box is confirmed by none.
    let seconds = serde_json::json!([0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0]);
    assert_eq!(file["seconds"], seconds, "{text}");
    assert_eq!(
        (&file["camera"], &file["columns"]),
        (&"cam1".into(), &4.into())
    );
    assert_eq!(case.context.counters.report().not_written.len(), 0);

    // Somebody else's file in its place is left alone.
    fs::remove_file(&path).expect("there");
    fs::write(&path, "mine").expect("writable");
    case.stage.close(&mut out).expect("it ends");
    assert_eq!(fs::read_to_string(&path).expect("there"), "mine");
    assert_eq!(case.context.counters.report().not_written["heatmaps"], 1);
}

#[test]
fn cameras_that_come_and_go_for_ever_are_bounded_and_their_events_end() {
    let mut case = Case::new(YARD);
    let mut events = Vec::new();
    for camera in 0..MAX_CAMERAS + 8 {
        let mut out = Output::default();
        let rows = (0..8)
            .map(|frame| row(&format!("cam{camera}"), frame))
            .collect();
        case.stage.rows(rows, &mut out).expect("it goes on");
        events.extend(out.take().concat());
    }
    assert_eq!(case.stage.cameras.len(), MAX_CAMERAS);
    let count = |phase| events.iter().filter(|it| it.phase == phase).count();
    assert_eq!(count(EventPhase::New), MAX_CAMERAS + 8);
    assert_eq!(count(EventPhase::End), 8);
}
