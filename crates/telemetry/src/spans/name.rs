//! The names of spans: constants, so that every tool sees the same words.

/// What a span is called, and how it is measured. Names are compared by their text.
#[derive(Debug)]
pub struct SpanName {
    /// The word in reports, traces and profilers.
    pub name: &'static str,
    /// Whether the thread's CPU time is looked at now and then: only for spans of tens of
    /// microseconds and more, because reading that clock is a system call.
    pub cpu: bool,
    /// Whether arrows that follow a frame through the trace go through this span.
    pub flow: bool,
}

impl SpanName {
    /// A step of the pipeline itself: CPU time is measured, and frames are followed through it.
    #[must_use]
    pub const fn work(name: &'static str) -> Self {
        Self {
            name,
            cpu: true,
            flow: true,
        }
    }

    /// A hand-over: frames are followed through it, but it is too short for the CPU clock.
    #[must_use]
    pub const fn hop(name: &'static str) -> Self {
        Self {
            name,
            cpu: false,
            flow: true,
        }
    }

    /// A part of another span.
    #[must_use]
    pub const fn part(name: &'static str) -> Self {
        Self {
            name,
            cpu: false,
            flow: false,
        }
    }
}

/// Every stage: a message is unpacked and queued.
pub static RECEIVE: SpanName = SpanName::hop("receive");
/// Every stage: all that is done with one message of its queue; the spans below lie inside.
pub static ROWS: SpanName = SpanName::part("rows");
/// `cpu-infer`: what one of its threads does for its part of a batch; the spans below lie inside.
pub static WORKER: SpanName = SpanName::part("worker");
/// Every stage: a message is packed and handed to dora.
pub static SEND: SpanName = SpanName::hop("send");
/// `rtsp-source`: an access unit is put together.
pub static UNIT: SpanName = SpanName::hop("unit");
/// `file-source`: an access unit is read from its file.
pub static READ: SpanName = SpanName::hop("read");
/// A decoder: one access unit.
pub static DECODE: SpanName = SpanName::work("decode");
/// Something is made readable for other processes: a picture, or a head.
pub static PUBLISH: SpanName = SpanName::hop("publish");
/// `batcher`: a list is put together; the time for which its frames waited is not in it.
pub static BATCH: SpanName = SpanName::hop("batch");
/// A slot of a pool is held for reading.
pub static ACQUIRE: SpanName = SpanName::part("acquire");
/// A stage waits for its device to end earlier work.
pub static WAIT: SpanName = SpanName::part("wait");
/// A decoder on a device: a picture is copied out of the decoder's surface.
pub static COPY: SpanName = SpanName::hop("copy");
/// A detector: pictures become the network's input.
pub static LETTERBOX: SpanName = SpanName::work("letterbox");
/// A detector: the network runs.
pub static INFER: SpanName = SpanName::work("infer");
/// Non-maximum suppression, part one: the network's output becomes candidates.
pub static DECODE_HEAD: SpanName = SpanName::work("decode_head");
/// Non-maximum suppression, part two: overlapping candidates go.
pub static NMS: SpanName = SpanName::work("nms");
/// `tracker`: boxes get their track ids.
pub static TRACK: SpanName = SpanName::work("track");
/// `sink`: a line of results is written.
pub static WRITE: SpanName = SpanName::work("write");
/// `sink`: a picture with boxes is drawn and written.
pub static DRAW: SpanName = SpanName {
    name: "draw",
    cpu: true,
    flow: false,
};

/// A number that changes over time, and its unit.
#[derive(Debug)]
pub struct GaugeName {
    /// The word in traces.
    pub name: &'static str,
    /// What is counted.
    pub unit: &'static str,
}

/// Messages that wait in front of a stage.
pub static QUEUE_DEPTH: GaugeName = GaugeName {
    name: "queue depth",
    unit: "messages",
};
/// Slots of a pool that consumers hold or that are being written.
pub static SLOTS_IN_USE: GaugeName = GaugeName {
    name: "slots in use",
    unit: "slots",
};
/// Share of the time in which a GPU computed.
pub static GPU_BUSY: GaugeName = GaugeName {
    name: "GPU busy %",
    unit: "%",
};
/// Share of the time in which a GPU's decoding engines ran.
pub static NVDEC_BUSY: GaugeName = GaugeName {
    name: "NVDEC busy %",
    unit: "%",
};
