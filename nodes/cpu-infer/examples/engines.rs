//! Compares the engines on one model: milliseconds per frame, and how far their outputs are apart.
//!
//! `cargo run --release -p camweave-cpu-infer --example engines -- MODEL [BATCH] [THREADS]`, with
//! `ORT_DYLIB_PATH` set to ONNX Runtime's library.
#![expect(clippy::print_stdout, reason = "the answer of a program for people")]

use std::path::PathBuf;
use std::time::Instant;

use camweave_cpu_infer::{Detector, DetectorOptions, EngineChoice, Libraries};

const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = PathBuf::from(
        arguments
            .next()
            .ok_or("usage: engines MODEL [BATCH] [THREADS]")?,
    );
    let batch: usize = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let threads: usize = arguments.next().map_or(Ok(0), |text| text.parse())?;
    let mut outputs: Vec<Vec<f32>> = Vec::new();
    let engines = EngineChoice::ALL.into_iter();
    for engine in engines.filter(|engine| *engine != EngineChoice::Auto) {
        let options = DetectorOptions {
            model: model.clone(),
            engine,
            libraries: Libraries {
                onnxruntime: std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from),
                openvino: std::env::var_os("OPENVINO_DYLIB_PATH").map(PathBuf::from),
            },
            threads,
            side: 0,
            max_batch: batch,
            family: None,
        };
        let opening = Instant::now();
        let mut detector = match Detector::open(&options) {
            Ok(detector) => detector,
            Err(error) => {
                println!("{error}");
                continue;
            }
        };
        let opened = opening.elapsed();
        for (index, value) in detector.input(batch).iter_mut().enumerate() {
            *value = ((index * 7919) % 1021) as f32 / 1021.0;
        }
        let mut millis = Vec::new();
        let mut output = Vec::new();
        for _ in 0..ROUNDS {
            output.clear();
            let began = Instant::now();
            detector.run(batch, |_, head| output.extend_from_slice(head))?;
            millis.push(began.elapsed().as_secs_f64() * 1e3 / batch as f64);
        }
        millis.sort_by(f64::total_cmp);
        let (name, reason) = detector.engine_choice();
        println!(
            "{name} ({reason}): {:?} {} on {} threads, opened in {:.2} s; ms per frame: least {:.1}, median {:.1}",
            detector.model().size,
            detector.model().format,
            detector.threads(),
            opened.as_secs_f64(),
            millis[0],
            millis[ROUNDS / 2],
        );
        outputs.push(output);
    }
    let first = outputs.first().cloned().unwrap_or_default();
    for second in outputs.iter().skip(1) {
        let differences = first.iter().zip(second).map(|(a, b)| (a - b).abs());
        println!(
            "largest difference of {} values: {:e}",
            first.len(),
            differences.fold(0.0, f32::max)
        );
    }
    Ok(())
}
