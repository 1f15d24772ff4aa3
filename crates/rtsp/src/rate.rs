use tokio::time::{Duration, Instant};

/// Bounds bytes a second; a second's worth may come at once.
#[derive(Debug)]
pub(crate) struct Rate {
    bytes_per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub fn new(bytes_per_second: u32) -> Self {
        let bytes_per_second = f64::from(bytes_per_second.max(1));
        Self {
            bytes_per_second,
            left: bytes_per_second,
            at: Instant::now(),
        }
    }

    pub fn charge(&mut self, bytes: u32) {
        self.left -= f64::from(bytes);
    }

    /// Until when nothing may be read.
    pub fn wait_until(&mut self) -> Option<Instant> {
        if self.left > 0.0 {
            return None;
        }
        let now = Instant::now();
        let earned = now.duration_since(self.at).as_secs_f64() * self.bytes_per_second;
        self.left = (self.left + earned).min(self.bytes_per_second);
        self.at = now;
        (self.left <= 0.0).then(|| {
            // At least a twentieth of a second's worth, so that it is not waited for each packet.
            let missing = self.bytes_per_second / 20.0 - self.left;
            now + Duration::from_secs_f64(missing / self.bytes_per_second)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_too_much_waits() {
        let mut rate = Rate::new(1000);
        assert_eq!(rate.wait_until(), None);
        rate.charge(1900);
        let wait = rate.wait_until().expect("more than a second's worth");
        let wait = wait.duration_since(Instant::now());
        assert!(
            wait > Duration::from_millis(700) && wait < Duration::from_millis(1000),
            "{wait:?}"
        );
    }
}
