//! Both ways in turn.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use camweave_benches::pairs::{Side, Spread, order};
use camweave_runner::graph::{Graph, Input, Node};
use camweave_runner::{Dataflow, Launch};
use clap::Args;
use serde::Serialize;

use crate::run::{Received, Relayed, Run, Sent, VARIABLE, Way};

/// Rate of the first load, in frames per second; the second is as fast as frames come back.
const RATE: u32 = 100;
const RUN_AT_MOST: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub struct Options {
    /// Pairs of runs for each load
    #[arg(long, default_value_t = 4)]
    pairs: usize,
    /// Seconds of each measurement at 100 frames/s
    #[arg(long, default_value_t = 5)]
    seconds: u32,
    /// Nodes between sender and receiver that hand frames on, as a batcher does
    #[arg(long, default_value_t = 0)]
    relays: u32,
    /// Frames of each measurement flat out
    #[arg(long, default_value_t = 3000)]
    frames: u64,
    /// Frames on their way at most, flat out
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=8))]
    window: u64,
    /// Also write all figures here
    #[arg(long)]
    json: Option<PathBuf>,
}

/// One run's figures.
#[derive(Debug, Clone, Copy, Serialize)]
struct Figures {
    sent: Sent,
    received: Received,
    /// CPU time per frame of all relays, in microseconds.
    relays_cpu_micros: f64,
    lost: u64,
}

impl Figures {
    fn cpu_micros(&self) -> f64 {
        let Self { sent, received, .. } = self;
        let ends = sent.cpu_micros + received.cpu_micros;
        ends + self.relays_cpu_micros + received.daemon_cpu_micros
    }
}

#[derive(Debug, Serialize)]
struct Load {
    name: String,
    relays: u32,
    pool_and_dora: Vec<(Figures, Figures)>,
}

#[expect(clippy::print_stdout, reason = "prints its results")]
pub fn run(options: &Options) -> Result<()> {
    let paced = u64::from(RATE) * u64::from(options.seconds);
    let loads = [
        (RATE, u64::from(RATE), paced, format!("{RATE} frames/s")),
        (
            0,
            500,
            options.frames,
            format!("flat out, {} on their way", options.window),
        ),
    ];
    let mut records = Vec::new();
    for (rate, warm_up, frames, name) in loads {
        let one = |way| {
            let folder = tempfile::tempdir()?;
            measure(&Run {
                way,
                relays: options.relays,
                rate,
                window: options.window,
                warm_up,
                frames,
                folder: folder.path().to_owned(),
            })
        };
        let mut pairs = Vec::new();
        for sides in order(options.pairs) {
            let (mut pool, mut dora) = (None, None);
            for side in sides {
                match side {
                    Side::A => pool = Some(one(Way::Pool)?),
                    Side::B => dora = Some(one(Way::Dora)?),
                }
            }
            pairs.extend(pool.zip(dora));
        }
        let load = Load {
            name,
            relays: options.relays,
            pool_and_dora: pairs,
        };
        println!("{}\n", table(&load)?);
        records.push(load);
    }
    if let Some(path) = &options.json {
        fs::write(path, serde_json::to_vec_pretty(&records)?)
            .with_context(|| format!("cannot write '{}'", path.display()))?;
    }
    Ok(())
}

