//! `rules.yml`, and what happens at a camera by its rules.
//!
//! ```yaml
//! rules:
//!   - name: gate                # letters, digits, '_' and '-'; unique within a camera
//!     kind: crossing            # presence, occupancy, dwell, crowding, crossing, speed or heatmap
//!     cameras: [cam1, cam2]     # left out: all
//!     objects: [person, car]    # class names; left out: all
//!     line: [[0.1, 0.5], [0.9, 0.5]]
//!   - name: yard
//!     kind: dwell
//!     zone: [[0, 0.4], [1, 0.4], [1, 1], [0, 1]]
//!     after: 10                 # seconds
//! ```
//!
//! [`load`] reads it, [`Watch`] reads it again when it changes, and [`Engine`] says by it what happens
//! at one camera. Points are in parts of the frame, times are seconds of capture time.
//! `docs/events.md` defines each kind.

mod engine;
mod error;
pub mod geometry;
mod homography;
mod raw;
mod read;
mod rule;
mod syntax;
mod watch;

pub use engine::{Engine, Heatmap, NewEventId, TOO_MANY_TRACKS};
pub use error::RulesError;
pub use homography::{Ground, Homography};
pub use read::{load, parse};
pub use rule::{Anchor, Directions, Hold, Kind, Rule, Rules};
pub use watch::Watch;

/// Bytes that a `rules.yml` may have.
pub const FILE_BYTES: u64 = 1 << 20;
/// Rules that a file may have.
pub const MAX_RULES: usize = 1024;
/// Points that a zone or a line may have.
pub const MAX_POINTS: usize = 64;
