//! `camweave model get`: a detector by name, made on this machine with its maker's own tool.

mod makers;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use camweave_outdir::{FILE_MODE, replace};
use camweave_runner::{signal, wait_until};
use camweave_stage::Exit;
use clap::Args;
use rustix::process::Signal;

use self::makers::{MAKERS, Maker, MakerFile};
use crate::error::CliError;
use crate::run::interruption;
use crate::say::{note, say};

/// Runs in the maker's environment.
const EXPORT: &str = include_str!("export.py");
/// The versions that an environment is made of.
const CONSTRAINTS: &str = include_str!("constraints.txt");
/// PyTorch without CUDA, which no export needs; where this cannot be reached, pip takes PyPI's.
const CPU_INDEX: &str = "https://download.pytorch.org/whl/cpu";

/// How often a program of the maker's is looked at, and how long it may take to end once it is told to.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const END_WITHIN: Duration = Duration::from_secs(10);

/// What to get.
#[derive(Debug, Args)]
pub struct Options {
    /// The detector's name; without one, all names are listed.
    name: Option<String>,
    /// The file to write, and its description beside it, FILE.yml [default: NAME.onnx].
    #[arg(long, value_name = "FILE.onnx")]
    out: Option<PathBuf>,
    /// Accept the detector's licence, where it asks for that.
    #[arg(long)]
    accept_license: bool,
    /// Fetch the maker's files from URL/FILE instead of the maker's servers.
    #[arg(long, value_name = "URL")]
    mirror: Option<String>,
    /// Take files whose SHA-256 is not that of the maker's: a maker's tool may execute them.
    #[arg(long)]
    accept_other_weights: bool,
    /// The Python (3.11 or later) that the maker's environment is made with.
    #[arg(long, value_name = "FILE", default_value = "python3")]
    python: PathBuf,
}

/// Makes the detector and its description, and has `camweave model show` check them.
pub fn run(options: &Options) -> Result<Exit, CliError> {
    let Some(name) = &options.name else {
        return list();
    };
    let maker = maker(name)?;
    accepted(maker, options.accept_license)?;
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| format!("{name}.onnx").into());
    if out.extension().is_none_or(|end| end != "onnx") {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "--out '{}', expected the name of an .onnx file",
                out.display()
            ),
        ));
    }
    if let Some(mirror) = options.mirror.as_deref().filter(|it| !is_trusted(it)) {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "--mirror '{mirror}', expected https://..., or http:// of this machine: what is fetched may be executed"
            ),
        ));
    }
    let description = out.with_extension("yml");
    for path in [&out, &description] {
        if path.symlink_metadata().is_ok() {
            let path = path.display();
            return Err(CliError::new(
                Exit::Configuration,
                format!("'{path}' exists: remove it, or name another file by --out"),
            ));
        }
    }
    let folder = folder(maker)?;
    let interrupted = interruption()?;
    let python = environment(maker, &options.python, &folder, &interrupted)?;
    let from = Origin {
        mirror: options.mirror.as_deref(),
        takes_any: options.accept_other_weights,
    };
    make(maker, &python, from, &folder, &interrupted)?;
    deliver(maker, &folder, &out, &description)?;
    say!("{}", out.display());
    check(&out)?;
    next(&out)?;
    Ok(Exit::Success)
}

/// Where files come from.
#[derive(Debug, Clone, Copy)]
struct Origin<'a> {
    /// Another server than the maker's.
    mirror: Option<&'a str>,
    /// Whether files of any SHA-256 are taken.
    takes_any: bool,
}

/// Whether nobody on the way can change what a mirror gives.
fn is_trusted(mirror: &str) -> bool {
    let Some(rest) = mirror.strip_prefix("http://") else {
        return mirror.starts_with("https://");
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    host == "localhost"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|it| it.is_loopback())
}

