//! Who is where at a time. Every position is a function of the seed and the time alone.
//!
//! A lane is an endless row of places at equal distances that moves along the lane's path; each place is empty or holds
//! an object that the seed decides. At a pedestrian crossing all lanes stop together, with the crossing between two
//! places, and people cross.

use super::dice::Dice;
use super::models::{Model, Motion};
use super::path::Path;
use super::road::{CROSSING_HALF, Road};
use super::view::{Pose, View};

/// One object at one time.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    pub(super) track_id: u32,
    pub(super) model: Model,
    pub(super) pose: Pose,
    pub(super) motion: Motion,
}

/// The traffic light at the crossing: stop, start, drive, brake, and again.
#[derive(Clone, Copy, Debug)]
struct Signal {
    period_seconds: f32,
    stop_seconds: f32,
    ramp_seconds: f32,
}

impl Signal {
    /// Seconds of free driving in one period.
    fn driving_seconds(&self) -> f32 {
        self.period_seconds - self.stop_seconds - self.ramp_seconds
    }

    /// Seconds of free driving since time 0, and the share of free speed now: speed rises and falls linearly.
    fn driven(&self, seconds: f64) -> (f64, f32) {
        let period = f64::from(self.period_seconds);
        let cycles = (seconds / period).floor();
        let t = (seconds - cycles * period) as f32;
        let (stop, ramp) = (self.stop_seconds, self.ramp_seconds);
        let brake_from = self.period_seconds - ramp;
        let (part, speed) = if t < stop {
            (0.0, 0.0)
        } else if t < stop + ramp {
            ((t - stop) * (t - stop) / (2.0 * ramp), (t - stop) / ramp)
        } else if t < brake_from {
            (ramp * 0.5 + t - stop - ramp, 1.0)
        } else {
            let left = self.period_seconds - t;
            (
                self.driving_seconds() - left * left / (2.0 * ramp),
                left / ramp,
            )
        };
        (
            cycles * f64::from(self.driving_seconds()) + f64::from(part),
            speed,
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Users {
    Motor { trucks: f32 },
    Cyclists,
    Walkers,
}

#[derive(Clone, Debug)]
struct Lane {
    users: Users,
    path: Path,
    metres_per_second: f32,
    spacing: f32,
    offset: f32,
    jitter: f32,
    occupancy: f32,
    signal: Option<Signal>,
}

/// People who walk up to the crossing, over it and away.
#[derive(Clone, Debug)]
struct Crossers {
    /// Paths with the length at which they step onto the road.
    ways: Vec<(Path, f32)>,
    signal: Signal,
    busy: f32,
}

/// All moving things of a scene.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    seed: u64,
    started_seconds: f64,
    lanes: Vec<Lane>,
    crossers: Option<Crossers>,
    standing: Vec<(Pose, Model)>,
}

/// Track ids: (place + PLACES_BEFORE) x SOURCES x APPEARANCES + source x APPEARANCES + appearance.
const PLACES_BEFORE: i64 = 1024;
const SOURCES: i64 = 32;
const APPEARANCES: i64 = 2;
const CROSSER_SOURCE: usize = 30;
const STANDING_SOURCE: usize = 31;
const CROSSERS_PER_STOP: usize = 6;
const CROSSER_SPEED: [f32; 2] = [1.2, 1.7];

fn track_id(place: i64, source: usize, appearance: usize) -> u32 {
    let appearance = (appearance as i64).min(APPEARANCES - 1);
    let id = ((place + PLACES_BEFORE) * SOURCES + source as i64) * APPEARANCES + appearance;
    id.rem_euclid(i64::from(u32::MAX)) as u32
}

impl Traffic {
    pub(super) fn new(seed: u64, road: &Road, view: &View) -> Self {
        let mut dice = Dice::new(seed, &[3]);
        let carriageway = 2.0 * road.kerb();
        let stop_seconds = carriageway / CROSSER_SPEED[0] + 2.5;
        let signal = Signal {
            period_seconds: stop_seconds + 4.0 + dice.range(9.0, 15.0),
            stop_seconds,
            ramp_seconds: 2.0,
        };
        let signal_here = road.crossing.map(|_| signal);
        let mut lanes = Vec::new();
        let trucks = dice.range(0.20, 0.48);
        let density = dice.range(0.32, 0.72);
        for side in [-1.0f32, 1.0] {
            for lane in 0..road.lanes_per_side {
                let across = side * road.lane_width * (lane as f32 + 0.5);
                let speed = dice.range(5.5, 11.0);
                let users = Users::Motor { trucks };
                lanes.push(Self::lane(
                    road,
                    users,
                    across,
                    side < 0.0,
                    (speed, 14.0, density),
                    signal_here,
                    &mut dice,
                ));
            }
            let across = side * (road.kerb() - road.cycle_width * 0.5);
            let busy = dice.range(0.18, 0.5);
            let speed = dice.range(3.2, 5.6);
            lanes.push(Self::lane(
                road,
                Users::Cyclists,
                across,
                side < 0.0,
                (speed, 7.0, busy),
                signal_here,
                &mut dice,
            ));
        }
        let walkers = dice.range(0.04, 0.15);
        for side in [-1.0f32, 1.0] {
            let near_share = if side < 0.0 { 0.8 } else { 1.0 };
            for row in 0..3 {
                let across = side * (road.kerb() + 0.9 + (road.pavement - 1.6) * row as f32 / 2.0);
                let down = dice.chance(0.5);
                let speed = dice.range(0.9, 1.7);
                let busy = walkers * near_share * dice.range(0.5, 1.5);
                lanes.push(Self::lane(
                    road,
                    Users::Walkers,
                    across,
                    down,
                    (speed, 3.0, busy),
                    None,
                    &mut dice,
                ));
            }
        }
        for lane in &mut lanes {
            lane.path.find_appearances(view);
        }
        let crossers = road.crossing.map(|along| Crossers {
            ways: (0..12)
                .map(|_| crossing_way(road, along, view, &mut dice))
                .collect(),
            signal,
            busy: dice.range(0.25, 0.75),
        });
        let standing = Self::people_waiting(road, &mut dice);
        let started_seconds = f64::from(dice.range(0.0, 40.0)) + 60.0;
        Self {
            seed,
            started_seconds,
            lanes,
            crossers,
            standing,
        }
    }

    fn lane(
        road: &Road,
        users: Users,
        across: f32,
        down_the_road: bool,
        (metres_per_second, spacing, occupancy): (f32, f32, f32),
        signal: Option<Signal>,
        dice: &mut Dice,
    ) -> Lane {
        let path = road.lane(across, down_the_road);
        let (mut spacing, mut offset) = (spacing, dice.range(0.0, spacing));
        if let (Some(signal), Some(along)) = (signal, road.crossing) {
            // A whole number of places passes in a period, so the crossing is free at every stop.
            let per_period = metres_per_second * signal.driving_seconds();
            spacing = per_period / (per_period / spacing).round().max(1.0);
            offset = path.nearest(road.ground(along, across)) - spacing * 0.5;
        }
        let jitter = match users {
            Users::Motor { .. } => 0.8,
            Users::Cyclists => 0.7,
            Users::Walkers => 1.0,
        };
        Lane {
            users,
            path,
            metres_per_second,
            spacing,
            offset,
            jitter,
            occupancy,
            signal,
        }
    }

    fn people_waiting(road: &Road, dice: &mut Dice) -> Vec<(Pose, Model)> {
        let count = dice.below(3);
        let looked_at = (road.distance * (road.pose(0.0, 0.0).heading).tan()).clamp(-30.0, 30.0);
        (0..count)
            .map(|_| {
                let side = if dice.chance(0.6) { 1.0 } else { -1.0 };
                let across = side * (road.frontage() - 0.25);
                let mut pose = road.pose(looked_at + dice.range(-8.0, 8.0), across);
                pose.heading += dice.range(0.0, std::f32::consts::TAU);
                (pose, Model::person(dice))
            })
            .collect()
    }

    /// Everything that may be in view at a time, in the order of the sources.
    pub(super) fn at(&self, time_seconds: f64) -> Vec<Actor> {
        let seconds = time_seconds.max(0.0) + self.started_seconds;
        let mut actors = Vec::with_capacity(48);
        for (source, lane) in self.lanes.iter().enumerate() {
            self.lane_at(source, lane, seconds, &mut actors);
        }
        if let Some(crossers) = &self.crossers {
            self.crossers_at(crossers, seconds, &mut actors);
        }
        for (place, (pose, model)) in self.standing.iter().enumerate() {
            actors.push(Actor {
                track_id: track_id(place as i64, STANDING_SOURCE, 0),
                model: model.clone(),
                pose: *pose,
                motion: Motion {
                    travelled: 0.0,
                    moving: false,
                    seconds: seconds as f32,
                },
            });
        }
        actors
    }

    fn lane_at(&self, source: usize, lane: &Lane, seconds: f64, actors: &mut Vec<Actor>) {
        let (driven, speed) = lane
            .signal
            .map_or((seconds, 1.0), |signal| signal.driven(seconds));
        let head = f64::from(lane.offset) + driven * f64::from(lane.metres_per_second);
        let spacing = f64::from(lane.spacing);
        let first = ((head - f64::from(lane.path.length())) / spacing).floor() as i64 - 1;
        let last = (head / spacing).ceil() as i64 + 1;
        for place in first..=last {
            let mut dice = Dice::new(self.seed, &[4, source as u64, place as u64]);
            if !dice.chance(lane.occupancy) {
                continue;
            }
            let at = (head - place as f64 * spacing) as f32 + dice.range(-lane.jitter, lane.jitter);
            let Some(appearance) = lane.path.appearance(at) else {
                continue;
            };
            let (model, half_base) = match lane.users {
                Users::Motor { trucks } if dice.chance(trucks) => (Model::truck(&mut dice), 1.5),
                Users::Motor { .. } => (Model::car(&mut dice), 1.2),
                Users::Cyclists => (Model::bicycle(&mut dice), 0.5),
                Users::Walkers => (Model::person(&mut dice), 0.3),
            };
            actors.push(Actor {
                track_id: track_id(place, source, appearance),
                model,
                pose: lane.path.pose(at, half_base),
                motion: Motion {
                    travelled: at,
                    moving: speed > 0.05,
                    seconds: seconds as f32,
                },
            });
        }
    }

    fn crossers_at(&self, crossers: &Crossers, seconds: f64, actors: &mut Vec<Actor>) {
        let period = f64::from(crossers.signal.period_seconds);
        let longest = crossers
            .ways
            .iter()
            .map(|(path, _)| path.length())
            .fold(0.0, f32::max);
        let reach = (f64::from(longest / CROSSER_SPEED[0]) / period).ceil() as i64 + 1;
        let now = (seconds / period).floor() as i64;
        for stop in now - reach..=now + reach {
            for person in 0..CROSSERS_PER_STOP {
                let place = stop * CROSSERS_PER_STOP as i64 + person as i64;
                let mut dice = Dice::new(self.seed, &[5, place as u64]);
                if !dice.chance(crossers.busy) {
                    continue;
                }
                let (path, kerb) = &crossers.ways[dice.below(crossers.ways.len())];
                let speed = dice.range(CROSSER_SPEED[0] + 0.1, CROSSER_SPEED[1]);
                let steps_out = stop as f64 * period + f64::from(dice.range(0.3, 2.0));
                let at = (f64::from(speed) * (seconds - steps_out)) as f32 + kerb;
                let Some(appearance) = path.appearance(at) else {
                    continue;
                };
                actors.push(Actor {
                    track_id: track_id(place, CROSSER_SOURCE, appearance),
                    model: Model::person(&mut dice),
                    pose: path.pose(at, 0.35),
                    motion: Motion {
                        travelled: at,
                        moving: true,
                        seconds: seconds as f32,
                    },
                });
            }
        }
    }
}

/// Along a pavement, over the crossing, and along the other pavement; with the length at which the kerb is passed.
fn crossing_way(road: &Road, along: f32, view: &View, dice: &mut Dice) -> (Path, f32) {
    let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
    let at = along + dice.range(-CROSSING_HALF + 0.5, CROSSING_HALF - 0.5);
    let mut points = Vec::new();
    let rows = [
        dice.range(0.6, road.pavement - 0.6),
        dice.range(0.6, road.pavement - 0.6),
    ];
    let (from, to) = (dice.pick(&[-1.0f32, 1.0]), dice.pick(&[-1.0f32, 1.0]));
    let first = side * (road.kerb() + rows[0]);
    let second = -side * (road.kerb() + rows[1]);
    for i in (1..=30).rev() {
        points.push(road.ground(at + from * i as f32 * 1.5, first));
    }
    for i in 0..=10 {
        points.push(road.ground(at, first + (second - first) * i as f32 / 10.0));
    }
    for i in 1..=30 {
        points.push(road.ground(at + to * i as f32 * 1.5, second));
    }
    let mut path = Path::new(points);
    path.find_appearances(view);
    let kerb = path.nearest(road.ground(at, side * road.kerb()));
    (path, kerb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driven_seconds_are_the_integral_of_the_speed() {
        let signal = Signal {
            period_seconds: 20.0,
            stop_seconds: 8.0,
            ramp_seconds: 2.0,
        };
        let step = 0.001;
        let mut sum = 0.0;
        for i in 0..45_000 {
            let (driven, speed) = signal.driven(f64::from(i) * step);
            assert!(
                (driven - sum).abs() < 0.01,
                "at {} s: {driven}, summed {sum}",
                f64::from(i) * step
            );
            sum += f64::from(speed) * step;
        }
    }

    #[test]
    fn track_ids_differ_by_place_source_and_appearance() {
        let mut ids = Vec::new();
        for place in -100..100 {
            for source in 0..32 {
                for appearance in 0..2 {
                    ids.push(track_id(place, source, appearance));
                }
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
