//! Starts cameras on one port and keeps their record.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;

use crate::SimError;
use crate::auth::Credentials;
use crate::camera::{AtEnd, CameraSetup, LiveCamera, Started};
use crate::clip::Clip;
use crate::clock::WallClock;
use crate::faults::{Fault, FaultPlan};
use crate::onvif::{self, OnvifAddresses, OnvifConfig};
use crate::record::{self, CameraRecord};
use crate::render::{Rendered, SceneClip, render_all};
use crate::rtsp::{self, Served};
use crate::scene::FrameTruth;
use crate::second::SECOND_STREAM;

/// How often the record is rewritten.
const RECORD_PERIOD: Duration = Duration::from_millis(500);

/// How long a shutdown waits for clients to be told.
const GOODBYE_TIME: Duration = Duration::from_secs(1);

/// One camera to be served.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// Path of its URL: letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// What it plays.
    pub clip: Arc<Clip>,
    /// What is in the clip's frames; empty where nobody knows.
    pub truth: Vec<FrameTruth>,
    /// Frames until its end; `None` repeats the clip indefinitely.
    pub frames_total: Option<u64>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

impl CameraConfig {
    /// A camera without faults that plays a scene over and over.
    ///
    /// # Errors
    /// The scene cannot be rendered or encoded.
    pub fn of_scene(scene: SceneClip) -> Result<Self, SimError> {
        let id = scene.camera.clone();
        let mut rendered = render_all(&[scene], 1, &|| {})?;
        let Rendered { clip, truth } = rendered.remove(0);
        Ok(Self {
            id,
            clip: Arc::new(clip),
            truth,
            frames_total: None,
            faults: Vec::new(),
        })
    }
}

/// When frame 0 of a camera is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// When its first client begins to play.
    #[default]
    OnPlay,
    /// When the simulator starts.
    Now,
}

/// Everything about a simulator except its cameras.
#[derive(Debug, Clone)]
pub struct SimulatorConfig {
    /// Where to listen; port 0 is any free one.
    pub listen: SocketAddr,
    /// What clients must prove to know, if anything.
    pub credentials: Option<Credentials>,
    /// When cameras start.
    pub start: Start,
    /// Frame 0 of each camera is delayed by another part of this, so that their frames and their
    /// keyframes do not come all at once.
    pub stagger: Duration,
    /// What cameras do after their last frame.
    pub at_end: AtEnd,
    /// Where the record goes, if anywhere; the directory is made.
    pub record: Option<PathBuf>,
    /// Largest RTP packet, header included.
    pub max_packet_bytes: usize,
    /// Frames that wait for a client that reads slowly.
    pub queue_frames: usize,
    /// Kernel buffer of each connection, in bytes.
    pub send_buffer_bytes: u32,
    /// Faults and RTP clocks depend on it, and on nothing else by chance.
    pub seed: u64,
    /// Whether the cameras are found by ONVIF.
    pub onvif: Option<OnvifConfig>,
}

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8554)),
            credentials: None,
            start: Start::OnPlay,
            stagger: Duration::ZERO,
            at_end: AtEnd::Silent,
            record: None,
            max_packet_bytes: 1400,
            queue_frames: 64,
            send_buffer_bytes: 512 * 1024,
            seed: 1,
            onvif: None,
        }
    }
}

/// Running cameras. Dropping it stops them at once; [`Self::shutdown`] says goodbye first.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    onvif: Option<OnvifAddresses>,
    served: Arc<Served>,
    record: Option<PathBuf>,
    tasks: JoinSet<()>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
}

/// From 0 to 1: numbers in a row lie far apart and fill the range evenly (multiples of the golden
/// ratio, modulo 1).
fn part_of(number: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    (number as f64 * GOLDEN).fract()
}

impl Simulator {
    /// Starts serving; needs a Tokio runtime with time and I/O.
    pub async fn start(
        config: SimulatorConfig,
        cameras: Vec<CameraConfig>,
    ) -> Result<Self, SimError> {
        check(&cameras)?;
        let listener = listen(&config).map_err(|source| SimError::Listen {
            address: config.listen,
            source,
        })?;
        let address = listener.local_addr().map_err(|source| SimError::Listen {
            address: config.listen,
            source,
        })?;
        if let Some(dir) = &config.record {
            std::fs::create_dir_all(dir).map_err(|source| SimError::Write {
                path: dir.clone(),
                source,
            })?;
            for camera in cameras.iter().filter(|camera| !camera.truth.is_empty()) {
                record::write_truth(dir, &camera.id, &camera.truth)?;
            }
        }
        let clock = WallClock::new();
        let mut chance = Pcg64Mcg::seed_from_u64(config.seed);
        let mut started: HashMap<String, Started> = HashMap::new();
        let cameras = cameras.into_iter().enumerate().map(|(number, camera)| {
            // Frame 0 of a second stream is captured when that of the first one is.
            let of = camera.id.strip_suffix(SECOND_STREAM).unwrap_or(&camera.id);
            let started = Arc::clone(started.entry(of.to_owned()).or_default());
            let setup = CameraSetup {
                id: camera.id,
                clip: camera.clip,
                frames_total: camera.frames_total,
                at_end: config.at_end,
                faults: FaultPlan::new(camera.faults, chance.random()),
                start_delay: config.stagger.mul_f64(part_of(number)),
            };
            Arc::new(LiveCamera::new(setup, clock, chance.random(), started))
        });
        let served = Arc::new(Served {
            cameras: cameras.collect(),
            credentials: config.credentials,
            max_packet_bytes: config.max_packet_bytes,
            queue_frames: config.queue_frames,
        });
        let mut tasks = JoinSet::new();
        let onvif = config.onvif.map(|onvif| {
            let credentials = served.credentials.clone();
            onvif::start(onvif, &served.cameras, credentials, address, &mut tasks)
        });
        let mut simulator = Self {
            address,
            onvif: onvif.transpose()?,
            served,
            record: config.record,
            tasks,
            connections: Arc::default(),
        };
        simulator.write_record()?;
        simulator.run(listener, config.start);
        Ok(simulator)
    }

