//! What a model is, as far as its file and the shapes of its outputs show.

use camweave_vision::{
    Activation, BoxCoding, HeadFormat, InputFormat, MAX_MULTI_LABEL, Order, Range, Scores, Task,
};

use crate::beside::Beside;
use crate::error::ModelError;
use crate::facts::{Facts, write};
use crate::family::{Family, Preset, ScoreKind, TaskKind};
use crate::file::{ElementType, ModelFile};
use crate::metadata::{MAX_CLASSES, numbered};
use crate::places::Places;
use crate::size::{MAX_HEAD_BYTES, shown};

/// What a model is, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The kind of detector.
    pub family: Family,
    /// How its output is read.
    pub head: HeadFormat,
    /// What it expects of a frame.
    pub input: InputFormat,
    /// Which of the file's outputs are read, in the order of [`Order::Parts`]; prototypes of masks
    /// come after the head.
    pub outputs: Vec<usize>,
    /// Names of classes in the order of their ids; empty where nobody named any and the head does
    /// not show how many there are.
    pub class_names: Vec<String>,
    /// The lowest confidence that the family's own tool shows, unless `MODEL.yml` says another.
    pub confidence: f32,
    /// The IoU beyond which that tool suppresses.
    pub iou: Option<f32>,
    /// What was decided, and from what, line by line.
    pub reasons: Vec<String>,
    /// What is odd, in words that follow the model's name.
    pub warnings: Vec<String>,
}

/// Outputs that an error shows.
const MAX_SHOWN: usize = 8;

/// The descriptions that fit a file whose outputs have these shapes, in the file's order, for
/// `batch` frames of this width and height. One, unless several kinds of detectors have such
/// outputs: then their values decide ([`decide`](crate::decide)).
///
/// # Errors
/// None fits, or `MODEL.yml` contradicts the file.
pub fn describe(
    file: &ModelFile,
    size: (u32, u32),
    batch: usize,
    shapes: &[Vec<usize>],
) -> Result<Vec<Description>, ModelError> {
    let all = Facts::new(file, size, batch, shapes).and_then(|facts| facts.descriptions());
    all.map_err(|why| file.refusal(&why))
}

/// As [`describe`], by the shapes that the file declares; `None` where it leaves some open.
///
/// # Errors
/// Those of [`describe`].
pub fn declared(
    file: &ModelFile,
    size: (u32, u32),
) -> Result<Option<Vec<Description>>, ModelError> {
    let batch = file.input.batch.unwrap_or(1);
    let shapes = file.outputs.iter().map(|output| {
        let (_, frame) = output.shape.split_first()?;
        let frame: Option<Vec<usize>> = frame.iter().copied().collect();
        Some([vec![batch], frame?].concat())
    });
    let Some(shapes) = shapes.collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    describe(file, size, batch, &shapes).map(Some)
}

/// A family, and where its values are.
struct Candidate {
    family: Family,
    outputs: Vec<usize>,
    order: Order,
    places: usize,
    /// Values of a place after its box, if they are in one output with it; else of its scores.
    values: usize,
    beside: Beside,
    why: String,
}

impl<'a> Facts<'a> {
    fn new(
        file: &'a ModelFile,
        size: (u32, u32),
        batch: usize,
        found: &'a [Vec<usize>],
    ) -> Result<Self, String> {
        let settings = &file.settings;
        let names = settings
            .class_names()?
            .or_else(|| file.metadata.class_names.clone());
        let mut shapes = Vec::with_capacity(found.len());
        for (shape, output) in found.iter().zip(&file.outputs) {
            let frame = shape.get(1..).unwrap_or_default();
            let bytes = frame
                .iter()
                .fold(4_u64, |bytes, &size| bytes.saturating_mul(size as u64));
            if bytes > MAX_HEAD_BYTES {
                return Err(format!(
                    "output '{}' of shape {shape:?}, expected at most {MAX_HEAD_BYTES} bytes for a frame",
                    shown(&output.name)
                ));
            }
            // One without a batch is read by no family.
            let is_batch = shape.first() == Some(&batch);
            shapes.push(if is_batch { flat(frame) } else { Vec::new() });
        }
        Ok(Self {
            file,
            settings,
            shapes,
            found,
            names,
            size,
            places: Places::of(size),
        })
    }

