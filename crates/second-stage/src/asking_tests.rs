use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use camweave_message::{PictureRef, Row as _};
use camweave_model::{Answer, ClassActivation, ClassifierFamily};
use camweave_pool::{HostMemory, PoolSpec, Producer, Reference};
use camweave_testing::{detections, person};
use camweave_vision::{ColorMatrix, ColorRange, CropFit, InputFormat, PictureLayout, PixelFormat};

use super::*;

const LABELS: [&str; 3] = ["red", "green", "blue"];
const SECOND: i64 = 1_000_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// Answers by what it is given, as soon as it may.
struct Scripted<F> {
    answer: F,
    gate: Option<Receiver<()>>,
}

impl<F: FnMut(&Ask) -> Outcome + Send> Backend for Scripted<F> {
    fn answer(&mut self, asks: &[Ask]) -> Result<Vec<Outcome>, StageError> {
        if let Some(gate) = &self.gate {
            // The test has ended.
            let _ = gate.recv();
        }
        Ok(asks.iter().map(&mut self.answer).collect())
    }
}

fn classifier(meaning: Meaning) -> Classifier {
    Classifier {
        family: ClassifierFamily::Classify,
        output: 0,
        fit: CropFit::Stretch,
        input: InputFormat::default(),
        meaning,
        reasons: Vec::new(),
        warnings: Vec::new(),
    }
}

fn classes() -> Meaning {
    Meaning::Classes {
        activation: ClassActivation::None,
        names: LABELS.map(str::to_owned).to_vec(),
    }
}

struct Bench {
    asking: Asking,
    context: Context,
    picture: PictureRef,
    _folder: tempfile::TempDir,
}

fn bench_of(
    settings: &AskSettings,
    meaning: Meaning,
    answer: impl FnMut(&Ask) -> Outcome + Send + 'static,
    gate: Option<Receiver<()>>,
) -> Bench {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let context = Context::for_tests("classify", folder.path());
    let backend = Box::new(Scripted { answer, gate });
    let classifier = classifier(meaning);
    let asking = Asking::start(settings, &classifier, (64, 64), backend, &context);
    let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Limited);
    let layout = PictureLayout::packed(640, 360, PixelFormat::I420, matrix, range);
    let spec = PoolSpec {
        name: "test".into(),
        slots: 1,
        slot_bytes: 64,
    };
    let producer = Producer::<HostMemory>::create(&spec).expect("a small pool");
    let slot = Reference {
        pool: producer.id().clone(),
        slot: 0,
        generation: 7,
    };
    Bench {
        asking: asking.expect("a thread"),
        context,
        picture: PictureRef { layout, slot },
        _folder: folder,
    }
}

/// A model that sees by the crop's left edge what it is of: a class for each 100 pixels.
fn by_place(ask: &Ask) -> Outcome {
    let mut probabilities = vec![0.05; 3];
    probabilities[(ask.crop.position().0 / 100) as usize % 3] = 0.9;
    Outcome::Answer(Answer::Classes(probabilities))
}

fn patient() -> AskSettings {
    AskSettings {
        name: "colour".to_owned(),
        answer_wait_ms: 10_000,
        ..AskSettings::default()
    }
}

fn item(left: f32, track_id: Option<u64>) -> DetectedBox {
    DetectedBox {
        track_id,
        ..person([left, 100.0, left + 40.0, 180.0], 0.9)
    }
}

impl Bench {
    fn row(&self, sequence: u64, nanos: i64, boxes: Vec<DetectedBox>) -> Detections {
        let mut row = detections("cam1", sequence);
        row.id.captured_unix_nanos = nanos;
        row.picture = Some(self.picture.clone());
        row.boxes = boxes;
        row
    }

    /// Sends a message of one row, and waits until it is passed on.
    fn pass(&mut self, row: Detections) -> Detections {
        let mut out = Output::default();
        self.asking.rows(vec![row], &mut out).expect("goes on");
        let mut passed = self.until(1, out);
        passed.remove(0).remove(0)
    }

    fn until(&mut self, messages: usize, mut out: Output<Detections>) -> Vec<Vec<Detections>> {
        let mut passed = out.take();
        let began = Instant::now();
        while passed.len() < messages {
            assert!(began.elapsed() < PATIENCE, "{} passed on", passed.len());
            self.asking.work.wait(Instant::now() + PATIENCE);
            self.asking.tick(&mut out).expect("goes on");
            passed.extend(out.take());
        }
        passed
    }

    fn errors(&self, kind: &str) -> u64 {
        let report = self.context.counters.report();
        let camera = report.cameras.get("cam1");
        camera
            .and_then(|it| it.errors.get(kind).copied())
            .unwrap_or(0)
    }
}