    fn run(&mut self, listener: TcpListener, start: Start) {
        for camera in &self.served.cameras {
            if start == Start::Now {
                camera.start();
            }
            let (pacer, disconnecter) = (Arc::clone(camera), Arc::clone(camera));
            self.tasks.spawn(async move { pacer.pace().await });
            self.tasks
                .spawn(async move { disconnecter.disconnect_when_due().await });
        }
        let served = Arc::clone(&self.served);
        let connections = Arc::clone(&self.connections);
        self.tasks.spawn(accept(listener, served, connections));
        if let Some(dir) = self.record.clone() {
            let (served, address) = (Arc::clone(&self.served), self.address);
            self.tasks.spawn(async move {
                let mut ticks = tokio::time::interval(RECORD_PERIOD);
                let mut is_failing = false;
                loop {
                    ticks.tick().await;
                    match record::write_cameras(&dir, &records(&served, address)) {
                        Err(error) if !std::mem::replace(&mut is_failing, true) => {
                            tracing::warn!(%error, "record not written");
                        }
                        Err(_) => {}
                        Ok(()) => is_failing = false,
                    }
                }
            });
        }
    }

    /// Where the cameras are served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the cameras are ONVIF devices, if they are.
    pub fn onvif(&self) -> Option<OnvifAddresses> {
        self.onvif
    }

    /// Id and URL of each camera.
    pub fn urls(&self) -> Vec<(String, String)> {
        let cameras = self.served.cameras.iter();
        cameras
            .map(|camera| (camera.setup.id.clone(), url(self.address, camera)))
            .collect()
    }

    /// What each camera has done so far.
    pub fn records(&self) -> Vec<CameraRecord> {
        records(&self.served, self.address)
    }

    /// Waits until every camera has captured its last frame; indefinitely where one has none.
    pub async fn ended(&self) {
        while !self.served.cameras.iter().all(|camera| camera.has_ended()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Says goodbye to all clients, stops, and writes the record a last time.
    pub async fn shutdown(mut self) -> Result<Vec<CameraRecord>, SimError> {
        self.tasks.shutdown().await;
        for camera in &self.served.cameras {
            camera.finish();
        }
        let mut connections = self.connections.lock().await;
        let told = async {
            while !self.served.cameras.iter().all(|camera| camera.is_alone()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Past that time a client is not reading, and is cut off.
        let _ = tokio::time::timeout(GOODBYE_TIME, told).await;
        connections.shutdown().await;
        drop(connections);
        self.write_record()?;
        Ok(self.records())
    }

    fn write_record(&self) -> Result<(), SimError> {
        match &self.record {
            Some(dir) => record::write_cameras(dir, &self.records()),
            None => Ok(()),
        }
    }
}

fn check(cameras: &[CameraConfig]) -> Result<(), SimError> {
    if cameras.is_empty() {
        return Err(SimError::NoCameras);
    }
    for (i, camera) in cameras.iter().enumerate() {
        check_id(&camera.id)?;
        if cameras[..i].iter().any(|other| other.id == camera.id) {
            return Err(SimError::DuplicateCamera {
                id: camera.id.clone(),
            });
        }
    }
    Ok(())
}

/// Checks that an id can stand in a URL and in a file name.
pub fn check_id(id: &str) -> Result<(), SimError> {
    // The ids that a pipeline's cameras.yml takes.
    let usable = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let begins_well = id.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || id.len() > 64 || !id.chars().all(usable) {
        let reason = format!("id {id:?} is not usable, expected [A-Za-z0-9][A-Za-z0-9_-]{{0,63}}");
        return Err(SimError::BadCamera {
            text: id.to_owned(),
            reason,
        });
    }
    Ok(())
}

fn listen(config: &SimulatorConfig) -> std::io::Result<TcpListener> {
    let socket = match config.listen {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port whose old connections linger is free; one with a listener is not.
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(config.send_buffer_bytes)?;
    socket.bind(config.listen)?;
    socket.listen(1024)
}

async fn accept(
    listener: TcpListener,
    served: Arc<Served>,
    connections: Arc<tokio::sync::Mutex<JoinSet<()>>>,
) {
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let mut connections = connections.lock().await;
                while connections.try_join_next().is_some() {}
                connections.spawn(rtsp::serve(socket, peer, Arc::clone(&served)));
            }
            Err(error) => {
                // Out of descriptors, most likely: others may free some.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

fn records(served: &Served, address: SocketAddr) -> Vec<CameraRecord> {
    served
        .cameras
        .iter()
        .map(|camera| camera.record(url(address, camera)))
        .collect()
}

fn url(mut address: SocketAddr, camera: &LiveCamera) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => [127, 0, 0, 1].into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("rtsp://{address}/{}", camera.setup.id)
}
