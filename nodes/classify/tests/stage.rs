//! The stage on frames in real pools, with a network that tells red, green and blue apart.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use camweave_classify::{Classify, ClassifySettings, use_program};
use camweave_message::{DetectedBox, Detections};
use camweave_stage::{Context, Declared, Exit, Output, Settings as _, Stage, StageError};
use camweave_testing::{detections, person};

use support::{COLORS, Camera, Net};

const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    context: Context,
    stage: Classify,
    _folder: tempfile::TempDir,
}

fn declared(model: &Path, values: &[(&str, &str)]) -> Declared {
    let model = model.display().to_string();
    let mut all: BTreeMap<_, _> = values.iter().copied().collect();
    all.insert("MODEL", &model);
    all.entry("ENGINE").or_insert("rten");
    all.entry("ANSWER_WAIT_MS").or_insert("10000");
    all.entry("NAME").or_insert("color");
    Declared::of(all)
}

fn open(net: &Net, values: &[(&str, &str)]) -> Result<Bench, StageError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = net.write(&folder);
    let context = Context::for_tests("classify", folder.path());
    let stage = Classify::open_declared(&declared(&model, values), &context)?;
    Ok(Bench {
        context,
        stage,
        _folder: folder,
    })
}

impl Bench {
    fn pass(&mut self, rows: Vec<Detections>) -> Vec<Detections> {
        let mut out = Output::default();
        self.stage.rows(rows, &mut out).expect("the stage goes on");
        let began = Instant::now();
        loop {
            if let Some(rows) = out.take().pop() {
                return rows;
            }
            assert!(began.elapsed() < PATIENCE);
            std::thread::sleep(Duration::from_millis(1));
            self.stage.tick(&mut out).expect("the stage goes on");
        }
    }

    fn errors(&self) -> BTreeMap<String, u64> {
        let report = self.context.counters.report();
        let camera = report.cameras.get("north");
        camera.map(|it| it.errors.clone()).unwrap_or_default()
    }
}

fn item(left: f32, track_id: Option<u64>) -> DetectedBox {
    DetectedBox {
        track_id,
        ..person([left, 60.0, left + 60.0, 140.0], 0.9)
    }
}

fn row(camera: &Camera, sequence: u64, boxes: Vec<DetectedBox>) -> Detections {
    let mut row = detections("north", sequence);
    row.image_size = (320, 180);
    row.picture = Some(camera.picture());
    row.boxes = boxes;
    row
}

fn labels(row: &Detections) -> Vec<String> {
    let label = |it: &DetectedBox| it.extras.attributes.first().map(|it| it.label.to_string());
    row.boxes
        .iter()
        .map(|it| label(it).unwrap_or_default())
        .collect()
}

#[test]
fn each_object_has_the_color_of_its_own_pixels() {
    let fixed = Net {
        batch: Some(4),
        ..Net::default()
    };
    let logits = Net {
        softmax: false,
        ..Net::default()
    };
    for (net, values) in [
        (Net::default(), vec![]),
        (Net::default(), vec![("MAX_BATCH", "1")]),
        (Net::default(), vec![("CLASSIFIER_THREADS", "2")]),
        (fixed, vec![]),
        (logits, vec![]),
    ] {
        let mut bench = open(&net, &values).expect("a good network");
        let camera = Camera::new(4);
        let boxes = vec![
            item(20.0, Some(1)),
            item(130.0, Some(2)),
            item(240.0, None),
            item(25.0, None),
            item(135.0, None),
        ];
        let rows = bench.pass(vec![
            row(&camera, 0, boxes),
            row(&camera, 1, vec![item(130.0, None)]),
        ]);
        assert_eq!(labels(&rows[0]), ["red", "green", "blue", "red", "green"]);
        assert_eq!(labels(&rows[1]), ["green"]);
        for attribute in rows[0].boxes.iter().flat_map(|it| &it.extras.attributes) {
            assert_eq!(&*attribute.name, "color");
            assert!(COLORS.contains(&&*attribute.label) && attribute.confidence > 0.9);
        }
        assert_eq!(bench.errors(), BTreeMap::new());
    }
}

#[test]
fn a_crop_shows_the_box_and_its_margin() {
    // The box is in the red third, and the green one is near.
    let narrow = || vec![person([80.0, 70.0, 106.0, 96.0], 0.9)];
    let camera = Camera::new(4);
    let confidence = |values: &[(&str, &str)]| {
        let mut bench = open(&Net::default(), values).expect("a good network");
        let rows = bench.pass(vec![row(&camera, 0, narrow())]);
        let attribute = &rows[0].boxes[0].extras.attributes[0];
        assert_eq!(&*attribute.label, "red");
        attribute.confidence
    };
    assert!(confidence(&[]) > 0.99999);
    // Two fifths of it are green then.
    let wide = confidence(&[("MARGIN", "2")]);
    assert!((0.99..0.9995).contains(&wide), "{wide}");
}

