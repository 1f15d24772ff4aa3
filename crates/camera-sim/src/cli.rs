//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use camweave_camera_sim::auth::Credentials;
use camweave_camera_sim::faults::{self, Fault};
use camweave_camera_sim::nal::Codec;
use camweave_camera_sim::timeline::FrameRate;
use camweave_camera_sim::{SimError, check_id};
use clap::{Args, Parser, Subcommand, ValueEnum};

#[derive(Debug, Parser)]
#[command(
    name = "camera-sim",
    version,
    about = "Simulated RTSP cameras",
    max_term_width = 100
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve cameras until terminated by a signal.
    ///
    /// When the cameras are ready, one line of JSON is written to stdout: {"ready":true,"port":...,
    /// "cameras":[{"id":...,"url":...}]}. Everything else goes to stderr; RUST_LOG sets how much.
    Serve(Serve),
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Number of cameras, named cam1, cam2 and so on [default: one per --media file, else 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "camera")]
    pub cameras: Option<u16>,

    /// A camera by name: ID=scene:SEED or ID=FILE; may be repeated
    #[arg(long, value_name = "ID=SOURCE", conflicts_with = "media", value_parser = parse_camera)]
    pub camera: Vec<(String, Source)>,

    /// A media file to play instead of scenes; several are assigned to the cameras in turn. H.264
    /// and H.265 are sent unchanged, anything else is encoded to H.264
    #[arg(long, value_name = "FILE")]
    pub media: Vec<PathBuf>,

    /// Frames per second of scenes: 25, 29.97 or 30000/1001
    #[arg(long, default_value = "10", value_parser = FrameRate::parse)]
    pub fps: FrameRate,

    /// Frame size of scenes
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = parse_size)]
    pub size: (u32, u32),

    /// A second stream of each scene, ID-sub: the same scene at the same time, in this size and with so
    /// many frames per second. --write-cameras has it as the stream that is detected on
    #[arg(long, value_name = "WxH@FPS", value_parser = parse_sub, conflicts_with = "media")]
    pub sub: Option<Sub>,

    /// Codec of scenes
    #[arg(long, value_enum, default_value_t = Codec::H264)]
    pub codec: Codec,

    /// Consecutive B frames in scenes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=8))]
    pub bframes: u8,

    /// Open GOPs in scenes: frames shown before a keyframe may refer across it; CRA pictures in
    /// H.265
    #[arg(long)]
    pub open_gop: bool,

    /// Constant rate factor of scenes: 0 is lossless, 51 is worst
    #[arg(long, default_value_t = 23, value_parser = clap::value_parser!(u8).range(..=51))]
    pub crf: u8,

    /// Write each frame's number into scenes: 24 black or white blocks along the upper edge, white is
    /// 1; 16 of the number from its lowest bit on, then 8 of its low byte XOR its high byte XOR 0xA5
    #[arg(long)]
    pub stamp: bool,

    /// Scene i has the seed 1000000 + SEED * 1000 + i (seeds below 1000000 are left for training);
    /// faults and RTP clocks depend on SEED too
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=1_000_000_000))]
    pub seed: u64,

    /// Length of each camera's run after its frame 0 [default: 60 for scenes, unlimited for media]
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub seconds: Option<f64>,

    /// When frame 0 is captured: when the first client of a camera plays, or at once
    #[arg(long, value_enum, default_value_t = StartName::OnPlay)]
    pub start: StartName,

    /// Delay frame 0 of each camera by a different part of S seconds, so that frames and keyframes
    /// of different cameras do not coincide
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = parse_seconds)]
    pub stagger: f64,

    /// What follows the last frame: stay connected and silent, send a goodbye and close, or start
    /// over
    #[arg(long, value_enum, default_value_t = AtEndName::Silent)]
    pub at_end: AtEndName,

    /// Exit S seconds after the last frame of the last camera
    #[arg(long, value_name = "S", value_parser = parse_seconds)]
    pub exit_after_end: Option<f64>,

    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub address: IpAddr,

    /// Port to listen on; 0 picks a free one
    #[arg(long, default_value_t = 8554)]
    pub port: u16,

    /// Let the cameras be found by ONVIF, with their services on this port; 0 picks a free one. Probes are
    /// listened for on port 3702. A camera ID-sub is the second stream of the camera ID
    #[arg(long, value_name = "PORT")]
    pub onvif: Option<u16>,

    /// Let the clocks of ONVIF go wrong by so many seconds
    #[arg(
        long,
        value_name = "S",
        default_value_t = 0,
        requires = "onvif",
        allow_negative_numbers = true
    )]
    pub onvif_clock: i64,

    /// Require these credentials from clients (digest authentication)
    #[arg(long, value_name = "USER:PASSWORD", env = "CAMERA_SIM_AUTH", hide_env_values = true, value_parser = Credentials::parse)]
    pub auth: Option<Credentials>,

    /// A fault: CAMERA:FAULT, where CAMERA is an id or '*' and FAULT is stall@10s+5s,
    /// disconnect@10s, disconnect@10s+5s, loss=0.01, loss=0.01@10s+5s or garbage@10s+1s; times count
    /// from frame 0; may be repeated
    #[arg(long, value_name = "CAMERA:FAULT", value_parser = faults::parse)]
    pub fault: Vec<(String, Fault)>,

    /// Keep a record here: cameras.json, and ID.truth.jsonl for scenes
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,

    /// Write a cameras.yml for a pipeline; with --auth it refers to CAM_USER and CAM_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub write_cameras: Option<PathBuf>,

    /// Transport that --write-cameras asks the pipeline to use
    #[arg(long, value_enum, default_value_t = TransportName::Tcp)]
    pub transport: TransportName,

    /// Frames per second that --write-cameras asks the pipeline to detect on, of each camera
    /// [default: all]
    #[arg(long, value_name = "FPS", value_parser = detect_fps)]
    pub detect_fps: Option<f64>,

    /// Frames queued for a slow client before whole frames are dropped for it
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    pub queue_frames: u16,

    /// Largest RTP packet in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1400, value_parser = clap::value_parser!(u16).range(64..=65000))]
    pub mtu: u16,
}