fn labels(row: &Detections) -> Vec<Option<&str>> {
    let label = |item: &DetectedBox| -> Option<usize> {
        let attribute = item.extras.attributes.first()?;
        assert_eq!(
            (&*attribute.name, item.extras.attributes.len()),
            ("colour", 1)
        );
        LABELS.iter().position(|it| **it == *attribute.label)
    };
    let found = row.boxes.iter().map(label);
    found.map(|it| it.map(|index| LABELS[index])).collect()
}

#[test]
fn a_row_has_the_answers_about_its_own_boxes() {
    let mut bench = bench_of(&patient(), classes(), by_place, None);
    let boxes = vec![item(0.0, Some(1)), item(100.0, None), item(210.0, Some(2))];
    let row = bench.pass(bench.row(0, 0, boxes));
    assert_eq!(labels(&row), [Some("red"), Some("green"), Some("blue")]);
    assert!((row.boxes[1].extras.attributes[0].confidence - 0.9).abs() < 1e-6);
    // A track keeps what is known of it, wherever it is; of a box nothing is known.
    let boxes = vec![item(210.0, Some(1)), item(0.0, None)];
    let row = bench.pass(bench.row(1, SECOND / 10, boxes));
    assert_eq!(labels(&row), [Some("red"), Some("red")]);
    assert_eq!(bench.asking.asked, 4);
}

#[test]
fn a_track_is_asked_about_again_after_the_interval_and_votes() {
    let mut bench = bench_of(&patient(), classes(), by_place, None);
    let mut row = bench.pass(bench.row(0, 0, vec![item(10.0, Some(1))]));
    for (sequence, seconds) in [(1, 1), (2, 3), (3, 6), (4, 9)] {
        row = bench.pass(bench.row(sequence, seconds * SECOND, vec![item(110.0, Some(1))]));
    }
    assert_eq!(bench.asking.asked, 4, "at 0, 3, 6 and 9 s");
    assert_eq!(labels(&row), [Some("green")]);
    assert!(row.boxes[0].extras.attributes[0].confidence < 0.8);
}

#[test]
fn a_model_that_is_behind_delays_nothing() {
    let (open, gate): (Sender<()>, _) = channel();
    let settings = AskSettings {
        answer_wait_ms: 0,
        max_waiting: 4,
        max_batch: 1,
        ..patient()
    };
    let mut bench = bench_of(&settings, classes(), by_place, Some(gate));
    for sequence in 0..20 {
        let boxes = vec![item(10.0, Some(1)), item(110.0, None)];
        let mut out = Output::default();
        let row = bench.row(sequence, sequence as i64, boxes);
        bench.asking.rows(vec![row], &mut out).expect("goes on");
        let passed = out.take();
        assert_eq!(passed.len(), 1, "message {sequence}");
        assert_eq!(passed[0][0].id.sequence, sequence);
        assert_eq!(labels(&passed[0][0]), [None, None]);
    }
    // Of 21 questions five fit: one is asked, four wait.
    let (asked, skipped) = (bench.asking.asked, bench.errors(SKIPPED));
    assert_eq!(asked + skipped, 21);
    assert!((4..=5).contains(&asked), "{asked}");
    for _ in 0..asked {
        open.send(()).expect("the thread waits");
    }
    let began = Instant::now();
    while !bench.asking.work.is_idle() {
        assert!(began.elapsed() < PATIENCE);
        bench.asking.work.wait(Instant::now() + PATIENCE);
        bench.asking.tick(&mut Output::default()).expect("goes on");
    }
    assert_eq!(
        bench.errors(LATE),
        asked - 1,
        "answers about boxes without a track"
    );
    let mut out = Output::default();
    let row = bench.row(20, 20, vec![item(10.0, Some(1))]);
    bench.asking.rows(vec![row], &mut out).expect("goes on");
    assert_eq!(
        labels(&out.take()[0][0]),
        [Some("red")],
        "the track's answer counts"
    );
}

#[test]
fn rows_keep_their_order_and_their_messages() {
    let mut bench = bench_of(&patient(), classes(), by_place, None);
    let mut out = Output::default();
    let mut sent = Vec::new();
    for sequence in 0..30 {
        let boxes = if sequence % 3 == 0 {
            Vec::new()
        } else {
            vec![item(10.0, None)]
        };
        let rows: Vec<_> = (0..1 + sequence % 2)
            .map(|part| bench.row(2 * sequence + part, 0, boxes.clone()))
            .collect();
        sent.push(rows.iter().map(|it| it.id.sequence).collect::<Vec<_>>());
        bench.asking.rows(rows, &mut out).expect("goes on");
    }
    let passed = bench.until(30, out);
    let numbers = |rows: &Vec<Detections>| rows.iter().map(|it| it.id.sequence).collect::<Vec<_>>();
    assert_eq!(passed.iter().map(numbers).collect::<Vec<_>>(), sent);
}

