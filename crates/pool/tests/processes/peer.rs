//! Another process: this test binary again, in a role that a test gives it.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

const ROLE: &str = "CAMWEAVE_POOL_TEST_ROLE";
/// Begins what a peer says; the test harness writes to the same stream.
const MARK: char = '@';

/// The role of this process, if it is a peer.
pub fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// In a peer: says something to the test.
#[expect(clippy::print_stdout, reason = "its way to the test")]
pub fn say(words: &str) {
    println!("{MARK}{words}");
}

/// In a peer: the next line from the test.
pub fn hear() -> String {
    let mut line = String::new();
    let length = std::io::stdin()
        .read_line(&mut line)
        .expect("text from the test");
    assert_ne!(length, 0, "the test has ended");
    line.trim_end().to_owned()
}

/// A running peer; killed when dropped.
pub struct Peer {
    child: Child,
    from: BufReader<ChildStdout>,
    to: ChildStdin,
}

impl Peer {
    pub fn start(role: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "peer",
                "--ignored",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this binary runs again");
        let from = BufReader::new(child.stdout.take().expect("piped"));
        let to = child.stdin.take().expect("piped");
        Self { child, from, to }
    }

    pub fn say(&mut self, words: &str) {
        writeln!(self.to, "{words}").expect("the peer listens");
    }

    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let length = self.from.read_line(&mut line).expect("text from the peer");
            assert_ne!(length, 0, "the peer has ended");
            if let Some((_, words)) = line.trim_end().split_once(MARK) {
                return words.to_owned();
            }
        }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the peer exists");
    }

    /// Kills the peer; it stays a zombie.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), options).expect("it is this process's child");
    }

    /// Buries a killed peer, which must not have ended in any other way before.
    pub fn bury(mut self) {
        let status = self.child.wait().expect("it is this process's child");
        assert_eq!(
            status.signal(),
            Some(Signal::KILL.as_raw()),
            "ended by itself: {status}"
        );
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
