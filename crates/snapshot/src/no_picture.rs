/// Why there is no frame of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPicture {
    /// The ordinary fate of a weak reference, or of any where there is no device.
    Gone,
    /// CUDA cannot be opened; told once.
    Unopened(String),
    /// This one cannot be read.
    Failed(String),
}
