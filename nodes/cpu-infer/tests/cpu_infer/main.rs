//! The detector and its stage on small networks in real files and real pools.

mod detector;
mod kinds;
mod shipped;
mod stage;
mod support;
mod trial;
