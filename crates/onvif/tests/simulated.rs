//! The whole of it, with simulated cameras: from a probe to the URL of a stream.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use camweave_camera_sim::auth::Credentials;
use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::onvif::{DISCOVERY_PORT, OnvifConfig, Proof};
use camweave_camera_sim::render::SceneClip;
use camweave_camera_sim::timeline::FrameRate;
use camweave_camera_sim::{CameraConfig, Simulator, SimulatorConfig};
use camweave_onvif::{
    Announced, AskError, Device, Limits, Login, PORT, Route, Service, StreamUrl, ask, discover,
};

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Answers on loopback come at once; on a machine with much else to do, a little later.
const LISTEN: Duration = Duration::from_secs(2);

fn camera(id: &str, (width, height): (u32, u32)) -> CameraConfig {
    let scene = SceneClip {
        camera: id.to_owned(),
        seed: 1_000_001,
        width,
        height,
        rate: FrameRate::parse("10").expect("a rate"),
        seconds: 0.5,
        stamp: false,
        encoding: Encoding::default(),
    };
    CameraConfig::of_scene(scene).expect("a scene")
}

/// Two devices; the first has two streams.
async fn simulate(proof: Proof, clock_ahead_seconds: i64, discovery_port: u16) -> Simulator {
    let config = SimulatorConfig {
        listen: SocketAddr::from((LOCAL, 0)),
        credentials: Credentials::parse("anna:t0p&secret").ok(),
        onvif: Some(OnvifConfig {
            listen: SocketAddr::from((LOCAL, 0)),
            discovery_port,
            clock_ahead_seconds,
            proof,
        }),
        ..SimulatorConfig::default()
    };
    let cameras = vec![
        camera("gate", (320, 180)),
        camera("yard", (160, 96)),
        camera("gate-sub", (96, 64)),
    ];
    Simulator::start(config, cameras).await.expect("free ports")
}

fn login(password: &str) -> Login {
    Login {
        user: "anna".to_owned().into(),
        password: password.to_owned().into(),
    }
}

/// The devices that answer a probe of this machine.
async fn found(simulator: &Simulator) -> Vec<Announced> {
    let port = simulator.onvif().expect("ONVIF").discovery_port;
    let route = Route::Unicast(SocketAddr::from((LOCAL, port)));
    let mut heard = Vec::new();
    let found = discover(&[route], LISTEN, |it| heard.push(it.endpoint.clone())).await;
    assert!(found.failures.is_empty(), "{:?}", found.failures);
    let mut devices = found.devices;
    assert_eq!(heard.len(), devices.len());
    devices.sort_by(|a, b| a.name.cmp(&b.name));
    devices
}

async fn asked(simulator: &Simulator, password: Option<&str>) -> Result<Device, AskError> {
    let port = simulator.onvif().expect("ONVIF").services.port();
    let device = Announced::unheard(IpAddr::from(LOCAL), Service::device(port));
    let login = password.map(login);
    ask(&device, login.as_ref(), &Limits::default()).await
}

#[track_caller]
fn url(url: Option<&Result<StreamUrl, AskError>>) -> String {
    let url = url.expect("asked for").as_ref().expect("named");
    assert_eq!(url.remark, None);
    url.url.expose().to_string()
}

#[tokio::test]
async fn from_a_probe_to_the_streams_of_a_camera_whose_clock_is_wrong() {
    let simulator = simulate(Proof::Token, -86_400, 0).await;
    let devices = found(&simulator).await;
    let names: Vec<_> = devices.iter().map(|it| it.name.as_deref()).collect();
    assert_eq!(names, [Some("gate"), Some("yard")]);
    assert_eq!(devices[0].address, IpAddr::from(LOCAL));
    let login = login("t0p&secret");
    let gate = ask(&devices[0], Some(&login), &Limits::default()).await;
    let gate = gate.expect("an answer");
    let [source] = &*gate.sources else {
        panic!("{:?}", gate.sources);
    };
    let (main, sub) = (source.main().expect("one"), source.sub().expect("another"));
    let shown = |it: &camweave_onvif::Stream| (it.codec.clone(), it.size, it.fps);
    assert_eq!(
        shown(main),
        ("H.264".to_owned(), Some((320, 180)), Some(10.0))
    );
    assert_eq!(shown(sub), ("H.264".to_owned(), Some((96, 64)), Some(10.0)));
    let rtsp = simulator.address();
    assert_eq!(url(main.url.as_ref()), format!("rtsp://{rtsp}/gate"));
    assert_eq!(url(sub.url.as_ref()), format!("rtsp://{rtsp}/gate-sub"));
    // A day, as far as the devices of a machine with much else to do are read in time.
    let ahead = gate.clock_ahead_seconds.expect("a clock");
    assert!((-86_430..=-86_370).contains(&ahead), "{ahead}");
    let yard = ask(&devices[1], Some(&login), &Limits::default()).await;
    let yard = yard.expect("an answer");
    assert!(yard.sources[0].sub().is_none());
    let main = yard.sources[0].main().expect("one");
    assert_eq!(url(main.url.as_ref()), format!("rtsp://{rtsp}/yard"));
}

#[tokio::test]
async fn a_camera_that_wants_the_digest_of_http() {
    let simulator = simulate(Proof::HttpDigest, 0, 0).await;
    let device = asked(&simulator, Some("t0p&secret")).await;
    let device = device.expect("an answer");
    assert_eq!(device.name.as_deref(), Some("camweave camera-sim"));
    assert_eq!(device.sources[0].streams.len(), 2);
}

#[tokio::test]
async fn a_password_that_is_missing_or_wrong_is_told_apart() {
    for proof in [Proof::Token, Proof::HttpDigest] {
        let simulator = simulate(proof, 0, 0).await;
        let missing = asked(&simulator, None).await.expect_err("closed");
        assert!(
            matches!(missing, AskError::Unauthorized { is_asked: true }),
            "{proof:?}: {missing}"
        );
        let wrong = asked(&simulator, Some("other")).await.expect_err("closed");
        assert!(
            matches!(wrong, AskError::Unauthorized { is_asked: false }),
            "{proof:?}: {wrong}"
        );
    }
}

#[tokio::test]
async fn probes_by_multicast_reach_the_cameras_of_this_machine() {
    if let Err(error) = multicast_on_loopback() {
        eprintln!("skipped: no multicast on loopback here: {error}");
        return;
    }
    let simulator = simulate(Proof::Token, 0, DISCOVERY_PORT).await;
    let services = simulator.onvif().expect("ONVIF").services;
    let found = discover(&[Route::Multicast(LOCAL)], LISTEN, |_| {}).await;
    assert!(found.failures.is_empty(), "{:?}", found.failures);
    // Other tests may simulate cameras at the same time.
    let own = |it: &&Announced| {
        it.service
            .as_ref()
            .is_some_and(|it| it.port == services.port())
    };
    assert_eq!(
        found.devices.iter().filter(own).count(),
        2,
        "{:?}",
        found.devices
    );
}

/// Whether this machine sends multicast to itself, which is not for the code under test to say.
fn multicast_on_loopback() -> std::io::Result<()> {
    assert_eq!(PORT, DISCOVERY_PORT);
    let (group, port) = (Ipv4Addr::new(239, 255, 255, 251), 0);
    let receiver = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
    receiver.join_multicast_v4(&group, &LOCAL)?;
    receiver.set_read_timeout(Some(Duration::from_secs(5)))?;
    let sender = UdpSocket::bind((LOCAL, 0))?;
    sender.send_to(b"x", (group, receiver.local_addr()?.port()))?;
    receiver.recv(&mut [0; 8]).map(drop)
}
