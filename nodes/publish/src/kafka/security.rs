//! How brokers are known, and how this node shows who it is.

use std::path::Path;

use camweave_redact::Secret;
use camweave_stage::StageError;
use krafka::auth::{AuthConfig, TlsConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tls::{self, Identities};

/// How a broker of Kafka is given user and password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sasl {
    /// As they are, which wants TLS.
    Plain,
    /// By a proof with SHA-256.
    #[serde(rename = "scram-sha-256")]
    Scram256,
    /// By a proof with SHA-512.
    #[serde(rename = "scram-sha-512")]
    Scram512,
}

/// # Errors
/// A file cannot be read, or has no certificate or key that can be used.
pub(crate) fn security(
    login: Option<(&str, &Secret)>,
    sasl: Sasl,
    identities: Option<Identities<'_>>,
) -> Result<AuthConfig, StageError> {
    let security = match login {
        None => AuthConfig::plaintext(),
        Some((user, password)) => match sasl {
            Sasl::Plain => AuthConfig::sasl_plain(user, password.expose()),
            Sasl::Scram256 => AuthConfig::sasl_scram_sha256(user, password.expose()),
            Sasl::Scram512 => AuthConfig::sasl_scram_sha512(user, password.expose()),
        },
    };
    let Some(identities) = identities else {
        return Ok(security);
    };
    // The library makes its own of the same files; what is wrong with them is said as everywhere.
    tls::config(identities)?;
    let config = match identities.authorities {
        Some(file) => TlsConfig::new().with_ca_cert_pem(read("CA_FILE", file)?),
        None => TlsConfig::new().with_native_roots(),
    };
    let config = match identities.own {
        Some((chain, key)) => {
            config.with_client_cert_pem(read("TLS_CERT", chain)?, read("TLS_KEY", key)?)
        }
        None => config,
    };
    Ok(security.with_tls(config))
}

fn read(name: &str, file: &Path) -> Result<Vec<u8>, StageError> {
    std::fs::read(file).map_err(|error| {
        StageError::configuration(format!("env {name}='{}': {error}", file.display()))
    })
}
