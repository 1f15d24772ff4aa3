//! Families that have all values of a place in one output.

use camweave_vision::Order;

use crate::beside::Beside;
use crate::candidate::Candidate;
use crate::facts::{Facts, write};
use crate::family::{Family, ScoreKind};
use crate::size::shown;

impl Facts<'_> {
    /// All values of a place in one output.
    pub fn whole(&self) -> Result<Vec<Candidate>, String> {
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
}
