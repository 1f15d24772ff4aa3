//! `camweave engine info`.

use std::path::Path;

use camweave_model::ModelFile;
use camweave_stage::Exit;
use camweave_tensorrt::{PlanHeader, Sidecar, TensorRt, sidecar_path};

use super::{device, of_model, of_tensorrt, read};
use crate::error::CliError;
use crate::say::say;

/// Shows what a file is.
pub fn show(file: &Path) -> Result<Exit, CliError> {
    let lines = if file.extension().is_some_and(|end| end == "onnx") {
        onnx(file)?
    } else {
        plan(file)?
    };
    for (name, value) in lines {
        say!("{name:<12} {value}");
    }
    Ok(Exit::Success)
}

type Lines = Vec<(&'static str, String)>;

fn onnx(path: &Path) -> Result<Lines, CliError> {
    let file = ModelFile::read(path).map_err(|error| of_model(&error))?;
    let open = |size: Option<u32>| size.map_or_else(|| "open".to_owned(), |size| size.to_string());
    let (width, height) = (open(file.input.width), open(file.input.height));
    let batch = file.input.batch;
    let metadata = &file.metadata;
    Ok(vec![
        ("file", format!("ONNX, {}", file.id)),
        (
            "input",
            format!(
                "'{}', {}",
                file.input.name,
                file.input.element_type.as_str()
            ),
        ),
        ("width", width),
        ("height", height),
        (
            "batch",
            batch.map_or_else(|| "dynamic".to_owned(), |batch| format!("fixed {batch}")),
        ),
        (
            "exported for",
            metadata.size.map_or_else(
                || "not said".to_owned(),
                |(width, height)| format!("{width}x{height}"),
            ),
        ),
        ("classes", classes(metadata.class_names.as_deref())),
    ])
}

fn classes(names: Option<&[String]>) -> String {
    match names {
        None => "not named".to_owned(),
        Some(names) => format!("{}: {}", names.len(), names.join(", ")),
    }
}

fn plan(path: &Path) -> Result<Lines, CliError> {
    let bytes = read(path)?;
    let header = PlanHeader::read(&path.display().to_string(), &bytes)
        .map_err(|error| of_tensorrt(&error))?;
    let mut lines = vec![
        ("file", format!("plan, {} bytes", bytes.len())),
        ("built by", format!("TensorRT {}", header.version_text())),
    ];
    let sidecar = Sidecar::read(&sidecar_path(path)).map_err(|error| of_tensorrt(&error))?;
    let Some(sidecar) = sidecar else {
        lines.push(("sidecar", "none: only TensorRT can tell more".to_owned()));
        return Ok(lines);
    };
    let spec = &sidecar.spec;
    let capability = spec.gpu.compute_capability;
    lines.extend([
        ("model", sidecar.model.id.clone()),
        ("classes", classes(sidecar.model.class_names.as_deref())),
        ("input", format!("{}x{}", spec.width, spec.height)),
        (
            "batch",
            format!(
                "{} to {}, tuned for {}",
                spec.batch.min, spec.batch.max, spec.batch.opt
            ),
        ),
        ("precision", spec.precision.to_string()),
        (
            "for",
            format!(
                "{} (compute capability {}.{}), {}{}",
                spec.gpu.name,
                capability.0,
                capability.1,
                spec.tensorrt,
                if spec.version_compatible {
                    " and later"
                } else {
                    ""
                }
            ),
        ),
        ("fits here", fits(&sidecar, &bytes)),
    ]);
    Ok(lines)
}

/// Whether the plan is whole and can run on this machine.
fn fits(sidecar: &Sidecar, plan: &[u8]) -> String {
    if let Err(what) = sidecar.check_plan(plan) {
        return format!("no: the plan {what}");
    }
    let here = device(0)
        .map_err(|error| error.to_string())
        .and_then(|(_, gpu)| {
            let tensorrt = TensorRt::load().map_err(|error| error.to_string())?;
            Ok((tensorrt.version(), gpu))
        });
    match here {
        Err(what) => format!("no: {what}"),
        Ok((tensorrt, gpu)) => match sidecar.check_place(tensorrt, &gpu) {
            Ok(()) => format!("yes: {}, {tensorrt}", gpu.name),
            Err(what) => format!("no: the plan {what}"),
        },
    }
}
