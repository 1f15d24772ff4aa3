//! The street: where the road runs, how it is divided, and where the camera stands.

use super::dice::Dice;
use super::path::Path;
use super::view::{Ground, Pose, View};

/// Metres along the road, from its point nearest to the camera.
pub(super) const ROAD_FROM: f32 = -60.0;
/// The far end of the road.
pub(super) const ROAD_TO: f32 = 130.0;
/// Half the width of a pedestrian crossing along the road.
pub(super) const CROSSING_HALF: f32 = 1.9;

/// The layout of a scene. Offsets are metres from the road's centre line, positive away from the camera.
#[derive(Clone, Debug)]
pub(super) struct Road {
    pub(super) lanes_per_side: usize,
    pub(super) lane_width: f32,
    /// Width of the bicycle lane on each side.
    pub(super) cycle_width: f32,
    pub(super) pavement: f32,
    /// Place of the pedestrian crossing along the road, if there is one.
    pub(super) crossing: Option<f32>,
    /// Distance from the camera to the centre line.
    pub(super) distance: f32,
    heading: f32,
    /// Reciprocal radius of the bend, positive to the left.
    curvature: f32,
}

impl Road {
    /// Draws the layout and the camera that looks at it.
    pub(super) fn new(seed: u64, width: u32, height: u32) -> (Self, View) {
        let mut dice = Dice::new(seed, &[2]);
        let kind = dice.unit();
        let mirror = if dice.chance(0.5) { 1.0 } else { -1.0 };
        // Across the view, at an angle, or along it.
        let (heading, distance, camera_height, pitch_degrees, bend): (f32, f32, f32, f32, f32);
        if kind < 0.40 {
            heading = dice.range(0.0, 16.0);
            distance = dice.range(12.5, 16.5);
            camera_height = dice.range(3.2, 6.0);
            pitch_degrees = dice.range(8.0, 11.0) + camera_height;
            bend = 0.0;
        } else if kind < 0.72 {
            heading = dice.range(24.0, 50.0);
            distance = dice.range(9.5, 13.0);
            camera_height = dice.range(3.8, 6.5);
            pitch_degrees = dice.range(8.0, 11.0) + camera_height;
            bend = if dice.chance(0.4) {
                dice.range(-0.006, 0.008)
            } else {
                0.0
            };
        } else {
            heading = dice.range(64.0, 78.0);
            distance = dice.range(5.0, 8.5);
            camera_height = dice.range(4.6, 7.5);
            pitch_degrees = dice.range(8.0, 11.0) + camera_height * 0.9;
            bend = if dice.chance(0.4) {
                dice.range(-0.004, 0.007)
            } else {
                0.0
            };
        }
        let lanes_per_side = if kind < 0.72 && dice.chance(0.25) {
            2
        } else {
            1
        };
        let road_half = 3.2 * lanes_per_side as f32;
        let road = Self {
            lanes_per_side,
            lane_width: 3.2,
            cycle_width: 1.7,
            pavement: dice.range(3.0, 4.2),
            crossing: None,
            distance: distance + if lanes_per_side == 2 { 2.5 } else { 0.0 },
            heading: heading.to_radians() * mirror,
            curvature: bend * mirror,
        };
        // The centre of the view meets the centre line here; a crossing lies near it.
        let looked_at = (road.distance * road.heading.tan()).clamp(-32.0, 32.0);
        let crossing = dice
            .chance(0.6)
            .then(|| looked_at * dice.range(0.75, 1.0) + dice.range(-2.5, 2.5));
        let pitch = pitch_degrees.to_radians();
        let nominal = (width as f32).max(height as f32 * 16.0 / 9.0);
        let view = View {
            width: width as f32,
            height: height as f32,
            focal_px: nominal * dice.range(0.76, 0.98),
            camera_height: camera_height + road_half * 0.05,
            sin_pitch: pitch.sin(),
            cos_pitch: pitch.cos(),
        };
        (Self { crossing, ..road }, view)
    }

    /// Half the carriageway, bicycle lanes included.
    pub(super) fn kerb(&self) -> f32 {
        self.lane_width * self.lanes_per_side as f32 + self.cycle_width
    }

    /// The outer edge of the pavements.
    pub(super) fn frontage(&self) -> f32 {
        self.kerb() + self.pavement
    }

    /// The place `along` metres down the road and `across` metres off its centre line, heading down the road.
    pub(super) fn pose(&self, along: f32, across: f32) -> Pose {
        let (sin, cos) = self.heading.sin_cos();
        let foot: Ground = [-sin * self.distance, cos * self.distance];
        let turned = self.curvature * along;
        let (ahead, aside) = if self.curvature.abs() < 1e-6 {
            (along, 0.0)
        } else {
            (
                turned.sin() / self.curvature,
                (1.0 - turned.cos()) / self.curvature,
            )
        };
        let heading = self.heading + turned;
        let side = aside;
        let at = [
            foot[0] + cos * ahead - sin * side - heading.sin() * across,
            foot[1] + sin * ahead + cos * side + heading.cos() * across,
        ];
        Pose { at, heading }
    }

    /// A point of the ground in road coordinates.
    pub(super) fn ground(&self, along: f32, across: f32) -> Ground {
        self.pose(along, across).at
    }

    /// A lane's path, in the direction of travel.
    pub(super) fn lane(&self, across: f32, down_the_road: bool) -> Path {
        let steps = ((ROAD_TO - ROAD_FROM) / 2.0) as usize;
        let at = |i: usize| ROAD_FROM + (ROAD_TO - ROAD_FROM) * i as f32 / steps as f32;
        let points =
            (0..=steps).map(|i| self.ground(at(if down_the_road { i } else { steps - i }), across));
        Path::new(points.collect())
    }
}
