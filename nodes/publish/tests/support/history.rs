//! What a receiver has seen, against what was promised.

use std::collections::BTreeMap;

use camweave_publish::Payload;

use super::numbered;

/// Checks that the rows of `0..count` have all come, in order by camera, and that whatever came twice is
/// the same; how many came again.
pub fn check<'a>(payloads: impl Iterator<Item = &'a str>, count: u64) -> usize {
    let mut by_id: BTreeMap<String, String> = BTreeMap::new();
    let mut first_seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let mut again = 0;
    for text in payloads {
        let payload: Payload = serde_json::from_str(text).expect("a payload");
        if let Some(before) = by_id.get(&payload.id) {
            assert_eq!(before, text, "one id, two rows");
            again += 1;
            continue;
        }
        by_id.insert(payload.id, text.to_owned());
        let number = payload.event.rsplit_once('-').expect("a number").1;
        let of_camera = first_seen.entry(payload.camera).or_default();
        of_camera.push(number.parse().expect("a number"));
    }
    let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for number in 0..count {
        let camera = numbered(number).id.camera.to_string();
        expected.entry(camera).or_default().push(number);
    }
    assert_eq!(first_seen, expected);
    again
}

/// Whether all rows of `0..count` have come.
pub fn is_complete<'a>(payloads: impl Iterator<Item = &'a str>, count: u64) -> bool {
    let ids = payloads.map(|text| {
        let payload: Payload = serde_json::from_str(text).expect("a payload");
        payload.id
    });
    let ids: std::collections::BTreeSet<String> = ids.collect();
    ids.len() as u64 >= count
}
