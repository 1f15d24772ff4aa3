//! One client's session with one camera.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::camera::{Ending, LiveCamera};
use crate::rtsp::sink::Sink;

/// What `SETUP` made and `PLAY` uses.
#[derive(Debug)]
pub struct Session {
    pub camera: Arc<LiveCamera>,
    pub ssrc: u32,
    /// Number of the first RTP packet.
    pub first_sequence: u16,
    /// Channels of the connection that are taken, if any.
    pub channels: Option<(u8, u8)>,
    pub state: SessionState,
}

#[derive(Debug)]
pub enum SessionState {
    /// Set up, not playing.
    Ready(Sink),
    /// `PLAY` was answered or is about to be.
    Playing {
        viewer: u64,
        ending: Arc<watch::Sender<Ending>>,
        /// Set once the stream runs.
        task: Option<JoinHandle<()>>,
    },
}

impl Session {
    /// Ends the stream after the packet that is being written.
    pub fn stop(&self) {
        if let SessionState::Playing { viewer, ending, .. } = &self.state {
            ending.send_replace(Ending::Stopped);
            self.camera.unsubscribe(*viewer);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
    }
}
