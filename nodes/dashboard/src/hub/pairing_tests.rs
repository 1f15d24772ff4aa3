use camweave_testing::{detections, unit};

use super::*;

const MS: i64 = 1_000_000;

/// A unit that is shown at `pts` milliseconds.
fn unit_at(session: i64, sequence: u64, pts: i64) -> Unit {
    let mut row = unit("gate", sequence);
    row.id.session_unix_nanos = session;
    row.id.pts_nanos = pts * MS;
    row
}

fn seen(session: i64, sequence: u64, pts: i64) -> Detections {
    let mut row = detections("gate", sequence);
    row.id.session_unix_nanos = session;
    row.id.pts_nanos = pts * MS;
    row
}

struct Bench {
    pairing: Pairing,
    now: Instant,
    /// Session, sequence, and the sequence of the detections that came along.
    out: Vec<(i64, u64, Option<u64>)>,
}

impl Bench {
    fn new() -> Self {
        Self {
            pairing: Pairing::new(Duration::from_millis(400)),
            now: Instant::now(),
            out: Vec::new(),
        }
    }

    /// One whose camera's detections take 80 ms.
    fn with_detections() -> Self {
        let mut bench = Self::new();
        for _ in 0..8 {
            bench
                .pairing
                .delay
                .note(Duration::from_millis(80), bench.now);
        }
        bench
    }

    fn unit(&mut self, row: Unit) -> bool {
        let mut pairs = Vec::new();
        let taken = self.pairing.unit(row, self.now, &mut pairs);
        self.pairing.release(self.now, &mut pairs);
        self.note(pairs);
        taken
    }

    fn detections(&mut self, row: Detections) -> Outcome {
        let outcome = self.pairing.detections(row, self.now);
        self.release();
        outcome
    }

    fn after(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.release();
    }

    fn release(&mut self) {
        let mut pairs = Vec::new();
        self.pairing.release(self.now, &mut pairs);
        self.note(pairs);
    }

    fn note(&mut self, pairs: Vec<Pair>) {
        for pair in pairs {
            if let Some(row) = &pair.detections {
                assert_eq!(row.id, pair.unit.id, "of the same frame");
            }
            let detections = pair.detections.map(|row| row.id.sequence);
            let id = pair.unit.id;
            self.out
                .push((id.session_unix_nanos, id.sequence, detections));
        }
    }
}

#[test]
fn a_camera_without_detections_waits_for_none() {
    let mut bench = Bench::new();
    assert!(bench.unit(unit_at(1, 0, 0)));
    assert!(bench.unit(unit_at(1, 1, 40)));
    assert_eq!(bench.out, [(1, 0, None), (1, 1, None)]);
}

#[test]
fn unit_and_detections_leave_together() {
    let mut bench = Bench::with_detections();
    for sequence in 0..3 {
        bench.unit(unit_at(1, sequence, 40 * sequence as i64));
        bench.after(40);
    }
    assert_eq!(bench.out, [(1, 0, None)], "its time was over");
    assert_eq!(bench.detections(seen(1, 1, 40)), Outcome::Paired);
    assert_eq!(bench.detections(seen(1, 2, 80)), Outcome::Paired);
    assert_eq!(bench.out, [(1, 0, None), (1, 1, Some(1)), (1, 2, Some(2))]);
}

#[test]
fn frames_that_are_shown_in_another_order_keep_the_order_of_decoding() {
    let mut bench = Bench::with_detections();
    // Decoded I P B B, shown I B B P; detections come as shown.
    for (sequence, pts) in [(0, 0), (1, 120), (2, 40), (3, 80)] {
        bench.unit(unit_at(1, sequence, pts));
    }
    for (sequence, pts) in [(0, 0), (2, 40), (3, 80)] {
        assert_eq!(bench.detections(seen(1, sequence, pts)), Outcome::Paired);
    }
    assert_eq!(bench.out, [(1, 0, Some(0))], "the P frame comes next");
    assert_eq!(bench.detections(seen(1, 1, 120)), Outcome::Paired);
    let expected = [
        (1, 0, Some(0)),
        (1, 1, Some(1)),
        (1, 2, Some(2)),
        (1, 3, Some(3)),
    ];
    assert_eq!(bench.out, expected);
}

