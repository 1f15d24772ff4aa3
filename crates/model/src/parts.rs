//! Families that have boxes, scores and classes in outputs of their own.

use camweave_vision::Order;

use crate::beside::Beside;
use crate::candidate::Candidate;
use crate::facts::{Facts, write};
use crate::family::Family;
use crate::size::shown;

impl Facts<'_> {
    /// Boxes, scores and classes in outputs of their own.
    pub fn parts(&self) -> Result<Option<Vec<Candidate>>, String> {
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
}
