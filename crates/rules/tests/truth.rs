//! Counts, times and speeds against what is true of rendered streets.
//!
//! The truth is made of boxes at 60 frames per second, in another way than the engine's: by which side
//! of a straight line a point is on, and whether it is inside an upright rectangle.

mod support;

use std::collections::BTreeMap;

use camweave_message::{Direction, Event, EventPhase};
use support::street::{DENSE_FPS, Street, Watching};
use support::{BEGAN, Case};

const STREETS: [u64; 3] = [100_211, 7, 21];
const DENSE: f64 = 1.0 / DENSE_FPS as f64;

/// An upright line at `x`, from the top of the frame to the bottom: in is to the left, as from its
/// first point to its second the left is on the right of the frame.
///
/// No box has its middle exactly there: boxes end between pixels.
const AT: f64 = 0.5007;
const BAND_HEIGHTS: f64 = 0.01;

/// What a camera has seen of an object is as good as the times between which it was seen.
fn gap_around(seen: &[f64], seconds: f64) -> f64 {
    let after = seen.partition_point(|it| *it < seconds);
    // One frame before and one after: an object that comes is known with its second frame.
    let (from, to) = (after.saturating_sub(1), (after + 1).min(seen.len() - 1));
    seen[from..=to]
        .windows(2)
        .map(|it| it[1] - it[0])
        .fold(0.0, f64::max)
}

struct TrueCrossing {
    direction: Direction,
    seconds: f64,
    /// For how long it was seen clearly on the side before, and after, at least.
    clear: f64,
}

/// A time in which a point was clearly on one side, or within the band.
struct Period {
    is_left: bool,
    from: f64,
    to: f64,
    /// When it came to this side.
    passed: f64,
}

/// Each time that a point has been clearly on one side, and is clearly on the other.
fn true_crossings(feet: &[(f64, [f64; 2])], aspect: f64) -> Vec<TrueCrossing> {
    let mut periods: Vec<Period> = Vec::new();
    let (mut passed, mut last) = (0.0, None);
    for (seconds, [x, _]) in feet {
        let is_left = *x < AT;
        if last.is_some_and(|it| it != is_left) {
            passed = *seconds;
        }
        last = Some(is_left);
        if (x - AT).abs() * aspect <= BAND_HEIGHTS {
            continue;
        }
        match periods.last_mut() {
            Some(period) if period.is_left == is_left => period.to = *seconds,
            _ => periods.push(Period {
                is_left,
                from: *seconds,
                to: *seconds,
                passed,
            }),
        }
    }
    let crossing = |pair: &[Period]| TrueCrossing {
        direction: if pair[1].is_left {
            Direction::In
        } else {
            Direction::Out
        },
        seconds: pair[1].passed,
        clear: f64::min(pair[0].to - pair[0].from, pair[1].to - pair[1].from),
    };
    periods.windows(2).map(crossing).collect()
}

