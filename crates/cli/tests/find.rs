//! `camweave cameras find` and `camweave init --address` as people run them, with simulated cameras:
//! from a device's address to a frame.

mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;

use camweave_camera_sim::auth::Credentials;
use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::onvif::{OnvifConfig, Proof};
use camweave_camera_sim::render::SceneClip;
use camweave_camera_sim::timeline::FrameRate;
use camweave_camera_sim::{CameraConfig, Simulator, SimulatorConfig};
use camweave_message::limits::MAX_CAMERAS;
use serde_json::Value;
use support::{PASSWORD, camweave};
use tokio::runtime::Runtime;

/// A device with two streams, which run as long as this lives.
struct Street {
    _runtime: Runtime,
    simulator: Simulator,
}

impl Street {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let config = SimulatorConfig {
            listen: local,
            credentials: Credentials::parse(&format!("anna:{PASSWORD}")).ok(),
            onvif: Some(OnvifConfig {
                listen: local,
                discovery_port: 0,
                clock_ahead_seconds: 7200,
                proof: Proof::Token,
            }),
            ..SimulatorConfig::default()
        };
        let cameras = vec![camera("gate", 320, 180), camera("gate-sub", 160, 96)];
        let simulator = runtime.block_on(Simulator::start(config, cameras));
        Self {
            _runtime: runtime,
            simulator: simulator.expect("free ports"),
        }
    }

    /// For `--address`.
    fn address(&self) -> String {
        let services = self.simulator.onvif().expect("ONVIF").services;
        services.to_string()
    }
}

fn camera(id: &str, width: u32, height: u32) -> CameraConfig {
    let scene = SceneClip {
        camera: id.to_owned(),
        seed: 1_000_001,
        width,
        height,
        rate: FrameRate::parse("10").expect("a rate"),
        seconds: 2.0,
        stamp: false,
        encoding: Encoding::default(),
    };
    CameraConfig::of_scene(scene).expect("a scene")
}

const LOGIN: [&str; 4] = ["--username", "anna", "--password-env", "STREET_PASSWORD"];

