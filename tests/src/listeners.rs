//! What processes listen on.

use std::collections::HashSet;
use std::fs;

/// The addresses beyond loopback on which these processes take connections or datagrams, as
/// `tcp 00000000:1F90` (as in `/proc/net`, in the byte order of the machine).
#[must_use]
pub fn listeners_beyond_loopback(processes: &[u32]) -> Vec<String> {
    let sockets: HashSet<String> = processes
        .iter()
        .filter_map(|process| fs::read_dir(format!("/proc/{process}/fd")).ok())
        .flatten()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect();
    ["tcp", "tcp6", "udp", "udp6"]
        .into_iter()
        .flat_map(|protocol| {
            let table = fs::read_to_string(format!("/proc/net/{protocol}")).unwrap_or_default();
            let rows = table.lines().skip(1);
            rows.filter_map(|row| outside(protocol, row, &sockets))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn outside(protocol: &str, row: &str, sockets: &HashSet<String>) -> Option<String> {
    const LISTENING: &str = "0A";
    let columns: Vec<&str> = row.split_whitespace().collect();
    let (local, state, inode) = (*columns.get(1)?, *columns.get(3)?, *columns.get(9)?);
    let takes_any = protocol.starts_with("udp") || state == LISTENING;
    let (address, _) = local.split_once(':')?;
    // 127.x.y.z, alone or within IPv6, or ::1.
    let is_loopback = address.ends_with("7F") || address.ends_with("01000000");
    (takes_any && !is_loopback && sockets.contains(inode)).then(|| format!("{protocol} {local}"))
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
