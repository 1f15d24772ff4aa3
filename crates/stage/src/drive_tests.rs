use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use camweave_message::{CapturedClock, FrameId, Passage};
use camweave_pool::Attachments;

use super::*;
use crate::{Env, QueuePolicy};

/// Hands rows on from a thread beside the loop, one message at a time.
struct Beside {
    context: Context,
    sender: Sender<Vec<Passage>>,
    done: Receiver<Vec<Passage>>,
}

impl Stage for Beside {
    const KIND: &'static str = "beside";
    const ABOUT: &'static str = "A stage.";
    type In = Passage;
    type Out = Passage;

    fn open(_: &Env, context: &Context) -> Result<Self, StageError> {
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

struct Collected(Vec<u64>);

impl Outlet<Passage> for Collected {
    fn take(&mut self, rows: Vec<Passage>) -> Result<(), StageError> {
        self.0.extend(rows.iter().map(|row| row.id.sequence));
        Ok(())
    }
}

#[test]
fn rows_wait_for_a_stage_that_is_not_ready() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut reporter = Reporter::open(folder.path(), "beside", "beside").expect("a folder");
    let counters = reporter.counters().clone();
    let context = Context::new("beside", counters, Attachments::new(), folder.path());
    let env = Env::new(&[], &[], |_| None).expect("no variables");
    let mut stage = Beside::open(&env, &context).expect("nothing to open");
    let policy = QueuePolicy::Complete { limit: 100 };
    let inbox = Inbox::new(policy, context.counters.clone());
    for sequence in 0..20 {
        inbox.push(vec![Passage {
            id: FrameId {
                camera: Arc::from("a"),
                session_unix_nanos: 1,
                sequence,
                pts_nanos: 0,
                captured_unix_nanos: 0,
                captured_clock: CapturedClock::Arrival,
            },
            trace: context.new_trace(),
        }]);
    }
    let (closed, terminate) = (AtomicBool::new(true), AtomicBool::new(true));
    let ends = Ends {
        closed: &closed,
        terminate: &terminate,
    };
    let mut out = Collected(Vec::new());
    drive(&mut stage, &context, &inbox, ends, &mut reporter, &mut out).expect("the stage goes on");
    assert_eq!(out.0, (0..20).collect::<Vec<_>>());
}
