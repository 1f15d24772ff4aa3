//! `camera-sim serve`: makes the clips, serves them, and ends cleanly.

use std::collections::HashMap;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use camweave_camera_sim::clip::Clip;
use camweave_camera_sim::encode::Encoding;
use camweave_camera_sim::faults::Fault;
use camweave_camera_sim::onvif::{DISCOVERY_PORT, OnvifConfig, Proof};
use camweave_camera_sim::render::{SceneClip, render_all};
use camweave_camera_sim::{
    AtEnd, CameraConfig, SECOND_STREAM, SimError, Simulator, SimulatorConfig, Start, media, record,
};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{AtEndName, Serve, Source, StartName, Sub, TransportName};

/// Seeds below this are for training detectors: no camera shows what a detector has seen.
const FIRST_CAMERA_SEED: u64 = 1_000_000;

/// Length of scenes where none is given.
const SCENE_SECONDS: f64 = 60.0;

/// Threads that render scenes.
const WORKERS: usize = 2;

pub fn serve(options: &Serve) -> anyhow::Result<()> {
    let sources = sources(options);
    let faults = faults_by_camera(options, &sources)?;
    let cameras = make_cameras(options, &sources, &faults)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .context("cannot start the server's threads")?;
    runtime.block_on(run(options, cameras))
}

fn sources(options: &Serve) -> Vec<(String, Source)> {
    if !options.camera.is_empty() {
        return options.camera.clone();
    }
    let files = options.media.len();
    let count = options.cameras.map_or(files.max(1), usize::from);
    (0..count)
        .map(|i| {
            let source = match options.media.get(i % files.max(1)) {
                Some(file) => Source::Media(file.clone()),
                None => Source::Scene(FIRST_CAMERA_SEED + options.seed * 1000 + i as u64 + 1),
            };
            (format!("cam{}", i + 1), source)
        })
        .collect()
}

/// The ids of a scene's streams.
fn streams(options: &Serve, id: &str) -> Vec<String> {
    let mut all = vec![id.to_owned()];
    all.extend(options.sub.map(|_| format!("{id}{SECOND_STREAM}")));
    all
}

fn faults_by_camera(
    options: &Serve,
    sources: &[(String, Source)],
) -> anyhow::Result<HashMap<String, Vec<Fault>>> {
    let mut faults: HashMap<String, Vec<Fault>> = HashMap::new();
    let ids = sources.iter().flat_map(|(id, _)| streams(options, id));
    let ids: Vec<String> = ids.collect();
    for (camera, fault) in &options.fault {
        let of = ids.iter().filter(|id| camera == "*" || *id == camera);
        let mut found = false;
        for id in of {
            found = true;
            faults.entry(id.clone()).or_default().push(*fault);
        }
        if !found {
            anyhow::bail!(
                "--fault is for camera {camera:?}; expected '*' or one of {}",
                ids.join(", ")
            );
        }
    }
    Ok(faults)
}

fn make_cameras(
    options: &Serve,
    sources: &[(String, Source)],
    faults: &HashMap<String, Vec<Fault>>,
) -> Result<Vec<CameraConfig>, SimError> {
    let encoding = Encoding {
        codec: options.codec,
        b_frames: options.bframes,
        open_gop: options.open_gop,
        crf: options.crf,
    };
    let mut scenes = Vec::new();
    let mut files: HashMap<&PathBuf, Arc<Clip>> = HashMap::new();
    for (id, source) in sources {
        match source {
            Source::Scene(seed) => {
                let scene = |camera: String, (width, height), rate| SceneClip {
                    camera,
                    seed: *seed,
                    width,
                    height,
                    rate,
                    seconds: options.seconds.unwrap_or(SCENE_SECONDS),
                    stamp: options.stamp,
                    encoding: encoding.clone(),
                };
                scenes.push(scene(id.clone(), options.size, options.fps));
                let second = |it: Sub| scene(format!("{id}{SECOND_STREAM}"), it.size, it.fps);
                scenes.extend(options.sub.map(second));
            }
            Source::Media(file) => {
                if !files.contains_key(file) {
                    files.insert(file, Arc::new(media::load(file, &encoding)?));
                }
            }
        }
    }
    let mut rendered = render_with_progress(&scenes)?.into_iter();
    let endless = options.at_end == AtEndName::Loop;
    let mut cameras = Vec::new();
    let mut add = |id: String, clip, truth, frames: Option<u64>| {
        cameras.push(CameraConfig {
            faults: faults.get(&id).cloned().unwrap_or_default(),
            id,
            clip,
            truth,
            frames_total: frames.filter(|_| !endless),
        });
    };
    for (id, source) in sources {
        let file = match source {
            Source::Scene(_) => {
                for (id, scene) in streams(options, id).into_iter().zip(&mut rendered) {
                    let frames = scene.clip.len();
                    add(id, Arc::new(scene.clip), scene.truth, Some(frames));
                }
                continue;
            }
            Source::Media(file) => file,
        };
        let clip = &files[file];
        let frames = options
            .seconds
            .map(|seconds| (seconds * clip.fps).round() as u64);
        if frames == Some(0) {
            let seconds = options.seconds.unwrap_or_default();
            return Err(SimError::NoFrames {
                seconds,
                fps: clip.fps,
            });
        }
        add(id.clone(), Arc::clone(clip), Vec::new(), frames);
    }
    Ok(cameras)
}

