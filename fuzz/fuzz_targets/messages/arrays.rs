//! Arrow arrays that differ from a valid one in a few places, as the input says.

use std::sync::Arc;

use arbitrary::Unstructured;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int64Type, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, LargeStringArray, ListArray, NullArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{DataType, Field, Fields};

/// What a fuzzer would not guess.
const WORDS: [&str; 16] = [
    "",
    "h264",
    "av1",
    "nv12",
    "i420",
    "rgb8",
    "bt601",
    "full",
    "file",
    "arrival",
    "../../escape",
    "\x1b[31mred\x07",
    "\u{202e}gnp",
    "host:00000000-0000-4000-8000-000000000001:1:1:1:3:4:0123456789abcdef",
    "cuda:00000000-0000-4000-8000-000000000001:1:1:1:3:4:0123456789abcdef",
    "camweave.units/2",
];

/// `valid` with some columns changed; `None` where the parts do not fit together.
pub fn mutated_struct(valid: &StructArray, input: &mut Unstructured<'_>) -> Option<StructArray> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (field, column) in valid.fields().iter().zip(valid.columns()) {
        let (name, column) = match input.int_in_range(0..=31).unwrap_or_default() {
            // Most stay as they are, so that those behind are read at all.
            0..=19 => (field.name().as_str(), Arc::clone(column)),
            20 => continue,
            21 => (word(input), Arc::clone(column)),
            22 => (field.name().as_str(), of_another_type(column.len(), input)),
            _ => (field.name().as_str(), mutated(column, input)?),
        };
        fields.push(Field::new(name, column.data_type().clone(), true));
        columns.push(column);
    }
    let nulls = nulls(valid.len(), input);
    StructArray::try_new_with_length(Fields::from(fields), columns, nulls, valid.len()).ok()
}

/// Of the same type, with other values.
fn mutated(column: &ArrayRef, input: &mut Unstructured<'_>) -> Option<ArrayRef> {
    let length = column.len();
    Some(match column.data_type() {
        DataType::Utf8 => Arc::new(
            (0..length)
                .map(|row| {
                    let valid = column.as_string::<i32>().value(row);
                    text(valid, input)
                })
                .collect::<StringArray>(),
        ),
        DataType::Binary => Arc::new(
            (0..length)
                .map(|_| input.arbitrary::<Option<&[u8]>>().unwrap_or_default())
                .collect::<BinaryArray>(),
        ),
        DataType::Boolean => Arc::new(
            (0..length)
                .map(|_| input.arbitrary::<Option<bool>>().unwrap_or_default())
                .collect::<BooleanArray>(),
        ),
        DataType::Int64 => numbers::<Int64Type>(length, input, &[i64::MIN, i64::MAX, -1]),
        DataType::UInt64 => numbers::<UInt64Type>(length, input, &[u64::MAX]),
        DataType::UInt32 => numbers::<UInt32Type>(length, input, &[u32::MAX, 1 << 31, 0]),
        DataType::Float32 => numbers::<Float32Type>(
            length,
            input,
            &[f32::NAN, f32::INFINITY, f32::MAX, -0.0, f32::MIN_POSITIVE],
        ),
        DataType::Struct(_) => Arc::new(mutated_struct(column.as_struct(), input)?),
        DataType::List(_) => mutated_list(column.as_list::<i32>(), input)?,
        _ => Arc::clone(column),
    })
}

/// With other boundaries, and items that are mutated or of another type.
fn mutated_list(list: &ListArray, input: &mut Unstructured<'_>) -> Option<ArrayRef> {
    let items = match input.int_in_range(0..=3).unwrap_or_default() {
        0 | 1 => Arc::clone(list.values()),
        2 => mutated(list.values(), input)?,
        _ => of_another_type(list.values().len(), input),
    };
    let mut rest = items.len();
    let mut lengths = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        let kept = list.value_length(row).max(0) as usize;
        let length = match input.arbitrary::<u8>().unwrap_or_default() {
            0..=127 => kept,
            other => usize::from(other - 128),
        };
        lengths.push(length.min(rest));
        rest -= length.min(rest);
    }
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls = nulls(list.len(), input);
    Some(Arc::new(
        ListArray::try_new(field, offsets, items, nulls).ok()?,
    ))
}

fn of_another_type(length: usize, input: &mut Unstructured<'_>) -> ArrayRef {
    match input.int_in_range(0..=6).unwrap_or_default() {
        0 => Arc::new(NullArray::new(length)),
        1 => Arc::new((0..length).map(|_| Some("x")).collect::<LargeStringArray>()),
        2 => Arc::new((0..length).map(|_| Some("x")).collect::<StringArray>()),
        3 => numbers::<Float64Type>(length, input, &[f64::NAN]),
        4 => numbers::<UInt8Type>(length, input, &[255]),
        5 => numbers::<UInt64Type>(length, input, &[u64::MAX]),
        _ => {
            let field = Field::new(word(input), DataType::Null, true);
            let column: ArrayRef = Arc::new(NullArray::new(length));
            Arc::new(StructArray::from(vec![(Arc::new(field), column)]))
        }
    }
}

fn numbers<T: ArrowPrimitiveType>(
    length: usize,
    input: &mut Unstructured<'_>,
    special: &[T::Native],
) -> ArrayRef
where
    T::Native: for<'a> arbitrary::Arbitrary<'a>,
{
    let number = |input: &mut Unstructured<'_>| match input.arbitrary::<u8>().unwrap_or_default() {
        0 => None,
        1..=64 => input.choose(special).ok().copied(),
        _ => Some(input.arbitrary().unwrap_or_default()),
    };
    let values: Vec<_> = (0..length).map(|_| number(input)).collect();
    Arc::new(values.into_iter().collect::<PrimitiveArray<T>>())
}

fn text(valid: &str, input: &mut Unstructured<'_>) -> Option<String> {
    match input.arbitrary::<u8>().unwrap_or_default() {
        0 => None,
        1..=80 => Some(valid.to_owned()),
        81..=160 => Some(word(input).to_owned()),
        161..=180 => Some(valid.repeat(usize::from(input.arbitrary::<u16>().unwrap_or_default()))),
        _ => Some(input.arbitrary::<String>().unwrap_or_default()),
    }
}

fn word(input: &mut Unstructured<'_>) -> &'static str {
    input.choose(&WORDS).copied().unwrap_or_default()
}

fn nulls(length: usize, input: &mut Unstructured<'_>) -> Option<NullBuffer> {
    (input.arbitrary::<u8>().unwrap_or_default() > 200).then(|| {
        let valid = (0..length).map(|_| input.arbitrary::<bool>().unwrap_or(true));
        NullBuffer::from(valid.collect::<Vec<_>>())
    })
}
