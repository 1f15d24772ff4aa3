mod detection;
mod tracking;

use camweave_vision::metrics::{FrameTruth, TruthObject};

/// Knuth's MMIX generator, as in `tests/reference/metrics.py`.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn jitter(&mut self) -> [f64; 4] {
        std::array::from_fn(|_| self.below(9) as f64 - 4.0)
    }
}

fn truth(track_id: u64, class_id: u32, bbox: [f64; 4]) -> TruthObject {
    TruthObject {
        track_id,
        class_id,
        bbox,
        ignore: false,
    }
}

fn close(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!(
        (found - expected).abs() < 1e-12,
        "{found} is not {expected}"
    );
}

#[test]
fn truth_is_read_as_the_renderer_writes_it() {
    let line = r#"{"frame":3,"objects":[{"track_id":7,"class_id":2,"bbox":[1.0,2.0,3.5,4.0],"visible":0.9,"ignore":false}]}"#;
    let frame: FrameTruth = serde_json::from_str(line).unwrap();
    assert_eq!(frame.objects, [truth(7, 2, [1.0, 2.0, 3.5, 4.0])]);
}