fn list() -> Result<Exit, CliError> {
    for maker in MAKERS {
        say!("{:<14} {:<11} {}", maker.name, maker.licence, maker.about);
    }
    Ok(Exit::Success)
}

fn maker(name: &str) -> Result<&'static Maker, CliError> {
    MAKERS
        .iter()
        .find(|maker| maker.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = MAKERS.iter().map(|maker| maker.name).collect();
            CliError::new(
                Exit::Configuration,
                format!("detector '{name}', expected one of {}", names.join(", ")),
            )
        })
}

/// Prints the licence; one with terms has to be accepted.
fn accepted(maker: &Maker, is_accepted: bool) -> Result<(), CliError> {
    note!("{}: {}, {}", maker.name, maker.about, maker.licence);
    match maker.terms {
        Some(terms) if !is_accepted => Err(CliError::new(
            Exit::Configuration,
            format!(
                "{} is licensed under {terms}; --accept-license accepts that",
                maker.name
            ),
        )),
        _ => Ok(()),
    }
}

/// The detector's folder in the user's cache: its environment, the maker's files, the export.
fn folder(maker: &Maker) -> Result<PathBuf, CliError> {
    let path = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = path("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| path("HOME").map(|home| Path::new(&home).join(".cache")));
    let cache = cache.ok_or_else(|| {
        CliError::new(
            Exit::Configuration,
            "no folder for the maker's tool: neither XDG_CACHE_HOME nor HOME is set",
        )
    })?;
    let folder = cache.join("camweave/makers").join(maker.name);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| CliError::file("create", &folder, &error))?;
    Ok(folder)
}

/// A Python with what the maker's tool needs. One that pip did not finish is made again.
fn environment(
    maker: &Maker,
    python: &Path,
    folder: &Path,
    interrupted: &AtomicBool,
) -> Result<PathBuf, CliError> {
    let packages = maker.tool.packages();
    if packages.is_empty() {
        return Ok(python.to_owned());
    }
    let environment = folder.join("python");
    let (own, mark) = (
        environment.join("bin/python3"),
        environment.join("camweave-packages"),
    );
    let wanted = packages.join(" ");
    let made_of = format!("{wanted}\n{CONSTRAINTS}");
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == made_of) {
        return Ok(own);
    }
    let constraints = folder.join("constraints.txt");
    fs::write(&constraints, CONSTRAINTS)
        .map_err(|error| CliError::file("write", &constraints, &error))?;
    note!("installing {wanted} into {}", environment.display());
    // Gigabytes, of which a log needs no bars.
    let bars = if std::io::stderr().is_terminal() {
        "on"
    } else {
        "off"
    };
    ended(
        Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
        "python3 -m venv does not work (Debian: apt install python3-venv)",
        interrupted,
    )?;
    ended(
        Command::new(&own)
            .args(["-m", "pip", "install", "--disable-pip-version-check"])
            .args(["--progress-bar", bars, "--retries", "1", "--timeout", "30"])
            .args(["--extra-index-url", CPU_INDEX, "--constraint"])
            .arg(&constraints)
            .args(packages),
        "pip could not install the maker's tool",
        interrupted,
    )?;
    fs::write(&mark, made_of).map_err(|error| CliError::file("write", &mark, &error))?;
    Ok(own)
}

/// Fetches the maker's files and runs its export: `NAME.onnx` and `NAME.json` in the folder.
fn make(
    maker: &Maker,
    python: &Path,
    from: Origin<'_>,
    folder: &Path,
    interrupted: &AtomicBool,
) -> Result<(), CliError> {
    let mut command = Command::new(python);
    command
        .args(["-c", EXPORT, maker.tool.word(), maker.name])
        .arg(folder)
        .current_dir(folder)
        // What tracing a network warns of is its maker's matter.
        .env("PYTHONWARNINGS", "ignore");
    for MakerFile { name, url, sha256 } in maker.files {
        let url = from.mirror.map_or_else(
            || (*url).to_owned(),
            |mirror| format!("{}/{name}", mirror.trim_end_matches('/')),
        );
        let sha256 = sha256.filter(|_| !from.takes_any).unwrap_or_default();
        command.arg(name).arg(url).arg(sha256);
    }
    ended(
        &mut command,
        &format!("{} could not be made, see above", maker.name),
        interrupted,
    )
}

