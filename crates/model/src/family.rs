//! The kinds of detectors that are known by name.

use std::fmt;

use camweave_vision::{
    Activation, Background, BoxCoding, BoxSpace, Channels, Fit, InputFormat, Range,
};
use serde::{Deserialize, Serialize};

/// Means and deviations of ImageNet.
pub(crate) const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// A kind of detector, as `family` in `MODEL.yml` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Ultralytics: YOLOv8, v5u, 9, 11, 12.
    #[serde(
        alias = "yolov9",
        alias = "yolo11",
        alias = "yolov12",
        alias = "yolov5u"
    )]
    Yolov8,
    /// YOLOv5 and v7, raw: objectness.
    #[serde(alias = "yolov7")]
    Yolov5,
    /// YOLOv6: objectness that is 1.
    Yolov6,
    /// YOLOX before its grid is applied.
    Yolox,
    /// YOLOX exported with `--decode_in_inference`.
    YoloxDecoded,
    /// pytorch-YOLOv4.
    Yolov4,
    /// YOLOv10, YOLO26, and exports with `nms=True`.
    #[serde(alias = "yolov10", alias = "yolo26")]
    EndToEnd,
    /// Ultralytics' RT-DETR up to 8.3: a score for each class.
    RtDetr,
    /// Ultralytics' RT-DETR from 8.4 on: a score and a class.
    RtDetrLabelled,
    /// RT-DETR, v2, D-FINE, DEIM without their postprocessor.
    RtDetrLogits,
    /// RF-DETR.
    RfDetr,
    /// DETR, YOLOS.
    Detr,
    /// Conditional and Deformable DETR.
    ConditionalDetr,
    /// D-FINE, DEIM, RT-DETRv2 with their postprocessor.
    #[serde(alias = "deim", alias = "rt_detr_v2")]
    DFine,
    /// DeepStream-Yolo's export scripts.
    DeepstreamYolo,
    /// YOLO-NAS.
    YoloNas,
    /// PP-YOLOE.
    PpYoloe,
    /// PP-YOLOE+.
    PpYoloePlus,
    /// SSD with priors applied.
    Ssd,
    /// TensorFlow's Object Detection API.
    TfDetection,
    /// YOLO with TensorRT's `EfficientNMS` or its like.
    EfficientNms,
}

/// Which scores a place has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// One for each class.
    PerClass,
    /// One for an object, and one for each class.
    Objectness,
    /// One, and the id of its class.
    Labelled,
}

