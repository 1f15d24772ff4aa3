use camweave_message::Row;

/// Collects the messages that a stage sends on.
#[derive(Debug)]
pub struct Output<R> {
    messages: Vec<Vec<R>>,
}

impl<R> Default for Output<R> {
    fn default() -> Self {
        Self {
            messages: Vec::new(),
        }
    }
}

impl<R: Row> Output<R> {
    /// Sends `rows` as one message; nothing if there is none.
    pub fn send(&mut self, rows: Vec<R>) {
        if !rows.is_empty() {
            self.messages.push(rows);
        }
    }

    /// The messages so far, in order.
    pub fn take(&mut self) -> Vec<Vec<R>> {
        std::mem::take(&mut self.messages)
    }
}
