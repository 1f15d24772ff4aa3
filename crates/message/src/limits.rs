//! The ranges of what messages carry. Whoever reads a message may rely on them.
//!
//! A row outside of them is refused where it enters a node (`docs/messages.md`), so that
//! arithmetic and memory behind that boundary need no checks of their own. They are far
//! beyond what cameras and models do.

pub use camweave_vision::MAX_DIMENSION;
#[cfg(doc)]
use camweave_vision::Polygon;

/// Times lie within plus and minus so many nanoseconds: 146 years, for Unix times up to 2116.
///
/// The difference of two such times fits into 64 bits.
pub const MAX_NANOS: i64 = (1 << 62) - 1;
/// The highest number of an access unit in its session.
pub const MAX_SEQUENCE: u64 = 1 << 62;
/// Rows of one message.
pub const MAX_ROWS: usize = 4096;
/// Cameras of one node, from its start to its end.
pub const MAX_CAMERAS: usize = 1024;
/// Stages that a row has passed, and stages of one graph.
pub const MAX_STAGES: usize = 64;
/// The name of a stage, in bytes.
pub const MAX_STAGE_BYTES: usize = 255;
/// The coded bytes of one access unit.
pub const MAX_UNIT_BYTES: usize = 32 << 20;
/// Boxes of one frame.
pub const MAX_BOXES: usize = 30_000;
/// Classes of one model; class ids are below.
pub const MAX_CLASSES: u32 = 65_536;
/// The name of a class, in bytes.
pub const MAX_LABEL_BYTES: usize = 256;
/// All class names of a model together, in bytes.
pub const MAX_CLASS_NAMES_BYTES: usize = 1 << 20;
/// The name of a model, in bytes.
pub const MAX_MODEL_BYTES: usize = 512;
/// One frame's raw network output, in bytes.
pub const MAX_HEAD_BYTES: u64 = 256 << 20;
/// Rows of a raw network output, and its columns: classes, anchors or detections.
pub const MAX_HEAD_SIDE: u32 = 1 << 20;
/// An edge of a box lies within so many widths (or heights) of the image's, on either side.
pub const MAX_BOX_SIZES: f32 = 4.0;
/// Ignored areas of one camera; each has at most [`Polygon::MAX_POINTS`] points.
pub const MAX_IGNORED: usize = 32;
/// Attributes of one box.
pub const MAX_ATTRIBUTES: usize = 16;
/// The name of an attribute, in bytes.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 64;
/// Values of one box in a column that has a list for each box: its outline, its keypoints.
pub const MAX_BOX_VALUES: usize = 8192;
/// Values of all boxes of a frame in one such column.
pub const MAX_FRAME_VALUES: usize = 1 << 21;
/// An oriented box is rotated by at most a turn, in radians.
pub const MAX_ANGLE: f32 = std::f32::consts::TAU;
/// The name of an event, in bytes.
pub const MAX_EVENT_ID_BYTES: usize = 64;
/// The name of a rule, in bytes.
pub const MAX_RULE_BYTES: usize = 64;
/// Objects of one event.
pub const MAX_EVENT_TRACKS: usize = 256;
/// An event's value is within plus and minus this: a count, seconds, km/h.
pub const MAX_EVENT_VALUE: f64 = 1e12;
/// The text form of a pool's id, in bytes.
pub const MAX_POOL_ID_BYTES: usize = 256;
