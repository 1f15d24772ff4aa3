//! A disk whose power can be cut: ext4 on a loop device. What its journal and files have not been asked
//! to make lasting is lost, as the file system stops without writing anything more.

use std::path::{Path, PathBuf};
use std::process::Command;

/// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`.
const CUT: &str = "import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";

/// A disk, mounted as long as this lives.
#[derive(Debug)]
pub struct CutDisk {
    image: PathBuf,
    at: PathBuf,
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("'{program}': {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("'{program} {}': {said}", arguments.join(" ")))
}

impl CutDisk {
    /// Why this system has none for us, if so: it takes root, loop devices and ext4.
    ///
    /// # Panics
    /// There is no temporary folder.
    #[must_use]
    pub fn refusal() -> Option<String> {
        let place = tempfile::tempdir().expect("a folder");
        let at = place.path().join("disk");
        std::fs::create_dir(&at).expect("writable");
        let image = image(&at);
        let tried = make(&image, 8).and_then(|()| mount(&image, &at));
        let refusal = tried.and_then(|()| {
            let disk = Self { image, at };
            run("python3", &["-c", CUT, &disk.at.display().to_string()])
        });
        refusal.err()
    }

    /// A new one of so many MiB, mounted at a folder that is there. Its image is beside that, as `.img`.
    ///
    /// # Panics
    /// The system has none for us: see [`CutDisk::refusal`].
    #[must_use]
    pub fn new(at: &Path, mebibytes: u64) -> Self {
        let image = image(at);
        make(&image, mebibytes).expect("a file system");
        mount(&image, at).expect("mounted");
        Self {
            image,
            at: at.to_owned(),
        }
    }

    /// Nothing more reaches the disk: whoever writes gets an error.
    ///
    /// # Panics
    /// The system refuses.
    pub fn cut(&self) {
        run("python3", &["-c", CUT, &self.at.display().to_string()]).expect("cut");
    }

    /// The same disk, with its power back. Nobody may have files of it open.
    ///
    /// # Panics
    /// The system refuses.
    #[must_use]
    pub fn after_the_cut(self) -> Self {
        let (image, at) = (self.image.clone(), self.at.clone());
        drop(self);
        mount(&image, &at).expect("mounted again");
        Self { image, at }
    }
}

impl Drop for CutDisk {
    #[expect(clippy::print_stderr, reason = "a test's output")]
    fn drop(&mut self) {
        if let Err(error) = run("umount", &[&self.at.display().to_string()]) {
            eprintln!("{error}");
        }
    }
}

fn image(at: &Path) -> PathBuf {
    at.with_extension("img")
}

fn make(image: &Path, mebibytes: u64) -> Result<(), String> {
    let file = std::fs::File::create(image).expect("writable");
    file.set_len(mebibytes << 20).expect("a sparse file");
    run("mkfs.ext4", &["-q", "-F", &image.display().to_string()])
}

fn mount(image: &Path, at: &Path) -> Result<(), String> {
    let (image, at) = (image.display().to_string(), at.display().to_string());
    run("mount", &["-o", "loop", &image, &at])
}
