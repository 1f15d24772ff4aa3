//! The graphs and models that come with camweave: in a checkout the checkout's, elsewhere those that
//! this program carries and that were installed beside it.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use camweave_outdir::{FILE_MODE, replace};
use camweave_runner::places;
use camweave_stage::Exit;

use crate::error::CliError;
use crate::say::say;

/// The detector of the shipped graphs.
pub const DETECTOR: &str = "camweave-street-448x256.onnx";

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../dataflows/", $name)))),*]
    };
}

/// The files of `dataflows/`, without the graph that needs the examples of the checkout.
const FILES: &[(&str, &str)] = files![
    "cameras.example.yml"
    "cpu-batched.yml"
    "cpu-classify.yml"
    "cpu-dashboard.yml"
    "cpu-events.yml"
    "cpu-fused-dashboard.yml"
    "cpu-fused.yml"
    "cpu-metrics.yml"
    "cpu-recording.yml"
    "cpu-sequential.yml"
    "files-batched.yml"
    "gpu-batched.yml"
    "gpu-classify.yml"
    "gpu-dashboard.yml"
    "gpu-fused.yml"
    "gpu-sequential.yml"
    "mixed-batched.yml"
    "modules/detect-batched.yml"
    "modules/detect-gpu-batched.yml"
    "modules/detect-gpu-sequential.yml"
    "modules/detect-sequential.yml"
    "rules.example.yml"
];

/// The graphs among them, with what they are.
fn graphs() -> impl Iterator<Item = (&'static str, String)> {
    let no_graphs = ["modules/", "cameras.", "rules."];
    let graphs = FILES
        .iter()
        .filter(move |(name, _)| !no_graphs.iter().any(|it| name.starts_with(it)));
    graphs.map(|(name, text)| {
        let about = text.lines().map_while(|line| line.strip_prefix("# "));
        (*name, about.collect::<Vec<_>>().join(" "))
    })
}

/// The file of a shipped graph: the checkout's, else a copy in the user's cache.
///
/// # Errors
/// The copy cannot be written.
pub fn graph(name: &str) -> Result<PathBuf, CliError> {
    let root = match places::checkout() {
        Some(checkout) => checkout,
        None => cached()?,
    };
    Ok(root.join("dataflows").join(name))
}

/// The graph that a user names: a file, else the shipped one of that name.
///
/// # Errors
/// The copy of a shipped one cannot be written.
pub fn named(path: &Path) -> Result<PathBuf, CliError> {
    let name = path.strip_prefix("dataflows").unwrap_or(path);
    match graphs().find(|(shipped, _)| name == Path::new(shipped)) {
        Some((shipped, _)) if !path.exists() => graph(shipped),
        _ => Ok(path.to_owned()),
    }
}

/// The graph that a user names, else the shipped one of this name.
///
/// # Errors
/// The copy of a shipped one cannot be written.
pub fn named_or(path: Option<&PathBuf>, name: &str) -> Result<PathBuf, CliError> {
    path.map_or_else(|| graph(name), |path| named(path))
}

/// The file of a shipped model: the checkout's, or the one that was installed beside this program.
///
/// # Errors
/// It is in none of these places.
pub fn model(name: &str) -> Result<PathBuf, CliError> {
    let places = model_folders();
    let mut files = places.iter().map(|folder| folder.join(name));
    if let Some(found) = files.find_map(|file| file.canonicalize().ok()) {
        return Ok(found);
    }
    let places: Vec<String> = places
        .iter()
        .map(|folder| format!("'{}'", folder.display()))
        .collect();
    Err(CliError::new(
        Exit::Missing,
        format!(
            "the model '{name}' was looked for in {}, and not found; name one with --model",
            places.join(" and ")
        ),
    ))
}

/// Where models may be.
fn model_folders() -> Vec<PathBuf> {
    let checkout = places::checkout().map(|folder| folder.join("models"));
    let program = programs().ok();
    let beside = program
        .as_deref()
        .and_then(Path::parent)
        .map(|folder| folder.join("share/camweave/models"));
    checkout.into_iter().chain(beside).collect()
}

/// The folder of this program, and of the stages'.
fn programs() -> Result<PathBuf, CliError> {
    let program = std::env::current_exe();
    let program =
        program.map_err(|error| CliError::file("find", Path::new("this program"), &error));
    Ok(program?.parent().unwrap_or(Path::new("/")).to_owned())
}

