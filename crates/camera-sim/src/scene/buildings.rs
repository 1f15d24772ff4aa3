//! Houses along the street.

use super::brush::{Brush, Face, part};
use super::dice::Dice;
use super::light::Rgb;
use super::models::{Side, Solid};
use super::road::Road;
use super::view::{Ground, Pose, mix};

const WALLS: [Rgb; 9] = [
    [0.62, 0.36, 0.28],
    [0.75, 0.68, 0.56],
    [0.84, 0.80, 0.72],
    [0.55, 0.55, 0.56],
    [0.70, 0.55, 0.42],
    [0.44, 0.48, 0.54],
    [0.80, 0.72, 0.50],
    [0.56, 0.62, 0.58],
    [0.48, 0.30, 0.26],
];

struct House {
    pose: Pose,
    solid: Solid,
    storeys: usize,
    columns: usize,
    wall: Rgb,
    shop: Option<Rgb>,
    seed: u64,
}

/// Draws the houses of both sides, the farthest first. A house that would hide part of the street is left out.
pub(super) fn draw_buildings(brush: &mut Brush<'_>, seed: u64, road: &Road) {
    let mut dice = Dice::new(seed, &[9]);
    let density = dice.range(0.55, 1.0);
    let setback = dice.range(0.3, 4.5);
    let street: Vec<Ground> = (-12..=40)
        .flat_map(|i| [-1.0, -0.5, 0.0, 0.5, 1.0].map(|v| (i as f32 * 2.5, v)))
        .map(|(along, v)| road.ground(along, v * road.frontage()))
        .filter(|p| p[1] > 1.0)
        .collect();
    let mut houses = Vec::new();
    // Behind the houses on the street stands a second row.
    for (side, setback, density) in [
        (-1.0f32, setback, density),
        (1.0, setback, density),
        (-1.0, setback + 21.0, 0.7),
        (1.0, setback + 21.0, 0.9),
    ] {
        let mut along = -55.0;
        while along < 120.0 {
            let front = dice.range(8.0, 19.0);
            let deep = dice.range(7.0, 11.0);
            let storeys = 2 + dice.below(5);
            let across = side * (road.frontage() + setback + deep * 0.5);
            let pose = road.pose(along + front * 0.5, across);
            let solid = Solid::cuboid(
                [-front * 0.5, front * 0.5],
                deep * 0.5,
                [0.0, storeys as f32 * 3.1 + 0.8],
            );
            let wall = dice.pick(&WALLS);
            let house = House {
                pose,
                solid,
                storeys,
                columns: (front / dice.range(2.4, 3.6)) as usize,
                wall: dice.vary(wall, 0.05),
                shop: dice.chance(0.4).then(|| dice.vary([0.55, 0.40, 0.35], 0.3)),
                seed: seed ^ ((houses.len() as u64 + 3) << 36),
            };
            let clear = pose.at[0].hypot(pose.at[1]) > front * 0.75 + 3.0;
            if dice.chance(density)
                && clear
                && !street
                    .iter()
                    .any(|p| hides(&pose, front * 0.5, deep * 0.5, *p))
            {
                houses.push(house);
            }
            along += front
                + if dice.chance(0.3) {
                    dice.range(2.0, 7.0)
                } else {
                    0.0
                };
        }
    }
    houses.sort_by(|a, b| {
        let far = |h: &House| h.pose.at[0].hypot(h.pose.at[1]);
        far(b).total_cmp(&far(a))
    });
    for house in &houses {
        house.draw(brush);
    }
}

/// Whether the rectangle lies across the line from the camera (above the origin) to a place.
fn hides(pose: &Pose, half_length: f32, half_width: f32, place: Ground) -> bool {
    let (sin, cos) = pose.heading.sin_cos();
    let local = |p: Ground| {
        let (x, y) = (p[0] - pose.at[0], p[1] - pose.at[1]);
        [x * cos + y * sin, -x * sin + y * cos]
    };
    let (a, b) = (local([0.0, 0.0]), local(place));
    (0..=60).any(|i| {
        let p = mix(a, b, i as f32 / 60.0);
        p[0].abs() < half_length && p[1].abs() < half_width
    })
}

