//! Each kind of detector by the shapes and values of its outputs, and what is refused.

use std::path::PathBuf;

use camweave_model::onnx::{
    DimensionProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto, data_type,
};
use camweave_model::{Description, Family, ModelError, ModelFile, decide, describe, settings_text};
use camweave_vision::{
    Activation, BoxCoding, BoxSpace, Element, Fit, InputLayout, Order, Range, Scores, Task,
};
use prost::Message;
use tempfile::TempDir;

/// A file as far as anybody reads it without running it.
struct Net {
    input: (i32, Vec<i64>),
    sizes: Option<&'static str>,
    outputs: Vec<(&'static str, Vec<usize>)>,
    metadata: Vec<(&'static str, String)>,
    nodes: Vec<NodeProto>,
    settings: Option<&'static str>,
}

fn net(outputs: &[(&'static str, &[usize])]) -> Net {
    Net {
        input: (data_type::FLOAT, vec![1, 3, 640, 640]),
        sizes: None,
        outputs: outputs
            .iter()
            .map(|(name, shape)| (*name, shape.to_vec()))
            .collect(),
        metadata: Vec::new(),
        nodes: Vec::new(),
        settings: None,
    }
}

fn value(name: &str, elem_type: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| DimensionProto {
        dim_value: (size > 0).then_some(size),
        dim_param: None,
    });
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type,
                shape: Some(TensorShapeProto { dim: dim.collect() }),
            }),
        }),
    }
}

impl Net {
    fn named(mut self, names: &str) -> Self {
        self.metadata.push(("names", names.to_owned()));
        self
    }

    fn with(self, settings: &'static str) -> Self {
        Self {
            settings: Some(settings),
            ..self
        }
    }

    fn read(&self) -> (TempDir, Result<ModelFile, ModelError>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path: PathBuf = folder.path().join("net.onnx");
        let (kind, shape) = &self.input;
        let mut input = vec![value("images", *kind, shape)];
        input.extend(
            self.sizes
                .map(|name| value(name, data_type::INT64, &[1, 2])),
        );
        let outputs = self.outputs.iter().map(|(name, shape)| {
            let sizes: Vec<i64> = shape.iter().map(|it| *it as i64).collect();
            value(name, data_type::FLOAT, &sizes)
        });
        let model = ModelProto {
            graph: Some(GraphProto {
                node: self.nodes.clone(),
                input,
                output: outputs.collect(),
                ..GraphProto::default()
            }),
            metadata_props: (self.metadata.iter())
                .map(|(key, value)| StringStringEntryProto {
                    key: (*key).to_owned(),
                    value: value.clone(),
                })
                .collect(),
            ..ModelProto::default()
        };
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        if let Some(settings) = self.settings {
            std::fs::write(folder.path().join("net.yml"), settings).expect("written");
        }
        let file = ModelFile::read(&path);
        (folder, file)
    }

    /// What fits by shapes and names alone.
    fn kinds(&self) -> Result<Vec<Description>, String> {
        let (_folder, file) = self.read();
        let file = file.map_err(|error| error.to_string())?;
        let shapes: Vec<Vec<usize>> = self.outputs.iter().map(|it| it.1.clone()).collect();
        describe(&file, (640, 640), 1, &shapes).map_err(|error| error.to_string())
    }

    fn families(&self) -> Vec<Family> {
        let kinds = self.kinds().unwrap_or_else(|error| panic!("{error}"));
        kinds.iter().map(|it| it.family).collect()
    }

    /// What fits its outputs as well; each is a list of its rows.
    fn decided(&self, outputs: &[&dyn Fn(usize, usize) -> f32]) -> Result<Description, String> {
        let kinds = self.kinds()?;
        let (_folder, file) = self.read();
        let file = file.map_err(|error| error.to_string())?;
        let decided = decide(&file, kinds, (640, 640), |description| {
            let one: Vec<f32> = (description.outputs.iter())
                .flat_map(|&index| {
                    let shape = &self.outputs[index].1;
                    let columns = *shape.get(2).unwrap_or(&1);
                    let places =
                        (0..shape[1]).flat_map(move |row| (0..columns).map(move |it| (row, it)));
                    places
                        .map(|(row, column)| outputs[index](row, column))
                        .collect::<Vec<_>>()
                })
                .collect();
            vec![one.clone(), one]
        });
        decided.map_err(|error| error.to_string())
    }
}

