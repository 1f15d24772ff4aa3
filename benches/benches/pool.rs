//! What the operations of a pool cost.

use camweave_pool::{Attachments, PoolId, PoolSpec, Producer};
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn producer() -> Producer {
    Producer::create(&PoolSpec {
        name: "bench".to_owned(),
        slots: 16,
        slot_bytes: 1920 * 1080 * 3 / 2,
    })
    .expect("48 MiB of shared memory are free")
}

#[divan::bench]
fn acquire_and_release(bencher: Bencher<'_, '_>) {
    let producer = producer();
    let slot = producer.begin().expect("all slots are free").publish();
    let attachments = Attachments::new();
    bencher.bench_local(|| attachments.acquire(black_box(&slot)).is_ok());
}

#[divan::bench]
fn begin_and_publish(bencher: Bencher<'_, '_>) {
    let producer = producer();
    bencher.bench_local(|| producer.begin().expect("no slot is held").publish());
}

#[divan::bench]
fn parse_pool_id(bencher: Bencher<'_, '_>) {
    let text = producer().id().to_string();
    bencher.bench_local(|| black_box(&text).parse::<PoolId>());
}