#[test]
fn a_frame_whose_detections_were_dropped_waits_for_those_of_the_next_at_most() {
    let mut bench = Bench::with_detections();
    for sequence in 0..3 {
        bench.unit(unit_at(1, sequence, 40 * sequence as i64));
    }
    assert_eq!(bench.detections(seen(1, 1, 40)), Outcome::Paired);
    assert_eq!(bench.out, [(1, 0, None), (1, 1, Some(1))]);
    bench.after(99);
    assert_eq!(bench.out.len(), 2, "the third still waits");
    bench.after(1);
    assert_eq!(bench.out[2], (1, 2, None));
    assert_eq!(bench.detections(seen(1, 2, 80)), Outcome::Late);
    assert_eq!(bench.detections(seen(1, 0, 0)), Outcome::Late);
    assert_eq!(bench.out.len(), 3);
}

#[test]
fn what_is_not_to_be_detected_waits_for_nothing() {
    let mut bench = Bench::with_detections();
    let mut row = unit_at(1, 0, 0);
    row.selection = Selection::Off;
    bench.unit(row);
    assert_eq!(bench.out, [(1, 0, None)]);
}

#[test]
fn a_new_session_lets_the_old_one_go() {
    let mut bench = Bench::with_detections();
    bench.unit(unit_at(5, 0, 0));
    bench.unit(unit_at(5, 1, 40));
    assert_eq!(bench.detections(seen(5, 0, 0)), Outcome::Paired);
    // The detections of the new session's first frame may be here first.
    assert_eq!(bench.detections(seen(9, 0, 0)), Outcome::Early);
    bench.unit(unit_at(9, 0, 0));
    assert_eq!(bench.out, [(5, 0, Some(0)), (5, 1, None), (9, 0, Some(0))]);
    assert_eq!(bench.detections(seen(5, 1, 40)), Outcome::Alone);
    assert!(bench.unit(unit_at(9, 1, 40)));
    assert_eq!(bench.out.len(), 3, "it waits for its own");
}

#[test]
fn a_session_ends_in_order() {
    let mut bench = Bench::with_detections();
    bench.unit(unit_at(1, 0, 0));
    let mut end = unit_at(1, 1, 40);
    end.data = Vec::<u8>::new().into();
    bench.unit(end);
    assert!(bench.out.is_empty(), "the end comes after the frame");
    bench.detections(seen(1, 0, 0));
    assert_eq!(bench.out, [(1, 0, Some(0)), (1, 1, None)]);
}

#[test]
fn what_came_before_is_refused() {
    let mut bench = Bench::with_detections();
    assert!(bench.unit(unit_at(1, 3, 0)));
    assert!(!bench.unit(unit_at(1, 3, 0)));
    assert!(!bench.unit(unit_at(1, 2, 0)));
    assert_eq!(bench.detections(seen(1, 4, 40)), Outcome::Early);
    assert_eq!(bench.detections(seen(1, 4, 40)), Outcome::Repeated);
    assert_eq!(bench.detections(seen(1, 3, 0)), Outcome::Paired);
    assert_eq!(bench.out, [(1, 3, Some(3))]);
    bench.unit(unit_at(1, 4, 40));
    assert_eq!(bench.out[1], (1, 4, Some(4)));
}

#[test]
fn lost_units_leave_their_detections_alone() {
    let mut bench = Bench::with_detections();
    bench.unit(unit_at(1, 0, 0));
    bench.unit(unit_at(1, 5, 200));
    assert_eq!(bench.detections(seen(1, 2, 80)), Outcome::Alone);
    assert!(bench.out.is_empty(), "that says nothing of the others");
    assert_eq!(bench.detections(seen(1, 5, 200)), Outcome::Paired);
    assert_eq!(bench.out, [(1, 0, None), (1, 5, Some(5))]);
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let mut bench = Bench::with_detections();
    for sequence in 0..10_000 {
        bench.unit(unit_at(1, sequence, 0));
        bench.detections(seen(i64::MAX - 1, sequence, 0));
        bench.detections(seen(1, 1_000_000 + sequence, 0));
    }
    assert!(bench.pairing.waiting.len() <= MOST_WAITING);
    assert!(bench.pairing.early.len() <= MOST_EARLY);
    assert!(bench.pairing.released.len() <= MOST_RELEASED);
    let mut large = unit_at(1, 20_000, 0);
    large.data = vec![0_u8; MOST_BYTES + 1].into();
    bench.unit(large);
    assert!(bench.pairing.waiting.is_empty(), "it is too large to wait");
}