/// Forty objects in columns of four values: edges in pixels.
fn edges(place: usize, index: usize) -> f32 {
    let (x, y) = (
        (place % 8) as f32 * 70.0 + 20.0,
        (place / 8 % 5) as f32 * 110.0 + 20.0,
    );
    [x, y, x + 50.0, y + 80.0][index]
}

fn centre(place: usize, index: usize) -> f32 {
    let it = |index| edges(place, index);
    [
        (it(0) + it(2)) / 2.0,
        (it(1) + it(3)) / 2.0,
        it(2) - it(0),
        it(3) - it(1),
    ][index]
}

fn score(place: usize) -> f32 {
    if place < 40 {
        0.9 - 0.01 * place as f32
    } else {
        0.001
    }
}

#[test]
fn yolo_heads_by_their_places_and_classes() {
    let names = "{0: 'a', 1: 'b'}";
    for (shape, names, families) in [
        (vec![1, 6, 8400], Some(names), vec![Family::Yolov8]),
        (vec![1, 6, 8400], None, vec![Family::Yolov8]),
        (vec![1, 84, 8400], None, vec![Family::Yolov8]),
        (vec![1, 1207, 8400], None, vec![Family::Yolov8]),
        (vec![1, 8400, 6], Some(names), vec![Family::Yolov8]),
        (vec![1, 8400, 84], None, vec![Family::Yolov8]),
        (
            vec![1, 8400, 85],
            None,
            vec![Family::Yolox, Family::YoloxDecoded, Family::Yolov6],
        ),
        (vec![1, 25200, 6], Some("{0: 'a'}"), vec![Family::Yolov5]),
        (vec![1, 25200, 85], None, vec![Family::Yolov5]),
        (vec![1, 300, 84], None, vec![Family::RtDetr]),
        (vec![1, 100, 6], None, vec![Family::EndToEnd]),
        (
            vec![1, 300, 6],
            Some("['a', 'b', 'c']"),
            vec![Family::EndToEnd, Family::RtDetrLabelled],
        ),
        (
            vec![1, 300, 6],
            Some(names),
            vec![Family::EndToEnd, Family::RtDetr, Family::RtDetrLabelled],
        ),
    ] {
        let mut net = net(&[("output0", &shape)]);
        if let Some(names) = names {
            net = net.named(names);
        }
        assert_eq!(net.families(), families, "{shape:?} {names:?}");
    }
}

