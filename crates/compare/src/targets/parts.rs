//! The rows of each part of the benchmarks.

use std::collections::BTreeMap;

use super::figures::{CAMERA_FPS, Figures, mean};
use super::memory;
use super::table::{Row, Share, Table};
use crate::Run;

/// NVIDIA's rates of one NVDEC engine at 1080p and this clock (H100, H200).
const NVDEC_RATES: [(&str, f64); 2] = [("h264", 771.0), ("h265", 1316.0)];
const NVDEC_CLOCK_MHZ: f64 = 1860.0;

/// Frames per second of all cameras, on average.
pub(super) fn rate(runs: &[&Run]) -> Option<f64> {
    mean(runs.iter().map(|run| run.combined_fps))
}

/// GPU and NVDEC busy, in percent.
fn busy(runs: &[&Run]) -> [Option<f64>; 2] {
    let seen = || runs.iter().filter_map(|run| run.gpu);
    [
        mean(seen().map(|gpu| gpu.busy_percent)),
        mean(seen().map(|gpu| gpu.decoder_percent)),
    ]
}

fn dropped(runs: &[&Run]) -> String {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in runs.iter().flat_map(|run| &run.dropped) {
        *reasons.entry(reason).or_default() += count;
    }
    if reasons.is_empty() {
        return "none dropped".to_owned();
    }
    let parts = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"));
    format!("dropped: {}", parts.collect::<Vec<_>>().join(", "))
}

fn cost(runs: &[&Run]) -> String {
    let cpu = mean(runs.iter().map(|run| run.cpu_ms())).unwrap_or(0.0);
    format!("{cpu:.2} ms CPU a frame; {}", dropped(runs))
}

pub(super) fn kernels(figures: &Figures, table: &mut Table) {
    let of = |kernel: &str, batch: u32| {
        let rows = figures.kernels.iter();
        let rows = rows.filter(move |row| row.kernel == kernel && row.batch == batch);
        rows.collect::<Vec<_>>()
    };
    for (batch, reach) in [(1, 0.10), (32, 0.30)] {
        for row in of("postprocess", batch) {
            let ms = row.median_ms;
            table.add(Row {
                what: format!("postprocess, batch {batch}, with the copy to the host"),
                measured: format!("{ms:.3} ms"),
                reach: format!("<= {reach:.2} ms"),
                met: Some(ms <= reach),
                note: row.what.clone(),
                ..Row::default()
            });
        }
    }
    let (batch, reach) = (16, 0.008);
    for row in of("letterbox", batch) {
        if !row.what.to_lowercase().starts_with("nv12") {
            continue;
        }
        let each = row.median_ms / f64::from(batch);
        table.add(Row {
            what: format!("preprocess 1080p NV12 to 640 FP16, batch {batch}"),
            measured: format!("{each:.4} ms a frame"),
            reach: format!("<= {reach} ms"),
            met: Some(each <= reach),
            ..Row::default()
        });
    }
}

pub(super) fn alone(figures: &Figures, engines: u32, table: &mut Table) {
    for row in &figures.engine.rows {
        if [1, 32].contains(&row.batch) {
            let best = row
                .graph_ms
                .map_or(row.enqueue_ms, |it| it.min(row.enqueue_ms));
            table.add(Row {
                what: format!("engine alone, batch {}", row.batch),
                measured: format!("{:.0} frames/s", row.frames_per_second),
                note: format!("{best:.3} ms a batch"),
                ..Row::default()
            });
        }
    }
    for (codec, each) in NVDEC_RATES {
        let best = figures.decode_rate(codec, None);
        let mut is_shown = false;
        for row in figures.decoded(codec) {
            let value = row.frames_per_second;
            let is_best = !is_shown && best == Some(value);
            is_shown |= is_best;
            if row.streams != 1 && !is_best {
                continue;
            }
            let shown = Row {
                what: format!("decoder alone, {codec}, streams: {}", row.streams),
                measured: format!("{value:.0} frames/s"),
                busy: [None, row.decoder_percent],
                note: format!(
                    "{:.2} ms CPU a frame, {:.0} MiB a stream",
                    row.cpu_ms, row.memory_mib
                ),
                ..Row::default()
            };
            match row.video_clock_mhz.filter(|clock| is_best && *clock > 0.0) {
                None => table.add(shown),
                Some(clock) => {
                    let share = Share {
                        share: 0.95,
                        of: &format!("{engines} engines at {clock:.0} MHz"),
                        rate: Some(f64::from(engines) * each * clock / NVDEC_CLOCK_MHZ),
                    };
                    table.ratio(shown, value, share);
                }
            }
        }
    }
}

pub(super) fn one(figures: &Figures, table: &mut Table) {
    for graph in ["fused", "batched"] {
        let Some(record) = figures.bench.get(&format!("one-{graph}")) else {
            continue;
        };
        let mut single = None;
        for runs in record.settings().values() {
            let cameras = runs[0].cameras.len();
            let value = rate(runs).unwrap_or(0.0) / cameras as f64;
            let row = |what| Row {
                what,
                busy: busy(runs),
                note: cost(runs),
                ..Row::default()
            };
            let share = |of, rate| Share {
                share: 0.95,
                of,
                rate,
            };
            if cameras == 1 {
                single = Some(value);
                let decoder = share("the decoder alone", figures.decode_rate("h264", Some(1)));
                table.ratio(
                    row(format!("one stream to detections, {graph}")),
                    value,
                    decoder,
                );
            } else {
                let what = format!("{cameras} streams to detections, {graph}, each");
                table.ratio(row(what), value, share("one stream", single));
            }
        }
    }
}

