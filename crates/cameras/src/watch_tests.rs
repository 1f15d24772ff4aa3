use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

/// A file that is written in pieces is read once it has stayed the same for so long.
const SETTLE: Duration = Duration::from_millis(100);
/// How long a test waits for what takes a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(60);

struct Case {
    folder: TempDir,
    watch: Watch,
    news: Receiver<()>,
}

impl Case {
    /// Watches `cameras.yml` in a folder that `prepare` has filled.
    fn new(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        prepare(folder.path());
        let (sender, news) = mpsc::channel();
        let path = folder.path().join("cameras.yml");
        let watch = Watch::start(&path, move || _ = sender.send(())).expect("a thread");
        let case = Self {
            folder,
            watch,
            news,
        };
        // The first reading.
        case.next().expect("valid at the start");
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The ids of the cameras that are read next, or the error.
    fn next(&self) -> Result<String, String> {
        loop {
            self.news.recv_timeout(PATIENCE).expect("news");
            // News that came while the last were taken are gone with them.
            if let Some(read) = self.watch.take() {
                return match read {
                    Ok(cameras) => Ok(cameras
                        .iter()
                        .map(|it| it.id.as_str())
                        .collect::<Vec<_>>()
                        .join(" ")),
                    Err(error) => Err(error.to_string()),
                };
            }
        }
    }

    /// Waits until the cameras are these.
    fn until(&self, ids: &str) {
        while self.next().as_deref() != Ok(ids) {}
    }
}

fn list(ids: &[&str]) -> String {
    let lines = ids
        .iter()
        .map(|id| format!("  - {{id: {id}, url: 'rtsp://h/'}}\n"));
    format!("cameras:\n{}", lines.collect::<String>())
}

fn one(folder: &Path) {
    fs::write(folder.join("cameras.yml"), list(&["a"])).expect("writable");
}

#[test]
fn a_file_that_is_written_in_place_replaced_deleted_and_created() {
    let case = Case::new(one);
    let path = case.path("cameras.yml");
    fs::write(&path, list(&["a", "b"])).expect("writable");
    case.until("a b");
    let beside = case.path(".cameras.yml.swp");
    fs::write(&beside, list(&["c"])).expect("writable");
    fs::rename(&beside, &path).expect("in its place");
    case.until("c");
    fs::remove_file(&path).expect("there");
    let error = case.next().expect_err("gone");
    assert!(error.contains("cannot read"), "{error}");
    fs::write(&path, list(&["d"])).expect("writable");
    case.until("d");
    fs::write(&path, "cameras:\n  - id: a\n    urll: x\n").expect("writable");
    let error = case.next().expect_err("invalid");
    assert!(error.contains("cameras.yml:3:"), "{error}");
    fs::write(&path, list(&["d"])).expect("writable");
    case.until("d");
}

#[test]
fn links_that_are_turned_and_files_behind_them() {
    // As Kubernetes does: cameras.yml -> ..data/cameras.yml, ..data -> ..one.
    let case = Case::new(|folder| {
        for (version, id) in [("..one", "a"), ("..two", "b")] {
            fs::create_dir(folder.join(version)).expect("new");
            let file = folder.join(version).join("cameras.yml");
            fs::write(file, list(&[id])).expect("writable");
        }
        symlink("..one", folder.join("..data")).expect("a link");
        symlink("..data/cameras.yml", folder.join("cameras.yml")).expect("a link");
    });
    symlink("..two", case.path("..data_tmp")).expect("a link");
    fs::rename(case.path("..data_tmp"), case.path("..data")).expect("turned");
    case.until("b");
    fs::write(case.path("..two/cameras.yml"), list(&["b", "c"])).expect("writable");
    case.until("b c");
}

#[test]
fn half_a_file_is_not_read() {
    use std::io::Write;
    let ids: Vec<String> = (0..40).map(|number| format!("cam{number}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let case = Case::new(one);
    let mut file = fs::File::create(case.path("cameras.yml")).expect("writable");
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    for line in list(&ids).split_inclusive('\n') {
        file.write_all(line.as_bytes()).expect("writable");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(file);
    if longest < SETTLE / 2 {
        assert_eq!(case.next().as_deref(), Ok(&*ids.join(" ")));
    } else {
        // This thread was held up between two lines, which is a pause like any other.
        case.until(&ids.join(" "));
    }
}

#[test]
fn what_is_written_into_the_folder_beside_it_is_no_news() {
    let case = Case::new(one);
    for number in 0..50 {
        fs::write(case.path(&format!("{number}.log")), "x").expect("writable");
    }
    fs::write(case.path("cameras.yml"), list(&["b"])).expect("writable");
    assert_eq!(case.next().as_deref(), Ok("b"));
    assert!(case.watch.take().is_none());
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_is_read_again_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    one(folder.path());
    let (sender, news) = mpsc::channel();
    let (reads, done) = mpsc::channel();
    let failures = Mutex::new(0..3);
    // As with too many open files, of which the file itself shows nothing.
    let read = move |path: &Path| {
        let _ = reads.send(());
        match failures.lock().expect("no panic").next() {
            None => load(path),
            Some(_) => Err(CamerasError::Read {
                path: path.to_owned(),
                source: io::Error::other("too many open files"),
            }),
        }
    };
    let path = folder.path().join("cameras.yml");
    let on_news = move || _ = sender.send(());
    let watch = Watch::start_with(&path, read, on_news).expect("a thread");
    news.recv_timeout(PATIENCE).expect("that it cannot be read");
    watch.take().expect("news").expect_err("the first failure");
    // The second and third are no news.
    news.recv_timeout(PATIENCE).expect("that it can be read");
    let cameras = watch.take().expect("news").expect("valid");
    assert_eq!(cameras.len(), 1);
    assert_eq!(done.try_iter().count(), 4);
}