/// Writes the graphs into the user's cache, a folder for each version and place of the programs.
fn cached() -> Result<PathBuf, CliError> {
    let path = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = path("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| path("HOME").map(|home| Path::new(&home).join(".cache")));
    let cache = cache.ok_or_else(|| {
        CliError::new(
            Exit::Configuration,
            "no folder for graphs: neither XDG_CACHE_HOME nor HOME is set",
        )
    })?;
    let mut hasher = DefaultHasher::new();
    (FILES, programs()?, model_folders()).hash(&mut hasher);
    let graphs = cache.join("camweave/graphs");
    let folder = graphs.join(format!("{:016x}", hasher.finish()));
    publish(&graphs, &folder)?;
    Ok(folder)
}

/// Writes `folder`, of several processes one at a time.
fn publish(graphs: &Path, folder: &Path) -> Result<(), CliError> {
    // It may be a folder that this user only reads.
    if is_whole(folder) {
        return Ok(());
    }
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |error| CliError::file("write", &path, &error)
    };
    fs::create_dir_all(graphs).map_err(refused(graphs))?;
    let lock = graphs.join(".lock");
    let locked = File::create(&lock).and_then(|file| file.lock().map(|()| file));
    let _locked = locked.map_err(refused(&lock))?;
    write(folder)
}

/// Whether all is there as this program has it.
fn is_whole(root: &Path) -> bool {
    let dataflows = root.join("dataflows");
    let is_same = |(name, text): &(&str, &str)| {
        fs::read(dataflows.join(name)).is_ok_and(|there| there == text.as_bytes())
    };
    // Models may be installed later than the programs.
    let has_models = installed_models().is_none() || root.join("models").exists();
    FILES.iter().all(is_same) && dataflows.join("bin").exists() && has_models
}

/// The first folder of models that is there.
fn installed_models() -> Option<PathBuf> {
    model_folders().into_iter().find(|folder| folder.is_dir())
}

/// Writes the graphs, laid out as in a checkout, with links to programs and models.
pub fn write(root: &Path) -> Result<(), CliError> {
    let dataflows = root.join("dataflows");
    let modules = dataflows.join("modules");
    fs::create_dir_all(&modules).map_err(|error| CliError::file("create", &modules, &error))?;
    for (name, text) in FILES {
        let path = dataflows.join(name);
        // A graph that runs may be read now.
        if fs::read(&path).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        replace(&path, text.as_bytes(), FILE_MODE)
            .map_err(|error| CliError::file("write", &path, &error))?;
    }
    link(&programs()?, &dataflows.join("bin"))?;
    let models = installed_models();
    models.map_or(Ok(()), |models| link(&models, &root.join("models")))
}

/// Makes a link, unless it is there.
fn link(target: &Path, path: &Path) -> Result<(), CliError> {
    match symlink(target, path) {
        Err(_) if fs::read_link(path).is_ok_and(|there| there == target) => Ok(()),
        made => made.map_err(|error| CliError::file("create", path, &error)),
    }
}

/// `camweave graphs`.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Write the graphs into this new folder, to be edited
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// Lists the shipped graphs, or writes them.
///
/// # Errors
/// The folder has files already, or refuses.
pub fn show(options: &Options) -> Result<Exit, CliError> {
    let Some(out) = &options.out else {
        for (name, about) in graphs() {
            say!("{name:<20} {about}");
        }
        return Ok(Exit::Success);
    };
    let is_used = fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        return Err(CliError::new(
            Exit::Configuration,
            format!(
                "'{}' has files already, expected a new folder or an empty one",
                out.display()
            ),
        ));
    }
    write(out)?;
    let dataflows = out.join("dataflows");
    say!("graphs: {}", dataflows.display());
    say!(
        "your cameras: copy '{0}/cameras.example.yml' to '{0}/cameras.yml'",
        dataflows.display()
    );
    if !out.join("models").exists() {
        say!("models: none found, so set MODEL to a detector's ONNX file");
    }
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cameras.yml` is a user's.
    const OTHERS: [&str; 2] = ["cameras.yml", "with-own-sinks.yml"];

    #[test]
    fn all_graphs_of_the_checkout_are_shipped() {
        let dataflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dataflows");
        let mut found = Vec::new();
        for folder in ["", "modules/"] {
            for entry in fs::read_dir(dataflows.join(folder)).expect("a folder") {
                let name = entry.expect("an entry").file_name();
                let name = format!("{folder}{}", name.to_string_lossy());
                if name.ends_with(".yml") && !OTHERS.contains(&&*name) {
                    found.push(name);
                }
            }
        }
        found.sort();
        let shipped: Vec<&str> = FILES.iter().map(|(name, _)| *name).collect();
        assert_eq!(shipped, found);
        for (name, about) in graphs() {
            assert!(about.ends_with('.'), "{name}: {about}");
        }
    }

    #[test]
    fn written_graphs_stand_where_their_links_are_and_are_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("mine");
        let options = Options {
            out: Some(out.clone()),
        };
        show(&options).expect("a new folder");
        let bin = fs::canonicalize(out.join("dataflows/bin")).expect("a link");
        assert_eq!(
            bin,
            programs().expect("this one").canonicalize().expect("there")
        );
        assert!(out.join("dataflows/modules/detect-batched.yml").is_file());
        let again = show(&options).expect_err("it may have been edited");
        assert_eq!(again.exit, Exit::Configuration);
        // What is written once more, by another process, stays as it is.
        write(&out).expect("the same");
    }
}