    fn descriptions(&self) -> Result<Vec<Description>, String> {
        let has_parts = self.settings.family.map(|family| family.preset().has_parts);
        if let (Some(family), Some(task)) = (self.settings.family, self.settings.task)
            && has_parts == Some(true)
            && task != TaskKind::Detect
        {
            return Err(format!(
                "MODEL.yml says family: {family} and task: {task}, expected task: detect of a family whose boxes and scores are outputs of their own"
            ));
        }
        let parts = match has_parts {
            Some(false) => None,
            // What is more than boxes comes with them in one output.
            None if (self.task()).is_some_and(|(task, _)| task != TaskKind::Detect) => None,
            _ => self.parts()?,
        };
        let mut candidates = match parts {
            Some(candidates) => candidates,
            None => self.whole()?,
        };
        if let Some(family) = self.settings.family {
            candidates.retain(|it| it.family == family);
            for candidate in &mut candidates {
                candidate.why = "MODEL.yml".to_owned();
            }
            if candidates.is_empty() {
                return Err(format!(
                    "MODEL.yml says family: {family}, its outputs are {}, which are none of that family",
                    self.shown()
                ));
            }
        }
        let mut refused = None;
        let mut all = Vec::new();
        for candidate in candidates {
            match self.description(candidate) {
                Ok(description) => all.push(description),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        match refused {
            Some(why) if all.is_empty() => Err(why),
            _ => Ok(all),
        }
    }

    /// Boxes, scores and classes in outputs of their own.
    fn parts(&self) -> Result<Option<Vec<Candidate>>, String> {
        let named = &self.settings.outputs;
        let is_wanted = self.settings.family.is_some_and(|it| it.preset().has_parts);
        let found = |name: &Option<String>, words: &[&str]| match name {
            Some(name) => self.output(name).map(Some),
            None => Ok(self.by_word(words)),
        };
        let boxes = |index: &usize| matches!(*self.shapes[*index], [_, 4]);
        let mut of_boxes = found(
            &named.boxes,
            &[
                "dets",
                "pred_boxes",
                "boxes",
                "bboxes",
                "pred_bboxes",
                "det_boxes",
                "detection_boxes",
            ],
        )?
        .filter(boxes);
        if of_boxes.is_none() {
            let all: Vec<usize> = (0..self.shapes.len()).filter(boxes).collect();
            of_boxes = all.first().copied().filter(|_| all.len() == 1);
        }
        let Some(of_boxes) = of_boxes else {
            if is_wanted {
                return Err(format!(
                    "its outputs are {}, expected one of boxes, [batch, places, 4]; {}",
                    self.shown(),
                    write(self.file, "outputs: {boxes: NAME, scores: NAME}")
                ));
            }
            return Ok(None);
        };
        let places = self.shapes[of_boxes][0];
        let others = (0..self.shapes.len()).filter(|index| *index != of_boxes);
        let fits = |index: &usize| match *self.shapes[*index] {
            [one] => one == places,
            [one, other] => one == places || other == places,
            _ => false,
        };
        let others: Vec<usize> = others.filter(fits).collect();
        let flat = |index: &usize| self.shapes[*index].len() == 1;
        let words: &[&str] = &[
            "labels",
            "classes",
            "det_classes",
            "detection_classes",
            "class_ids",
        ];
        let classes = found(&named.classes, words)?.filter(|it| others.contains(it) && flat(it));
        let words: &[&str] = &[
            "scores",
            "pred_scores",
            "det_scores",
            "detection_scores",
            "logits",
            "pred_logits",
            "confs",
            "labels",
        ];
        let scores = found(&named.scores, words)?
            .filter(|it| others.contains(it) && Some(*it) != classes)
            .or_else(|| {
                let mut rest = others.iter().copied().filter(|it| Some(*it) != classes);
                rest.next().filter(|_| rest.next().is_none())
            });
        let Some(scores) = scores else {
            return Err(format!(
                "its outputs are {}: boxes are in '{}', and which has the scores is not known; {}",
                self.shown(),
                shown(&self.file.outputs[of_boxes].name),
                write(self.file, "outputs: {boxes: NAME, scores: NAME}")
            ));
        };
        let name = |index: usize| self.file.outputs[index].name.to_ascii_lowercase();
        let why = format!("outputs {}", self.shown());
        let candidate =
            |family: Family, outputs: Vec<usize>, order: Order, values: usize| Candidate {
                family,
                outputs,
                order,
                places,
                values,
                beside: Beside::nothing(0),
                why: why.clone(),
            };
        if let Some(classes) = classes.filter(|_| flat(&scores)) {
            let families: &[Family] = if self.file.input.target_sizes.is_some() {
                &[Family::DFine]
            } else if name(of_boxes).starts_with("det_") {
                &[Family::EfficientNms]
            } else if name(of_boxes).starts_with("detection_") {
                &[Family::TfDetection]
            } else {
                &[Family::DFine, Family::EfficientNms, Family::TfDetection]
            };
            let outputs = vec![of_boxes, scores, classes];
            return Ok(Some(
                (families.iter())
                    .map(|family| candidate(*family, outputs.clone(), Order::Parts, 2))
                    .collect(),
            ));
        }
        let outputs = vec![of_boxes, scores];
        let (order, values) = match *self.shapes[scores] {
            [first, values] if first == places => (Order::Parts, values),
            [values, _] => (Order::PartsByClass, values),
            _ => {
                return Err(format!(
                    "its outputs are {}: scores without classes, expected both",
                    self.shown()
                ));
            }
        };
        let is_other = self.settings.order.is_some_and(|said| said != order);
        if is_other || self.settings.extra.is_some_and(|extra| extra > 0) {
            return Err(format!(
                "MODEL.yml says order or extra of a head in one output, and its outputs are {}",
                self.shown()
            ));
        }
        let (of_boxes, of_scores) = (name(of_boxes), name(scores));
        let families: Vec<Family> = if let Some(family) = self.settings.family {
            vec![family]
        } else if order == Order::PartsByClass {
            vec![Family::PpYoloePlus, Family::PpYoloe]
        } else if of_boxes == "dets" && of_scores == "labels" {
            vec![Family::RfDetr]
        } else if of_scores == "confs" {
            vec![Family::Yolov4]
        } else if self.places.is_grid(places) {
            vec![Family::YoloNas]
        } else if of_scores.contains("logits") && places == 100 {
            vec![Family::Detr]
        } else if of_scores == "pred_logits" || self.file.signs.selects_queries {
            vec![Family::RtDetrLogits]
        } else if places > 1000 {
            vec![Family::Ssd]
        } else {
            vec![
                Family::RtDetrLogits,
                Family::ConditionalDetr,
                Family::RfDetr,
            ]
        };
        Ok(Some(
            (families.into_iter())
                .map(|family| candidate(family, outputs.clone(), order, values))
                .collect(),
        ))
    }

    /// All values of a place in one output.
    fn whole(&self) -> Result<Vec<Candidate>, String> {
        let usable =
            |index: &usize| matches!(*self.shapes[*index], [a, b] if a.max(b) > 1 && a.min(b) > 4);
        let index = match &self.settings.outputs.all {
            Some(name) => Some(self.output(name)?).filter(usable),
            None => {
                let all: Vec<usize> = (0..self.shapes.len()).filter(usable).collect();
                let named = self.by_word(&["output0", "output"]).filter(usable);
                named.or_else(|| all.first().copied().filter(|_| all.len() == 1))
            }
        };
        let Some(index) = index else {
            let maps = self.shapes.iter().any(|shape| shape.len() >= 3);
            let more = if maps {
                ", and not feature maps before they are decoded: export with the decoding in the graph"
            } else {
                ""
            };
            let values = self.names.as_ref().map_or_else(
                || "4 + classes".to_owned(),
                |names| (4 + names.len()).to_string(),
            );
            return Err(format!(
                "its outputs are {}, expected one of [batch, {values}, anchors] (YOLOv8) or [batch, detections, 6] (end to end), or boxes [batch, places, 4] and scores{more}; if one of several has everything, {}",
                self.shown(),
                write(self.file, "outputs: {all: NAME}")
            ));
        };
        let [a, b] = *self.shapes[index] else {
            return Err("an output of unknown shape".to_owned());
        };
        let beside = self.beside(index)?;
        let extra = beside.extra;
        let shape = &self.shapes[index];
        let why = |what: &str| {
            format!(
                "output '{}' {shape:?}: {what}",
                shown(&self.file.outputs[index].name)
            )
        };
        let candidate = |family: Family, order: Order, why: String| {
            let (values, places) = match order {
                Order::Planes => (a, b),
                _ => (b, a),
            };
            // Each has a score at least.
            let least = 4
                + extra
                + match family.preset().scores {
                    ScoreKind::PerClass => 1,
                    ScoreKind::Objectness | ScoreKind::Labelled => 2,
                };
            let is_labelled = family.preset().scores == ScoreKind::Labelled;
            let fits = values >= least && (!is_labelled || values == least);
            (fits && beside.is_of(family)).then(|| Candidate {
                family,
                outputs: vec![index],
                order,
                places,
                values: values - 4 - extra,
                beside: beside.clone(),
                why,
            })
        };
        if let Some(order @ (Order::Parts | Order::PartsByClass)) = self.settings.order {
            return Err(format!(
                "MODEL.yml says order: {}, and all values are in one output, expected planes or rows",
                if order == Order::Parts {
                    "parts"
                } else {
                    "parts_by_class"
                }
            ));
        }
        let found: Vec<Candidate> = match (self.settings.family, self.settings.order) {
            (Some(family), Some(order)) => vec![candidate(family, order, why("MODEL.yml"))],
            (Some(family), None) => {
                vec![candidate(family, self.likely_order(a, b), why("MODEL.yml"))]
            }
            (None, order) => {
                let likely = self.likely(a, b, &beside);
                (likely.0.into_iter())
                    .filter(|(_, it)| order.is_none_or(|order| order == *it))
                    .map(|(family, order)| candidate(family, order, why(likely.1)))
                    .collect()
            }
        }
        .into_iter()
        .flatten()
        .collect();
        if found.is_empty() {
            return Err(format!(
                "its outputs are {}, which are none of a known kind of detector{}; {}",
                self.shown(),
                self.settings
                    .family
                    .map_or_else(String::new, |it| format!(" ({it} in MODEL.yml)")),
                write(self.file, "family: NAME")
            ));
        }
        Ok(found)
    }

    /// Where places are the rows and where the columns.
    fn likely_order(&self, a: usize, b: usize) -> Order {
        let is_rows = match (self.places.is_known(a), self.places.is_known(b)) {
            (true, false) => true,
            (false, true) => false,
            _ => a > b,
        };
        if is_rows { Order::Rows } else { Order::Planes }
    }

    /// The families that have an output of this shape, and what shows it.
    fn likely(&self, a: usize, b: usize, beside: &Beside) -> (Vec<(Family, Order)>, &'static str) {
        use Family::{
            DeepstreamYolo, EndToEnd, RtDetr, RtDetrLabelled, Yolov5, Yolov6, Yolov8, Yolox,
            YoloxDecoded,
        };
        let names = self.names.as_ref().map(Vec::len);
        let metadata = &self.file.metadata;
        let is_rt_detr = metadata.is_rt_detr();
        let of = |count: usize| names.is_none_or(|names| names == count);
        let order = self.likely_order(a, b);
        let (values, places) = match order {
            Order::Planes => (a, b),
            _ => (b, a),
        };
        let values = values.saturating_sub(beside.extra);
        let classes = values.saturating_sub(4);
        // With two classes both have six values.
        let mut queries = vec![(RtDetr, order)];
        if values == 6 {
            queries.push((RtDetrLabelled, order));
            queries.retain(|(family, _)| *family != RtDetr || of(2));
        }
        let is_list = values == 6 && order == Order::Rows;
        if is_rt_detr && order == Order::Rows {
            return (queries, "RT-DETR by its metadata");
        }
        if is_list && (metadata.end_to_end == Some(true) || self.file.signs.suppresses) {
            return (
                vec![(EndToEnd, order)],
                "end to end by its metadata or its operators",
            );
        }
        if self.places.is_three_grids(places) {
            let mut all = vec![(Yolov5, order)];
            if values == 6 && names.is_none() {
                all.push((DeepstreamYolo, order));
            }
            return (all, "three anchors in each cell of strides 8, 16 and 32");
        }
        if self.places.is_grid(places) {
            const WHY: &str = "one place in each cell of strides 8, 16 and 32";
            if order == Order::Planes {
                return (vec![(Yolov8, order)], WHY);
            }
            let mut all = Vec::new();
            if values == 6 && names.is_none() {
                all.push((DeepstreamYolo, order));
            }
            let objectness = [Yolox, YoloxDecoded, Yolov6].map(|it| (it, order));
            // COCO's 80 classes, where nobody named any.
            let fits = |count: usize| {
                of(count) && (names.is_some() || !(84..=86).contains(&values) || count == 80)
            };
            if fits(classes) {
                all.push((Yolov8, order));
            }
            if classes > 1 && fits(classes - 1) {
                all.extend(objectness);
            }
            if all.is_empty() {
                all.push((Yolov8, order));
                all.extend(objectness);
            }
            return (all, WHY);
        }
        if is_list && self.file.signs.has_decoder {
            return (queries, "the decoder of a transformer in the graph");
        }
        // No transformer has more than boxes.
        if is_list && (places != 300 || !beside.task.is_detect()) {
            return (vec![(EndToEnd, order)], "six values of each detection");
        }
        if is_list {
            queries.insert(0, (EndToEnd, order));
            return (queries, "300 places of six values");
        }
        if order == Order::Rows
            && (self.file.signs.has_decoder || [100, 300, 500, 900].contains(&a))
        {
            return (
                vec![(RtDetr, order)],
                "as many places as a transformer has queries",
            );
        }
        if order == Order::Planes {
            return (vec![(Yolov8, order)], "more places than values");
        }
        let mut all = Vec::new();
        if of(classes) {
            all.push((Yolov8, order));
        }
        if of(classes.saturating_sub(1)) {
            all.push((Yolov5, order));
        }
        (all, "more rows than columns")
    }

    pub fn output(&self, name: &str) -> Result<usize, String> {
        let found = self.file.outputs.iter().position(|it| it.name == name);
        found.ok_or_else(|| {
            format!(
                "MODEL.yml names output '{}', its outputs are {}",
                shown(name),
                self.shown()
            )
        })
    }

    fn by_word(&self, words: &[&str]) -> Option<usize> {
        let of = |word: &&str| {
            let mut all = self.file.outputs.iter();
            all.position(|it| it.name.eq_ignore_ascii_case(word))
        };
        words.iter().find_map(of)
    }

    pub fn shown(&self) -> String {
        let all = self.file.outputs.iter().zip(self.found).take(MAX_SHOWN);
        let all: Vec<String> = all
            .map(|(output, shape)| format!("'{}' {shape:?}", shown(&output.name)))
            .collect();
        all.join(", ")
    }

    fn description(&self, candidate: Candidate) -> Result<Description, String> {
        let Candidate {
            family,
            outputs,
            order,
            places,
            values,
            beside,
            why,
        } = candidate;
        let settings = self.settings;
        let preset = family.preset();
        let Preset {
            confidence, iou, ..
        } = preset;
        let scores = settings.scores.unwrap_or(preset.scores);
        let count = |count: usize| {
            u32::try_from(count).map_err(|_| format!("{count} values, expected fewer"))
        };
        let scores = match scores {
            ScoreKind::PerClass => Scores::PerClass {
                values: count(values)?,
                background: settings.background.unwrap_or(preset.background),
            },
            ScoreKind::Objectness => Scores::Objectness {
                classes: count(values.saturating_sub(1))?,
            },
            ScoreKind::Labelled => Scores::Labelled,
        };
        let head = HeadFormat {
            order,
            anchors: count(places)?,
            scores,
            boxes: settings.boxes.unwrap_or(match beside.task {
                // As without rotation, about the same centre.
                Task::Obb => BoxCoding::Centre,
                _ => preset.boxes,
            }),
            space: settings.space.unwrap_or(preset.space),
            activation: settings.activation.unwrap_or(preset.activation),
            extra: count(beside.extra)?,
            multi_label: settings.multi_label.unwrap_or(false),
            overlaps: settings.overlaps.unwrap_or(preset.overlaps),
            task: beside.task,
        };
        let head = self.labels(head, &preset);
        let outputs: Vec<usize> = outputs.into_iter().chain(beside.prototypes).collect();
        head.validate_for(self.size)
            .map_err(|error| format!("{family}: {error}"))?;
        self.check_head(&head, &outputs)
            .map_err(|why| format!("{family}: {why}"))?;
        if head.classes() == Some(0) {
            return Err(format!(
                "{family}: no class, its outputs are {}",
                self.shown()
            ));
        }
        let input = self.input(&preset)?;
        let mut description = Description {
            family,
            head,
            input,
            outputs,
            class_names: Vec::new(),
            confidence: settings.confidence.unwrap_or(confidence),
            iou: settings.iou.or(iou),
            reasons: std::iter::once(format!("family: {family} ({why})"))
                .chain(beside.why)
                .collect(),
            warnings: Vec::new(),
        };
        self.name(&mut description);
        Ok(description)
    }

    /// A head with as many labels of a place as its family's tool gives, unless `MODEL.yml` says how
    /// many, or there would be too many.
    fn labels(&self, head: HeadFormat, preset: &Preset) -> HeadFormat {
        let several = HeadFormat {
            multi_label: preset.multi_label && head.scores != Scores::Labelled,
            ..head
        };
        let is_said = self.settings.multi_label.is_some();
        if is_said || several.most_candidates() > MAX_MULTI_LABEL {
            head
        } else {
            several
        }
    }

    /// Whether the outputs are as long as the head, and no longer than messages carry.
    fn check_head(&self, head: &HeadFormat, outputs: &[usize]) -> Result<(), String> {
        let values = |index: &usize| self.shapes[*index].iter().product::<usize>();
        let found: usize = outputs.iter().map(values).sum();
        if found != head.len() {
            return Err(format!(
                "{} values of a frame, its outputs {} have {found}",
                head.len(),
                self.shown()
            ));
        }
        let classes = head.classes().unwrap_or(0) as usize;
        if head.bytes() as u64 > MAX_HEAD_BYTES || classes > MAX_CLASSES {
            return Err(format!(
                "{} bytes of a frame and {classes} classes, expected at most {MAX_HEAD_BYTES} and {MAX_CLASSES}",
                head.bytes()
            ));
        }
        Ok(())
    }

    fn input(&self, preset: &Preset) -> Result<InputFormat, String> {
        let file = &self.file.input;
        let is_byte = file.element_type == ElementType::Uint8;
        let graph = InputFormat {
            layout: file.layout,
            element: file.element_type.element(),
            range: match file.range {
                Range::Byte => Range::Byte,
                Range::One => preset.input.range,
            },
            ..preset.input
        };
        // What takes bytes does the rest itself.
        let graph = InputFormat {
            mean: if is_byte { [0.0; 3] } else { graph.mean },
            deviation: if is_byte { [1.0; 3] } else { graph.deviation },
            ..graph
        };
        let input = self.settings.input.over(graph);
        for (what, said, found) in [
            (
                "layout",
                format!("{:?}", input.layout),
                format!("{:?}", file.layout),
            ),
            (
                "element",
                format!("{:?}", input.element),
                format!("{:?}", graph.element),
            ),
        ] {
            if said != found {
                return Err(format!(
                    "MODEL.yml says input.{what}: {}, the file {}",
                    said.to_lowercase(),
                    found.to_lowercase()
                ));
            }
        }
        input.check().map_err(|error| error.to_string())?;
        Ok(input)
    }

    /// The names of a description's classes, and what is odd about them.
    fn name(&self, description: &mut Description) {
        let from = match (&self.settings.names, &self.names) {
            (Some(_), _) => "MODEL.yml",
            (None, Some(_)) => "metadata",
            (None, None) => "none",
        };
        let count = description.head.classes().map(|it| it as usize);
        let warnings = &mut description.warnings;
        let mut names = self.names.clone().unwrap_or_default();
        if self.names.is_none() {
            warnings.push(match &self.file.metadata.unread_names {
                Some(text) => format!(
                    "its metadata 'names' cannot be read ({text}): classes are called class0, class1, ...; {}",
                    write(self.file, "names: [...]")
                ),
                None => {
                    "has no metadata 'names': classes are called class0, class1, ...".to_owned()
                }
            });
        }
        if let Some(count) = count {
            if self.names.is_some() && names.len() != count {
                warnings.push(format!(
                    "{} names ({from}) for {count} classes: {}",
                    names.len(),
                    if names.len() > count {
                        "the first are taken"
                    } else {
                        "the rest are numbered"
                    }
                ));
            }
            let known = names.len();
            names.truncate(count);
            names.extend(numbered(count).into_iter().skip(known));
        }
        let of = count.map_or_else(String::new, |it| format!(" for {it} classes"));
        description
            .reasons
            .push(format!("names: {}{of} ({from})", names.len()));
        description.class_names = names;
    }
}

/// A frame's shape without sides of 1, as far as two are left: `[places, 1, 4]`.
fn flat(frame: &[usize]) -> Vec<usize> {
    let mut sizes = frame.to_vec();
    while sizes.len() > 2
        && let Some(one) = sizes[..sizes.len() - 1].iter().position(|it| *it == 1)
    {
        sizes.remove(one);
    }
    sizes
}

impl Description {
    /// What was decided, and from what, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let HeadFormat {
            order,
            anchors,
            boxes,
            space,
            activation,
            extra,
            multi_label,
            overlaps,
            task,
            ..
        } = self.head;
        let word = |word: &dyn std::fmt::Debug| format!("{word:?}").to_lowercase();
        let mut lines = self.reasons.clone();
        lines.push(format!(
            "head: {anchors} places, {} order, {} boxes in {}, {}{}",
            word(&order),
            word(&boxes),
            match space {
                camweave_vision::BoxSpace::Pixels => "pixels of the input",
                camweave_vision::BoxSpace::Normalised => "parts of the input, 0 to 1",
            },
            match activation {
                Activation::None => "scores of 0 to 1".to_owned(),
                other => format!("scores by {}", word(&other)),
            },
            match (task, extra) {
                (Task::Detect, 0) => String::new(),
                (Task::Detect, extra) => format!(", {extra} more values that are not read"),
                (Task::Segment { height, width }, extra) =>
                    format!(", masks of {extra} prototypes of {width}x{height}"),
                (Task::Pose { values }, extra) => format!(", {} keypoints", extra / values.max(1)),
                (Task::Obb, _) => ", rotated".to_owned(),
            }
        ));
        if multi_label {
            lines.push("labels: a box for each class of a place above the confidence".to_owned());
        }
        lines.push(if overlaps {
            "overlaps: to be suppressed".to_owned()
        } else {
            "overlaps: none".to_owned()
        });
        let InputFormat {
            fit,
            channels,
            layout,
            element,
            range,
            mean,
            deviation,
        } = self.input;
        let mut line = format!(
            "input: {}, {}, {}, {}, white is {}",
            word(&element),
            word(&layout),
            word(&channels),
            match fit {
                camweave_vision::Fit::Letterbox => "letterbox",
                camweave_vision::Fit::TopLeft => "top_left",
                camweave_vision::Fit::Stretch => "stretch",
            },
            match range {
                Range::One => 1,
                Range::Byte => 255,
            }
        );
        if mean != [0.0; 3] || deviation != [1.0; 3] {
            line.push_str(&format!(", mean {mean:?}, deviation {deviation:?}"));
        }
        lines.push(line);
        let iou = self
            .iou
            .map_or_else(String::new, |iou| format!(", IoU {iou}"));
        lines.push(format!(
            "suggested: confidence {}{iou} ({}); the graph's settings decide",
            self.confidence,
            self.family.preset().tool
        ));
        lines
    }
}
