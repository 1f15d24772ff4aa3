//! Typed access to the columns of a struct array, with errors that name them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{Array, ArrayRef, ListArray, PrimitiveArray, StringArray, StructArray};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{Field, Fields};

use crate::MessageError;
use crate::limits::{MAX_NANOS, MAX_ROWS};
use crate::text::{plain, quoted, sentence};

/// Collects the columns of a message in order.
#[derive(Default)]
pub(crate) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    /// The column `schema` comes first in every message.
    pub fn with_schema(schema: &'static str, rows: usize) -> Self {
        let mut columns = Self::default();
        columns.strings("schema", std::iter::repeat_n(schema, rows));
        columns
    }

    pub fn push(&mut self, name: &str, nullable: bool, array: impl Array + 'static) {
        self.fields
            .push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(Arc::new(array));
    }

    pub fn strings<S: AsRef<str>>(&mut self, name: &str, values: impl Iterator<Item = S>) {
        self.push(name, false, StringArray::from_iter_values(values));
    }

    pub fn numbers<T: ArrowPrimitiveType>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = T::Native>,
    ) {
        self.push(name, false, primitive::<T>(values));
    }

    /// A list column of non-null numbers.
    pub fn number_lists<T: ArrowPrimitiveType>(
        &mut self,
        name: &str,
        lists: impl Iterator<Item = Vec<T::Native>>,
    ) {
        let mut lengths = Vec::new();
        let mut values = Vec::new();
        for list in lists {
            lengths.push(list.len());
            values.extend(list);
        }
        let values = PrimitiveArray::<T>::from_iter_values(values);
        self.list(name, &lengths, Arc::new(values), false);
    }

    /// A column of lists of lists of non-null numbers: one for each item of a row.
    pub fn nested_lists<'v, T: ArrowPrimitiveType>(
        &mut self,
        name: &str,
        rows: impl Iterator<Item = Vec<&'v [T::Native]>>,
    ) {
        let mut lengths = Vec::new();
        let mut inner = Vec::new();
        let mut values: Vec<T::Native> = Vec::new();
        for row in rows {
            lengths.push(row.len());
            for list in row {
                inner.push(list.len());
                values.extend_from_slice(list);
            }
        }
        let values = PrimitiveArray::<T>::from_iter_values(values);
        self.nested(name, &lengths, &inner, Arc::new(values));
    }

    /// A column of lists of lists over `values`, the lengths of both given.
    pub fn nested(&mut self, name: &str, lengths: &[usize], inner: &[usize], values: ArrayRef) {
        let item = Arc::new(Field::new("item", values.data_type().clone(), false));
        let offsets = OffsetBuffer::from_lengths(inner.iter().copied());
        let lists = ListArray::new(item, offsets, values, None);
        self.list(name, lengths, Arc::new(lists), false);
    }

    /// A list column of non-null strings.
    pub fn string_lists<S: AsRef<str>>(&mut self, name: &str, lists: impl Iterator<Item = Vec<S>>) {
        let mut builder = ListBuilder::new(StringBuilder::new()).with_field(Field::new(
            "item",
            arrow_schema::DataType::Utf8,
            false,
        ));
        for list in lists {
            for item in &list {
                builder.values().append_value(item);
            }
            builder.append(true);
        }
        self.push(name, false, builder.finish());
    }

    /// A list column over `values`, the rows' lengths given.
    pub fn list(&mut self, name: &str, lengths: &[usize], values: ArrayRef, nullable_items: bool) {
        let item = Arc::new(Field::new(
            "item",
            values.data_type().clone(),
            nullable_items,
        ));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        self.push(name, false, ListArray::new(item, offsets, values, None));
    }

    pub fn finish(self) -> StructArray {
        self.finish_with(None)
    }

    pub fn finish_with(self, nulls: Option<NullBuffer>) -> StructArray {
        StructArray::new(Fields::from(self.fields), self.arrays, nulls)
    }
}

/// An array of values whose number is not known beforehand.
pub(crate) fn primitive<T: ArrowPrimitiveType>(
    values: impl Iterator<Item = T::Native>,
) -> PrimitiveArray<T> {
    PrimitiveArray::new(values.collect(), None)
}

/// Reads the columns of a received struct array.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub schema: &'static str,
    prefix: &'static str,
    array: &'a StructArray,
}

impl<'a> Reader<'a> {
    /// Checks that `array` is a struct whose every row names `schema`.
    pub fn open(schema: &'static str, array: &'a dyn Array) -> Result<Self, MessageError> {
        let Some(array) = array.as_struct_opt() else {
            return Err(MessageError::NotAStruct {
                expected: schema,
                found: plain(&array.data_type().to_string()),
            });
        };
        if array.len() > MAX_ROWS {
            return Err(MessageError::TooManyRows {
                schema,
                found: array.len(),
                expected: MAX_ROWS,
            });
        }
        let reader = Self {
            schema,
            prefix: "",
            array,
        };
        let names = reader.strings("schema")?;
        for row in 0..reader.rows() {
            if names.value(row) != schema {
                return Err(MessageError::Schema {
                    expected: schema,
                    found: plain(names.value(row)),
                    row,
                    hint: hint(schema, names.value(row)),
                });
            }
        }
        Ok(reader)
    }

    /// A struct inside a message, its fields named `prefix.field` in errors.
    pub fn nested(schema: &'static str, prefix: &'static str, array: &'a StructArray) -> Self {
        Self {
            schema,
            prefix,
            array,
        }
    }

    pub fn rows(&self) -> usize {
        self.array.len()
    }

