//! Folders of clips as a recorder leaves them, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use camweave_outdir::Folder;
use camweave_recording::{ClipHead, ClipName, EventNote, Sidecar};
use tempfile::TempDir;

const NANOS_PER_MILLI: i64 = 1_000_000;

/// An event that begins at so many seconds of its clip, a second after 1970.
pub(crate) fn note(event: &str, begin_at: f64) -> EventNote {
    EventNote {
        event: event.to_owned(),
        phase: "end".to_owned(),
        kind: "presence".to_owned(),
        rule: "yard".to_owned(),
        direction: String::new(),
        begin_at,
        end_at: Some(begin_at + 1.0),
        began_unix_nanos: 1_000 * NANOS_PER_MILLI,
        ended_unix_nanos: Some(2_000 * NANOS_PER_MILLI),
        track_ids: vec![7],
        label: "person".to_owned(),
        conf: 0.5,
        place: None,
        value: 1.0,
        entered: 3,
        left: 0,
    }
}

/// A folder of clips.
pub(crate) struct Recordings(TempDir);

impl Recordings {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A clip of four seconds that begins at this Unix time in milliseconds. Its name.
    pub fn add(&self, camera: &str, begin_ms: i64, video: &[u8], events: &[EventNote]) -> String {
        let sidecar = Sidecar {
            schema: Sidecar::SCHEMA.to_owned(),
            head: ClipHead {
                camera: camera.to_owned(),
                begin_unix_nanos: begin_ms * NANOS_PER_MILLI,
                codec_name: "avc1.64001F".to_owned(),
                width: 640,
                height: 360,
                ..ClipHead::default()
            },
            end_unix_nanos: (begin_ms + 4000) * NANOS_PER_MILLI,
            seconds: 4.0,
            events: events.to_vec(),
            ..Sidecar::default()
        };
        let text = serde_json::to_vec(&sidecar).expect("JSON");
        self.write(camera, begin_ms, video, &text)
    }

    /// One with this text beside it.
    pub fn write(&self, camera: &str, begin_ms: i64, video: &[u8], sidecar: &[u8]) -> String {
        let name = ClipName::new(camera, begin_ms * NANOS_PER_MILLI);
        let root = Folder::open(self.path()).expect("a folder");
        let camera = root.claim_folder(camera).expect("a folder");
        let day = camera.claim_folder(&name.day()).expect("a folder");
        for (extension, bytes) in [("json", sidecar), ("mp4", video)] {
            let file = format!("{}.{extension}", name.stem());
            let path = day.claim_file(&file).expect("a file");
            fs::write(path, bytes).expect("writable");
        }
        name.stem()
    }

    /// Where a clip's file is.
    pub fn at(&self, stem: &str, extension: &str) -> PathBuf {
        let name = ClipName::parse(stem).expect("a name");
        let day = self.path().join(&name.camera).join(name.day());
        day.join(format!("{stem}.{extension}"))
    }

    pub fn remove(&self, stem: &str) {
        for extension in ["mp4", "json"] {
            fs::remove_file(self.at(stem, extension)).expect("it is there");
        }
    }
}
