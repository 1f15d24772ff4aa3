//! What goes over a WebSocket, in binary: one access unit, fragment of MP4 or JPEG with the detections
//! of its frame.

use bytes::{BufMut, Bytes, BytesMut};
use camweave_message::{Codec, DetectedBox, Detections, FrameId, Orientation};
use serde::Serialize;

/// Bytes before the detections.
const HEADER_BYTES: usize = 44;
/// Where the flags are.
const FLAGS_AT: usize = 1;
/// Boxes of a frame that a page is sent.
const MOST_BOXES: usize = 1000;

pub(crate) const KEYFRAME: u8 = 1;
pub(crate) const CATCH_UP: u8 = 2;
pub(crate) const DETECTIONS: u8 = 4;
pub(crate) const MIRRORED: u8 = 8;
pub(crate) const NO_BOXES_KNOWN: u8 = 16;
/// Packets of this unit, or units before it, were lost: until the next keyframe, decoders may show
/// what was there before.
pub(crate) const LOST: u8 = 32;

/// What the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unit = 1,
    Jpeg = 2,
    Fragment = 3,
}

/// What comes before the data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    pub kind: Kind,
    pub flags: u8,
    pub codec: Codec,
    pub orientation: Orientation,
    pub index: u16,
    pub id: &'a FrameId,
}

fn codec_number(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 1,
        Codec::H265 => 2,
        Codec::Vp9 => 3,
        Codec::Av1 => 4,
        Codec::Mjpeg => 5,
        Codec::Mpeg4 => 6,
    }
}

/// The whole message. The flags of detections and orientation follow from the rest.
pub(crate) fn message(header: Header<'_>, detections: &[u8], data: &[u8]) -> Bytes {
    let mut flags = header.flags;
    if !detections.is_empty() {
        flags |= DETECTIONS;
    }
    if header.orientation.mirrored() {
        flags |= MIRRORED;
    }
    let quarters = (header.orientation.degrees() / 90) as u8;
    let mut bytes = BytesMut::with_capacity(HEADER_BYTES + detections.len() + data.len());
    bytes.put_u8(header.kind as u8);
    bytes.put_u8(flags);
    bytes.put_u8(codec_number(header.codec));
    bytes.put_u8(quarters);
    bytes.put_u16_le(header.index);
    bytes.put_u16_le(0);
    bytes.put_i64_le(header.id.session_unix_nanos);
    bytes.put_u64_le(header.id.sequence);
    bytes.put_i64_le(header.id.pts_nanos);
    bytes.put_i64_le(header.id.captured_unix_nanos);
    // A frame's detections are bounded far below.
    bytes.put_u32_le(u32::try_from(detections.len()).unwrap_or(u32::MAX));
    bytes.put_slice(detections);
    bytes.put_slice(data);
    bytes.freeze()
}

/// Where the data begins of a message with so many bytes of detections.
pub(crate) fn data_at(detections: &[u8]) -> usize {
    HEADER_BYTES + detections.len()
}

/// An access unit as a fragment of MP4.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fragment<'a> {
    /// When it is presented, by the fragments' own time.
    pub presentation_micros: u64,
    pub duration_micros: u32,
    /// The codec's name, and the initialization segment, where a viewer may begin here.
    pub codec: &'a str,
    pub initialization: &'a [u8],
    pub data: &'a [u8],
}

/// The message of an access unit with its fragment in the place of the unit, which begins at
/// `data_at`; without data where there is none.
pub(crate) fn as_fragment(unit: &Bytes, data_at: usize, fragment: Option<&Fragment<'_>>) -> Bytes {
    const LENGTHS_BYTES: usize = 20;
    let head = unit.get(..data_at).unwrap_or_default();
    let most = fragment.map_or(0, |it| {
        LENGTHS_BYTES + it.codec.len() + it.initialization.len() + it.data.len()
    });
    let mut bytes = BytesMut::with_capacity(head.len() + most);
    bytes.put_slice(head);
    if let Some(kind) = bytes.first_mut() {
        *kind = Kind::Fragment as u8;
    }
    if let Some(it) = fragment {
        bytes.put_u64_le(it.presentation_micros);
        bytes.put_u32_le(it.duration_micros);
        // Both are bounded far below: parameter sets by the sources, names by what they are made of.
        bytes.put_u32_le(it.codec.len() as u32);
        bytes.put_u32_le(it.initialization.len() as u32);
        bytes.put_slice(it.codec.as_bytes());
        bytes.put_slice(it.initialization);
        bytes.put_slice(it.data);
    }
    bytes.freeze()
}

