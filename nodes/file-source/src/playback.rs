use camweave_bitstream::END_OF_SEQUENCE_H265;
use camweave_demux::{FileError, Interrupt, Read, ReadUnit, Reader};
use camweave_message::limits::MAX_UNIT_BYTES;
use camweave_message::{Codec, Orientation};
use tracing::warn;

use crate::files::FileSpec;

/// How often a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// 0: indefinitely.
    pub passes: u64,
    /// 0: all.
    pub max_units: u64,
}

/// An access unit, and how many before it were read and not fit to be sent.
struct Ahead {
    unit: ReadUnit,
    lost: u32,
}

/// What was read since the last call and is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unsent {
    /// Cut off, or in contradiction to itself.
    pub damaged: u64,
    /// Of more bytes than a message carries.
    pub too_large: u64,
}

/// Plays one file, pass after pass, on one time line.
pub(crate) struct Playback {
    spec: FileSpec,
    reader: Reader,
    interrupt: Interrupt,
    extent: Extent,
    /// The unit that comes next.
    ahead: Option<Ahead>,
    passes: u64,
    units: u64,
    units_of_pass: u64,
    pass_begin_nanos: i64,
    pass_end_nanos: i64,
    unsent: Unsent,
    problem: Option<String>,
}

impl Playback {
    /// Opens the file and reads its first unit.
    pub fn open(spec: FileSpec, extent: Extent, interrupt: Interrupt) -> Result<Self, FileError> {
        let reader = Reader::open_with(&spec.path, interrupt.clone())?;
        let mut playback = Self {
            spec,
            reader,
            interrupt,
            extent,
            ahead: None,
            passes: 1,
            units: 0,
            units_of_pass: 0,
            pass_begin_nanos: 0,
            pass_end_nanos: 0,
            unsent: Unsent::default(),
            problem: None,
        };
        playback.ahead = playback.read();
        if playback.ahead.is_none() {
            let reason = playback
                .problem
                .take()
                .unwrap_or_else(|| "it is empty".to_owned());
            return Err(FileError::Nothing {
                path: playback.spec.path,
                reason,
            });
        }
        Ok(playback)
    }

    pub fn codec(&self) -> Codec {
        self.reader.codec
    }

    /// How the file's frames are to be turned; `None` where its display matrix does more than
    /// that.
    pub fn orientation(&self) -> Option<Orientation> {
        self.reader.orientation
    }

    /// How often the file's times jumped since the last call.
    pub fn take_jumps(&mut self) -> u64 {
        self.reader.take_jumps()
    }

    /// The units since the last call that were read, but are not fit to be sent.
    pub fn take_unsent(&mut self) -> Unsent {
        std::mem::take(&mut self.unsent)
    }

    /// What was found to be wrong with the file since the last call, the first of it.
    pub fn take_problem(&mut self) -> Option<String> {
        self.problem.take()
    }

    /// The next unit, on the time line of all passes, and how many are missing before it.
    pub fn next(&mut self) -> Option<(ReadUnit, u32)> {
        let Ahead { mut unit, lost } = self.ahead.take()?;
        self.units += 1;
        if self.extent.max_units == 0 || self.units < self.extent.max_units {
            let pass = self.passes;
            self.ahead = self.read();
            if self.passes != pass && self.reader.codec == Codec::H265 {
                // Leading pictures of the pass to come must not refer to this one.
                unit.data.extend_from_slice(&END_OF_SEQUENCE_H265);
            }
        }
        Some((unit, lost))
    }

    fn read(&mut self) -> Option<Ahead> {
        let mut lost = 0_u32;
        loop {
            match self.reader.read() {
                Read::Unit(unit) if unit.data.len() > MAX_UNIT_BYTES => {
                    self.unsent.too_large += 1;
                    lost = lost.saturating_add(1);
                    let bytes = unit.data.len();
                    self.problem.get_or_insert_with(|| {
                        format!("a frame has {bytes} bytes, expected at most {MAX_UNIT_BYTES}")
                    });
                }
                Read::Unit(mut unit) => {
                    unit.pts_nanos = unit.pts_nanos.saturating_add(self.pass_begin_nanos);
                    unit.dts_nanos = unit.dts_nanos.saturating_add(self.pass_begin_nanos);
                    let last = unit.pts_nanos.max(unit.dts_nanos);
                    let end = last.saturating_add(unit.duration_nanos);
                    self.pass_end_nanos = self.pass_end_nanos.max(end);
                    self.units_of_pass += 1;
                    return Some(Ahead { unit, lost });
                }
                Read::Damaged(reason) => {
                    lost = lost.saturating_add(1);
                    self.unsent.damaged += 1;
                    self.problem.get_or_insert(reason);
                }
                Read::End(problem) => {
                    if let Some(problem) = problem {
                        self.problem.get_or_insert(problem);
                    }
                    if self.interrupt.is_stopped() || !self.begin_pass() {
                        return None;
                    }
                    lost = 0; // nothing refers to what was before
                }
            }
        }
    }

    /// Goes back to the start, or reopens the file where that does not lead there.
    fn begin_pass(&mut self) -> bool {
        let more = self.extent.passes == 0 || self.passes < self.extent.passes;
        if !more || self.units_of_pass == 0 {
            return false;
        }
        if self.reader.rewind() {
            self.count_pass();
            return true;
        }
        match Reader::open_with(&self.spec.path, self.interrupt.clone()) {
            Ok(reader) if reader.codec == self.reader.codec => self.reader = reader,
            Ok(_) => {
                self.problem = Some("its codec changed between two passes".to_owned());
                return false;
            }
            Err(error) => {
                warn!(camera = %self.spec.id, "{error}");
                self.problem = Some("it could not be reopened".to_owned());
                return false;
            }
        }
        self.count_pass();
        true
    }

    fn count_pass(&mut self) {
        self.passes += 1;
        self.units_of_pass = 0;
        self.pass_begin_nanos = self.pass_end_nanos;
    }
}
