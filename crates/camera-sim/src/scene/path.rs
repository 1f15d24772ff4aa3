//! Ways that objects follow over the ground.

use super::view::{Ground, NEAR_METRES, Pose, View, mix};

/// A polyline measured along its length.
#[derive(Clone, Debug)]
pub(super) struct Path {
    points: Vec<Ground>,
    /// Length from the start to each point, metres.
    lengths: Vec<f32>,
    /// Where the path comes into view and where it leaves it.
    appearances: Vec<[f32; 2]>,
}

/// Distance between the samples that tell where a path is in view.
const SAMPLE_METRES: f32 = 0.5;
/// A path that is out of view for less than this does not start a new appearance.
const SHORT_GAP_METRES: f32 = 3.0;
/// Room around a path's points for the largest object.
const OBJECT_METRES: [f32; 2] = [5.0, 4.0];

impl Path {
    /// A path through at least one point.
    pub(super) fn new(points: Vec<Ground>) -> Self {
        let mut lengths = Vec::with_capacity(points.len());
        let mut length = 0.0;
        for (i, p) in points.iter().enumerate() {
            if let Some(previous) = i.checked_sub(1).map(|j| points[j]) {
                length += (p[0] - previous[0]).hypot(p[1] - previous[1]);
            }
            lengths.push(length);
        }
        Self {
            points,
            lengths,
            appearances: Vec::new(),
        }
    }

    pub(super) fn length(&self) -> f32 {
        self.lengths.last().copied().unwrap_or(0.0)
    }

    fn point(&self, at: f32) -> Ground {
        let next = self
            .lengths
            .partition_point(|l| *l < at)
            .clamp(1, self.points.len().max(2) - 1);
        match (self.points.get(next - 1), self.points.get(next)) {
            (Some(a), Some(b)) => {
                let span = (self.lengths[next] - self.lengths[next - 1]).max(1e-6);
                mix(*a, *b, (at - self.lengths[next - 1]) / span)
            }
            (Some(only), None) => *only,
            _ => [0.0; 2],
        }
    }

    /// The place at a length; the direction turns smoothly over `half_base` metres on either side.
    pub(super) fn pose(&self, at: f32, half_base: f32) -> Pose {
        let (a, b) = (self.point(at - half_base), self.point(at + half_base));
        Pose {
            at: self.point(at),
            heading: (b[1] - a[1]).atan2(b[0] - a[0]),
        }
    }

    /// The length at which the path passes nearest to a place.
    pub(super) fn nearest(&self, place: Ground) -> f32 {
        let mut best = (f32::MAX, 0.0);
        let steps = (self.length() / 0.1) as usize;
        for i in 0..=steps {
            let p = self.point(i as f32 * 0.1);
            let distance = (p[0] - place[0]).hypot(p[1] - place[1]);
            if distance < best.0 {
                best = (distance, i as f32 * 0.1);
            }
        }
        best.1
    }

    /// Finds the stretches where an object on the path can be in view.
    pub(super) fn find_appearances(&mut self, view: &View) {
        let mut found: Vec<[f32; 2]> = Vec::new();
        let steps = (self.length() / SAMPLE_METRES).ceil() as usize;
        for i in 0..=steps {
            let at = i as f32 * SAMPLE_METRES;
            if !may_be_seen(self.point(at), view) {
                continue;
            }
            match found.last_mut() {
                Some(last) if at - last[1] < SHORT_GAP_METRES => last[1] = at,
                _ => found.push([at, at]),
            }
        }
        for stretch in &mut found {
            *stretch = [stretch[0] - SAMPLE_METRES, stretch[1] + SAMPLE_METRES];
        }
        self.appearances = found;
    }

    /// Which appearance a length belongs to, or `None` where nothing can be seen.
    pub(super) fn appearance(&self, at: f32) -> Option<usize> {
        self.appearances
            .iter()
            .position(|s| (s[0]..=s[1]).contains(&at))
    }
}

/// Whether an object of any kind at this place can touch the frame.
fn may_be_seen(place: Ground, view: &View) -> bool {
    let [reach, tall] = OBJECT_METRES;
    let (mut low, mut high) = ([f32::MAX; 2], [f32::MIN; 2]);
    for dx in [-reach, reach] {
        for dy in [-reach, reach] {
            for z in [0.0, tall] {
                let mut p = view.camera_from_world([place[0] + dx, place[1] + dy, z]);
                p[2] = p[2].max(NEAR_METRES);
                let px = view.image_from_camera(p);
                low = std::array::from_fn(|i| low[i].min(px[i]));
                high = std::array::from_fn(|i| high[i].max(px[i]));
            }
        }
    }
    let ahead = view.camera_from_world([place[0], place[1] + reach, 0.0])[2] > NEAR_METRES;
    ahead && low[0] < view.width && high[0] > 0.0 && low[1] < view.height && high[1] > 0.0
}
