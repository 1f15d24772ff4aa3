use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use camweave_message::{Detections, Never, Passage, Row};
use camweave_telemetry::{StageReport, read_reports};
use camweave_testing::passage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::describe::CheckDepth;
use crate::{Context, Exit, NoSettings, Output, Settings, Stage};

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct NumbersSettings {
    /// rows of each camera
    #[schemars(range(max = 10_000))]
    count: u64,
}

impl Default for NumbersSettings {
    fn default() -> Self {
        Self { count: 100 }
    }
}

impl Settings for NumbersSettings {}

/// Gives out numbered rows of two cameras, in messages of both.
struct Numbers {
    context: Context,
    left: u64,
    next: u64,
}

impl Stage for Numbers {
    const KIND: &'static str = "numbers";
    const ABOUT: &'static str = "A source.";
    const OPTIONAL_INPUT: bool = true;
    type Settings = NumbersSettings;
    type In = Never;
    type Out = Passage;

    fn open(settings: NumbersSettings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            context: context.clone(),
            left: settings.count,
            next: 0,
        })
    }

    fn rows(&mut self, _: Vec<Never>, _: &mut Output<Passage>) -> Result<(), StageError> {
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Passage>) -> Result<(), StageError> {
        if !self.finished() {
            self.left -= 1;
            let rows = ["a", "b"].map(|camera| {
                self.context.counters.received(camera);
                Passage {
                    trace: self.context.new_trace(),
                    ..passage(camera, self.next)
                }
            });
            self.next += 1;
            out.send(rows.into());
        }
        Ok(())
    }

    fn deadline(&self) -> Option<std::time::Instant> {
        Some(std::time::Instant::now())
    }

    fn finished(&self) -> bool {
        self.left == 0 || self.context.stopping()
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        let _ = std::fs::write(self.context.stats_dir.join("gone"), "");
    }
}

/// Hands rows on, but for those that it drops or fails at.
struct Relay {
    context: Context,
    settings: RelaySettings,
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
struct RelaySettings {
    /// every n-th row is dropped
    #[schemars(range(min = 1, max = 1_000_000))]
    drop: u64,
    /// the row at which the stage fails
    #[schemars(range(min = 1, max = 1_000_000))]
    fail: u64,
    /// the row at which the stage panics
    #[schemars(range(min = 1, max = 1_000_000))]
    panic: u64,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            drop: 1_000_000,
            fail: 1_000_000,
            panic: 1_000_000,
        }
    }
}

impl Settings for RelaySettings {}

impl Stage for Relay {
    const KIND: &'static str = "relay";
    const ABOUT: &'static str = "A stage.";
    type Settings = RelaySettings;
    type In = Passage;
    type Out = Passage;

    fn open(settings: RelaySettings, context: &Context) -> Result<Self, StageError> {
        Ok(Self {
            context: context.clone(),
            settings,
        })
    }

    fn rows(
        &mut self,
        mut rows: Vec<Passage>,
        out: &mut Output<Passage>,
    ) -> Result<(), StageError> {
        for row in &rows {
            if row.id.sequence == self.settings.fail {
                return Err(StageError::input("the row is not to my taste"));
            }
            assert_ne!(row.id.sequence, self.settings.panic, "as the test wants it");
        }
        rows.retain(|row| {
            let keep = !(row.id.sequence + 1).is_multiple_of(self.settings.drop);
            if !keep {
                self.context.counters.dropped(&row.id.camera, "taste", 1);
            }
            keep
        });
        out.send(rows);
        Ok(())
    }

    fn close(&mut self, _: &mut Output<Passage>) -> Result<(), StageError> {
        // Time for the stages before to go, if they do not wait.
        std::thread::sleep(Duration::from_millis(50));
        if self.context.stats_dir.join("gone").exists() {
            return Err(StageError::internal("the source has gone before"));
        }
        Ok(())
    }
}

/// Takes other rows.
struct Other;

impl Stage for Other {
    const KIND: &'static str = "other";
    const ABOUT: &'static str = "A sink of other rows.";
    type Settings = NoSettings;
    type In = Detections;
    type Out = Never;

