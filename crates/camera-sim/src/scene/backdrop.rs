//! The fixed picture behind everything: sky, skyline, ground, road with its marks, buildings.

use super::brush::Brush;
use super::buildings::draw_buildings;
use super::dice::Dice;
use super::light::Rgb;
use super::road::{CROSSING_HALF, ROAD_FROM, ROAD_TO, Road};
use super::view::{World, mix};

const UP: World = [0.0, 0.0, 1.0];

/// Paints the backdrop over the brush's whole frame.
pub(super) fn paint(brush: &mut Brush<'_>, seed: u64, road: &Road) {
    let mut dice = Dice::new(seed, &[8]);
    paint_sky(brush, &mut dice);
    paint_ground(brush, road, &mut dice);
    draw_buildings(brush, seed, road);
    roughen(brush, &mut dice);
}

fn paint_sky(brush: &mut Brush<'_>, dice: &mut Dice) {
    let (width, height) = (brush.view.width as usize, brush.view.height as usize);
    let horizon = brush.view.horizon_row().max(1.0);
    let light = brush.light;
    let rows = brush.pixels_mut();
    for (y, row) in rows.chunks_exact_mut(width * 4).enumerate().take(height) {
        let colour = mix(
            light.sky_top,
            light.sky_low,
            (y as f32 / horizon).clamp(0.0, 1.0),
        );
        for pixel in row.chunks_exact_mut(4) {
            for (value, channel) in pixel.iter_mut().zip(colour) {
                *value = (channel * 255.0).clamp(0.0, 255.0) as u8;
            }
            pixel[3] = 255;
        }
    }
    let (width, unit) = (width as f32, width as f32 / 640.0);
    if light.night {
        for _ in 0..40 {
            let (x, y) = (dice.range(0.0, width), dice.range(0.0, horizon * 0.8));
            let s = dice.range(0.4, 0.9) * unit;
            brush.polygon(
                &[[x - s, y], [x, y - s], [x + s, y], [x, y + s]],
                [0.9, 0.9, 0.8],
                0.7,
            );
        }
    }
    let clouds = (light.clouds * 9.0) as usize;
    for _ in 0..clouds {
        let (x, y) = (
            dice.range(-40.0, width + 40.0),
            dice.range(0.0, horizon * 0.7),
        );
        let size = dice.range(22.0, 70.0) * unit;
        let shade = mix(
            light.sky_low,
            [1.0; 3],
            if light.night { 0.03 } else { 0.45 },
        );
        for _ in 0..7 {
            let (cx, cy) = (
                x + dice.range(-1.3, 1.3) * size,
                y + dice.range(-0.18, 0.14) * size,
            );
            let (rx, ry) = (size * dice.range(0.4, 0.8), size * dice.range(0.12, 0.24));
            let rim: Vec<[f32; 2]> = (0..24)
                .map(|i| {
                    let (sin, cos) = (std::f32::consts::TAU * i as f32 / 24.0).sin_cos();
                    [cx + cos * rx, cy + sin * ry]
                })
                .collect();
            brush.polygon(&rim, shade, 0.16);
        }
    }
    // A skyline on the horizon.
    let mut x = -10.0;
    while x < width {
        let w = dice.range(14.0, 46.0) * unit;
        let h = dice.range(6.0, 42.0) * unit;
        let colour = mix(
            light.haze,
            if light.night {
                [0.07, 0.07, 0.10]
            } else {
                [0.45, 0.50, 0.56]
            },
            dice.range(0.25, 0.6),
        );
        brush.polygon(
            &[
                [x, horizon + 2.0],
                [x, horizon - h],
                [x + w, horizon - h],
                [x + w, horizon + 2.0],
            ],
            colour,
            1.0,
        );
        x += w * dice.range(0.7, 1.3);
    }
}

/// A strip of the ground between two offsets from the centre line, in pieces short enough for bends and haze.
fn strip(brush: &mut Brush<'_>, road: &Road, along: [f32; 2], across: [f32; 2], colour: Rgb) {
    let pieces = ((along[1] - along[0]) / 6.0).ceil().max(1.0) as usize;
    for i in 0..pieces {
        let at = |k: usize| along[0] + (along[1] - along[0]) * k as f32 / pieces as f32;
        let corner = |s: f32, v: f32| {
            let [x, y] = road.ground(s, v);
            [x, y, 0.0]
        };
        let quad = [
            corner(at(i), across[0]),
            corner(at(i + 1), across[0]),
            corner(at(i + 1), across[1]),
            corner(at(i), across[1]),
        ];
        brush.surface(&quad, UP, colour);
    }
}

