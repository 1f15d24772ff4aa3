//! The words of events.

/// Gives an enum its names in messages, and reads them.
macro_rules! named {
    ($type:ident, $expected:literal, $($variant:ident = $name:literal),+) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in messages.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or($expected)
            }
        }
    };
}

/// Where in its life an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventPhase {
    /// It has begun.
    New,
    /// It goes on, and something about it has changed.
    Update,
    /// It is over: no row of it follows. An event of a moment has this row only.
    End,
}

named!(
    EventPhase,
    "one of 'new', 'update', 'end'",
    New = "new",
    Update = "update",
    End = "end"
);

/// What an event is of, and with it what [`Event::value`](crate::Event::value) says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// An object is in a zone; the value is for how long so far, seconds.
    Presence,
    /// How many objects are in a zone has changed; the value is how many, and the event lasts while some are.
    Occupancy,
    /// An object has been in a zone for as long as the rule says; the value is for how long, seconds.
    Dwell,
    /// At least as many objects as the rule says are in a zone; the value is the most there were.
    Crowding,
    /// An object has crossed a line; of a moment, and the value is 1.
    Crossing,
    /// An object has gone through a zone of known size; the value is its speed, km/h.
    Speed,
}

named!(
    EventKind,
    "one of 'presence', 'occupancy', 'dwell', 'crowding', 'crossing', 'speed'",
    Presence = "presence",
    Occupancy = "occupancy",
    Dwell = "dwell",
    Crowding = "crowding",
    Crossing = "crossing",
    Speed = "speed"
);

/// Which way an object has crossed a line, as seen from its first point to its second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the left to the right.
    In,
    /// From the right to the left.
    Out,
}

named!(Direction, "one of 'in', 'out'", In = "in", Out = "out");
