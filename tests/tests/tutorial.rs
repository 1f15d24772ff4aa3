//! The tutorial's commands run as they are written, and print what it shows.

#[path = "tutorial/document.rs"]
mod document;
#[path = "tutorial/shown.rs"]
mod shown;
mod support;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camweave_tests::{PATIENCE, binaries, binary, kill, processes_with, wait_for, workspace};
use document::{Block, How, Step, steps};
use rustix::process::Signal;
use support::path_with_python;
use tempfile::TempDir;

/// A block's time, on a machine that does much besides.
const BLOCK_PATIENCE: Duration = Duration::from_secs(180);

/// A checkout as the reader has it after `scripts/demo.sh`, and the terminals that are open in it.
struct Reader {
    checkout: TempDir,
    terminals: BTreeMap<String, Terminal>,
    /// Ports of the document, and those that are used in their place.
    ports: [(&'static str, String); 2],
}

/// Commands that go on.
struct Terminal {
    shell: Child,
    log: PathBuf,
}

impl Reader {
    fn new() -> Self {
        let free = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
        let [cameras, page] = [0, 1].map(free).map(|listener| {
            let address = listener.local_addr().expect("a bound port");
            address.port().to_string()
        });
        let reader = Self {
            checkout: tempfile::tempdir().expect("a temporary folder"),
            terminals: BTreeMap::new(),
            ports: [("8554", cameras), ("8090", page)],
        };
        reader.check_out();
        reader
    }

    /// Graphs are copied, as the reader writes beside them; the rest is linked.
    fn check_out(&self) {
        let (from, to) = (workspace(), self.checkout.path());
        for folder in ["dataflows", "dataflows/modules"] {
            fs::create_dir(to.join(folder)).expect("a new folder");
            for entry in fs::read_dir(from.join(folder)).expect("a folder of graphs") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a file's name");
                // The reader's own list of cameras is there as well, where this checkout is somebody's.
                if path.is_file() && name != "cameras.yml" {
                    let graph = fs::read_to_string(&path).expect("a graph");
                    fs::write(to.join(folder).join(name), self.with_ports(&graph))
                        .expect("a new file");
                }
            }
        }
        fs::create_dir(to.join("target")).expect("a new folder");
        symlink(binaries(), to.join("target/release")).expect("a new link");
        symlink("../target/release", to.join("dataflows/bin")).expect("a new link");
        for folder in ["examples", "models", "nodes", "scripts", ".cache"] {
            symlink(from.join(folder), to.join(folder)).expect("a new link");
        }
    }

    /// In one pass: a free port may have the other's digits in it.
    fn with_ports(&self, text: &str) -> String {
        let mut result = String::with_capacity(text.len());
        let mut rest = text;
        loop {
            let found = self.ports.iter();
            let found = found.filter_map(|(port, free)| Some((rest.find(port)?, *port, free)));
            let Some((at, port, free)) = found.min() else {
                break;
            };
            result.push_str(&rest[..at]);
            result.push_str(free);
            rest = &rest[at + port.len()..];
        }
        result + rest
    }

    /// A shell that has begun with a block, in a process group of its own, as a terminal's.
    fn shell(&self, block: &Block, log: &Path) -> Child {
        let output = File::create(log).expect("a new file");
        let errors = output.try_clone().expect("a descriptor");
        // What a block exports, later ones have.
        let script = format!(
            "set -e -o pipefail\n[ ! -e .exported ] || . ./.exported\n{}\nexport -p >.exported\n",
            self.with_ports(&block.code)
        );
        Command::new("bash")
            .args(["-c", &script])
            .current_dir(self.checkout.path())
            .env("PATH", path_with_python())
            // The lock of measurements, caches: this test's own. They also mark its processes.
            .env("XDG_RUNTIME_DIR", self.checkout.path())
            .env("XDG_CACHE_HOME", self.checkout.path().join(".own-cache"))
            .env("DORA_ZENOH_MULTICAST", "off")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .expect("bash runs")
    }

    /// Types a block and waits until it ends: its exit code, and what it printed.
    fn run(&self, block: &Block) -> (Option<i32>, String) {
        let log = self.checkout.path().join(".printed");
        let mut shell = self.shell(block, &log);
        let status = wait_for(&block.code, BLOCK_PATIENCE, || {
            shell.try_wait().expect("a child")
        });
        (status.code(), fs::read_to_string(log).expect("UTF-8"))
    }

    /// Types a block into a terminal of its own, and waits until it has printed what is shown.
    fn open(&mut self, block: &Block, name: &str) {
        let log = self.checkout.path().join(format!(".printed-{name}"));
        let shell = self.shell(block, &log);
        let mut terminal = Terminal { shell, log };
        let began = Instant::now();
        loop {
            let printed = terminal.printed();
            let missing = mismatch(block, &printed);
            let Some(missing) = missing else { break };
            let ended = terminal.shell.try_wait().expect("a child");
            let place = format!("docs/tutorial.md:{}", block.line);
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "{place}: expected '{missing}' in\n{printed}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let before = self.terminals.insert(name.to_owned(), terminal);
        assert!(before.is_none(), "line {}: '{name}' is busy", block.line);
    }

    /// Ctrl-C goes to all processes of a terminal.
    fn interrupt(&mut self, name: &str) {
        let terminal = self.terminals.remove(name);
        let mut terminal = terminal.unwrap_or_else(|| panic!("no terminal '{name}'"));
        terminal.signal(Signal::INT);
        let status = wait_for("the end after Ctrl-C", PATIENCE, || {
            terminal.shell.try_wait().expect("a child")
        });
        assert_eq!(status.code(), Some(0), "{name}: {}", terminal.printed());
    }
}

impl Terminal {
    fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).expect("a log")).into_owned()
    }

    fn signal(&self, signal: Signal) {
        let group = i32::try_from(self.shell.id()).ok();
        let group = group.and_then(rustix::process::Pid::from_raw);
        let group = group.expect("a process id");
        rustix::process::kill_process_group(group, signal).expect("it runs");
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // After a tutorial that was run to its end there is nobody left.
        let place = self.checkout.path().display().to_string();
        for process in processes_with(&place) {
            kill(process, Signal::KILL);
        }
    }
}

