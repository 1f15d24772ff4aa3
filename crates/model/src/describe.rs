//! What a model is, as far as its file and the shapes of its outputs show.

use camweave_vision::{
    Activation, BoxCoding, HeadFormat, InputFormat, MAX_MULTI_LABEL, Range, Scores, Task,
};

use crate::candidate::Candidate;
use crate::error::ModelError;
use crate::facts::Facts;
use crate::family::{Family, Preset, ScoreKind, TaskKind};
use crate::file::{ElementType, ModelFile};
use crate::metadata::MAX_CLASSES;
use crate::size::MAX_HEAD_BYTES;

/// What a model is, and how that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The kind of detector.
    pub family: Family,
    /// How its output is read.
    pub head: HeadFormat,
    /// What it expects of a frame.
    pub input: InputFormat,
    /// Which of the file's outputs are read, in the order of
    /// [`Order::Parts`](camweave_vision::Order::Parts); prototypes of masks
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

impl Facts<'_> {
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
