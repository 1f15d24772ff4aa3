//! How much memory a network asks for, as far as its file says, before any engine has it.
//!
//! Engines compute constants while they load a file, and what they cannot allocate ends the
//! process. A file of some hundred bytes can ask for terabytes: by the sizes that it declares
//! (`inputs`, `initializer`, `value_info`), by an operator whose operand is a size
//! (`ConstantOfShape`, `Expand`, `Tile`, `Range`, ...), or by a chain that doubles a tensor again
//! and again. This walks the graph in its order, with the sizes and the small constants that are
//! known, and stops at the first tensor beyond a limit. An operator of constants whose output's
//! size is not known is refused, and so is a loop, whose length is known to nobody. What depends on
//! pictures may stay unknown, and counts as 1.

use std::collections::{HashMap, HashSet};

use crate::known::{Known, MAX_RANK, MAX_VALUES};
use crate::onnx::{GraphProto, NodeProto, TensorProto, ValueInfoProto, data_type};
use crate::operators::{at_most, attribute, computed, shape, values};

/// The largest tensor of a network, in bytes.
pub const MAX_TENSOR_BYTES: u64 = 2 << 30;
/// The largest input of an inference, in bytes.
pub const MAX_INPUT_BYTES: u64 = 256 << 20;
/// The largest output of one frame, in bytes: messages carry no larger head.
pub const MAX_HEAD_BYTES: u64 = 256 << 20;
/// All tensors that a network makes of constants together, in bytes, where its weights are small.
pub const MAX_CONSTANT_BYTES: u64 = 64 << 20;
/// The same in parts of its weights, each value counted as 32 bits.
const MAX_CONSTANT_PARTS: f64 = 4.0;
/// Graphs within graphs.
const MAX_DEPTH: usize = 8;
/// Operators, weights and named tensors of all graphs of a file.
const MAX_PARTS: usize = 200_000;
/// Operators that run a graph as often as they like.
const LOOPS: [&str; 3] = ["Loop", "Scan", "SequenceMap"];

/// The tensors of a graph, and of those around it.
struct Scope<'a, 'o> {
    outer: Option<&'o Scope<'a, 'o>>,
    known: HashMap<&'a str, Known>,
}

impl Scope<'_, '_> {
    fn get(&self, name: &str) -> Known {
        if name.is_empty() {
            // An operand that is left out depends on nothing.
            return Known {
                is_constant: true,
                ..Known::default()
            };
        }
        let found = self.known.get(name).cloned();
        found.unwrap_or_else(|| self.outer.map(|outer| outer.get(name)).unwrap_or_default())
    }
}

/// Checks a graph; the bytes of its weights, each value counted as 32 bits, and of the file.
///
/// # Errors
/// In words that complete 'model ...: ': which tensor is too large, and what was expected.
pub(crate) fn check(graph: &GraphProto, file_bytes: usize) -> Result<u64, String> {
    let mut walk = Walk {
        file_bytes: file_bytes as f64,
        weight_bytes: file_bytes as f64,
        constant_bytes: 0.0,
        parts: 0,
    };
    walk.graph(graph, None, 0)?;
    Ok(walk.weight_bytes as u64)
}

struct Walk {
    file_bytes: f64,
    /// Of the weights so far, each value counted as 32 bits; the file's bytes at least.
    weight_bytes: f64,
    constant_bytes: f64,
    parts: usize,
}

