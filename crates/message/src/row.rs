//! What a row of a message is.

use arrow_array::{Array, StructArray};

use crate::{FrameId, MessageError, Received, Trace};

/// One row of a message.
pub trait Row: Clone + Send + Sync + 'static {
    /// The schema's name and version, as it stands in the column `schema`.
    const SCHEMA: &'static str;
    /// The other schemas whose messages are read as well.
    const ALSO: &'static [&'static str] = &[];

    /// Packs `rows` into one Arrow struct array. An empty slice gives an array of length 0.
    fn to_arrow(rows: &[Self]) -> StructArray;

    /// Unpacks and checks an Arrow array; what is wrong with one row costs that row.
    ///
    /// All that is in the rows lies within [limits](crate::limits).
    ///
    /// # Errors
    /// Names the schema, field and type where the array as a whole is not what
    /// `docs/messages.md` says: a column is missing, or has another type, or nulls.
    fn read(array: &dyn Array) -> Result<Received<Self>, MessageError>;

    /// As [`Row::read`], for one who wants all rows or none.
    ///
    /// # Errors
    /// As [`Row::read`], and names field, row and value of the first row that is refused.
    fn from_arrow(array: &dyn Array) -> Result<Vec<Self>, MessageError> {
        Self::read(array)?.all()
    }

    /// Which frame of which camera this row is about.
    fn id(&self) -> &FrameId;

    /// The stages passed so far.
    fn trace(&self) -> &Trace;

    /// The stages passed so far, for the stage that adds itself.
    fn trace_mut(&mut self) -> &mut Trace;

    /// Bytes that the row keeps in memory while it waits, where they are many: a coded picture,
    /// boxes, names.
    fn bytes(&self) -> usize {
        0
    }

    /// Whether the row stands for a frame, and so is counted. The unit that ends a session does not.
    fn is_frame(&self) -> bool {
        true
    }

    /// Whether a stage can begin with this row. Only a unit can depend on the units before it.
    fn is_entry_point(&self) -> bool {
        true
    }
}