#[test]
fn any_order_of_rows_gives_each_unit_once_and_in_order() {
    use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
    for seed in 0..200 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut bench = Bench::new();
        let mut expected = Vec::new();
        for session in 1..4 {
            let mut late: Vec<Detections> = Vec::new();
            for sequence in 0..40_u64 {
                let pts = 40 * (sequence ^ (sequence >> 1 & 1)) as i64;
                if random.random_ratio(9, 10) {
                    assert!(bench.unit(unit_at(session, sequence, pts)));
                    expected.push((session, sequence));
                }
                late.push(seen(session, sequence, pts));
                bench.after(random.next_u64() % 30);
                while random.random_ratio(1, 2) && !late.is_empty() {
                    let index = (random.next_u64() % late.len() as u64) as usize;
                    bench.detections(late.swap_remove(index));
                }
            }
        }
        bench.after(400);
        let found = bench
            .out
            .iter()
            .map(|(session, sequence, _)| (*session, *sequence));
        assert_eq!(found.collect::<Vec<_>>(), expected, "seed {seed}");
    }
}

#[test]
fn a_frame_that_was_not_chosen_waits_for_nothing() {
    let every = Selection::from_nanos(400 * MS).expect("in range");
    let chosen = |sequence: u64| sequence.is_multiple_of(4);
    let mut bench = Bench::with_detections();
    for sequence in 0..24 {
        let mut row = unit_at(1, sequence, 100 * sequence as i64);
        row.selection = every;
        bench.out.clear();
        bench.unit(row);
        let came = bench.out.clone();
        bench.after(50);
        if chosen(sequence) {
            assert_eq!(came, [], "{sequence} waits for its detections");
            let row = seen(1, sequence, 100 * sequence as i64);
            assert_eq!(bench.detections(row), Outcome::Paired);
            assert_eq!(bench.out, [(1, sequence, Some(sequence))]);
        } else if sequence > 16 {
            assert_eq!(came, [(1, sequence, None)], "{sequence} is decided at once");
        }
        bench.after(50);
    }
}

#[test]
fn what_moves_after_a_quiet_time_keeps_its_boxes() {
    let mut bench = Bench::with_detections();
    let unit = |sequence: u64| {
        let mut row = unit_at(1, sequence, 200 * sequence as i64);
        row.selection = Selection::from_nanos(200 * MS).expect("in range");
        row.motion = std::num::NonZeroU32::new(2000);
        row
    };
    // One of five chosen frames a second is detected on; then each is.
    for sequence in 0..210 {
        bench.out.clear();
        bench.unit(unit(sequence));
        bench.after(80);
        if sequence.is_multiple_of(5) || sequence > 200 {
            let row = seen(1, sequence, 200 * sequence as i64);
            assert_eq!(bench.detections(row), Outcome::Paired, "{sequence}");
        }
        bench.after(120);
    }
}

#[test]
fn frames_that_are_chosen_more_often_than_before_wait() {
    let mut bench = Bench::with_detections();
    let every = |millis: i64| Selection::from_nanos(millis * MS).expect("in range");
    for sequence in 0..40 {
        let mut row = unit_at(1, sequence, 200 * sequence as i64);
        let is_often = sequence >= 20;
        row.selection = every(if is_often { 200 } else { 1000 });
        bench.unit(row);
        bench.after(80);
        if is_often || sequence.is_multiple_of(5) {
            let row = seen(1, sequence, 200 * sequence as i64);
            assert_eq!(bench.detections(row), Outcome::Paired, "{sequence}");
        }
        bench.after(120);
    }
}
