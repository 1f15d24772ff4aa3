//! How a box moves, in seconds: a Kalman filter for each of its coordinates.
//!
//! Position and logarithmic size each have a rate that changes at random ("white noise
//! acceleration": Bar-Shalom et al., "Estimation with Applications to Tracking and Navigation",
//! section 6.2.2). Its noise belongs to time, not to frames, so a step of one second is the same as
//! thirty steps of a thirtieth. All noise is relative to the size of the box: an object twice as near moves twice
//! as many pixels.

/// Standard deviation of a detector's box centre, of the box's size.
const CENTRE_NOISE: f32 = 0.05;
/// Standard deviation of the logarithm of a detector's width or height.
const SIZE_NOISE: f32 = 0.1;
/// Standard deviation of a new object's velocity, sizes per second.
const FIRST_VELOCITY: f32 = 1.5;
/// How much a velocity changes: standard deviation after one second, sizes per second.
const VELOCITY_NOISE: f32 = 0.15;
/// The same for the growth of logarithmic sizes, per second.
const FIRST_GROWTH: f32 = 0.2;
const GROWTH_NOISE: f32 = 0.15;
/// A size that is not seen grows on for about so many seconds, not without end.
const GROWTH_SECONDS: f32 = 1.5;
/// How much an object that changes its velocity accelerates: standard deviation, sizes per second squared.
const ACCELERATION: f32 = 1.0;

/// What a step in time does to a coordinate whose rate fades, with random changes of the rate.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Course {
    /// The share of the rate that is left.
    left: f32,
    /// For how many seconds the rate has worked.
    reach: f32,
    /// What white noise of density 1 adds to the variances of value and rate, and to their covariance.
    variance: f32,
    rate_variance: f32,
    covariance: f32,
}

impl Course {
    /// A rate that lasts.
    fn steady(seconds: f32) -> Self {
        Self {
            left: 1.0,
            reach: seconds,
            variance: seconds * seconds * seconds / 3.0,
            rate_variance: seconds,
            covariance: seconds * seconds / 2.0,
        }
    }

    /// A rate that fades with a time constant (an Ornstein-Uhlenbeck process).
    fn fading(seconds: f32, constant: f32) -> Self {
        let (time, constant) = (f64::from(seconds), f64::from(constant));
        let left = (-time / constant).exp();
        let reach = constant * (1.0 - left);
        let rate_variance = 0.5 * constant * (1.0 - left * left);
        let variance = constant * constant * (time - 2.0 * reach + rate_variance);
        Self {
            left: left as f32,
            reach: reach as f32,
            variance: variance.max(0.0) as f32,
            rate_variance: rate_variance as f32,
            covariance: (0.5 * reach * reach) as f32,
        }
    }
}

/// A step in time, the same for all objects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub seconds: f32,
    centre: Course,
    growth: Course,
}

impl Step {
    pub fn new(seconds: f32) -> Self {
        Self {
            seconds,
            centre: Course::steady(seconds),
            growth: Course::fading(seconds, GROWTH_SECONDS),
        }
    }
}

/// One coordinate and its rate, with their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    value: f32,
    rate: f32,
    variance: f32,
    covariance: f32,
    rate_variance: f32,
}

impl Axis {
    fn new(value: f32, deviation: f32, rate_deviation: f32) -> Self {
        Self {
            value,
            rate: 0.0,
            variance: deviation * deviation,
            covariance: 0.0,
            rate_variance: rate_deviation * rate_deviation,
        }
    }

    fn predict(&mut self, course: &Course, noise: f32) {
        let Course { left, reach, .. } = *course;
        let density = noise * noise;
        self.value += self.rate * reach;
        self.rate *= left;
        self.variance += reach * (2.0 * self.covariance + reach * self.rate_variance)
            + density * course.variance;
        self.covariance =
            left * (self.covariance + reach * self.rate_variance) + density * course.covariance;
        self.rate_variance = left * left * self.rate_variance + density * course.rate_variance;
    }