#[test]
fn each_crossing_is_counted_once_and_the_right_way() {
    let rule = format!("  - {{name: line, kind: crossing, line: [[{AT}, 0], [{AT}, 1]]}}\n");
    let (mut compared, mut doubtful, mut wrong) = (0, 0, Vec::new());
    for street in STREETS.map(Street::new) {
        let aspect = 640.0 / 360.0;
        let crossings: BTreeMap<u64, _> = (street.classes.keys())
            .map(|id| (*id, true_crossings(&street.feet(*id), aspect)))
            .collect();
        for watching in Watching::all() {
            let mut case = Case::new(&rule);
            let seen = watching.play(&street, &mut case);
            case.check_lives();
            for (id, crossings) in &crossings {
                let events: Vec<&Event> = case
                    .events
                    .iter()
                    .filter(|it| it.track_ids == [*id])
                    .collect();
                // Of an object that is seen on a side in fewer than ten frames' time nobody can be sure.
                let is_sure = |it: &TrueCrossing| it.clear > 10.0 / f64::from(watching.fps);
                if !crossings.iter().all(is_sure) {
                    doubtful += 1;
                    continue;
                }
                let found: Vec<_> = events.iter().filter_map(|it| it.direction).collect();
                let expected: Vec<_> = crossings.iter().map(|it| it.direction).collect();
                if found != expected {
                    wrong.push(format!(
                        "object {id}, {watching:?}: {found:?}, not {expected:?}"
                    ));
                    continue;
                }
                for (event, crossing) in events.iter().zip(crossings) {
                    let at = (event.began_unix_nanos - BEGAN) as f64 / 1e9;
                    let gap = gap_around(&seen[id], crossing.seconds);
                    if (at - crossing.seconds).abs() > gap + DENSE {
                        let is = crossing.seconds;
                        wrong.push(format!("object {id}, {watching:?}: at {at} s, not {is}"));
                    }
                }
                compared += expected.len();
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}: {wrong:#?}",
        wrong.len()
    );
    println!("{compared} crossings compared, {doubtful} objects in doubt");
    assert!(
        compared > 500 && doubtful < compared / 3,
        "{compared} {doubtful}"
    );
}

const ZONE: [f64; 4] = [0.25, 0.45, 0.8, 0.9];
const ENTER: f64 = 0.3;
const LEAVE: f64 = 1.0;

struct TrueStay {
    from: f64,
    to: f64,
    is_doubtful: bool,
}

/// When a point was in the zone, without gaps that are shorter than `LEAVE`. Doubtful is what depends on
/// less than `slack`: a frame may or may not show it.
fn true_stays(feet: &[(f64, [f64; 2])], slack: f64) -> Vec<TrueStay> {
    let [x1, y1, x2, y2] = ZONE;
    let is_inside = |[x, y]: [f64; 2]| (x1..x2).contains(&x) && (y1..y2).contains(&y);
    // Without any gap.
    let mut runs: Vec<(f64, f64)> = Vec::new();
    for (seconds, _) in feet.iter().filter(|(_, at)| is_inside(*at)) {
        match runs.last_mut() {
            Some(run) if seconds - run.1 < 1.5 * DENSE => run.1 = *seconds,
            _ => runs.push((*seconds, *seconds)),
        }
    }
    let mut stays: Vec<TrueStay> = Vec::new();
    for (from, to) in &runs {
        let is_short = to - from < slack;
        match stays.last_mut() {
            Some(stay) if from - stay.to < LEAVE + slack => {
                // Of a gap as long as that it is open whether it ends the stay; and where one of the
                // parts is short, whether there are two.
                let had_come = stay.to - stay.from > ENTER + slack;
                stay.is_doubtful |= from - stay.to > LEAVE - slack || is_short || !had_come;
                stay.to = *to;
            }
            _ => {
                stays.push(TrueStay {
                    from: *from,
                    to: *to,
                    is_doubtful: false,
                });
            }
        }
    }
    let judged = stays.into_iter().map(|mut stay| {
        stay.is_doubtful |= (stay.to - stay.from - ENTER).abs() < slack;
        stay
    });
    judged
        .filter(|it| it.is_doubtful || it.to - it.from > ENTER)
        .collect()
}

#[test]
fn each_stay_is_as_long_as_it_was_and_all_are_counted() {
    let [x1, y1, x2, y2] = ZONE;
    let zone = format!("zone: [[{x1}, {y1}], [{x2}, {y1}], [{x2}, {y2}], [{x1}, {y2}]]");
    let fields = format!("{zone}, enter: {ENTER}, leave: {LEAVE}");
    let rules = format!(
        "  - {{name: yard, kind: presence, {fields}}}\n  - {{name: loiter, kind: dwell, after: 4, {fields}}}\n  - {{name: seats, kind: occupancy, {fields}}}\n"
    );
    let (mut compared, mut doubtful, mut worst, mut wrong) = (0, 0, 0.0_f64, Vec::new());
    for street in STREETS.map(Street::new) {
        for watching in Watching::all() {
            let mut case = Case::new(&rules);
            let seen = watching.play(&street, &mut case);
            case.close();
            case.check_lives();
            let ended = case.ended();
            let all_of = |rule: &str, id: u64| -> Vec<&Event> {
                ended
                    .iter()
                    .copied()
                    .filter(|it| &*it.rule == rule && it.track_ids == [id])
                    .collect()
            };
            let (mut sure, mut unsure) = (0, 0);
            for id in street.classes.keys() {
                let stays = true_stays(&street.feet(*id), 3.0 / f64::from(watching.fps));
                if stays.iter().any(|it| it.is_doubtful) {
                    unsure += stays.len();
                    continue;
                }
                let events = all_of("yard", *id);
                if events.len() != stays.len() {
                    let (found, are) = (events.len(), stays.len());
                    wrong.push(format!(
                        "object {id}, {watching:?}: {found} stays, not {are}"
                    ));
                    continue;
                }
                sure += stays.len();
                for (event, stay) in events.iter().zip(&stays) {
                    let gap = gap_around(&seen[id], stay.from).max(gap_around(&seen[id], stay.to));
                    let error = (event.value - (stay.to - stay.from)).abs();
                    worst = worst.max(error * f64::from(watching.fps));
                    if error > gap + 2.0 * DENSE {
                        let (found, from, to) = (event.value, stay.from, stay.to);
                        wrong.push(format!("object {id}, {watching:?}: {found} s, not {from} to {to}; frames up to {gap} s apart"));
                    }
                    compared += 1;
                }
                let long = stays.iter().filter(|it| it.to - it.from >= 4.0).count();
                let near = stays
                    .iter()
                    .filter(|it| (it.to - it.from - 4.0).abs() < 3.0 / f64::from(watching.fps))
                    .count();
                let loitering = all_of("loiter", *id).len();
                if loitering.abs_diff(long) > near {
                    wrong.push(format!(
                        "object {id}, {watching:?}: loiters {loitering} times, not {long}"
                    ));
                }
            }
            doubtful += unsure;
            // Who has come and gone in all.
            let (entered, left) = case
                .events
                .iter()
                .rev()
                .find(|it| &*it.rule == "seats")
                .map_or((0, 0), |it| (it.entered, it.left));
            assert_eq!(entered, left, "all have left at the end");
            assert!(
                (sure..=sure + 2 * unsure).contains(&(entered as usize)),
                "{watching:?}: {entered} of {sure} and {unsure}"
            );
        }
    }
    println!("{compared} stays compared, {doubtful} in doubt; off by {worst:.2} frames at most");
    assert!(
        compared > 500 && doubtful < compared,
        "{compared} {doubtful}"
    );
}

/// A rectangle on the road, metres to the right and ahead.
const ROAD: [[f32; 2]; 4] = [[-5.0, 22.0], [5.0, 22.0], [5.0, 12.0], [-5.0, 12.0]];

/// When, and where on the ground, metres.
type Way = Vec<(f64, [f64; 2])>;

/// How fast something is on its way through, km/h; `None` of what stands, brakes, starts or turns, and of
/// what is seen for a moment only.
fn steady_speed(way: &[(f64, [f64; 2])], fps: u32) -> Option<f64> {
    let speed = |way: &[(f64, [f64; 2])]| {
        let [(from, a), .., (to, b)] = way else {
            return None;
        };
        let metres = (a[0] - b[0]).hypot(a[1] - b[1]);
        Some((metres, to - from, metres / (to - from) * 3.6))
    };
    let (metres, seconds, all) = speed(way)?;
    let (first, second) = way.split_at(way.len() / 2);
    let halves = [speed(first)?.2, speed(second)?.2];
    let is_steady = halves.iter().all(|it| (it - all).abs() < 0.02 * all);
    (is_steady && metres > 6.0 && seconds > 6.0 / f64::from(fps)).then_some(all)
}

/// The place on the ground that the camera shows at a point of the frame: by Newton's method, from what
/// it makes of places.
fn on_ground(street: &Street, [x, y]: [f64; 2]) -> [f64; 2] {
    let size = [street.scene.width(), street.scene.height()].map(f64::from);
    let seen = |place: [f64; 2]| {
        let [u, v] = street.scene.image_from_ground(place.map(|it| it as f32))?;
        Some([f64::from(u) / size[0] - x, f64::from(v) / size[1] - y])
    };
    let mut place = [0.0, 17.0];
    for _ in 0..30 {
        const STEP: f64 = 0.05;
        let (Some(off), Some(right), Some(ahead)) = (
            seen(place),
            seen([place[0] + STEP, place[1]]),
            seen([place[0], place[1] + STEP]),
        ) else {
            break;
        };
        let [a, c] = [(right[0] - off[0]) / STEP, (right[1] - off[1]) / STEP];
        let [b, d] = [(ahead[0] - off[0]) / STEP, (ahead[1] - off[1]) / STEP];
        let scale = a * d - b * c;
        place[0] -= (d * off[0] - b * off[1]) / scale;
        place[1] -= (a * off[1] - c * off[0]) / scale;
    }
    place
}

#[test]
fn speeds_are_right_within_five_percent() {
    let (mut compared, mut worst, mut worst_own, mut wrong) = (0, 0.0_f64, 0.0_f64, Vec::new());
    for street in STREETS.map(Street::new) {
        let (width, height) = (
            f64::from(street.scene.width()),
            f64::from(street.scene.height()),
        );
        let corners = ROAD.map(|it| {
            let [x, y] = street.scene.image_from_ground(it).expect("ahead");
            [f64::from(x) / width, f64::from(y) / height]
        });
        if corners
            .iter()
            .flatten()
            .any(|it| !(0.0..=0.97).contains(it))
        {
            println!("not in the frame: {corners:?}");
            continue;
        }
        let shown = corners.map(|[x, y]| format!("[{x}, {y}]")).join(", ");
        let rule =
            format!("  - {{name: road, kind: speed, zone: [{shown}], edges: [10, 10, 10, 10]}}\n");
        // Where each object stood, and where on the ground its box does, 60 times a second.
        let mut ground: BTreeMap<u64, Way> = BTreeMap::new();
        for frame in 0..street.dense.len() {
            let seconds = frame as f64 * DENSE;
            for (id, place) in street.scene.on_ground(seconds) {
                let way = ground.entry(u64::from(id)).or_default();
                way.push((seconds, place.map(f64::from)));
            }
        }
        let boxes: BTreeMap<u64, Way> = (street.classes.keys())
            .map(|id| {
                let feet = street.feet(*id).into_iter();
                let way = feet.map(|(seconds, at)| (seconds, on_ground(&street, at)));
                (*id, way.collect())
            })
            .collect();
        for watching in Watching::all() {
            let mut case = Case::new(&rule);
            watching.play(&street, &mut case);
            case.check_lives();
            for event in case.ended() {
                let [id] = event.track_ids[..] else {
                    panic!("{event:?}")
                };
                let nanos = |it: i64| (it - BEGAN) as f64 / 1e9;
                let (from, to) = (
                    nanos(event.began_unix_nanos),
                    event.ended_unix_nanos.map_or(0.0, nanos),
                );
                let speed = |way: &Way| {
                    let inside = way.iter().filter(|it| (from..=to).contains(&it.0));
                    let inside: Vec<_> = inside.copied().collect();
                    steady_speed(&inside, watching.fps)
                };
                // A box is that of the whole object: its middle is further away than its lower edge, so
                // what goes past sideways is further along than the box says.
                let (Some(of_box), Some(own)) = (speed(&boxes[&id]), speed(&ground[&id])) else {
                    continue;
                };
                let [error, own_error] = [of_box, own].map(|it| (event.value - it) / it);
                worst = worst.max(error.abs());
                worst_own = worst_own.max(own_error.abs());
                compared += 1;
                if error.abs() >= 0.05 || own_error.abs() >= 0.08 {
                    let (class, found) = (street.classes[&id], event.value);
                    wrong.push(format!(
                        "{class} {id}, {watching:?}: {found:.2} km/h, not {of_box:.2} or {own:.2}"
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {compared}: {wrong:#?}",
        wrong.len()
    );
    println!(
        "{compared} speeds compared; off by {:.1} % at most, from the objects' own by {:.1} %",
        100.0 * worst,
        100.0 * worst_own
    );
    assert!(compared > 100, "{compared}");
}

#[test]
fn an_event_begins_when_it_is_known_and_not_before() {
    // What is said at a time is of what was seen by then.
    let rule = "  - {name: yard, kind: presence, zone: [[0.25, 0.45], [0.8, 0.45], [0.8, 0.9], [0.25, 0.9]]}\n";
    let street = Street::new(STREETS[0]);
    let mut case = Case::new(rule);
    let watching = Watching {
        fps: 15,
        lost: 0.0,
        flicker: 0.0,
        seed: 0,
    };
    watching.play(&street, &mut case);
    let mut begun = 0;
    for event in case.events.iter().filter(|it| it.phase == EventPhase::New) {
        let late = (event.id.captured_unix_nanos - event.began_unix_nanos) as f64 / 1e9;
        assert!(
            (ENTER..ENTER + 4.0 / 15.0).contains(&late),
            "{late}: {event:?}"
        );
        begun += 1;
    }
    assert!(begun > 3, "{begun}");
}
