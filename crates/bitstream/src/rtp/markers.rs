/// Whether the marker of this camera ends an access unit, as RFC 6184 asks (section 5.1).
/// Some set it on each slice; their pictures would be cut in pieces.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Access units whose marker was followed by the next access unit.
    confirmed: u32,
    /// Random-access points among them: these have the most slices.
    confirmed_keyframes: u32,
    /// A slice of the same picture came after a marker.
    wrong: bool,
    /// Any marker has been seen.
    used: bool,
}

/// So many access units in a row prove that the marker ends one.
const PROOF: u32 = 8;

impl Markers {
    pub fn seen(&mut self) {
        self.used = true;
    }

    /// The marker was followed by the next access unit.
    pub fn confirm(&mut self, keyframe: bool) {
        self.confirmed = self.confirmed.saturating_add(1);
        self.confirmed_keyframes += u32::from(keyframe && self.confirmed_keyframes < PROOF);
    }

    /// The marker was followed by more of the same picture.
    pub fn refute(&mut self) {
        self.wrong = true;
    }

    /// Whether an access unit is complete as soon as its marker has come.
    pub fn end_units(&self) -> bool {
        !self.wrong && self.confirmed >= PROOF && self.confirmed_keyframes > 0
    }

    /// Whether the last access unit of a stream, or the one before lost packets, must have
    /// had a marker.
    pub fn are_used(&self) -> bool {
        self.used
    }
}
