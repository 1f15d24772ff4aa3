//! The folder of an installation: graphs, the one that runs, and its cameras.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use camweave_outdir::{FILE_MODE, replace};
use camweave_stage::Exit;

use crate::error::CliError;
use crate::shipped;

/// Where the Debian package has its configuration, and the services look for it.
pub const PACKAGED: &str = "/etc/camweave";
/// Where its services may write.
const PACKAGED_STATE: &str = "/var/lib/camweave";
/// The graph that runs.
const GRAPH: &str = "graph.yml";

/// Paths of an installation.
pub struct Site {
    /// Its folder.
    pub folder: PathBuf,
}

impl Site {
    /// The folder that a user names, else the package's where that is installed and may be written,
    /// else `camweave` in the current folder.
    pub fn new(named: Option<&Path>) -> Self {
        let packaged = Path::new(PACKAGED);
        let may_write = || {
            rustix::fs::access(packaged, rustix::fs::Access::WRITE_OK).is_ok() && packaged.is_dir()
        };
        let folder = match named {
            Some(folder) => folder.to_owned(),
            None if may_write() => packaged.to_owned(),
            None => PathBuf::from("camweave"),
        };
        Self { folder }
    }

    /// Whether the package's services run it.
    pub fn is_packaged(&self) -> bool {
        self.folder == Path::new(PACKAGED)
    }

    /// Its `cameras.yml`.
    pub fn cameras(&self) -> PathBuf {
        self.folder.join("cameras.yml")
    }

    /// The graph that runs.
    pub fn graph(&self) -> PathBuf {
        self.folder.join("dataflows").join(GRAPH)
    }

    /// Refuses a folder that has a graph already: an operator may have changed it.
    pub fn check(&self) -> Result<(), CliError> {
        let graph = self.graph();
        match fs::symlink_metadata(&graph) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(CliError::file("look at", &graph, &error)),
            Ok(_) => Err(CliError::new(
                Exit::Configuration,
                format!(
                    "'{}' is there already: change its cameras with 'camweave cameras add|remove|set {}', or remove it to begin again",
                    graph.display(),
                    self.cameras().display()
                ),
            )),
        }
    }

    /// Writes the shipped graphs, and the one that runs: a copy of `shipped` with this
    /// installation's cameras and model.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, shipped: &str, model: Option<&Path>) -> Result<(), CliError> {
        shipped::write(&self.folder)?;
        let dataflows = self.folder.join("dataflows");
        if self.is_packaged() {
            // dora writes its logs beside the graph, and services may not write there.
            let (logs, out) = (
                Path::new(PACKAGED_STATE).join("logs"),
                dataflows.join("out"),
            );
            fs::create_dir_all(&logs).map_err(|error| CliError::file("create", &logs, &error))?;
            give(&logs)?;
            match symlink(&logs, &out) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                    return Err(CliError::file("create", &out, &error));
                }
                _ => {}
            }
        }
        let source = dataflows.join(shipped);
        let text =
            fs::read_to_string(&source).map_err(|error| CliError::file("read", &source, &error))?;
        let text = adapted(&text, model).ok_or_else(|| {
            let what = format!("the graph '{shipped}' does not take CAMERAS and MODEL as expected");
            CliError::new(Exit::Internal, what)
        })?;
        let graph = self.graph();
        replace(&graph, text.as_bytes(), FILE_MODE)
            .map_err(|error| CliError::file("write", &graph, &error))?;
        if self.is_packaged() {
            give(&self.cameras())?;
        }
        Ok(())
    }
}

/// Gives the package's account what its services write.
fn give(path: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let owner = fs::metadata(PACKAGED_STATE)
        .and_then(|found| chown(path, Some(found.uid()), Some(found.gid())));
    owner.map_err(|error| CliError::file("give to the account camweave", path, &error))
}

/// The graph with the defaults of this installation; a variable still wins.
fn adapted(text: &str, model: Option<&Path>) -> Option<String> {
    let with = |text: &str, name: &str, value: &str| {
        let begin = format!("  {name}: ${{{name}:-");
        let at = text.find(&begin)? + begin.len();
        let end = at + text[at..].find('}')?;
        Some(format!("{}{value}{}", &text[..at], &text[end..]))
    };
    let text = with(text, "CAMERAS", "../cameras.yml")?;
    match model {
        Some(model) => with(&text, "MODEL", model.to_str()?),
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_has_the_cameras_and_model_of_the_installation() {
        let text =
            "env:\n  CAMERAS: ${CAMERAS:-cameras.yml} # yours\n  MODEL: ${MODEL:-../m.onnx}\n";
        let made = adapted(text, Some(Path::new("/m/x.onnx"))).expect("both are there");
        assert_eq!(
            made,
            "env:\n  CAMERAS: ${CAMERAS:-../cameras.yml} # yours\n  MODEL: ${MODEL:-/m/x.onnx}\n"
        );
        assert_eq!(adapted("env:\n", None), None);
    }

    #[test]
    fn a_graph_that_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site::new(Some(folder.path()));
        site.check().expect("an empty folder");
        site.write("cpu-dashboard.yml", None).expect("a new folder");
        assert!(site.graph().is_file());
        let error = site.check().expect_err("it may have been changed");
        assert!(error.to_string().contains("graph.yml"), "{error}");
    }
}
