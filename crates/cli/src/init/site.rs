//! The folder of an installation: graphs, the one that runs, and its cameras.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, lchown, symlink};
use std::path::{Path, PathBuf};

use camweave_outdir::{FILE_MODE, replace};
use camweave_stage::Exit;

use crate::error::CliError;
use crate::shipped;

/// Where the Debian package has its configuration, and the services look for it.
pub const PACKAGED: &str = "/etc/camweave";
/// Where its services may write.
const PACKAGED_STATE: &str = "/var/lib/camweave";
/// Folders that its services, which protect homes, or other users cannot read.
const HIDDEN: [&str; 3] = ["/home", "/root", "/run/user"];
/// What dora, or YAML, would make something else of in a value.
const SPECIAL: [char; 6] = ['}', '$', '#', ':', '\'', '"'];
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

    /// Refuses a folder that has cameras or a graph already, before anything is asked: an operator may
    /// have changed them.
    ///
    /// # Errors
    /// Names the file.
    pub fn check(&self) -> Result<(), CliError> {
        for path in [self.graph(), self.cameras()] {
            match fs::symlink_metadata(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(CliError::file("look at", &path, &error)),
                Ok(_) => {
                    return Err(CliError::new(
                        Exit::Configuration,
                        format!(
                            "'{}' is there already: change cameras with 'camweave cameras add|remove|set {}', or remove both '{}' and '{}' to begin again",
                            path.display(),
                            self.cameras().display(),
                            self.graph().display(),
                            self.cameras().display()
                        ),
                    ));
                }
            }
        }
        Ok(())
    }

    /// Refuses a model that the graph could not name, or the services not open.
    ///
    /// # Errors
    /// Names the file, and what to do.
    pub fn check_model(&self, model: &Path) -> Result<(), CliError> {
        let shown = model.display();
        let wrong = |what: String| Err(CliError::new(Exit::Configuration, what));
        let text = model.to_str().unwrap_or("$");
        if text.contains(SPECIAL) || text.chars().any(char::is_control) {
            return wrong(format!(
                "--model '{shown}': a graph cannot name it, expected a path without {}",
                SPECIAL.map(String::from).join(" ")
            ));
        }
        if self.is_packaged() && HIDDEN.iter().any(|folder| model.starts_with(folder)) {
            return wrong(format!(
                "--model '{shown}': the services cannot read that folder; copy the model (and its .yml) to {PACKAGED_STATE}/models"
            ));
        }
        Ok(())
    }

    /// Writes the shipped graphs, and the one that runs: a copy of `shipped` with this
    /// installation's cameras and model.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, shipped: &str, model: Option<&Path>) -> Result<(), CliError> {
        shipped::write(&self.folder)?;
        let dataflows = self.folder.join("dataflows");
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
            self.serve()?;
        }
        Ok(())
    }

    /// Lets the package's services read what root has written, whatever its umask, and write what they
    /// must.
    fn serve(&self) -> Result<(), CliError> {
        let dataflows = self.folder.join("dataflows");
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
        let group = owner()?.1;
        for folder in [dataflows.clone(), dataflows.join("modules")] {
            let entries = fs::read_dir(&folder);
            let entries = entries.map_err(|error| CliError::file("read", &folder, &error))?;
            let files = entries
                .flatten()
                .filter(|it| it.file_type().is_ok_and(|it| it.is_file()));
            for path in files.map(|it| it.path()).chain([folder.clone()]) {
                let mode = if path == folder { 0o750 } else { FILE_MODE };
                lchown(&path, None, Some(group))
                    .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
                    .map_err(|error| CliError::file("change the mode of", &path, &error))?;
            }
        }
        Ok(())
    }

    /// Gives `cameras.yml` to the package's account, which replaces it when it is edited on the page.
    ///
    /// # Errors
    /// The system refuses.
    pub fn give_cameras(&self) -> Result<(), CliError> {
        if self.is_packaged() {
            give(&self.cameras())?;
        }
        Ok(())
    }
}

/// User and group of the package's account.
fn owner() -> Result<(u32, u32), CliError> {
    let state = Path::new(PACKAGED_STATE);
    let found = fs::metadata(state).map_err(|error| CliError::file("look at", state, &error))?;
    Ok((found.uid(), found.gid()))
}

/// Gives the package's account what its services write; a link in its place is not followed.
fn give(path: &Path) -> Result<(), CliError> {
    let (user, group) = owner()?;
    lchown(path, Some(user), Some(group))
        .map_err(|error| CliError::file("give to the account camweave", path, &error))
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
    fn what_is_there_already_is_not_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let site = Site::new(Some(folder.path()));
        site.check().expect("an empty folder");
        site.write("cpu-dashboard.yml", None).expect("a new folder");
        assert!(site.graph().is_file());
        let error = site.check().expect_err("it may have been changed");
        assert!(error.to_string().contains("graph.yml"), "{error}");
        fs::remove_file(site.graph()).expect("it is there");
        fs::write(site.cameras(), "cameras:\n").expect("writable");
        let error = site.check().expect_err("cameras are left");
        assert!(error.to_string().contains("cameras.yml"), "{error}");
    }

    #[test]
    fn a_model_that_a_graph_or_a_service_cannot_have_is_refused() {
        let site = Site::new(Some(Path::new("/tmp/x")));
        site.check_model(Path::new("/m/yolo v8.onnx"))
            .expect("any folder");
        for special in ["/m/a$b.onnx", "/m/a}.onnx", "/m/a #1.onnx", "/m/a\n.onnx"] {
            assert!(site.check_model(Path::new(special)).is_err(), "{special:?}");
        }
        let packaged = Site::new(Some(Path::new(PACKAGED)));
        let error = packaged.check_model(Path::new("/home/anna/yolo.onnx"));
        let error = error.expect_err("protected").to_string();
        assert!(error.contains("/var/lib/camweave/models"), "{error}");
    }
}