    fn name(&self, field: &str) -> String {
        if self.prefix.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.prefix)
        }
    }

    fn column(&self, field: &str, expected: &str) -> Result<&'a ArrayRef, MessageError> {
        self.array
            .column_by_name(field)
            .ok_or_else(|| MessageError::MissingField {
                schema: self.schema,
                field: self.name(field),
                expected: expected.to_owned(),
            })
    }

    pub fn wrong_type(&self, field: &str, expected: &str, found: &dyn Array) -> MessageError {
        MessageError::FieldType {
            schema: self.schema,
            field: self.name(field),
            expected: expected.to_owned(),
            found: plain(&found.data_type().to_string()),
        }
    }

    fn no_nulls(&self, field: &str, array: &dyn Array) -> Result<(), MessageError> {
        if array.null_count() == 0 {
            return Ok(());
        }
        // A null inside a null parent is no error; the parent's own check speaks then.
        match (0..array.len()).find(|&row| array.is_null(row) && self.array.is_valid(row)) {
            Some(row) => Err(MessageError::Null {
                schema: self.schema,
                field: self.name(field),
                row,
            }),
            None => Ok(()),
        }
    }

    /// A column of one Arrow type, found by `cast`.
    pub fn typed<A: Array>(
        &self,
        field: &str,
        expected: &str,
        cast: impl FnOnce(&'a ArrayRef) -> Option<&'a A>,
    ) -> Result<&'a A, MessageError> {
        let column = self.column(field, expected)?;
        let typed = cast(column).ok_or_else(|| self.wrong_type(field, expected, column))?;
        self.no_nulls(field, typed)?;
        Ok(typed)
    }

    /// A column that a message of this version may lack: it came after the version's first.
    pub fn optional<T>(
        &self,
        field: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, MessageError>,
    ) -> Result<Option<T>, MessageError> {
        match self.array.column_by_name(field) {
            Some(_) => read(self, field).map(Some),
            None => Ok(None),
        }
    }

    /// As [`Reader::typed`], where null means 'absent'.
    pub fn nullable_struct(&self, field: &str) -> Result<&'a StructArray, MessageError> {
        let column = self.column(field, "Struct")?;
        column
            .as_struct_opt()
            .ok_or_else(|| self.wrong_type(field, "Struct", column))
    }

    pub fn strings(&self, field: &str) -> Result<&'a StringArray, MessageError> {
        self.typed(field, "Utf8", |column| column.as_string_opt::<i32>())
    }

    pub fn numbers<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<&'a PrimitiveArray<T>, MessageError> {
        self.typed(field, &T::DATA_TYPE.to_string(), |column| {
            column.as_primitive_opt::<T>()
        })
    }

    pub fn lists(&self, field: &str) -> Result<&'a ListArray, MessageError> {
        self.typed(field, "List", |column| column.as_list_opt::<i32>())
    }

    /// The items of a list column; slice them by the list's offsets.
    pub fn number_items<T: ArrowPrimitiveType>(
        &self,
        field: &str,
    ) -> Result<(&'a ListArray, &'a PrimitiveArray<T>), MessageError> {
        let lists = self.lists(field)?;
        let expected = format!("List<{}>", T::DATA_TYPE);
        let items = lists
            .values()
            .as_primitive_opt::<T>()
            .ok_or_else(|| self.wrong_type(field, &expected, lists))?;
        Ok((lists, items))
    }

    pub fn value(
        &self,
        field: &str,
        row: usize,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> MessageError {
        MessageError::Value {
            schema: self.schema,
            field: self.name(field),
            row,
            value: value.into(),
            expected: expected.into(),
        }
    }

    /// Parses a string column's value.
    pub fn parsed<T>(&self, field: &str, row: usize, text: &str) -> Result<T, MessageError>
    where
        T: std::str::FromStr,
        T::Err: Display,
    {
        text.parse()
            // What cannot be read may be quoted whole by the error of its type.
            .map_err(|error: T::Err| {
                self.value(field, row, quoted(text), sentence(error.to_string()))
            })
    }

    /// A time, checked.
    pub fn nanos(&self, field: &str, row: usize, nanos: i64) -> Result<i64, MessageError> {
        if (-MAX_NANOS..=MAX_NANOS).contains(&nanos) {
            return Ok(nanos);
        }
        let expected = format!("nanoseconds within -{MAX_NANOS} and {MAX_NANOS}");
        Err(self.value(field, row, nanos.to_string(), expected))
    }

    /// Checks the length of a text in bytes, and that it is one line without control characters.
    pub fn text(
        &self,
        field: &str,
        row: usize,
        text: &str,
        bytes: RangeInclusive<usize>,
    ) -> Result<(), MessageError> {
        if bytes.contains(&text.len()) && !text.chars().any(char::is_control) {
            return Ok(());
        }
        let (least, most) = bytes.into_inner();
        let expected = format!("{least} to {most} bytes of text without control characters");
        Err(self.value(field, row, quoted(text), expected))
    }

    /// Checks a number.
    pub fn within<T: PartialOrd + Display>(
        &self,
        field: &str,
        row: usize,
        value: T,
        range: RangeInclusive<T>,
    ) -> Result<T, MessageError> {
        if range.contains(&value) {
            return Ok(value);
        }
        let expected = format!("{} to {}", range.start(), range.end());
        Err(self.value(field, row, value.to_string(), expected))
    }
}

/// The range of one row's items in a list column's values.
pub(crate) fn items(list: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = list.value_offsets();
    offsets[row].max(0) as usize..offsets[row + 1].max(0) as usize
}

fn hint(expected: &str, found: &str) -> &'static str {
    let stem = |name: &str| name.rsplit_once('/').map(|(stem, _)| stem.to_owned());
    if stem(expected).is_some() && stem(expected) == stem(found) {
        "the sender speaks another version; update the older of the two nodes"
    } else {
        "the graph connects an output of another type to this input"
    }
}
