use std::path::PathBuf;

use camweave_compare::commits::{self, Output, Printed};
use camweave_stage::Exit;
use clap::Args;

use super::files::entries;
use crate::error::CliError;
use crate::say::say;

/// The options.
#[derive(Debug, Args)]
pub struct Options {
    /// The folder with what each run printed: BENCH.SIDE.NUMBER.divan or .callgrind
    pub folder: PathBuf,
    /// What the first commit is called
    pub a: String,
    /// What the second one is called
    pub b: String,
    /// Percent of change that is of interest
    #[arg(long, default_value_t = 3.0)]
    pub margin: f64,
}

pub fn run(options: &Options) -> Result<Exit, CliError> {
    let mut outputs = Vec::new();
    for path in entries(&options.folder)? {
        let bytes = std::fs::read(&path).map_err(|error| CliError::file("read", &path, &error))?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        outputs.push(output(&name, text).ok_or_else(|| {
            let line = format!(
                "'{}': expected a name such as pool.A.1.divan",
                path.display()
            );
            CliError::new(Exit::Input, line)
        })?);
    }
    let text = commits::report(&outputs, [&options.a, &options.b], options.margin);
    say!("{}", text.trim_end());
    Ok(Exit::Success)
}

fn output(name: &str, text: String) -> Option<Output> {
    let mut parts = name.rsplitn(4, '.');
    let printed = match parts.next()? {
        "divan" => Printed::Divan,
        "callgrind" => Printed::Callgrind,
        _ => return None,
    };
    let place = parts.next()?.parse().ok()?;
    let is_b = match parts.next()? {
        "A" => false,
        "B" => true,
        _ => return None,
    };
    Some(Output {
        bench: parts.next()?.to_owned(),
        is_b,
        place,
        printed,
        text,
    })
}

pub fn names() -> Result<Exit, CliError> {
    let list = std::io::read_to_string(std::io::stdin())
        .map_err(|error| CliError::file("read", "standard input".as_ref(), &error))?;
    for name in commits::names(&list) {
        say!("{name}");
    }
    Ok(Exit::Success)
}
