//! The receiving node.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use arrow_array::Array;
use arrow_array::UInt8Array;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use camweave_benches::cpu;
use camweave_message::{Frame, Row};
use camweave_pool::{AcquireErrorKind, Attachments};
use camweave_runner::CpuTime;
use camweave_telemetry::clock;
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{DoraNode, Event, Metadata, MetadataParameters, Parameter};
use futures::StreamExt;
use futures::executor::block_on;

use crate::run::{FRAME_BYTES, Received, Run, SENT, SEQUENCE, Way, percentile};

/// What is known of the measurement while it runs.
#[derive(Default)]
struct Found {
    latencies: Vec<i64>,
    wrong: u64,
    first: Option<Moment>,
    last: Option<Moment>,
}

/// Time, and CPU time until then.
#[derive(Clone, Copy)]
struct Moment {
    nanos: i64,
    own: Duration,
    daemon: CpuTime,
}

impl Moment {
    fn now() -> Result<Self> {
        let parent = std::os::unix::process::parent_id();
        Ok(Self {
            nanos: clock::monotonic_nanos(),
            own: cpu::of_this_process(),
            daemon: CpuTime::of(parent).context("the daemon has ended")?,
        })
    }
}

pub fn node() -> Result<()> {
    let run = Run::read()?;
    let (mut node, mut events) = DoraNode::init_from_env()?;
    let attachments = Attachments::new();
    let mut found = Found::default();
    let last = run.warm_up + run.frames - 1;
    // As a stream: a node that falls behind loses nothing on a `backpressure` edge.
    while let Some(event) = block_on(events.next()) {
        let Event::Input { metadata, data, .. } = event else {
            continue;
        };
        let array = data.into_inner();
        let read = match run.way {
            Way::Pool => from_pool(&*array, &attachments)?,
            Way::Dora => Some(from_dora(&*array, &metadata)?),
        };
        // Comes back even if its bytes had expired: its place is free.
        let back = UInt8Array::from(vec![1]);
        node.send_output(
            DataId::from("back".to_owned()),
            MetadataParameters::default(),
            back,
        )?;
        let Some(read) = read else { continue };
        if read.sequence < run.warm_up {
            continue;
        }
        found.wrong += u64::from(read.number != read.sequence);
        found.latencies.push(read.latency);
        // The kernel's figures are files to read: not for each frame.
        if found.first.is_none() {
            found.first = Some(Moment::now()?);
        }
        if read.sequence == last {
            found.last = Some(Moment::now()?);
        }
    }
    run.write("received.json", &found.received()?)
}

impl Found {
    fn received(mut self) -> Result<Received> {
        let frames = self.latencies.len();
        let first = self.first.context("no frame arrived")?;
        // The very last frame may be the one that was lost.
        let last = match self.last {
            Some(last) => last,
            None => Moment::now()?,
        };
        let count = frames.saturating_sub(1).max(1) as f64;
        let seconds = (last.nanos - first.nanos) as f64 / 1e9;
        let micros = |used: Duration| used.as_secs_f64() * 1e6 / count;
        Ok(Received {
            frames: frames as u64,
            wrong: self.wrong,
            fps: count / seconds,
            latency_p50_micros: percentile(&mut self.latencies, 0.5) / 1e3,
            latency_p99_micros: percentile(&mut self.latencies, 0.99) / 1e3,
            cpu_micros: micros(last.own.saturating_sub(first.own)),
            daemon_cpu_micros: last.daemon.since(first.daemon) as f64 / 1e3 / count,
        })
    }
}

/// A frame that was read.
struct Read {
    sequence: u64,
    /// The number in its bytes.
    number: u64,
    /// In nanoseconds.
    latency: i64,
}

/// Nothing if the bytes have expired.
fn from_pool(array: &dyn Array, attachments: &Attachments) -> Result<Option<Read>> {
    let rows = Frame::from_arrow(array)?;
    let [frame] = rows.as_slice() else {
        bail!("{} rows, expected 1", rows.len());
    };
    let slot = match attachments.acquire(&frame.picture.slot) {
        Ok(slot) => slot,
        Err(error) if error.kind() == AcquireErrorKind::Expired => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let sent = frame.trace.0.first().context("no trace")?.enter_nanos;
    let latency = clock::monotonic_nanos() - sent;
    Ok(Some(Read {
        sequence: frame.id.sequence,
        number: number(&slot[..FRAME_BYTES])?,
        latency,
    }))
}

fn from_dora(array: &dyn Array, metadata: &Metadata) -> Result<Read> {
    let bytes = array
        .as_primitive_opt::<UInt8Type>()
        .with_context(|| format!("{}, expected UInt8", array.data_type()))?;
    let integer = |name: &str| match metadata.parameters.get(name) {
        Some(Parameter::Integer(value)) => Ok(*value),
        other => bail!("metadata '{name}' is {other:?}, expected an integer"),
    };
    let latency = clock::monotonic_nanos() - integer(SENT)?;
    Ok(Read {
        sequence: u64::try_from(integer(SEQUENCE)?)?,
        number: number(bytes.values())?,
        latency,
    })
}

/// Reads every 64th byte, one of each cache line; the number that the sender wrote.
fn number(bytes: &[u8]) -> Result<u64> {
    if bytes.len() != FRAME_BYTES {
        bail!("a frame of {} bytes, expected {FRAME_BYTES}", bytes.len());
    }
    let sum: u64 = bytes.iter().step_by(64).map(|byte| u64::from(*byte)).sum();
    std::hint::black_box(sum);
    let first = bytes.first_chunk().context("no bytes")?;
    Ok(u64::from_le_bytes(*first))
}
