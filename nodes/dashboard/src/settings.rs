//! Settings.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct DashboardSettings {
    /// address and port of the page; an address other than loopback needs a token
    pub listen: String,
    /// folder for the token's hash and the self-signed certificate; it is created
    pub state: PathBuf,
    /// file with the token, of at least 32 characters; not set: one is made at the first start, and
    /// printed once
    pub token_file: Option<PathBuf>,
    /// auto: self-signed for an address other than loopback, else off; files: `TLS_CERT` and `TLS_KEY`
    pub tls: Tls,
    /// certificate chain, PEM, for `TLS: files`
    pub tls_cert: Option<PathBuf>,
    /// private key, PEM, for `TLS: files`
    pub tls_key: Option<PathBuf>,
    /// the cameras.yml that pages may change; empty: none
    pub cameras: Option<PathBuf>,
    /// the rules.yml whose zones and lines pages show, and may change; empty: none
    pub rules: Option<PathBuf>,
    /// the folder into which a recorder writes clips, which pages play; empty: none
    pub recordings: Option<PathBuf>,
    /// pages that may be open at once; further ones are refused
    #[schemars(range(min = 1, max = 1024))]
    pub viewers: usize,
    /// time for which an access unit waits for the detections of its frame at most: with a detector
    /// that takes longer, there are no boxes
    #[schemars(range(max = 10_000), extend("unit" = "ms"))]
    pub wait_at_most_ms: u64,
    /// number of the CUDA device whose memory frames may be in; opened when the first image of one
    /// is asked for
    #[schemars(range(max = 255))]
    pub device: u32,
}

/// How the page is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// As the address needs it.
    Auto,
    /// It is not.
    Off,
    /// With a certificate that this node makes.
    SelfSigned,
    /// With the user's certificate.
    Files,
}

impl Default for DashboardSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8090".to_owned(),
            state: PathBuf::from("out/dashboard"),
            token_file: None,
            tls: Tls::Auto,
            tls_cert: None,
            tls_key: None,
            cameras: None,
            rules: None,
            recordings: None,
            viewers: 64,
            wait_at_most_ms: 400,
            device: 0,
        }
    }
}

impl Settings for DashboardSettings {
    fn check(&self) -> Result<(), StageError> {
        self.address()?;
        let files = [("TLS_CERT", &self.tls_cert), ("TLS_KEY", &self.tls_key)];
        for (name, file) in files {
            match (self.tls, file) {
                (Tls::Files, None) => {
                    return Err(StageError::configuration(format!(
                        "env {name} is not set, expected a PEM file, as TLS is 'files'"
                    )));
                }
                (Tls::Files, Some(_)) | (_, None) => {}
                (_, Some(file)) => {
                    return Err(StageError::configuration(format!(
                        "env {name}='{}', expected TLS='files' with it",
                        file.display()
                    )));
                }
            }
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), StageError> {
        let named = [
            ("TOKEN_FILE", &self.token_file),
            ("TLS_CERT", &self.tls_cert),
            ("TLS_KEY", &self.tls_key),
        ];
        for (name, file) in named {
            if let Some(file) = file {
                std::fs::File::open(file).map_err(|error| {
                    StageError::configuration(format!("env {name}='{}': {error}", file.display()))
                })?;
            }
        }
        Ok(())
    }
}

impl DashboardSettings {
    /// The file that pages may change.
    pub(crate) fn cameras(&self) -> Option<&Path> {
        let named = self.cameras.as_deref();
        named.filter(|path| !path.as_os_str().is_empty())
    }

    /// The rules that pages may change.
    pub(crate) fn rules(&self) -> Option<&Path> {
        let named = self.rules.as_deref();
        named.filter(|path| !path.as_os_str().is_empty())
    }

    /// The clips that pages play.
    pub(crate) fn recordings(&self) -> Option<&Path> {
        let named = self.recordings.as_deref();
        named.filter(|path| !path.as_os_str().is_empty())
    }

    /// Where to listen.
    pub(crate) fn address(&self) -> Result<SocketAddr, StageError> {
        self.listen.parse().map_err(|_| {
            StageError::configuration(format!(
                "env LISTEN='{}', expected an IP address and a port, such as 127.0.0.1:8090, 0.0.0.0:8090 or [::1]:8090",
                camweave_redact::printable(&self.listen)
            ))
        })
    }

    /// Whether only this machine reaches the page.
    pub(crate) fn is_local(&self) -> Result<bool, StageError> {
        Ok(self.address()?.ip().is_loopback())
    }

    /// How the page is encrypted, given its address.
    pub(crate) fn encryption(&self) -> Result<Tls, StageError> {
        Ok(match self.tls {
            Tls::Auto if self.is_local()? => Tls::Off,
            Tls::Auto => Tls::SelfSigned,
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use camweave_stage::Declared;

    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<DashboardSettings, StageError> {
        DashboardSettings::read(&Declared::of(values.iter().copied()))
    }

    #[test]
    fn only_another_address_is_encrypted_by_itself() {
        for (listen, expected) in [
            ("127.0.0.1:8090", Tls::Off),
            ("[::1]:1", Tls::Off),
            ("0.0.0.0:8090", Tls::SelfSigned),
            ("[::]:8090", Tls::SelfSigned),
            ("192.168.0.7:8090", Tls::SelfSigned),
        ] {
            let settings = read(&[("LISTEN", listen)]).expect("an address");
            assert_eq!(settings.encryption(), Ok(expected), "{listen}");
        }
        let off = read(&[("LISTEN", "0.0.0.0:1"), ("TLS", "off")]).expect("settings");
        assert_eq!(off.encryption(), Ok(Tls::Off));
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        for values in [
            &[("LISTEN", "localhost")][..],
            &[("LISTEN", "8090")],
            &[("TLS", "files")],
            &[("TLS", "files"), ("TLS_CERT", "a.pem")],
            &[("TLS_KEY", "a.pem")],
            &[("TLS", "on")],
            &[("VIEWERS", "0")],
        ] {
            assert!(read(values).is_err(), "{values:?}");
        }
        let files = [("TLS", "files"), ("TLS_CERT", "a"), ("TLS_KEY", "b")];
        assert!(read(&files).is_ok());
    }
}
