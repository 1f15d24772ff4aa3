//! A file that is read on a thread of its own, a few units ahead: one that takes long to read, or
//! never gives a unit, stops neither the other files nor the end of the node.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use camweave_demux::{FileError, Interrupt, ReadUnit};
use camweave_message::{Codec, Orientation};
use camweave_stage::Waker;

use crate::files::FileSpec;
use crate::playback::{Extent, Playback, Unsent};

/// Units that wait at most, and their bytes; one unit may wait whatever its size.
const MAX_UNITS: usize = 16;
const MAX_BYTES: usize = 8 << 20;
/// How often one who waits for a file to open looks whether the node ends.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What was found while a unit was read.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub unsent: Unsent,
    pub jumps: u64,
    pub problem: Option<String>,
}

/// The next unit and how many are missing before it, or the end; and what was found before it.
struct Item {
    unit: Option<(ReadUnit, u32)>,
    report: Report,
}

/// What comes next of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// A unit that is due so many nanoseconds after the first.
    Unit(i64),
    /// It is being read; the stage is woken when it is there.
    Unread,
    /// The end.
    End,
}

/// A file that is being opened.
pub(crate) struct Opening {
    pub spec: FileSpec,
    shared: Arc<Shared>,
    opened: Receiver<Result<Header, FileError>>,
}

/// What a file says of all its units.
#[derive(Debug, Clone, Copy)]
struct Header {
    codec: Codec,
    orientation: Option<Orientation>,
}

/// A file that is open.
pub(crate) struct Feed {
    spec: FileSpec,
    shared: Arc<Shared>,
    header: Header,
}

struct Shared {
    queue: Mutex<Queue>,
    has_room: Condvar,
    interrupt: Interrupt,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    /// Nobody reads it any more, or nobody writes to it: the thread is gone.
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.interrupt.stop();
        self.lock().closed = true;
        self.has_room.notify_all();
    }

    /// Waits for room; whether somebody still reads. The stage is woken where it waits for this.
    fn push(&self, item: Item, waker: &Waker) -> bool {
        let mut queue = self.lock();
        while !queue.closed && (queue.items.len() >= MAX_UNITS || queue.bytes >= MAX_BYTES) {
            let woken = self.has_room.wait(queue);
            queue = woken.unwrap_or_else(PoisonError::into_inner);
        }
        if queue.closed {
            return false;
        }
        queue.bytes += item.bytes();
        queue.items.push_back(item);
        if queue.items.len() == 1 {
            waker.wake();
        }
        true
    }
}

impl Item {
    fn bytes(&self) -> usize {
        self.unit.as_ref().map_or(0, |(unit, _)| unit.data.len())
    }
}

/// Closes the queue when the thread ends, by itself or by a panic.
struct Ends(Arc<Shared>, Waker);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.1.wake();
    }
}

impl Opening {
    /// Begins to open a file.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn begin(spec: FileSpec, extent: Extent, waker: Waker) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            has_room: Condvar::new(),
            interrupt: Interrupt::default(),
        });
        let (say, opened) = mpsc::sync_channel(1);
        let (of_thread, shared_there) = (spec.clone(), Arc::clone(&shared));
        thread::Builder::new()
            .name("file".to_owned())
            .spawn(move || {
                let ends = Ends(shared_there, waker);
                let Ends(shared, waker) = &ends;
                match Playback::open(of_thread, extent, shared.interrupt.clone()) {
                    Ok(mut playback) => {
                        let header = Header {
                            codec: playback.codec(),
                            orientation: playback.orientation(),
                        };
                        // Whoever waits for the file has its first unit at once.
                        let more = push_next(shared, waker, &mut playback);
                        if say.send(Ok(header)).is_ok() && more {
                            while push_next(shared, waker, &mut playback) {}
                        }
                    }
                    Err(error) => drop(say.send(Err(error))),
                }
            })?;
        Ok(Self {
            spec,
            shared,
            opened,
        })
    }

    /// Waits until the file is open, to `until` at most and as long as the node does not end.
    ///
    /// # Errors
    /// Why it cannot be played.
    pub fn wait(self, until: Instant, ends: impl Fn() -> bool) -> Result<Feed, FileError> {
        loop {
            let late = Instant::now() >= until || ends();
            match self.opened.recv_timeout(LOOK_EVERY) {
                Ok(opened) => {
                    return opened.map(|header| Feed {
                        spec: self.spec,
                        shared: self.shared,
                        header,
                    });
                }
                Err(RecvTimeoutError::Timeout) if !late => {}
                Err(_) => {
                    self.shared.close();
                    return Err(FileError::Nothing {
                        path: self.spec.path,
                        reason: "it was not opened in time".to_owned(),
                    });
                }
            }
        }
    }
}

/// Reads the next unit, or the end; whether there is more to read.
fn push_next(shared: &Shared, waker: &Waker, playback: &mut Playback) -> bool {
    let unit = playback.next();
    let is_end = unit.is_none();
    let report = Report {
        unsent: playback.take_unsent(),
        jumps: playback.take_jumps(),
        problem: playback.take_problem(),
    };
    shared.push(Item { unit, report }, waker) && !is_end
}

impl Feed {
    pub fn id(&self) -> &str {
        &self.spec.id
    }

    /// The file.
    pub fn path(&self) -> std::path::Display<'_> {
        self.spec.path.display()
    }

    pub fn codec(&self) -> Codec {
        self.header.codec
    }

    /// How the file's frames are to be turned; `None` where its display matrix does more than
    /// that.
    pub fn orientation(&self) -> Option<Orientation> {
        self.header.orientation
    }

    /// What comes next; never waits.
    pub fn peek(&self) -> Next {
        let queue = self.shared.lock();
        match queue.items.front() {
            Some(Item {
                unit: Some((unit, _)),
                ..
            }) => Next::Unit(unit.dts_nanos),
            Some(_) => Next::End,
            None if queue.closed => Next::End,
            None => Next::Unread,
        }
    }

    /// Takes what [`Feed::peek`] has shown: a unit, or the end.
    pub fn take(&mut self) -> (Option<(ReadUnit, u32)>, Report) {
        let mut queue = self.shared.lock();
        let Some(item) = queue.items.pop_front() else {
            return (None, Report::default());
        };
        queue.bytes -= item.bytes();
        drop(queue);
        self.shared.has_room.notify_one();
        (item.unit, item.report)
    }

    /// Ends the reading; does not wait for it.
    pub fn stop(&self) {
        self.shared.interrupt.stop();
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.close();
    }
}
