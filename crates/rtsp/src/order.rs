//! Sequence numbers: what is missing, what came twice, what starts over.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::time::{Duration, Instant};

use crate::rtp::Rtp;

/// A gap of more packets is a new numbering (RFC 3550, appendix A.1).
const MAX_DROPOUT: i16 = 3000;
/// A packet that comes later than this many others is a new numbering.
const MAX_MISORDER: i16 = 100;
/// So many late packets in a row are a new numbering.
const LATE_IN_A_ROW: u32 = 32;
/// Packets are compared with so many before them: some servers repeat the last 20 now and then.
const RECENT: usize = 128;

/// What a packet's number says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Next {
        lost: u32,
        restarts: bool,
    },
    /// It came before, or too late.
    Stale,
}

/// The numbers of one stream.
#[derive(Debug)]
pub(crate) struct Sequence {
    /// Packets come complete and in order, so that a wrong number is the camera's mistake.
    ordered: bool,
    last: Option<u16>,
    late: u32,
    /// By how many the numbering went back.
    repeated: u32,
    recent: VecDeque<u64>,
}

impl Sequence {
    pub fn new(ordered: bool) -> Self {
        Self {
            ordered,
            last: None,
            late: 0,
            repeated: 0,
            recent: VecDeque::with_capacity(RECENT),
        }
    }

    /// Whether `number` is the next in turn: then its packet belongs to this numbering,
    /// whatever else it says of itself.
    pub fn is_next(&self, number: u16) -> bool {
        self.last.is_some_and(|last| number == last.wrapping_add(1))
    }

    /// Whether `number` follows within what a loss can skip.
    pub fn is_ahead(&self, number: u16) -> bool {
        let ahead = self
            .last
            .map(|last| number.wrapping_sub(last.wrapping_add(1)));
        ahead.is_some_and(|ahead| (0..=MAX_DROPOUT).contains(&ahead.cast_signed()))
    }

    /// The next packet belongs to another source.
    pub fn restart(&mut self) {
        self.last = None;
    }

    pub fn place(&mut self, packet: &Rtp<'_>) -> Place {
        let fingerprint = fingerprint(packet);
        let place = self.place_number(packet.sequence, self.recent.contains(&fingerprint));
        if place != Place::Stale {
            self.last = Some(packet.sequence);
            self.late = 0;
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(fingerprint);
        }
        place
    }

    fn place_number(&mut self, number: u16, is_known: bool) -> Place {
        let next = |lost, restarts| Place::Next { lost, restarts };
        let Some(last) = self.last else {
            return next(0, false);
        };
        let ahead = number.wrapping_sub(last.wrapping_add(1)).cast_signed();
        match ahead {
            0 => next(0, false),
            1..=MAX_DROPOUT => {
                let missing = u32::from(ahead.unsigned_abs());
                let lost = missing.saturating_sub(std::mem::take(&mut self.repeated));
                next(lost, false)
            }
            _ if is_known && ahead < 0 => Place::Stale,
            ..0 if ahead >= -MAX_MISORDER && self.ordered => {
                self.repeated += u32::from(ahead.unsigned_abs());
                next(0, false)
            }
            ..0 if ahead >= -MAX_MISORDER => {
                self.late += 1;
                if self.late < LATE_IN_A_ROW {
                    Place::Stale
                } else {
                    next(0, true)
                }
            }
            _ => next(0, true),
        }
    }
}

/// Tells a packet that was sent twice from one with the number of another.
fn fingerprint(packet: &Rtp<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    let payload = packet.payload;
    let edge = payload.len().min(32);
    (packet.sequence, packet.timestamp, payload.len()).hash(&mut hasher);
    payload[..edge].hash(&mut hasher);
    payload[payload.len() - edge..].hash(&mut hasher);
    hasher.finish()
}

/// Datagrams wait so long for one that was overtaken.
const WAIT: Duration = Duration::from_millis(40);
/// So many wait.
const WAITING: usize = 64;

/// Puts datagrams into the order of their numbers.
#[derive(Debug, Default)]
pub(crate) struct Reorder {
    next: Option<u16>,
    /// By distance from `next`; with the time of arrival.
    waiting: BTreeMap<u16, (Instant, Vec<u8>)>,
}

impl Reorder {
    /// Takes a packet; those whose turn it is are appended to `ready`.
    pub fn push(&mut self, number: u16, data: &[u8], now: Instant, ready: &mut Vec<Vec<u8>>) {
        let next = *self.next.get_or_insert(number);
        let ahead = number.wrapping_sub(next);
        if ahead == 0 {
            ready.push(data.to_vec());
            self.next = Some(next.wrapping_add(1));
            self.shift(1);
        } else if usize::from(ahead) <= WAITING {
            self.waiting
                .entry(ahead)
                .or_insert_with(|| (now, data.to_vec()));
        } else {
            // Late, or far ahead: the numbering decides.
            if ahead < u16::MAX / 2 {
                self.flush(ready);
                self.next = Some(number.wrapping_add(1));
            }
            ready.push(data.to_vec());
        }
        self.release(now, ready);
    }

