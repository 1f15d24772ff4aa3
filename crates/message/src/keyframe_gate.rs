/// Which access units of a camera go on where they come faster than they are taken. Frames depend on
/// those before them up to a keyframe, so whatever queues them drops up to one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyframeGate {
    is_closed: bool,
}

impl KeyframeGate {
    /// Whether access units are being dropped up to the next keyframe.
    #[must_use]
    pub fn is_closed(self) -> bool {
        self.is_closed
    }

    /// Has no room for the next one: they are dropped up to the next keyframe.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// Whether the next one goes on; a keyframe opens the gate.
    pub fn passes(&mut self, is_entry_point: bool) -> bool {
        self.is_closed &= !is_entry_point;
        !self.is_closed
    }

    /// How many of those that wait are dropped, the oldest first: up to the newest keyframe after the
    /// first one. Where there is none, all are, and the gate closes. `are_entry_points` is in the
    /// order in which they came.
    pub fn drop_waiting(&mut self, are_entry_points: impl IntoIterator<Item = bool>) -> usize {
        let (mut newest, mut waiting) = (0, 0);
        for is_entry_point in are_entry_points {
            if is_entry_point {
                newest = waiting;
            }
            waiting += 1;
        }
        if newest > 0 {
            return newest;
        }
        self.close();
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_at_the_newest_keyframe_that_waits_or_at_the_next() {
        let mut gate = KeyframeGate::default();
        assert!(gate.passes(false), "open at the start");
        assert_eq!(
            gate.drop_waiting([true, false, true, false, true, false]),
            4
        );
        assert!(gate.passes(false));
        // The first one waits for room as well.
        assert_eq!(gate.drop_waiting([true, false, false]), 3);
        assert!(gate.is_closed());
        let passed = [false, false, true, false].map(|key| gate.passes(key));
        assert_eq!(passed, [false, false, true, true]);
        gate.close();
        assert!(!gate.passes(false));
    }
}