    fn open(_: NoSettings, _: &Context) -> Result<Self, StageError> {
        Ok(Self)
    }

    fn rows(&mut self, _: Vec<Detections>, _: &mut Output<Never>) -> Result<(), StageError> {
        Ok(())
    }
}

const PARTS: &[Part] = &[
    Part::of::<Numbers>(),
    Part::of::<Relay>(),
    Part::of::<Other>(),
];

fn run(
    stages: &str,
    variables: &[(&str, &str)],
    folder: &Path,
) -> (Result<(), StageError>, Vec<Passage>) {
    let plan = Plan::parse(stages, PARTS).expect("stages that fit");
    let declared = Declared::of(variables.iter().copied());
    plan.check_names(&declared).expect("known variables");
    let place = Place {
        node: "node",
        run: "",
        takes: &[],
        stats_dir: folder,
        terminate: &Arc::default(),
        behind: None,
    };
    let (sender, receiver) = channel();
    let result = Fused::open(&plan, &place, &declared)
        .and_then(|fused| fused.run(None, &Outgoing::channel(sender)));
    let rows = receiver
        .try_iter()
        .flat_map(|array| Passage::from_arrow(&array).expect("rows of the last stage"));
    (result, rows.collect())
}

fn report<'a>(reports: &'a [StageReport], stage: &str) -> &'a StageReport {
    let found = reports.iter().find(|report| report.stage == stage);
    found.unwrap_or_else(|| panic!("no report of {stage} in {reports:?}"))
}

#[test]
fn every_row_goes_through_all_stages_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [("COUNT", "500"), ("DROP", "10"), ("SECOND__DROP", "7")];
    let (result, rows) = run("numbers,relay,second=relay", &variables, folder.path());
    assert_eq!(result, Ok(()));
    let kept: Vec<u64> = (0..500)
        .filter(|number| (number + 1) % 10 != 0 && (number + 1) % 7 != 0)
        .collect();
    for camera in ["a", "b"] {
        let of = rows.iter().filter(|row| *row.id.camera == *camera);
        assert_eq!(of.map(|row| row.id.sequence).collect::<Vec<_>>(), kept);
    }
    for row in &rows {
        let names: Vec<&str> = row.trace.0.iter().map(|pass| &*pass.stage).collect();
        assert_eq!(names, ["node.numbers", "node.relay", "node.second"]);
        let times = row.trace.0.iter();
        let times: Vec<_> = times
            .flat_map(|pass| [pass.enter_nanos, pass.leave_nanos])
            .collect();
        assert!(times[0] > 0 && times.is_sorted(), "{times:?}");
    }
    let reports = read_reports(folder.path()).expect("reports");
    let counts = |stage: &str| {
        let report = report(&reports, stage);
        assert!(report.closed && report.fatal.is_none(), "{report:?}");
        let camera = &report.cameras["a"];
        let dropped = camera.dropped.values().sum::<u64>();
        (camera.received, camera.sent, dropped)
    };
    assert_eq!(counts("node.numbers"), (500, 500, 0));
    assert_eq!(counts("node.relay"), (500, 450, 50));
    let kept = kept.len() as u64;
    assert_eq!(counts("node.second"), (450, kept, 450 - kept));
}

#[test]
fn a_stage_that_fails_ends_the_node_under_its_name() {
    for (variable, exit, message) in [
        ("SECOND__FAIL", Exit::Input, "the row is not to my taste"),
        ("SECOND__PANIC", Exit::Internal, "the stage panicked"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        // Fewer rows than a queue holds: the one to fail at always comes.
        let variables = [("COUNT", "2000"), (variable, "20")];
        let (result, _) = run(
            "numbers,relay,second=relay,third=relay",
            &variables,
            folder.path(),
        );
        let error = result.expect_err("a stage that fails");
        assert_eq!(error.exit, exit);
        assert!(
            error.message.starts_with("stage 'node.second': ") && error.message.contains(message),
            "{error}"
        );
        let reports = read_reports(folder.path()).expect("reports");
        for stage in ["node.numbers", "node.relay", "node.second", "node.third"] {
            let report = report(&reports, stage);
            assert!(report.closed, "{report:?}");
            assert_eq!(report.fatal.is_some(), stage == "node.second", "{report:?}");
        }
    }
}

#[test]
fn a_stage_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [("SECOND__DROP", "none")];
    let (result, rows) = run("numbers,relay,second=relay", &variables, folder.path());
    let error = result.expect_err("no number");
    assert_eq!(error.exit, Exit::Configuration);
    for part in ["stage 'node.second'", "DROP='none'", "from 1 to 1000000"] {
        assert!(error.message.contains(part), "{error}");
    }
    assert_eq!(rows, []);
}