/// What a detector gives of an object, as `task` in `MODEL.yml` and in metadata names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Its box.
    Detect,
    /// Its box and its mask.
    Segment,
    /// Its box and its keypoints.
    Pose,
    /// Its rotated box.
    Obb,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Detect, Self::Segment, Self::Pose, Self::Obb];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Segment => "segment",
            Self::Pose => "pose",
            Self::Obb => "obb",
        }
    }

    /// What a word stands for.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a family fixes, but for the numbers of places and classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Whether boxes, scores and classes are outputs of their own.
    pub has_parts: bool,
    /// Which scores a place has.
    pub scores: ScoreKind,
    /// The value of no object.
    pub background: Background,
    /// What a box is.
    pub boxes: BoxCoding,
    /// What it is measured in.
    pub space: BoxSpace,
    /// What makes a score.
    pub activation: Activation,
    /// Whether that tool gives a place a box for each class above the confidence.
    pub multi_label: bool,
    /// Whether boxes have to be suppressed.
    pub overlaps: bool,
    /// What the network expects of a frame.
    pub input: InputFormat,
    /// The lowest confidence that the family's own tool shows.
    pub confidence: f32,
    /// The IoU beyond which that tool suppresses.
    pub iou: Option<f32>,
    /// That tool.
    pub tool: &'static str,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Yolov8,
        Self::Yolov5,
        Self::Yolov6,
        Self::Yolox,
        Self::YoloxDecoded,
        Self::Yolov4,
        Self::EndToEnd,
        Self::RtDetr,
        Self::RtDetrLabelled,
        Self::RtDetrLogits,
        Self::RfDetr,
        Self::Detr,
        Self::ConditionalDetr,
        Self::DFine,
        Self::DeepstreamYolo,
        Self::YoloNas,
        Self::PpYoloe,
        Self::PpYoloePlus,
        Self::Ssd,
        Self::TfDetection,
        Self::EfficientNms,
    ];

    /// The word in `MODEL.yml`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yolov8 => "yolov8",
            Self::Yolov5 => "yolov5",
            Self::Yolov6 => "yolov6",
            Self::Yolox => "yolox",
            Self::YoloxDecoded => "yolox_decoded",
            Self::Yolov4 => "yolov4",
            Self::EndToEnd => "end_to_end",
            Self::RtDetr => "rt_detr",
            Self::RtDetrLabelled => "rt_detr_labelled",
            Self::RtDetrLogits => "rt_detr_logits",
            Self::RfDetr => "rf_detr",
            Self::Detr => "detr",
            Self::ConditionalDetr => "conditional_detr",
            Self::DFine => "d_fine",
            Self::DeepstreamYolo => "deepstream_yolo",
            Self::YoloNas => "yolo_nas",
            Self::PpYoloe => "pp_yoloe",
            Self::PpYoloePlus => "pp_yoloe_plus",
            Self::Ssd => "ssd",
            Self::TfDetection => "tf_detection",
            Self::EfficientNms => "efficient_nms",
        }
    }

    /// What it fixes.
    #[must_use]
    pub fn preset(self) -> Preset {
        let yolo = Preset {
            has_parts: false,
            scores: ScoreKind::PerClass,
            background: Background::None,
            boxes: BoxCoding::Centre,
            space: BoxSpace::Pixels,
            activation: Activation::None,
            multi_label: false,
            overlaps: true,
            input: InputFormat::default(),
            confidence: 0.25,
            iou: Some(0.7),
            tool: "Ultralytics predict",
        };
        let objectness = Preset {
            scores: ScoreKind::Objectness,
            iou: Some(0.45),
            tool: "YOLOv5 detect.py",
            ..yolo
        };
        let yolox = Preset {
            confidence: 0.3,
            tool: "YOLOX onnx_inference.py",
            input: InputFormat {
                fit: Fit::TopLeft,
                channels: Channels::Bgr,
                range: Range::Byte,
                ..InputFormat::default()
            },
            ..objectness
        };
        let detr = Preset {
            has_parts: true,
            space: BoxSpace::Normalised,
            activation: Activation::Sigmoid,
            multi_label: true,
            overlaps: false,
            input: imagenet(Fit::Stretch),
            confidence: 0.5,
            iou: None,
            tool: "Transformers' post_process_object_detection",
            ..yolo
        };
        let rt_detr = Preset {
            has_parts: false,
            activation: Activation::None,
            multi_label: false,
            input: stretched(),
            confidence: 0.25,
            tool: "Ultralytics predict",
            ..detr
        };
        let labelled = Preset {
            has_parts: true,
            scores: ScoreKind::Labelled,
            boxes: BoxCoding::Corners,
            overlaps: false,
            iou: None,
            ..yolo
        };
        let apart = Preset {
            has_parts: true,
            boxes: BoxCoding::Corners,
            ..yolo
        };
        match self {
            Self::Yolov8 => yolo,
            Self::Yolov5 => objectness,
            Self::Yolov6 => Preset {
                confidence: 0.4,
                tool: "YOLOv6 infer.py",
                ..objectness
            },
            Self::Yolox => Preset {
                boxes: BoxCoding::Grid,
                ..yolox
            },
            Self::YoloxDecoded => yolox,
            Self::Yolov4 => Preset {
                space: BoxSpace::Normalised,
                input: stretched(),
                confidence: 0.4,
                iou: Some(0.6),
                tool: "pytorch-YOLOv4 demo.py",
                ..apart
            },
            Self::EndToEnd => Preset {
                has_parts: false,
                ..labelled
            },
            Self::RtDetr => rt_detr,
            Self::RtDetrLabelled => Preset {
                scores: ScoreKind::Labelled,
                ..rt_detr
            },
            Self::RtDetrLogits => Preset {
                input: stretched(),
                ..detr
            },
            Self::RfDetr => Preset {
                tool: "rfdetr predict",
                ..detr
            },
            Self::Detr => Preset {
                activation: Activation::Softmax,
                background: Background::Last,
                multi_label: false,
                confidence: 0.9,
                ..detr
            },
            Self::ConditionalDetr => detr,
            Self::DFine => Preset {
                input: stretched(),
                confidence: 0.4,
                tool: "D-FINE torch_inf.py",
                ..labelled
            },
            Self::DeepstreamYolo => Preset {
                scores: ScoreKind::Labelled,
                boxes: BoxCoding::Corners,
                iou: Some(0.45),
                tool: "DeepStream-Yolo config_infer_primary",
                ..yolo
            },
            Self::YoloNas => Preset {
                multi_label: true,
                tool: "SuperGradients predict",
                ..apart
            },
            Self::PpYoloe => Preset {
                multi_label: true,
                input: imagenet(Fit::Stretch),
                confidence: 0.5,
                tool: "PaddleDetection infer.py",
                ..apart
            },
            Self::PpYoloePlus => Preset {
                multi_label: true,
                input: stretched(),
                confidence: 0.5,
                tool: "PaddleDetection infer.py",
                ..apart
            },
            Self::Ssd => Preset {
                multi_label: true,
                background: Background::First,
                space: BoxSpace::Normalised,
                input: InputFormat {
                    mean: [127.0 / 255.0; 3],
                    deviation: [128.0 / 255.0; 3],
                    ..stretched()
                },
                confidence: 0.4,
                iou: Some(0.45),
                tool: "pytorch-ssd run_ssd_example.py",
                ..apart
            },
            Self::TfDetection => Preset {
                boxes: BoxCoding::CornersYx,
                space: BoxSpace::Normalised,
                input: stretched(),
                confidence: 0.3,
                tool: "the Object Detection API's tutorial",
                ..labelled
            },
            Self::EfficientNms => Preset {
                tool: "YOLOv7 export.py --end2end",
                ..labelled
            },
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

fn stretched() -> InputFormat {
    InputFormat {
        fit: Fit::Stretch,
        ..InputFormat::default()
    }
}

fn imagenet(fit: Fit) -> InputFormat {
    let (mean, deviation) = IMAGENET;
    InputFormat {
        fit,
        mean,
        deviation,
        ..InputFormat::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_that_are_read() {
        for family in Family::ALL {
            let word = serde_json::to_string(&family).expect("a word");
            assert_eq!(word, format!("\"{family}\""));
        }
        for task in TaskKind::ALL {
            let word = serde_json::to_string(&task).expect("a word");
            assert_eq!(word, format!("\"{task}\""));
            assert_eq!(TaskKind::of(task.as_str()), Some(task));
        }
    }
}
