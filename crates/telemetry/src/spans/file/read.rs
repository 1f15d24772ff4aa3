//! The reader of a file of spans.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, TryGetError};
use thiserror::Error;

use super::{DROP, GAUGE, LOST, MAGIC, MEMBER, SPAN, SpanFileHeader, TEXT, THREAD, VERSION};

/// Why a file is none of spans.
#[derive(Debug, Error)]
pub enum SpanFileError {
    /// It cannot be read.
    #[error("cannot read '{}': {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("'{}' is not a span file: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found, and what was expected.
        reason: String,
    },
}

/// A frame that a span is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The camera's id.
    pub camera: Arc<str>,
    /// When the source opened the session.
    pub session_unix_nanos: i64,
    /// The frame's number in its session.
    pub sequence: u64,
}

/// A span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedSpan {
    /// Its name.
    pub name: Arc<str>,
    /// The system's thread id, or [`DEVICE_THREAD`](super::DEVICE_THREAD).
    pub thread: u32,
    /// When it began, in monotonic nanoseconds.
    pub begin_nanos: i64,
    /// When it ended, in monotonic nanoseconds.
    pub end_nanos: i64,
    /// CPU time of the thread in the span, where somebody looked.
    pub cpu_nanos: Option<i64>,
    /// How many frames it was about.
    pub count: u32,
    /// Whether arrows that follow a frame go through it.
    pub flow: bool,
    /// Those of them that were named.
    pub frames: Vec<Frame>,
}

/// Frames of a camera that were dropped at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// On which thread.
    pub thread: u32,
    /// When, in monotonic nanoseconds.
    pub at_nanos: i64,
    /// The camera's id.
    pub camera: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// How many.
    pub count: u32,
}

/// A number at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// What is counted.
    pub name: Arc<str>,
    /// Of what; empty where there is one of this name.
    pub about: Arc<str>,
    /// When, in monotonic nanoseconds.
    pub at_nanos: i64,
    /// The number.
    pub value: i64,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanFile {
    /// Whose spans, and on which clock.
    pub header: SpanFileHeader,
    /// Thread names by id; empty where the thread had ended.
    pub threads: HashMap<u32, Arc<str>>,
    /// In the order in which they ended, by thread.
    pub spans: Vec<TracedSpan>,
    /// In the order of time, by thread.
    pub drops: Vec<Dropped>,
    /// In the order of time, by thread.
    pub gauges: Vec<Gauge>,
    /// Events that found no room in memory or on disk.
    pub lost: u64,
    /// What is wrong with the file's tail, which was left out: `byte 812: a block of ...`.
    pub damage: Option<String>,
}

