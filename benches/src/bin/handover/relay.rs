//! A node between the two, as a batcher is: it hands on what it gets and looks at no byte of it.

use std::time::Duration;

use anyhow::Result;
use camweave_benches::cpu;
use dora_node_api::dora_core::config::DataId;
use dora_node_api::{DoraNode, Event};
use futures::StreamExt;
use futures::executor::block_on;

use crate::run::{Relayed, Run};

pub fn node() -> Result<()> {
    let run = Run::read()?;
    let (mut node, mut events) = DoraNode::init_from_env()?;
    let (mut begin, mut frames) = (None, 0_u64);
    while let Some(event) = block_on(events.next()) {
        if let Event::Input { metadata, data, .. } = event {
            // A reference is copied; of a frame in dora's shared memory, the whole frame.
            node.send_output(DataId::from("out".to_owned()), metadata.parameters, data)?;
            match begin {
                Some(_) => frames += 1,
                None => begin = Some(cpu::of_this_process()),
            }
        }
    }
    let used = begin.map_or(Duration::ZERO, |begin| {
        cpu::of_this_process().saturating_sub(begin)
    });
    let cpu_micros = used.as_secs_f64() * 1e6 / frames.max(1) as f64;
    run.write(&format!("{}.json", node.id()), &Relayed { cpu_micros })
}