fn measure(run: &Run) -> Result<Figures> {
    let launch = Launch {
        graph: run.folder.join("graph.yml"),
        log: run.folder.join("dora.log"),
        stats: run.folder.join("stats"),
        ..Launch::default()
    };
    graph(run)?.write(&launch.graph)?;
    let mut running = Dataflow::start(&launch)?;
    // The receiver ends last.
    let path = run.folder.join("received.json");
    running.wait_for("the receiver's figures", RUN_AT_MOST, || {
        path.exists().then_some(())
    })?;
    let ended = running.wait(RUN_AT_MOST)?;
    ensure!(
        ended.success(),
        "the graph ended with {ended}: {}",
        running.log_end()
    );
    let received: Received = read(&path)?;
    let mut relays_cpu_micros = 0.0;
    for index in 1..=run.relays {
        let relayed: Relayed = read(&run.folder.join(format!("relay{index}.json")))?;
        relays_cpu_micros += relayed.cpu_micros;
    }
    Ok(Figures {
        relays_cpu_micros,
        sent: read(&run.folder.join("sent.json"))?,
        received,
        lost: run.frames - received.frames.min(run.frames),
    })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read(path).with_context(|| format!("cannot read '{}'", path.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

fn graph(run: &Run) -> Result<Graph> {
    let program = std::env::current_exe()?;
    let edge = |source: String| Input {
        queue_size: 64,
        queue_policy: (run.way == Way::Pool).then_some("backpressure"),
        ..Input::lossless(source)
    };
    let node = |id: &str, word: &str, input: (&str, Input), output: &str| Node {
        id: id.to_owned(),
        path: program.clone(),
        args: Some(word.to_owned()),
        inputs: [(input.0.to_owned(), input.1)].into(),
        outputs: vec![output.to_owned()],
        shared_memory_pool_size: (word != "receive").then(|| "256MB".to_owned()),
        ..Node::default()
    };
    let back = Input::lossless("receive/back");
    let mut nodes = vec![node("send", "send", ("back", back), "out")];
    let mut last = "send".to_owned();
    for index in 1..=run.relays {
        let id = format!("relay{index}");
        nodes.push(node(
            &id,
            "relay",
            ("in", edge(format!("{last}/out"))),
            "out",
        ));
        last = id;
    }
    let from_last = edge(format!("{last}/out"));
    nodes.push(node("receive", "receive", ("in", from_last), "back"));
    Ok(Graph {
        env: [(VARIABLE.to_owned(), serde_json::to_string(run)?.into())].into(),
        nodes,
    })
}

/// A row of the table: its name, and where its figure stands.
type Row<'a> = (&'a str, &'a dyn Fn(&Figures) -> f64);

fn table(load: &Load) -> Result<String> {
    let pairs = &load.pool_and_dora;
    let mut lines = vec![
        format!(
            "3 MiB frames, {}, {} relays, {} pairs A B B A; median (least to greatest)",
            load.name,
            load.relays,
            pairs.len()
        ),
        String::new(),
        "| | camweave pool | dora shared memory | pool / dora |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    let rows: [Row<'_>; 9] = [
        ("delivered, frames/s", &|it| it.received.fps),
        ("one-way latency p50, us", &|it| {
            it.received.latency_p50_micros
        }),
        ("one-way latency p99, us", &|it| {
            it.received.latency_p99_micros
        }),
        ("write and send p50, us", &|it| it.sent.send_p50_micros),
        ("CPU per frame, sender, us", &|it| it.sent.cpu_micros),
        ("CPU per frame, receiver, us", &|it| it.received.cpu_micros),
        ("CPU per frame, relays, us", &|it| it.relays_cpu_micros),
        ("CPU per frame, daemon, us", &|it| {
            it.received.daemon_cpu_micros
        }),
        ("**CPU per frame, all, us**", &Figures::cpu_micros),
    ];
    let none = "--pairs 0, expected at least 1";
    for (name, of) in rows {
        let pool = Spread::of(pairs.iter().map(|(pool, _)| of(pool))).context(none)?;
        let dora = Spread::of(pairs.iter().map(|(_, dora)| of(dora))).context(none)?;
        let ratios = pairs.iter().map(|(pool, dora)| of(pool) / of(dora));
        let ratio = Spread::of(ratios.filter(|ratio| ratio.is_finite()));
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| ratio.to_string());
        lines.push(format!("| {name} | {pool:.0} | {dora:.0} | {ratio} |"));
    }
    let sum = |of: &dyn Fn(&Figures) -> u64| {
        let (pool, dora) = pairs.iter().fold((0, 0), |(pool, dora), pair| {
            (pool + of(&pair.0), dora + of(&pair.1))
        });
        format!("{pool} | {dora} |")
    };
    lines.push(format!("| lost, all runs | {} |", sum(&|it| it.lost)));
    lines.push(format!(
        "| wrong bytes, all runs | {} |",
        sum(&|it| it.received.wrong)
    ));
    Ok(lines.join("\n"))
}
