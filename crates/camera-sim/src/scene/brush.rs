//! Drawing of projected shapes with tiny-skia, on a whole frame or on a sprite that covers part of it.

use tiny_skia::{Color, FillRule, Paint, Path, PathBuilder, PixmapMut, Shader, Transform};

use super::light::{Light, Rgb};
use super::view::{View, World, add, cross, dot, mix, normalise, scale, sub};

/// Points on half of a limb's round end.
const CAP_POINTS: usize = 7;
/// Adjacent faces are grown by this much, so that no background shines through where their soft edges meet.
const SEAM_PX: f32 = 0.3;
/// Thin parts (spokes, handlebars) keep at least this radius.
const MIN_RADIUS_PX: f32 = 0.62;

/// A pen on a pixmap whose first pixel is the frame's pixel `origin`.
pub(super) struct Brush<'a> {
    pixmap: PixmapMut<'a>,
    origin: [f32; 2],
    pub(super) view: &'a View,
    pub(super) light: &'a Light,
    outline: Vec<[f32; 2]>,
    path: PathBuilder,
}

/// Four corners in space: lower start, lower end, upper end, upper start.
pub(super) type Face = [World; 4];

/// The part of a face between the fractions `from` and `to` (along, up).
pub(super) fn part(face: &Face, from: [f32; 2], to: [f32; 2]) -> Face {
    let at = |a: f32, b: f32| mix(mix(face[0], face[1], a), mix(face[3], face[2], a), b);
    [
        at(from[0], from[1]),
        at(to[0], from[1]),
        at(to[0], to[1]),
        at(from[0], to[1]),
    ]
}

/// The unit normal of a face, on the side away from `inside`.
pub(super) fn outward(face: &Face, inside: World) -> World {
    let normal = normalise(cross(sub(face[2], face[0]), sub(face[3], face[1])));
    if dot(normal, sub(face[0], inside)) < 0.0 {
        scale(normal, -1.0)
    } else {
        normal
    }
}

impl<'a> Brush<'a> {
    pub(super) fn new(
        pixmap: PixmapMut<'a>,
        origin: [i32; 2],
        view: &'a View,
        light: &'a Light,
    ) -> Self {
        Self {
            pixmap,
            origin: [origin[0] as f32, origin[1] as f32],
            view,
            light,
            outline: Vec::with_capacity(32),
            path: PathBuilder::new(),
        }
    }

    /// The pixmap drawn on.
    pub(super) fn pixels_mut(&mut self) -> &mut [u8] {
        self.pixmap.data_mut()
    }

