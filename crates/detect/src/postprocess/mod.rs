//! Heads to detections: what the stages that decode and suppress share.

mod classes;
pub mod facts;
mod models;
mod place;
mod settings;
mod shapes;

use std::num::NonZeroUsize;
use std::time::Duration;

use camweave_message::{DetectedBox, Detections, Head};
use camweave_stage::telemetry::Counters;
use camweave_stage::{Context, DropReason, Output, QueuePolicy, Refusal};
use camweave_vision::NmsConfig;

use crate::refusals::{self, Refusals};

pub use classes::Classes;
pub use models::{Model, Models};
pub use settings::NmsSettings;
pub use shapes::most_points;

use facts::{CLASSES_KEPT, CONFIDENCE, IOU, MAX_DETECTIONS, OBJECTS_IGNORED};

/// A head that waits longer has most likely expired.
const MAX_WAIT: Duration = Duration::from_millis(250);
/// Heads of one camera that may wait.
const PER_CAMERA: usize = 64;
/// Heads that are done before the first of them is sent on.
pub const BATCH: NonZeroUsize = NonZeroUsize::new(32).expect("not zero");
/// The same of heads with more than boxes: a mask takes longer than all boxes of a frame.
pub const SHAPED_BATCH: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// Which heads wait.
pub const QUEUE: QueuePolicy = QueuePolicy::Newest {
    max_wait: MAX_WAIT,
    overloaded_wait: MAX_WAIT,
    per_camera: PER_CAMERA,
};

/// Why frames are dropped, as it is in the counters; `unreachable` is the stage's own.
#[must_use]
pub const fn drops(unreachable: DropReason) -> [DropReason; 5] {
    [
        DropReason::SUPERSEDED,
        DropReason::EXPIRED,
        DropReason::PRODUCER_GONE,
        unreachable,
        DropReason {
            name: DropReason::MALFORMED.name,
            help: "the output is not what its row says (error `malformed_head`)",
        },
    ]
}

/// Of a head that is not what its row says.
pub fn malformed(error: impl std::fmt::Display) -> Refusal {
    refusals::malformed("malformed_head", error.to_string())
}

/// A stage's half that is the same wherever heads are decoded. With each model goes a `T`.
pub struct Postprocess<T> {
    /// Thresholds and limits.
    pub nms: NmsConfig,
    /// The models whose heads have come.
    pub models: Models<T>,
    /// Whether the last heads had more than boxes.
    is_shaped: bool,
    /// Objects in ignored areas so far.
    objects_ignored: u64,
    counters: Counters,
    rows_per_message: usize,
    refusals: Refusals,
}

impl<T> Postprocess<T> {
    /// The half of a stage with these settings.
    #[must_use]
    pub fn new(settings: &NmsSettings, context: &Context) -> Self {
        let wanted = settings.kept_classes();
        let facts = [
            (CONFIDENCE, settings.confidence.to_string()),
            (IOU, settings.iou.to_string()),
            (MAX_DETECTIONS, settings.max_detections.to_string()),
            (
                CLASSES_KEPT,
                match wanted.as_slice() {
                    [] => "all".to_owned(),
                    words => words.join(", "),
                },
            ),
        ];
        for (fact, value) in &facts {
            context.counters.fact(fact, value);
        }
        Self {
            nms: settings.nms(),
            models: Models::new(wanted, context),
            is_shaped: false,
            objects_ignored: 0,
            counters: context.counters.clone(),
            rows_per_message: match settings.rows_per_message {
                0 => usize::MAX,
                rows => rows,
            },
            refusals: Refusals::new("head", context),
        }
    }

    /// Heads that are taken next at most, after such as the last ones.
    #[must_use]
    pub fn batch(&self) -> NonZeroUsize {
        if self.is_shaped { SHAPED_BATCH } else { BATCH }
    }

    /// Begins with these heads.
    pub fn begin(&mut self, heads: &[Head]) {
        self.models.begin();
        self.is_shaped = heads.iter().any(|head| !head.format.task.is_detect());
    }

    /// Counts a head that cannot be worked on.
    pub fn refuse(&self, head: &Head, refusal: &Refusal) {
        self.refusals.refuse(&head.id, &head.tensor, refusal);
    }

    /// The row of what was found in a head; `boxes` are in pixels of what the network saw.
    #[must_use]
    pub fn row(&mut self, head: Head, mut boxes: Vec<DetectedBox>) -> Detections {
        let ignored = place::place(&mut boxes, &head);
        if ignored > 0 {
            self.objects_ignored += ignored;
            let value = self.objects_ignored.to_string();
            self.counters.fact(&OBJECTS_IGNORED, &value);
        }
        Detections {
            image_size: head.image_size(),
            id: head.id,
            trace: head.trace,
            picture: Some(head.picture),
            model: head.model,
            boxes,
        }
    }

    /// Sends rows, so many in a message as the settings say.
    pub fn send(&self, rows: impl IntoIterator<Item = Detections>, out: &mut Output<Detections>) {
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            out.send(rows.by_ref().take(self.rows_per_message).collect());
        }
    }
}