fn render_with_progress(
    scenes: &[SceneClip],
) -> Result<Vec<camweave_camera_sim::render::Rendered>, SimError> {
    let total: u64 = scenes
        .iter()
        .map(|scene| scene.rate.frames_in(scene.seconds))
        .sum();
    let done = AtomicU64::new(0);
    let is_terminal = std::io::stderr().is_terminal();
    let step = (total / 10).max(1);
    let progress = || {
        let done = done.fetch_add(1, Ordering::Relaxed) + 1;
        if done.is_multiple_of(step) || done == total {
            let end = if is_terminal && done != total {
                '\r'
            } else {
                '\n'
            };
            let scenes = scenes.len();
            // Progress is a courtesy; a closed stderr must not stop the cameras.
            let _ = write!(
                std::io::stderr(),
                "camera-sim: rendering scenes of {scenes} cameras: frame {done} of {total}{end}"
            );
        }
    };
    render_all(scenes, WORKERS, &progress)
}

async fn run(options: &Serve, cameras: Vec<CameraConfig>) -> anyhow::Result<()> {
    // Before the port opens, so that a signal never finds the record half made.
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch SIGTERM")?;
    let config = SimulatorConfig {
        listen: SocketAddr::new(options.address, options.port),
        credentials: options.auth.clone(),
        start: match options.start {
            StartName::OnPlay => Start::OnPlay,
            StartName::Now => Start::Now,
        },
        stagger: Duration::from_secs_f64(options.stagger),
        at_end: match options.at_end {
            AtEndName::Bye => AtEnd::Bye,
            AtEndName::Silent | AtEndName::Loop => AtEnd::Silent,
        },
        record: options.record.clone(),
        max_packet_bytes: usize::from(options.mtu),
        queue_frames: usize::from(options.queue_frames),
        seed: options.seed,
        onvif: options.onvif.map(|port| OnvifConfig {
            listen: SocketAddr::new(options.address, port),
            discovery_port: DISCOVERY_PORT,
            clock_ahead_seconds: options.onvif_clock,
            proof: Proof::Token,
        }),
        ..SimulatorConfig::default()
    };
    let simulator = Simulator::start(config, cameras).await?;
    if let Some(path) = &options.write_cameras {
        let transport = match options.transport {
            TransportName::Tcp => "tcp",
            TransportName::Udp => "udp",
        };
        let listed = record::Listed {
            transport,
            auth: options.auth.is_some(),
            detect_fps: options.detect_fps,
            with_second: options.sub.is_some(),
        };
        record::write_cameras_yml(path, &simulator.urls(), &listed)?;
    }
    say_ready(&simulator)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        () = ended(&simulator, options.exit_after_end) => {}
        () = say_ended(&simulator) => {}
    }
    simulator.shutdown().await?;
    Ok(())
}

fn say_ready(simulator: &Simulator) -> anyhow::Result<()> {
    let cameras: Vec<_> = simulator
        .urls()
        .into_iter()
        .map(|(id, url)| serde_json::json!({ "id": id, "url": url }))
        .collect();
    let port = simulator.address().port();
    let mut ready = serde_json::json!({ "ready": true, "port": port, "cameras": cameras });
    if let Some(onvif) = simulator.onvif() {
        ready["onvif"] = onvif.services.port().into();
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{ready}")
        .and_then(|()| stdout.flush())
        .context("cannot write the ready line to stdout")
}

/// Tells who started this program that the last frame was captured, also where the disk has no
/// room for the record; and then waits indefinitely.
async fn say_ended(simulator: &Simulator) {
    simulator.ended().await;
    let line = serde_json::json!({ "ended": true });
    let mut stdout = std::io::stdout();
    // Nobody need read it.
    drop(writeln!(stdout, "{line}").and_then(|()| stdout.flush()));
    std::future::pending::<()>().await;
}

async fn ended(simulator: &Simulator, exit_after_end: Option<f64>) {
    let Some(seconds) = exit_after_end else {
        return std::future::pending().await;
    };
    simulator.ended().await;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn sources_of(arguments: &[&str]) -> Vec<(String, Source)> {
        let words = ["camera-sim", "serve"].iter().chain(arguments);
        let crate::cli::Command::Serve(options) = crate::cli::Cli::parse_from(words).command;
        sources(&options)
    }

    #[test]
    fn scenes_have_seeds_that_no_training_uses() {
        let scene = |id: &str, seed| (id.to_owned(), Source::Scene(seed));
        assert_eq!(sources_of(&[]), [scene("cam1", 1_001_001)]);
        let two = sources_of(&["--cameras", "2", "--seed", "7"]);
        assert_eq!(two, [scene("cam1", 1_007_001), scene("cam2", 1_007_002)]);
    }

    #[test]
    fn files_are_dealt_out_in_turn() {
        let media = |id: &str, file: &str| (id.to_owned(), Source::Media(PathBuf::from(file)));
        let files = ["--media", "a.mp4", "--media", "b.mp4"];
        let (a, b) = (media("cam1", "a.mp4"), media("cam2", "b.mp4"));
        assert_eq!(sources_of(&files), [a.clone(), b.clone()]);
        let three = sources_of(&[&files[..], &["--cameras", "3"]].concat());
        assert_eq!(three, [a, b, media("cam3", "a.mp4")]);
    }
}
