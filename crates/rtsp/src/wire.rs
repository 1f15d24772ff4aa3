//! Messages and interleaved packets in the bytes of a connection (RFC 2326, sections 4 to 10.12).

use std::ops::Range;

use crate::{BODY_BYTES, GARBAGE_BYTES, HEADER_BYTES, RtspError};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// An interleaved packet; where its bytes are in [`Reader::bytes`].
    Data(Range<usize>),
    Response(Response),
    /// A request of the server's.
    Request {
        method: String,
        headers: Headers,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Headers(Vec<(String, String)>);

impl Headers {
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self
            .0
            .iter()
            .find(|header| header.0.eq_ignore_ascii_case(name));
        found.map(|header| header.1.as_str())
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|header| header.1.as_str())
    }

    pub fn sequence(&self) -> Option<u32> {
        self.get("CSeq")?.parse().ok()
    }
}

/// Takes bytes apart. Holds one incomplete message and what was read behind it at most.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    start: usize,
    garbage: usize,
    /// Bytes of the message that is incomplete, once its header is known: so that it is
    /// not read again with each piece.
    needed: usize,
    /// A message has been read: the peer speaks RTSP.
    speaks: bool,
}

impl Reader {
    /// Where the next bytes go, behind those that wait.
    pub fn space(&mut self, bytes: usize) -> &mut Vec<u8> {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.reserve(bytes);
        &mut self.buffer
    }

    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// The next message that is complete.
    pub fn next(&mut self) -> Result<Option<Message>, RtspError> {
        loop {
            let data = &self.buffer[self.start..];
            let blank = data.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
            self.start += blank.count();
            let data = &self.buffer[self.start..];
            let Some(&first) = data.first() else {
                return Ok(None);
            };
            if first == b'$' {
                if let Some(packet) = self.interleaved() {
                    return Ok(Some(packet));
                }
                if self.skip_incomplete()? {
                    continue;
                }
                return Ok(None);
            }
            if data.len() < self.needed {
                if self.skip_incomplete()? {
                    continue;
                }
                return Ok(None);
            }
            let text = if first.is_ascii_uppercase() {
                read_text(data)?
            } else {
                Text::None
            };
            match text {
                Text::Incomplete { needed } => {
                    self.needed = needed;
                    if !self.skip_incomplete()? {
                        return Ok(None);
                    }
                }
                Text::Message(message, length) => {
                    self.start += length;
                    self.accept();
                    return Ok(Some(message));
                }
                Text::None if !self.speaks => {
                    return Err(RtspError::Protocol("it does not speak RTSP"));
                }
                Text::None => {
                    if !self.skip_garbage()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn accept(&mut self) {
        self.needed = 0;
        self.speaks = true;
        self.garbage = 0;
    }

    fn interleaved(&mut self) -> Option<Message> {
        let length = self.buffer.get(self.start + 2..self.start + 4)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let from = self.start + 4;
        self.buffer.get(from..from + length)?;
        self.start = from + length;
        self.accept();
        Some(Message::Data(from..from + length))
    }

    /// Goes on to what can be the beginning of a message. False if more bytes must come.
    fn skip_garbage(&mut self) -> Result<bool, RtspError> {
        let data = &self.buffer[self.start..];
        let found = (1..data.len()).find(|&at| {
            let here = &data[at..];
            may_be_packet(here) || here.starts_with(&b"RTSP/1."[..here.len().min(7)])
        });
        let skipped = found.unwrap_or(data.len());
        self.start += skipped;
        self.count_garbage(skipped)?;
        Ok(found.is_some())
    }

    /// Goes on to whole packets inside of a message that is incomplete: a packet whose length is
    /// damaged, or text whose `Content-Length` or end is. False if there are none.
    fn skip_incomplete(&mut self) -> Result<bool, RtspError> {
        let Some(damaged) = packets_inside(&self.buffer[self.start..]) else {
            return Ok(false);
        };
        self.start += damaged;
        self.needed = 0;
        self.count_garbage(damaged)?;
        Ok(true)
    }

    fn count_garbage(&mut self, bytes: usize) -> Result<(), RtspError> {
        self.garbage += bytes;
        if self.garbage > GARBAGE_BYTES {
            return Err(RtspError::Protocol("what it sends is not RTSP"));
        }
        Ok(())
    }
}

/// Whether an interleaved packet with RTP or RTCP (version 2) can begin here, as far as the bytes
/// go.
fn may_be_packet(here: &[u8]) -> bool {
    here.first() == Some(&b'$')
        && here.get(1).is_none_or(|&channel| channel < 32)
        && here.get(4).is_none_or(|&byte| byte >> 6 == 2)
}

/// Where whole packets begin inside of a message that is incomplete: its length is damaged, and it
/// would swallow what follows for seconds. Two packets and the header of a third in a row, or two that
/// end where the bytes end, do not come about by chance in a picture.
fn packets_inside(data: &[u8]) -> Option<usize> {
    let header = 4;
    let inside = data.get(header..)?;
    let mut begins = memchr::memchr_iter(b'$', inside).map(|at| header + at);
    begins.find(|&begin| {
        let (mut at, mut whole) = (begin, 0);
        while data.len() > at + header && may_be_packet(&data[at..]) {
            if whole == 2 {
                return true;
            }
            let length = u16::from_be_bytes([data[at + 2], data[at + 3]]);
            at += header + usize::from(length);
            whole += 1;
        }
        whole == 2 && at == data.len()
    })
}

enum Text {
    /// No text of RTSP.
    None,
    Incomplete {
        /// Bytes of the whole message, or 0 while that is unknown.
        needed: usize,
    },
    /// A message and its length in bytes.
    Message(Message, usize),
}

/// `data` begins with a capital letter.
fn read_text(data: &[u8]) -> Result<Text, RtspError> {
    let head = &data[..data.len().min(HEADER_BYTES)];
    let line_end = head.iter().position(|&byte| byte == b'\n');
    let line = &head[..line_end.unwrap_or(head.len())];
    if line
        .iter()
        .any(|&byte| byte < 0x20 && byte != b'\r' && byte != b'\t')
    {
        return Ok(Text::None);
    }
    if line_end.is_some() && !line.windows(5).any(|window| window == b"RTSP/") {
        return Ok(Text::None);
    }
    let Some(length) = head_length(head) else {
        if data.len() >= HEADER_BYTES {
            return Err(RtspError::TooLarge {
                what: "an RTSP header",
                limit_bytes: HEADER_BYTES,
            });
        }
        return Ok(Text::Incomplete { needed: 0 });
    };
    let text = unfolded(&String::from_utf8_lossy(&head[..length]));
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let headers = Headers(lines.filter_map(header).collect());
    let body = headers.get("Content-Length").unwrap_or("0").trim();
    // A number with too many digits is too large as well.
    let is_number = !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_digit());
    let body = body
        .parse()
        .unwrap_or(if is_number { usize::MAX } else { 0 });
    if body > BODY_BYTES {
        return Err(RtspError::TooLarge {
            what: "an RTSP body",
            limit_bytes: BODY_BYTES,
        });
    }
    let Some(content) = data.get(length..length + body) else {
        let needed = length + body;
        return Ok(Text::Incomplete { needed });
    };
    let mut words = first.split_ascii_whitespace();
    let word = words.next().unwrap_or_default();
    let message = if word.starts_with("RTSP/") {
        let Some(status) = words.next().and_then(|status| status.parse().ok()) else {
            return Err(RtspError::Protocol("an RTSP response without a status"));
        };
        Message::Response(Response {
            status,
            headers,
            body: content.to_vec(),
        })
    } else {
        Message::Request {
            method: word.to_owned(),
            headers,
        }
    };
    Ok(Text::Message(message, length + body))
}

/// Up to and with the empty line; some cameras end lines with LF alone.
fn head_length(head: &[u8]) -> Option<usize> {
    let newline = |from: usize| head[from..].iter().position(|&byte| byte == b'\n');
    let mut at = 0;
    loop {
        at += newline(at)? + 1;
        match head.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

/// Lines that begin with a space or tab continue the line before (RFC 2616, section 4.2).
fn unfolded(head: &str) -> String {
    let mut text = String::with_capacity(head.len());
    for line in head.lines() {
        if !text.is_empty() {
            let folded = line.starts_with([' ', '\t']);
            text.push(if folded { ' ' } else { '\n' });
        }
        text.push_str(line);
    }
    text
}

fn header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(reader: &mut Reader, bytes: &[u8]) -> Result<Vec<Message>, RtspError> {
        let mut messages = Vec::new();
        reader.space(bytes.len()).extend_from_slice(bytes);
        while let Some(message) = reader.next()? {
            messages.push(message);
        }
        Ok(messages)
    }

    const OK: &[u8] = b"RTSP/1.0 200 OK\r\ncseq:7\r\n\r\n";

    #[test]
    fn responses_packets_and_requests_in_any_pieces() {
        let bytes = [
            OK,
            b"$\x00\x00\x03abc\r\n",
            b"RTSP/1.0 401 No\nCSeq: 2\nContent-length: 2 \nX: a:b\n\nhi",
            b"OPTIONS rtsp://client/ RTSP/1.0\r\nCSeq: 9\r\n\r\n",
        ]
        .concat();
        for piece in [1, 2, 5, bytes.len()] {
            let mut reader = Reader::default();
            let mut kinds = Vec::new();
            for bytes in bytes.chunks(piece) {
                for message in read(&mut reader, bytes).expect("RTSP") {
                    kinds.push(match message {
                        Message::Data(range) => format!("{:?}", reader.bytes(range)),
                        Message::Response(it) => format!(
                            "{} {:?} {:?} {:?}",
                            it.status,
                            it.headers.sequence(),
                            it.headers.get("x"),
                            it.body
                        ),
                        Message::Request { method, headers } => {
                            format!("{method} {:?}", headers.sequence())
                        }
                    });
                }
            }
            assert_eq!(
                kinds,
                [
                    "200 Some(7) None []",
                    "[97, 98, 99]",
                    "401 Some(2) Some(\"a:b\") [104, 105]",
                    "OPTIONS Some(9)"
                ]
            );
        }
    }

    #[test]
    fn folded_headers() {
        let bytes = b"RTSP/1.0 401 No\r\nWWW-Authenticate: Digest realm=x,\r\n\tnonce=1,\r\n opaque=2\r\nCSeq: 3\r\n\r\n";
        let messages = read(&mut Reader::default(), bytes).expect("RTSP");
        let [Message::Response(response)] = messages.as_slice() else {
            panic!("{messages:?}");
        };
        assert_eq!(
            response.headers.get("WWW-Authenticate"),
            Some("Digest realm=x, \tnonce=1,  opaque=2")
        );
        assert_eq!(response.headers.sequence(), Some(3));
    }

    #[test]
    fn limits() {
        for (bytes, what) in [
            (
                b"RTSP/1.0 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_vec(),
                "an RTSP body",
            ),
            (
                [&b"RTSP/1.0 200 OK\r\nX: "[..], &[b'a'; HEADER_BYTES][..]].concat(),
                "an RTSP header",
            ),
        ] {
            let error = read(&mut Reader::default(), &bytes).expect_err("too large");
            assert!(
                matches!(error, RtspError::TooLarge { what: found, .. } if found == what),
                "{error}"
            );
        }
        let mut reader = Reader::default();
        read(&mut reader, OK).expect("RTSP");
        assert!(matches!(
            read(&mut reader, &vec![7; GARBAGE_BYTES + 2]),
            Err(RtspError::Protocol(_))
        ));
    }

    #[test]
    fn another_protocol_and_garbage_between_packets() {
        assert!(matches!(
            read(&mut Reader::default(), b"220 mail ESMTP\r\n\r\n"),
            Err(RtspError::Protocol(_))
        ));
        let mut reader = Reader::default();
        read(&mut reader, OK).expect("RTSP");
        let packet = [b'$', 0, 0, 2, 0x80, 96];
        let bytes = [&[1, 2, b'$', 99, 3][..], &packet, b"Some text\n", &packet].concat();
        let messages = read(&mut reader, &bytes).expect("it goes on");
        assert_eq!(messages.len(), 2, "{messages:?}");
    }

    #[test]
    fn a_damaged_length_swallows_no_more_than_two_packets() {
        let packet = |byte: u8| {
            let payload = [0x80, 96, byte, byte, 1, 2, 3, b'$'];
            [&[b'$', 0, 0, payload.len() as u8][..], &payload].concat()
        };
        let mut reader = Reader::default();
        read(&mut reader, OK).expect("RTSP");
        let mut damaged = packet(1);
        damaged[2] = 0xd5;
        assert!(read(&mut reader, &damaged).expect("it waits").is_empty());
        // One more packet could be a part of a large one.
        assert!(read(&mut reader, &packet(2)).expect("it waits").is_empty());
        let messages = read(&mut reader, &packet(3)).expect("it goes on");
        assert_eq!(messages.len(), 2, "{messages:?}");
        // So does what comes at once, with the beginning of a third.
        let bytes = [damaged, packet(4), packet(5), packet(6)[..6].to_vec()].concat();
        let messages = read(&mut reader, &bytes).expect("it goes on");
        assert_eq!(messages.len(), 2, "{messages:?}");
        let messages = read(&mut reader, &packet(6)[6..]).expect("it goes on");
        assert_eq!(messages.len(), 1, "{messages:?}");
        // Text that waits for a body that is none, and text without an end, as well.
        for text in [
            &b"RTSP/1.0 200 OK\r\nContent-Length: 9000\r\n\r\n"[..],
            b"OPTIONS * RTSP/1.0\r\nCSeq: 9\r\n",
        ] {
            assert!(read(&mut reader, text).expect("it waits").is_empty());
            assert!(read(&mut reader, &packet(7)).expect("it waits").is_empty());
            let messages = read(&mut reader, &packet(8)).expect("it goes on");
            assert_eq!(messages.len(), 2, "{messages:?}");
        }
        // A whole large packet may hold anything.
        let large = [packet(7), packet(8)].concat();
        let bytes = [&[b'$', 0, 0, large.len() as u8][..], &large].concat();
        let messages = read(&mut reader, &bytes).expect("RTSP");
        assert_eq!(messages.len(), 1, "{messages:?}");
    }

    proptest! {
        #[test]
        fn noise_never_panics(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut reader = Reader::default();
            let _ = read(&mut reader, OK);
            for chunk in chunks {
                if read(&mut reader, &chunk).is_err() {
                    break;
                }
            }
        }
    }
}
