//! What is known of a tensor before any engine has it.

/// Constants of more values are no sizes.
pub(crate) const MAX_VALUES: usize = 64;
/// Dimensions of a tensor.
pub(crate) const MAX_RANK: usize = 64;

/// A tensor as far as it is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// `None`: not even the rank. A dimension that depends on pictures is 1.
    pub shape: Option<Vec<f64>>,
    /// The values of a small constant.
    pub values: Option<Vec<f64>>,
    /// Whether it depends on constants alone, so that an engine may make it while it loads.
    pub is_constant: bool,
    /// Bytes of one value; engines keep none in less than this.
    pub element: f64,
}