impl House {
    fn draw(&self, brush: &mut Brush<'_>) {
        let roof = mix(self.wall, [0.30, 0.28, 0.28], 0.7);
        self.solid.draw(
            brush,
            self.pose,
            |side| if side == Side::Top { roof } else { self.wall },
            |brush, side, panel| {
                if side == Side::Top {
                    return;
                }
                let mut dice = Dice::new(self.seed, &[side as u64]);
                let long = matches!(side, Side::Left | Side::Right);
                let columns = if long { self.columns.max(1) } else { 2 };
                let ground_floor = 3.4 / self.solid.heights[1];
                panel.fill(brush, [0.0, 0.965], [1.0, 1.0], self.wall.map(|c| c * 0.72));
                panel.fill(
                    brush,
                    [0.0, ground_floor],
                    [1.0, ground_floor + 0.02],
                    self.wall.map(|c| (c * 1.15).min(1.0)),
                );
                let upper = part(&panel.face, [0.03, ground_floor + 0.03], [0.97, 0.94]);
                let style = dice.pick(&[[0.42, 0.58], [0.5, 0.5], [0.34, 0.66], [0.75, 0.55]]);
                let frame = mix(self.wall, [0.95, 0.95, 0.93], 0.7);
                grid(
                    &upper,
                    columns,
                    self.storeys.max(2) - 1,
                    style,
                    |_, _, face| {
                        draw_window(brush, &mut dice, &face, panel.normal, frame);
                    },
                );
                if !long {
                    return;
                }
                let lower = part(&panel.face, [0.02, 0.0], [0.98, ground_floor]);
                if let Some(shop) = self.shop {
                    let sign = part(&lower, [0.0, 0.74], [1.0, 0.98]);
                    brush.surface(&sign, panel.normal, shop);
                    grid(
                        &part(&lower, [0.0, 0.06], [1.0, 0.72]),
                        columns.div_ceil(2),
                        1,
                        [0.86, 1.0],
                        |_, _, face| {
                            draw_window(brush, &mut dice, &face, panel.normal, [0.16, 0.16, 0.17]);
                        },
                    );
                } else {
                    grid(&lower, columns, 1, [0.42, 0.5], |column, _, face| {
                        if column == columns / 2 {
                            let door = dice.vary([0.35, 0.22, 0.18], 0.15);
                            let face = part(&face, [0.1, -0.5], [0.9, 0.95]);
                            brush.surface(&face, panel.normal, door);
                        } else {
                            draw_window(brush, &mut dice, &face, panel.normal, frame);
                        }
                    });
                }
            },
        );
    }
}

fn draw_window(brush: &mut Brush<'_>, dice: &mut Dice, face: &Face, normal: [f32; 3], frame: Rgb) {
    let lit = dice.chance(if brush.light.night { 0.45 } else { 0.04 });
    let warm = dice.vary([0.96, 0.80, 0.48], 0.08);
    let glass = dice.vary([0.26, 0.32, 0.38], 0.07);
    let blind = dice.chance(0.25);
    let depth = brush.view.camera_from_world(face[0])[2];
    brush.surface(face, normal, frame);
    let pane = part(face, [0.09, 0.07], [0.91, 0.93]);
    if lit && brush.light.night {
        let colour = brush.light.hazed(warm, depth);
        brush.flat(&pane, colour, 1.0);
    } else {
        brush.surface(&pane, normal, glass);
        if blind {
            brush.surface(
                &part(&pane, [0.0, 0.5], [1.0, 1.0]),
                normal,
                [0.82, 0.80, 0.74],
            );
        }
    }
    if depth < 45.0 {
        brush.surface(&part(face, [0.47, 0.07], [0.53, 0.93]), normal, frame);
    }
}

/// A grid of equal parts of a wall: columns, rows, and the share of each cell that is filled.
fn grid(
    face: &Face,
    columns: usize,
    rows: usize,
    share: [f32; 2],
    mut each: impl FnMut(usize, usize, Face),
) {
    for row in 0..rows {
        for column in 0..columns {
            let x = (column as f32 + 0.5) / columns as f32;
            let y = (row as f32 + 0.5) / rows as f32;
            let (w, h) = (
                share[0] * 0.5 / columns as f32,
                share[1] * 0.5 / rows as f32,
            );
            each(column, row, part(face, [x - w, y - h], [x + w, y + h]));
        }
    }
}
