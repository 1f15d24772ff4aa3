//! The network's ends on this machine.

use std::io;
use std::net::Ipv4Addr;

use if_addrs::{IfAddr, get_if_addrs};

/// An address of an interface that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Such as `eth0`.
    pub name: String,
    /// One of its IPv4 addresses.
    pub address: Ipv4Addr,
}

/// All IPv4 addresses of interfaces that are up, loopback's last.
///
/// # Errors
/// The system does not list them.
pub fn interfaces() -> io::Result<Vec<Interface>> {
    let mut all: Vec<Interface> = get_if_addrs()?
        .into_iter()
        .filter(if_addrs::Interface::is_oper_up)
        .filter_map(|it| match it.addr {
            IfAddr::V4(address) => Some(Interface {
                name: it.name,
                address: address.ip,
            }),
            IfAddr::V6(_) => None,
        })
        .collect();
    all.sort_by_key(|it| (it.address.is_loopback(), it.address));
    Ok(all)
}