    fn correct(&mut self, measured: f32, deviation: f32) {
        let noise = deviation * deviation;
        let per_total = (self.variance + noise).recip();
        let difference = measured - self.value;
        let (gain, rate_gain) = (self.variance * per_total, self.covariance * per_total);
        self.value += gain * difference;
        self.rate += rate_gain * difference;
        self.rate_variance -= rate_gain * self.covariance;
        self.covariance *= noise * per_total;
        self.variance *= noise * per_total;
    }

    /// Squared difference over its variance, and that variance.
    fn distance(&self, measured: f32, deviation: f32) -> (f32, f32) {
        let variance = self.variance + deviation * deviation;
        let difference = measured - self.value;
        (difference * difference / variance, variance)
    }

    /// The same for an object whose rate has changed at some time of the last `seconds`: it came to
    /// a stop (evenly distributed between where it was and where it would be), or accelerated by
    /// anything that is usual.
    fn distance_if_changed(
        &self,
        measured: f32,
        deviation: f32,
        seconds: f32,
        acceleration: f32,
    ) -> (f32, f32) {
        let way = self.rate * seconds;
        let accelerated = acceleration * seconds * seconds * 0.5;
        Self {
            value: self.value - way * 0.5,
            variance: self.variance + way * way / 12.0 + accelerated * accelerated,
            ..*self
        }
        .distance(measured, deviation)
    }
}

/// Half way between two edges.
pub(crate) fn middle(low: f32, high: f32) -> f32 {
    (low + high) * 0.5
}

/// A detector's box, as the filter measures it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    pub centre: [f32; 2],
    log_size: [f32; 2],
    area: f32,
}

impl Measured {
    /// Of a box with area.
    pub fn of([x1, y1, x2, y2]: [f32; 4]) -> Self {
        let [width, height] = [x2 - x1, y2 - y1];
        Self {
            centre: [middle(x1, x2), middle(y1, y2)],
            log_size: [width.ln(), height.ln()],
            area: width * height,
        }
    }
}

/// Where an object is, and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    centre: [Axis; 2],
    log_size: [Axis; 2],
    /// Width and height, pixels.
    sides: [f32; 2],
    /// The side of a square as large as the box, pixels.
    size: f32,
}

/// How well a box fits a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Squared Mahalanobis distance over the four coordinates.
    pub distance: f32,
    /// The product of their variances, for a box of area 1.
    volume: f32,
}

impl Fit {
    /// Of squared distances and their variances, the first two in pixels.
    fn of(axes: [(f32, f32); 4], area: f32) -> Self {
        Self {
            distance: axes.iter().map(|axis| axis.0).sum(),
            volume: axes.iter().map(|axis| axis.1).product::<f32>() / (area * area),
        }
    }

    /// Logarithm of the prediction's density at the box, relative to one object per area of the
    /// box and per unit of logarithmic width and height: a normal distribution of four dimensions.
    pub fn log_density(&self) -> f32 {
        -0.5 * (self.distance + self.volume.ln()) - 2.0 * std::f32::consts::TAU.ln()
    }
}

impl Motion {
    pub fn new(measured: &Measured) -> Self {
        let size = measured.area.sqrt();
        let centre = |value| Axis::new(value, CENTRE_NOISE * size, FIRST_VELOCITY * size);
        let log_size = |value| Axis::new(value, SIZE_NOISE, FIRST_GROWTH);
        Self {
            centre: measured.centre.map(centre),
            log_size: measured.log_size.map(log_size),
            sides: measured.log_size.map(f32::exp),
            size,
        }
    }

    /// Moves on.
    pub fn predict(&mut self, step: &Step) {
        for axis in &mut self.centre {
            axis.predict(&step.centre, VELOCITY_NOISE * self.size);
        }
        for axis in &mut self.log_size {
            axis.predict(&step.growth, GROWTH_NOISE);
        }
        self.resize();
    }

