//! What the stages that decode heads say of themselves.

use camweave_stage::Fact;

/// Of every such stage.
pub const ALL: &[Fact] = &[
    CONFIDENCE,
    IOU,
    MAX_DETECTIONS,
    CLASSES_KEPT,
    OBJECTS_IGNORED,
    Fact::BATCH_AT_MOST,
];

/// Of the setting `CONFIDENCE`.
pub const CONFIDENCE: Fact = Fact {
    name: "confidence",
    help: "`CONFIDENCE` in use",
};
/// Of the setting `IOU`.
pub const IOU: Fact = Fact {
    name: "iou",
    help: "`IOU` in use",
};
/// Of the setting `MAX_DETECTIONS`.
pub const MAX_DETECTIONS: Fact = Fact {
    name: "max_detections",
    help: "`MAX_DETECTIONS` in use",
};
/// Of the setting `CLASSES`.
pub const CLASSES_KEPT: Fact = Fact {
    name: "classes_kept",
    help: "the words of `CLASSES`, or `all`",
};
/// Of the cameras' ignored areas.
pub const OBJECTS_IGNORED: Fact = Fact {
    name: "objects_ignored",
    help: "objects that were not reported, as they are in areas that `cameras.yml` ignores; absent: none",
};
