//! Why a camera delivers nothing: the one table of kinds, of the words for an operator, and of what to
//! do. Clients of cameras give kinds, the source counts them, and the page and `camweave` explain them;
//! `docs/cameras.md` has the same table, which a test compares.

/// Why a camera delivers nothing; the name is the counter's and the state's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The host answers that nothing listens on the port.
    Refused,
    /// The host's name is not known, or no way leads there.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Credentials are missing, wrong, or allow too little (401, 403).
    Unauthorized,
    /// The camera knows no such path (404); or there is no such device.
    NotFound,
    /// The session offers no video.
    NoVideo,
    /// The video's codec is none that is decoded.
    UnsupportedCodec,
    /// It does not offer the transport that `cameras.yml` asks for (461).
    Transport,
    /// The camera ended the stream or the connection.
    Ended,
    /// Connected, but no frame for longer than `STALL_TIMEOUT_MS` or a few of its frame intervals.
    Stalled,
    /// It sends more than is taken: a message, description or access unit beyond its limit.
    TooLarge,
    /// It sends more bytes or packets a second than any camera does.
    TooFast,
    /// The camera breaks the protocol.
    Protocol,
    /// This machine lacks a library that its source needs.
    Missing,
}

/// What is said of a kind.
struct Row {
    kind: FailureKind,
    name: &'static str,
    why: &'static str,
    advice: &'static str,
    /// What the source does meanwhile, or a setting of it.
    running: Option<&'static str>,
}

/// In the order of the kinds.
const TABLE: [Row; 14] = [
    Row {
        kind: FailureKind::Refused,
        name: "refused",
        why: "the camera refuses the connection",
        advice: "enable RTSP in the camera; check the port",
        running: None,
    },
    Row {
        kind: FailureKind::Unreachable,
        name: "unreachable",
        why: "the camera cannot be reached",
        advice: "check host name, cable and network",
        running: None,
    },
    Row {
        kind: FailureKind::Timeout,
        name: "timeout",
        why: "the camera does not answer in time",
        advice: "check that it is on, and that the address is its own",
        running: Some("raise CONNECT_TIMEOUT_MS on a slow network"),
    },
    Row {
        kind: FailureKind::Unauthorized,
        name: "unauthorized",
        why: "the camera refuses user name or password",
        advice: "correct username and password",
        running: Some("it is retried after growing waits, as cameras lock accounts"),
    },
    Row {
        kind: FailureKind::NotFound,
        name: "not_found",
        why: "the camera has no stream at this path",
        advice: "correct the path of the URL; a camera that is booting may answer this too",
        running: None,
    },
    Row {
        kind: FailureKind::NoVideo,
        name: "no_video",
        why: "the stream has no video",
        advice: "use the URL of the video stream; a camera that is booting may cause this too",
        running: None,
    },
    Row {
        kind: FailureKind::UnsupportedCodec,
        name: "unsupported_codec",
        why: "the camera's codec is not supported",
        advice: "set the camera to H.264 or H.265",
        running: None,
    },
    Row {
        kind: FailureKind::Transport,
        name: "transport",
        why: "the camera does not offer this transport",
        advice: "set transport to udp or tcp in cameras.yml, or remove it",
        running: None,
    },
    Row {
        kind: FailureKind::Ended,
        name: "ended",
        why: "the camera closed the stream",
        advice: "if it persists, check the camera's own log",
        running: Some("it is retried by itself"),
    },
    Row {
        kind: FailureKind::Stalled,
        name: "stalled",
        why: "the camera is connected, and sends no frames",
        advice: "check that its encoder runs; with transport udp, that no firewall blocks its datagrams",
        running: None,
    },
    Row {
        kind: FailureKind::TooLarge,
        name: "too_large",
        why: "a frame of the camera is too large",
        advice: "lower its bit rate",
        running: Some("raise ACCESS_UNIT_MAX_BYTES if its frames are that large"),
    },
    Row {
        kind: FailureKind::TooFast,
        name: "too_fast",
        why: "the camera sends more than is allowed",
        advice: "lower its bit rate",
        running: None,
    },
    Row {
        kind: FailureKind::Protocol,
        name: "protocol",
        why: "the camera does not keep to the protocol",
        advice: "close other viewers of the camera, the most common cause",
        running: Some("the source's log has the line"),
    },
    Row {
        kind: FailureKind::Missing,
        name: "missing",
        why: "this machine lacks what the camera's source needs",
        advice: "install what the line names, or an FFmpeg that has it",
        running: None,
    },
];

impl FailureKind {
    /// All kinds.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.kind)
    }

    /// The kind of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.kind)
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The name in counters and states.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().name
    }

    /// What has happened, in a clause for an operator.
    #[must_use]
    pub fn why(self) -> &'static str {
        self.row().why
    }

    /// What its user can do about it, in a clause.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.row().advice
    }

    /// The same in a graph that runs, with what its source does or can be set to.
    #[must_use]
    pub fn advice_in_graph(self) -> String {
        let Row {
            advice, running, ..
        } = self.row();
        match running {
            Some(running) => format!("{advice}; {running}"),
            None => (*advice).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_row() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, at, "{}", row.name);
            assert_eq!(FailureKind::named(row.name), Some(row.kind));
        }
        assert_eq!(FailureKind::named("offline"), None);
        assert_eq!(FailureKind::all().count(), TABLE.len());
    }

    /// The states in `docs/cameras.md`: name, why, and what to do.
    #[test]
    fn the_documents_have_the_same_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cameras.md");
        let text = std::fs::read_to_string(path).expect("the documents");
        let documented: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.starts_with("| `offline: "))
            .map(|line| line.split('|').skip(1).take(3).map(str::trim).collect())
            .collect();
        let expected: Vec<Vec<String>> = FailureKind::all()
            .map(|kind| {
                let name = format!("`offline: {}`", kind.as_str());
                vec![name, kind.why().to_owned(), kind.advice().to_owned()]
            })
            .collect();
        assert_eq!(documented, expected);
    }
}
