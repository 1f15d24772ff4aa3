//! How much memory a network asks for, as far as its file says, before any engine has it.
//!
//! Engines compute constants while they load a file, and what they cannot allocate ends the
//! process. A file of some hundred bytes can ask for terabytes: by the sizes that it declares
//! (`inputs`, `initializer`, `value_info`), by an operator whose operand is a size
//! (`ConstantOfShape`, `Expand`, `Tile`, `Range`, ...), or by a chain that doubles a tensor again
//! and again. This walks the graph in its order, with the sizes and the small constants that are
//! known, and stops at the first tensor beyond [`MAX_TENSOR_BYTES`]. What depends on pictures
//! stays unknown, and counts as 1.

use std::collections::HashMap;

use crate::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto, data_type};

/// The largest tensor of a network, in bytes.
pub const MAX_TENSOR_BYTES: u64 = 2 << 30;
/// All tensors that a network makes of constants together, in bytes.
pub const MAX_CONSTANT_BYTES: u64 = 4 << 30;
/// Constants of more values are no sizes.
const MAX_VALUES: usize = 64;
/// Graphs within graphs.
const MAX_DEPTH: usize = 8;

/// A tensor as far as it is known.
#[derive(Debug, Clone, Default)]
struct Known {
    /// `None`: not even the rank. A dimension that depends on pictures is 1.
    shape: Option<Vec<f64>>,
    /// The values of a small constant.
    values: Option<Vec<f64>>,
    /// Whether it depends on constants alone, so that an engine may make it while it loads.
    is_constant: bool,
}

/// Checks a graph.
///
/// # Errors
/// In words that complete 'model ...: ': which tensor is too large, and what was expected.
pub(crate) fn check(graph: &GraphProto, file_bytes: usize) -> Result<(), String> {
    Walk {
        file_bytes: file_bytes as f64,
        constant_bytes: 0.0,
    }
    .graph(graph, &HashMap::new(), 0)
}

struct Walk {
    file_bytes: f64,
    constant_bytes: f64,
}

impl Walk {
    fn graph<'a>(
        &mut self,
        graph: &'a GraphProto,
        outer: &HashMap<&'a str, Known>,
        depth: usize,
    ) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!(
                "graphs within graphs, expected at most {MAX_DEPTH}"
            ));
        }
        let mut known = outer.clone();
        for tensor in &graph.initializer {
            known.insert(&tensor.name, self.stored(tensor)?);
        }
        for value in graph
            .input
            .iter()
            .chain(&graph.output)
            .chain(&graph.value_info)
        {
            let shape = declared(value);
            if let Some(shape) = &shape {
                check_bytes(
                    "tensor",
                    &value.name,
                    shape,
                    element_bytes(element_type(value)),
                )?;
            }
            if graph.input.iter().any(|it| it.name == value.name) {
                known.entry(&value.name).or_insert(Known {
                    shape,
                    ..Known::default()
                });
            }
        }
        for node in &graph.node {
            let inputs: Vec<Known> = node
                .input
                .iter()
                .map(|name| known.get(name.as_str()).cloned().unwrap_or_default())
                .collect();
            let output = self.node(node, &inputs)?;
            for inner in node.attribute.iter().filter_map(|it| it.g.as_deref()) {
                self.graph(inner, &known, depth + 1)?;
            }
            for name in &node.output {
                known.insert(name, output.clone());
            }
        }
        Ok(())
    }

    /// A tensor whose values are in the file: it cannot have more than the file has bytes.
    fn stored(&self, tensor: &TensorProto) -> Result<Known, String> {
        let shape: Vec<f64> = tensor.dims.iter().map(|&size| size.max(0) as f64).collect();
        let count: f64 = shape.iter().product();
        check_bytes(
            "tensor",
            &tensor.name,
            &shape,
            element_bytes(tensor.data_type),
        )?;
        // Four bits are the smallest elements.
        if tensor.data_location != TensorProto::EXTERNAL && count > 2.0 * self.file_bytes {
            return Err(format!(
                "tensor '{}' is of {} values, expected at most what a file of {} bytes can hold",
                shown(&tensor.name),
                count,
                self.file_bytes
            ));
        }
        Ok(Known {
            values: values(tensor).filter(|it| it.len() == count as usize),
            shape: Some(shape),
            is_constant: true,
        })
    }

    fn node(&mut self, node: &NodeProto, inputs: &[Known]) -> Result<Known, String> {
        if let Some(tensor) = attribute(node, "value").and_then(|it| it.t.as_ref())
            && node.op_type == "Constant"
        {
            return self.stored(tensor);
        }
        let mut output = Known {
            is_constant: inputs.iter().all(|it| it.is_constant),
            values: computed(node, inputs).filter(|it| it.len() <= MAX_VALUES),
            shape: shape(node, inputs),
        };
        if output.shape.is_none() {
            output.shape = output.values.as_ref().map(|it| vec![it.len() as f64]);
        }
        let Some(shape) = &output.shape else {
            return Ok(output);
        };
        let name = node.output.first().map_or("", String::as_str);
        let bytes = check_bytes(&node.op_type, name, shape, 4.0)?;
        if output.is_constant {
            self.constant_bytes += bytes;
            if self.constant_bytes > MAX_CONSTANT_BYTES as f64 {
                return Err(format!(
                    "its constants come to {} bytes at '{}' ({}), expected at most {MAX_CONSTANT_BYTES}",
                    self.constant_bytes,
                    shown(name),
                    shown(&node.op_type)
                ));
            }
        }
        Ok(output)
    }
}

