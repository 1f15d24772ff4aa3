//! What counting a frame costs: one call is a frame that came and one that went, of one of 64
//! cameras. `memory` counts in the process alone, `ledger` also in the file that a kill leaves.

use camweave_telemetry::{Counters, StageIdentity, StatsFile};
use divan::{Bencher, black_box};

const CAMERAS: usize = 64;

fn main() {
    divan::main();
}

#[divan::bench(args = ["memory", "ledger"])]
fn frame(bencher: Bencher<'_, '_>, name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let counters = if name == "memory" {
        Counters::new("bench", "bench", None)
    } else {
        let identity = StageIdentity {
            stage: "bench".to_owned(),
            ..StageIdentity::default()
        };
        let file = StatsFile::open(folder.path(), "bench").expect("our folder");
        file.count(identity).expect("our folder")
    };
    let cameras: Vec<String> = (0..CAMERAS).map(|number| format!("cam{number}")).collect();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % CAMERAS;
        let camera = black_box(&*cameras[next]);
        counters.received(camera);
        counters.sent(camera, 1000);
    });
}
