//! How receivers are known, and how this node shows who it is.

use std::path::Path;
use std::sync::Arc;

use camweave_stage::StageError;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// Whom the node trusts, and who it is to them; all of it may be absent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identities<'a> {
    /// Certificates of authorities, instead of the system's.
    pub authorities: Option<&'a Path>,
    /// The node's own certificate and key.
    pub own: Option<(&'a Path, &'a Path)>,
}

/// The configuration of rustls, with the one provider that camweave has.
///
/// # Errors
/// A file cannot be read, or has no certificate or key that can be used.
pub(crate) fn config(identities: Identities<'_>) -> Result<ClientConfig, StageError> {
    let builder = builder()?;
    let builder = match identities.authorities {
        Some(file) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("CA_FILE", file)? {
                roots
                    .add(certificate)
                    .map_err(|error| wrong("CA_FILE", file, &error.to_string()))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder.with_platform_verifier().map_err(|error| {
            StageError::missing(format!(
                "the system has no certificates of authorities (package ca-certificates), and env CA_FILE is not set: {error}"
            ))
        })?,
    };
    let Some((chain, key)) = identities.own else {
        return Ok(builder.with_no_client_auth());
    };
    let key_file = key;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| wrong("TLS_KEY", key_file, &error.to_string()))?;
    builder
        .with_client_auth_cert(certificates("TLS_CERT", chain)?, key)
        .map_err(|error| wrong("TLS_CERT", chain, &error.to_string()))
}

/// One that trusts nobody, for connections that are not encrypted: it needs no certificates of the system.
///
/// # Errors
/// None that can be expected.
pub(crate) fn unused() -> Result<ClientConfig, StageError> {
    let builder = builder()?.with_root_certificates(RootCertStore::empty());
    Ok(builder.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, StageError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StageError::internal(format!("TLS: {error}")))
}

fn wrong(name: &str, file: &Path, what: &str) -> StageError {
    StageError::configuration(format!("env {name}='{}': {what}", file.display()))
}

fn certificates(name: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, StageError> {
    let read = || CertificateDer::pem_file_iter(file)?.collect::<Result<Vec<_>, _>>();
    let found = read().map_err(|error| wrong(name, file, &error.to_string()))?;
    if found.is_empty() {
        return Err(wrong(name, file, "it has no certificate, expected PEM"));
    }
    Ok(found)
}
