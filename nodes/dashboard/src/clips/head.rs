//! What a sidecar says of its clip before the frames, which are most of it: they are not read.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read as _};

use camweave_recording::{EventNote, Sidecar};
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A sidecar whose frames begin later than this is none.
const MOST_BYTES: u64 = 16 << 20;
/// Events of a clip that are kept, those that began first.
pub(crate) const MOST_EVENTS: usize = 256;

/// What all of a clip has in common, and its events.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Head {
    schema: String,
    camera: String,
    pub begin_unix_nanos: i64,
    pub end_unix_nanos: i64,
    /// For how long it plays.
    pub seconds: f64,
    pub codec_name: String,
    /// Of the stored frames, and by how many degrees they are turned to be upright.
    width: u32,
    height: u32,
    rotation: u16,
    pub salvaged: bool,
    pub missing_seconds: f64,
    /// At most [`MOST_EVENTS`].
    pub events: Vec<EventNote>,
    pub event_count: u32,
    is_whole: bool,
}

impl Head {
    /// Of the sidecar of a clip of `camera`.
    ///
    /// # Errors
    /// It cannot be read, or is no sidecar of this camera's.
    pub fn read(file: File, camera: &str) -> io::Result<Self> {
        let mut head = Self::default();
        let text = BufReader::new(file.take(MOST_BYTES));
        let mut json = serde_json::Deserializer::from_reader(text);
        let read = json.deserialize_map(Fields(&mut head));
        if !head.is_whole {
            // Where the frames follow, reading stops in the middle of the text, which is an error too.
            read?;
        }
        let refuse = |line: String| Err(io::Error::new(io::ErrorKind::InvalidData, line));
        let shown = |text: &str| text.chars().take(80).collect::<String>();
        if head.schema != Sidecar::SCHEMA {
            let schema = shown(&head.schema);
            return refuse(format!(
                "its schema is '{}', expected '{}'",
                schema.escape_debug(),
                Sidecar::SCHEMA
            ));
        }
        if head.camera != camera {
            let found = shown(&head.camera);
            return refuse(format!(
                "its camera is '{}', expected '{camera}'",
                found.escape_debug()
            ));
        }
        Ok(head)
    }

    /// Width and height of the upright frame.
    pub fn size(&self) -> (u32, u32) {
        match self.rotation {
            90 | 270 => (self.height, self.width),
            _ => (self.width, self.height),
        }
    }
}

/// Fills a head, up to the frames.
struct Fields<'a>(&'a mut Head);

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a clip's sidecar")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let head = self.0;
        let mut has_events = false;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "schema" => head.schema = map.next_value()?,
                "camera" => head.camera = map.next_value()?,
                "begin_unix_nanos" => head.begin_unix_nanos = map.next_value()?,
                "end_unix_nanos" => head.end_unix_nanos = map.next_value()?,
                "seconds" => head.seconds = map.next_value()?,
                "codec_name" => head.codec_name = map.next_value()?,
                "width" => head.width = map.next_value()?,
                "height" => head.height = map.next_value()?,
                "rotation" => head.rotation = map.next_value()?,
                "salvaged" => head.salvaged = map.next_value()?,
                "missing_seconds" => head.missing_seconds = map.next_value()?,
                "events" => {
                    map.next_value_seed(Events(head))?;
                    has_events = true;
                }
                "frames" if has_events => {
                    head.is_whole = true;
                    return Ok(());
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        head.is_whole = has_events;
        match has_events {
            true => Ok(()),
            false => Err(A::Error::missing_field("events")),
        }
    }
}

/// Fills the events of a head.
struct Events<'a>(&'a mut Head);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let head = self.0;
        head.events.clear();
        head.event_count = 0;
        loop {
            if head.events.len() < MOST_EVENTS {
                match list.next_element()? {
                    Some(note) => head.events.push(note),
                    None => return Ok(()),
                }
            } else if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
            head.event_count += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use camweave_recording::ClipHead;

    use super::*;
    use crate::clips::testing::note;

    fn read(text: &str) -> io::Result<Head> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).expect("writable");
        Head::read(File::open(path)?, "gate")
    }

    fn sidecar(events: usize) -> Sidecar {
        Sidecar {
            schema: Sidecar::SCHEMA.to_owned(),
            head: ClipHead {
                camera: "gate".to_owned(),
                begin_unix_nanos: 1_000_000_000,
                codec_name: "avc1.64001F".to_owned(),
                width: 640,
                height: 360,
                rotation: 90,
                missing_seconds: 1.5,
                ..ClipHead::default()
            },
            end_unix_nanos: 5_000_000_000,
            seconds: 4.2,
            salvaged: true,
            events: (0..events).map(|it| note(&format!("e{it}"), 1.0)).collect(),
            ..Sidecar::default()
        }
    }

    fn text(sidecar: &Sidecar) -> String {
        serde_json::to_string(sidecar).expect("JSON")
    }

    #[test]
    fn all_but_the_frames_is_read() {
        let sidecar = sidecar(2);
        let head = read(&text(&sidecar)).expect("a sidecar");
        assert_eq!(head.events, sidecar.events);
        assert_eq!((head.size(), head.event_count), ((360, 640), 2));
        assert_eq!((head.end_unix_nanos, head.seconds), (5_000_000_000, 4.2));
        assert_eq!((head.salvaged, head.missing_seconds), (true, 1.5));
        assert_eq!(head.codec_name, "avc1.64001F");
        // What follows is not looked at, however long or broken it is.
        let begin = text(&sidecar);
        let begin = begin.split(r#""frames""#).next().expect("a begin");
        let again = read(&format!(r#"{begin}"frames":[{{"at":"#)).expect("enough of one");
        assert_eq!(again, head);
    }

    #[test]
    fn events_are_counted_beyond_those_that_are_kept() {
        let head = read(&text(&sidecar(MOST_EVENTS + 7))).expect("a sidecar");
        assert_eq!(head.events.len(), MOST_EVENTS);
        assert_eq!(head.event_count as usize, MOST_EVENTS + 7);
        assert_eq!(head.events[0].event, "e0");
    }

    #[test]
    fn fields_in_another_order_are_read_too() {
        let head = read(
            r#"{"frames":[{"at":0}],"events":[],"new":{"a":[1]},"camera":"gate","schema":"camweave.clip/1"}"#,
        );
        assert_eq!(head.expect("a sidecar").event_count, 0);
    }

    #[test]
    fn what_is_no_sidecar_of_this_camera_is_refused() {
        let whole = text(&sidecar(1));
        for (text, part) in [
            (String::new(), "EOF"),
            ("[]".to_owned(), "sidecar"),
            ("{}".to_owned(), "events"),
            (whole[..200].to_owned(), "EOF"),
            (whole.replace("clip/1", "clip/2"), "camweave.clip/2"),
            (whole.replace("gate", "yard"), "its camera is 'yard'"),
            (whole.replace("\"kind\":", "\"kinds\":"), "kind"),
        ] {
            let error = read(&text).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
