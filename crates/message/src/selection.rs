use std::num::NonZeroU64;

/// Which of a camera's pictures are looked at by the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// Each of them.
    #[default]
    All,
    /// One in so many nanoseconds of presentation time.
    Every(NonZeroU64),
    /// None.
    Off,
}

impl Selection {
    /// The reason under which pictures that are left out are counted: no drop for want of anything.
    pub const REASON: &'static str = "not_selected";

    /// The longest interval: a day, in nanoseconds.
    pub const MAX_NANOS: i64 = 86_400_000_000_000;

    /// The value of the column `detect_every_nanos`: 0 for all, -1 for none.
    #[must_use]
    pub fn to_nanos(self) -> i64 {
        match self {
            Self::All => 0,
            Self::Every(nanos) => i64::try_from(nanos.get()).unwrap_or(Self::MAX_NANOS),
            Self::Off => -1,
        }
    }

    /// The other way; `None`: outside of -1 to [`Selection::MAX_NANOS`].
    #[must_use]
    pub fn from_nanos(nanos: i64) -> Option<Self> {
        match nanos {
            -1 => Some(Self::Off),
            0..=Self::MAX_NANOS => {
                let nanos = u64::try_from(nanos).ok().and_then(NonZeroU64::new);
                Some(nanos.map_or(Self::All, Self::Every))
            }
            _ => None,
        }
    }
}
