use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use camweave_message::Passage;
use camweave_pool::Attachments;
use camweave_telemetry::{CameraCounters, StageReport, report_of};
use camweave_testing::passage;

use super::*;
use crate::{Behind, NoSettings, QueuePolicy};

/// Hands rows on from a thread beside the loop, one message at a time.
struct Beside {
    context: Context,
    sender: Sender<Vec<Passage>>,
    done: Receiver<Vec<Passage>>,
}

impl Stage for Beside {
    const KIND: &'static str = "beside";
    const ABOUT: &'static str = "A stage.";
    type Settings = NoSettings;
    type In = Passage;
    type Out = Passage;

    fn open(_: NoSettings, context: &Context) -> Result<Self, StageError> {
        let (sender, done) = channel();
        Ok(Self {
            context: context.clone(),
            sender,
            done,
        })
    }

    fn rows(&mut self, rows: Vec<Passage>, _: &mut Output<Passage>) -> Result<(), StageError> {
        assert!(self.context.is_ready(), "rows while the stage is busy");
        self.context.set_ready(false);
        let (sender, waker) = (self.sender.clone(), self.context.waker());
        std::thread::spawn(move || {
            sender.send(rows).expect("the stage is there");
            waker.wake();
        });
        Ok(())
    }

    fn tick(&mut self, out: &mut Output<Passage>) -> Result<(), StageError> {
        if let Ok(rows) = self.done.try_recv() {
            out.send(rows);
            self.context.set_ready(true);
        }
        Ok(())
    }

    fn close(&mut self, out: &mut Output<Passage>) -> Result<(), StageError> {
        if !self.context.is_ready() {
            out.send(self.done.recv().expect("the thread gives its rows"));
        }
        Ok(())
    }
}

/// Takes up to four rows at once; while it waits, one more row comes.
struct Batches {
    inbox: Arc<Inbox<Passage>>,
    late: Option<Vec<Passage>>,
    waiting: Vec<usize>,
    lengths: Vec<usize>,
}

impl Stage for Batches {
    const KIND: &'static str = "batches";
    const ABOUT: &'static str = "A stage.";
    type Settings = NoSettings;
    type In = Passage;
    type Out = Passage;

    fn open(_: NoSettings, _: &Context) -> Result<Self, StageError> {
        Err(StageError::internal("made by the test"))
    }

    fn batch(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(4)
    }

    fn wait(&mut self, waiting: usize) -> Result<(), StageError> {
        self.waiting.push(waiting);
        if let Some(late) = self.late.take() {
            self.inbox.push(late);
        }
        Ok(())
    }

    fn rows(&mut self, rows: Vec<Passage>, out: &mut Output<Passage>) -> Result<(), StageError> {
        self.lengths.push(rows.len());
        out.send(rows);
        Ok(())
    }
}

#[derive(Default)]
struct Collected {
    sequences: Vec<u64>,
    is_cut: bool,
}

impl Outlet<Passage> for Collected {
    fn take(&mut self, rows: Vec<Passage>) -> Result<(), StageError> {
        let sequences = rows.iter().map(|row| row.id.sequence);
        self.sequences.extend(sequences);
        Ok(())
    }

    fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// The flags that end a stage.
#[derive(Default)]
struct Flags {
    closed: AtomicBool,
    terminate: AtomicBool,
    stopped: AtomicBool,
}

impl Flags {
    fn ends(&self) -> Ends<'_> {
        Ends {
            closed: &self.closed,
            terminate: &self.terminate,
            stopped: &self.stopped,
        }
    }
}

/// What the loop of `stage` needs, with its reports in `folder`.
fn opened(folder: &Path, stage: &str) -> (Reporter, Context) {
    let identity = StageIdentity {
        stage: stage.to_owned(),
        ..StageIdentity::default()
    };
    let reporter = Reporter::open(folder, identity).expect("a folder");
    let counters = reporter.counters().clone();
    let context = Context::new(stage, counters, Attachments::new(), folder);
    (reporter, context)
}

fn row(context: &Context, sequence: u64) -> Passage {
    Passage {
        trace: context.new_trace(),
        ..passage("a", sequence)
    }
}

/// A stage with 20 rows before it, driven to its end: its result, what it sent, its counters.
fn run(
    flags: &Flags,
    is_cut: bool,
    meanwhile: impl FnOnce(&Context),
) -> (Result<(), StageError>, Vec<u64>, CameraCounters) {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut reporter, context) = opened(folder.path(), "beside");
    let mut stage = Beside::open(NoSettings {}, &context).expect("nothing to open");
    let policy = QueuePolicy::Complete { limit: 100 };
    let inbox = Inbox::new(policy, context.counters.clone());
    for sequence in 0..20 {
        inbox.push(vec![row(&context, sequence)]);
    }
    let ends = flags.ends();
    let mut out = Collected {
        is_cut,
        ..Collected::default()
    };
    meanwhile(&context);
    let result = drive(&mut stage, &context, &inbox, ends, &mut reporter, &mut out);
    let camera = context.counters.report().cameras["a"].clone();
    (result, out.sequences, camera)
}

fn stop(context: &Context) {
    context.stopping.store(true, Ordering::Release);
}

#[test]
fn rows_wait_for_a_stage_that_is_not_ready() {
    let flags = Flags {
        closed: AtomicBool::new(true),
        ..Flags::default()
    };
    let (result, sequences, camera) = run(&flags, false, stop);
    assert_eq!(result, Ok(()));
    assert_eq!(sequences, (0..20).collect::<Vec<_>>());
    assert_eq!((camera.received, camera.sent), (20, 20));
}

