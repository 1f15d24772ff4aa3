use super::*;

const T0: i64 = 1_700_000_000_000_000_000;

fn write(folder: &Path, late_nanos: i64, shift: f32) {
    let record = serde_json::json!([{
        "id": "a", "fps": 10.0, "t0_unix_nanos": T0, "frames_in_clip": 5,
        "frames_sent": 10, "ended": true
    }]);
    fs::write(folder.join("cameras.json"), record.to_string()).expect("writable");
    let mut truth = String::new();
    let mut lines = String::new();
    for frame in 0..5_i64 {
        let x = 10.0 * frame as f32;
        truth += &format!(
            "{{\"frame\":{frame},\"objects\":[{{\"track_id\":7,\"class_id\":2,\"bbox\":[{x},10,{},40],\"visible\":1.0,\"ignore\":false}}]}}\n",
            x + 50.0
        );
    }
    // Ten frames: the clip is shown twice.
    for frame in 0..10_i64 {
        let x = 10.0 * (frame % 5) as f32 + shift;
        let line = DetectionLine {
            camera: "a".to_owned(),
            session_unix_nanos: 0,
            sequence: frame as u64,
            pts_nanos: 0,
            captured_unix_nanos: T0 + frame * 100_000_000 + late_nanos,
            captured_clock: "sender-report".to_owned(),
            detected_unix_nanos: 0,
            width: 640,
            height: 360,
            boxes: vec![[x, 10.0, x + 50.0, 40.0]],
            scores: vec![0.9],
            labels: vec!["car".to_owned()],
            class_ids: vec![0],
            track_ids: vec![Some(3)],
            attributes: None,
            embeddings: None,
            masks: None,
            keypoints: None,
            oriented: None,
            passes: None,
        };
        lines += &serde_json::to_string(&line).expect("json");
        lines += "\n";
    }
    fs::write(folder.join("a.truth.jsonl"), truth).expect("writable");
    fs::write(folder.join("d.jsonl"), lines).expect("writable");
}

#[test]
fn right_boxes_score_one_and_wrong_ones_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), 20_000, 0.0);
    let detections = folder.path().join("d.jsonl");
    let accuracy = score(&detections, folder.path())
        .expect("readable")
        .expect("truth");
    assert_eq!((accuracy.ap50, accuracy.ap50_95), (Some(1.0), Some(1.0)));
    assert_eq!((accuracy.idf1, accuracy.mota), (Some(1.0), Some(1.0)));
    assert_eq!((accuracy.hota, accuracy.ass_a), (Some(1.0), Some(1.0)));
    assert_eq!(accuracy.frames, 10);
    // 50 x 30 pixels: above 32 x 32.
    let car = ClassAccuracy {
        class: "car".to_owned(),
        objects: 10,
        ap50: 1.0,
        ap50_95: 1.0,
        small: None,
        medium: Some(1.0),
        large: None,
    };
    assert_eq!(accuracy.classes, [car]);
    assert_eq!(
        by_class(&accuracy.classes),
        "class       objects     AP50  AP50-95    small   medium    large\n\
         car              10    1.000    1.000     none    1.000     none"
    );
    write(folder.path(), 0, 300.0);
    let accuracy = score(&detections, folder.path())
        .expect("readable")
        .expect("truth");
    assert_eq!(accuracy.ap50, Some(0.0));
}

#[test]
fn frames_of_unknown_capture_time_are_not_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), 40_000_000, 0.0);
    assert!(
        score(&folder.path().join("d.jsonl"), folder.path())
            .expect("readable")
            .is_none()
    );
}

#[test]
fn a_broken_line_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), 0, 0.0);
    let path = folder.path().join("d.jsonl");
    fs::write(&path, "{}\n").expect("writable");
    let error = score(&path, folder.path())
        .expect_err("not a line")
        .to_string();
    assert!(
        error.contains("d.jsonl") && error.contains("line 1"),
        "{error}"
    );
}
