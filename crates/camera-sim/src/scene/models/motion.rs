//! How models move.

/// How an object moves just now.
#[derive(Clone, Copy, Debug)]
pub(in crate::scene) struct Motion {
    /// Metres gone since the object's path began: drives wheels, pedals and legs.
    pub(in crate::scene) travelled: f32,
    /// Walking or riding, not standing.
    pub(in crate::scene) moving: bool,
    /// Seconds, for what moves in place.
    pub(in crate::scene) seconds: f32,
}
