//! TLS: the user's certificate, or one of this node's own.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use camweave_stage::StageError;
use data_encoding::HEXUPPER;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tracing::info;

use super::token::write_private;
use crate::settings::{DashboardSettings, Tls};

const CERTIFICATE: &str = "tls-cert.pem";
const KEY: &str = "tls-key.pem";

/// What encrypts connections; `None` where nothing does.
///
/// # Errors
/// A certificate or key cannot be used.
pub(crate) fn acceptor(settings: &DashboardSettings) -> Result<Option<TlsAcceptor>, StageError> {
    let (certificate, key) = match (
        settings.encryption()?,
        &settings.tls_cert,
        &settings.tls_key,
    ) {
        (Tls::Files, Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (Tls::SelfSigned | Tls::Files, ..) => {
            let (certificate, key) = (settings.state.join(CERTIFICATE), settings.state.join(KEY));
            if !certificate.exists() || !key.exists() {
                make(&settings.state, settings.address()?.ip())?;
            }
            (certificate, key)
        }
        (Tls::Auto | Tls::Off, ..) => return Ok(None),
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable("TLS_CERT", &certificate, &error))?;
    let private =
        PrivateKeyDer::from_pem_file(&key).map_err(|error| unusable("TLS_KEY", &key, &error))?;
    if let (Tls::SelfSigned, Some(own)) = (settings.encryption()?, chain.first()) {
        let hash = HEXUPPER.encode(&Sha256::digest(own));
        let pairs: Vec<&str> = hash
            .as_bytes()
            .chunks(2)
            .filter_map(|it| str::from_utf8(it).ok())
            .collect();
        info!(
            "the page's certificate is self-signed; its SHA-256 fingerprint, to compare with the browser's: {}",
            pairs.join(":")
        );
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StageError::internal(format!("TLS: {error}")))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| unusable("TLS_CERT", &certificate, &error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn unusable(name: &str, path: &Path, error: &dyn std::fmt::Display) -> StageError {
    StageError::configuration(format!("env {name}: '{}': {error}", path.display()))
}

/// Makes a certificate that stays: a browser asks about it once.
fn make(folder: &Path, address: IpAddr) -> Result<(), StageError> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim().to_owned();
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    // A host name may have characters that a certificate must not.
    if !host.is_empty()
        && host
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"-.".contains(&it))
    {
        names.push(host);
    }
    if !address.is_unspecified() {
        names.push(address.to_string());
    }
    let made = rcgen::generate_simple_self_signed(names)
        .map_err(|error| StageError::internal(format!("the self-signed certificate: {error}")))?;
    write_private(folder, KEY, made.signing_key.serialize_pem().as_bytes())?;
    write_private(folder, CERTIFICATE, made.cert.pem().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = DashboardSettings {
            listen: "0.0.0.0:0".to_owned(),
            state: folder.path().to_owned(),
            ..DashboardSettings::default()
        };
        assert!(acceptor(&settings).expect("made").is_some());
        let read = || std::fs::read(folder.path().join(CERTIFICATE)).expect("it is kept");
        let first = read();
        assert!(acceptor(&settings).expect("read").is_some());
        assert_eq!(read(), first);
        std::fs::write(folder.path().join(KEY), "x").expect("ours");
        let error = acceptor(&settings).err().expect("no key");
        assert!(error.message.contains(KEY), "{error}");
    }

    #[test]
    fn loopback_is_not_encrypted() {
        assert!(acceptor(&DashboardSettings::default()).is_ok_and(|it| it.is_none()));
    }
}
