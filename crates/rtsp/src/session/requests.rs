//! Requests and their answers, both ways.

use std::collections::VecDeque;

use camweave_http_auth::Authorizer;

use crate::RtspError;
use crate::connection::Connection;
use crate::media::Media;
use crate::wire::{Headers, Message, Response};

/// Writes requests.
#[derive(Debug)]
pub(super) struct Requests {
    pub authorizer: Authorizer,
    pub user_agent: &'static str,
    pub sequence: u32,
    /// Numbers of requests without an answer, the latest last.
    pub unanswered: VecDeque<u32>,
    pub session: Option<String>,
}

/// Requests without an answer that are remembered.
const UNANSWERED: usize = 16;

impl Requests {
    /// Appends a request.
    pub fn write(
        &mut self,
        connection: &mut Connection,
        method: &str,
        url: &str,
        header: Option<(&str, &str)>,
    ) {
        self.sequence += 1;
        let mut text = format!(
            "{method} {url} RTSP/1.0\r\nCSeq: {}\r\nUser-Agent: {}\r\n",
            self.sequence, self.user_agent
        );
        let authorization = self.authorizer.header(method, url);
        let headers = [
            ("Authorization", authorization.as_deref()),
            ("Session", self.session.as_deref()),
        ];
        let given = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        for (name, value) in given.chain(header) {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        connection.write(text.as_bytes());
        if self.unanswered.len() == UNANSWERED {
            self.unanswered.pop_front();
        }
        self.unanswered.push_back(self.sequence);
    }

    /// Whether `response` is the final answer to the latest request. Cameras forget the number
    /// or always send the same: any number is the latest's but that of an earlier request which
    /// has had no answer.
    pub fn is_answer(&mut self, response: &Response) -> bool {
        // 100 Continue and its like come before the answer.
        if response.status < 200 {
            return false;
        }
        let number = response.headers.sequence();
        let earlier = |open: &u32| *open != self.sequence && number == Some(*open);
        if let Some(at) = self.unanswered.iter().position(earlier) {
            self.unanswered.remove(at);
            return false;
        }
        self.unanswered.pop_back_if(|open| *open == self.sequence);
        true
    }

    /// Sends a request and waits for its answer, with as many credentials as it takes.
    /// Packets that come before go to `media`, requests of the camera's are answered.
    pub async fn send(
        &mut self,
        connection: &mut Connection,
        method: &'static str,
        url: &str,
        header: Option<(&str, &str)>,
        mut media: Option<&mut Media>,
    ) -> Result<Response, RtspError> {
        loop {
            self.write(connection, method, url, header);
            let response = loop {
                match connection.buffered()? {
                    Some(Message::Response(response)) if self.is_answer(&response) => {
                        break response;
                    }
                    Some(Message::Response(_)) => {}
                    Some(Message::Request { method, headers }) => {
                        answer(connection, &method, &headers)?;
                    }
                    Some(Message::Data(range)) => {
                        if let Some(media) = media.as_deref_mut()
                            && !media.is_full()
                        {
                            media.packet(connection.bytes(range))?;
                        }
                    }
                    None => connection.exchange().await?,
                }
            };
            match response.status {
                200..=299 => {
                    self.authorizer.accepted();
                    return Ok(response);
                }
                401 => self
                    .authorizer
                    .challenged(response.headers.all("WWW-Authenticate"))?,
                301..=303 | 305 | 307 | 308 => return Ok(response),
                status => return Err(RtspError::Status { status, method }),
            }
        }
    }
}

/// Answers a request of the camera's.
pub(super) fn answer(
    connection: &mut Connection,
    method: &str,
    headers: &Headers,
) -> Result<(), RtspError> {
    let status = match method {
        "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => "200 OK",
        "TEARDOWN" => return Err(RtspError::Ended("its request TEARDOWN")),
        "REDIRECT" => return Err(RtspError::Ended("its request REDIRECT")),
        _ => "501 Not Implemented",
    };
    let number = headers.sequence().unwrap_or(0);
    connection.write(format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n").as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TriedSchemes;

    fn response(text: &str) -> Response {
        let mut reader = crate::wire::Reader::default();
        reader.space(text.len()).extend_from_slice(text.as_bytes());
        match reader.next() {
            Ok(Some(Message::Response(response))) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The number, and whether it answers the latest request, which is 3; 1 has its answer.
    #[test]
    fn which_response_answers_the_latest_request() {
        for (text, answers) in [
            ("200 OK\r\nCSeq: 3", true),
            ("200 OK", true),
            ("200 OK\r\nCSeq: 1", true),
            ("200 OK\r\nCSeq: 0", true),
            ("200 OK\r\nCSeq: x", true),
            ("401 No\r\nCSeq: 9", true),
            ("200 OK\r\nCSeq: 2", false),
            ("100 Continue\r\nCSeq: 3", false),
        ] {
            let mut requests = Requests {
                authorizer: Authorizer::new(None, TriedSchemes::default()),
                user_agent: "x",
                sequence: 3,
                unanswered: VecDeque::from([2, 3]),
                session: None,
            };
            let given = response(&format!("RTSP/1.0 {text}\r\n\r\n"));
            assert_eq!(requests.is_answer(&given), answers, "{text}");
            let rest = requests.unanswered.len();
            let expected = if text.starts_with("100") { 2 } else { 1 };
            assert_eq!(rest, expected, "{text}");
        }
    }
}
