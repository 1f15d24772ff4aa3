//! Many streams beside each other, each by a thread and a decoder of its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camweave_cuda::{Context, CudaMemory, Stream};
use camweave_nvdec::{Decoder, Limits};
use camweave_pool::{PoolSpec, Producer};

use crate::busy::Busy;
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

/// Frames per second of all streams together, and the engines' columns.
pub fn measure(
    context: &Context,
    clip: &Clip,
    streams: usize,
    time: Duration,
    busy: &Busy,
) -> Result<(f64, String)> {
    let (stop, frames) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let players: Vec<_> = (0..streams)
            .map(|_| scope.spawn(|| play(context, clip, &stop, &frames)))
            .collect();
        std::thread::sleep(WARM_UP);
        let (begin, before) = (Instant::now(), frames.load(Ordering::Relaxed));
        while begin.elapsed() < time && !players.iter().any(ScopedJoinHandle::is_finished) {
            std::thread::sleep(SAMPLE_EVERY);
            busy.sample();
        }
        let decoded = frames.load(Ordering::Relaxed) - before;
        let rate = decoded as f64 / begin.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        for player in players {
            let played = player.join();
            played.map_err(|_| anyhow::anyhow!("a player has panicked"))??;
        }
        Ok((rate, busy.columns()))
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
    let mut decoder = Decoder::open(clip.codec, Stream::new(context)?, LIMITS, slots)?;
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
