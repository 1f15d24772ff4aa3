//! The cameras as ONVIF devices: they answer probes (WS-Discovery), and tell their profiles and streams.
//!
//! Each camera is a device of its own, at `/onvif/ID/device_service`; the first one also at
//! `/onvif/device_service`. A camera `ID-sub` is no device but the second stream of the camera `ID`.

mod answers;
mod config;
mod devices;
mod discovery;
mod server;
mod token;

pub use config::{DISCOVERY_PORT, OnvifConfig, Proof};

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::SimError;
use crate::auth::Credentials;
use crate::camera::LiveCamera;
use devices::Devices;

/// Where it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnvifAddresses {
    /// The services.
    pub services: SocketAddr,
    /// The port for probes.
    pub discovery_port: u16,
}

/// Opens both ports, and serves them with `tasks`.
pub(crate) fn start(
    config: OnvifConfig,
    cameras: &[Arc<LiveCamera>],
    credentials: Option<Credentials>,
    rtsp: SocketAddr,
    tasks: &mut JoinSet<()>,
) -> Result<OnvifAddresses, SimError> {
    let probes = SocketAddr::from((Ipv4Addr::UNSPECIFIED, config.discovery_port));
    let failed = |address| move |source| SimError::Listen { address, source };
    let socket = open_discovery(probes, config.listen.ip()).map_err(failed(probes))?;
    let discovery_port = socket.local_addr().map_err(failed(probes))?.port();
    let listener = listen(config.listen).map_err(failed(config.listen))?;
    let services = listener.local_addr().map_err(failed(config.listen))?;
    let devices = Arc::new(Devices::new(cameras, credentials, (rtsp, services), config));
    tasks.spawn(discovery::serve(socket, Arc::clone(&devices)));
    tasks.spawn(server::serve(listener, devices));
    Ok(OnvifAddresses {
        services,
        discovery_port,
    })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Several programs of a machine may listen for probes.
fn open_discovery(address: SocketAddr, services: IpAddr) -> std::io::Result<UdpSocket> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let interfaces = match services {
        IpAddr::V4(ip) if ip.is_unspecified() => vec![Ipv4Addr::LOCALHOST, ip],
        IpAddr::V4(ip) => vec![ip],
        IpAddr::V6(_) => vec![Ipv4Addr::LOCALHOST],
    };
    for interface in interfaces {
        if let Err(error) = socket.join_multicast_v4(discovery::GROUP, interface) {
            // They are found by their address all the same.
            tracing::warn!(%interface, %error, "no probes by multicast");
        }
    }
    Ok(socket)
}
