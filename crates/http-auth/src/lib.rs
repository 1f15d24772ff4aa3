//! Basic and digest authentication (RFC 7617, RFC 2617, RFC 7616) for peers that speak RTSP or HTTP.
//!
//! An [`Authorizer`] answers the challenges of one session. The schemes that a peer refused are in
//! [`TriedSchemes`], which its sessions share.

mod authorizer;
mod challenge;
mod credentials;

pub use authorizer::{AuthError, Authorizer, TriedSchemes};
pub use credentials::Credentials;
