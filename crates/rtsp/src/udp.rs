use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use crate::PACKET_COST_BYTES;
use crate::rate::Rate;

/// Pairs of ports that are tried.
const TRIES: usize = 50;
/// The largest datagram.
const DATAGRAM_BYTES: usize = 65_536;

/// The two sockets of a stream over UDP.
#[derive(Debug)]
pub(crate) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    camera: IpAddr,
    server_port: Option<u16>,
    rate: Rate,
    buffer: Vec<u8>,
}

impl Udp {
    /// An even port and the next (RFC 3550, section 11), on the address that reaches the camera.
    pub async fn bind(local: IpAddr, camera: IpAddr, bytes_per_second: u32) -> io::Result<Self> {
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
                        server_port: None,
                        rate: Rate::new(bytes_per_second),
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

    pub fn set_server_port(&mut self, port: Option<u16>) {
        self.server_port = port;
    }

    /// Counts what handling costs beyond the bytes that were read.
    pub fn charge(&mut self, bytes: u32) {
        self.rate.charge(bytes);
    }

    /// Tells the camera that somebody listens, and opens the way through firewalls.
    pub fn report(&self, packet: &[u8]) {
        if let Some(port) = self.server_port {
            let _ = self
                .rtcp
                .try_send_to(packet, SocketAddr::new(self.camera, port.saturating_add(1)));
            let _ = self
                .rtp
                .try_send_to(packet, SocketAddr::new(self.camera, port));
        }
    }

    /// The next datagram of the camera's. Loses nothing where it is dropped before it is ready.
    pub async fn receive(&mut self) -> &[u8] {
        loop {
            if let Some(until) = self.rate.wait_until() {
                sleep_until(until.max(Instant::now())).await;
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
                    if from.ip().to_canonical() == self.camera.to_canonical() {
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