    pub fn correct(&mut self, measured: &Measured) {
        for (axis, value) in self.centre.iter_mut().zip(measured.centre) {
            axis.correct(value, CENTRE_NOISE * self.size);
        }
        for (axis, value) in self.log_size.iter_mut().zip(measured.log_size) {
            axis.correct(value, SIZE_NOISE);
        }
        self.resize();
    }

    fn resize(&mut self) {
        self.sides = self.log_size.map(|axis| axis.value.exp());
        self.size = (self.sides[0] * self.sides[1]).sqrt();
    }

    /// An object that is covered keeps its size: what is still seen of it shrinks, it does not.
    pub fn hold_size(&mut self) {
        for axis in &mut self.log_size {
            axis.rate = 0.0;
        }
    }

    /// Edges x1, y1, x2, y2.
    pub fn bbox(&self) -> [f32; 4] {
        let [x, y] = self.centre.map(|axis| axis.value);
        let [width, height] = self.sides;
        [
            x - width * 0.5,
            y - height * 0.5,
            x + width * 0.5,
            y + height * 0.5,
        ]
    }

    /// Standard deviation of the centre, of the box's size.
    pub fn doubt(&self) -> f32 {
        self.centre[0].variance.max(self.centre[1].variance).sqrt() / self.size
    }

    /// How well a box fits an object that went on as it was.
    pub fn fit(&self, measured: &Measured) -> Fit {
        let noise = CENTRE_NOISE * self.size;
        let [x, y] = [0, 1].map(|at| self.centre[at].distance(measured.centre[at], noise));
        let [width, height] = self.fit_size(measured);
        Fit::of([x, y, width, height], measured.area)
    }

    /// How well a box fits an object that changed its velocity at some time of the last `seconds`.
    pub fn fit_if_changed(&self, measured: &Measured, seconds: f32) -> Fit {
        let noise = CENTRE_NOISE * self.size;
        let acceleration = ACCELERATION * self.size;
        let [x, y] = [0, 1].map(|at| {
            self.centre[at].distance_if_changed(measured.centre[at], noise, seconds, acceleration)
        });
        let [width, height] = self.fit_size(measured);
        Fit::of([x, y, width, height], measured.area)
    }

    fn fit_size(&self, measured: &Measured) -> [(f32, f32); 2] {
        [0, 1].map(|at| self.log_size[at].distance(measured.log_size[at], SIZE_NOISE))
    }

    /// Whether all of it is still a number: only then can a box ever be matched.
    pub fn is_finite(&self) -> bool {
        self.size.is_finite() && self.bbox().iter().all(|edge| edge.is_finite())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_step_is_the_same_as_many_short_ones() {
        let near = |a: f32, b: f32| (a - b).abs() <= 0.01 * b.abs().max(1e-3);
        let begun = || {
            let mut motion = Motion::new(&Measured::of([100.0, 100.0, 140.0, 200.0]));
            motion.predict(&Step::new(0.1));
            motion.correct(&Measured::of([106.0, 98.0, 148.0, 204.0]));
            motion
        };
        for seconds in [0.5, 2.0, 8.0] {
            let (mut once, mut often) = (begun(), begun());
            once.predict(&Step::new(seconds));
            (0..60).for_each(|_| often.predict(&Step::new(seconds / 60.0)));
            let axes = |motion: Motion| motion.log_size.into_iter().chain(motion.centre);
            for (at, (a, b)) in axes(once).zip(axes(often)).enumerate() {
                assert!(
                    near(a.value, b.value) && near(a.rate, b.rate),
                    "{a:?} {b:?}"
                );
                // The noise of the centre grows with the size, which a long step takes at its end.
                if at < 2 {
                    assert!(near(a.variance, b.variance), "{a:?} {b:?}");
                    assert!(near(a.covariance, b.covariance), "{a:?} {b:?}");
                    assert!(near(a.rate_variance, b.rate_variance), "{a:?} {b:?}");
                }
            }
        }
    }
}