fn check_bytes(kind: &str, name: &str, shape: &[f64], element: f64) -> Result<f64, String> {
    let bytes = shape.iter().product::<f64>() * element;
    if bytes <= MAX_TENSOR_BYTES as f64 {
        return Ok(bytes);
    }
    let sizes: Vec<String> = shape.iter().take(8).map(f64::to_string).collect();
    Err(format!(
        "{} '{}' is of [{}] values, expected at most {MAX_TENSOR_BYTES} bytes",
        shown(kind),
        shown(name),
        sizes.join(", ")
    ))
}

/// A name of the file, fit for a line of our own.
fn shown(name: &str) -> String {
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

/// The values of a small tensor, whatever its type.
fn values(tensor: &TensorProto) -> Option<Vec<f64>> {
    let raw = &tensor.raw_data;
    let found: Vec<f64> = match tensor.data_type {
        data_type::INT64 if !tensor.int64_data.is_empty() => {
            tensor.int64_data.iter().map(|&it| it as f64).collect()
        }
        data_type::INT64 if raw.len() <= 8 * MAX_VALUES => raw
            .chunks_exact(8)
            .map(|it| i64::from_le_bytes(it.try_into().unwrap_or_default()) as f64)
            .collect(),
        data_type::INT32 if !tensor.int32_data.is_empty() => {
            tensor.int32_data.iter().map(|&it| f64::from(it)).collect()
        }
        data_type::INT32 if raw.len() <= 4 * MAX_VALUES => raw
            .chunks_exact(4)
            .map(|it| f64::from(i32::from_le_bytes(it.try_into().unwrap_or_default())))
            .collect(),
        data_type::FLOAT if !tensor.float_data.is_empty() => {
            tensor.float_data.iter().map(|&it| f64::from(it)).collect()
        }
        data_type::FLOAT if raw.len() <= 4 * MAX_VALUES => raw
            .chunks_exact(4)
            .map(|it| f64::from(f32::from_le_bytes(it.try_into().unwrap_or_default())))
            .collect(),
        _ => return None,
    };
    (found.len() <= MAX_VALUES).then_some(found)
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|it| it.name == name)
}

fn sizes(values: Option<&Vec<f64>>) -> Option<Vec<f64>> {
    Some(values?.iter().map(|it| it.max(0.0)).collect())
}