/// Reads a file of spans. Damage costs the file's tail and is said in [`SpanFile::damage`].
///
/// # Errors
/// It cannot be read, or its beginning is not that of a file of spans.
pub fn read(path: &Path) -> Result<SpanFile, SpanFileError> {
    let bytes = fs::read(path).map_err(|source| SpanFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    parse(&bytes).map_err(|reason| SpanFileError::Format {
        path: path.to_owned(),
        reason,
    })
}

fn parse(bytes: &[u8]) -> Result<SpanFile, String> {
    let Some(mut left) = bytes.strip_prefix(&MAGIC) else {
        return Err("it does not begin with 'CAMWSPAN'".to_owned());
    };
    let short = |_: TryGetError| "it ends within its header".to_owned();
    let version = left.try_get_u32_le().map_err(short)?;
    if version != VERSION {
        return Err(format!("version {version}, expected {VERSION}"));
    }
    let length = left.try_get_u32_le().map_err(short)?;
    let header = left.split_off(..length as usize);
    let header = header.ok_or("it ends within its header")?;
    let header = serde_json::from_slice(header).map_err(|error| format!("its header: {error}"))?;
    let mut reader = Reader {
        texts: vec![Arc::from("")],
        members: HashMap::new(),
        file: SpanFile {
            header,
            threads: HashMap::new(),
            spans: Vec::new(),
            drops: Vec::new(),
            gauges: Vec::new(),
            lost: 0,
            damage: None,
        },
    };
    while !left.is_empty() {
        let at = bytes.len() - left.len();
        if let Err(damage) = reader.block(&mut left) {
            reader.file.damage = Some(format!("byte {at}: {damage}"));
            break;
        }
    }
    Ok(reader.file)
}

/// Members come before their span, which is written when it ends.
type MemberKey = (u32, u32, i64);

/// A record is not as described.
struct Malformed;

impl From<TryGetError> for Malformed {
    fn from(_: TryGetError) -> Self {
        Self
    }
}

struct Reader {
    texts: Vec<Arc<str>>,
    members: HashMap<MemberKey, Vec<Frame>>,
    file: SpanFile,
}

impl Reader {
    fn block(&mut self, file: &mut &[u8]) -> Result<(), String> {
        let left = file.len();
        let cut = || format!("the last {left} bytes are no whole block");
        let head = (file.try_get_u32_le().ok()).zip(file.try_get_u32_le().ok());
        let (length, crc) = head.ok_or_else(cut)?;
        let mut records = file.split_off(..length as usize).ok_or_else(cut)?;
        if crc32fast::hash(records) != crc {
            return Err(format!(
                "a block of {length} bytes does not have its checksum"
            ));
        }
        while let Ok(tag) = records.try_get_u8() {
            self.record(tag, &mut records)
                .map_err(|_| format!("a record with tag {tag} is not as described"))?;
        }
        Ok(())
    }

    fn text(&self, number: u32) -> Result<Arc<str>, Malformed> {
        let text = self.texts.get(number as usize).map(Arc::clone);
        text.ok_or(Malformed)
    }

    fn frame(&self, left: &mut &[u8]) -> Result<Frame, Malformed> {
        Ok(Frame {
            camera: self.text(left.try_get_u32_le()?)?,
            session_unix_nanos: left.try_get_i64_le()?,
            sequence: left.try_get_u64_le()?,
        })
    }

    fn record(&mut self, tag: u8, left: &mut &[u8]) -> Result<(), Malformed> {
        match tag {
            TEXT => {
                let number = left.try_get_u32_le()?;
                if number as usize != self.texts.len() {
                    return Err(Malformed);
                }
                self.texts.push(Arc::from(text(left)?));
            }
            THREAD => {
                let id = left.try_get_u32_le()?;
                self.file.threads.insert(id, Arc::from(text(left)?));
            }
            SPAN => {
                let (name, thread, begin_nanos) = (
                    left.try_get_u32_le()?,
                    left.try_get_u32_le()?,
                    left.try_get_i64_le()?,
                );
                let (end_nanos, cpu_nanos) = (left.try_get_i64_le()?, left.try_get_i64_le()?);
                let (count, flow) = (left.try_get_u32_le()?, left.try_get_u8()? != 0);
                let frame = self.frame(left)?;
                let mut frames = self
                    .members
                    .remove(&(name, thread, begin_nanos))
                    .unwrap_or_default();
                if !frame.camera.is_empty() {
                    frames.push(frame);
                }
                self.file.spans.push(TracedSpan {
                    name: self.text(name)?,
                    thread,
                    begin_nanos,
                    end_nanos,
                    cpu_nanos: (cpu_nanos >= 0).then_some(cpu_nanos),
                    count,
                    flow,
                    frames,
                });
            }
            MEMBER => {
                let key = (
                    left.try_get_u32_le()?,
                    left.try_get_u32_le()?,
                    left.try_get_i64_le()?,
                );
                let frame = self.frame(left)?;
                self.members.entry(key).or_default().push(frame);
            }
            DROP => {
                let dropped = Dropped {
                    thread: left.try_get_u32_le()?,
                    at_nanos: left.try_get_i64_le()?,
                    camera: self.text(left.try_get_u32_le()?)?,
                    reason: self.text(left.try_get_u32_le()?)?,
                    count: left.try_get_u32_le()?,
                };
                self.file.drops.push(dropped);
            }
            GAUGE => {
                let gauge = Gauge {
                    name: self.text(left.try_get_u32_le()?)?,
                    about: self.text(left.try_get_u32_le()?)?,
                    at_nanos: left.try_get_i64_le()?,
                    value: left.try_get_i64_le()?,
                };
                self.file.gauges.push(gauge);
            }
            LOST => self.file.lost = left.try_get_u64_le()?,
            _ => return Err(Malformed),
        }
        Ok(())
    }
}

fn text<'a>(left: &mut &'a [u8]) -> Result<&'a str, Malformed> {
    let length = left.try_get_u16_le()?;
    let text = left.split_off(..usize::from(length)).ok_or(Malformed)?;
    std::str::from_utf8(text).map_err(|_| Malformed)
}