/// Panics where the output is not the one that is shown.
fn compare(block: &Block, code: Option<i32>, expected: i32, printed: &str) {
    let place = format!("docs/tutorial.md:{}", block.line);
    assert_eq!(code, Some(expected), "{place}: {printed}");
    if let Some(missing) = mismatch(block, printed) {
        panic!("{place}: expected '{missing}' in\n{printed}");
    }
}

fn mismatch<'a>(block: &'a Block, printed: &str) -> Option<&'a str> {
    let shown = block.shown.as_deref()?;
    shown::first_missing(shown, printed, block.is_exact)
}

#[test]
fn its_commands_print_what_it_shows() {
    // All programs, not only those that the first step starts.
    let _ = (binary("camweave"), binary("rust-sink"));
    let document = fs::read_to_string(workspace().join("docs/tutorial.md")).expect("the tutorial");
    let steps = steps(&document);
    let mut reader = Reader::new();
    let mut run = 0;
    for step in &steps {
        let began = Instant::now();
        match step {
            Step::Interrupt { terminal } => reader.interrupt(terminal),
            Step::Type(block) => match &block.how {
                How::NotRun { reason } => {
                    eprintln!("line {}: not run: {reason}", block.line);
                    continue;
                }
                How::Here { exit_code } => {
                    let (code, printed) = reader.run(block);
                    compare(block, code, *exit_code, &printed);
                }
                How::UntilItSucceeds => {
                    let mut last = (None, String::new());
                    let deadline = Instant::now() + PATIENCE;
                    while Instant::now() < deadline {
                        last = reader.run(block);
                        if last.0 == Some(0) && mismatch(block, &last.1).is_none() {
                            break;
                        }
                        std::thread::sleep(Duration::from_millis(200));
                    }
                    compare(block, last.0, 0, &last.1);
                }
                How::InTerminal { name } => reader.open(block, name),
            },
        }
        run += 1;
        let what = match step {
            Step::Interrupt { terminal } => format!("Ctrl-C in {terminal}"),
            Step::Type(block) => format!("line {}", block.line),
        };
        eprintln!("{what}: {} ms", began.elapsed().as_millis());
    }
    assert!(run > 10, "{run} steps, expected a tutorial");
    let open: Vec<_> = reader.terminals.keys().collect();
    assert!(open.is_empty(), "still open: {open:?}");
}