#[test]
fn unknown_tracks_come_first_and_the_others_later() {
    let settings = AskSettings {
        max_crops: 2,
        ..patient()
    };
    let mut bench = bench_of(&settings, classes(), by_place, None);
    let boxes = || {
        [1, 2, 3]
            .map(|id| item(100.0 * id as f32, Some(id)))
            .to_vec()
    };
    let row = bench.pass(bench.row(0, 0, boxes()));
    assert_eq!(labels(&row), [Some("green"), Some("blue"), None]);
    let row = bench.pass(bench.row(1, SECOND, boxes()));
    assert_eq!(labels(&row), [Some("green"), Some("blue"), Some("red")]);
    // All are due again, and a new one.
    let mut all = boxes();
    all.push(item(400.0, Some(4)));
    let row = bench.pass(bench.row(2, 9 * SECOND, all));
    assert_eq!(labels(&row)[3], Some("green"));
    assert_eq!(bench.errors(SKIPPED), 0);
}

#[test]
fn boxes_without_a_track_do_not_take_the_place_of_tracks() {
    let settings = AskSettings {
        max_crops: 2,
        ..patient()
    };
    let mut bench = bench_of(&settings, classes(), by_place, None);
    bench.pass(bench.row(0, 0, vec![item(100.0, Some(1))]));
    // The best scores first: two without a track, one that is due again, and a new one.
    let boxes = vec![
        item(0.0, None),
        item(10.0, None),
        item(210.0, Some(1)),
        item(200.0, Some(2)),
    ];
    let row = bench.pass(bench.row(1, 9 * SECOND, boxes));
    assert_eq!(labels(&row), [None, None, Some("blue"), Some("blue")]);
    assert_eq!(bench.errors(SKIPPED), 2);
}

#[test]
fn only_objects_of_the_classes_and_of_the_size_are_asked_about() {
    let settings = AskSettings {
        classes: "car, person".to_owned(),
        min_size: 40,
        ..patient()
    };
    let mut bench = bench_of(&settings, classes(), by_place, None);
    let other = DetectedBox {
        label: Arc::from("truck"),
        ..item(10.0, Some(1))
    };
    let small = DetectedBox {
        track_id: Some(2),
        ..person([10.0, 10.0, 49.0, 90.0], 0.9)
    };
    let row = bench.pass(bench.row(0, 0, vec![other, small, item(10.0, Some(3))]));
    assert_eq!(labels(&row), [None, None, Some("red")]);
    // Without pixels nothing can be asked.
    let mut blind = bench.row(1, 9 * SECOND, vec![item(10.0, Some(3)), item(10.0, None)]);
    blind.picture = None;
    assert_eq!(labels(&bench.pass(blind)), [Some("red"), None]);
}

#[test]
fn an_expired_frame_costs_an_answer_and_no_row() {
    let mut count = 0;
    let first_is_gone = move |ask: &Ask| {
        count += 1;
        if count == 1 {
            Outcome::Expired
        } else {
            by_place(ask)
        }
    };
    let mut bench = bench_of(&patient(), classes(), first_is_gone, None);
    let row = bench.pass(bench.row(0, 0, vec![item(10.0, Some(1))]));
    assert_eq!((labels(&row), bench.errors(EXPIRED)), (vec![None], 1));
    let row = bench.pass(bench.row(1, 1, vec![item(10.0, Some(1))]));
    assert_eq!(labels(&row), [Some("red")], "asked again at once");
}

#[test]
fn a_track_whose_question_fails_is_not_asked_about_in_each_frame() {
    let failed = |_: &Ask| Outcome::Failed("memory of another kind".to_owned());
    let mut bench = bench_of(&patient(), classes(), failed, None);
    for sequence in 0..50 {
        // Each 100 ms.
        let nanos = sequence * SECOND / 10;
        let row = bench.row(sequence as u64, nanos, vec![item(10.0, Some(1))]);
        assert_eq!(labels(&bench.pass(row)), [None]);
    }
    assert_eq!((bench.asking.asked, bench.errors(FAILED)), (3, 3));
}

#[test]
fn embeddings_are_of_the_track() {
    let answer = |ask: &Ask| {
        let is_left = ask.crop.position().0 < 100;
        Outcome::Answer(Answer::Embedding(if is_left {
            vec![1.0, 0.0]
        } else {
            vec![0.0, 1.0]
        }))
    };
    let mut bench = bench_of(&patient(), Meaning::Embedding(2), answer, None);
    let row = bench.pass(bench.row(0, 0, vec![item(10.0, Some(1)), item(200.0, None)]));
    let values = |row: &Detections, index: usize| row.boxes[index].extras.embedding.clone();
    assert_eq!(values(&row, 0).as_deref(), Some(&[1.0, 0.0][..]));
    assert_eq!(values(&row, 1).as_deref(), Some(&[0.0, 1.0][..]));
    assert_eq!(row.boxes[0].extras.attributes, []);
}

