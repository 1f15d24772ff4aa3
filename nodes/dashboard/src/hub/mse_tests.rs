//! Access units as fragments of MP4, to viewers that ask for them.

use bytes::Bytes;
use camweave_message::Codec;

use super::*;
use crate::wire::Kind;

/// Of x264 for 320x180, profile Baseline, with the picture parameter set and an IDR slice.
const KEY: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10, 0, 0, 0, 1, 0x68, 0xcb,
    0x83, 0xcb, 0x20, 0, 0, 0, 1, 0x65, 1, 2, 3,
];
/// The same with a recovery point and a slice that is no IDR slice.
const RECOVERY: &[u8] = &[
    0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x9f, 0x9e, 0x10, 0, 0, 0, 1, 0x68, 0xcb,
    0x83, 0xcb, 0x20, 0, 0, 0, 1, 0x06, 0x06, 0x01, 0xc4, 0x80, 0, 0, 0, 1, 0x41, 7, 8, 9,
];
const SLICE: &[u8] = &[0, 0, 0, 1, 0x41, 4, 5, 6];

/// A fragment's message.
struct Fragment {
    bytes: Bytes,
    flags: u8,
    sequence: u64,
    pts_nanos: i64,
    detections: Vec<u8>,
    presentation_micros: u64,
    duration_micros: u32,
    codec: String,
    segments: Vec<u8>,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many bytes")
}

fn read(bytes: &Bytes) -> Fragment {
    assert_eq!(bytes[0], Kind::Fragment as u8);
    let data_at = 44 + u32::from_le_bytes(number(bytes, 40)) as usize;
    let codec_at = data_at + 20;
    let segments_at = codec_at + u32::from_le_bytes(number(bytes, data_at + 12)) as usize;
    Fragment {
        bytes: bytes.clone(),
        flags: bytes[1],
        sequence: u64::from_le_bytes(number(bytes, 16)),
        pts_nanos: i64::from_le_bytes(number(bytes, 24)),
        detections: bytes[44..data_at].to_vec(),
        presentation_micros: u64::from_le_bytes(number(bytes, data_at)),
        duration_micros: u32::from_le_bytes(number(bytes, data_at + 8)),
        codec: String::from_utf8(bytes[codec_at..segments_at].to_vec()).expect("a name"),
        segments: bytes[segments_at..].to_vec(),
    }
}

fn messages(joined: &Joined) -> (Vec<String>, Vec<Bytes>) {
    let (mut texts, mut all) = (Vec::new(), Vec::new());
    while let Some(Some(message)) = joined.viewer.queue.next().now_or_never() {
        match message {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Binary(bytes) => all.push(bytes),
            other => panic!("{other:?}"),
        }
    }
    (texts, all)
}

fn fragments(joined: &Joined) -> Vec<Fragment> {
    messages(joined).1.iter().map(read).collect()
}

fn row(sequence: u64, pts_millis: i64, data: &'static [u8]) -> Unit {
    let mut row = unit("gate", sequence);
    row.keyframe = data == KEY || data == RECOVERY;
    row.id.pts_nanos = pts_millis * 1_000_000;
    row.data = data.to_vec().into();
    row
}

impl Bench {
    /// Frames at 25 a second, each with its detections; every fifth is a keyframe.
    fn video(&mut self, sequences: std::ops::Range<u64>) {
        for sequence in sequences {
            let data = if sequence % 5 == 0 { KEY } else { SLICE };
            let row = row(sequence, sequence as i64 * 40, data);
            let mut found = detections("gate", sequence);
            found.id = row.id.clone();
            found.boxes = vec![person([1.0, 2.0, 3.0, 4.0], 0.5)];
            self.take(Watched::Unit(row));
            self.take(Watched::Detections(found));
        }
    }
}

/// The boxes at the outermost level.
fn boxes(mut bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while !bytes.is_empty() {
        names.push(String::from_utf8_lossy(&bytes[4..8]).into_owned());
        bytes = &bytes[u32::from_be_bytes(number(bytes, 0)) as usize..];
    }
    names
}

