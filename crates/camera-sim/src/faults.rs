//! Faults on request: what a bad camera or a bad network does, at known times, the same every run.
//!
//! Times count from the camera's frame 0. A fault is written as `CAMERA:FAULT`, see [`parse`].

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::SimError;

/// RTP payload bytes that garbage leaves as they are: the longest payload header, so that the
/// damage reaches the decoder and does not stop at the depacketiser.
const GARBAGE_SPARES_BYTES: usize = crate::rtp::HEADER_BYTES + 3;

/// One fault of one camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The camera stays connected and sends neither frames nor reports.
    Stall(Window),
    /// All connections of the camera are closed at the start; no request is answered in the window.
    Disconnect(Window),
    /// Each RTP packet is left out with this probability.
    Loss {
        /// From 0 to 1.
        probability: f64,
        /// When.
        window: Window,
    },
    /// One byte in sixteen of each RTP payload is replaced.
    Garbage(Window),
}

/// A half-open span of time after a camera's frame 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Inclusive.
    pub start: Duration,
    /// Exclusive.
    pub end: Duration,
}

impl Window {
    fn contains(self, offset: Duration) -> bool {
        (self.start..self.end).contains(&offset)
    }
}

/// Parses `CAMERA:FAULT`; the camera is an id or `*` for all of them.
pub fn parse(text: &str) -> Result<(String, Fault), SimError> {
    let bad = |reason: String| SimError::BadFault {
        text: text.to_owned(),
        reason,
    };
    let (camera, fault) = text
        .split_once(':')
        .ok_or_else(|| bad("there is no ':' after the camera".to_owned()))?;
    if camera.is_empty() {
        return Err(bad("the camera is empty".to_owned()));
    }
    parse_fault(fault)
        .map(|fault| (camera.to_owned(), fault))
        .map_err(bad)
}

fn parse_fault(text: &str) -> Result<Fault, String> {
    let (what, when) = match text.split_once('@') {
        Some((what, when)) => (what, Some(when)),
        None => (text, None),
    };
    let (kind, value) = match what.split_once('=') {
        Some((kind, value)) => (kind, Some(value)),
        None => (what, None),
    };
    if let (Some(value), true) = (value, kind != "loss") {
        return Err(format!("{kind:?} takes no value, got {value:?}"));
    }
    match kind {
        "stall" => Ok(Fault::Stall(closed_window(kind, when)?)),
        "garbage" => Ok(Fault::Garbage(closed_window(kind, when)?)),
        "disconnect" => {
            let when = when.ok_or("\"disconnect\" needs a time, like @10s")?;
            Ok(Fault::Disconnect(window(when, Duration::ZERO)?))
        }
        "loss" => {
            let value = value.ok_or("\"loss\" needs a probability, like =0.01")?;
            let probability = value
                .parse()
                .ok()
                .filter(|p| (0.0..=1.0).contains(p))
                .ok_or_else(|| format!("probability {value:?} is not a number from 0 to 1"))?;
            let window = window(when.unwrap_or("0s"), Duration::MAX)?;
            Ok(Fault::Loss {
                probability,
                window,
            })
        }
        _ => Err(format!("unknown fault {kind:?}")),
    }
}

fn closed_window(kind: &str, when: Option<&str>) -> Result<Window, String> {
    match when {
        Some(when) if when.contains('+') => window(when, Duration::ZERO),
        _ => Err(format!("{kind:?} needs a start and a length, like @10s+5s")),
    }
}

fn window(text: &str, open_length: Duration) -> Result<Window, String> {
    let (start, length) = match text.split_once('+') {
        Some((start, length)) => (duration(start)?, duration(length)?),
        None => (duration(text)?, open_length),
    };
    Ok(Window {
        start,
        end: start.saturating_add(length),
    })
}

fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("time {text:?} is not like 10s, 1.5s or 500ms");
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1e-3),
        None => (text.strip_suffix('s').ok_or_else(bad)?, 1.0),
    };
    let number: f64 = number.parse().map_err(|_| bad())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| bad())
}

/// All faults of one camera. Chance depends only on the seed, the frame and the packet's place in
/// it, so every client and every run of the same command suffers the same.
#[derive(Debug, Clone, Default)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    seed: u64,
}

