//! What a network's graph shows of its kind.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::onnx::{GraphProto, NodeProto};
use crate::operators::values;

/// What a network's graph shows of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Signs {
    /// It suppresses overlaps by ONNX's operator `NonMaxSuppression`.
    pub suppresses: bool,
    /// It has the decoder of a transformer: its places are queries.
    pub has_decoder: bool,
    /// It selects its queries as RT-DETR and D-FINE do.
    pub selects_queries: bool,
}

/// Parts of names that only RT-DETR and what came of it have.
const SELECTION: [&str; 4] = [
    "enc_score_head",
    "enc_bbox_head",
    "encoder_input_proj",
    "decoder_input_proj",
];

impl Signs {
    pub(crate) fn of(graph: &GraphProto) -> Self {
        let is_decoder = |node: &NodeProto| {
            node.name.contains("/decoder/")
                && (node.name.contains("attn") || node.name.contains("attention"))
        };
        Self {
            suppresses: has_operator(graph, "NonMaxSuppression"),
            has_decoder: graph.node.iter().any(is_decoder),
            selects_queries: (graph.node.iter())
                .any(|node| SELECTION.iter().any(|part| node.name.contains(part))),
        }
    }

    /// Whether the first thing that the network does with an input is to divide it by 255.
    pub(crate) fn divides(graph: &GraphProto, input: &str) -> bool {
        let mut same = HashSet::from([input]);
        let constant = |name: &str| -> Option<f64> {
            let stored = graph.initializer.iter().find(|it| it.name == name);
            let made = || {
                let node = graph.node.iter().find(|node| {
                    node.op_type == "Constant" && node.output.iter().any(|it| it == name)
                })?;
                node.attribute.iter().find_map(|it| it.t.as_ref())
            };
            let values = values(stored.or_else(made)?)?;
            values.first().copied().filter(|_| values.len() == 1)
        };
        for node in &graph.node {
            if !node
                .input
                .first()
                .is_some_and(|it| same.contains(it.as_str()))
            {
                continue;
            };
            match node.op_type.as_str() {
                "Cast" | "Transpose" | "Identity" => {
                    same.extend(node.output.iter().map(String::as_str));
                }
                kind @ ("Div" | "Mul") => {
                    let by = node.input.get(1).and_then(|name| constant(name));
                    let wanted = if kind == "Div" { 255.0 } else { 1.0 / 255.0 };
                    return by.is_some_and(|by| (by / wanted - 1.0).abs() < 0.01);
                }
                // A dynamic export asks for the batch first.
                "Shape" | "Size" => {}
                _ => return false,
            }
        }
        false
    }
}

/// Whether an operator is in a graph, or in one within it.
fn has_operator(graph: &GraphProto, kind: &str) -> bool {
    graph.node.iter().any(|node| {
        let mut inner = node.attribute.iter().filter_map(|it| it.g.as_deref());
        node.op_type == kind || inner.any(|graph| has_operator(graph, kind))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::TensorProto;

    fn node(kind: &str, input: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: kind.to_owned(),
            input: input.iter().map(|it| (*it).to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    #[test]
    fn a_division_is_seen_behind_the_question_for_the_batch() {
        let by = |value: f32| TensorProto {
            name: "white".to_owned(),
            data_type: crate::onnx::data_type::FLOAT,
            float_data: vec![value],
            ..TensorProto::default()
        };
        let graph = |nodes: Vec<NodeProto>, value| GraphProto {
            node: nodes,
            initializer: vec![by(value)],
            ..GraphProto::default()
        };
        let nodes = || {
            vec![
                node("Shape", &["images"], "sizes"),
                node("Cast", &["images"], "floats"),
                node("Div", &["floats", "white"], "parts"),
            ]
        };
        assert!(Signs::divides(&graph(nodes(), 255.0), "images"));
        assert!(!Signs::divides(&graph(nodes(), 2.0), "images"));
        let convolved = vec![node("Conv", &["images"], "maps")];
        assert!(!Signs::divides(&graph(convolved, 255.0), "images"));
    }
}
