//! Where a stream's packets go: into the RTSP connection, or to UDP ports.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::UdpSocket;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Mutex;

/// The writing half of a connection, shared by responses and streams. Whoever holds the lock
/// writes whole messages.
pub type SharedWriter = Arc<Mutex<OwnedWriteHalf>>;

/// Packets are sent to UDP in bursts of this many, one burst per [`BURST_PERIOD`]: about the
/// 100 Mbit/s of a camera's network port, so that a keyframe fits a client's socket buffer.
const BURST_PACKETS: usize = 16;
const BURST_PERIOD: Duration = Duration::from_millis(2);

/// Ports tried for a pair of UDP sockets.
const PORT_ATTEMPTS: u32 = 64;

/// A destination of RTP and RTCP.
#[derive(Debug)]
pub enum Sink {
    /// Framed in the RTSP connection (RFC 2326, 10.12), on a channel each.
    Interleaved {
        /// The connection.
        writer: SharedWriter,
        /// Channel of RTP packets.
        rtp: u8,
        /// Channel of RTCP packets.
        rtcp: u8,
    },
    /// As datagrams.
    Udp {
        /// Our sockets.
        sockets: UdpPair,
        /// The client's RTP port.
        rtp: SocketAddr,
        /// The client's RTCP port.
        rtcp: SocketAddr,
    },
}

/// Two sockets with neighbouring ports: RTP on the even one, RTCP on the one after it.
#[derive(Debug)]
pub struct UdpPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// Port of the RTP socket.
    pub rtp_port: u16,
}

impl UdpPair {
    /// Binds a free pair on an address of this machine.
    pub async fn bind(ip: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..PORT_ATTEMPTS {
            let rtp_port = 2 * rand::random_range(10_000..30_000);
            let rtp = UdpSocket::bind((ip, rtp_port)).await;
            let rtcp = UdpSocket::bind((ip, rtp_port + 1)).await;
            match (rtp, rtcp) {
                (Ok(rtp), Ok(rtcp)) => {
                    return Ok(Self {
                        rtp,
                        rtcp,
                        rtp_port,
                    });
                }
                (Err(error), _) | (_, Err(error)) => last = error,
            }
        }
        Err(last)
    }
}

impl Sink {
    /// Sends the packets of one frame. An error ends the stream; a datagram that the system
    /// refuses does not, but the frame then counts as not sent: the answer is whether all were.
    pub async fn send_frame(&self, packets: &[Vec<u8>]) -> io::Result<bool> {
        match self {
            Self::Interleaved { writer, rtp, .. } => {
                let size = packets.iter().map(|packet| packet.len() + 4).sum();
                let mut framed = Vec::with_capacity(size);
                for packet in packets {
                    frame(*rtp, packet, &mut framed);
                }
                writer.lock().await.write_all(&framed).await?;
                Ok(true)
            }
            Self::Udp { sockets, rtp, .. } => {
                let mut all = true;
                for (i, packet) in packets.iter().enumerate() {
                    if i > 0 && i.is_multiple_of(BURST_PACKETS) {
                        tokio::time::sleep(BURST_PERIOD).await;
                    }
                    if let Err(error) = sockets.rtp.send_to(packet, rtp).await {
                        tracing::debug!(%rtp, %error, "datagram not sent");
                        all = false;
                    }
                }
                Ok(all)
            }
        }
    }

    /// Sends one compound RTCP packet.
    pub async fn send_rtcp(&self, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Interleaved { writer, rtcp, .. } => {
                let mut framed = Vec::with_capacity(packet.len() + 4);
                frame(*rtcp, packet, &mut framed);
                writer.lock().await.write_all(&framed).await
            }
            Self::Udp { sockets, rtcp, .. } => {
                if let Err(error) = sockets.rtcp.send_to(packet, rtcp).await {
                    tracing::debug!(%rtcp, %error, "datagram not sent");
                }
                Ok(())
            }
        }
    }

    /// Waits for a sign of life from a client's UDP ports; indefinitely where there are none,
    /// because the connection itself is watched then.
    pub async fn sign_of_life(&self) {
        let Self::Udp { sockets, .. } = self else {
            return std::future::pending().await;
        };
        let (mut rtp, mut rtcp) = ([0; 16], [0; 16]);
        // Errors here are those of earlier sends (unreachable port): no sign of life, no end either.
        let received = tokio::select! {
            received = sockets.rtp.recv_from(&mut rtp) => received,
            received = sockets.rtcp.recv_from(&mut rtcp) => received,
        };
        if received.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the client can vanish without the connection telling.
    pub fn is_udp(&self) -> bool {
        matches!(self, Self::Udp { .. })
    }
}

/// Appends one interleaved packet: `$`, channel, length in 16 bits. RTP and RTCP packets of this
/// server are far shorter than that allows.
fn frame(channel: u8, packet: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&[b'$', channel]);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&packet[..usize::from(len)]);
}
