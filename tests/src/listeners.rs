//! What processes listen on.

use std::collections::HashSet;
use std::net::SocketAddr;

use procfs::net::{TcpState, tcp, tcp6, udp, udp6};
use procfs::process::{FDTarget, Process};

/// The addresses beyond loopback on which these processes take connections or datagrams, as
/// `tcp 0.0.0.0:8080`.
#[must_use]
pub fn listeners_beyond_loopback(processes: &[u32]) -> Vec<String> {
    let sockets: HashSet<u64> = processes
        .iter()
        .filter_map(|process| Process::new(process.cast_signed()).ok()?.fd().ok())
        .flatten()
        .filter_map(|descriptor| match descriptor.ok()?.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let tcp = [tcp(), tcp6()].into_iter().flatten().flatten();
    let tcp = tcp.filter(|it| it.state == TcpState::Listen);
    let tcp = tcp.map(|it| ("tcp", it.local_address, it.inode));
    let udp = [udp(), udp6()].into_iter().flatten().flatten();
    let udp = udp.map(|it| ("udp", it.local_address, it.inode));
    tcp.chain(udp)
        .filter(|(_, address, inode)| !is_loopback(address) && sockets.contains(inode))
        .map(|(protocol, address, _)| format!("{protocol} {address}"))
        .collect()
}

/// 127.x.y.z, alone or within IPv6, or ::1.
fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn only_what_others_can_reach_is_found() {
        let own = [std::process::id()];
        let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
        let inside_udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        assert_eq!(listeners_beyond_loopback(&own), Vec::<String>::new());
        drop((inside, inside_udp));
        let tcp = TcpListener::bind("0.0.0.0:0").expect("a port");
        let udp = UdpSocket::bind("0.0.0.0:0").expect("a port");
        assert_eq!(listeners_beyond_loopback(&own).len(), 2);
        drop((tcp, udp));
    }
}
