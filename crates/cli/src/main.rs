//! The camweave command.
fn main() {}
