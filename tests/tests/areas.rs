//! Cameras of which only a part is looked at, beside the same cameras as a whole.

use std::collections::BTreeMap;
use std::fs;

use camweave_tests::{Cameras, Line, Pipeline, Results, workspace};
use camweave_vision::iou;

/// A scene that no training has seen.
const SEED: &str = "100211";
/// Of cam1, in parts of the frame.
const REGION: [f32; 4] = [0.2, 0.2, 0.9, 1.0];
/// Of cam2: what stands in the left half is ignored, down to the frame's lower edge.
const IGNORED_UP_TO: f32 = 0.5;
/// Frames of each camera that are compared.
const FRAMES: usize = 40;

/// The lines of two ids of one camera about the same frames.
fn pairs<'a>(results: &'a Results, whole: &str, part: &str) -> Vec<(&'a Line, &'a Line)> {
    // Both sessions have the camera's clock, as exactly as a tick of its RTP timestamps.
    let millis = |line: &Line| (line.captured_unix_nanos + 500_000) / 1_000_000;
    let whole: BTreeMap<i64, &Line> = (results.lines_of(whole).into_iter())
        .map(|line| (millis(line), line))
        .collect();
    let parts = results.lines_of(part).into_iter();
    parts
        .filter_map(|line| {
            let near = [-1, 0, 1].map(|off| whole.get(&(millis(line) + off)));
            Some((*near.into_iter().flatten().next()?, line))
        })
        .collect()
}

fn anchor(line: &Line, [x1, _, x2, y2]: [f32; 4]) -> [f32; 2] {
    let (width, height) = (line.width as f32, line.height as f32);
    [(x1 + x2) / 2.0 / width, y2 / height]
}

#[test]
fn regions_and_ignored_areas_are_kept() {
    let cameras = Cameras::start(&[
        "--cameras",
        "2",
        "--fps",
        "4",
        "--seconds",
        "20",
        "--at-end",
        "loop",
        "--seed",
        SEED,
    ]);
    let [(_, first), (_, second)] = cameras.urls() else {
        panic!("two cameras, not {:?}", cameras.urls());
    };
    let folder = tempfile::tempdir().expect("a folder");
    let yml = folder.path().join("cameras.yml");
    let right = IGNORED_UP_TO;
    let text = format!(
        "cameras:
  - {{id: whole, url: {first}}}
  - {{id: region, url: {first}, region: {REGION:?}}}
  - {{id: all, url: {second}}}
  - id: some
    url: {second}
    ignore:
      - [[0, 0], [{right}, 0], [{right}, 1], [0, 1]]
"
    );
    fs::write(&yml, text).expect("writable");
    let graph = workspace().join("dataflows/cpu-batched.yml");
    let mut pipeline = Pipeline::of(graph)
        .cameras(&yml)
        // How fast this machine is must not decide which frames are compared.
        .set("MAX_WAIT_MS", "10000")
        .set("STALL_TIMEOUT_MS", "60000")
        .start();
    for frames in [1, FRAMES as u64] {
        pipeline.wait_until("frames of all cameras", |it| {
            let ids = ["whole", "region", "all", "some"];
            ids.iter().all(|id| it.detected(id) >= frames)
        });
    }
    let results = pipeline.stop();
    results.check_accounts();

    // Every box is inside the region, and what the whole frame shows well inside of it is found.
    let [left, top, right, bottom] = REGION;
    let (mut objects, mut found) = (0, 0);
    let regions = pairs(&results, "whole", "region");
    assert!(regions.len() >= FRAMES / 2, "{} pairs", regions.len());
    for (whole, region) in regions {
        let (width, height) = (whole.width as f32, whole.height as f32);
        assert_eq!((region.width, region.height), (whole.width, whole.height));
        // Edges are rounded outwards to even pixels.
        let (left, right) = (left * width, right * width);
        let (top, bottom) = (top * height, bottom * height);
        for [x1, y1, x2, y2] in &region.boxes {
            assert!(
                *x1 >= left - 2.0 && *x2 <= right + 2.0 && *y1 >= top - 2.0 && *y2 <= bottom + 2.0,
                "{region:?}"
            );
        }
        for (index, bbox) in whole.boxes.iter().enumerate() {
            let [x1, y1, x2, y2] = *bbox;
            let is_inside =
                x1 > left + 4.0 && x2 < right - 4.0 && y1 > top + 4.0 && y2 < bottom - 4.0;
            if is_inside && whole.scores[index] > 0.6 {
                objects += 1;
                found += usize::from(region.boxes.iter().any(|it| iou(*it, *bbox) > 0.6));
            }
        }
    }
    println!("{found} of {objects} objects of the whole frame found in the region");
    assert!(objects >= FRAMES / 2, "{objects} objects in the region");
    assert!(10 * found >= 9 * objects, "{found} of {objects}");

    // The same boxes, without those that stand in the ignored area.
    let ignoring = pairs(&results, "all", "some");
    assert!(ignoring.len() >= FRAMES / 2, "{} pairs", ignoring.len());
    let (mut ignored, mut kept) = (0, 0);
    for (all, some) in ignoring {
        let is_ignored = |bbox: &[f32; 4]| anchor(all, *bbox)[0] <= IGNORED_UP_TO;
        assert!(!some.boxes.iter().any(is_ignored), "{some:?}");
        let is_among = |bbox: &[f32; 4], boxes: &[[f32; 4]]| {
            let near = |it: &[f32; 4]| it.iter().zip(bbox).all(|(a, b)| (a - b).abs() < 0.5);
            boxes.iter().any(near)
        };
        for bbox in &all.boxes {
            if is_ignored(bbox) {
                ignored += 1;
            } else {
                kept += 1;
                assert!(is_among(bbox, &some.boxes), "{bbox:?} is not in {some:?}");
            }
        }
        assert!(
            some.boxes.iter().all(|it| is_among(it, &all.boxes)),
            "{some:?}, {all:?}"
        );
    }
    println!("{ignored} boxes ignored, {kept} kept");
    assert!(ignored > 0 && kept > 0, "{ignored} ignored, {kept} kept");
    let count = &results.summary.facts["detect.nms.objects_ignored"];
    let count: u64 = count.parse().expect("a number");
    assert!(count >= ignored, "{count} counted, {ignored} seen");
}
