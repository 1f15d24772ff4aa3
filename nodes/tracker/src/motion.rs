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
/// A covered object goes on for about so many seconds: it may be standing behind the other.
const COVERED_SECONDS: f32 = 2.0;

/// One coordinate and its rate, with their covariance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub value: f32,
    rate: f32,
    pub variance: f32,
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

    /// Moves on by `seconds`; the rate fades with the time constant `fading`, if there is one.
    fn predict(&mut self, seconds: f32, noise: f32, fading: Option<f32>) {
        let (left, reach) = match fading {
            Some(fading) => {
                let left = (-seconds / fading).exp();
                (left, fading * (1.0 - left))
            }
            None => (1.0, seconds),
        };
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
        let total = self.variance + noise;
        let difference = measured - self.value;
        let (gain, rate_gain) = (self.variance / total, self.covariance / total);
        self.value += gain * difference;
        self.rate += rate_gain * difference;
        self.rate_variance -= rate_gain * self.covariance;
        self.covariance *= noise / total;
        self.variance *= noise / total;
    }

    /// Squared difference over its variance, and that variance.
    fn distance(&self, measured: f32, deviation: f32) -> (f32, f32) {
        let variance = self.variance + deviation * deviation;
        let difference = measured - self.value;
        (difference * difference / variance, variance)
    }
}

/// A detector's box, as the filter measures it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    centre: [f32; 2],
    log_size: [f32; 2],
}

impl Measured {
    /// Of a box with area.
    pub fn of([x1, y1, x2, y2]: [f32; 4]) -> Self {
        Self {
            centre: [(x1 + x2) * 0.5, (y1 + y2) * 0.5],
            log_size: [(x2 - x1).ln(), (y2 - y1).ln()],
        }
    }

    /// The side of a square as large as the box.
    fn size(&self) -> f32 {
        ((self.log_size[0] + self.log_size[1]) * 0.5).exp()
    }
}

/// Where an object is, and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Motion {
    centre: [Axis; 2],
    log_size: [Axis; 2],
    /// The side of a square as large as the box, pixels.
    size: f32,
}

/// How well a box fits a prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fit {
    /// Squared Mahalanobis distance over the four coordinates.
    pub distance: f32,
    /// Logarithm of the prediction's density at the box, relative to one object per area of the
    /// box and per unit of logarithmic width and height.
    pub log_density: f32,
}

impl Motion {
    pub fn new(measured: &Measured) -> Self {
        let size = measured.size();
        let centre = |value| Axis::new(value, CENTRE_NOISE * size, FIRST_VELOCITY * size);
        let log_size = |value| Axis::new(value, SIZE_NOISE, FIRST_GROWTH);
        Self {
            centre: measured.centre.map(centre),
            log_size: measured.log_size.map(log_size),
            size,
        }
    }

    /// Moves on by `seconds`.
    pub fn predict(&mut self, seconds: f32, is_covered: bool) {
        let fading = is_covered.then_some(COVERED_SECONDS);
        for axis in &mut self.centre {
            axis.predict(seconds, VELOCITY_NOISE * self.size, fading);
        }
        for axis in &mut self.log_size {
            axis.predict(seconds, GROWTH_NOISE, Some(GROWTH_SECONDS));
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
        let mean = (self.log_size[0].value + self.log_size[1].value) * 0.5;
        self.size = mean.exp();
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
        let [width, height] = self.log_size.map(|axis| axis.value.exp());
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

    /// The least and the greatest x of box centres that are no farther than this squared distance.
    pub fn within(&self, distance: f32) -> [f32; 2] {
        let noise = CENTRE_NOISE * self.size;
        let reach = (distance * (self.centre[0].variance + noise * noise)).sqrt();
        [self.centre[0].value - reach, self.centre[0].value + reach]
    }

    pub fn fit(&self, measured: &Measured) -> Fit {
        let mut fit = Fit {
            distance: 0.0,
            log_density: 0.0,
        };
        let area = self.size * self.size;
        for (axis, value) in self.centre.iter().zip(measured.centre) {
            let (distance, variance) = axis.distance(value, CENTRE_NOISE * self.size);
            fit.distance += distance;
            fit.log_density -= (variance / area).ln() * 0.5;
        }
        for (axis, value) in self.log_size.iter().zip(measured.log_size) {
            let (distance, variance) = axis.distance(value, SIZE_NOISE);
            fit.distance += distance;
            fit.log_density -= variance.ln() * 0.5;
        }
        // Four dimensions of a normal distribution.
        fit.log_density -= 0.5 * fit.distance + 2.0 * std::f32::consts::TAU.ln();
        fit
    }

    /// Whether all of it is still a number: only then can a box ever be matched.
    pub fn is_finite(&self) -> bool {
        self.size.is_finite() && self.bbox().iter().all(|edge| edge.is_finite())
    }
}
