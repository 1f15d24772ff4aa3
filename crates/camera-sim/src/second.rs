/// A camera of this ending is the second stream of another one: what it shows is of the same time.
pub const SECOND_STREAM: &str = "-sub";