/// The same message, at which decoding cannot begin.
pub(crate) fn as_no_keyframe(message: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(&message[..]);
    if let Some(flags) = bytes.get_mut(FLAGS_AT) {
        *flags &= !KEYFRAME;
    }
    bytes.freeze()
}

/// The same message, to be decoded and not drawn.
pub(crate) fn as_catch_up(message: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(&message[..]);
    if let Some(flags) = bytes.get_mut(FLAGS_AT) {
        *flags |= CATCH_UP;
    }
    bytes.freeze()
}

#[derive(Serialize)]
struct Attribute<'a> {
    name: &'a str,
    label: &'a str,
    conf: f32,
}

/// The detections of a frame, as the page reads them.
#[derive(Serialize)]
struct Boxes<'a> {
    w: u32,
    h: u32,
    boxes: Vec<[f32; 4]>,
    conf: Vec<f32>,
    class: Vec<u32>,
    label: Vec<&'a str>,
    track: Vec<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    masks: Option<Vec<Vec<f32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keypoints: Option<Vec<Vec<f32>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oriented: Option<Vec<[f32; 5]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Vec<Vec<Attribute<'a>>>>,
}

/// A tenth of a pixel is finer than any screen shows.
fn tenth(value: f32) -> f32 {
    (value * 10.0).round() / 10.0
}

fn thousandth(value: f32) -> f32 {
    (value * 1000.0).round() / 1000.0
}

