//! The sending node.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use camweave_benches::cpu;
use camweave_message::{Areas, CapturedClock, Frame, FrameId, PictureRef, Row, StagePass, Trace};
use camweave_pool::{PoolSpec, Producer};
use camweave_telemetry::clock;
use camweave_vision::{ColorMatrix, ColorRange, PictureLayout, PixelFormat};
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{DoraNode, Event, EventStream, MetadataParameters, Parameter};

use crate::run::{FRAME_BYTES, Run, SENT, SEQUENCE, Sent, Way, percentile};

/// A frame that has not come back by then is lost: its place is free again.
const GIVE_UP: Duration = Duration::from_secs(1);

/// Slots of the pool: more than frames are on their way.
const SLOTS: u32 = 16;

pub fn node() -> Result<()> {
    let run = Run::read()?;
    let (mut node, mut events) = DoraNode::init_from_env()?;
    let mut writer = Writer::new(run.way)?;
    let mut source: Vec<u8> = (0..FRAME_BYTES)
        .map(|index| (index * 31 % 251) as u8)
        .collect();
    let total = run.warm_up + run.frames;
    let mut returned = 0;
    let mut times = Vec::new();
    let mut before = Duration::ZERO;
    let begin = Instant::now();
    for sequence in 0..total {
        if run.rate > 0 {
            let due = begin + Duration::from_secs_f64(sequence as f64 / f64::from(run.rate));
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            // What came back matters only without a rate, but must not pile up.
            while let Ok(Event::Input { .. }) = events.try_recv() {}
        } else {
            returned += make_room(&mut events, sequence - returned, run.window);
        }
        if sequence == run.warm_up {
            before = cpu::of_this_process();
        }
        source[..8].copy_from_slice(&sequence.to_le_bytes());
        let began = clock::monotonic_nanos();
        writer.send(&mut node, sequence, began, &source)?;
        if sequence >= run.warm_up {
            times.push(clock::monotonic_nanos() - began);
        }
    }
    let used = cpu::of_this_process().saturating_sub(before);
    run.write(
        "sent.json",
        &Sent {
            cpu_micros: used.as_secs_f64() * 1e6 / run.frames as f64,
            send_p50_micros: percentile(&mut times, 0.5) / 1e3,
        },
    )?;
    // The pool ends with this process: the last frames are still read.
    std::thread::sleep(GIVE_UP);
    Ok(())
}

/// Waits until fewer than `window` frames are on their way; how many came back or were given up.
fn make_room(events: &mut EventStream, on_the_way: u64, window: u64) -> u64 {
    let mut returned = 0;
    while on_the_way - returned >= window {
        match events.recv_timeout(GIVE_UP) {
            Some(Event::Input { .. }) => returned += 1,
            // The receiver has gone, or a frame was lost: all that are out are given up.
            Some(Event::Error(_)) | None => return on_the_way,
            Some(_) => {}
        }
    }
    returned
}

/// Writes frames where they are handed over.
enum Writer {
    Pool(Box<Producer>, PictureLayout),
    Dora,
}

impl Writer {
    fn new(way: Way) -> Result<Self> {
        if way == Way::Dora {
            return Ok(Self::Dora);
        }
        let (matrix, range) = (ColorMatrix::Bt709, ColorRange::Full);
        let producer = Producer::create(&PoolSpec {
            name: "handover".to_owned(),
            slots: SLOTS,
            slot_bytes: FRAME_BYTES,
        })?;
        let layout = PictureLayout::packed(1024, 1024, PixelFormat::Rgb8, matrix, range);
        Ok(Self::Pool(Box::new(producer), layout))
    }

    fn send(
        &mut self,
        node: &mut DoraNode,
        sequence: u64,
        began: i64,
        source: &[u8],
    ) -> Result<()> {
        let output = DataId::from("out".to_owned());
        match self {
            Self::Pool(producer, layout) => {
                let mut slot = producer.begin()?;
                slot[..source.len()].copy_from_slice(source);
                let frame = Frame {
                    id: FrameId {
                        camera: Arc::from("cam1"),
                        session_unix_nanos: 0,
                        sequence,
                        pts_nanos: 0,
                        captured_unix_nanos: 0,
                        captured_clock: CapturedClock::File,
                    },
                    trace: Trace(vec![StagePass {
                        stage: Arc::from("send"),
                        enter_nanos: began,
                        leave_nanos: 0,
                    }]),
                    picture: PictureRef {
                        layout: *layout,
                        slot: slot.publish(),
                    },
                    areas: Areas::default(),
                };
                let array: Arc<dyn arrow_array::Array> = Arc::new(Frame::to_arrow(&[frame]));
                let data = dora_node_api::DoraArray::from(array);
                node.send_output(output, MetadataParameters::default(), data)?;
            }
            Self::Dora => {
                let mut parameters = MetadataParameters::default();
                parameters.insert(SENT.to_owned(), Parameter::Integer(began));
                let number = i64::try_from(sequence)?;
                parameters.insert(SEQUENCE.to_owned(), Parameter::Integer(number));
                node.send_output_raw(output, parameters, source.len(), |place| {
                    place.copy_from_slice(source);
                })?;
            }
        }
        Ok(())
    }
}
