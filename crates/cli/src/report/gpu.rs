use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use camweave_compare::targets::{Figures, Record, cameras, table};
use camweave_stage::Exit;
use clap::Subcommand;
use serde::Deserialize;

use super::files::{entries, load};
use super::watch;
use crate::error::CliError;
use crate::say::say;

/// So many frames show enough.
const BOXES_OF_FRAMES: usize = 1000;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// What was measured and what was to be reached, as Markdown
    Table {
        /// The folder of the figures
        results: PathBuf,
        /// Decoding engines of the device
        #[arg(long, env = "NVDEC_ENGINES", default_value_t = 7)]
        nvdec_engines: u32,
    },
    /// How many cameras of 30 frames/s make 80 % of the limit that has been measured
    Cameras {
        /// The folder of the figures
        results: PathBuf,
    },
    /// Note the memory of a run's processes, of dora and of the GPU, until this is ended
    Watch {
        /// The folder of the nodes' counters
        stats: PathBuf,
        /// Where it is noted
        file: PathBuf,
    },
    /// How many boxes the first frames of a detections.jsonl have
    Boxes {
        /// The file
        detections: PathBuf,
    },
}

pub fn run(command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Table {
            results,
            nvdec_engines,
        } => say!("{}", table(&figures(results)?, *nvdec_engines)),
        Command::Cameras { results } => {
            let cameras = cameras(&figures(results)?);
            let cameras = cameras.ok_or_else(|| {
                CliError::new(
                    Exit::Input,
                    "no limit has been measured, expected the parts decode, engine and many before, or LONG_CAMERAS",
                )
            })?;
            say!("{cameras}");
        }
        Command::Watch { stats, file } => watch::run(stats, file)?,
        Command::Boxes { detections } => say!("{}\n", boxes(detections)),
    }
    Ok(Exit::Success)
}

/// Reads all that has been measured so far.
fn figures(results: &Path) -> Result<Figures, CliError> {
    let mut figures = Figures {
        kernels: load(&results.join("kernels.json"))?.unwrap_or_default(),
        decode: load(&results.join("decode.json"))?.unwrap_or_default(),
        engine: load(&results.join("engine.json"))?.unwrap_or_default(),
        memory: load(&results.join("long-memory.json"))?.unwrap_or_default(),
        ..Figures::default()
    };
    let folders = entries(results)?.into_iter();
    for folder in folders.filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        if let Some(record) = load::<Record>(&folder.join("bench-fps.json"))? {
            figures.bench.insert(name.to_string(), record);
        }
        if let Some(name) = name.strip_prefix("many-")
            && let Some(record) = load::<Record>(&folder.join("summary.json"))?
        {
            figures.many.insert(name.to_owned(), record);
        }
    }
    Ok(figures)
}

#[derive(Deserialize)]
struct Line {
    boxes: Vec<[f32; 4]>,
}

/// Of as many lines as can be read: there may be no run, or a last line that was cut off.
fn boxes(path: &Path) -> String {
    let lines = File::open(path).map(|file| BufReader::new(file).lines());
    let lines = lines.into_iter().flatten().take(BOXES_OF_FRAMES);
    let counts: Vec<usize> = lines
        .map_while(|line| Some(serde_json::from_str::<Line>(&line.ok()?).ok()?.boxes.len()))
        .collect();
    let frames = counts.len();
    if frames == 0 {
        return "no frame reached the sink".to_owned();
    }
    let mean = counts.iter().sum::<usize>() as f64 / frames as f64;
    format!("boxes a frame, in {frames} frames: {mean:.1}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn boxes_of_whole_lines_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("detections.jsonl");
        assert_eq!(boxes(&path), "no frame reached the sink");
        let text = "{\"boxes\": [[0,0,1,1],[0,0,1,1]]}\n{\"boxes\": [[0,0,1,1]], \"camera\": \"a\"}\n{\"bo";
        fs::write(&path, text).expect("writable");
        assert_eq!(boxes(&path), "boxes a frame, in 2 frames: 1.5");
    }

    #[test]
    fn figures_are_found_where_the_benchmarks_leave_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, text).expect("writable");
        };
        write(
            "engine.json",
            r#"{"rows": [{"batch": 1, "enqueue_ms": 1, "graph_ms": null, "frames_per_second": 1000}]}"#,
        );
        write(
            "many-16/summary.json",
            r#"{"graphs": ["a.yml"], "runs": []}"#,
        );
        write("long/bench-fps.json", r#"{"runs": []}"#);
        let found = figures(folder.path()).expect("figures");
        assert_eq!(found.engine.rows.len(), 1);
        assert!(found.many.contains_key("16") && found.bench.contains_key("long"));
        assert_eq!(cameras(&found), Some(26));
        write("kernels.json", "[");
        let error = figures(folder.path()).expect_err("no JSON");
        assert!(error.to_string().contains("kernels.json"), "{error}");
    }
}
