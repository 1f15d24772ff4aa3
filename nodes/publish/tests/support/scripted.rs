//! A broker of MQTT 5 that does as it is told, for what no real one can be made to do at a chosen moment.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does with the messages of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It confirms what has come whenever nothing more does, and hangs up at more than this at once.
    Confirm { at_most: usize },
    /// It confirms nothing.
    Silence,
    /// It waits for so many messages, confirms them, and ends the session in the same breath.
    ConfirmAndEnd { count: usize },
    /// It answers to the first row of this camera with a reason.
    Reject { camera: &'static str, reason: u8 },
}

/// What it has seen.
#[derive(Debug, Default)]
pub struct Seen {
    pub connections: usize,
    /// Messages that were under way at once, at most.
    pub under_way: usize,
    /// Topics and payloads by connection.
    pub messages: Vec<(usize, String, String)>,
}

pub struct Scripted {
    pub port: u16,
    pub seen: Arc<Mutex<Seen>>,
}

/// The packet of this type with this content.
fn packet(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind, u8::try_from(content.len()).expect("short")];
    packet.extend_from_slice(content);
    packet
}

fn confirmed(id: u16) -> Vec<u8> {
    packet(0x40, &id.to_be_bytes())
}

/// The next packet, where one has come within the stream's patience; `None` at the end.
fn read(stream: &mut TcpStream, input: &mut Vec<u8>) -> Option<Option<(u8, Vec<u8>)>> {
    loop {
        let (mut length, mut at) = (0_usize, 1);
        let is_known = loop {
            let Some(byte) = input.get(at) else {
                break false;
            };
            length |= usize::from(byte & 0x7f) << (7 * (at - 1));
            at += 1;
            if byte & 0x80 == 0 {
                break true;
            }
        };
        if is_known && input.len() >= at + length {
            let whole: Vec<u8> = input.drain(..at + length).collect();
            return Some(Some((whole[0], whole[at..].to_vec())));
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(0) => return None,
            Ok(count) => input.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(None),
            Err(_) => return None,
        }
    }
}

impl Scripted {
    /// `properties` are those of its answer to a connection. After the acts, each of one connection, the last
    /// one goes on.
    pub fn start(properties: &[u8], acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let length = u8::try_from(properties.len()).expect("few");
        let welcome = packet(0x20, &[&[0, 0, length], properties].concat());
        let acts = acts.to_vec();
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let act = acts[index.min(acts.len() - 1)];
                shared.lock().expect("it goes on").connections += 1;
                let stream = stream.expect("a connection");
                drop(serve(stream, &welcome, act, index, &shared));
            }
        });
        Self { port, seen }
    }

    pub fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    pub fn connections(&self) -> usize {
        self.seen.lock().expect("it goes on").connections
    }

    /// The events of a connection.
    pub fn events(&self, connection: usize) -> Vec<String> {
        let seen = self.seen.lock().expect("it goes on");
        let of = seen
            .messages
            .iter()
            .filter(|(index, topic, _)| *index == connection && topic.ends_with("/events"));
        of.map(|(_, _, payload)| payload.clone()).collect()
    }

    /// Topics of all messages, each once.
    pub fn topics(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().expect("it goes on");
        seen.messages
            .iter()
            .map(|(_, topic, _)| topic.clone())
            .collect()
    }
}

fn serve(
    mut stream: TcpStream,
    welcome: &[u8],
    act: Act,
    index: usize,
    seen: &Mutex<Seen>,
) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(30)))?;
    let (mut input, mut waiting) = (Vec::new(), Vec::new());
    let mut has_rejected = false;
    while let Some(next) = read(&mut stream, &mut input) {
        let Some((kind, content)) = next else {
            if matches!(act, Act::Confirm { .. } | Act::Reject { .. }) {
                for id in waiting.drain(..) {
                    stream.write_all(&confirmed(id))?;
                }
            }
            continue;
        };
        match kind & 0xf0 {
            0x10 => stream.write_all(welcome)?,
            0xc0 => stream.write_all(&packet(0xd0, &[]))?,
            0x30 => {
                let text = |from: usize, to: usize| {
                    String::from_utf8_lossy(&content[from..to]).into_owned()
                };
                let end = 2 + usize::from(u16::from_be_bytes([content[0], content[1]]));
                let id = u16::from_be_bytes([content[end], content[end + 1]]);
                let payload = end + 3 + usize::from(content[end + 2]);
                let topic = text(2, end);
                let is_rejected = matches!(act, Act::Reject { camera, reason: _ } if !has_rejected
                    && topic == format!("camweave/{camera}/events"));
                let mut seen = seen.lock().expect("it goes on");
                seen.messages
                    .push((index, topic, text(payload, content.len())));
                if let (true, Act::Reject { reason, .. }) = (is_rejected, act) {
                    has_rejected = true;
                    let [high, low] = id.to_be_bytes();
                    stream.write_all(&packet(0x40, &[high, low, reason, 0]))?;
                    continue;
                }
                waiting.push(id);
                seen.under_way = seen.under_way.max(waiting.len());
                match act {
                    // Receive Maximum exceeded.
                    Act::Confirm { at_most } if waiting.len() > at_most => {
                        return stream.write_all(&packet(0xe0, &[0x93, 0]));
                    }
                    Act::ConfirmAndEnd { count } if waiting.len() == count => {
                        let mut last: Vec<u8> =
                            waiting.iter().flat_map(|id| confirmed(*id)).collect();
                        // Server shutting down.
                        last.extend(packet(0xe0, &[0x8b, 0]));
                        return stream.write_all(&last);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    Ok(())
}