impl FaultPlan {
    /// The plan of one camera.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        Self { faults, seed }
    }

    /// Whether the camera sends nothing now.
    pub fn stalled(&self, offset: Duration) -> bool {
        self.faults
            .iter()
            .any(|fault| matches!(fault, Fault::Stall(window) if window.contains(offset)))
    }

    /// Whether the camera answers no request now.
    pub fn unreachable(&self, offset: Duration) -> bool {
        self.faults
            .iter()
            .any(|fault| matches!(fault, Fault::Disconnect(window) if window.contains(offset)))
    }

    /// When connections are to be closed, in ascending order.
    pub fn disconnects(&self) -> Vec<Duration> {
        let mut starts: Vec<_> = self
            .faults
            .iter()
            .filter_map(|fault| match fault {
                Fault::Disconnect(window) => Some(window.start),
                _ => None,
            })
            .collect();
        starts.sort();
        starts
    }

    /// Damages the packets of frame `frame`, sent at `offset`. Returns how many were taken out.
    pub fn damage(&self, offset: Duration, frame: u64, packets: &mut Vec<Vec<u8>>) -> usize {
        let before = packets.len();
        for (index, fault) in self.faults.iter().enumerate() {
            match *fault {
                Fault::Loss {
                    probability,
                    window,
                } if window.contains(offset) => {
                    let mut chance = self.chance(frame, index);
                    packets.retain(|_| !chance.random_bool(probability));
                }
                Fault::Garbage(window) if window.contains(offset) => {
                    let mut chance = self.chance(frame, index);
                    for packet in packets.iter_mut() {
                        for byte in packet.iter_mut().skip(GARBAGE_SPARES_BYTES) {
                            if chance.random_ratio(1, 16) {
                                // Never zero: no start code is made where none was.
                                *byte = chance.random_range(1..=255);
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        before - packets.len()
    }

    fn chance(&self, frame: u64, fault: usize) -> Pcg64Mcg {
        let mixed = self.seed ^ frame.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (fault as u64) << 56;
        Pcg64Mcg::seed_from_u64(mixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FAULT_GRAMMAR;
    use proptest::prelude::*;

    fn seconds(start: f64, end: f64) -> Window {
        Window {
            start: Duration::from_secs_f64(start),
            end: Duration::from_secs_f64(end),
        }
    }

    #[test]
    fn every_form_of_the_grammar() {
        let good = |text| parse(text).map(|(_, fault)| fault).expect(text);
        assert_eq!(good("cam2:stall@10s+5s"), Fault::Stall(seconds(10.0, 15.0)));
        assert_eq!(
            good("cam2:garbage@1.5s+500ms"),
            Fault::Garbage(seconds(1.5, 2.0))
        );
        assert_eq!(
            good("*:disconnect@10s"),
            Fault::Disconnect(seconds(10.0, 10.0))
        );
        assert_eq!(
            good("*:disconnect@10s+2s"),
            Fault::Disconnect(seconds(10.0, 12.0))
        );
        let always = Window {
            start: Duration::ZERO,
            end: Duration::MAX,
        };
        assert_eq!(
            good("a:loss=0.01"),
            Fault::Loss {
                probability: 0.01,
                window: always
            }
        );
        let window = seconds(3.0, 4.0);
        assert_eq!(
            good("a:loss=1@3s+1s"),
            Fault::Loss {
                probability: 1.0,
                window
            }
        );
        assert_eq!(
            parse("cam2:loss=0")
                .map(|(camera, _)| camera)
                .ok()
                .as_deref(),
            Some("cam2")
        );
    }

    #[test]
    fn errors_name_the_value_and_list_the_forms() {
        for (bad, named) in [
            ("stall@1s+1s", "':'"),
            (":stall@1s+1s", "camera is empty"),
            ("a:stall@1s", "start and a length"),
            ("a:stall", "start and a length"),
            ("a:stall@1+1", "\"1\""),
            ("a:stall@-1s+1s", "\"-1s\""),
            ("a:stall=3@1s+1s", "takes no value"),
            ("a:disconnect", "needs a time"),
            ("a:loss", "needs a probability"),
            ("a:loss=2", "\"2\""),
            ("a:explode@1s", "\"explode\""),
        ] {
            let error = parse(bad).expect_err(bad).to_string();
            assert!(
                error.contains(named) && error.contains(FAULT_GRAMMAR),
                "{bad}: {error}"
            );
        }
    }

    fn packets() -> Vec<Vec<u8>> {
        (0..50).map(|i| vec![i; 200]).collect()
    }

    #[test]
    fn windows_are_half_open() {
        let plan = FaultPlan::new(
            vec![
                Fault::Stall(seconds(1.0, 2.0)),
                Fault::Disconnect(seconds(5.0, 6.0)),
            ],
            1,
        );
        let at = Duration::from_secs_f64;
        assert_eq!(
            [0.999, 1.0, 1.999, 2.0].map(|t| plan.stalled(at(t))),
            [false, true, true, false]
        );
        assert_eq!(
            [4.9, 5.0, 6.0].map(|t| plan.unreachable(at(t))),
            [false, true, false]
        );
        assert_eq!(plan.disconnects(), [at(5.0)]);
    }

    #[test]
    fn damage_is_the_same_every_time_and_differs_by_frame() {
        let faults = vec![
            Fault::Loss {
                probability: 0.5,
                window: seconds(0.0, 9.0),
            },
            Fault::Garbage(seconds(0.0, 9.0)),
        ];
        let plan = FaultPlan::new(faults, 3);
        let damaged = |frame, offset| {
            let mut damaged = packets();
            let lost = plan.damage(Duration::from_secs(offset), frame, &mut damaged);
            assert_eq!(lost + damaged.len(), 50);
            damaged
        };
        assert_eq!(damaged(7, 1), damaged(7, 2));
        assert_ne!(damaged(7, 1), damaged(8, 1));
        assert_eq!(damaged(7, 9), packets());
        let survivors = damaged(7, 1).len();
        assert!(
            (10..40).contains(&survivors),
            "{survivors} of 50 left at loss 0.5"
        );
    }

    #[test]
    fn garbage_keeps_headers_and_makes_no_zeros() {
        let plan = FaultPlan::new(vec![Fault::Garbage(seconds(0.0, 1.0))], 3);
        let mut damaged = vec![vec![9; 1400]; 4];
        assert_eq!(plan.damage(Duration::ZERO, 1, &mut damaged), 0);
        for packet in &damaged {
            assert_eq!(packet[..GARBAGE_SPARES_BYTES], [9; GARBAGE_SPARES_BYTES]);
            let changed = packet.iter().filter(|&&byte| byte != 9).count();
            assert!(
                (40..160).contains(&changed),
                "{changed} of 1400 bytes changed"
            );
            assert!(!packet.contains(&0));
        }
    }

    proptest! {
        #[test]
        fn parser_never_panics(text in "[*a-z0-9:@+=.]{0,24}") {
            let _ = parse(&text);
        }
    }
}