/// The values of a constant that an operator makes of small constants.
fn computed(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
    let value = |index: usize| inputs.get(index).and_then(|it| it.values.as_ref());
    let pairwise = |f: fn(f64, f64) -> f64| -> Option<Vec<f64>> {
        let (a, b) = (value(0)?, value(1)?);
        let count = a.len().max(b.len());
        let at =
            |list: &[f64], index: usize| list.get(if list.len() == 1 { 0 } else { index }).copied();
        (0..count)
            .map(|it| Some(f(at(a, it)?, at(b, it)?)))
            .collect()
    };
    let each = |f: fn(f64) -> f64| -> Option<Vec<f64>> {
        Some(value(0)?.iter().map(|&it| f(it)).collect())
    };
    match node.op_type.as_str() {
        "Constant" => constant(node),
        "Identity" | "Unsqueeze" | "Squeeze" | "Reshape" | "Flatten" | "Cast" => value(0).cloned(),
        "Add" => pairwise(|a, b| a + b),
        "Sub" => pairwise(|a, b| a - b),
        "Mul" => pairwise(|a, b| a * b),
        "Div" => pairwise(|a, b| a / b),
        "Pow" => pairwise(f64::powf),
        "Max" => pairwise(f64::max),
        "Min" => pairwise(f64::min),
        "BitShift" => pairwise(|a, b| a * b.exp2()),
        "Neg" => each(|it| -it),
        "Abs" => each(f64::abs),
        "Floor" => each(f64::floor),
        "Ceil" => each(f64::ceil),
        "Exp" => each(f64::exp),
        "ReduceProd" => Some(vec![value(0)?.iter().product()]),
        "ReduceSum" => Some(vec![value(0)?.iter().sum()]),
        "Concat" => {
            let mut all = Vec::new();
            for index in 0..inputs.len() {
                all.extend(value(index)?);
                if all.len() > MAX_VALUES {
                    return None;
                }
            }
            Some(all)
        }
        "Shape" => inputs.first().filter(|it| it.is_constant)?.shape.clone(),
        "Size" => {
            let shape = inputs.first().filter(|it| it.is_constant)?.shape.as_ref()?;
            Some(vec![shape.iter().product()])
        }
        "Gather" => {
            let from = value(0)?;
            (value(1)?.iter())
                .map(|&index| {
                    let index = if index < 0.0 {
                        index + from.len() as f64
                    } else {
                        index
                    };
                    from.get(index as usize).copied()
                })
                .collect()
        }
        "ConstantOfShape" => {
            let count: f64 = sizes(value(0))?.iter().product();
            let fill = attribute(node, "value").and_then(|it| values(it.t.as_ref()?));
            let fill = fill.and_then(|it| it.first().copied()).unwrap_or(0.0);
            (count <= MAX_VALUES as f64).then(|| vec![fill; count as usize])
        }
        _ => None,
    }
}

/// A `Constant` by another attribute than `value`.
fn constant(node: &NodeProto) -> Option<Vec<f64>> {
    let number = node.attribute.first()?;
    match number.name.as_str() {
        "value_int" => Some(vec![number.i as f64]),
        "value_ints" => Some(number.ints.iter().map(|&it| it as f64).collect()),
        "value_float" => Some(vec![f64::from(number.f)]),
        "value_floats" => Some(number.floats.iter().map(|&it| f64::from(it)).collect()),
        _ => None,
    }
}

/// The shape of an operator's first output; of operators that are not listed nothing is known.
fn shape(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
    let of = |index: usize| inputs.get(index).and_then(|it| it.shape.as_ref());
    let value = |index: usize| inputs.get(index).and_then(|it| it.values.as_ref());
    let count = |index: usize| of(index).map_or(1.0, |shape| shape.iter().product());
    let ints = |name: &str| -> Option<Vec<f64>> {
        let found = attribute(node, name)?;
        Some(
            found
                .ints
                .iter()
                .map(|&it| it.max(0) as f64)
                .collect::<Vec<_>>(),
        )
    };
    match node.op_type.as_str() {
        "ConstantOfShape" => sizes(value(0)),
        "RandomNormal" | "RandomUniform" => ints("shape"),
        "Expand" => {
            let wanted = sizes(value(1))?;
            Some(match of(0) {
                Some(shape) => broadcast(shape, &wanted),
                None => wanted,
            })
        }
        "Tile" => {
            let repeats = sizes(value(1))?;
            Some(match of(0) {
                Some(shape) if shape.len() == repeats.len() => {
                    shape.iter().zip(&repeats).map(|(a, b)| a * b).collect()
                }
                _ => repeats,
            })
        }
        "Range" => {
            let at = |index: usize| value(index)?.first().copied();
            let steps = ((at(1)? - at(0)?) / at(2)?).ceil();
            Some(vec![if steps.is_nan() { 0.0 } else { steps.max(0.0) }])
        }
        "OneHot" => Some(vec![count(0), value(1)?.first()?.max(0.0)]),
        "EyeLike" | "Identity" | "Cast" | "Neg" | "Abs" | "Floor" | "Ceil" | "Exp" | "Sigmoid"
        | "Relu" | "Sqrt" | "Softmax" | "Not" | "Transpose" | "RandomNormalLike"
        | "RandomUniformLike" => {
            // A transposed tensor has as many values, and only those count for its size; as an
            // operand of what follows its sizes may be in another order.
            match node.op_type.as_str() {
                "Transpose" => transposed(of(0)?, attribute(node, "perm")),
                _ => of(0).cloned(),
            }
        }
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" | "And" | "Or" | "Xor" | "Mod"
        | "Equal" | "Less" | "Greater" | "Where" | "Sum" | "Mean" => {
            let shapes = (0..inputs.len()).filter_map(of);
            shapes.cloned().reduce(|a, b| broadcast(&a, &b))
        }
        "MatMul" => matmul(of(0)?, of(1)?),
        "Concat" => {
            let axis = attribute(node, "axis").map_or(0, |it| it.i);
            let mut all = of(0)?.clone();
            let index = if axis < 0 {
                all.len() as i64 + axis
            } else {
                axis
            };
            let index = usize::try_from(index).ok()?;
            for other in 1..inputs.len() {
                *all.get_mut(index)? += of(other)?.get(index)?;
            }
            Some(all)
        }
        "Unsqueeze" => {
            // Where the new dimensions are does not change the number of values.
            let axes = value(1).cloned().or_else(|| ints("axes"))?;
            let mut all = of(0)?.clone();
            let rank = (all.len() + axes.len()) as f64;
            let mut axes: Vec<f64> = axes
                .iter()
                .map(|&axis| if axis < 0.0 { axis + rank } else { axis })
                .collect();
            axes.sort_by(f64::total_cmp);
            for axis in axes {
                all.insert((axis as usize).min(all.len()), 1.0);
            }
            Some(all)
        }
        "Reshape" => reshaped(of(0)?, value(1)?),
        "Resize" | "Upsample" => {
            // 'sizes' is the last operand of Resize, 'scales' is one of the two before it.
            let all = || (1..inputs.len()).filter_map(value).find(|it| it.len() > 2);
            if node.op_type == "Resize" && inputs.len() == 4 && value(3).is_some() {
                return sizes(value(3));
            }
            let scales = all()?;
            Some(match of(0) {
                Some(shape) if shape.len() == scales.len() => shape
                    .iter()
                    .zip(scales)
                    .map(|(a, b)| (a * b).max(0.0))
                    .collect(),
                _ => scales.clone(),
            })
        }
        "Pad" => {
            let pads = value(1).cloned().or_else(|| ints("pads"))?;
            Some(padded(of(0), &pads))
        }
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => {
            let pads = ints("pads").unwrap_or_default();
            let output = ints("output_shape").unwrap_or_default();
            let all = padded(None, &pads).into_iter().chain(output);
            Some(all.collect())
        }
        _ => None,
    }
}

