//! DESCRIBE, SETUP and PLAY of one camera.

use std::sync::Arc;

use camweave_bitstream::{NalCodec, ParameterSets};
use camweave_redact::KnownSecrets;
use retina::client::{
    Demuxed, InitialSequenceNumberPolicy, PlayOptions, SessionGroup, SessionOptions, SetupOptions,
    Stream, TcpTransportOptions, TeardownPolicy, UdpTransportOptions,
};
use retina::codec::{FrameFormat, ParameterSetInsertion, ParametersRef};

use crate::cameras::{Camera, Transport};
use crate::failure::{Failure, FailureKind};

/// Annex B; parameter sets are put in by [`ParameterSets`], which knows all
/// random-access points and not IDR pictures alone.
const FORMAT: FrameFormat = {
    let mut format = FrameFormat::SIMPLE;
    format.parameter_set_insertion = ParameterSetInsertion::Never;
    format
};

/// A camera that plays.
pub(crate) struct Connected {
    pub frames: Demuxed,
    pub stream: usize,
    pub codec: NalCodec,
    pub clock_hz: u32,
}

impl Connected {
    /// Takes over the parameter sets as they stand now.
    pub fn learn(&self, sets: &mut ParameterSets) {
        if let Some(ParametersRef::Video(parameters)) =
            self.frames.streams()[self.stream].parameters()
        {
            sets.learn(parameters.extra_data());
        }
    }

    /// Width and height in pixels, where the camera has told.
    pub fn size(&self) -> Option<(u32, u32)> {
        match self.frames.streams()[self.stream].parameters() {
            Some(ParametersRef::Video(parameters)) => Some(parameters.pixel_dimensions()),
            _ => None,
        }
    }
}

pub(crate) async fn connect(
    camera: &Camera,
    group: &Arc<SessionGroup>,
) -> Result<Connected, Failure> {
    let credentials = camera.credentials.as_ref().map(|credentials| {
        let (username, password) = credentials.expose();
        retina::client::Credentials {
            username: username.to_owned(),
            password: password.to_owned(),
        }
    });
    let known = camera.known_secrets();
    let failed =
        |error: retina::Error| Failure::from_rtsp(&error, camera.credentials.is_some(), &known);
    let options = SessionOptions::default()
        .creds(credentials)
        .user_agent(concat!("camweave/", env!("CARGO_PKG_VERSION")).to_owned())
        .session_group(Arc::clone(group))
        .teardown(TeardownPolicy::Auto);
    let mut session = retina::client::Session::describe(camera.url.expose().clone(), options)
        .await
        .map_err(failed)?;
    let (stream, codec) = choose(session.streams(), &known)?;
    let clock_hz = session.streams()[stream].clock_rate_hz();
    let transport = match camera.transport {
        Transport::Tcp => retina::client::Transport::Tcp(TcpTransportOptions::default()),
        Transport::Udp => retina::client::Transport::Udp(UdpTransportOptions::default()),
    };
    let setup = SetupOptions::default()
        .transport(transport)
        .frame_format(FORMAT);
    session.setup(stream, setup).await.map_err(failed)?;
    // Cameras announce a first sequence number that is not the one they send.
    let play = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let frames = session
        .play(play)
        .await
        .map_err(failed)?
        .demuxed()
        .map_err(failed)?;
    Ok(Connected {
        frames,
        stream,
        codec,
        clock_hz,
    })
}

/// The first video stream that can be read.
fn choose(streams: &[Stream], known: &KnownSecrets) -> Result<(usize, NalCodec), Failure> {
    let video = streams
        .iter()
        .enumerate()
        .filter(|(_, stream)| stream.media() == "video");
    let mut others = Vec::new();
    for (index, stream) in video {
        match stream.encoding_name() {
            "h264" => return Ok((index, NalCodec::H264)),
            "h265" => return Ok((index, NalCodec::H265)),
            other => others.push(other),
        }
    }
    if others.is_empty() {
        let media: Vec<&str> = streams.iter().map(Stream::media).collect();
        return Err(Failure::new(
            FailureKind::NoVideo,
            format!(
                "it offers no video (media: {})",
                known.hide(&media.join(", "))
            ),
        ));
    }
    Err(Failure::new(
        FailureKind::UnsupportedCodec,
        format!(
            "its video is '{}', expected h264 or h265",
            known.hide(&others.join("', '"))
        ),
    ))
}