#[test]
fn a_frame_whose_memory_was_reused_costs_its_answers() {
    let mut bench = open(&Net::default(), &[]).expect("a good network");
    let camera = Camera::new(2);
    let late = row(&camera, 0, vec![item(20.0, Some(1)), item(130.0, None)]);
    for _ in 0..4 {
        let _ = camera.picture();
    }
    let rows = bench.pass(vec![late]);
    assert_eq!(labels(&rows[0]), ["", ""]);
    assert_eq!(
        bench.errors(),
        BTreeMap::from([("crop_expired".to_owned(), 2)])
    );
    let rows = bench.pass(vec![row(&camera, 5, vec![item(20.0, Some(1))])]);
    assert_eq!(labels(&rows[0]), ["red"]);
}

#[test]
fn frames_in_the_memory_of_a_gpu_fail_and_their_tracks_rest() {
    let mut bench = open(&Net::default(), &[]).expect("a good network");
    let camera = Camera::new(4);
    for sequence in 0..4 {
        let mut other = row(&camera, sequence, vec![item(20.0, Some(1))]);
        let picture = other.picture.as_mut().expect("the row has pixels");
        let pool = picture.slot.pool.to_string().replace("host:", "cuda:");
        picture.slot.pool = pool.parse().expect("an id");
        assert_eq!(labels(&bench.pass(vec![other])[0]), [""]);
    }
    assert_eq!(
        bench.errors(),
        BTreeMap::from([("crop_failed".to_owned(), 1)])
    );
}

#[test]
fn an_embedding_has_length_one() {
    let net = Net {
        softmax: false,
        metadata: Vec::new(),
        settings: Some("family: embedding\ninput: {mean: [0, 0, 0], deviation: [1, 1, 1]}\n"),
        ..Net::default()
    };
    let mut bench = open(&net, &[]).expect("a good network");
    let camera = Camera::new(4);
    let rows = bench.pass(vec![row(
        &camera,
        0,
        vec![item(20.0, Some(1)), item(240.0, None)],
    )]);
    // 230, 40 and 40 of each pixel.
    let length = (230.0_f32.powi(2) + 2.0 * 40.0_f32.powi(2)).sqrt();
    for (item, order) in rows[0].boxes.iter().zip([[0, 1, 2], [2, 0, 1]]) {
        let found = item.extras.embedding.as_deref().expect("an embedding");
        for (index, expected) in order.into_iter().zip([230.0, 40.0, 40.0]) {
            assert!((found[index] - expected / length).abs() < 0.01, "{found:?}");
        }
        assert_eq!(item.extras.attributes, []);
    }
}

#[test]
fn what_the_stage_says_of_itself() {
    let bench = open(&Net::default(), &[]).expect("a good network");
    let facts = bench.context.counters.report().facts;
    for (fact, expected) in [
        ("input_size", "16x16"),
        ("output", "probabilities of 3 classes"),
        ("engine", "rten"),
        ("batch", "dynamic"),
    ] {
        assert_eq!(
            facts.get(fact).map(String::as_str),
            Some(expected),
            "{fact}: {facts:?}"
        );
    }
    assert!(facts["model"].starts_with("colors.onnx@"));
}

#[test]
fn models_of_other_kinds_are_refused_with_one_line() {
    use_program(PathBuf::from(env!("CARGO_BIN_EXE_classify")));
    let detector = Net {
        metadata: vec![("task", "detect")],
        ..Net::default()
    };
    let silent = Net {
        metadata: Vec::new(),
        ..Net::default()
    };
    let unsaid = Net {
        settings: Some("family: yolov8\n"),
        ..Net::default()
    };
    for (net, part) in [
        (detector, "expected 'classify'"),
        (silent, "'family: timm'"),
        (unsaid, "colors.yml', line 1"),
    ] {
        let error = open(&net, &[]).err().expect("refused");
        assert_eq!(error.exit, Exit::Input, "{error}");
        assert!(
            error.message.contains(part) && !error.message.contains('\n'),
            "{error}"
        );
    }
    // With a trial in a process of its own.
    assert!(open(&Net::default(), &[]).is_ok());
}

#[test]
fn settings_that_contradict_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = Net::default().write(&folder);
    let long = "n".repeat(65);
    for (name, value) in [
        ("NAME", long.as_str()),
        ("CLASSES", "car,,truck"),
        ("CERTAIN", "2"),
    ] {
        let error = ClassifySettings::read(&declared(&model, &[(name, value)]));
        let error = error.expect_err("refused");
        assert_eq!(error.exit, Exit::Configuration);
        assert!(error.message.contains(name), "{error}");
    }
    let settings = ClassifySettings::read(&declared(&model, &[])).expect("valid");
    settings.check_files().expect("a good file");
    let missing = ClassifySettings::read(&declared(&folder.path().join("none.onnx"), &[]));
    let error = missing
        .expect("valid")
        .check_files()
        .expect_err("no such file");
    assert!(error.message.contains("none.onnx"), "{error}");
}
