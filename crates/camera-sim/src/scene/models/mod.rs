//! What moves in a scene: parametric models drawn from simple solids and limbs, seen from any side.

mod bicycle;
mod car;
mod motion;
mod person;
mod solid;
mod truck;
mod wheel;

use super::brush::Brush;
use super::dice::Dice;
use super::truth;
use super::view::{Pose, World, add, scale};
pub(super) use bicycle::Rider;
pub(super) use car::Car;
pub(super) use motion::Motion;
pub(super) use person::Person;
pub(super) use solid::{Side, Solid};
pub(super) use truck::Truck;

/// The look of one object; its class is that of its variant.
#[derive(Clone, Debug)]
pub(super) enum Model {
    Person(Person),
    Bicycle(Rider),
    Car(Car),
    Truck(Truck),
}

impl Model {
    pub(super) fn person(dice: &mut Dice) -> Self {
        Self::Person(Person::new(dice))
    }

    pub(super) fn bicycle(dice: &mut Dice) -> Self {
        Self::Bicycle(Rider::new(dice))
    }

    pub(super) fn car(dice: &mut Dice) -> Self {
        Self::Car(Car::new(dice))
    }

    pub(super) fn truck(dice: &mut Dice) -> Self {
        Self::Truck(Truck::new(dice))
    }

    pub(super) fn class_id(&self) -> u32 {
        match self {
            Self::Person(_) => truth::PERSON,
            Self::Bicycle(_) => truth::BICYCLE,
            Self::Car(_) => truth::CAR,
            Self::Truck(_) => truth::TRUCK,
        }
    }

    /// What people would call its paint.
    pub(super) fn color(&self) -> Option<truth::Color> {
        match self {
            Self::Car(car) => Some(car.color()),
            Self::Person(_) | Self::Bicycle(_) | Self::Truck(_) => None,
        }
    }

    /// Length, width and height in metres of a box around the model, its origin at the centre of the lower face.
    pub(super) fn size(&self) -> World {
        match self {
            Self::Person(person) => person.size(),
            Self::Bicycle(rider) => rider.size(),
            Self::Car(car) => car.size(),
            Self::Truck(truck) => truck.size(),
        }
    }

    /// Half the length and half the width of what stands on the ground, metres.
    pub(super) fn standing_on(&self) -> [f32; 2] {
        let [length, width, _] = self.size();
        match self {
            Self::Person(_) => [0.24, 0.20],
            Self::Bicycle(_) => [length * 0.44, 0.24],
            Self::Car(_) | Self::Truck(_) => [length * 0.47, width * 0.46],
        }
    }

    pub(super) fn draw(&self, brush: &mut Brush<'_>, pose: Pose, motion: Motion) {
        match self {
            Self::Person(person) => person.draw(brush, pose, motion),
            Self::Bicycle(rider) => rider.draw(brush, pose, motion),
            Self::Car(car) => car.draw(brush, pose, motion),
            Self::Truck(truck) => truck.draw(brush, pose, motion),
        }
    }

    /// Draws what the object does to the ground: its shadow, and at night the beams of its lamps.
    pub(super) fn draw_shadow(&self, brush: &mut Brush<'_>, pose: Pose) {
        let [length, _, height] = self.size();
        let light = brush.light;
        let [half_length, half_width] = self.standing_on();
        let reach = if light.hard_shadows {
            height * 0.85 / light.sun[2].max(0.3)
        } else {
            0.0
        };
        let away = scale([-light.sun[0], -light.sun[1], 0.0], reach);
        let mut points = Vec::with_capacity(16);
        for (u, v) in [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)] {
            let foot = pose.world([u * half_length, v * half_width, 0.0]);
            for p in [foot, add(foot, away)] {
                match brush.view.image_from_world(p) {
                    Some(px) => points.push(px),
                    None => return,
                }
            }
        }
        let hull = super::brush::convex_hull(&mut points);
        brush.polygon(&hull, [0.02, 0.02, 0.05], light.shadow_alpha);
        if light.night && matches!(self, Self::Car(_) | Self::Truck(_)) {
            let front = length * 0.5;
            for (reach, alpha) in [(9.0, 0.10), (6.0, 0.12), (3.5, 0.14)] {
                let beam = [
                    [front, -0.7],
                    [front, 0.7],
                    [front + reach, 0.8 + reach * 0.16],
                    [front + reach, -0.8 - reach * 0.16],
                ];
                brush.flat(
                    &beam.map(|[u, v]| pose.world([u, v, 0.02])),
                    [1.0, 0.95, 0.75],
                    alpha,
                );
            }
        }
    }
}
