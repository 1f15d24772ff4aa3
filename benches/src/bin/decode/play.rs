//! Many streams beside each other, each by a thread and a decoder of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camweave_benches::cpu;
use camweave_cuda::{Context, CudaMemory, Stream};
use camweave_nvdec::{Chips, Decoder, Limits};
use camweave_pool::{PoolSpec, Producer};

use crate::busy::{Busy, Shares};
use crate::split::Clip;

const LIMITS: Limits = Limits {
    max_width: 8192,
    max_height: 8192,
    target: None,
};
/// As the nvdec node's pools have by default.
const SLOTS: u32 = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const SAMPLE_EVERY: Duration = Duration::from_millis(100);

/// What was measured of a number of streams.
pub struct Measured {
    /// Frames per second of all streams together.
    pub frames_per_second: f64,
    /// CPU time of this process per frame, in milliseconds.
    pub cpu_ms: f64,
    /// Device memory that each stream takes, decoder and pool, in MiB.
    pub memory_mib: f64,
    /// How busy the engines were.
    pub shares: Shares,
}

/// Decodes `streams` times the clip beside each other for `time`, after a warm-up.
pub fn measure(
    context: &Context,
    clip: &Clip,
    streams: usize,
    time: Duration,
    busy: &Busy,
) -> Result<Measured> {
    let (stop, frames) = (AtomicBool::new(false), AtomicU64::new(0));
    let (free_before, _) = context.memory()?;
    std::thread::scope(|scope| {
        let players: Vec<_> = (0..streams)
            .map(|_| scope.spawn(|| play(context, clip, &stop, &frames)))
            .collect();
        std::thread::sleep(WARM_UP);
        busy.begin();
        let (begin, before) = (Instant::now(), frames.load(Ordering::Relaxed));
        let cpu_before = cpu::of_this_process();
        while begin.elapsed() < time && !players.iter().any(ScopedJoinHandle::is_finished) {
            std::thread::sleep(SAMPLE_EVERY);
            busy.sample();
        }
        let decoded = (frames.load(Ordering::Relaxed) - before) as f64;
        let seconds = begin.elapsed().as_secs_f64();
        let cpu_seconds = (cpu::of_this_process() - cpu_before).as_secs_f64();
        let free = context.memory().map(|(free, _)| free);
        stop.store(true, Ordering::Relaxed);
        for player in players {
            let played = player.join();
            played.map_err(|_| anyhow::anyhow!("a player has panicked"))??;
        }
        let taken = free_before.saturating_sub(free?) as f64;
        Ok(Measured {
            frames_per_second: decoded / seconds,
            cpu_ms: cpu_seconds * 1e3 / decoded.max(1.0),
            memory_mib: taken / streams as f64 / f64::from(1 << 20),
            shares: busy.shares(),
        })
    })
}

fn play(context: &Context, clip: &Clip, stop: &AtomicBool, frames: &AtomicU64) -> Result<()> {
    let place = context.clone();
    let mut pool: Option<Producer<CudaMemory>> = None;
    let slots = Box::new(move |bytes| {
        let producer = match pool.take() {
            Some(producer) => producer,
            None => Producer::create_in(
                &place,
                &PoolSpec {
                    name: "decode".to_owned(),
                    slots: SLOTS,
                    slot_bytes: bytes,
                },
            )?,
        };
        pool.insert(producer).begin()
    });
    let mut decoder = Decoder::open(
        clip.codec,
        Stream::new(context)?,
        LIMITS,
        slots,
        &Chips::default(),
    )?;
    // The clip begins with a key frame, so it can follow itself.
    for (ticket, unit) in clip.units().cycle().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let ticket = i64::try_from(ticket).context("too many units")?;
        decoder.send(unit, ticket)?;
        while let Some(picture) = decoder.receive(true)? {
            let (_, slot) = picture.content?;
            decoder.publish(slot)?;
            frames.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}