#[test]
fn a_camera_is_found_and_added_and_shows_a_frame() {
    let street = Street::new();
    let address = street.address();
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("cameras.yml");
    let find = ["cameras", "find", "--address", &address];
    let add = [&find[..], &LOGIN, &["--add", &file]].concat();
    let (code, out, error) = camweave(&add);
    assert_eq!(code, Some(0), "{out}{error}");
    for part in [
        "main H.264 320x180 10/s, sub H.264 160x96 10/s",
        "s ahead: let it set itself by NTP",
        "added",
    ] {
        assert!(out.contains(part), "'{part}' is not in {out}");
    }
    let text = std::fs::read_to_string(&file).expect("a file");
    let rtsp = street.simulator.address();
    for part in [
        "- id: camweave-camera-sim",
        &format!("url: rtsp://{rtsp}/gate\n"),
        "username: anna",
        "password: ${STREET_PASSWORD}",
    ] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
    // A second search adds nothing twice.
    let (code, out, error) = camweave(&add);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.contains("0 added, 1 there already"), "{out}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), text);
    // The other stream is another camera of the same name.
    let (code, out, error) = camweave(&[&add[..], &["--stream", "sub"]].concat());
    assert_eq!(code, Some(0), "{out}{error}");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(text.contains("- id: camweave-camera-sim-2"), "{text}");
    assert!(
        text.contains(&format!("url: rtsp://{rtsp}/gate-sub\n")),
        "{text}"
    );
    let image = path("frame.png");
    let (code, out, error) = camweave(&[
        "cameras",
        "test",
        &file,
        "camweave-camera-sim",
        "--seconds",
        "1",
        "--image",
        &image,
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("320x180"), "{out}");
    assert!(Path::new(&image).is_file());
}

#[test]
fn a_file_with_as_many_cameras_as_there_may_be_is_given_no_more() {
    let street = Street::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cameras.yml");
    let full: String = (0..MAX_CAMERAS)
        .map(|number| format!("  - id: c{number}\n    url: rtsp://192.0.2.1/{number}\n"))
        .collect();
    let full = format!("cameras:\n{full}");
    std::fs::write(&file, &full).expect("writable");
    let (address, file) = (street.address(), file.display().to_string());
    let find = ["cameras", "find", "--address", &address, "--add", &file];
    let (_, out, error) = camweave(&[&find[..], &LOGIN].concat());
    assert!(out.contains("the most that may be"), "{out}{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("readable"), full);
    // One that is among them is known all the same.
    let rtsp = street.simulator.address();
    let known = full.replacen("rtsp://192.0.2.1/7\n", &format!("rtsp://{rtsp}/gate\n"), 1);
    std::fs::write(&file, &known).expect("writable");
    let (code, out, error) = camweave(&[&find[..], &LOGIN].concat());
    assert_eq!(code, Some(0), "{out}{error}");
    assert!(out.contains("1 there already"), "{out}");
}

#[test]
fn programs_get_json_and_what_failed() {
    let street = Street::new();
    let address = street.address();
    let find = ["cameras", "find", "--json", "--address", &address];
    let parsed = |text: &str| -> Value { serde_json::from_str(text).expect("JSON") };
    let (code, out, error) = camweave(&[&find[..], &LOGIN].concat());
    assert_eq!(code, Some(0), "{error}");
    let found = parsed(&out);
    let device = &found["devices"][0];
    assert_eq!(device["address"], "127.0.0.1");
    // As far as this machine reads the two clocks at once.
    let ahead = device["clock_ahead_seconds"].as_i64().expect("a number");
    assert!((7_140..=7_260).contains(&ahead), "{ahead}");
    let streams = &device["cameras"][0]["streams"];
    let rtsp = street.simulator.address();
    assert_eq!(streams[0]["role"], "main");
    assert_eq!(streams[0]["url"], format!("rtsp://{rtsp}/gate"));
    assert_eq!(
        (&streams[1]["width"], &streams[1]["fps"]),
        (&160.into(), &10.0.into())
    );
    let (code, out, error) = camweave(&find);
    assert_eq!(code, Some(6), "{error}");
    assert_eq!(parsed(&out)["devices"][0]["error"]["kind"], "login_missing");
    // One that nobody listens at.
    let (code, out, _) = camweave(&["cameras", "find", "--json", "--address", "127.0.0.1:9"]);
    assert_eq!(code, Some(6));
    assert_eq!(parsed(&out)["devices"][0]["error"]["kind"], "connect");
    // A password without a user, and a user without a password.
    for part in [&LOGIN[..2], &LOGIN[2..]] {
        let (code, _, error) = camweave(&[&find[..], part].concat());
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("expected --"), "{error}");
    }
}

#[test]
fn an_installation_begins_with_the_cameras_that_are_found() {
    let street = Street::new();
    let address = street.address();
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path().join("site").display().to_string();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, format!("{PASSWORD}\n")).expect("writable");
    let secret = secret.display().to_string();
    let (code, out, error) = camweave(&[
        "init",
        &site,
        "--device",
        "cpu",
        "--no-measurement",
        "--address",
        &address,
        "--username",
        "anna",
        "--password-file",
        &secret,
        "--stream",
        "sub",
    ]);
    assert_eq!(code, Some(0), "{out}{error}");
    // It was opened with the login.
    assert!(
        error.contains("H.264 160x96") || error.contains("h264 160x96"),
        "{error}"
    );
    let file = folder.path().join("site/cameras.yml");
    let text = std::fs::read_to_string(&file).expect("a file");
    assert!(
        text.contains("/gate-sub") && text.contains("username: anna"),
        "{text}"
    );
    assert!(text.contains(PASSWORD), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&file).expect("there").permissions(),
    );
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[test]
fn a_machine_without_a_network_is_told_so() {
    let alone = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net"]).args(arguments);
        command.output()
    };
    // A namespace of its own, in which not even loopback is up.
    if !alone(&["true"]).is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: this user may not make a network namespace");
        return;
    }
    let output = alone(&[env!("CARGO_BIN_EXE_camweave"), "cameras", "find"]);
    let output = output.expect("unshare runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{error}");
    assert!(
        error.contains("no network interface with an IPv4 address is up"),
        "{error}"
    );
}

#[test]
fn an_option_of_a_search_without_one_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path().join("site").display().to_string();
    for option in [
        ["--listen", "2"],
        ["--stream", "main"],
        ["--username", "anna"],
    ] {
        let camera = ["--camera", "gate=rtsp://192.0.2.10/stream1"];
        let (code, _, error) = camweave(&[&["init", &site], &camera[..], &option].concat());
        assert_eq!(code, Some(2), "{error}");
        assert!(
            error.contains(option[0]) && error.contains("--discover"),
            "{error}"
        );
    }
}
