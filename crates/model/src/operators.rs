//! What operators make: the sizes of their outputs, and the values of small constants.

use crate::known::{Known, MAX_RANK, MAX_VALUES};
use crate::onnx::{AttributeProto, NodeProto, TensorProto, data_type};

/// The values of a small tensor, whatever its type.
pub(crate) fn values(tensor: &TensorProto) -> Option<Vec<f64>> {
    let raw = &tensor.raw_data;
    let found: Vec<f64> = match tensor.data_type {
        data_type::INT64 if !tensor.int64_data.is_empty() => {
            tensor.int64_data.iter().map(|&it| it as f64).collect()
        }
        data_type::INT64 => numbers(raw, |it| i64::from_le_bytes(it) as f64)?,
        data_type::INT32 if !tensor.int32_data.is_empty() => {
            tensor.int32_data.iter().map(|&it| f64::from(it)).collect()
        }
        data_type::INT32 => numbers(raw, |it| i32::from_le_bytes(it).into())?,
        data_type::FLOAT if !tensor.float_data.is_empty() => {
            tensor.float_data.iter().map(|&it| f64::from(it)).collect()
        }
        data_type::FLOAT => numbers(raw, |it| f32::from_le_bytes(it).into())?,
        _ => return None,
    };
    (found.len() <= MAX_VALUES).then_some(found)
}

/// `None` of more than a small tensor has.
fn numbers<const N: usize>(raw: &[u8], of: fn([u8; N]) -> f64) -> Option<Vec<f64>> {
    let raw = Some(raw).filter(|raw| raw.len() <= N * MAX_VALUES)?;
    Some(raw.as_chunks().0.iter().map(|it| of(*it)).collect())
}

/// A list of one value has it at each place.
fn at(list: &[f64], index: usize) -> Option<f64> {
    list.get(if list.len() == 1 { 0 } else { index }).copied()
}

pub(crate) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|it| it.name == name)
}

fn sizes(values: Option<&Vec<f64>>) -> Option<Vec<f64>> {
    Some(values?.iter().map(|it| it.max(0.0)).collect())
}