/// Each dimension as large as its pads at least.
fn padded(shape: Option<&Vec<f64>>, pads: &[f64]) -> Vec<f64> {
    let half = pads.len() / 2;
    (0..half)
        .map(|index| {
            let size = shape.and_then(|it| it.get(index)).copied().unwrap_or(1.0);
            (size + pads[index].max(0.0) + pads[index + half].max(0.0)).max(1.0)
        })
        .collect()
}

fn broadcast(a: &[f64], b: &[f64]) -> Vec<f64> {
    let rank = a.len().max(b.len());
    let at = |list: &[f64], index: usize| {
        let behind = rank - index;
        if behind > list.len() {
            1.0
        } else {
            list[list.len() - behind]
        }
    };
    (0..rank)
        .map(|index| at(a, index).max(at(b, index)))
        .collect()
}

fn matmul(a: &[f64], b: &[f64]) -> Option<Vec<f64>> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let (batch_a, batch_b) = (&a[..a.len() - 2], &b[..b.len() - 2]);
    let mut all = broadcast(batch_a, batch_b);
    all.extend([a[a.len() - 2], b[b.len() - 1]]);
    Some(all)
}

fn transposed(shape: &[f64], order: Option<&AttributeProto>) -> Option<Vec<f64>> {
    let Some(order) = order.filter(|it| !it.ints.is_empty()) else {
        return Some(shape.iter().rev().copied().collect());
    };
    let at = |index: &i64| shape.get(usize::try_from(*index).ok()?).copied();
    order.ints.iter().map(at).collect()
}

fn reshaped(shape: &[f64], wanted: &[f64]) -> Option<Vec<f64>> {
    let all: f64 = shape.iter().product();
    let known: f64 = wanted.iter().filter(|it| **it > 0.0).product();
    let sizes = wanted.iter().enumerate().map(|(index, &size)| match size {
        size if size > 0.0 => Some(size),
        0.0 => shape.get(index).copied(),
        _ => Some((all / known).max(1.0)),
    });
    let sizes: Vec<f64> = sizes.collect::<Option<_>>()?;
    // It moves values and makes none: where dimensions are unknown, the wanted sizes are no measure.
    (sizes.iter().product::<f64>() <= all.max(1.0) * 1.001).then_some(sizes)
}

#[cfg(test)]
#[path = "size_tests.rs"]
mod tests;
