//! What a model is to be used for.

/// What a model is to be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To find objects in frames.
    Detect,
    /// To look at one object at a time.
    Classify,
}

impl Task {
    /// As Ultralytics names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Classify => "classify",
        }
    }
}
