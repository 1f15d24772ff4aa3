use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

use super::config::OnvifConfig;
use crate::auth::{Challenge, Credentials};
use crate::camera::LiveCamera;
use crate::second::SECOND_STREAM;

/// All devices of a simulator, and what they have in common.
#[derive(Debug)]
pub(super) struct Devices {
    pub all: Vec<Device>,
    pub credentials: Option<Credentials>,
    pub config: OnvifConfig,
    /// Of HTTP's digest authentication.
    pub challenge: Challenge,
    rtsp: SocketAddr,
    services: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Device {
    pub id: String,
    /// Its identity: the same in each run with the same ports.
    pub uuid: String,
    pub streams: Vec<Arc<LiveCamera>>,
}

impl Devices {
    pub fn new(
        cameras: &[Arc<LiveCamera>],
        credentials: Option<Credentials>,
        (rtsp, services): (SocketAddr, SocketAddr),
        config: OnvifConfig,
    ) -> Self {
        let find = |id: &str| cameras.iter().find(|it| it.setup.id == id);
        let is_stream = |id: &str| {
            id.strip_suffix(SECOND_STREAM)
                .is_some_and(|it| find(it).is_some())
        };
        let devices = cameras.iter().filter(|it| !is_stream(&it.setup.id));
        let all = devices.map(|camera| {
            let id = &camera.setup.id;
            let sub = find(&format!("{id}{SECOND_STREAM}"));
            Device {
                id: id.clone(),
                uuid: uuid(&format!("{id} {services}")),
                streams: [Some(camera), sub].into_iter().flatten().cloned().collect(),
            }
        });
        Self {
            all: all.collect(),
            credentials,
            config,
            challenge: Challenge::new(),
            rtsp,
            services,
        }
    }

    /// The device of a path, and the name of the service.
    pub fn find(&self, path: &str) -> Option<(&Device, &'static str)> {
        let rest = path.strip_prefix("/onvif/")?;
        let (id, service) = rest.split_once('/').unwrap_or(("", rest));
        let device = match id {
            "" => self.all.first(),
            id => self.all.iter().find(|it| it.id == id),
        };
        let service = ["device_service", "media_service"]
            .into_iter()
            .find(|it| *it == service);
        device.zip(service)
    }

    /// `local`: the address at which a client has reached this machine.
    pub fn service_url(&self, device: &Device, service: &str, local: IpAddr) -> String {
        let address = reached(self.services, local);
        format!("http://{address}/onvif/{}/{service}", device.id)
    }

    pub fn stream_url(&self, camera: &LiveCamera, local: IpAddr) -> String {
        format!("rtsp://{}/{}", reached(self.rtsp, local), camera.setup.id)
    }

    /// Whether a host can reach the services: on other machines, loopback is another.
    pub fn is_in_reach_of(&self, peer: IpAddr) -> bool {
        !self.services.ip().is_loopback() || peer.is_loopback()
    }

    /// What the devices' clocks show.
    pub fn now(&self) -> DateTime<Utc> {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        let now = DateTime::from_timestamp(since.as_secs() as i64, since.subsec_nanos());
        let ahead = TimeDelta::try_seconds(self.config.clock_ahead_seconds).unwrap_or_default();
        let now = now.unwrap_or_default();
        now.checked_add_signed(ahead).unwrap_or(now)
    }
}

fn reached(address: SocketAddr, local: IpAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::new(local, address.port()),
        false => address,
    }
}

fn uuid(text: &str) -> String {
    let hex = HEXLOWER.encode(&Md5::digest(text));
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}