/// The detections of a frame as JSON. Of a frame with very many boxes, those of the highest score.
pub(crate) fn json(row: &Detections) -> Vec<u8> {
    let boxes = &row.boxes[..row.boxes.len().min(MOST_BOXES)];
    let any = |has: &dyn Fn(&DetectedBox) -> bool| boxes.iter().any(has);
    let lists = |get: &dyn Fn(&DetectedBox) -> Option<&[f32]>| {
        let list = boxes.iter().map(get);
        list.map(|it| it.unwrap_or_default().iter().copied().map(tenth).collect())
            .collect::<Vec<Vec<f32>>>()
    };
    let points = |it: &DetectedBox| {
        let points = it.extras.keypoints.as_deref().unwrap_or_default();
        let points = points.chunks_exact(3);
        let points = points.flat_map(|it| [tenth(it[0]), tenth(it[1]), thousandth(it[2])]);
        points.collect::<Vec<f32>>()
    };
    let oriented = |it: &DetectedBox| {
        let [x, y, w, h, angle] = it.oriented();
        [tenth(x), tenth(y), tenth(w), tenth(h), thousandth(angle)]
    };
    let attributes = |it| {
        let it: &DetectedBox = it;
        let list = it.extras.attributes.iter().map(|it| Attribute {
            name: &it.name,
            label: &it.label,
            conf: thousandth(it.confidence),
        });
        list.collect::<Vec<_>>()
    };
    let body = Boxes {
        w: row.image_size.0,
        h: row.image_size.1,
        boxes: boxes.iter().map(|it| it.bbox.map(tenth)).collect(),
        conf: boxes.iter().map(|it| thousandth(it.score)).collect(),
        class: boxes.iter().map(|it| it.class_id).collect(),
        label: boxes.iter().map(|it| &*it.label).collect(),
        // Numbers of JavaScript have 53 bits.
        track: boxes
            .iter()
            .map(|it| it.track_id.map(|id| id.to_string()))
            .collect(),
        masks: any(&|it| it.extras.mask.is_some()).then(|| lists(&|it| it.extras.mask.as_deref())),
        keypoints: any(&|it| it.extras.keypoints.is_some())
            .then(|| boxes.iter().map(points).collect()),
        oriented: any(&|it| it.extras.oriented.is_some())
            .then(|| boxes.iter().map(oriented).collect()),
        attributes: any(&|it| !it.extras.attributes.is_empty())
            .then(|| boxes.iter().map(attributes).collect()),
    };
    serde_json::to_vec(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use camweave_message::{Attribute, Extras};
    use camweave_testing::{detections, frame_id, person};

    use super::*;

    #[test]
    fn a_message_is_as_the_protocol_says() {
        let id = FrameId {
            session_unix_nanos: 0x0102_0304_0506_0708,
            pts_nanos: -2,
            captured_unix_nanos: 9,
            ..frame_id("gate", 7)
        };
        let header = Header {
            kind: Kind::Unit,
            flags: KEYFRAME,
            codec: Codec::H265,
            orientation: Orientation::new(270, true).expect("a quarter"),
            index: 0x0a0b,
            id: &id,
        };
        let bytes = message(header, b"{}", b"data");
        assert_eq!(&bytes[..8], [1, 1 | 4 | 8, 2, 3, 0x0b, 0x0a, 0, 0]);
        assert_eq!(bytes[8..16], id.session_unix_nanos.to_le_bytes());
        assert_eq!(bytes[16..24], 7_u64.to_le_bytes());
        assert_eq!(bytes[24..32], (-2_i64).to_le_bytes());
        assert_eq!(bytes[32..40], 9_i64.to_le_bytes());
        assert_eq!(bytes[40..44], 2_u32.to_le_bytes());
        assert_eq!(&bytes[44..], b"{}data");
        let caught_up = as_catch_up(&bytes);
        assert_eq!(caught_up[FLAGS_AT], bytes[FLAGS_AT] | CATCH_UP);
        assert_eq!(caught_up[FLAGS_AT + 1..], bytes[FLAGS_AT + 1..]);
    }

    #[test]
    fn a_fragment_takes_the_place_of_its_unit() {
        let id = frame_id("gate", 7);
        let header = Header {
            kind: Kind::Unit,
            flags: KEYFRAME,
            codec: Codec::H264,
            orientation: Orientation::UPRIGHT,
            index: 1,
            id: &id,
        };
        let unit = message(header, b"{}", b"unit");
        let fragment = Fragment {
            presentation_micros: 5,
            duration_micros: 40_000,
            codec: "avc1",
            initialization: b"moov",
            data: b"moof mdat",
        };
        let bytes = as_fragment(&unit, data_at(b"{}"), Some(&fragment));
        assert_eq!(bytes[0], 3);
        assert_eq!(
            bytes[1..46],
            unit[1..46],
            "the unit's own header and detections"
        );
        assert_eq!(bytes[46..54], 5_u64.to_le_bytes());
        assert_eq!(bytes[54..58], 40_000_u32.to_le_bytes());
        assert_eq!(bytes[58..66], [4, 0, 0, 0, 4, 0, 0, 0]);
        assert_eq!(bytes[66..], *b"avc1moovmoof mdat");
        assert_eq!(as_fragment(&unit, 46, None).len(), 46);
    }

    #[test]
    fn a_frame_without_detections_differs_from_one_in_which_nothing_was_detected() {
        let id = frame_id("gate", 0);
        let header = Header {
            kind: Kind::Unit,
            flags: NO_BOXES_KNOWN,
            codec: Codec::H264,
            orientation: Orientation::UPRIGHT,
            index: 0,
            id: &id,
        };
        assert_eq!(message(header, b"", b"")[FLAGS_AT], NO_BOXES_KNOWN);
        let nothing = String::from_utf8(json(&detections("gate", 0))).expect("text");
        assert_eq!(
            nothing,
            r#"{"w":640,"h":360,"boxes":[],"conf":[],"class":[],"label":[],"track":[]}"#
        );
    }

    #[test]
    fn boxes_have_what_the_model_gave_and_track_ids_are_exact() {
        let mut tracked = person([1.04, 2.0, 30.26, 40.0], 0.876_54);
        tracked.track_id = Some(u64::MAX);
        tracked.extras = Extras {
            keypoints: Some(Arc::from([1.0, 2.0, 0.123_45])),
            attributes: vec![Attribute {
                name: Arc::from("color"),
                label: Arc::from("red"),
                confidence: 0.5,
            }],
            ..Extras::default()
        };
        let mut row = detections("gate", 0);
        row.boxes = vec![tracked, person([0.0; 4], 0.5)];
        let value: serde_json::Value = serde_json::from_slice(&json(&row)).expect("JSON");
        assert_eq!(value["track"][0], u64::MAX.to_string());
        assert!(value["track"][1].is_null());
        assert_eq!(value["keypoints"][1], serde_json::json!([]));
        assert_eq!(value["attributes"][0][0]["label"], "red");
        assert_eq!(value.get("masks"), None);
        let text = String::from_utf8(json(&row)).expect("text");
        assert!(text.contains("[1.0,2.0,30.3,40.0]"), "{text}");
    }
}
