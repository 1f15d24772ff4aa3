//! Devices that answer as a test says.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use camweave_onvif::{Announced, AskError, Device, Limits, Login, Service, ask};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// Generous: on a machine with much else to do, answers take a while.
pub const LIMITS: Limits = Limits {
    call: Duration::from_secs(10),
    device: Duration::from_secs(20),
    answer_bytes: 64 * 1024,
};
pub const ENVELOPE: &str = "<s:Envelope xmlns:s='urn:s' xmlns:t='urn:t'><s:Body>";
pub const END: &str = "</s:Body></s:Envelope>";

/// Shows one certificate to everybody.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A device that answers each request, of which it gets the text and its own port, with these bytes.
pub struct Fake {
    pub port: u16,
    is_tls: bool,
    pub requests: Arc<AtomicUsize>,
}

impl Fake {
    pub async fn start(answer: impl Fn(&str, u16) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::begin(answer, None).await
    }

    /// With a certificate of its own.
    pub async fn start_tls(answer: impl Fn(&str, u16) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let made = rcgen::generate_simple_self_signed(["camera".to_owned()]);
        let certificate = made.expect("a certificate").cert.der().clone();
        Self::start_with(certificate, answer).await
    }

    /// With this certificate, whatever its key may be.
    pub async fn start_with(
        certificate: CertificateDer<'static>,
        answer: impl Fn(&str, u16) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let made = rcgen::generate_simple_self_signed(["camera".to_owned()]);
        let key = made.expect("a key").signing_key.serialize_der();
        let key = provider
            .key_provider
            .load_private_key(PrivateKeyDer::Pkcs8(key.into()));
        let shown = CertifiedKey::new(vec![certificate], key.expect("a key that can be used"));
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Shown(Arc::new(shown))));
        Self::begin(answer, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn begin(
        answer: impl Fn(&str, u16) -> Vec<u8> + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let answer = Arc::new(answer);
        let is_tls = tls.is_some();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::Relaxed);
                let (answer, tls) = (Arc::clone(&answer), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, port).await,
                        Some(tls) => {
                            let stream = tls.accept(stream).await.expect("a handshake");
                            serve(stream, &*answer, port).await;
                        }
                    }
                });
            }
        });
        Self {
            port,
            is_tls,
            requests,
        }
    }

    pub async fn ask(&self, login: Option<&Login>) -> Result<Device, AskError> {
        self.ask_within(login, &LIMITS).await
    }

    pub async fn ask_within(
        &self,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Device, AskError> {
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let service = Service {
            is_tls: self.is_tls,
            ..Service::device(self.port)
        };
        ask(&Announced::unheard(address, service), login, limits).await
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(dyn Fn(&str, u16) -> Vec<u8> + Send + Sync),
    port: u16,
) {
    let mut request = Vec::new();
    let mut part = [0; 4096];
    while !request.ends_with(b"</s:Envelope>") {
        match stream.read(&mut part).await {
            Ok(length) if length > 0 => request.extend_from_slice(&part[..length]),
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let answer = answer(&text, port);
    if answer.is_empty() {
        // Silence, over a connection that stays.
        std::future::pending::<()>().await;
    }
    // The other side may have had enough.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

pub fn ok(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A device with these answers to `GetProfiles` and `GetStreamUri` of its two media services.
pub fn device(
    request: &str,
    port: u16,
    uri: impl Fn(&str) -> Option<Vec<u8>>,
    channels: usize,
) -> Vec<u8> {
    let service = |version: &str| {
        format!(
            "<t:Service><t:Namespace>http://www.onvif.org/{version}/media/wsdl</t:Namespace>\
             <t:XAddr>http://127.0.0.1:{port}/{version}</t:XAddr></t:Service>"
        )
    };
    let profiles = (0..channels).map(|at| {
        format!(
            "<t:Profiles token='p{at}'><t:Name>p{at}</t:Name><t:Configurations>\
             <t:VideoSource><t:SourceToken>s{at}</t:SourceToken></t:VideoSource>\
             <t:VideoEncoder><t:Encoding>H264</t:Encoding></t:VideoEncoder>\
             </t:Configurations></t:Profiles>"
        )
    });
    let body = match request {
        it if it.contains("GetServices") => {
            let (old, new) = (service("ver10"), service("ver20"));
            format!("<t:GetServicesResponse>{old}{new}</t:GetServicesResponse>")
        }
        it if it.contains("GetProfiles") => {
            let all: String = profiles.collect();
            format!("<t:GetProfilesResponse>{all}</t:GetProfilesResponse>")
        }
        it if it.contains("GetStreamUri") => match uri(it) {
            Some(answer) => return answer,
            None if it.contains("POST /ver20 ") => {
                "<t:GetStreamUriResponse><t:Uri>rtsp://127.0.0.1/new</t:Uri></t:GetStreamUriResponse>"
                    .to_owned()
            }
            None => "<t:GetStreamUriResponse><t:MediaUri><t:Uri>rtsp://127.0.0.1/old</t:Uri>\
                     </t:MediaUri></t:GetStreamUriResponse>"
                .to_owned(),
        },
        _ => String::new(),
    };
    ok(&format!("{ENVELOPE}{body}{END}"))
}
