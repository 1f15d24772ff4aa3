use thiserror::Error;

/// Why an Arrow array is not the message that a stage expects.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The array's Arrow type is not a struct.
    #[error("expected a {expected} message (an Arrow struct array), got an array of type {found}")]
    NotAStruct {
        /// The schema that was expected.
        expected: &'static str,
        /// The Arrow type that came.
        found: String,
    },
    /// Another message type, or another version of it.
    #[error("expected a message of schema '{expected}', got '{found}' (row {row}): {hint}")]
    Schema {
        /// The schema that was expected.
        expected: &'static str,
        /// The schema that the row names.
        found: String,
        /// The row, from 0.
        row: usize,
        /// What probably happened.
        hint: &'static str,
    },
    /// More rows than one message may have.
    #[error("{schema}: {found} rows in one message, expected at most {expected}")]
    TooManyRows {
        /// The message's schema.
        schema: &'static str,
        /// The rows that came.
        found: usize,
        /// The most that a message may have.
        expected: usize,
    },
    /// A column is missing.
    #[error("{schema}: field '{field}' is missing (expected {expected})")]
    MissingField {
        /// The message's schema.
        schema: &'static str,
        /// The field.
        field: String,
        /// The Arrow type that was expected.
        expected: String,
    },
    /// A column has another Arrow type.
    #[error("{schema}: field '{field}' has type {found}, expected {expected}")]
    FieldType {
        /// The message's schema.
        schema: &'static str,
        /// The field.
        field: String,
        /// The Arrow type that was expected.
        expected: String,
        /// The Arrow type that came.
        found: String,
    },
    /// A null where a value must stand.
    #[error("{schema}: field '{field}' is null in row {row}, expected a value")]
    Null {
        /// The message's schema.
        schema: &'static str,
        /// The field.
        field: String,
        /// The row, from 0.
        row: usize,
    },
    /// A value outside its domain.
    #[error("{schema}: field '{field}' in row {row} is {value}, expected {expected}")]
    Value {
        /// The message's schema.
        schema: &'static str,
        /// The field.
        field: String,
        /// The row, from 0.
        row: usize,
        /// The value that came.
        value: String,
        /// What was expected.
        expected: String,
    },
}