#[test]
fn what_a_stop_leaves_inside_is_counted_and_not_worked_on() {
    let flags = Flags {
        closed: AtomicBool::new(true),
        stopped: AtomicBool::new(true),
        ..Flags::default()
    };
    let (result, sequences, camera) = run(&flags, true, stop);
    assert_eq!(result, Ok(()));
    assert_eq!(sequences, Vec::<u64>::new());
    assert_eq!((camera.received, camera.sent), (20, 0));
    assert_eq!(camera.dropped[STOPPED], 20);
}

#[test]
fn a_node_that_is_terminated_alone_sends_what_it_has_and_fails() {
    let flags = Flags {
        terminate: AtomicBool::new(true),
        ..Flags::default()
    };
    let (result, sequences, camera) = run(&flags, false, |_| ());
    let error = result.expect_err("it is to be started again");
    assert_eq!(error.exit, crate::Exit::Terminated);
    assert!(error.message.contains("'beside'"), "{error}");
    assert_eq!(error.fatal(), None);
    assert_eq!(sequences, (0..20).collect::<Vec<_>>());
    assert_eq!((camera.received, camera.sent), (20, 20));
}

#[test]
fn a_signal_to_all_processes_ends_the_graph_in_order() {
    let flags = Flags {
        closed: AtomicBool::new(true),
        terminate: AtomicBool::new(true),
        stopped: AtomicBool::new(true),
    };
    // The signal came first, and dora's stop with it.
    let (result, ..) = run(&flags, true, |context| {
        let context = context.clone();
        std::thread::spawn(move || {
            std::thread::sleep(STOP_WITHIN / 20);
            stop(&context);
        });
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn a_batch_is_what_waits_when_the_stage_can_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut reporter, context) = opened(folder.path(), "batches");
    let policy = QueuePolicy::Complete { limit: 100 };
    let inbox = Arc::new(Inbox::new(policy, context.counters.clone()));
    for sequence in 0..9 {
        inbox.push(vec![row(&context, sequence)]);
    }
    let mut stage = Batches {
        inbox: Arc::clone(&inbox),
        late: Some(vec![row(&context, 9)]),
        waiting: Vec::new(),
        lengths: Vec::new(),
    };
    let flags = Flags {
        closed: AtomicBool::new(true),
        ..Flags::default()
    };
    let ends = flags.ends();
    stop(&context);
    let mut out = Collected::default();
    let result = drive(&mut stage, &context, &inbox, ends, &mut reporter, &mut out);
    assert_eq!(result, Ok(()));
    assert_eq!(stage.lengths, [4, 4, 2]);
    assert_eq!(stage.waiting, [9, 6, 2], "before each wait");
    assert_eq!(out.sequences, (0..10).collect::<Vec<_>>());
}

/// A source that notes whether `detect` was ready when it began.
struct Source {
    folder: std::path::PathBuf,
    began: Option<bool>,
}

impl Stage for Source {
    const KIND: &'static str = "source";
    const ABOUT: &'static str = "A source.";
    type Settings = NoSettings;
    type In = Passage;
    type Out = Passage;

    fn open(_: NoSettings, _: &Context) -> Result<Self, StageError> {
        Err(StageError::internal("made by the test"))
    }

    fn begin(&mut self) -> Result<(), StageError> {
        let report = report_of(&self.folder, "detect", "");
        self.began = Some(report.is_some_and(|it| it.ready));
        Ok(())
    }

    fn rows(&mut self, _: Vec<Passage>, _: &mut Output<Passage>) -> Result<(), StageError> {
        Ok(())
    }

    fn finished(&self) -> bool {
        self.began.is_some()
    }
}

/// Drives a source in front of `detect`, which is being opened when it starts: see
/// [`Source::began`]. `meanwhile` is called once the source waits.
fn source_in_front(meanwhile: impl FnOnce(&Context, &StatsFile, StageReport)) -> Option<bool> {
    let folder = tempfile::tempdir().expect("a folder");
    let detect = StatsFile::open(folder.path(), "detect").expect("a folder");
    let report = StageReport {
        stage: "detect".to_owned(),
        process_id: std::process::id(),
        ..StageReport::default()
    };
    detect.write(&report).expect("writable");
    let (mut reporter, mut context) = opened(folder.path(), "source");
    context.behind = Some(Arc::new(Behind::one(folder.path(), "detect")));
    let mut stage = Source {
        folder: folder.path().to_owned(),
        began: None,
    };
    let policy = QueuePolicy::Complete { limit: 1 };
    let inbox = Inbox::new(policy, context.counters.clone());
    let flags = Flags {
        closed: AtomicBool::new(true),
        ..Flags::default()
    };
    let ends = flags.ends();
    std::thread::scope(|scope| {
        let driven = scope.spawn(|| {
            let mut out = Collected::default();
            let result = drive(&mut stage, &context, &inbox, ends, &mut reporter, &mut out);
            assert_eq!(result, Ok(()));
        });
        // It says that it is ready before it waits.
        while report_of(folder.path(), "source", "").is_none_or(|report| !report.ready) {
            assert!(!driven.is_finished(), "the source has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        meanwhile(&context, &detect, report);
    });
    stage.began
}

#[test]
fn a_source_begins_when_the_stage_behind_it_is_ready() {
    let began = source_in_front(|_, detect, report| {
        let ready = StageReport {
            ready: true,
            ..report
        };
        detect.write(&ready).expect("writable");
    });
    assert_eq!(began, Some(true));
}

#[test]
fn a_source_that_is_stopped_before_never_begins() {
    assert_eq!(source_in_front(|context, _, _| stop(context)), None);
}
