//! What stages on the CPU allocate once they run: no picture.
//!
//! The detector is left out: its engine allocates the network's values for each inference.

mod support;

#[test]
fn decoded_pictures_are_allocated_by_nobody() {
    let stages = "decode=sw-decode,batch=batcher";
    let steady = support::steady(stages, &[("MAX_BATCH", "4")], None);
    println!("{stages}: {steady}");
    steady.check_host();
}