#[test]
fn vectors_that_no_message_has_room_for_are_left_out_and_counted() {
    let settings = AskSettings {
        max_crops: 1000,
        max_waiting: 1000,
        ..patient()
    };
    let answer = |_: &Ask| Outcome::Answer(Answer::Embedding(vec![1.0 / 128.0_f32.sqrt(); 8192]));
    let mut bench = bench_of(&settings, Meaning::Embedding(8192), answer, None);
    let boxes = (0..300).map(|id| item(id as f32, (id % 2 == 0).then_some(id)));
    let row = bench.pass(bench.row(0, 0, boxes.collect()));
    // Boxes stay, the best scores with their vectors.
    assert_eq!(row.boxes.len(), 300);
    let has_vector = |it: &DetectedBox| it.extras.embedding.is_some();
    let (with, without) = row.boxes.split_at(MAX_FRAME_VALUES / 8192);
    assert!(with.iter().all(has_vector) && !without.iter().any(has_vector));
    assert_eq!(bench.errors(OVER_LIMIT), without.len() as u64);
    let message = Detections::to_arrow(&[row]);
    let received = Detections::read(&message).expect("a message");
    assert!(received.all().is_ok(), "the next node reads it");
}

#[test]
fn a_camera_without_rows_is_forgotten() {
    for (memory_ms, forgotten) in [(0, 11), (30_000, 31)] {
        let settings = AskSettings {
            memory_ms,
            ..patient()
        };
        let mut bench = bench_of(&settings, classes(), by_place, None);
        bench.pass(bench.row(0, 0, vec![item(10.0, Some(1))]));
        let now = Instant::now();
        bench.asking.look(now + Duration::from_secs(forgotten - 2));
        assert_eq!(bench.asking.cameras.len(), 1, "{memory_ms}");
        bench.asking.look(now + Duration::from_secs(forgotten));
        assert_eq!(bench.asking.cameras.len(), 0, "{memory_ms}");
    }
}

#[test]
fn the_bytes_of_vectors_are_bounded() {
    let answer = |_: &Ask| Outcome::Expired;
    let mut bench = bench_of(&patient(), Meaning::Embedding(8192), answer, None);
    // Tracks count, whether or not there is an answer about them yet.
    for first in (0..5000).step_by(1000) {
        let boxes = (first..first + 1000).map(|id| item(10.0, Some(id)));
        let mut row = bench.row(first, 0, boxes.collect());
        row.picture = None;
        bench.pass(row);
    }
    assert_eq!(bench.asking.cameras["cam1"].len(), 5000);
    bench.asking.look(Instant::now());
    // 4,096 times 64 KiB.
    assert_eq!(bench.asking.cameras.len(), 0);
    assert_eq!(bench.errors("tracks_over_limit"), 1);
    assert_eq!(most_tracks(&Meaning::Embedding(512)), MOST_TRACKS);
}

#[test]
fn what_waits_at_the_end_is_passed_on() {
    let (open, gate): (Sender<()>, _) = channel();
    let settings = AskSettings {
        answer_wait_ms: 50,
        ..patient()
    };
    let mut bench = bench_of(&settings, classes(), by_place, Some(gate));
    let mut out = Output::default();
    for sequence in 0..3 {
        let row = bench.row(sequence, 0, vec![item(10.0, None)]);
        bench.asking.rows(vec![row], &mut out).expect("goes on");
    }
    bench.asking.close(&mut out).expect("goes on");
    assert_eq!(out.take().len(), 3);
    drop(open);
}

#[test]
fn a_model_that_cannot_go_on_ends_the_stage() {
    struct Broken;
    impl Backend for Broken {
        fn answer(&mut self, _: &[Ask]) -> Result<Vec<Outcome>, StageError> {
            Err(StageError::resource("the device is gone"))
        }
    }
    let mut bench = bench_of(&patient(), classes(), by_place, None);
    let work = Work::start(Box::new(Broken), 1, 4, bench.context.waker());
    bench.asking.work = work.expect("a thread");
    let mut out = Output::default();
    let row = bench.row(0, 0, vec![item(10.0, Some(1))]);
    let mut result = bench.asking.rows(vec![row], &mut out);
    let began = Instant::now();
    while result.is_ok() && began.elapsed() < PATIENCE {
        bench.asking.work.wait(Instant::now() + PATIENCE);
        result = bench.asking.tick(&mut out);
    }
    let error = result.expect_err("it ends");
    assert_eq!(error.message, "the device is gone");
}
