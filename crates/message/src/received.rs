//! Reading a message row by row: what is wrong with one row costs that row.

use std::sync::Arc;

use crate::columns::Reader;
use crate::identity::{Identities, Traces};
use crate::{FrameId, MessageError, Trace};

/// What came in one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<R> {
    /// The rows that are what `docs/messages.md` says, in order.
    pub rows: Vec<R>,
    /// The others.
    pub refused: Vec<RefusedRow>,
}

/// A row that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRow {
    /// Whose it was; absent where the camera's id itself is what is wrong.
    pub camera: Option<Arc<str>>,
    /// Whether it stood for a frame, and so is missed.
    pub is_frame: bool,
    /// What is wrong.
    pub error: MessageError,
}

impl<R> Received<R> {
    /// The same with each row as something else.
    pub(crate) fn map<T>(self, each: impl FnMut(R) -> T) -> Received<T> {
        Received {
            rows: self.rows.into_iter().map(each).collect(),
            refused: self.refused,
        }
    }

    /// All rows, or what is wrong with the first that was refused.
    ///
    /// # Errors
    /// As [`RefusedRow::error`].
    pub fn all(self) -> Result<Vec<R>, MessageError> {
        match self.refused.into_iter().next() {
            None => Ok(self.rows),
            Some(refused) => Err(refused.error),
        }
    }
}

/// Reads all rows: identity and trace of each, and what `read` makes of them.
pub(crate) fn read_rows<R>(
    reader: &Reader<'_>,
    is_frame: impl Fn(usize) -> bool,
    mut read: impl FnMut(usize, FrameId, Trace) -> Result<R, MessageError>,
) -> Result<Received<R>, MessageError> {
    let ids = Identities::open(reader)?;
    let traces = Traces::open(reader)?;
    let mut received = Received {
        rows: Vec::with_capacity(reader.rows()),
        refused: Vec::new(),
    };
    for row in 0..reader.rows() {
        let camera = ids.camera(reader, row);
        let result = camera.clone().and_then(|camera| {
            let id = ids.get(reader, row, camera)?;
            read(row, id, traces.get(row)?)
        });
        match result {
            Ok(row) => received.rows.push(row),
            Err(error) => received.refused.push(RefusedRow {
                camera: camera.ok(),
                is_frame: is_frame(row),
                error,
            }),
        }
    }
    Ok(received)
}
