//! mosquitto, and mosquitto_sub as a subscriber whose session the broker keeps.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::wait_for;

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has an address").port()
}

/// A broker that keeps its sessions on disk.
pub struct Broker {
    folder: PathBuf,
    pub port: u16,
    process: Option<Child>,
}

fn program(name: &str) -> Command {
    // Debian has it where only root's PATH looks.
    let sbin = Path::new("/usr/sbin").join(name);
    Command::new(if sbin.is_file() {
        sbin
    } else {
        PathBuf::from(name)
    })
}

impl Broker {
    /// `more` are further lines of its configuration.
    pub fn new(folder: &Path, more: &str) -> Self {
        let folder = folder.join("broker");
        fs::create_dir_all(&folder).expect("a folder");
        let port = free_port();
        let anonymous = !more.contains("password_file");
        // Where version 2.0.11 queues without a bound, it ends a session after a message that it refuses.
        let unbounded = match more.contains("acl_file") {
            true => "",
            false => "max_queued_messages 0\n",
        };
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous {anonymous}\npersistence true\npersistence_location {}/\n\
             autosave_on_changes true\nautosave_interval 1\n{unbounded}user root\n{more}\n",
            folder.display()
        );
        fs::write(folder.join("mosquitto.conf"), config).expect("writable");
        Self {
            folder,
            port,
            process: None,
        }
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        let log = File::create(self.folder.join("log")).expect("writable");
        let started = program("mosquitto")
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(started.expect("mosquitto is installed: scripts/setup.sh --tests"));
        let port = self.port;
        wait_for("the broker listens", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
    }

    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("it runs");
            process.wait().expect("it ends");
        }
    }

    /// Ends it in order, whatever it is doing: it keeps its sessions.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let told = Command::new("kill").arg(process.id().to_string()).status();
            assert!(told.expect("kill").success());
            process.wait().expect("it ends");
        }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes all that comes into a file; connects again by itself.
pub struct Subscriber {
    process: Child,
    lines: PathBuf,
}

impl Subscriber {
    pub fn start(folder: &Path, port: u16, more: &[&str]) -> Self {
        let lines = folder.join("heard");
        let output = File::create(&lines).expect("writable");
        let process = Command::new("mosquitto_sub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args([
                "-i",
                "test-subscriber",
                "-c",
                "-q",
                "1",
                "-k",
                "5",
                "-t",
                "#",
                "-v",
            ])
            .args(more)
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto_sub is installed: scripts/setup.sh --tests");
        let subscriber = Self { process, lines };
        // From then on the broker keeps what it cannot deliver.
        wait_for("the subscriber is there", || {
            let probe = Command::new("mosquitto_pub")
                .args(["-h", "127.0.0.1", "-p", &port.to_string()])
                .args(["-t", "probe", "-m", "x"])
                .status();
            probe.is_ok_and(|it| it.success()) && !subscriber.of("probe").is_empty()
        });
        subscriber
    }

    /// Topics and payloads, in the order in which they came.
    pub fn heard(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(&self.lines).expect("readable");
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let pairs = whole.lines().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(topic, payload)| (topic.to_owned(), payload.to_owned()))
            .collect()
    }

    /// The payloads of one topic.
    pub fn of(&self, topic: &str) -> Vec<String> {
        let heard = self.heard().into_iter();
        heard
            .filter(|(of, _)| of == topic)
            .map(|(_, payload)| payload)
            .collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
