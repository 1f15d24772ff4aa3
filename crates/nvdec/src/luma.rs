//! What frames look like, for those that are looked at for motion.

use camweave_cuda::CudaError;
use camweave_cuda::luma::LumaReader;
use camweave_vision::LumaGrid;

/// Makes grids of the frames of a stream that are asked for, one frame at a time. Where nobody asks
/// there is no `R`, and so neither a kernel nor memory.
#[derive(Debug)]
pub(crate) struct Luma<R = LumaReader> {
    /// Its error stays until the stream ends: it would come again with each frame.
    reader: Option<Result<R, CudaError>>,
    /// The newest ticket that was asked for. Tickets rise from unit to unit.
    until: Option<i64>,
    /// Of the frame that was begun last.
    begun: Option<Result<(), CudaError>>,
}

impl<R> Luma<R> {
    pub fn off() -> Self {
        Self {
            reader: None,
            until: None,
            begun: None,
        }
    }

    /// Asks for the frame with a ticket. `open` is called where there is no reader yet.
    pub fn expect(&mut self, ticket: i64, open: impl FnOnce() -> Result<R, CudaError>) {
        self.until = Some(ticket);
        self.reader.get_or_insert_with(open);
    }

    /// Another stream follows.
    pub fn restart(&mut self) {
        self.until = None;
        self.begun = None;
        self.reader.take_if(|reader| reader.is_err());
    }

    /// Puts a frame's grid into a stream, if it was asked for. Frames come in another order than
    /// their units: those of earlier units have a grid as well.
    pub fn begin(&mut self, ticket: i64, enqueue: impl FnOnce(&mut R) -> Result<(), CudaError>) {
        let is_wanted = self.until.is_some_and(|until| ticket <= until);
        let reader = self.reader.as_mut().filter(|_| is_wanted);
        self.begun = reader.map(|reader| match reader {
            Ok(reader) => enqueue(reader),
            Err(error) => Err(error.clone()),
        });
    }

    /// The grid of the frame that was begun last, behind the wait for the stream.
    pub fn take(
        &mut self,
        read: impl FnOnce(&R) -> Result<LumaGrid, CudaError>,
    ) -> Option<Result<LumaGrid, CudaError>> {
        let begun = self.begun.take()?;
        let reader = self.reader.as_ref()?.as_ref();
        Some(begun.and_then(|()| reader.map_err(CudaError::clone).and_then(read)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes grids whose cells are all of one value.
    struct Reader(f32);

    fn error() -> CudaError {
        CudaError::Missing("no device".to_owned())
    }

    fn grid(value: f32) -> LumaGrid {
        let cells = vec![value; LumaGrid::COLUMNS * LumaGrid::ROWS];
        LumaGrid::from_cells(cells).expect("as many as a grid has")
    }

    fn show(luma: &mut Luma<Reader>, ticket: i64) -> Option<Result<LumaGrid, CudaError>> {
        luma.begin(ticket, |reader| {
            reader.0 = ticket as f32;
            Ok(())
        });
        luma.take(|reader| Ok(grid(reader.0)))
    }

    #[test]
    fn frames_that_were_not_asked_for_cost_nothing() {
        let mut luma = Luma::off();
        assert_eq!(show(&mut luma, 0), None);
        assert!(luma.reader.is_none());
        luma.expect(1, || Ok(Reader(0.0)));
        luma.expect(2, || unreachable!("there is one"));
        // The camera's selection changes with unit 3, whose frame is shown before that of unit 2.
        assert_eq!(show(&mut luma, 1), Some(Ok(grid(1.0))));
        assert_eq!(show(&mut luma, 3), None);
        assert_eq!(show(&mut luma, 2), Some(Ok(grid(2.0))));
        assert_eq!(luma.take(|_| unreachable!("taken")), None);
        // The next stream counts from 0 on.
        luma.restart();
        assert_eq!(show(&mut luma, 0), None);
        luma.expect(1, || unreachable!("it is kept"));
        assert_eq!(show(&mut luma, 1), Some(Ok(grid(1.0))));
    }

    #[test]
    fn a_reader_that_cannot_be_opened_is_tried_again_with_the_next_stream() {
        let mut luma = Luma::off();
        luma.expect(0, || Err(error()));
        luma.expect(1, || unreachable!("not with each frame"));
        assert_eq!(show(&mut luma, 0), Some(Err(error())));
        assert_eq!(show(&mut luma, 1), Some(Err(error())));
        luma.restart();
        luma.expect(0, || Ok(Reader(0.0)));
        assert_eq!(show(&mut luma, 0), Some(Ok(grid(0.0))));
    }

    #[test]
    fn a_grid_that_fails_is_that_frames() {
        let mut luma = Luma::off();
        luma.expect(2, || Ok(Reader(0.0)));
        luma.begin(0, |_| Err(error()));
        let read = |reader: &Reader| Ok(grid(reader.0));
        assert_eq!(luma.take(read), Some(Err(error())));
        luma.begin(1, |_| Ok(()));
        assert_eq!(luma.take(|_| Err(error())), Some(Err(error())));
        assert_eq!(show(&mut luma, 2), Some(Ok(grid(2.0))));
    }
}
