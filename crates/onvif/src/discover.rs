//! Sends probes, and collects who answers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::announced::Announced;
use crate::probe::{GROUP, KINDS, PORT, probe};

/// Devices that are kept: as many as a `cameras.yml` takes.
const DEVICES: usize = 1024;
/// Of these, with one address: a simulation, or a recorder that answers for what is behind it.
const OF_ONE_ADDRESS: usize = 128;
/// Further addresses of a device that are kept.
const ALSO: usize = 8;
/// Answers that are read. Each costs the parsing of 64 KiB at most.
const ANSWERS: usize = 16 * 1024;
/// Probes may be lost: they are sent again after so long.
const AGAIN_AFTER: Duration = Duration::from_millis(400);
/// Times that they are sent.
const TIMES: usize = 3;
/// Answers that wait to be read; further ones wait in the sockets' buffers.
const WAITING: usize = 16;
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Where a probe goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To all devices on the network of the interface with this address.
    Multicast(Ipv4Addr),
    /// To one host.
    Unicast(SocketAddr),
}

/// Who has answered.
#[derive(Debug)]
pub struct Discovered {
    /// Each endpoint once, by address.
    pub devices: Vec<Announced>,
    /// Where no probe could be sent, and why.
    pub failures: Vec<(Route, io::Error)>,
}

/// Sends probes on all routes, and listens for so long. `heard` sees each device when it answers.
pub async fn discover(
    routes: &[Route],
    listen: Duration,
    mut heard: impl FnMut(&Announced),
) -> Discovered {
    let end = Instant::now() + listen;
    let (sender, mut answers) = mpsc::channel(WAITING);
    let mut tasks = JoinSet::new();
    let mut failures = Vec::new();
    for route in routes {
        match open(*route).await {
            Ok((socket, destination)) => {
                let socket = Arc::new(socket);
                tasks.spawn(send_again(Arc::clone(&socket), destination));
                tasks.spawn(receive(socket, sender.clone()));
            }
            Err(error) => failures.push((*route, error)),
        }
    }
    // Without it the channel closes with the last socket.
    drop(sender);
    let mut devices = Vec::new();
    for _ in 0..ANSWERS {
        let answer: Option<(IpAddr, Vec<u8>)> = tokio::select! {
            answer = answers.recv() => answer,
            () = sleep_until(end) => None,
        };
        let Some((from, datagram)) = answer else {
            break;
        };
        for device in Announced::read(&datagram, from) {
            if let Some(new) = keep(&mut devices, device) {
                heard(new);
            }
        }
    }
    devices.sort_by_key(|it| it.address);
    Discovered { devices, failures }
}

/// A socket for a route, after the first probe has gone out.
async fn open(route: Route) -> io::Result<(UdpSocket, SocketAddr)> {
    let (local, destination) = match route {
        Route::Multicast(address) => (
            SocketAddr::from((address, 0)),
            SocketAddr::from((GROUP, PORT)),
        ),
        Route::Unicast(address) if address.is_ipv4() => {
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), address)
        }
        Route::Unicast(address) => (SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), address),
    };
    let socket = UdpSocket::bind(local).await?;
    if let Route::Multicast(address) = route {
        SockRef::from(&socket).set_multicast_if_v4(&address)?;
    }
    send(&socket, destination).await?;
    Ok((socket, destination))
}

async fn send(socket: &UdpSocket, destination: SocketAddr) -> io::Result<()> {
    for kind in KINDS {
        socket.send_to(probe(kind).as_bytes(), destination).await?;
    }
    Ok(())
}

async fn send_again(socket: Arc<UdpSocket>, destination: SocketAddr) {
    for _ in 1..TIMES {
        sleep(AGAIN_AFTER).await;
        // The first one has shown that there is a way.
        let _ = send(&socket, destination).await;
    }
}

async fn receive(socket: Arc<UdpSocket>, answers: mpsc::Sender<(IpAddr, Vec<u8>)>) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        // An error is the answer of a host that nothing listens there; others may still come.
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await
            && answers
                .send((from.ip(), buffer[..length].to_vec()))
                .await
                .is_err()
        {
            return;
        }
    }
}

/// Adds a device that is not there yet, and returns it.
fn keep(devices: &mut Vec<Announced>, device: Announced) -> Option<&Announced> {
    let is_same = |it: &&mut Announced| match it.endpoint.is_empty() {
        true => it.address == device.address && it.service == device.service,
        false => it.endpoint == device.endpoint,
    };
    if let Some(known) = devices.iter_mut().find(is_same) {
        let is_new = known.address != device.address && !known.also.contains(&device.address);
        if is_new && known.also.len() < ALSO {
            known.also.push(device.address);
        }
        return None;
    }
    let of_it = devices.iter().filter(|it| it.address == device.address);
    if devices.len() >= DEVICES || of_it.count() >= OF_ONE_ADDRESS {
        return None;
    }
    devices.push(device);
    devices.last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    fn device(endpoint: &str, address: [u8; 4]) -> Announced {
        Announced {
            endpoint: endpoint.to_owned(),
            ..Announced::unheard(address.into(), Service::device(80))
        }
    }

    #[test]
    fn an_endpoint_is_kept_once_with_all_its_addresses() {
        let mut devices = Vec::new();
        let (one, two) = ([192, 0, 2, 1], [192, 0, 2, 2]);
        assert!(keep(&mut devices, device("urn:uuid:1", one)).is_some());
        for address in [one, two, two, one] {
            assert!(keep(&mut devices, device("urn:uuid:1", address)).is_none());
        }
        assert_eq!(devices[0].also, [IpAddr::from(two)]);
        assert!(keep(&mut devices, device("urn:uuid:2", one)).is_some());
        // Without an identity, the address is one.
        assert!(keep(&mut devices, device("", two)).is_some());
        assert!(keep(&mut devices, device("", two)).is_none());
        assert!(keep(&mut devices, device("", one)).is_some());
        assert_eq!(devices.len(), 4);
    }

    #[test]
    fn one_host_cannot_take_all_places() {
        let mut devices = Vec::new();
        for number in 0..2000 {
            keep(&mut devices, device(&number.to_string(), [192, 0, 2, 1]));
        }
        assert_eq!(devices.len(), OF_ONE_ADDRESS);
        for number in 2000..5000_u32 {
            let [.., c, d] = number.to_be_bytes();
            keep(&mut devices, device(&number.to_string(), [10, 0, c, d]));
        }
        assert_eq!(devices.len(), DEVICES);
    }
}
