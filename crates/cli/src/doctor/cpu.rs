//! What the CPU graphs use.

use std::process::{Command, Stdio};

use ffmpeg_next::codec::{self, Id, decoder};

use super::library::{self, Search};
use super::report::{Need, Row, State};
use camweave_runner::places;

/// The version of dora that the nodes are built for; its messages change with the minor one.
const DORA: &str = "1.1.";
/// The least minor version of ONNX Runtime 1 whose interface cpu-infer uses.
const ONNXRUNTIME: u32 = 24;

pub fn rows() -> Vec<Row> {
    vec![ffmpeg(), dora(), openvino(), onnxruntime()]
}

fn ffmpeg() -> Row {
    let version = codec::version();
    let (major, minor) = (version >> 16, version >> 8 & 0xff);
    let release = match major {
        59 => "FFmpeg 5",
        60 => "FFmpeg 6",
        61 => "FFmpeg 7",
        62 => "FFmpeg 8",
        _ => "another FFmpeg",
    };
    let codecs = [
        ("H.264", Id::H264),
        ("H.265", Id::HEVC),
        ("VP9", Id::VP9),
        ("AV1", Id::AV1),
        ("Motion JPEG", Id::MJPEG),
        ("MPEG-4 part 2", Id::MPEG4),
    ];
    let (there, lacking): (Vec<_>, Vec<_>) = codecs
        .into_iter()
        .partition(|(_, id)| decoder::find(*id).is_some());
    let names = |list: &[(&'static str, Id)]| {
        let names: Vec<&str> = list.iter().map(|it| it.0).collect();
        names.join(", ")
    };
    let mut found = format!(
        "libavcodec {major}.{minor} ({release}), decodes {}",
        names(&there)
    );
    if !lacking.is_empty() {
        found = format!("{found}, not {}", names(&lacking));
    }
    // Cameras send these two.
    let serves = there.iter().any(|it| it.1 == Id::H264) && there.iter().any(|it| it.1 == Id::HEVC);
    Row {
        name: "FFmpeg",
        state: if serves { State::Ok } else { State::Broken },
        found,
        need: Need::Cpu,
        used_for: "the nodes rtsp-source, file-source and sw-decode, and the simulated cameras",
        without: "nothing that reads cameras or files",
        get: "libavcodec-dev libavformat-dev libavutil-dev libswscale-dev (Debian, Ubuntu), by scripts/setup.sh",
        decodes: Vec::new(),
    }
}

fn dora() -> Row {
    let program = places::dora();
    let output = Command::new(&program)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    let (state, found) = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (
            State::Missing,
            format!("'{}' not found in PATH", program.display()),
        ),
        Err(error) => (State::Broken, format!("'{}': {error}", program.display())),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let line = text.lines().next().unwrap_or_default().trim();
            let fits = line.split_whitespace().any(|word| word.starts_with(DORA));
            if output.status.success() && fits {
                (State::Ok, line.to_owned())
            } else {
                let program = program.display();
                (
                    State::Broken,
                    format!("'{program} --version' says '{line}', expected {DORA}x"),
                )
            }
        }
    };
    Row {
        name: "dora",
        state,
        found,
        need: Need::Cpu,
        used_for: "running graphs",
        without: "no graph runs",
        get: "scripts/setup.sh, or PyPI: dora-rs-cli==1.1.0; CAMWEAVE_DORA names one outside PATH",
        decodes: Vec::new(),
    }
}

fn openvino() -> Row {
    const NAME: &str = "libopenvino_c.so";
    let variable = "OPENVINO_DYLIB_PATH";
    let named = std::env::var(variable).unwrap_or_default();
    let brought = beside_programs(NAME);
    let search = match (named.is_empty(), brought) {
        (false, _) => match library::open(&named) {
            Ok(library) => Search::Loaded(variable, library),
            Err(error) => Search::Broken(format!("{variable}='{named}': {error}")),
        },
        (true, Some(path)) => match library::open(&path) {
            Ok(library) => Search::Loaded("the one beside the programs", library),
            Err(error) => Search::Broken(format!("'{path}': {error}")),
        },
        (true, None) => library::search(&[NAME]),
    };
    let (state, found) = match search {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) if library::has(&library, "ov_get_openvino_version") => {
            (State::Ok, name.to_owned())
        }
        Search::Loaded(name, _) => (
            State::Broken,
            format!("{name} has no ov_get_openvino_version, expected OpenVINO"),
        ),
    };
    Row {
        name: "OpenVINO",
        state,
        found,
        need: Need::Optional,
        used_for: "fast inference on the CPU (cpu-infer)",
        without: "everything, more slowly: cpu-infer takes ONNX Runtime, or rten, which is built in",
        get: "scripts/setup.sh, or PyPI: openvino, with OPENVINO_DYLIB_PATH in the graph naming its libopenvino_c.so.*",
        decodes: Vec::new(),
    }
}

/// The newest library of this name in the folder `engines` beside the programs.
fn beside_programs(name: &str) -> Option<String> {
    let folder = std::env::current_exe().ok()?.parent()?.join("engines");
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let paths = entries.map(|entry| entry.path()).filter(|path| {
        let file = path.file_name().and_then(|it| it.to_str());
        file.is_some_and(|file| file.starts_with(name))
    });
    paths.max()?.to_str().map(str::to_owned)
}

fn onnxruntime() -> Row {
    let named = std::env::var("ORT_DYLIB_PATH").unwrap_or_default();
    let search = if named.is_empty() {
        library::search(&["libonnxruntime.so", "libonnxruntime.so.1"])
    } else {
        match library::open(&named) {
            Ok(library) => Search::Loaded("ORT_DYLIB_PATH", library),
            Err(error) => Search::Broken(format!("ORT_DYLIB_PATH='{named}': {error}")),
        }
    };
    let (state, found) = match search {
        Search::Missing(why) => (State::Missing, why),
        Search::Broken(why) => (State::Broken, why),
        Search::Loaded(name, library) => match library::onnxruntime_version(&library) {
            None => (
                State::Broken,
                format!("{name} has no OrtGetApiBase, expected ONNX Runtime"),
            ),
            Some(version) if is_new_enough(&version) => (State::Ok, format!("{name} {version}")),
            Some(version) => (
                State::Broken,
                format!("{name} {version}, expected 1.{ONNXRUNTIME} or newer"),
            ),
        },
    };
    Row {
        name: "ONNX Runtime",
        state,
        found,
        need: Need::Optional,
        used_for: "faster inference on the CPU (cpu-infer)",
        without: "everything: cpu-infer has rten built in",
        get: "PyPI: onnxruntime, with ORT_DYLIB_PATH naming its libonnxruntime.so.1.*",
        decodes: Vec::new(),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(1)), Some(Ok(minor))) => minor >= ONNXRUNTIME,
        (Some(Ok(major)), _) => major > 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_onnx_runtime() {
        for (version, fits) in [
            ("1.24.0", true),
            ("1.23.2", false),
            ("1.30", true),
            ("2.0.0", true),
            ("0.9", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), fits, "{version}");
        }
    }
}
