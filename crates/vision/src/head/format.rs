//! How the values of a detector's output are read.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How one frame's values of a detector's output become boxes.
///
/// A network with several outputs gives them one after the other, each as it is: boxes, then
/// scores, then classes. Every head has `anchors` places, whether they are anchors, cells, queries
/// or rows of detections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub struct HeadFormat {
    /// Where a value is.
    pub order: Order,
    /// Number of places.
    pub anchors: u32,
    /// What says how sure the network is, and of which class.
    pub scores: Scores,
    /// What the four values of a box are.
    pub boxes: BoxCoding,
    /// What the values of a box are measured in.
    #[serde(default)]
    pub space: BoxSpace,
    /// What makes a score of 0 to 1 of a value.
    #[serde(default)]
    pub activation: Activation,
    /// Values of each place after its scores; [`HeadFormat::task`] says what they are.
    #[serde(default)]
    pub extra: u32,
    /// Whether a place gives a box for each class that is above the threshold, not for its best one
    /// only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_label: bool,
    /// Whether overlapping boxes are left in, so that they have to be suppressed.
    pub overlaps: bool,
    /// What the extra values give beside the box.
    #[serde(default, skip_serializing_if = "Task::is_detect")]
    pub task: Task,
}

/// Where in the values of a frame a value of a place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// `[values, anchors]`: all places' first value, then all places' second value, ...
    Planes,
    /// `[anchors, values]`: one place after the other.
    Rows,
    /// Boxes `[anchors, 4]`, then scores `[anchors, classes]` or `[anchors]`, then, where each place
    /// has one class, classes `[anchors]`.
    Parts,
    /// Boxes `[anchors, 4]`, then scores `[classes, anchors]` (PP-YOLOE).
    PartsByClass,
}

/// What says how sure the network is, and of which class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scores {
    /// A score for each class.
    PerClass {
        /// Number of values, with that of the background where there is one.
        values: u32,
        /// Which of them is that of no object.
        #[serde(default)]
        background: Background,
    },
    /// A score for an object, then one for each class; their product counts (YOLOv5, YOLOv7, YOLOX).
    Objectness {
        /// Number of classes.
        classes: u32,
    },
    /// One score and the id of its class.
    Labelled,
}

/// The value of no object among those of the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// There is none.
    #[default]
    None,
    /// The first one: class ids begin with the second (SSD).
    First,
    /// The last one (DETR).
    Last,
}

/// What the four values of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxCoding {
    /// Centre x, centre y, width, height.
    Centre,
    /// x1, y1, x2, y2.
    Corners,
    /// y1, x1, y2, x2 (TensorFlow).
    CornersYx,
    /// YOLOX before its grid is applied: offsets of the centre from the cell, and logarithms of
    /// sizes, both in cells of 8, then 16, then 32 pixels.
    Grid,
}

/// What the values of a box are measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoxSpace {
    /// Pixels of the network's input.
    #[default]
    Pixels,
    /// Parts of the input's width and height, 0 to 1.
    Normalised,
}

/// What makes a score of 0 to 1 of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// It is one already.
    #[default]
    None,
    /// `1 / (1 + exp(-value))`.
    Sigmoid,
    /// `exp(value)` in parts of that sum over all classes and the background.
    Softmax,
    /// A hundredth of it.
    Percent,
}

/// What a network gives of an object beside its box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Nothing: extra values are not read.
    #[default]
    Detect,
    /// A mask: the extra values are its coefficients of as many prototypes, `[extra, height, width]`,
    /// which follow the places.
    Segment {
        /// Height of a prototype, in its own pixels.
        height: u32,
        /// Width of a prototype, in its own pixels.
        width: u32,
    },
    /// Keypoints, in pixels of the network's input.
    Pose {
        /// Values of a point: x and y, or x, y and confidence.
        values: u32,
    },
    /// The angle of an oriented box, in radians: the only extra value.
    Obb,
}

impl Task {
    /// Whether there is nothing but the box.
    #[must_use]
    pub const fn is_detect(&self) -> bool {
        matches!(self, Self::Detect)
    }
}