#[test]
fn one_who_asks_for_mp4_gets_each_frame_s_fragment_under_its_own_identity() {
    let mut bench = Bench::new();
    bench.video(0..7);
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    bench.video(7..12);
    let (texts, all) = messages(&viewer);
    assert_eq!(
        texts,
        [r#"{"type":"camera","index":0,"id":"gate","way":"mse"}"#]
    );
    let all: Vec<Fragment> = all.iter().map(read).collect();
    let sequences = all.iter().map(|it| it.sequence);
    assert!(sequences.eq(5..12), "from the last keyframe on");
    for it in &all {
        assert_eq!(it.pts_nanos, it.sequence as i64 * 40_000_000);
        assert!(!it.detections.is_empty(), "{}", it.sequence);
        let is_key = it.sequence % 5 == 0;
        assert_eq!(it.flags & KEYFRAME != 0, is_key);
        assert_eq!(it.flags & CATCH_UP != 0, it.sequence == 5);
        if is_key {
            assert_eq!(it.codec, "avc1.42C00D");
            assert_eq!(boxes(&it.segments), ["ftyp", "moov", "moof", "mdat"]);
            assert!(it.segments.ends_with(&[0, 0, 0, 4, 0x65, 1, 2, 3]));
        } else {
            assert_eq!(it.codec, "");
            assert_eq!(boxes(&it.segments), ["moof", "mdat"]);
            assert!(it.segments.ends_with(&[0, 0, 0, 4, 0x41, 4, 5, 6]));
        }
    }
    for pair in all.windows(2) {
        assert_eq!(
            pair[1].presentation_micros - pair[0].presentation_micros,
            40_000
        );
        assert!(pair[1].duration_micros > 0);
    }
    assert_eq!((bench.dropped(), bench.inside()), (BTreeMap::new(), 0));
}

#[test]
fn a_fragment_is_made_once_for_all_and_not_for_those_who_take_units() {
    let mut bench = Bench::new();
    bench.video(0..7);
    let unit_only = bench.viewer(&[("gate", Way::Video)]);
    bench.video(7..9);
    let units = messages(&unit_only).1;
    assert!(units.iter().all(|it| it[0] == Kind::Unit as u8));
    let kept = bench.hub.cached;
    let [first, second] = [(); 2].map(|()| bench.viewer(&[("gate", Way::Mse)]));
    assert!(
        bench.hub.cached > kept,
        "fragments are kept for those who join"
    );
    for viewer in [&first, &second] {
        assert_eq!(fragments(viewer).len(), 4);
    }
    bench.video(9..12);
    let [ours, theirs] = [&first, &second].map(fragments);
    assert_eq!(ours.len(), 3);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours.bytes.as_ptr(), theirs.bytes.as_ptr(), "the same bytes");
    }
    let units = messages(&unit_only).1;
    assert_eq!(units.len(), 3);
    for (unit, sequence) in units.iter().zip(9_u64..) {
        assert_eq!(unit[0], Kind::Unit as u8);
        assert_eq!(unit[16..24], sequence.to_le_bytes());
        assert!(unit.ends_with(if sequence == 10 { KEY } else { SLICE }));
    }
    drop((first, second));
    bench.after(Duration::from_millis(1));
    let camera = &bench.hub.cameras["gate"];
    assert_eq!(
        camera.kept_bytes(),
        camera.group.bytes(),
        "no viewer asks for any"
    );
    assert_eq!(bench.hub.cached, camera.group.bytes());
}

#[test]
fn a_session_that_ends_and_begins_again_goes_on_in_the_fragments_time() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    bench.video(0..3);
    bench.after(Duration::from_secs(1));
    let before = fragments(&viewer);
    let last = before.last().expect("frames").presentation_micros;
    let mut end = row(3, 120, &[]);
    bench.take(Watched::Unit(end.clone()));
    let ended = messages(&viewer).1;
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0][0], ended[0].len()),
        (Kind::Fragment as u8, 44),
        "an end has no data"
    );
    end = row(0, 0, KEY);
    end.id.session_unix_nanos += 1;
    bench.take(Watched::Unit(end));
    bench.after(Duration::from_secs(1));
    let again = fragments(&viewer);
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].presentation_micros, last + 40_000);
    assert_eq!(again[0].pts_nanos, 0);
}

