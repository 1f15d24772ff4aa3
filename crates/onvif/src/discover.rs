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
use crate::probe::{GROUP, KINDS, PORT, Probes};

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
/// What has come by the end is read for so long.
const READ_AFTER: Duration = Duration::from_secs(1);
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Where a probe goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// To all devices on the network of the interface with this address.
    Multicast(Ipv4Addr),
    /// To one host.
    Unicast(SocketAddr),
}

impl Route {
    /// The one host whose answers are taken, from whichever port.
    fn answers_from(self) -> Option<IpAddr> {
        match self {
            Self::Multicast(_) => None,
            Self::Unicast(address) => Some(address.ip()),
        }
    }
}

/// Who has answered.
#[derive(Debug)]
pub struct Discovered {
    /// Each device once, by address.
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
    let probes = Probes::new();
    let (sender, mut answers) = mpsc::channel(WAITING);
    let mut tasks = JoinSet::new();
    let mut failures = Vec::new();
    for route in routes {
        match open(*route, probes).await {
            Ok((socket, destination)) => {
                let socket = Arc::new(socket);
                tasks.spawn(send_again(Arc::clone(&socket), destination, probes));
                tasks.spawn(receive(socket, route.answers_from(), sender.clone()));
            }
            Err(error) => failures.push((*route, error)),
        }
    }
    // Without it the channel closes with the last socket.
    drop(sender);
    let mut devices = Vec::new();
    for _ in 0..ANSWERS {
        // What has come in time is read, however long others took to be.
        let answer: Option<(IpAddr, Vec<u8>)> = tokio::select! {
            biased;
            answer = answers.recv(), if Instant::now() < end + READ_AFTER => answer,
            () = sleep_until(end) => None,
        };
        let Some((from, datagram)) = answer else {
            break;
        };
        for device in Announced::read(&datagram, from, &probes) {
            if let Some(new) = keep(&mut devices, device) {
                heard(new);
            }
        }
    }
    devices.sort_by_key(|it| it.address);
    Discovered { devices, failures }
}

/// A socket for a route, after the first probe has gone out.
async fn open(route: Route, probes: Probes) -> io::Result<(UdpSocket, SocketAddr)> {
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
    send(&socket, destination, probes).await?;
    Ok((socket, destination))
}

async fn send(socket: &UdpSocket, destination: SocketAddr, probes: Probes) -> io::Result<()> {
    for kind in KINDS {
        let probe = probes.probe(kind);
        socket.send_to(probe.as_bytes(), destination).await?;
    }
    Ok(())
}

async fn send_again(socket: Arc<UdpSocket>, destination: SocketAddr, probes: Probes) {
    for _ in 1..TIMES {
        sleep(AGAIN_AFTER).await;
        // The first one has shown that there is a way.
        let _ = send(&socket, destination, probes).await;
    }
}

async fn receive(
    socket: Arc<UdpSocket>,
    only: Option<IpAddr>,
    answers: mpsc::Sender<(IpAddr, Vec<u8>)>,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        // An error is the answer of a host that nothing listens there; others may still come.
        if let Ok((length, from)) = socket.recv_from(&mut buffer).await
            && only.is_none_or(|it| it == from.ip())
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
        // Cheap cameras share one, and anybody can claim it: each must name the other's address.
        false => {
            let is_one = it.names(device.address) && device.names(it.address);
            it.endpoint == device.endpoint && (it.address == device.address || is_one)
        }
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
        let both = |address| Announced {
            named: "http://192.0.2.1/x https://192.0.2.2/x".to_owned(),
            ..device("urn:uuid:1", address)
        };
        assert!(keep(&mut devices, both(one)).is_some());
        for address in [one, two, two, one] {
            assert!(keep(&mut devices, both(address)).is_none());
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
    fn an_endpoint_that_others_claim_hides_no_device() {
        let naming = |address, named: &str| Announced {
            named: named.to_owned(),
            ..device("urn:uuid:1", address)
        };
        let (gate, other) = ([192, 0, 2, 1], [192, 0, 2, 9]);
        let gate = || naming(gate, "http://192.0.2.1/x");
        for named in [
            "http://192.0.2.9/x",
            "http://192.0.2.1/x http://192.0.2.9/x",
        ] {
            let mut devices = Vec::new();
            assert!(keep(&mut devices, naming(other, named)).is_some());
            assert!(keep(&mut devices, gate()).is_some(), "{named}");
            assert!(keep(&mut devices, gate()).is_none());
        }
    }

    #[tokio::test]
    async fn one_host_is_asked_and_no_other_heard() {
        let host = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port");
        let routes = [Route::Unicast(host.local_addr().expect("bound"))];
        let stranger = UdpSocket::bind("127.0.0.2:0").await.expect("a port");
        let answering = async {
            let mut buffer = vec![0; DATAGRAM_BYTES];
            let (length, asker) = host.recv_from(&mut buffer).await.expect("a probe");
            let probe = String::from_utf8_lossy(&buffer[..length]);
            let (_, id) = probe.split_once("<a:MessageID>").expect("an id");
            let (id, _) = id.split_once('<').expect("an end");
            let answer = |endpoint: &str, id: &str| {
                format!(
                    "<Envelope><Header><RelatesTo>{id}</RelatesTo></Header><Body><ProbeMatches>\
                     <ProbeMatch><EndpointReference><Address>{endpoint}</Address>\
                     </EndpointReference></ProbeMatch></ProbeMatches></Body></Envelope>"
                )
            };
            let other = "uuid:00000000-0000-4000-8000-000000000000";
            for (socket, endpoint, id) in [
                (&stranger, "stranger", id),
                (&host, "other", other),
                (&host, "own", id),
            ] {
                let answer = answer(endpoint, id);
                let sent = socket.send_to(answer.as_bytes(), asker).await;
                sent.expect("sent");
            }
        };
        let listen = Duration::from_secs(2);
        let (found, ()) = tokio::join!(discover(&routes, listen, |_| {}), answering);
        let endpoints: Vec<_> = found.devices.iter().map(|it| &*it.endpoint).collect();
        assert_eq!(endpoints, ["own"]);
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
