use std::net::SocketAddr;

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From(pub SocketAddr);