#[test]
fn values_decide_where_shapes_do_not() {
    let objectness = |place: usize, index: usize| match index {
        0..4 => centre(place, index),
        4 => score(place),
        _ => 0.99 - 0.001 * (place % 7) as f32,
    };
    let labelled = |place: usize, index: usize| match index {
        0..4 => edges(place, index),
        4 => score(place),
        _ => (place % 3) as f32,
    };
    let two_classes = |place: usize, index: usize| match index {
        0..4 => centre(place, index),
        4 => score(place),
        _ => score(place + 20) / 2.0,
    };
    let raw = |shape: &[usize]| net(&[("output", shape)]);
    let places = vec![1, 25200, 6];
    let found = raw(&places).decided(&[&objectness]).expect("YOLOv5");
    assert_eq!(found.family, Family::Yolov5);
    assert_eq!(found.head.scores, Scores::Objectness { classes: 1 });
    let found = raw(&places).decided(&[&labelled]).expect("DeepStream-Yolo");
    assert_eq!(found.family, Family::DeepstreamYolo);
    let found = raw(&[1, 8400, 6])
        .decided(&[&labelled])
        .expect("DeepStream-Yolo");
    assert_eq!(
        (found.family, found.head.overlaps),
        (Family::DeepstreamYolo, true)
    );
    let transposed = raw(&[1, 8400, 6]).named("['a', 'b']");
    let found = transposed.decided(&[&two_classes]).expect("YOLOv8");
    assert_eq!(
        (found.family, found.head.order),
        (Family::Yolov8, Order::Rows)
    );
    // Two classes, or one and objectness: both are possible.
    let error = raw(&[1, 8400, 6])
        .decided(&[&two_classes])
        .expect_err("nobody knows");
    for part in [
        "yolov8 and yolox_decoded",
        "write 'family: yolov8' into net.yml",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let told = raw(&[1, 8400, 6]).with("family: yolox_decoded");
    let found = told.decided(&[&two_classes]).expect("it is said");
    assert_eq!(found.family, Family::YoloxDecoded);
    assert_eq!(
        (found.input.fit, found.input.range),
        (Fit::TopLeft, Range::Byte)
    );
    // 300 places of two classes: Ultralytics' RT-DETR or end to end.
    let normalised = |place: usize, index: usize| match index {
        0..4 => centre(place, index) / 640.0,
        4 => score(place),
        _ => 0.002,
    };
    let found = raw(&[1, 300, 6]).decided(&[&normalised]).expect("RT-DETR");
    assert_eq!(
        (found.family, found.input.fit),
        (Family::RtDetr, Fit::Stretch)
    );
    assert_eq!(
        (found.head.space, found.head.overlaps),
        (BoxSpace::Normalised, false)
    );
    let found = raw(&[1, 300, 6]).decided(&[&labelled]).expect("end to end");
    assert_eq!(found.family, Family::EndToEnd);
    let of_queries = |place: usize, index: usize| match index {
        0..4 => centre(place, index) / 640.0,
        _ => labelled(place, index),
    };
    let found = raw(&[1, 300, 6]).decided(&[&of_queries]).expect("RT-DETR");
    assert_eq!(found.family, Family::RtDetrLabelled);
    assert_eq!(found.head.scores, Scores::Labelled);
    let mut named = raw(&[1, 300, 6]);
    named
        .metadata
        .push(("description", "Ultralytics rtdetr-l model".to_owned()));
    let named = named.named("['a', 'b', 'c']");
    assert_eq!(named.families(), [Family::RtDetrLabelled]);
}

#[test]
fn yolox_before_its_grid_and_yolov6() {
    let grid = |place: usize, index: usize| match index {
        0 | 1 => 0.3,
        2 => 1.2,
        3 => 1.4,
        4 => score(place),
        _ => 0.5 + 0.001 * (place % 9) as f32,
    };
    let net = || net(&[("output", &[1, 8400, 85])]);
    let found = net().decided(&[&grid]).expect("YOLOX");
    assert_eq!(
        (found.family, found.head.boxes),
        (Family::Yolox, BoxCoding::Grid)
    );
    let certain = |place: usize, index: usize| match index {
        0..4 => centre(place, index),
        4 => 1.0,
        5 => score(place),
        _ => 0.002,
    };
    let found = net().decided(&[&certain]).expect("YOLOv6");
    assert_eq!(
        (found.family, found.input.range),
        (Family::Yolov6, Range::One)
    );
}

#[test]
fn outputs_of_their_own_are_found_by_name_in_any_order() {
    let boxes = |place: usize, index: usize| centre(place, index) / 640.0;
    let logits = |place: usize, index: usize| {
        if index == 1 {
            2.0 - 0.1 * place as f32
        } else {
            -5.0
        }
    };
    let in_order = net(&[("dets", &[1, 300, 4]), ("labels", &[1, 300, 4])]);
    let found = in_order.decided(&[&boxes, &logits]).expect("RF-DETR");
    assert_eq!(
        (found.family, &*found.outputs),
        (Family::RfDetr, [0, 1].as_slice())
    );
    assert_eq!(
        (found.head.order, found.head.classes()),
        (Order::Parts, Some(4))
    );
    assert_eq!(found.head.activation, Activation::Sigmoid);
    assert_eq!(
        (found.input.fit, found.input.mean[0]),
        (Fit::Stretch, 0.485)
    );
    let other = net(&[("labels", &[1, 300, 91]), ("dets", &[1, 300, 4])]);
    let found = other.decided(&[&logits, &boxes]).expect("RF-DETR");
    assert_eq!(
        (found.family, &*found.outputs),
        (Family::RfDetr, [1, 0].as_slice())
    );
    let detr = net(&[("logits", &[1, 100, 92]), ("pred_boxes", &[1, 100, 4])]);
    assert_eq!(detr.families(), [Family::Detr]);
    let raw = net(&[("pred_logits", &[1, 300, 80]), ("pred_boxes", &[1, 300, 4])]);
    assert_eq!(raw.families(), [Family::RtDetrLogits]);
    let nas = net(&[("904", &[1, 8400, 4]), ("913", &[1, 8400, 80])]);
    assert_eq!(nas.families(), [Family::YoloNas]);
    let paddle = net(&[("boxes", &[1, 8400, 4]), ("scores", &[1, 80, 8400])]);
    assert_eq!(paddle.families(), [Family::PpYoloePlus, Family::PpYoloe]);
    let ssd = net(&[("scores", &[1, 3000, 21]), ("boxes", &[1, 3000, 4])]);
    assert_eq!(ssd.families(), [Family::Ssd]);
    let four = net(&[("boxes", &[1, 10647, 1, 4]), ("confs", &[1, 10647, 80])]);
    assert_eq!(four.families(), [Family::Yolov4]);
    let mut fine = net(&[
        ("labels", &[1, 300]),
        ("boxes", &[1, 300, 4]),
        ("scores", &[1, 300]),
    ]);
    fine.sizes = Some("orig_target_sizes");
    let label = |place: usize, _: usize| (place % 80) as f32;
    let found = fine
        .decided(&[&label, &edges, &|place, _| score(place)])
        .expect("D-FINE");
    assert_eq!(
        (found.family, &*found.outputs),
        (Family::DFine, [1, 2, 0].as_slice())
    );
    assert_eq!(found.head.scores, Scores::Labelled);
}

#[test]
fn coefficients_of_masks_are_no_classes() {
    let segmenting = net(&[("output0", &[1, 38, 8400]), ("output1", &[1, 32, 160, 160])]);
    let [found] = &segmenting.kinds().expect("known")[..] else {
        panic!("one");
    };
    assert_eq!((found.family, found.head.extra), (Family::Yolov8, 32));
    assert_eq!(found.head.classes(), Some(2));
    let (height, width) = (160, 160);
    assert_eq!(found.head.task, Task::Segment { height, width });
    assert_eq!(found.outputs, [0, 1]);
    // Maps of another size may be anything: the coefficients are left out.
    let other = net(&[("output0", &[1, 38, 8400]), ("output1", &[1, 32, 80, 80])]);
    let [found] = &other.kinds().expect("known")[..] else {
        panic!("one");
    };
    assert_eq!((found.head.task, found.head.extra), (Task::Detect, 32));
    assert_eq!(
        (&*found.outputs, found.head.classes()),
        ([0].as_slice(), Some(2))
    );
    let before = net(&[("raw", &[1, 144, 80, 80]), ("output0", &[1, 6, 8400])]);
    let [found] = &before.kinds().expect("known")[..] else {
        panic!("one");
    };
    assert_eq!((&*found.outputs, found.head.extra), ([1].as_slice(), 0));
}

/// As exports of Ultralytics say what they are.
fn of_task(task: &str, names: &str, outputs: &[(&'static str, &[usize])]) -> Net {
    let mut net = net(outputs).named(names);
    net.metadata.push(("task", task.to_owned()));
    if task == "pose" {
        net.metadata.push(("kpt_shape", "[17, 3]".to_owned()));
    }
    net
}

fn only_kind(net: &Net) -> Description {
    let mut kinds = net.kinds().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(kinds.len(), 1, "{kinds:?}");
    kinds.remove(0)
}

#[test]
fn tasks_of_ultralytics_by_their_metadata() {
    let (height, width) = (160, 160);
    let masks = Task::Segment { height, width };
    let maps: (&str, &[usize]) = ("output1", &[1, 32, 160, 160]);
    let person = "{0: 'person'}";
    let two = "{0: 'plane', 1: 'ship'}";
    for (task, names, outputs, family, boxes, head, extra) in [
        (
            "segment",
            two,
            vec![("output0", &[1, 38, 8400][..]), maps],
            Family::Yolov8,
            BoxCoding::Centre,
            masks,
            32,
        ),
        (
            "segment",
            two,
            vec![("output0", &[1, 300, 38][..]), maps],
            Family::EndToEnd,
            BoxCoding::Corners,
            masks,
            32,
        ),
        (
            "pose",
            person,
            vec![("output0", &[1, 56, 8400][..])],
            Family::Yolov8,
            BoxCoding::Centre,
            Task::Pose { values: 3 },
            51,
        ),
        (
            "pose",
            person,
            vec![("output0", &[1, 300, 57][..])],
            Family::EndToEnd,
            BoxCoding::Corners,
            Task::Pose { values: 3 },
            51,
        ),
        (
            "obb",
            two,
            vec![("output0", &[1, 7, 8400][..])],
            Family::Yolov8,
            BoxCoding::Centre,
            Task::Obb,
            1,
        ),
        // Its boxes are centres also end to end.
        (
            "obb",
            two,
            vec![("output0", &[1, 300, 7][..])],
            Family::EndToEnd,
            BoxCoding::Centre,
            Task::Obb,
            1,
        ),
    ] {
        let net = of_task(task, names, &outputs);
        let found = only_kind(&net);
        assert_eq!(found.family, family, "{task}");
        assert_eq!(
            (found.head.boxes, found.head.task, found.head.extra),
            (boxes, head, extra),
            "{task}"
        );
        assert_eq!(found.head.overlaps, family == Family::Yolov8, "{task}");
        assert_eq!(
            found.outputs,
            (0..outputs.len()).collect::<Vec<_>>(),
            "{task}"
        );
        let classes = if task == "pose" { 1 } else { 2 };
        assert_eq!(found.class_names.len(), classes, "{task}");
        // What is written into MODEL.yml says the same of a file that says nothing.
        let (_folder, file) = net.read();
        let text = settings_text(&file.expect("read"), &found);
        let again = only_kind(&self::net(&outputs).with(text.leak()));
        assert_eq!(
            (again.head, &again.outputs, again.family),
            (found.head, &found.outputs, family),
            "{task}"
        );
    }
}

#[test]
fn tasks_that_lack_something_are_refused_with_the_line_to_write() {
    let named = "{0: 'a'}";
    let refused = |net: &Net| net.kinds().expect_err("refused");
    let without = refused(&of_task("segment", named, &[("output0", &[1, 37, 8400])]));
    for part in [
        "segment (metadata)",
        "prototypes",
        "'output0' [1, 37, 8400]",
        "task: detect",
    ] {
        assert!(without.contains(part), "{without}");
    }
    let several: [(_, &[usize]); 3] = [
        ("output0", &[1, 37, 8400]),
        ("output1", &[1, 32, 160, 160]),
        ("output2", &[1, 32, 80, 80]),
    ];
    let either = refused(&of_task("segment", named, &several));
    assert!(
        either.contains("write 'outputs: {all: NAME, prototypes: NAME}'"),
        "{either}"
    );
    let told = of_task("segment", named, &several);
    let told = only_kind(&told.with("outputs: {all: output0, prototypes: output1}"));
    assert_eq!(told.outputs, [0, 1]);
    let mut pose = of_task("pose", named, &[("output0", &[1, 56, 8400])]);
    pose.metadata.retain(|(key, _)| *key != "kpt_shape");
    let unknown = refused(&pose);
    assert!(
        unknown.contains("pose (metadata)") && unknown.contains("kpt_shape: [17, 3]"),
        "{unknown}"
    );
    let said = only_kind(&pose.with("kpt_shape: [17, 3]"));
    assert_eq!(
        (said.head.task, said.head.extra),
        (Task::Pose { values: 3 }, 51)
    );
    let classify = refused(&of_task("classify", named, &[("output0", &[1, 1000])]));
    for part in ["'classify'", "'detect', 'segment', 'pose', 'obb'"] {
        assert!(classify.contains(part), "{classify}");
    }
    let contradiction = of_task("obb", named, &[("output0", &[1, 6, 8400])]).with("extra: 2");
    let contradiction = refused(&contradiction);
    assert!(
        contradiction.contains("extra: 2") && contradiction.contains("obb"),
        "{contradiction}"
    );
    let apart = net(&[("dets", &[1, 300, 4]), ("labels", &[1, 300, 91])]);
    let apart = refused(&apart.with("family: rf_detr\ntask: segment"));
    assert!(
        apart.contains("rf_detr") && apart.contains("task: segment"),
        "{apart}"
    );
    // Boxes alone, where they are enough.
    let boxes = of_task("segment", named, &[("output0", &[1, 37, 8400])]);
    let boxes = only_kind(&boxes.with("task: detect\nextra: 32"));
    assert_eq!((boxes.head.task, boxes.head.extra), (Task::Detect, 32));
    assert_eq!(boxes.head.classes(), Some(1));
}

#[test]
fn a_trial_looks_at_keypoints_and_angles() {
    let net = || of_task("pose", "{0: 'person'}", &[("output0", &[1, 56, 8400])]);
    let head = |confidence: f32| {
        move |index: usize, place: usize| match index {
            0..4 => centre(place, index),
            4 => score(place),
            _ if index % 3 == 1 => confidence,
            _ => 100.0,
        }
    };
    net().decided(&[&head(0.5)]).expect("good");
    let error = net().decided(&[&head(5.0)]).expect_err("no confidence");
    assert!(
        error.contains("confidence of a keypoint is 5") && error.contains("kpt_shape"),
        "{error}"
    );
    let net = || of_task("obb", "{0: 'ship'}", &[("output0", &[1, 300, 7])]);
    // Stars: each three boxes have one centre.
    let head = |angle: f32| {
        move |place: usize, index: usize| match index {
            0 | 1 => centre(place / 3, index),
            2 => 90.0,
            3 => 6.0,
            4 => score(place),
            5 => 0.0,
            _ => angle * (place % 3) as f32,
        }
    };
    net()
        .decided(&[&head(0.785)])
        .expect("rotated otherwise, other objects");
    let error = net().decided(&[&head(0.0)]).expect_err("duplicates");
    assert!(error.contains("expected one for each"), "{error}");
    let error = net().decided(&[&head(90.0)]).expect_err("degrees");
    assert!(
        error.contains("rotated by") && error.contains("radians"),
        "{error}"
    );
}

#[test]
fn what_a_trial_shows_to_be_wrong_is_refused_with_the_line_to_write() {
    let head = |scores: fn(f32) -> f32, boxes: fn(usize, usize) -> f32| {
        move |index: usize, place: usize| match index {
            0..4 => boxes(place, index),
            4 => scores(score(place)),
            _ => scores(0.001),
        }
    };
    let net = || net(&[("output0", &[1, 6, 8400])]).named("['a', 'b']");
    let same = |score: f32| score;
    net().decided(&[&head(same, centre)]).expect("good");
    for (values, line) in [
        (head(|it| 100.0 * it, centre), "activation: percent"),
        (
            head(|it| (it / (1.0 - it)).ln(), centre),
            "activation: sigmoid",
        ),
        (
            head(same, |place, index| centre(place, index) / 640.0),
            "space: normalised",
        ),
        (
            head(same, |place, index| 1e4 * centre(place, index)),
            "boxes: corners",
        ),
        (head(same, edges), "boxes: corners"),
    ] {
        let error = net().decided(&[&values]).expect_err(line);
        assert!(error.contains(&format!("write '{line}")), "{error}");
    }
    let logits = head(
        |it| (it / (1.0 - it)).ln(),
        |place, index| centre(place, index) / 640.0,
    );
    let told = net().with("activation: sigmoid\nspace: normalised\n");
    let found = told.decided(&[&logits]).expect("it is said");
    assert_eq!(
        (found.head.activation, found.head.space),
        (Activation::Sigmoid, BoxSpace::Normalised)
    );
    net()
        .with("trial: false")
        .decided(&[&head(same, edges)])
        .expect("believed");
    // Several boxes of each object are no end-to-end head's.
    let repeated = |place: usize, index: usize| match index {
        0..4 => edges(place / 8, index),
        4 => score(place),
        _ => 0.0,
    };
    let net = super_net();
    let error = net.decided(&[&repeated]).expect_err("overlaps");
    assert!(error.contains("40 boxes are of 5 objects"), "{error}");
}

#[test]
fn repeated_objects_are_a_warning_only_where_more_than_the_places_shows_a_transformer() {
    let repeated = |place: usize, index: usize| match index {
        0..4 => centre(place / 8, index) / 640.0,
        4 => score(place),
        _ => 0.002,
    };
    let by_places = || net(&[("output0", &[1, 300, 84])]);
    let error = by_places().decided(&[&repeated]).expect_err("duplicates");
    assert!(error.contains("40 boxes are of 5 objects"), "{error}");
    let mut described = by_places();
    let about = "Ultralytics rtdetr-l model".to_owned();
    described.metadata.push(("description", about));
    let mut with_decoder = by_places();
    with_decoder.nodes.push(NodeProto {
        name: "/model/decoder/layers.0/self_attn/Softmax".to_owned(),
        op_type: "Softmax".to_owned(),
        input: vec!["images".to_owned()],
        output: vec!["attended".to_owned()],
        ..NodeProto::default()
    });
    let told = by_places().with("family: rt_detr");
    for net in [described, with_decoder, told] {
        let found = net.decided(&[&repeated]).expect("badly trained");
        assert_eq!(found.family, Family::RtDetr);
        let warned = |it: &String| it.contains("40 boxes are of 5 objects");
        assert!(found.warnings.iter().any(warned), "{:?}", found.warnings);
    }
}

fn super_net() -> Net {
    net(&[("output0", &[1, 100, 6])]).named("['a']")
}

#[test]
fn as_many_names_as_the_head_has_classes() {
    let of = |names: &str| {
        let kinds = net(&[("output0", &[1, 6, 8400])]).named(names).kinds();
        kinds.expect("known").remove(0)
    };
    let exact = of("['a', 'b']");
    assert_eq!(exact.class_names, ["a", "b"]);
    assert!(exact.warnings.is_empty(), "{:?}", exact.warnings);
    let more = of("['a', 'b', 'c']");
    assert_eq!((more.class_names.len(), more.warnings.len()), (2, 1));
    let fewer = of("['a']");
    assert_eq!(
        (&*fewer.class_names, fewer.warnings.len()),
        (["a".to_owned(), "class1".to_owned()].as_slice(), 1)
    );
    let unread = of("{0: 'a'");
    assert_eq!(unread.class_names, ["class0", "class1"]);
    assert!(
        unread.warnings[0].contains("cannot be read"),
        "{:?}",
        unread.warnings
    );
    let told = net(&[("output0", &[1, 6, 8400])])
        .named("['a', 'b']")
        .with("names: {1: dog}");
    assert_eq!(
        told.kinds().expect("known")[0].class_names,
        ["class0", "dog"]
    );
}

#[test]
fn inputs_of_other_layouts_and_types() {
    let of = |kind: i32, shape: &[i64], nodes: Vec<NodeProto>| {
        let net = Net {
            input: (kind, shape.to_vec()),
            nodes,
            ..net(&[("output0", &[1, 6, 8400])])
        };
        net.kinds().expect("known").remove(0).input
    };
    let plain = of(data_type::FLOAT, &[1, 3, 640, 640], Vec::new());
    assert_eq!((plain.layout, plain.range), (InputLayout::Nchw, Range::One));
    let rows = of(data_type::FLOAT, &[-1, -1, -1, 3], Vec::new());
    assert_eq!(rows.layout, InputLayout::Nhwc);
    let bytes = of(data_type::UINT8, &[1, 640, 640, 3], Vec::new());
    assert_eq!(
        (bytes.layout, bytes.element, bytes.range),
        (InputLayout::Nhwc, Element::Uint8, Range::Byte)
    );
    let half = of(data_type::FLOAT16, &[1, 3, 640, 640], Vec::new());
    assert_eq!(half.element, Element::Float16);
}

#[test]
fn a_head_that_was_made_is_bounded() {
    let (_folder, file) = net(&[("output0", &[1, 6, 8400])]).read();
    let shapes = [vec![1, 6, 1 << 25]];
    let found = describe(&file.expect("a file"), (640, 640), 1, &shapes);
    let error = found.expect_err("a head that was made").to_string();
    assert!(error.contains("expected at most"), "{error}");
}

#[test]
fn files_that_are_no_onnx_are_refused_with_what_helps() {
    for (name, part) in [
        ("best.pt", "yolo export model=best.pt format=onnx"),
        ("x.safetensors", "torch.onnx.export"),
        ("x.engine", "'trt-infer' runs the engine itself"),
    ] {
        let error = ModelFile::read(&PathBuf::from(name)).expect_err("no ONNX file");
        assert!(error.to_string().contains(part), "{error}");
    }
}
