use camweave_bitstream::END_OF_SEQUENCE_H265;
use camweave_demux::{FileError, Read, ReadUnit, Reader};
use camweave_message::Codec;
use tracing::warn;

use crate::files::FileSpec;

/// How often a file is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// 0: for ever.
    pub passes: u64,
    /// 0: all.
    pub max_units: u64,
}

/// Plays one file, pass after pass, on one time line.
pub(crate) struct Playback {
    spec: FileSpec,
    reader: Reader,
    extent: Extent,
    /// The unit that comes next.
    ahead: Option<ReadUnit>,
    passes: u64,
    units: u64,
    units_of_pass: u64,
    pass_begin_nanos: i64,
    pass_end_nanos: i64,
    damaged: u64,
    problem: Option<String>,
}

impl Playback {
    /// Opens the file and reads its first unit.
    pub fn open(spec: FileSpec, extent: Extent) -> Result<Self, FileError> {
        let reader = Reader::open(&spec.path)?;
        let mut playback = Self {
            spec,
            reader,
            extent,
            ahead: None,
            passes: 1,
            units: 0,
            units_of_pass: 0,
            pass_begin_nanos: 0,
            pass_end_nanos: 0,
            damaged: 0,
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

    pub fn id(&self) -> &str {
        &self.spec.id
    }

    pub fn codec(&self) -> Codec {
        self.reader.codec
    }

    /// When the next unit is due, in nanoseconds since the first; `None` at the end.
    pub fn due_nanos(&self) -> Option<i64> {
        self.ahead.as_ref().map(|unit| unit.dts_nanos)
    }

    /// How many units were damaged since the last call: read, but not fit to be sent.
    pub fn take_damaged(&mut self) -> u64 {
        std::mem::take(&mut self.damaged)
    }

    /// What is wrong with the file, said once and after its last unit.
    pub fn take_problem(&mut self) -> Option<String> {
        let problem = self.problem.take()?;
        Some(format!(
            "'{}' is damaged or ends early ({problem}); {} frames were read",
            self.spec.path.display(),
            self.units
        ))
    }

    /// The next unit, on the time line of all passes.
    pub fn next(&mut self) -> Option<ReadUnit> {
        let mut unit = self.ahead.take()?;
        self.units += 1;
        if self.extent.max_units == 0 || self.units < self.extent.max_units {
            let pass = self.passes;
            self.ahead = self.read();
            if self.passes != pass && self.reader.codec == Codec::H265 {
                // Leading pictures of the pass to come must not refer to this one.
                unit.data.extend_from_slice(&END_OF_SEQUENCE_H265);
            }
        }
        Some(unit)
    }

    fn read(&mut self) -> Option<ReadUnit> {
        loop {
            match self.reader.read() {
                Read::Unit(mut unit) => {
                    unit.pts_nanos += self.pass_begin_nanos;
                    unit.dts_nanos += self.pass_begin_nanos;
                    let end = unit.pts_nanos.max(unit.dts_nanos) + unit.duration_nanos;
                    self.pass_end_nanos = self.pass_end_nanos.max(end);
                    self.units_of_pass += 1;
                    return Some(unit);
                }
                Read::Damaged(reason) => {
                    self.damaged += 1;
                    self.problem.get_or_insert(reason);
                }
                Read::End(problem) => {
                    if let Some(problem) = problem {
                        self.problem.get_or_insert(problem);
                    }
                    if !self.begin_pass() {
                        return None;
                    }
                }
            }
        }
    }

    /// Goes back to the begin, or opens the file anew where that does not lead there.
    fn begin_pass(&mut self) -> bool {
        let more = self.extent.passes == 0 || self.passes < self.extent.passes;
        if !more || self.units_of_pass == 0 {
            return false;
        }
        if self.reader.rewind() {
            self.count_pass();
            return true;
        }
        match Reader::open(&self.spec.path) {
            Ok(reader) if reader.codec == self.reader.codec => self.reader = reader,
            Ok(_) => {
                self.problem = Some("its codec changed between two passes".to_owned());
                return false;
            }
            Err(error) => {
                warn!(camera = %self.spec.id, "{error}");
                self.problem = Some("it could not be opened again".to_owned());
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
