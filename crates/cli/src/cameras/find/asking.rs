//! Finds devices, and asks them.

use std::sync::Arc;
use std::time::Duration;

use camweave_onvif::{
    Announced, AskError, Device, Discovered, Limits, Login, Route, ask, discover, interfaces,
};
use camweave_redact::printable;
use camweave_stage::Exit;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::places::Place;
use crate::error::CliError;
use crate::say::note;

/// Devices that are asked at a time.
const AT_ONCE: usize = 16;

/// A device, and what it has answered.
pub struct Asked {
    pub device: Announced,
    pub answer: Result<Device, AskError>,
}

impl Asked {
    /// Whether it has answered with the login alone.
    pub fn has_login(&self) -> bool {
        self.answer.as_ref().is_ok_and(|it| it.wants_login)
    }

    /// Whether it was asked as anybody, and wants a user.
    pub fn wants_login(&self) -> bool {
        matches!(&self.answer, Err(AskError::Unauthorized { is_asked: true }))
    }
}

/// The devices at these places; without any, on the networks of this machine.
pub fn find(places: &[Place], listen: Duration) -> Result<Vec<Announced>, CliError> {
    if places.is_empty() {
        return on_networks(listen);
    }
    let routes: Vec<Route> = places
        .iter()
        .filter_map(|it| match it {
            Place::Host(address) => Some(Route::Unicast(*address)),
            Place::Service(..) => None,
        })
        .collect();
    let mut devices = Vec::new();
    if !routes.is_empty() {
        note!(
            "probing {} for {} s ...",
            counted(routes.len(), "host"),
            listen.as_secs()
        );
        devices = heard(&routes, listen)?.devices;
    }
    for place in places {
        let (address, service) = place.service();
        let is_heard = |it: &Announced| it.address == address;
        if matches!(place, Place::Host(_)) && devices.iter().any(is_heard) {
            continue;
        }
        if matches!(place, Place::Host(_)) {
            note!(
                "{address} does not answer the probe; asking {}",
                service.url(address)
            );
        }
        devices.push(Announced::unheard(address, service));
    }
    Ok(devices)
}

fn on_networks(listen: Duration) -> Result<Vec<Announced>, CliError> {
    let missing = |text: String| CliError::new(Exit::Missing, text);
    let all = interfaces()
        .map_err(|error| missing(format!("the network's interfaces are not known: {error}")))?;
    if all.is_empty() {
        return Err(missing(
            "no network interface with an IPv4 address is up, expected one that leads to the cameras"
                .to_owned(),
        ));
    }
    let shown: Vec<String> = all
        .iter()
        .map(|it| format!("{} ({})", it.name, it.address))
        .collect();
    note!(
        "looking for ONVIF devices for {} s on {} ...",
        listen.as_secs(),
        shown.join(", ")
    );
    if all.iter().all(|it| it.address.is_loopback()) {
        note!("only loopback is up: no camera but those of this machine can answer");
    }
    let routes: Vec<Route> = all.iter().map(|it| Route::Multicast(it.address)).collect();
    let found = heard(&routes, listen)?;
    for (route, error) in &found.failures {
        let Route::Multicast(address) = route else {
            continue;
        };
        note!("no probe could be sent from {address}: {error}");
    }
    match found.failures.len() == routes.len() {
        true => Err(missing(
            "no probe could be sent, expected a network that takes multicast".to_owned(),
        )),
        false => Ok(found.devices),
    }
}

fn heard(routes: &[Route], listen: Duration) -> Result<Discovered, CliError> {
    /// Lines; further devices are counted with all.
    const SHOWN: usize = 32;
    let mut count = 0;
    let runtime = runtime()?;
    let found = runtime.block_on(discover(routes, listen, |device| {
        count += 1;
        if count <= SHOWN {
            let name = device.name.as_deref().or(device.hardware.as_deref());
            let name = name.map_or(String::new(), |it| format!(" ({})", printable(it)));
            note!("{} answers{name}", device.address);
        }
    }));
    Ok(found)
}

/// Asks all devices for their streams.
pub fn ask_all(devices: Vec<Announced>, login: Option<&Login>) -> Result<Vec<Asked>, CliError> {
    if devices.is_empty() {
        return Ok(Vec::new());
    }
    note!(
        "asking {} for streams ...",
        counted(devices.len(), "device")
    );
    let runtime = runtime()?;
    Ok(runtime.block_on(all(devices, login)))
}

/// Asks those again that this is true of.
pub fn ask_again(
    asked: Vec<Asked>,
    login: &Login,
    is_meant: impl Fn(&Asked) -> bool,
) -> Result<Vec<Asked>, CliError> {
    let (again, mut rest): (Vec<Asked>, Vec<Asked>) = asked.into_iter().partition(is_meant);
    let devices = again.into_iter().map(|it| it.device).collect();
    rest.extend(ask_all(devices, Some(login))?);
    rest.sort_by_key(|it| it.device.address);
    Ok(rest)
}

async fn all(devices: Vec<Announced>, login: Option<&Login>) -> Vec<Asked> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for device in devices {
        let (places, login) = (Arc::clone(&places), login.cloned());
        tasks.spawn(async move {
            let _place = places.acquire().await;
            let answer = ask(&device, login.as_ref(), &Limits::default()).await;
            Asked { device, answer }
        });
    }
    let mut asked = tasks.join_all().await;
    asked.sort_by(|a, b| {
        let key = |it: &Asked| (it.device.address, it.device.name.clone());
        key(a).cmp(&key(b))
    });
    asked
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Resource, format!("cannot start: {error}")))
}
