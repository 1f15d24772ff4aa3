//! Rows of every type out of Arrow arrays that another node made: fields missing, renamed, of
//! another type, null, sliced, and values of any kind. Nothing may panic, every error is one safe
//! line, and what is accepted survives the way back.
#![no_main]

#[path = "messages/arrays.rs"]
mod arrays;
#[path = "messages/rows.rs"]
mod rows;

use arbitrary::Unstructured;
use camweave_message::{Detections, Frame, Head, Row, Unit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    // Where the input ends, zeros follow: nothing here fails for want of bytes.
    let kind = input.int_in_range(0..=3).unwrap_or_default();
    let count = input.int_in_range(0..=3).unwrap_or_default();
    match kind {
        0 => check(&vec![rows::unit(); count], &mut input),
        1 => check(&vec![rows::frame(); count], &mut input),
        2 => check(&vec![rows::head(); count], &mut input),
        _ => check(&vec![rows::detections(); count], &mut input),
    }
});

fn check<T: Row>(rows: &[T], input: &mut Unstructured<'_>) {
    let valid = T::to_arrow(rows);
    let Some(hostile) = arrays::mutated_struct(&valid, input) else {
        return;
    };
    read::<T>(&hostile);
    // And as every other type: a graph may connect anything.
    read::<Unit>(&hostile);
    read::<Frame>(&hostile);
    read::<Head>(&hostile);
    read::<Detections>(&hostile);
}

fn read<T: Row>(array: &arrow_array::StructArray) {
    match T::from_arrow(array) {
        Ok(rows) => {
            let sent = T::to_arrow(&rows);
            let again = T::from_arrow(&sent).expect("what was accepted is valid");
            // As arrays: a number that is none equals nothing.
            assert_eq!(T::to_arrow(&again), sent);
        }
        Err(error) => {
            let line = error.to_string();
            assert!(!line.contains(char::is_control), "{line:?}");
            assert!(line.len() < 4096, "{} bytes: {}", line.len(), &line[..300]);
        }
    }
}
