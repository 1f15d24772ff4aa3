//! The camera's view: world metres to pixels.
//!
//! World axes: x right, y away from the camera along the ground, z up; the camera stands above the origin.
//! Image axes: x right, y down, the origin at the outer corner of the first pixel.

/// A point on the ground, metres.
pub(super) type Ground = [f32; 2];
/// A point or direction in the world, metres.
pub(super) type World = [f32; 3];

/// Nearest depth, metres, that is drawn: nearer parts of a shape are cut off.
pub(super) const NEAR_METRES: f32 = 0.4;

/// A pinhole camera at a height above the origin, pitched down.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) focal_px: f32,
    pub(super) camera_height: f32,
    pub(super) sin_pitch: f32,
    pub(super) cos_pitch: f32,
}

impl View {
    /// The camera's place in the world.
    pub(super) fn eye(&self) -> World {
        [0.0, 0.0, self.camera_height]
    }

    /// World to camera coordinates: x right, y down, z forward (depth), metres.
    pub(super) fn camera_from_world(&self, p: World) -> World {
        let z = p[2] - self.camera_height;
        [
            p[0],
            -p[1] * self.sin_pitch - z * self.cos_pitch,
            p[1] * self.cos_pitch - z * self.sin_pitch,
        ]
    }

    /// Camera coordinates to pixels; the depth must be positive.
    pub(super) fn image_from_camera(&self, p: World) -> [f32; 2] {
        let scale = self.focal_px / p[2];
        [
            self.width * 0.5 + p[0] * scale,
            self.height * 0.5 + p[1] * scale,
        ]
    }

    /// Pixels per metre at a world point, or `None` where the point is nearer than the near plane.
    pub(super) fn px_per_metre(&self, p: World) -> Option<f32> {
        let depth = self.camera_from_world(p)[2];
        (depth > NEAR_METRES).then(|| self.focal_px / depth)
    }

    /// The pixel of a world point, or `None` where it is nearer than the near plane.
    pub(super) fn image_from_world(&self, p: World) -> Option<[f32; 2]> {
        let camera = self.camera_from_world(p);
        (camera[2] > NEAR_METRES).then(|| self.image_from_camera(camera))
    }

    /// Projects a planar polygon into `out`, cut at the near plane (Sutherland and Hodgman 1974).
    pub(super) fn project(&self, polygon: &[World], out: &mut Vec<[f32; 2]>) {
        out.clear();
        let Some(last) = polygon.last() else { return };
        let mut previous = self.camera_from_world(*last);
        for point in polygon {
            let current = self.camera_from_world(*point);
            if (current[2] > NEAR_METRES) != (previous[2] > NEAR_METRES) {
                let part = (NEAR_METRES - previous[2]) / (current[2] - previous[2]);
                let cut: World =
                    std::array::from_fn(|i| previous[i] + part * (current[i] - previous[i]));
                out.push(self.image_from_camera([cut[0], cut[1], NEAR_METRES]));
            }
            if current[2] > NEAR_METRES {
                out.push(self.image_from_camera(current));
            }
            previous = current;
        }
    }

    /// The image row of the horizon.
    pub(super) fn horizon_row(&self) -> f32 {
        self.height * 0.5 - self.focal_px * self.sin_pitch / self.cos_pitch
    }
}

pub(super) fn add(a: World, b: World) -> World {
    std::array::from_fn(|i| a[i] + b[i])
}

pub(super) fn sub(a: World, b: World) -> World {
    std::array::from_fn(|i| a[i] - b[i])
}

pub(super) fn scale(a: World, by: f32) -> World {
    a.map(|v| v * by)
}

pub(super) fn dot(a: World, b: World) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn cross(a: World, b: World) -> World {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

pub(super) fn normalise(a: World) -> World {
    let length = dot(a, a).sqrt();
    if length > 0.0 {
        scale(a, 1.0 / length)
    } else {
        a
    }
}

pub(super) fn mix<const N: usize>(a: [f32; N], b: [f32; N], part: f32) -> [f32; N] {
    std::array::from_fn(|i| a[i] + (b[i] - a[i]) * part)
}

/// A place on the ground with a direction: the local axes of an object (forward, left, up).
#[derive(Clone, Copy, Debug)]
pub(super) struct Pose {
    pub(super) at: Ground,
    /// Radians, counter-clockwise from the world's x axis.
    pub(super) heading: f32,
}

impl Pose {
    /// The unit vector ahead.
    pub(super) fn forward(&self) -> World {
        [self.heading.cos(), self.heading.sin(), 0.0]
    }

    /// The unit vector to the left.
    pub(super) fn left(&self) -> World {
        [-self.heading.sin(), self.heading.cos(), 0.0]
    }

    /// World coordinates of a local point (forward, left, up).
    pub(super) fn world(&self, local: World) -> World {
        let (sin, cos) = self.heading.sin_cos();
        [
            self.at[0] + local[0] * cos - local[1] * sin,
            self.at[1] + local[0] * sin + local[1] * cos,
            local[2],
        ]
    }
}
