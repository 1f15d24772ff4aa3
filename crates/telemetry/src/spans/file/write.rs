//! The writer of one file of spans.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::BufMut;
use camweave_outdir::{FILE_MODE, Folder, create_new};

use super::{DROP, EXTENSION, GAUGE, LOST, MEMBER, SPAN, SpanFileHeader, TEXT, THREAD};
use crate::clock;
use crate::spans::event::{DEVICE, Event, Kind};
use crate::spans::labels::Labels;

/// The kernel's id of this start of the machine.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[derive(Debug)]
pub(in crate::spans) struct SpanFileWriter {
    path: PathBuf,
    file: File,
    /// Bytes that are whole blocks.
    whole: u64,
    /// Texts up to this number are in the file.
    texts: u32,
    threads: HashSet<u32>,
    lost: u64,
    block: Vec<u8>,
}

impl SpanFileWriter {
    /// Begins the file of `stage` in `folder`, which is created.
    ///
    /// # Errors
    /// One line that names the file or folder, and why.
    pub fn create(folder: &Path, stage: &str, kind: &str) -> Result<Self, String> {
        let process_id = std::process::id();
        let name = format!("{}.{process_id}.{EXTENSION}", stage.replace('/', "_"));
        let path = folder.join(&name);
        let refused = |error: std::io::Error| format!("'{}': {error}", path.display());
        let claimed = Folder::open(folder).and_then(|folder| folder.claim(&name));
        claimed.map_err(|error| error.to_string())?;
        // A process of the same number may have left one.
        drop(fs::remove_file(&path));
        let mut file = create_new(&path, FILE_MODE).map_err(refused)?;
        let header = SpanFileHeader {
            stage: stage.to_owned(),
            kind: kind.to_owned(),
            process_id,
            boot_id: fs::read_to_string(BOOT_ID)
                .unwrap_or_default()
                .trim()
                .to_owned(),
            monotonic_nanos: clock::monotonic_nanos(),
            boottime_nanos: clock::boottime_nanos(),
            unix_nanos: clock::unix_nanos(),
        };
        let bytes = header.to_bytes();
        file.write_all(&bytes).map_err(refused)?;
        Ok(Self {
            path,
            file,
            whole: bytes.len() as u64,
            texts: 0,
            threads: HashSet::new(),
            lost: 0,
            block: Vec::new(),
        })
    }

    /// Appends a block. One that cannot be written whole is cut off again.
    ///
    /// # Errors
    /// One line that names the file, and why.
    pub fn append(&mut self, events: &[Event], labels: &Labels, lost: u64) -> Result<(), String> {
        if events.is_empty() && lost == self.lost {
            return Ok(());
        }
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        block.put_bytes(0, 8);
        let (texts, threads) = self.fill(&mut block, events, labels, lost);
        let records = &block[8..];
        let (length, crc) = (records.len() as u32, crc32fast::hash(records));
        block[..4].copy_from_slice(&length.to_le_bytes());
        block[4..8].copy_from_slice(&crc.to_le_bytes());
        let written = self.file.write_all(&block);
        match written {
            Ok(()) => {
                self.whole += block.len() as u64;
                self.texts = texts;
                self.threads.extend(threads);
                self.lost = lost;
            }
            Err(_) => {
                // If even this fails, a reader stops at the block that is not whole.
                let cut = self.file.set_len(self.whole);
                let _ = cut.and_then(|()| self.file.seek(SeekFrom::Start(self.whole)));
            }
        }
        self.block = block;
        written.map_err(|error| format!("'{}': {error}", self.path.display()))
    }

    /// Fills `block` with records; gives how many texts, and which threads, the file then knows.
    fn fill(
        &self,
        block: &mut Vec<u8>,
        events: &[Event],
        labels: &Labels,
        lost: u64,
    ) -> (u32, Vec<u32>) {
        // Names first, as they may be new to the table.
        let mut names: HashMap<&str, u32> = HashMap::new();
        for event in events {
            let number = || labels.number(event.name);
            names.entry(event.name).or_insert_with(number);
        }
        let mut texts = self.texts;
        for text in labels.since(self.texts + 1) {
            texts += 1;
            block.put_u8(TEXT);
            block.put_u32_le(texts);
            put_text(block, &text);
        }
        let mut threads: Vec<u32> = events.iter().map(|event| event.thread).collect();
        threads.sort_unstable();
        threads.dedup();
        threads.retain(|thread| *thread != DEVICE && !self.threads.contains(thread));
        for thread in &threads {
            block.put_u8(THREAD);
            block.put_u32_le(*thread);
            put_text(block, &thread_name(*thread));
        }
        for event in events {
            put_event(block, event, names[event.name]);
        }
        if lost != self.lost {
            block.put_u8(LOST);
            block.put_u64_le(lost);
        }
        (texts, threads)
    }
}

/// Cuts what does not fit a length of 16 bits.
fn put_text(block: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(u16::MAX.into())];
    block.put_u16_le(text.len() as u16);
    block.put_slice(text.as_bytes());
}

fn put_event(block: &mut Vec<u8>, event: &Event, name: u32) {
    match event.kind {
        Kind::Span => {
            block.put_u8(SPAN);
            block.put_u32_le(name);
            block.put_u32_le(event.thread);
            block.put_i64_le(event.begin_nanos);
            block.put_i64_le(event.end_nanos);
            block.put_i64_le(event.value);
            block.put_u32_le(event.count);
            block.put_u8(event.flow.into());
            put_frame(block, event);
        }
        Kind::Member => {
            block.put_u8(MEMBER);
            block.put_u32_le(name);
            block.put_u32_le(event.thread);
            block.put_i64_le(event.begin_nanos);
            put_frame(block, event);
        }
        Kind::Drop => {
            block.put_u8(DROP);
            block.put_u32_le(event.thread);
            block.put_i64_le(event.begin_nanos);
            block.put_u32_le(event.label);
            block.put_u32_le(event.reason);
            block.put_u32_le(event.count);
        }
        Kind::Gauge => {
            block.put_u8(GAUGE);
            block.put_u32_le(name);
            block.put_u32_le(event.label);
            block.put_i64_le(event.begin_nanos);
            block.put_i64_le(event.value);
        }
    }
}

fn put_frame(block: &mut Vec<u8>, event: &Event) {
    block.put_u32_le(event.label);
    block.put_i64_le(event.session_unix_nanos);
    block.put_u64_le(event.sequence);
}

/// What the system calls the thread, if it is still there.
fn thread_name(thread: u32) -> String {
    let name = fs::read_to_string(format!("/proc/self/task/{thread}/comm")).unwrap_or_default();
    name.trim().to_owned()
}
