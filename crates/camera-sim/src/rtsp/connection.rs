//! Reads requests from one TCP connection and writes responses to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rtsp_types::{Message, ParseError, Response, StatusCode, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::{Mutex, watch};

use crate::rtsp::Served;
use crate::rtsp::handler::{Handler, Reply};
use crate::rtsp::sink::SharedWriter;

/// A message longer than this is refused: a camera's clients send a few hundred bytes.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;

/// Serves one client until it leaves, or until its stream ends with the connection.
pub async fn serve(socket: TcpStream, peer: SocketAddr, served: Arc<Served>) {
    if let Err(error) = try_serve(socket, peer, served).await {
        tracing::debug!(%peer, %error, "connection ended");
    }
}

async fn try_serve(socket: TcpStream, peer: SocketAddr, served: Arc<Served>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let local = socket.local_addr()?;
    let (reader, writer) = socket.into_split();
    let writer: SharedWriter = Arc::new(Mutex::new(writer));
    let mut handler = Handler::new(served, (local, peer), Arc::clone(&writer));
    let mut closing = handler.closing.subscribe();
    let result = tokio::select! {
        result = answer_requests(reader, &mut handler) => result,
        () = closed(&mut closing) => Ok(()),
    };
    drop(handler);
    // A stream that was cut off in a write may still hold the lock for a moment; then the socket
    // is closed by the last owner instead.
    if let Ok(mut writer) = writer.try_lock() {
        writer.shutdown().await?;
    }
    result
}

async fn closed(closing: &mut watch::Receiver<bool>) {
    if closing.wait_for(|closing| *closing).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn answer_requests(mut reader: OwnedReadHalf, handler: &mut Handler) -> io::Result<()> {
    let mut buffer: Vec<u8> = Vec::new();
    loop {
        // Some clients end a request with more line ends than they should.
        let blank = buffer
            .iter()
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        buffer.drain(..blank);
        match Message::<Vec<u8>>::parse(&buffer) {
            Ok((message, consumed)) => {
                buffer.drain(..consumed);
                handler.activity.touch();
                // Interleaved data from a client are receiver reports: nothing to do about them.
                if let Message::Request(request) = message
                    && !respond(handler, &request).await?
                {
                    return Ok(());
                }
            }
            Err(ParseError::Incomplete(_)) if buffer.len() < MAX_MESSAGE_BYTES => {
                if reader.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
            Err(error) => {
                let refusal =
                    Response::builder(Version::V1_0, StatusCode::BadRequest).build(Vec::new());
                write(handler, &refusal).await?;
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    error.to_string(),
                ));
            }
        }
    }
}

/// Whether the connection goes on.
async fn respond(
    handler: &mut Handler,
    request: &rtsp_types::Request<Vec<u8>>,
) -> io::Result<bool> {
    let Reply::Respond(response, stream) = handler.handle(request).await else {
        return Ok(false);
    };
    let method: &str = request.method().into();
    tracing::debug!(peer = %handler.peer, method, status = %response.status(), "request");
    write(handler, &response).await?;
    if let Some((session, stream)) = stream {
        handler.started(&session, tokio::spawn(stream.run()));
    }
    Ok(true)
}

async fn write(handler: &Handler, response: &Response<Vec<u8>>) -> io::Result<()> {
    let mut bytes = Vec::new();
    response
        .write(&mut bytes)
        .map_err(|error| io::Error::other(format!("response: {error}")))?;
    handler.writer.lock().await.write_all(&bytes).await
}
