//! Finds ONVIF devices on the local network, and asks them for their streams.
//!
//! - [`discover`] sends the probes of WS-Discovery, and collects who answers.
//! - [`ask`] asks one device for its video sources, profiles and the URLs of their streams.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use camweave_onvif::{Limits, Route, ask, discover, interfaces};
//! # async fn example() -> std::io::Result<()> {
//! let routes: Vec<Route> = interfaces()?.iter().map(|it| Route::Multicast(it.address)).collect();
//! let found = discover(&routes, Duration::from_secs(3), |device| { /* show it */ }).await;
//! for announced in &found.devices {
//!     match ask(announced, None, &Limits::default()).await {
//!         Ok(device) => { /* device.sources */ }
//!         Err(error) => { /* error, error.advice() */ }
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Anybody on the network may answer. So what a device may cost is bounded in bytes, elements and
//! time ([`Limits`]); no document type is taken, and with it no entity; a device is called at the
//! address from which it answered and nowhere else, whatever addresses it names; and the password
//! itself is never sent, but digests of it to devices that ask for a login. The URL of a stream may name another host: [`StreamUrl`]
//! says so.
//!
//! The formats are those of the ONVIF Core Specification (WS-Discovery of 2005, WS-UsernameToken) and of
//! its media services 1 and 2. Elements are found by their local names: devices use prefixes of their
//! own, and namespaces of drafts.

mod announced;
mod call;
mod clock;
mod device;
mod discover;
mod envelope;
mod error;
mod fault;
mod http;
mod interfaces;
mod limits;
mod media;
mod probe;
mod profiles;
mod service;
mod stream_url;
mod tls;
mod token;
mod xml;

pub use announced::Announced;
pub use device::{Device, Source, Stream, ask};
pub use discover::{Discovered, Route, discover};
pub use error::AskError;
pub use interfaces::{Interface, interfaces};
pub use limits::{Limits, STREAMS_AT_MOST};
pub use probe::PORT;
pub use service::Service;
pub use stream_url::{StreamRemark, StreamUrl};
pub use token::Login;
