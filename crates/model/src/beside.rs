//! What a head has of each object beside its box.

use camweave_vision::Task;

use crate::facts::{Facts, write};
use crate::family::{Family, TaskKind};

/// Prototypes of masks are not more.
const MOST_PROTOTYPES: usize = 64;
/// An input pixel's side in parts of a prototype's, of Ultralytics.
const PROTOTYPE_STRIDE: usize = 4;

/// What a head has of each object beside its box.
#[derive(Debug, Clone)]
pub(crate) struct Beside {
    pub task: Task,
    /// Values of a place after its scores.
    pub extra: usize,
    /// The output of prototypes of masks.
    pub prototypes: Option<usize>,
    /// What says so, in a line; nothing of boxes alone.
    pub why: Option<String>,
}

impl Beside {
    /// Extra values that are not read.
    pub fn nothing(extra: usize) -> Self {
        Self {
            task: Task::Detect,
            extra,
            prototypes: None,
            why: None,
        }
    }

    /// Whether a family has heads with this.
    pub fn is_of(&self, family: Family) -> bool {
        match self.task {
            Task::Detect => true,
            Task::Segment { .. } => {
                matches!(family, Family::Yolov8 | Family::EndToEnd | Family::Yolov5)
            }
            Task::Pose { .. } | Task::Obb => matches!(family, Family::Yolov8 | Family::EndToEnd),
        }
    }
}

impl Facts<'_> {
    /// What `MODEL.yml` or the metadata says that the model gives of an object.
    pub fn task(&self) -> Option<(TaskKind, &'static str)> {
        let metadata = self.file.metadata.task.as_deref();
        match self.settings.task {
            Some(task) => Some((task, "MODEL.yml")),
            None => Some((TaskKind::of(metadata?)?, "metadata")),
        }
    }

    /// What the head in the output of this index has beside boxes.
    pub fn beside(&self, index: usize) -> Result<Beside, String> {
        let said = self.settings.extra.map(|it| it as usize);
        let beside = match self.task() {
            Some((TaskKind::Segment, from)) => {
                let prototypes = self.prototypes(index)?.ok_or_else(|| {
                    format!(
                        "its task is segment ({from}) and its outputs are {}, expected prototypes of masks [batch, maps, height, width] in one other output; {}",
                        self.shown(),
                        write(self.file, self.line_of_prototypes(index))
                    )
                })?;
                self.masks(prototypes, format!("task: segment ({from})"))
            }
            Some((TaskKind::Pose, from)) => {
                let shape = self.settings.kpt_shape.or(self.file.metadata.keypoints);
                let [points, values] = shape.ok_or_else(|| {
                    format!(
                        "its task is pose ({from}), and how many keypoints it has is not known; {}",
                        write(self.file, "kpt_shape: [17, 3]")
                    )
                })?;
                Beside {
                    task: Task::Pose { values },
                    extra: points as usize * values as usize,
                    prototypes: None,
                    why: Some(format!(
                        "task: pose ({from}), {points} keypoints of {values} values"
                    )),
                }
            }
            Some((TaskKind::Obb, from)) => Beside {
                task: Task::Obb,
                extra: 1,
                prototypes: None,
                why: Some(format!("task: obb ({from})")),
            },
            Some((TaskKind::Detect, _)) | None => {
                let prototypes = self.prototypes(index)?;
                let maps = prototypes.map_or(0, |it| self.shapes[it][0]);
                match prototypes {
                    Some(found) if self.task().is_none() && self.are_ultralytics(found) => {
                        self.masks(found, "task: segment (prototypes of masks)".to_owned())
                    }
                    _ => Beside::nothing(said.unwrap_or(maps)),
                }
            }
        };
        match said {
            Some(said) if said != beside.extra => Err(format!(
                "MODEL.yml says extra: {said}, and {} has {}",
                beside.why.unwrap_or_default(),
                beside.extra
            )),
            _ => Ok(beside),
        }
    }

    fn masks(&self, prototypes: usize, why: String) -> Beside {
        let [maps, height, width] = self.shapes[prototypes][..] else {
            return Beside::nothing(0);
        };
        // Sizes of outputs are bounded (MAX_HEAD_BYTES).
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        let (height, width) = (side(height), side(width));
        Beside {
            task: Task::Segment { height, width },
            extra: maps,
            prototypes: Some(prototypes),
            why: Some(why),
        }
    }

    /// The output of prototypes of masks: the one that `MODEL.yml` names, or the only one, but for
    /// `index`, that they may be in.
    fn prototypes(&self, index: usize) -> Result<Option<usize>, String> {
        if let Some(name) = &self.settings.outputs.prototypes {
            return match self.output(name)? {
                found if self.may_be_prototypes(found, index) => Ok(Some(found)),
                _ => Err(format!(
                    "MODEL.yml says that prototypes of masks are in '{name}', and its outputs are {}, expected [batch, maps, height, width] of at most {MOST_PROTOTYPES} maps",
                    self.shown()
                )),
            };
        }
        let mut all = self.possible_prototypes(index);
        Ok(all.next().filter(|_| all.next().is_none()))
    }

    /// Whether the output of this index may be prototypes of masks of the head in `index`.
    fn may_be_prototypes(&self, found: usize, index: usize) -> bool {
        match *self.shapes[found] {
            [maps, height, width] => {
                found != index && maps <= MOST_PROTOTYPES && height > 1 && width > 1
            }
            _ => false,
        }
    }

    fn possible_prototypes(&self, index: usize) -> impl Iterator<Item = usize> {
        (0..self.shapes.len()).filter(move |it| self.may_be_prototypes(*it, index))
    }

    /// What to write where it is not known which output has the prototypes of masks.
    fn line_of_prototypes(&self, index: usize) -> &'static str {
        match self.possible_prototypes(index).nth(1) {
            Some(_) => "outputs: {all: NAME, prototypes: NAME}",
            None => "task: detect",
        }
    }

    /// Whether maps are as large as Ultralytics' prototypes.
    fn are_ultralytics(&self, prototypes: usize) -> bool {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        self.settings
            .extra
            .is_none_or(|it| it as usize == self.shapes[prototypes][0])
            && self.shapes[prototypes][1..] == [height / PROTOTYPE_STRIDE, width / PROTOTYPE_STRIDE]
    }
}
