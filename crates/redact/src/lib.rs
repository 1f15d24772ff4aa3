//! What may be printed, and how: the one place for it.
//!
//! Whatever comes from outside (cameras, media files, models, messages, configuration files) is
//! printed by one of four rules:
//!
//! - a password, user or token is a [`Secret`] from the moment it is read: no formatting shows it;
//! - a URL is printed by [`display_url`], and kept as a [`SecretUrl`] where it may hold one: where it points, without what may open it;
//! - what a peer that was given credentials says goes through [`KnownSecrets::hide`], as it may
//!   quote them;
//! - any other text goes through [`printable`]: no control or direction characters, of bounded
//!   length.
//!
//! The log applies these rules once more to each whole line ([`log_line`]), so that a call that was
//! forgotten, or a library's own line, shows nothing either.

mod known;
mod log;
mod secret;
mod shown_url;
mod text;

pub use known::KnownSecrets;
pub use log::{Remembered, log_line, remember, remember_of, remember_while, safe_line};
pub use secret::Secret;
pub use shown_url::{SecretUrl, display_url};
pub use text::{LINE_BYTES, SHOWN_BYTES, printable, printable_up_to};
