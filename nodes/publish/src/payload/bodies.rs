//! What is sent of a record: the same bytes, however often it is sent.

use std::collections::VecDeque;

use bytes::Bytes;
use camweave_spool::Record;

use super::{Frigate, Payload};
use crate::settings::Shape;

/// Makes bodies, and keeps those that may be sent again: a payload of Frigate's shape depends on the rows
/// before it, and a receiver may compare copies.
#[derive(Debug)]
pub(crate) struct Bodies {
    shape: Shape,
    frigate: Frigate,
    /// By number, ascending.
    made: VecDeque<(u64, Bytes)>,
}

impl Bodies {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            frigate: Frigate::default(),
            made: VecDeque::new(),
        }
    }

    /// The body of a record, whose payload is given. `next` is the number of the first one that is not
    /// delivered: none before it is sent again.
    pub fn of(&mut self, record: &Record, payload: &Payload, next: u64) -> Bytes {
        if self.shape == Shape::Camweave {
            return Bytes::from(record.bytes.clone());
        }
        while self
            .made
            .pop_front_if(|(number, _)| *number < next)
            .is_some()
        {}
        if let Some((_, body)) = self.made.iter().find(|(of, _)| *of == record.number) {
            return body.clone();
        }
        let body = Bytes::from(self.frigate.of(payload).to_string());
        self.made.push_back((record.number, body.clone()));
        body
    }
}