    fn paint(colour: Rgb, alpha: f32) -> Paint<'static> {
        let c = |v: f32| v.clamp(0.0, 1.0);
        let colour = Color::from_rgba(c(colour[0]), c(colour[1]), c(colour[2]), c(alpha))
            .unwrap_or(Color::BLACK);
        Paint {
            shader: Shader::SolidColor(colour),
            ..Paint::default()
        }
    }

    fn finish(&mut self) -> Option<Path> {
        std::mem::take(&mut self.path).finish()
    }

    fn fill(&mut self, rule: FillRule, colour: Rgb, alpha: f32) {
        if let Some(path) = self.finish() {
            self.pixmap.fill_path(
                &path,
                &Self::paint(colour, alpha),
                rule,
                Transform::identity(),
                None,
            );
            self.path = path.clear();
        }
    }

    fn trace(&mut self, outline: &[[f32; 2]], grow: f32) {
        let count = outline.len() as f32;
        let centre = outline
            .iter()
            .fold([0.0; 2], |c, p| [c[0] + p[0] / count, c[1] + p[1] / count]);
        for (i, p) in outline.iter().enumerate() {
            let x = p[0] + (p[0] - centre[0]).signum() * grow - self.origin[0];
            let y = p[1] + (p[1] - centre[1]).signum() * grow - self.origin[1];
            if i == 0 {
                self.path.move_to(x, y);
            } else {
                self.path.line_to(x, y);
            }
        }
        self.path.close();
    }

    /// Fills a polygon given in frame pixels.
    pub(super) fn polygon(&mut self, outline: &[[f32; 2]], colour: Rgb, alpha: f32) {
        if outline.len() < 3 || !outline.iter().flatten().all(|v| v.is_finite()) {
            return;
        }
        self.trace(outline, 0.0);
        self.fill(FillRule::Winding, colour, alpha);
    }

    /// Fills a planar polygon in space with a colour that is already shaded.
    pub(super) fn flat(&mut self, polygon: &[World], colour: Rgb, alpha: f32) {
        let mut outline = std::mem::take(&mut self.outline);
        self.view.project(polygon, &mut outline);
        if outline.len() >= 3 {
            self.trace(&outline, if alpha >= 1.0 { SEAM_PX } else { 0.0 });
            self.fill(FillRule::Winding, colour, alpha);
        }
        self.outline = outline;
    }

    /// Fills a polygon of the ground or of a wall, shaded by its normal and distance.
    pub(super) fn surface(&mut self, polygon: &[World], normal: World, colour: Rgb) {
        let Some(first) = polygon.first() else { return };
        let depth = self.view.camera_from_world(*first)[2];
        let colour = self.light.shade(colour, normal, depth);
        self.flat(polygon, colour, 1.0);
    }

    /// A limb: two balls and what is between them.
    pub(super) fn limb(&mut self, from: (World, f32), to: (World, f32), colour: Rgb) {
        let a = self.view.camera_from_world(from.0);
        let b = self.view.camera_from_world(to.0);
        if a[2] < super::view::NEAR_METRES || b[2] < super::view::NEAR_METRES {
            return;
        }
        let (pa, pb) = (
            self.view.image_from_camera(a),
            self.view.image_from_camera(b),
        );
        let ra = (from.1 * self.view.focal_px / a[2]).max(MIN_RADIUS_PX);
        let rb = (to.1 * self.view.focal_px / b[2]).max(MIN_RADIUS_PX);
        let axis = (pb[1] - pa[1]).atan2(pb[0] - pa[0]);
        let mut outline = std::mem::take(&mut self.outline);
        outline.clear();
        let quarter = std::f32::consts::FRAC_PI_2;
        for i in 0..CAP_POINTS {
            let turn = axis + quarter + std::f32::consts::PI * i as f32 / (CAP_POINTS - 1) as f32;
            outline.push([pa[0] + ra * turn.cos(), pa[1] + ra * turn.sin()]);
        }
        for i in 0..CAP_POINTS {
            let turn = axis - quarter + std::f32::consts::PI * i as f32 / (CAP_POINTS - 1) as f32;
            outline.push([pb[0] + rb * turn.cos(), pb[1] + rb * turn.sin()]);
        }
        self.polygon(&outline, colour, 1.0);
        self.outline = outline;
    }

    /// The convex hull of several balls.
    pub(super) fn hull(&mut self, balls: &[(World, f32)], colour: Rgb) {
        let mut points: Vec<[f32; 2]> = Vec::with_capacity(balls.len() * 12);
        for (centre, radius) in balls {
            let camera = self.view.camera_from_world(*centre);
            if camera[2] < super::view::NEAR_METRES {
                return;
            }
            let p = self.view.image_from_camera(camera);
            let r = (radius * self.view.focal_px / camera[2]).max(MIN_RADIUS_PX);
            for i in 0..12 {
                let turn = std::f32::consts::TAU * i as f32 / 12.0;
                points.push([p[0] + r * turn.cos(), p[1] + r * turn.sin()]);
            }
        }
        let outline = convex_hull(&mut points);
        self.polygon(&outline, colour, 1.0);
    }

    /// A disc: centre, and two perpendicular radii.
    pub(super) fn disc(
        &mut self,
        centre: World,
        across: World,
        up: World,
        colour: Rgb,
        alpha: f32,
    ) {
        let rim: [World; 20] = circle(centre, across, up, 1.0);
        self.flat(&rim, colour, alpha);
    }

    /// A ring between the fraction `inner` of the radius and the whole radius, never thinner than a visible line.
    pub(super) fn ring(&mut self, centre: World, radii: [World; 2], inner: f32, colour: Rgb) {
        let mut outer_px = Vec::with_capacity(24);
        let mut inner_px = Vec::with_capacity(24);
        self.view.project(
            &circle::<24>(centre, radii[0], radii[1], 1.0),
            &mut outer_px,
        );
        self.view.project(
            &circle::<24>(centre, radii[0], radii[1], inner),
            &mut inner_px,
        );
        if outer_px.len() < 3 || inner_px.len() < 3 {
            return;
        }
        let Some(per_metre) = self.view.px_per_metre(centre) else {
            return;
        };
        let radius_px = dot(radii[1], radii[1]).sqrt() * per_metre;
        let missing = (2.0 * MIN_RADIUS_PX - radius_px * (1.0 - inner)).max(0.0);
        self.trace(&outer_px, missing * 0.5);
        self.trace(&inner_px, -missing * 0.5);
        self.fill(FillRule::EvenOdd, colour, 1.0);
        // Seen along its plane the ring is a line.
        self.limb(
            (sub(centre, radii[1]), 0.02),
            (add(centre, scale(radii[1], -0.98)), 0.02),
            colour,
        );
        let edge_on = outer_px.iter().map(|p| p[0]).fold(f32::MIN, f32::max)
            - outer_px.iter().map(|p| p[0]).fold(f32::MAX, f32::min);
        if edge_on < 0.25 * radius_px {
            self.limb(
                (sub(centre, radii[1]), 0.022),
                (add(centre, radii[1]), 0.022),
                colour,
            );
        }
    }
}

fn circle<const N: usize>(centre: World, across: World, up: World, part: f32) -> [World; N] {
    std::array::from_fn(|i| {
        let (sin, cos) = (std::f32::consts::TAU * i as f32 / N as f32).sin_cos();
        add(
            centre,
            add(scale(across, cos * part), scale(up, sin * part)),
        )
    })
}

/// The convex hull by Andrew's monotone chain (1979), counter-clockwise.
pub(super) fn convex_hull(points: &mut [[f32; 2]]) -> Vec<[f32; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let turn = |o: [f32; 2], a: [f32; 2], b: [f32; 2]| {
        (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
    };
    let mut hull: Vec<[f32; 2]> = Vec::with_capacity(points.len() + 1);
    let mut half = |sequence: &mut dyn Iterator<Item = [f32; 2]>| {
        let start = hull.len();
        for point in sequence {
            while hull.len() >= start + 2
                && turn(hull[hull.len() - 2], hull[hull.len() - 1], point) <= 0.0
            {
                hull.pop();
            }
            hull.push(point);
        }
        hull.pop();
    };
    half(&mut points.iter().copied());
    half(&mut points.iter().rev().copied());
    hull
}