    /// Those that wait in vain, and what follows them.
    pub fn release(&mut self, now: Instant, ready: &mut Vec<Vec<u8>>) {
        while let Some((&ahead, (since, _))) = self.waiting.first_key_value() {
            if ahead > 0 && *since + WAIT > now && self.waiting.len() < WAITING {
                return;
            }
            if let Some((_, data)) = self.waiting.remove(&ahead) {
                ready.push(data);
            }
            self.next = self.next.map(|next| next.wrapping_add(ahead + 1));
            self.shift(ahead + 1);
        }
    }

    /// When the next one has waited in vain.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, (since, _)) = self.waiting.first_key_value()?;
        Some(*since + WAIT)
    }

    fn shift(&mut self, by: u16) {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting = waiting
            .into_iter()
            .filter_map(|(ahead, it)| Some((ahead.checked_sub(by)?, it)))
            .collect();
    }

    fn flush(&mut self, ready: &mut Vec<Vec<u8>>) {
        ready.extend(
            std::mem::take(&mut self.waiting)
                .into_values()
                .map(|it| it.1),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(ordered: bool, numbers: &[(u16, u8)]) -> Vec<Option<(u32, bool)>> {
        let mut sequence = Sequence::new(ordered);
        numbers
            .iter()
            .map(|(number, content)| {
                let packet = Rtp {
                    marker: false,
                    payload_type: 96,
                    sequence: *number,
                    timestamp: 0,
                    ssrc: 1,
                    payload: std::slice::from_ref(content),
                };
                match sequence.place(&packet) {
                    Place::Next { lost, restarts } => Some((lost, restarts)),
                    Place::Stale => None,
                }
            })
            .collect()
    }

    const NEXT: Option<(u32, bool)> = Some((0, false));

    #[test]
    fn losses_and_restarts() {
        let seen = places(
            true,
            &[
                (65_534, 0),
                (65_535, 0),
                (0, 0),
                (3, 0),
                (40_000, 0),
                (40_001, 0),
                (7, 0),
            ],
        );
        assert_eq!(
            seen,
            [
                NEXT,
                NEXT,
                NEXT,
                Some((2, false)),
                Some((0, true)),
                NEXT,
                Some((0, true))
            ]
        );
    }

    #[test]
    fn a_packet_sent_twice_and_a_number_used_twice() {
        assert_eq!(
            places(true, &[(1, 7), (2, 7), (2, 7), (3, 7)]),
            [NEXT, NEXT, None, NEXT]
        );
        // Other content: the camera counts wrong, and what follows is no loss.
        assert_eq!(
            places(true, &[(1, 7), (2, 7), (2, 8), (3, 7), (5, 7)]),
            [NEXT; 5]
        );
    }

    #[test]
    fn a_server_that_repeats_its_last_packets() {
        let numbers = (0..60)
            .chain(40..60)
            .chain(60..80)
            .map(|number| (number, 7));
        let seen = places(true, &numbers.collect::<Vec<_>>());
        assert_eq!(seen.iter().filter(|place| place.is_none()).count(), 20);
        assert_eq!(seen.iter().filter(|place| **place == NEXT).count(), 80);
    }

    #[test]
    fn late_datagrams() {
        assert_eq!(
            places(false, &[(5, 1), (7, 1), (6, 1), (8, 1)]),
            [NEXT, Some((1, false)), None, NEXT]
        );
        let back: Vec<(u16, u8)> = (50..60).chain(10..50).map(|number| (number, 1)).collect();
        let seen = places(false, &back);
        assert_eq!(
            seen.iter()
                .filter(|place| **place == Some((0, true)))
                .count(),
            1
        );
    }

    #[test]
    fn datagrams_are_put_in_order() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        let mut ready = Vec::new();
        for number in [65_534, 0, 65_535, 2, 4, 3, 1] {
            reorder.push(number, &number.to_be_bytes(), now, &mut ready);
        }
        let numbers = |ready: &[Vec<u8>]| -> Vec<u16> {
            ready
                .iter()
                .map(|data| u16::from_be_bytes([data[0], data[1]]))
                .collect()
        };
        assert_eq!(numbers(&ready), [65_534, 65_535, 0, 1, 2, 3, 4]);
        assert_eq!(reorder.deadline(), None);
        ready.clear();
        for number in [7, 8, 10] {
            reorder.push(number, &number.to_be_bytes(), now, &mut ready);
        }
        assert!(ready.is_empty());
        reorder.release(now + WAIT, &mut ready);
        assert_eq!(numbers(&ready), [7, 8, 10]);
        for number in [11, 5000, 5001] {
            reorder.push(number, &number.to_be_bytes(), now, &mut ready);
        }
        assert_eq!(numbers(&ready), [7, 8, 10, 11, 5000, 5001]);
    }
}
