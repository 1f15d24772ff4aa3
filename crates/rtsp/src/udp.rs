use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use crate::rate::Rate;
use crate::{Limits, PACKET_COST_BYTES};

/// Pairs of ports that are tried.
const TRIES: usize = 50;
/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;

/// The two sockets of a stream over UDP.
#[derive(Debug)]
pub(crate) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The host of the RTSP connection.
    camera: IpAddr,
    /// Where `source` names another: datagrams of it are the camera's as well.
    source: Option<IpAddr>,
    server_port: Option<u16>,
    rate: Rate,
    buffer: Vec<u8>,
}

impl Udp {
    /// An even port and the next (RFC 3550, section 11), on the address that reaches the camera.
    pub async fn bind(local: IpAddr, camera: IpAddr, limits: Limits) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let rtp = UdpSocket::bind(SocketAddr::new(local, 0)).await?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 {
                continue;
            }
            match UdpSocket::bind(SocketAddr::new(local, port + 1)).await {
                Ok(rtcp) => {
                    return Ok(Self {
                        rtp,
                        rtcp,
                        camera,
                        source: None,
                        server_port: None,
                        rate: Rate::of(limits),
                        buffer: vec![0; DATAGRAM_BYTES],
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The port for RTP; the next is for RTCP.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.rtp.local_addr()?.port())
    }

    /// What the answer to SETUP says of the server's end: its port, and the address where it
    /// is not that of the RTSP connection (a recorder that passes a camera on).
    pub fn set_server(&mut self, port: Option<u16>, source: Option<IpAddr>) {
        self.server_port = port;
        self.source = source;
    }

    fn is_camera(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let same = |it: IpAddr| it.to_canonical() == address;
        same(self.camera) || self.source.is_some_and(same)
    }

    /// Counts what handling costs beyond the bytes that were read.
    pub fn charge(&mut self, bytes: u32) {
        self.rate.charge(bytes);
    }

    /// Tells the camera that somebody listens, and opens the way through firewalls.
    pub fn report(&self, packet: &[u8]) {
        let Some(port) = self.server_port else {
            return;
        };
        for address in [Some(self.camera), self.source].into_iter().flatten() {
            let rtcp = SocketAddr::new(address, port.saturating_add(1));
            let _ = self.rtcp.try_send_to(packet, rtcp);
            let _ = self.rtp.try_send_to(packet, SocketAddr::new(address, port));
        }
    }

    /// The next datagram of the camera's. Loses nothing where it is dropped before it is ready.
    pub async fn receive(&mut self) -> &[u8] {
        loop {
            if let Some(until) = self.rate.wait_until(Instant::now()) {
                sleep_until(until).await;
            }
            let socket = tokio::select! {
                biased;
                _ = self.rtcp.readable() => &self.rtcp,
                _ = self.rtp.readable() => &self.rtp,
            };
            match socket.try_recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    self.rate
                        .charge(PACKET_COST_BYTES + u32::try_from(length).unwrap_or(0));
                    if self.is_camera(from.ip()) {
                        return &self.buffer[..length];
                    }
                }
                // An ICMP message of an earlier report; the stall limit decides.
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    tokio::task::yield_now().await;
                }
                Err(_) => {}
            }
        }
    }
}
