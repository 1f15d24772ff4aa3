//! Servers that offer something else than a camera's video.

use std::io::{Read, Write};
use std::net::TcpListener;

/// Sound alone.
pub const SOUND: &str =
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\na=control:a\r\n";
/// Motion JPEG.
pub const MJPEG: &str =
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:v\r\n";

/// A server that answers each DESCRIBE with `sdp`; its port.
pub fn describes(sdp: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = [0; 2048];
            let length = connection.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let sequence = request.lines().find_map(|line| line.strip_prefix("CSeq: "));
            let sequence = sequence.unwrap_or("1");
            let length = sdp.len();
            // A client that has gone is none of its business.
            let _ = write!(
                connection,
                "RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}"
            );
        }
    });
    port
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}
