//! What the operations of a pool cost on this machine. Run by hand:
//! `cargo run --release -p camweave-pool --example costs`
#![expect(clippy::print_stdout, reason = "prints its results")]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use camweave_pool::{Attachments, PoolId, PoolSpec, Producer, Reference};

const ROUNDS: u32 = 200_000;
const REPEATS: usize = 15;

/// Median, over repeats, of the mean time of one call.
fn measure(
    what: &str,
    rounds: u32,
    mut call: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut means = [Duration::ZERO; REPEATS];
    for mean in &mut means {
        let start = Instant::now();
        for _ in 0..rounds {
            call()?;
        }
        *mean = start.elapsed() / rounds;
    }
    means.sort_unstable();
    let (least, median) = (means[0], means[REPEATS / 2]);
    println!("{what:<44} median {median:>10?}   least {least:>10?}");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let spec = PoolSpec {
        name: "costs".to_owned(),
        slots: 16,
        slot_bytes: 1920 * 1080 * 3 / 2,
    };
    let producer = Producer::create(&spec)?;
    let attachments = Attachments::new();
    let reference = producer.begin()?.publish();

    measure("acquire + release", ROUNDS, || {
        drop(black_box(attachments.acquire(&reference)?));
        Ok(())
    })?;
    let held = attachments.acquire(&reference)?;
    measure("acquire + release, held already", ROUNDS, || {
        drop(black_box(attachments.acquire(&reference)?));
        Ok(())
    })?;
    measure("clone + drop of a held slot", ROUNDS, || {
        drop(black_box(held.clone()));
        Ok(())
    })?;
    drop(held);
    let expired = Reference {
        generation: reference.generation + 1,
        ..reference.clone()
    };
    measure("acquire of what has expired", ROUNDS, || {
        assert!(black_box(attachments.acquire(&expired)).is_err());
        Ok(())
    })?;
    measure("begin + publish", ROUNDS, || {
        black_box(producer.begin()?.publish());
        Ok(())
    })?;
    measure("begin + publish + acquire + release", ROUNDS, || {
        let reference = producer.begin()?.publish();
        drop(black_box(attachments.acquire(&reference)?));
        Ok(())
    })?;
    let text = producer.id().to_string();
    measure("reading a pool id's text", ROUNDS, || {
        black_box(text.parse::<PoolId>()?);
        Ok(())
    })?;
    measure("usage", ROUNDS, || {
        black_box(producer.usage());
        Ok(())
    })?;
    measure("reap, 1 living consumer", 2000, || {
        black_box(producer.reap());
        Ok(())
    })?;
    measure("attach, acquire, detach", 500, || {
        let attachments = Attachments::new();
        let reference = producer.begin()?.publish();
        drop(black_box(attachments.acquire(&reference)?));
        Ok(())
    })?;
    measure("create and drop a pool of 47.5 MiB", 5, || {
        drop(black_box(Producer::create(&spec)?));
        Ok(())
    })
}
