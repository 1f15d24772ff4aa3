//! A page with every camera's own video, its detections in step, and the graph as it runs.
//!
//! The stage's thread is the hub: it brings access units and detections of the same frame together
//! and gives them to the viewers, each of which has a bounded queue. The server runs beside it, on
//! threads of its own, and never keeps the hub waiting.
//!
//! `README.md` is the node's documentation.

mod clips;
mod drops;
mod events;
mod facts;
mod hub;
mod images;
mod server;
mod settings;
mod stage;
mod state;
mod thumbnail;
mod viewers;
mod wire;

pub use settings::{DashboardSettings, Tls};
pub use stage::Dashboard;