impl Walk {
    fn graph<'a>(
        &mut self,
        graph: &'a GraphProto,
        outer: Option<&Scope<'a, '_>>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("nested graphs, expected at most {MAX_DEPTH}"));
        }
        if !graph.sparse_initializer.is_empty() {
            return Err("sparse weights, expected dense ones".to_owned());
        }
        let values = || [&graph.input, &graph.output, &graph.value_info].into_iter();
        self.parts += graph.node.len() + graph.initializer.len();
        self.parts += values().map(Vec::len).sum::<usize>();
        if self.parts > MAX_PARTS {
            return Err(format!(
                "{} operators, weights and named tensors, expected at most {MAX_PARTS}",
                self.parts
            ));
        }
        let mut scope = Scope {
            outer,
            known: HashMap::new(),
        };
        for tensor in &graph.initializer {
            let known = self.stored(tensor)?;
            scope.known.insert(&tensor.name, known);
        }
        let inputs: HashSet<&str> = graph.input.iter().map(|it| it.name.as_str()).collect();
        for value in values().flatten() {
            let (shape, element) = (declared(value), element_bytes(element_type(value)));
            if let Some(shape) = &shape {
                check_bytes("tensor", &value.name, shape, element, MAX_TENSOR_BYTES)?;
            }
            if inputs.contains(value.name.as_str()) {
                scope.known.entry(&value.name).or_insert(Known {
                    shape,
                    element,
                    ..Known::default()
                });
            }
        }
        if let Some(output) = graph.output.first().filter(|_| depth == 0)
            && let Some(shape) = declared(output)
        {
            let frame = shape.get(1..).unwrap_or_default();
            check_bytes("output", &output.name, frame, 4.0, MAX_HEAD_BYTES)?;
        }
        for node in &graph.node {
            let inputs: Vec<Known> = node.input.iter().map(|name| scope.get(name)).collect();
            let output = self.node(node, &inputs)?;
            for inner in node.attribute.iter().filter_map(|it| it.g.as_deref()) {
                self.graph(inner, Some(&scope), depth + 1)?;
            }
            for name in &node.output {
                scope.known.insert(name, output.clone());
            }
        }
        Ok(())
    }

    /// A tensor whose values are in the file: it cannot have more than the file has bytes.
    fn stored(&mut self, tensor: &TensorProto) -> Result<Known, String> {
        let shape: Vec<f64> = tensor.dims.iter().map(|&size| size.max(0) as f64).collect();
        let count: f64 = shape.iter().product();
        let element = element_bytes(tensor.data_type);
        let bytes = check_bytes("tensor", &tensor.name, &shape, element, MAX_TENSOR_BYTES)?;
        // Four bits are the smallest elements.
        if tensor.data_location != TensorProto::EXTERNAL && count > 2.0 * self.file_bytes {
            return Err(format!(
                "tensor '{}' is of {} values, expected at most what a file of {} bytes can hold",
                shown(&tensor.name),
                count,
                self.file_bytes
            ));
        }
        self.weight_bytes += bytes.max(4.0 * count);
        Ok(Known {
            values: values(tensor).filter(|it| it.len() == count as usize),
            shape: Some(shape),
            is_constant: true,
            element,
        })
    }

    fn node(&mut self, node: &NodeProto, inputs: &[Known]) -> Result<Known, String> {
        let (kind, name) = (
            node.op_type.as_str(),
            node.output.first().map_or("", String::as_str),
        );
        if LOOPS.contains(&kind) {
            return Err(format!(
                "operator {} '{}' may loop endlessly, expected a network without loops",
                shown(kind),
                shown(if node.name.is_empty() {
                    name
                } else {
                    &node.name
                })
            ));
        }
        if let Some(odd) = (node.attribute.iter())
            .find(|it| !it.graphs.is_empty() || !it.sparse_tensors.is_empty())
        {
            return Err(format!(
                "attribute '{}' of operator {} holds sparse tensors or several graphs, expected dense tensors and single graphs",
                shown(&odd.name),
                shown(kind)
            ));
        }
        if let Some(tensor) = attribute(node, "value").and_then(|it| it.t.as_ref())
            && kind == "Constant"
        {
            return self.stored(tensor);
        }
        let mut output = Known {
            is_constant: inputs.iter().all(|it| it.is_constant),
            values: computed(node, inputs).filter(|it| it.len() <= MAX_VALUES),
            shape: shape(node, inputs),
            element: element(node, inputs),
        };
        if output.shape.is_none() {
            output.shape = output.values.as_ref().map(|it| vec![it.len() as f64]);
        }
        if output.is_constant {
            // Of sums over windows, pads are the least that they make.
            let exact = output.shape.take().filter(|_| !WINDOWS.contains(&kind));
            output.shape = exact.or_else(|| at_most(node, inputs));
        }
        let Some(shape) = &output.shape else {
            if output.is_constant {
                return Err(format!(
                    "operator {} '{}' computes a constant tensor of a size that is not known in advance, expected operators with output sizes that follow from the file",
                    shown(kind),
                    shown(name)
                ));
            }
            return Ok(output);
        };
        let bytes = check_bytes(kind, name, shape, output.element, MAX_TENSOR_BYTES)?;
        if output.is_constant && !VIEWS.contains(&kind) {
            self.constant_bytes += bytes;
            let limit = (MAX_CONSTANT_PARTS * self.weight_bytes).max(MAX_CONSTANT_BYTES as f64);
            if self.constant_bytes > limit {
                return Err(format!(
                    "its computed constants come to {} bytes at '{}' ({}), expected at most {limit}",
                    self.constant_bytes,
                    shown(name),
                    shown(kind)
                ));
            }
        }
        Ok(output)
    }
}