impl HeadFormat {
    /// `[4 + classes, anchors]` of YOLOv8, 9, 11 and 12: centre boxes in pixels, then a score of
    /// each class.
    #[must_use]
    pub const fn yolov8(classes: u32, anchors: u32) -> Self {
        Self {
            order: Order::Planes,
            anchors,
            scores: Scores::PerClass {
                values: classes,
                background: Background::None,
            },
            boxes: BoxCoding::Centre,
            space: BoxSpace::Pixels,
            activation: Activation::None,
            extra: 0,
            multi_label: false,
            overlaps: true,
            task: Task::Detect,
        }
    }

    /// `[anchors, 6]` of YOLOv10 and YOLO26: x1, y1, x2, y2 in pixels, score, class; without
    /// duplicates, and unused rows score zero.
    #[must_use]
    pub const fn end_to_end(anchors: u32) -> Self {
        Self {
            order: Order::Rows,
            anchors,
            scores: Scores::Labelled,
            boxes: BoxCoding::Corners,
            space: BoxSpace::Pixels,
            activation: Activation::None,
            extra: 0,
            multi_label: false,
            overlaps: false,
            task: Task::Detect,
        }
    }

    /// Number of classes, where the head shows it.
    #[must_use]
    pub const fn classes(&self) -> Option<u32> {
        match self.scores {
            Scores::PerClass {
                values,
                background: Background::None,
            } => Some(values),
            Scores::PerClass { values, .. } => Some(values.saturating_sub(1)),
            Scores::Objectness { classes } => Some(classes),
            Scores::Labelled => None,
        }
    }

    /// Which scores of a place are those of classes.
    #[must_use]
    pub fn class_scores(&self) -> Range<usize> {
        let first = match self.scores {
            Scores::PerClass {
                background: Background::First,
                ..
            }
            | Scores::Objectness { .. } => 1,
            Scores::PerClass { .. } | Scores::Labelled => 0,
        };
        first..first + self.classes().unwrap_or_default() as usize
    }

    /// Values of a place.
    #[must_use]
    pub const fn values(&self) -> usize {
        let scores = match self.scores {
            Scores::PerClass { values, .. } => values as usize,
            Scores::Objectness { classes } => classes as usize + 1,
            Scores::Labelled => 2,
        };
        4 + scores + self.extra as usize
    }

    /// Values of a frame: those of all places, then the prototypes of masks where there are some.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values_of_places().saturating_add(self.prototypes())
    }

    /// Values of all places of a frame.
    #[must_use]
    pub const fn values_of_places(&self) -> usize {
        self.values().saturating_mul(self.anchors as usize)
    }

    /// Values of all prototypes of masks of a frame.
    const fn prototypes(&self) -> usize {
        match self.task {
            Task::Segment { height, width } => {
                let each = (height as usize).saturating_mul(width as usize);
                each.saturating_mul(self.extra as usize)
            }
            Task::Detect | Task::Pose { .. } | Task::Obb => 0,
        }
    }

    /// Bytes of a frame whose values are float32.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.len().saturating_mul(size_of::<f32>())
    }

    /// Candidates that a frame may have.
    #[must_use]
    pub fn most_candidates(&self) -> usize {
        let of_place = match self.multi_label {
            true => self.class_scores().len(),
            false => 1,
        };
        of_place.saturating_mul(self.anchors as usize)
    }

    /// Whether a frame has no value at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.anchors == 0
    }
}

/// The shape of a frame's output, and whether the network suppresses overlaps itself.
impl fmt::Display for HeadFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (anchors, values) = (self.anchors, self.values());
        match (self.order, self.scores) {
            (Order::Planes, _) => write!(f, "[{values}, {anchors}]")?,
            (Order::Rows, _) => write!(f, "[{anchors}, {values}]")?,
            (_, Scores::Labelled) => write!(f, "[{anchors}, 4] + 2 x [{anchors}]")?,
            (Order::Parts, _) => write!(f, "[{anchors}, 4] + [{anchors}, {}]", values - 4)?,
            (Order::PartsByClass, _) => write!(f, "[{anchors}, 4] + [{}, {anchors}]", values - 4)?,
        }
        if let Task::Segment { height, width } = self.task {
            write!(f, " + [{}, {height}, {width}]", self.extra)?;
        }
        f.write_str(if self.overlaps { "" } else { " end to end" })
    }
}