/// The values of a constant that an operator makes of small constants.
pub(crate) fn computed(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
    let value = |index: usize| inputs.get(index).and_then(|it| it.values.as_ref());
    let pairwise = |f: fn(f64, f64) -> f64| -> Option<Vec<f64>> {
        let (a, b) = (value(0)?, value(1)?);
        let count = a.len().max(b.len());
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
        "Mod" => pairwise(f64::rem_euclid),
        "Equal" => pairwise(|a, b| f64::from(a == b)),
        "Less" => pairwise(|a, b| f64::from(a < b)),
        "LessOrEqual" => pairwise(|a, b| f64::from(a <= b)),
        "Greater" => pairwise(|a, b| f64::from(a > b)),
        "GreaterOrEqual" => pairwise(|a, b| f64::from(a >= b)),
        "And" => pairwise(|a, b| f64::from(a != 0.0 && b != 0.0)),
        "Or" => pairwise(|a, b| f64::from(a != 0.0 || b != 0.0)),
        "Not" => each(|it| f64::from(it == 0.0)),
        "Sqrt" => each(f64::sqrt),
        "Neg" => each(|it| -it),
        "Abs" => each(f64::abs),
        "Floor" => each(f64::floor),
        "Ceil" => each(f64::ceil),
        "Exp" => each(f64::exp),
        "Where" => {
            let (yes, no) = (value(1)?, value(2)?);
            let condition = value(0)?;
            let count = condition.len().max(yes.len()).max(no.len());
            (0..count)
                .map(|it| {
                    if at(condition, it)? != 0.0 {
                        at(yes, it)
                    } else {
                        at(no, it)
                    }
                })
                .collect()
        }
        "Slice" => sliced(node, inputs),
        "ReduceMax" => Some(vec![value(0)?.iter().copied().fold(f64::MIN, f64::max)]),
        "ReduceMin" => Some(vec![value(0)?.iter().copied().fold(f64::MAX, f64::min)]),
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
        "Shape" => {
            let shape = inputs.first().filter(|it| it.is_constant)?.shape.as_ref()?;
            let rank = shape.len() as i64;
            let at = |name: &str, default: i64| {
                let index = attribute(node, name).map_or(default, |it| it.i);
                let index = if index < 0 { index + rank } else { index };
                usize::try_from(index.clamp(0, rank)).unwrap_or(0)
            };
            let (start, end) = (at("start", 0), at("end", rank));
            Some(shape.get(start..end).unwrap_or_default().to_vec())
        }
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

/// A part of a small constant of one dimension.
fn sliced(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
    let from = inputs.first()?.values.as_ref()?;
    let operand = |index: usize, name: &str| {
        let said = inputs.get(index).and_then(|it| it.values.as_ref());
        let said = said.and_then(|it| it.first().copied());
        said.or_else(|| Some(*attribute(node, name)?.ints.first()? as f64))
    };
    if operand(4, "steps").is_some_and(|step| step != 1.0) {
        return None;
    }
    let count = from.len() as f64;
    let place = |at: f64| (if at < 0.0 { at + count } else { at }).clamp(0.0, count) as usize;
    let (start, end) = (operand(1, "starts")?, operand(2, "ends")?);
    Some(from.get(place(start)..place(end))?.to_vec())
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

/// The shape of an operator's first output as far as its operands are known; of operators that are
/// not listed nothing is.
pub(crate) fn shape(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
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
        "Gemm" => {
            let side = |index: usize, name: &str, other: usize| -> Option<f64> {
                let is_turned = attribute(node, name).is_some_and(|it| it.i != 0);
                of(index)?
                    .get(if is_turned { 1 - other } else { other })
                    .copied()
            };
            Some(vec![side(0, "transA", 0)?, side(1, "transB", 1)?])
        }
        "Gather" => {
            let (data, indices) = (of(0)?, of(1)?);
            let axis = index(attribute(node, "axis").map_or(0, |it| it.i), data.len())?;
            let mut all = data.get(..axis)?.to_vec();
            all.extend(indices);
            all.extend(data.get(axis + 1..)?);
            Some(all)
        }
        "Concat" => {
            let axis = attribute(node, "axis").map_or(0, |it| it.i);
            let mut all = of(0)?.clone();
            let index = index(axis, all.len())?;
            for other in 1..inputs.len() {
                *all.get_mut(index)? += of(other)?.get(index)?;
            }
            Some(all)
        }
        "Unsqueeze" => {
            // Where the new dimensions are does not change the number of values.
            let axes = value(1).cloned().or_else(|| ints("axes"))?;
            if axes.len() > MAX_RANK {
                return None;
            }
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
            let attribute = attribute(node, "scales");
            let attribute = attribute.filter(|it| it.floats.len() <= MAX_RANK);
            let attribute: Option<Vec<f64>> =
                attribute.map(|it| it.floats.iter().map(|&it| f64::from(it)).collect());
            let all = || {
                let mut operands = (1..inputs.len()).filter_map(value);
                operands.find(|it| it.len() > 2).cloned().or(attribute)
            };
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
                _ => scales,
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

/// The most that an operator makes of constants, where [`shape`] does not know it exactly; `None`
/// where that is not known either. Engines compute such operators while they load a file.
pub(crate) fn at_most(node: &NodeProto, inputs: &[Known]) -> Option<Vec<f64>> {
    let of = |index: usize| inputs.get(index).and_then(|it| it.shape.as_ref());
    let count = |index: usize| of(index).map(|shape| shape.iter().product::<f64>());
    match node.op_type.as_str() {
        // A constant by an attribute that is no size: text, or a long list.
        "Constant" => {
            let listed = node
                .attribute
                .iter()
                .map(|it| it.ints.len().max(it.floats.len()));
            Some(vec![listed.max().unwrap_or(0).max(1) as f64])
        }
        // As large as their first operand, or a part of it.
        "Acos"
        | "Asin"
        | "Atan"
        | "BatchNormalization"
        | "BitwiseNot"
        | "CastLike"
        | "Celu"
        | "Clip"
        | "Cos"
        | "Cosh"
        | "CumSum"
        | "DequantizeLinear"
        | "Dropout"
        | "Elu"
        | "Erf"
        | "Gelu"
        | "GlobalAveragePool"
        | "GlobalMaxPool"
        | "HardSigmoid"
        | "HardSwish"
        | "InstanceNormalization"
        | "IsInf"
        | "IsNaN"
        | "LayerNormalization"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "Mish"
        | "QuantizeLinear"
        | "Reciprocal"
        | "ReverseSequence"
        | "Round"
        | "Scatter"
        | "ScatterElements"
        | "ScatterND"
        | "Selu"
        | "Sign"
        | "Sin"
        | "Sinh"
        | "Slice"
        | "Softplus"
        | "Softsign"
        | "Split"
        | "Tan"
        | "Tanh"
        | "ThresholdedRelu"
        | "TopK"
        | "Trilu" => of(0).cloned(),
        "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "GreaterOrEqual"
        | "LessOrEqual" | "PRelu" => Some(broadcast(of(0)?, of(1)?)),
        "GatherElements" => of(1).cloned(),
        "Reshape" | "Compress" | "Unique" => Some(vec![count(0)?]),
        "Flatten" => {
            let axis = attribute(node, "axis").map_or(1, |it| it.i);
            let (front, back) = of(0)?.split_at_checked(index(axis, of(0)?.len())?)?;
            Some(vec![front.iter().product(), back.iter().product()])
        }
        "NonZero" => Some(vec![of(0)?.len() as f64, count(0)?]),
        "Size" => Some(Vec::new()),
        "Shape" => Some(vec![of(0)?.len() as f64]),
        "Squeeze" => {
            let axes = axes(node, inputs);
            let shape = of(0)?;
            let keeps = |at: usize| match &axes {
                Some(axes) => !axes.iter().any(|&it| index(it, shape.len()) == Some(at)),
                None => shape[at] > 1.0,
            };
            Some(
                (0..shape.len())
                    .filter(|&it| keeps(it))
                    .map(|it| shape[it])
                    .collect(),
            )
        }
        kind if kind.starts_with("Reduce") || kind.starts_with("Arg") => {
            let shape = of(0)?;
            let axes = match attribute(node, "axis") {
                Some(axis) => Some(vec![axis.i]),
                None if kind.starts_with("Arg") => Some(vec![0]),
                None => axes(node, inputs),
            };
            let is_reduced = |at: usize| match &axes {
                Some(axes) => axes.iter().any(|&it| index(it, shape.len()) == Some(at)),
                None => true,
            };
            let keeps = attribute(node, "keepdims").is_none_or(|it| it.i != 0);
            let sizes = (0..shape.len()).filter_map(|at| match is_reduced(at) {
                true => keeps.then_some(1.0),
                false => Some(shape[at]),
            });
            Some(sizes.collect())
        }
        _ => None,
    }
}

/// The axes of an operator that takes them as its second operand or as an attribute.
fn axes(node: &NodeProto, inputs: &[Known]) -> Option<Vec<i64>> {
    let operand = inputs.get(1).and_then(|it| it.values.as_ref());
    let operand = operand.map(|axes| axes.iter().map(|&it| it as i64).collect());
    operand.or_else(|| {
        Some(
            attribute(node, "axes")?
                .ints
                .iter()
                .take(MAX_RANK)
                .copied()
                .collect(),
        )
    })
}

/// The place of an axis, which counts from the end where it is negative.
fn index(axis: i64, rank: usize) -> Option<usize> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok()
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
    let (a, b) = match (a, b) {
        (&[a], b) => (&[1.0, a][..], b),
        (a, &[b]) => (a, &[b, 1.0][..]),
        both => both,
    };
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
