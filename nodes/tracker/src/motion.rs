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
const GROWTH_SECONDS: f32 = 0.3;
/// How much an object that changes its velocity accelerates: standard deviation, sizes per second squared.
const ACCELERATION: f32 = 0.5;

/// What a step in time does to a rate that fades.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fading {
    /// The share of the rate that is left after it.
    left: f32,
    /// For how many seconds the rate has worked.
    reach: f32,
}

impl Fading {
    /// With a time constant.
    fn over(seconds: f32, constant: f32) -> Self {
        let left = (-seconds / constant).exp();
        Self {
            left,
            reach: constant * (1.0 - left),
        }
    }
}

/// A step in time, the same for all objects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub seconds: f32,
    growth: Fading,
}

impl Step {
    pub fn new(seconds: f32) -> Self {
        Self {
            seconds,
            growth: Fading::over(seconds, GROWTH_SECONDS),
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

    /// Moves on by `seconds`.
    fn predict(&mut self, seconds: f32, noise: f32, Fading { left, reach }: Fading) {
        let density = noise * noise;
        self.value += self.rate * reach;
        self.rate *= left;
        self.variance += reach * (2.0 * self.covariance + reach * self.rate_variance)
            + density * seconds * seconds * seconds / 3.0;
        self.covariance = left * (self.covariance + reach * self.rate_variance)
            + density * seconds * seconds / 2.0;
        self.rate_variance = left * left * self.rate_variance + density * seconds;
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
            centre: [(x1 + x2) * 0.5, (y1 + y2) * 0.5],
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
        let steady = Fading {
            left: 1.0,
            reach: step.seconds,
        };
        for axis in &mut self.centre {
            axis.predict(step.seconds, VELOCITY_NOISE * self.size, steady);
        }
        for axis in &mut self.log_size {
            axis.predict(step.seconds, GROWTH_NOISE, step.growth);
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
