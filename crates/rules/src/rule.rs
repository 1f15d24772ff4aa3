//! What a file says, checked.

use std::collections::BTreeMap;

use crate::geometry::Point;
use crate::homography::Ground;

/// The rules of a file, in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// Those that hold for a camera.
    pub fn of<'a>(&'a self, camera: &'a str) -> impl Iterator<Item = &'a Rule> {
        self.0.iter().filter(move |rule| rule.holds_for(camera))
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Unique within each of its cameras.
    pub name: String,
    /// The cameras that it holds for; empty: all.
    pub cameras: Vec<String>,
    /// The classes that it counts; empty: all.
    pub objects: Vec<String>,
    /// An object counts once one of its boxes has had this score.
    pub min_score: f32,
    /// Which point of a box is where its object is.
    pub anchor: Anchor,
    /// What it is about.
    pub kind: Kind,
}

impl Rule {
    /// Whether it holds for a camera.
    #[must_use]
    pub fn holds_for(&self, camera: &str) -> bool {
        self.cameras.is_empty() || self.cameras.iter().any(|it| it == camera)
    }

    /// The name of its kind in the file, and of its events.
    #[must_use]
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Presence { .. } => "presence",
            Kind::Occupancy { .. } => "occupancy",
            Kind::Dwell { .. } => "dwell",
            Kind::Crowding { .. } => "crowding",
            Kind::Crossing { .. } => "crossing",
            Kind::Speed { .. } => "speed",
            Kind::Heatmap { .. } => "heatmap",
        }
    }

    /// Its zone or its line, in parts of the frame; none of a heatmap.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        match &self.kind {
            Kind::Presence { zone, .. }
            | Kind::Occupancy { zone, .. }
            | Kind::Dwell { zone, .. }
            | Kind::Crowding { zone, .. } => zone,
            Kind::Crossing { line, .. } => line,
            Kind::Speed { ground, .. } => ground.corners(),
            Kind::Heatmap { .. } => &[],
        }
    }
}

/// A point of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anchor {
    /// The middle of the lower edge: where an upright object touches the ground.
    #[default]
    Bottom,
    /// The middle of the box.
    Centre,
    /// The middle of the upper edge.
    Top,
    /// The middle of the left edge.
    Left,
    /// The middle of the right edge.
    Right,
}

impl Anchor {
    /// All of them, by their names in the file.
    pub const ALL: [(&'static str, Self); 5] = [
        ("bottom", Self::Bottom),
        ("centre", Self::Centre),
        ("top", Self::Top),
        ("left", Self::Left),
        ("right", Self::Right),
    ];

    /// The point of a box `[x1, y1, x2, y2]`.
    #[must_use]
    pub fn of(self, [x1, y1, x2, y2]: [f64; 4]) -> Point {
        let (x, y) = ((x1 + x2) / 2.0, (y1 + y2) / 2.0);
        match self {
            Self::Bottom => [x, y2],
            Self::Centre => [x, y],
            Self::Top => [x, y1],
            Self::Left => [x1, y],
            Self::Right => [x2, y],
        }
    }
}

/// Which directions of a crossing make an event; both are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Directions {
    /// In and out.
    #[default]
    Both,
    /// From the left of the line to its right.
    In,
    /// From the right of the line to its left.
    Out,
}

impl Directions {
    /// All of them, by their names in the file.
    pub const ALL: [(&'static str, Self); 3] =
        [("both", Self::Both), ("in", Self::In), ("out", Self::Out)];
}

/// How long an object must be inside a zone to have come, and outside to have left, nanoseconds of
/// capture time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Inside.
    pub enter: i64,
    /// Outside, or unseen.
    pub leave: i64,
}

/// What a rule is about. Points are in parts of the frame; times are nanoseconds of capture time.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Each object in a zone.
    Presence {
        /// A polygon.
        zone: Vec<Point>,
        /// When objects come and leave.
        hold: Hold,
    },
    /// How many objects are in a zone.
    Occupancy {
        /// A polygon.
        zone: Vec<Point>,
        /// When objects come and leave.
        hold: Hold,
    },
    /// Each object that stays in a zone.
    Dwell {
        /// A polygon.
        zone: Vec<Point>,
        /// When objects come and leave.
        hold: Hold,
        /// For how long; `None`: only the classes of `after_of`.
        after: Option<i64>,
        /// The same for some classes.
        after_of: BTreeMap<String, i64>,
    },
    /// Many objects in a zone.
    Crowding {
        /// A polygon.
        zone: Vec<Point>,
        /// When objects come and leave.
        hold: Hold,
        /// How many are many.
        at_least: usize,
    },
    /// Objects that cross a line.
    Crossing {
        /// Two or more points.
        line: Vec<Point>,
        /// How far from the line an object is clearly on one side, in heights of the frame.
        band: f64,
        /// Which crossings make an event.
        direction: Directions,
    },
    /// How fast objects go through a zone.
    Speed {
        /// Four points, and how far apart they are.
        ground: Ground,
        /// When objects come and leave.
        hold: Hold,
        /// Only those that are faster, km/h.
        over: Option<f64>,
    },
    /// Where objects have been: no events.
    Heatmap {
        /// Cells side by side.
        columns: usize,
        /// Cells one above the other.
        rows: usize,
    },
}