fn paint_ground(brush: &mut Brush<'_>, road: &Road, dice: &mut Dice) {
    let base = dice.pick(&[
        [0.40, 0.50, 0.30],
        [0.36, 0.46, 0.26],
        [0.58, 0.56, 0.52],
        [0.64, 0.60, 0.54],
        [0.50, 0.49, 0.47],
    ]);
    let mut depth = 240.0f32;
    while depth > 0.6 {
        let next = depth * 0.72;
        let colour = brush.light.shade(base, UP, depth);
        brush.flat(
            &[
                [-400.0, depth, 0.0],
                [400.0, depth, 0.0],
                [400.0, next, 0.0],
                [-400.0, next, 0.0],
            ],
            colour,
            1.0,
        );
        depth = next;
    }
    let whole = [ROAD_FROM, ROAD_TO];
    let (kerb, frontage) = (road.kerb(), road.frontage());
    let paving = dice.vary([0.62, 0.60, 0.58], 0.06);
    let asphalt_base = dice.pick(&[
        [0.27, 0.28, 0.30],
        [0.33, 0.33, 0.34],
        [0.40, 0.39, 0.38],
        [0.22, 0.23, 0.25],
    ]);
    let asphalt = dice.vary(asphalt_base, 0.03);
    for side in [-1.0f32, 1.0] {
        strip(brush, road, whole, [side * kerb, side * frontage], paving);
        let joint = paving.map(|c| c * 0.90);
        let mut along = -30.0;
        while along < 60.0 {
            strip(
                brush,
                road,
                [along, along + 0.06],
                [side * kerb, side * frontage],
                joint,
            );
            along += 1.5;
        }
        strip(
            brush,
            road,
            whole,
            [
                side * (kerb + road.pavement * 0.5),
                side * (kerb + road.pavement * 0.5 + 0.05),
            ],
            joint,
        );
    }
    strip(brush, road, whole, [-kerb, kerb], asphalt);
    for _ in 0..14 {
        // Repairs, stains and manholes.
        let (along, across) = (dice.range(-25.0, 70.0), dice.range(-kerb, kerb * 0.8));
        let (long, wide) = (dice.range(0.7, 5.0), dice.range(0.5, 1.6));
        let tone = dice.range(0.86, 1.10);
        strip(
            brush,
            road,
            [along, along + long],
            [across, (across + wide).min(kerb)],
            asphalt.map(|c| c * tone),
        );
    }
    let lanes = road.lane_width * road.lanes_per_side as f32;
    if dice.chance(0.55) {
        let tint = dice.pick(&[[0.50, 0.24, 0.20], [0.22, 0.40, 0.28], [0.30, 0.36, 0.48]]);
        for side in [-1.0f32, 1.0] {
            strip(
                brush,
                road,
                whole,
                [side * lanes, side * kerb],
                mix(asphalt, tint, 0.7),
            );
        }
    }
    let paint = [0.88, 0.88, 0.85];
    for side in [-1.0f32, 1.0] {
        strip(
            brush,
            road,
            whole,
            [side * kerb, side * (kerb + 0.22)],
            [0.74, 0.73, 0.70],
        );
        strip(
            brush,
            road,
            whole,
            [side * (lanes - 0.06), side * (lanes + 0.06)],
            paint,
        );
    }
    let dashes = dice.range(2.0, 3.5);
    let mut along = ROAD_FROM;
    while along < ROAD_TO {
        for lane in 1 - road.lanes_per_side as i32..road.lanes_per_side as i32 {
            let across = lane as f32 * road.lane_width;
            strip(
                brush,
                road,
                [along, along + dashes],
                [across - 0.07, across + 0.07],
                paint,
            );
        }
        along += dashes * 2.2;
    }
    if let Some(at) = road.crossing {
        strip(
            brush,
            road,
            [at - CROSSING_HALF - 0.4, at + CROSSING_HALF + 0.4],
            [-kerb, kerb],
            asphalt.map(|c| c * 0.94),
        );
        let mut across = -kerb + 0.25;
        while across + 0.5 <= kerb {
            strip(
                brush,
                road,
                [at - CROSSING_HALF, at + CROSSING_HALF],
                [across, across + 0.5],
                paint,
            );
            across += 1.0;
        }
        for (place, side) in [(-CROSSING_HALF - 1.4, -1.0f32), (CROSSING_HALF + 1.0, 1.0)] {
            strip(
                brush,
                road,
                [at + place, at + place + 0.35],
                [0.1 * side, side * lanes],
                paint,
            );
        }
    }
}

/// Surface texture: fine grain over everything, coarser blotches below the horizon.
fn roughen(brush: &mut Brush<'_>, dice: &mut Dice) {
    let (width, height) = (brush.view.width as usize, brush.view.height as usize);
    let horizon = brush.view.horizon_row();
    let grain = dice.range(0.0, 5.0);
    let blotch = dice.range(1.0, 7.0);
    let cells = 48;
    let field: Vec<f32> = (0..cells * cells).map(|_| dice.range(-1.0, 1.0)).collect();
    let smooth = |x: f32, y: f32| {
        let (x0, y0) = (x.floor(), y.floor());
        let at = |i: f32, j: f32| field[(i as usize % cells) + (j as usize % cells) * cells];
        let (a, b) = (
            mix([at(x0, y0)], [at(x0 + 1.0, y0)], x - x0),
            mix([at(x0, y0 + 1.0)], [at(x0 + 1.0, y0 + 1.0)], x - x0),
        );
        mix(a, b, y - y0)[0]
    };
    let pixels = brush.pixels_mut();
    for y in 0..height {
        let below = (y as f32 - horizon) / height as f32;
        for x in 0..width {
            let mut add = grain * (dice.unit() - 0.5);
            if below > 0.01 {
                // Cells keep their size on the ground: rows farther away are finer.
                let depth = 1.0 / below;
                let fade = ((below - 0.05) * 8.0).clamp(0.0, 1.0);
                add += blotch
                    * fade
                    * smooth(
                        (x as f32 / width as f32 - 0.5) * depth * 5.0 + 500.0,
                        depth * 1.6,
                    );
            }
            for value in &mut pixels[(y * width + x) * 4..][..3] {
                *value = (f32::from(*value) + add).clamp(0.0, 255.0) as u8;
            }
        }
    }
}