fn detect_fps(text: &str) -> Result<f64, String> {
    let fps = text.parse().unwrap_or(f64::NAN);
    match (0.01..=1000.0).contains(&fps) {
        true => Ok(fps),
        false => Err("expected a number from 0.01 to 1000".to_owned()),
    }
}

/// What a camera shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A scene with this seed.
    Scene(u64),
    /// A media file.
    Media(PathBuf),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum StartName {
    OnPlay,
    Now,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AtEndName {
    Silent,
    Bye,
    Loop,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TransportName {
    Tcp,
    Udp,
}

fn parse_size(text: &str) -> Result<(u32, u32), String> {
    text.split_once(['x', 'X'])
        .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
        .ok_or_else(|| "expected a size like 640x360".to_owned())
}

/// The second stream of scenes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sub {
    pub size: (u32, u32),
    pub fps: FrameRate,
}

fn parse_sub(text: &str) -> Result<Sub, String> {
    let (size, fps) = text
        .split_once('@')
        .ok_or_else(|| "expected a size and a rate like 320x180@5".to_owned())?;
    Ok(Sub {
        size: parse_size(size)?,
        fps: FrameRate::parse(fps).map_err(|error| error.to_string())?,
    })
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    text.strip_suffix('s')
        .unwrap_or(text)
        .parse()
        .ok()
        .filter(|seconds| (0.0..=1e7).contains(seconds))
        .ok_or_else(|| "expected seconds, from 0 to 10000000".to_owned())
}

fn parse_camera(text: &str) -> Result<(String, Source), SimError> {
    let bad = |reason: String| SimError::BadCamera {
        text: text.to_owned(),
        reason,
    };
    let (id, source) = text
        .split_once('=')
        .ok_or_else(|| bad("there is no '='".to_owned()))?;
    check_id(id)?;
    let source = match source.strip_prefix("scene:") {
        Some(seed) => Source::Scene(
            seed.parse()
                .map_err(|_| bad(format!("seed {seed:?} is not a whole number")))?,
        ),
        None if source.is_empty() => return Err(bad("the source is empty".to_owned())),
        None => Source::Media(PathBuf::from(source)),
    };
    Ok((id.to_owned(), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &str) -> Result<Serve, String> {
        let words = ["camera-sim", "serve"]
            .into_iter()
            .chain(arguments.split_whitespace());
        match Cli::try_parse_from(words) {
            Ok(Cli {
                command: Command::Serve(serve),
            }) => Ok(serve),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn errors_name_value_and_valid_forms() {
        for (arguments, named) in [
            ("--size 640", "640x360"),
            ("--fps 0", "30000/1001"),
            ("--sub 320x180", "320x180@5"),
            ("--sub 320@5", "640x360"),
            ("--sub 320x180@0", "30000/1001"),
            ("--codec av1", "h264, h265"),
            ("--camera a=scene:x", "ID=scene:SEED or ID=FILE"),
            ("--camera a/b=scene:1", "ID=scene:SEED or ID=FILE"),
            ("--fault cam1:explode@3s", "stall@START+LENGTH"),
            ("--auth nobody", "USER:PASSWORD"),
            ("--seconds=-1", "expected seconds"),
            ("--at-end never", "silent, bye, loop"),
            ("--camera a=b.mp4 --media c.mp4", "cannot be used with"),
        ] {
            let error = parse(arguments).expect_err(arguments);
            assert!(error.contains(named), "{arguments}: {error}");
        }
    }

    #[test]
    fn cameras_by_name() {
        let options = parse("--camera gate=scene:7 --camera yard=clips/a=b.mp4").expect("valid");
        assert_eq!(
            options.camera,
            [
                ("gate".to_owned(), Source::Scene(7)),
                (
                    "yard".to_owned(),
                    Source::Media(PathBuf::from("clips/a=b.mp4"))
                ),
            ]
        );
    }
}
