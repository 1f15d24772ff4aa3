//! What holds of all objects, wherever they go.

mod support;

use camweave_message::EventPhase;
use proptest::prelude::*;
use support::{Case, SECOND, standing};

const RULES: &str = "  - {name: line, kind: crossing, line: [[0, 0.5], [1, 0.5]]}
  - {name: yard, kind: presence, zone: [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]}
  - {name: seats, kind: occupancy, zone: [[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]]}
";

/// Where an object is, some time after it was at the place before; it may be unseen meanwhile.
fn place() -> impl Strategy<Value = (f64, f64, i64)> {
    (0.05..0.95_f64, 0.1..0.95_f64, 1..3000_i64)
}

proptest! {
    /// Whatever it does in between, it has crossed a line that spans the frame once more in the
    /// direction in which it has ended up, and has come into a zone once more often than out of it if
    /// it is there.
    #[test]
    fn counts_are_what_the_ends_of_a_walk_say(
        walk in prop::collection::vec(place(), 1..60),
        begin in (0.05..0.95_f64, prop::bool::ANY),
        end in (0.05..0.95_f64, prop::bool::ANY),
    ) {
        let mut case = Case::new(RULES);
        let far = |is_below: bool| if is_below { 0.7 } else { 0.3 };
        let mut now = 0;
        let mut go = |case: &mut Case, x: f64, y: f64, millis: i64| {
            now += millis * SECOND / 1000;
            case.frame(now, vec![standing(1, x, y)]);
        };
        for _ in 0..3 {
            go(&mut case, begin.0, far(begin.1), 100);
        }
        for (x, y, millis) in walk {
            go(&mut case, x, y, millis);
        }
        for _ in 0..50 {
            go(&mut case, end.0, far(end.1), 100);
        }
        let last = |rule: &str| {
            let found = case.events.iter().rev().find(|it| &*it.rule == rule);
            found.map_or((0, 0), |it| (it.entered as i64, it.left as i64))
        };
        let (entered, left) = last("line");
        prop_assert_eq!(entered - left, i64::from(end.1) - i64::from(begin.1));
        let is_inside = (0.25..0.75).contains(&end.0);
        for rule in ["yard", "seats"] {
            let (entered, left) = last(rule);
            prop_assert_eq!(entered - left, i64::from(is_inside), "{}", rule);
        }
        case.close();
        case.check_lives();
        let count = |phase| case.events.iter().filter(|it| it.phase == phase && &*it.rule != "line").count();
        prop_assert_eq!(count(EventPhase::New), count(EventPhase::End));
        for event in case.ended() {
            prop_assert!(event.value >= 0.0 && event.value.is_finite());
        }
    }
}