#[test]
fn one_who_changes_the_way_joins_again() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Video)]);
    bench.video(0..3);
    bench.after(Duration::from_secs(1));
    viewer.watch(vec![Wanted {
        id: Arc::from("gate"),
        way: Way::Mse,
    }]);
    bench.after(Duration::from_millis(1));
    let (texts, all) = messages(&viewer);
    assert_eq!(texts.len(), 2, "{texts:?}");
    let all: Vec<Fragment> = all.iter().map(read).collect();
    assert!(
        all.iter().map(|it| it.sequence).eq(0..3),
        "and no unit that waited"
    );
}

#[test]
fn what_is_not_written_as_mp4_is_refused_with_a_reason() {
    let mut bench = Bench::new();
    let mut vp9 = row(0, 0, KEY);
    vp9.codec = Codec::Vp9;
    bench.take(Watched::Unit(vp9));
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    let (texts, all) = messages(&viewer);
    assert!(
        texts[0].contains(r#""way":"none","reason":"only H.264 and H.265"#),
        "{texts:?}"
    );
    assert!(all.is_empty());
    // A keyframe without parameter sets.
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    let mut bare = row(0, 0, &KEY[KEY.len() - 8..]);
    bare.keyframe = true;
    bench.take(Watched::Unit(bare));
    bench.after(Duration::from_secs(1));
    bench.after(Duration::from_secs(1));
    let (texts, all) = messages(&viewer);
    assert!(
        texts
            .last()
            .is_some_and(|it| it.contains("cannot be written as MP4")),
        "{texts:?}"
    );
    assert!(all.is_empty());
    bench.video(5..7);
    bench.after(Duration::from_secs(1));
    assert_eq!(fragments(&viewer).len(), 2, "from the next keyframe on");
}

#[test]
fn recovery_points_are_keyframes_of_units_and_not_of_fragments() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    let units = bench.viewer(&[("gate", Way::Video)]);
    for (sequence, data) in (0..).zip([KEY, SLICE, RECOVERY, SLICE]) {
        bench.take(Watched::Unit(row(sequence, sequence as i64 * 40, data)));
        bench.after(Duration::from_millis(1));
    }
    bench.after(Duration::from_secs(1));
    let all = fragments(&viewer);
    let is_key = all.iter().map(|it| it.flags & KEYFRAME != 0);
    assert!(is_key.eq([true, false, false, false]));
    assert_eq!(all[2].codec, "");
    assert_eq!(boxes(&all[2].segments), ["moof", "mdat"]);
    let units = messages(&units).1;
    let is_key = units.iter().map(|it| it[1] & KEYFRAME != 0);
    assert!(is_key.eq([true, false, true, false]));
    // One who joins begins with the IDR frame.
    let late = bench.viewer(&[("gate", Way::Mse)]);
    assert!(fragments(&late).iter().map(|it| it.sequence).eq(0..4));
    // So does a session.
    for (sequence, data) in (0..).zip([RECOVERY, SLICE, KEY, SLICE]) {
        let mut row = row(sequence, sequence as i64 * 40, data);
        row.id.session_unix_nanos += 1;
        bench.take(Watched::Unit(row));
    }
    bench.after(Duration::from_secs(1));
    assert!(fragments(&viewer).iter().map(|it| it.sequence).eq(2..4));
}

#[test]
fn a_camera_without_idr_frames_is_refused_until_one_comes() {
    let mut bench = Bench::new();
    let viewer = bench.viewer(&[("gate", Way::Mse)]);
    for sequence in 0..13 {
        bench.take(Watched::Unit(row(
            sequence,
            sequence as i64 * 1000,
            RECOVERY,
        )));
        bench.after(Duration::from_secs(1));
    }
    let (texts, all) = messages(&viewer);
    assert_eq!(
        texts.len(),
        2,
        "it is refused once, and not given again: {texts:?}"
    );
    assert!(texts[0].contains(r#""way":"mse""#), "{texts:?}");
    assert!(
        texts[1].contains(r#""way":"none","reason":"this camera sends IDR frames more rarely"#),
        "{texts:?}"
    );
    assert!(all.is_empty());
    bench.take(Watched::Unit(row(13, 13_000, KEY)));
    bench.after(Duration::from_secs(1));
    bench.after(Duration::from_secs(1));
    let (texts, all) = messages(&viewer);
    assert!(texts[0].contains(r#""way":"mse""#), "{texts:?}");
    assert_eq!(all.len(), 1);
}