/// Runs a program of the maker's, whose output is the user's to see, until it ends or this one is told
/// to.
fn ended(command: &mut Command, otherwise: &str, interrupted: &AtomicBool) -> Result<(), CliError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        // What this command prints to standard output is its own.
        .stdout(std::io::stderr())
        .spawn()
        .map_err(|error| CliError::new(Exit::Missing, format!("'{program}': {error}")))?;
    let status = loop {
        if let Some(status) = wait_until(&mut child, Instant::now() + LOOK_EVERY) {
            break status;
        }
        if interrupted.load(Ordering::Acquire) {
            signal(child.id(), Signal::INT);
            if wait_until(&mut child, Instant::now() + END_WITHIN).is_none() {
                drop(child.kill());
                drop(child.wait());
            }
            return Err(CliError::new(Exit::Incomplete, "interrupted"));
        }
    };
    if status.success() {
        return Ok(());
    }
    if interrupted.load(Ordering::Acquire) {
        return Err(CliError::new(Exit::Incomplete, "interrupted"));
    }
    Err(CliError::new(
        Exit::Missing,
        format!("{otherwise} ({program}: {status})"),
    ))
}

/// Puts the model and its description where the user wants them.
fn deliver(maker: &Maker, folder: &Path, out: &Path, description: &Path) -> Result<(), CliError> {
    let made = folder.join(format!("{}.onnx", maker.name));
    let model = fs::read(&made).map_err(|error| CliError::file("read", &made, &error))?;
    let names = folder.join(format!("{}.json", maker.name));
    let text = fs::read(&names).map_err(|error| CliError::file("read", &names, &error))?;
    let parsed = serde_json::from_slice(&text)
        .map_err(|error| CliError::new(Exit::Input, format!("'{}': {error}", names.display())))?;
    if let Some(text) = described(maker, &parsed) {
        replace(description, text.as_bytes(), FILE_MODE)
            .map_err(|error| CliError::file("write", description, &error))?;
    }
    replace(out, &model, FILE_MODE).map_err(|error| CliError::file("write", out, &error))
}

/// The text of the description; `None` where the model's file says enough.
fn described(maker: &Maker, names: &BTreeMap<u32, String>) -> Option<String> {
    let family = maker.family?;
    let mut text = format!(
        "# {}: {}, {}; made by camweave model get.\nfamily: {family}\nnames:\n",
        maker.name, maker.about, maker.licence
    );
    for (number, name) in names {
        // JSON's strings are YAML's too; writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {number}: {}",
            serde_json::Value::from(name.as_str())
        );
    }
    Some(text)
}

/// What `camweave model show` says of it, with its trial.
fn check(out: &Path) -> Result<(), CliError> {
    let program = std::env::current_exe()
        .map_err(|error| CliError::new(Exit::Resource, format!("camweave itself: {error}")))?;
    let status = Command::new(&program)
        .args(["model", "show"])
        .arg(out)
        .status()
        .map_err(|error| CliError::file("run", &program, &error))?;
    if status.success() {
        return Ok(());
    }
    Err(CliError::new(
        Exit::Input,
        format!(
            "'{}' was made, and 'camweave model show' refuses it, see above",
            out.display()
        ),
    ))
}

/// Prints what to do with it.
fn next(out: &Path) -> Result<(), CliError> {
    let file = out.display();
    say!("next: camweave demo --cameras-file cameras.yml --model {file}");
    if camweave_cuda::Context::open(0).is_ok() {
        say!("on the GPU, once before that (minutes): camweave engine build {file}");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