pub(super) fn many(figures: &Figures, table: &mut Table) {
    for (name, record) in &figures.many {
        let codec = if name.ends_with("hevc") {
            "h265"
        } else {
            "h264"
        };
        let fused = record.whole(0);
        let reference = rate(&fused);
        if let Some(value) = reference {
            let (of, rate) = figures.limit(codec);
            let row = Row {
                what: format!("streams: {name}, fused"),
                busy: busy(&fused),
                note: cost(&fused),
                ..Row::default()
            };
            let share = Share {
                share: 0.90,
                of,
                rate,
            };
            table.ratio(row, value, share);
        }
        for (graph, path) in record.graphs.iter().enumerate().skip(1) {
            let runs = record.whole(graph);
            let Some(value) = rate(&runs) else { continue };
            let under_mps = !path.ends_with("-without-mps.yml") && record.graphs.len() > 2;
            let with = if under_mps { "under" } else { "without" };
            let row = Row {
                what: format!("streams: {name}, separate processes {with} MPS"),
                busy: busy(&runs),
                note: cost(&runs),
                ..Row::default()
            };
            if under_mps {
                let share = Share {
                    share: 0.90,
                    of: "fused",
                    rate: reference,
                };
                table.ratio(row, value, share);
                continue;
            }
            let of_fused = reference.map(|it| format!("{:.1}% of fused; ", 100.0 * value / it));
            table.add(Row {
                measured: format!("{value:.0} frames/s"),
                note: of_fused.unwrap_or_default() + &row.note,
                ..row
            });
        }
    }
}

pub(super) fn live(figures: &Figures, table: &mut Table) {
    for name in ["live-fused", "live-batched", "long"] {
        let Some(record) = figures.bench.get(name) else {
            continue;
        };
        for run in record.settings().into_values().flatten() {
            let cameras = run.cameras.len();
            let lost: u64 = run.dropped.values().sum();
            let (p50, p99) = (run.latency_ms.p50, run.latency_ms.p99);
            let fps = run.combined_fps / cameras as f64;
            // A camera that sends less than its rate would hide an overload.
            let kept_up = lost == 0 && fps >= 0.99 * CAMERA_FPS;
            let met = kept_up && (name == "long" || (p99 <= 60.0 && cameras >= 100));
            let reach = match name {
                "long" => "no drop",
                _ => ">= 100 cameras, no drop, p99 <= 60 ms",
            };
            let memory = run.gpu.map(|gpu| gpu.memory_mib / cameras as f64);
            let memory = memory.filter(|mib| *mib > 0.0);
            let memory = memory.map(|mib| format!("; {mib:.0} MiB of the device a camera"));
            let row = Row {
                what: format!("{name}: {cameras} RTSP cameras, {:.0} s", run.seconds),
                measured: format!("p99 {p99:.1} ms, {lost} dropped"),
                reach: reach.to_owned(),
                met: Some(met),
                busy: busy(&[run]),
                note: format!(
                    "{fps:.2} frames/s each; p50 {p50:.1} ms; {}{}",
                    dropped(&[run]),
                    memory.unwrap_or_default()
                ),
            };
            let busy = row.busy;
            table.add(row);
            // Milliseconds a frame times frames per second are milliseconds a second.
            let of_core = |ms: f64| ms * fps / 10.0;
            let percent = of_core(run.cpu_ms());
            let nodes = run.nodes.iter();
            let nodes = nodes.map(|(node, it)| format!("{node} {:.2}", of_core(it.cpu_ms)));
            table.add(Row {
                what: format!("{name}: host CPU a camera"),
                measured: format!("{percent:.2} % of a core"),
                reach: "<= 3 %".to_owned(),
                met: Some(percent <= 3.0),
                busy,
                note: nodes.collect::<Vec<_>>().join(", "),
            });
            if name == "long" {
                memory::rows(&figures.memory, run, table);
            }
        }
    }
}

/// Runs that are not whole are in no other row.
pub(super) fn broken(figures: &Figures, table: &mut Table) {
    let many = figures.many.iter();
    let many = many.map(|(name, record)| (format!("many-{name}"), record));
    let bench = figures.bench.iter();
    let records: BTreeMap<String, _> = bench
        .map(|(name, record)| (name.clone(), record))
        .chain(many)
        .collect();
    for (name, record) in records {
        for run in &record.runs {
            if let Some(reason) = &run.partial {
                table.add(Row {
                    what: format!("{name}, run {}", run.place + 1),
                    measured: "not whole".to_owned(),
                    met: Some(false),
                    busy: busy(&[run]),
                    note: reason.replace('|', "/"),
                    ..Row::default()
                });
            }
        }
    }
}