#[test]
fn counts_go_on_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..2 {
        let (result, _) = run("numbers,relay", &[("COUNT", "5")], folder.path());
        assert_eq!(result, Ok(()));
        std::fs::remove_file(folder.path().join("gone")).expect("the source has gone");
    }
    let reports = read_reports(folder.path()).expect("reports");
    let relay = report(&reports, "node.relay");
    assert_eq!((relay.starts, relay.cameras["a"].sent), (2, 10));
}

#[test]
fn stages_that_do_not_fit_are_refused_in_one_line() {
    for (stages, parts) in [
        ("", vec!["STAGES is not set", "pipeline order"]),
        (
            "numbers,really",
            vec!["unknown stage 'really'", "numbers, relay, other"],
        ),
        (
            "relay,relay",
            vec!["two stages are called 'relay'", "name=kind"],
        ),
        ("Up=relay", vec!["'Up'", "lower-case letters"]),
        ("relay,numbers", vec!["'numbers' is a source", "'relay'"]),
        (
            "numbers,other",
            vec![
                "'numbers' gives camweave.passage/1",
                "'other' after it takes camweave.detections/1",
            ],
        ),
        ("other,relay", vec!["'other' gives nothing", "'relay'"]),
    ] {
        let error = Plan::parse(stages, PARTS).expect_err(stages);
        assert_eq!(error.exit, Exit::Configuration);
        for part in parts {
            assert!(error.message.contains(part), "{error}");
        }
        assert!(!error.message.contains('\n'), "{error}");
    }
}

#[test]
fn the_node_takes_and_gives_what_its_ends_do() {
    let plan = |stages| Plan::parse(stages, PARTS).expect("stages that fit");
    assert_eq!(plan("relay,x=relay").takes(), Some("camweave.passage/1"));
    assert_eq!(plan("relay,x=relay").gives(), Some("camweave.passage/1"));
    assert_eq!(plan("numbers,relay").takes(), None);
    assert_eq!(plan("other").gives(), None);
}

#[test]
fn variables_that_no_stage_knows_are_named() {
    let plan = Plan::parse("numbers,my-relay=relay", PARTS).expect("stages that fit");
    let check = |name: &str| plan.check_names(&Declared::of([(name, "1")]));
    for name in [
        "STAGES",
        "COUNT",
        "DROP",
        "MY_RELAY__DROP",
        "NUMBERS__COUNT",
        "RUST_LOG",
    ] {
        assert_eq!(check(name), Ok(()), "{name}");
    }
    for (name, valid) in [
        ("DROPS", "expected STAGES, COUNT, DROP, FAIL, PANIC"),
        ("RELAY__DROP", "expected STAGES, COUNT"),
        ("MY_RELAY__COUNT", "expected MY_RELAY__DROP, MY_RELAY__FAIL"),
    ] {
        let message = check(name).expect_err(name).message;
        assert!(
            message.contains(&format!("'{name}'")) && message.contains(valid),
            "{message}"
        );
    }
}

#[test]
fn a_stages_own_value_is_named_as_in_the_graph() {
    let plan = Plan::parse("numbers,second=relay", PARTS).expect("stages that fit");
    let declared = Declared::of([("DROP", "5"), ("SECOND__DROP", "many")]);
    let error = plan
        .check(&declared, CheckDepth::Settings)
        .expect_err("no number");
    assert_eq!(
        error.message,
        "second: env SECOND__DROP='many', expected a whole number from 1 to 1000000"
    );
}