/// Operators that sum or compare within windows.
const WINDOWS: [&str; 4] = ["Conv", "ConvTranspose", "MaxPool", "AveragePool"];
/// Operators whose output is their operand under another shape.
const VIEWS: [&str; 5] = ["Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten"];

/// Bytes of one value of an operator's output: engines widen what is narrower than 32 bits.
fn element(node: &NodeProto, inputs: &[Known]) -> f64 {
    let typed = |name: &str| attribute(node, name).map(|it| element_bytes(it.i as i32));
    let said = match node.op_type.as_str() {
        "Cast" => typed("to"),
        "EyeLike" | "RandomNormal" | "RandomUniform" => typed("dtype"),
        "ConstantOfShape" => attribute(node, "value")
            .and_then(|it| it.t.as_ref())
            .map(|it| element_bytes(it.data_type)),
        "Shape" | "Size" | "NonZero" | "ArgMax" | "ArgMin" | "TopK" | "Constant" => Some(8.0),
        _ => Some(inputs.iter().map(|it| it.element).fold(0.0, f64::max)),
    };
    said.unwrap_or(4.0).max(4.0)
}

fn check_bytes(
    kind: &str,
    name: &str,
    shape: &[f64],
    element: f64,
    limit: u64,
) -> Result<f64, String> {
    let bytes = shape.iter().product::<f64>() * element;
    if bytes <= limit as f64 && shape.len() <= MAX_RANK {
        return Ok(bytes);
    }
    let sizes: Vec<String> = shape.iter().take(8).map(f64::to_string).collect();
    Err(format!(
        "{} '{}' is of [{}] values, expected at most {limit} bytes and {MAX_RANK} dimensions",
        shown(kind),
        shown(name),
        sizes.join(", ")
    ))
}

/// A name of the file, fit for a line of our own.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_debug).collect()
}

fn declared(value: &ValueInfoProto) -> Option<Vec<f64>> {
    let tensor = value.r#type.as_ref()?.tensor_type.as_ref()?;
    let shape = tensor.shape.as_ref()?;
    // A size below 1 is how some exporters say dynamic.
    let size = |size: i64| if size > 0 { size as f64 } else { 1.0 };
    Some(
        (shape.dim.iter())
            .map(|dim| dim.dim_value.map_or(1.0, size))
            .collect(),
    )
}

fn element_type(value: &ValueInfoProto) -> i32 {
    let tensor = value.r#type.as_ref().and_then(|it| it.tensor_type.as_ref());
    tensor.map_or(data_type::FLOAT, |tensor| tensor.elem_type)
}

fn element_bytes(data_type: i32) -> f64 {
    match data_type {
        2 | 3 | 9 => 1.0,
        4 | 5 | data_type::FLOAT16 | 16 => 2.0,
        data_type::INT64 | 11 | 13 | 14 => 8.0,
        15 => 16.0,
        _ => 4.0,
    }
}

#[cfg(test)]
#[path = "size_tests.rs"]
mod tests;
