//! Settings.

use std::path::PathBuf;

use camweave_stage::{Settings, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kafka::Sasl;
use crate::target::Target;
use crate::{secrets, tls};

/// What the graph may set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE", default)]
pub struct PublishSettings {
    /// where to: `mqtt://HOST[:1883]`, `mqtts://HOST[:8883]`, `kafka://HOST[:9092],…/TOPIC`, with TLS
    /// `kafkas://`, or the `http://` or `https://` URL of a webhook; without credentials
    pub to: Option<String>,
    /// file with that URL in place of `TO`, as the URL of many a webhook is its secret
    pub to_file: Option<PathBuf>,
    /// folder of the queue on disk, of this node alone; it is created
    pub spool: PathBuf,
    /// bytes of the queue at most; when it is full, the oldest events are dropped
    #[schemars(range(min = 1, max = 65_536), extend("unit" = "MiB"))]
    pub spool_mb: u64,
    /// user of the broker, or of the webhook's basic authentication
    pub username: Option<String>,
    /// file with the password; for a webhook without `USERNAME` it is a bearer token
    pub password_file: Option<PathBuf>,
    /// the same as the name of a variable in the environment of dora
    pub password_variable: Option<String>,
    /// how Kafka is given user and password
    pub sasl: Sasl,
    /// certificates that are trusted, PEM; not set: those of the system
    pub ca_file: Option<PathBuf>,
    /// certificate chain that this node shows, PEM
    pub tls_cert: Option<PathBuf>,
    /// private key of `TLS_CERT`, PEM
    pub tls_key: Option<PathBuf>,
    /// version of MQTT
    pub mqtt: MqttVersion,
    /// client id; not set: `camweave-` and the node's id. Of two with one id a broker keeps the latest
    pub client_id: Option<String>,
    /// first part of all topics but those of Home Assistant
    pub topic_prefix: String,
    /// what messages look like: `camweave`, or `frigate` for what was made for Frigate's
    pub shape: Shape,
    /// Home Assistant's discovery prefix, by custom `homeassistant`; empty: cameras are not announced
    pub discovery_prefix: String,
    /// file with the key that requests of a webhook are signed with; not set: they are not
    pub signing_key_file: Option<PathBuf>,
    /// the same as the name of a variable in the environment of dora
    pub signing_key_variable: Option<String>,
    /// time after which a receiver that does not answer is taken for gone
    #[schemars(range(min = 100, max = 600_000), extend("unit" = "ms"))]
    pub timeout_ms: u64,
    /// time between two attempts at most; the first is soon, and each further one takes twice as long
    #[schemars(range(min = 100, max = 3_600_000), extend("unit" = "ms"))]
    pub retry_at_most_ms: u64,
}

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum MqttVersion {
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V3,
    /// MQTT 5.
    #[serde(rename = "5")]
    V5,
}

/// What topics and payloads look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `camweave.event/1`, by camera.
    Camweave,
    /// Frigate's `events` with `before` and `after`.
    Frigate,
}

impl Default for PublishSettings {
    fn default() -> Self {
        Self {
            to: None,
            to_file: None,
            spool: PathBuf::from("out/publish"),
            spool_mb: 64,
            username: None,
            password_file: None,
            password_variable: None,
            sasl: Sasl::Plain,
            ca_file: None,
            tls_cert: None,
            tls_key: None,
            mqtt: MqttVersion::V5,
            client_id: None,
            topic_prefix: "camweave".to_owned(),
            shape: Shape::Camweave,
            discovery_prefix: String::new(),
            signing_key_file: None,
            signing_key_variable: None,
            timeout_ms: 10_000,
            retry_at_most_ms: 30_000,
        }
    }
}

impl PublishSettings {
    /// The receiver, also where its URL is in a file.
    ///
    /// # Errors
    /// The file cannot be read, there is no receiver in it, or the other settings do not fit to it.
    pub(crate) fn target(&self) -> Result<Target, StageError> {
        let target = match &self.to_file {
            Some(file) => Target::parse(secrets::read_file("TO_FILE", file)?.expose())?,
            None => Target::parse(self.to.as_deref().unwrap_or_default())?,
        };
        self.check_with(&target)?;
        Ok(target)
    }

    /// What TLS needs.
    pub(crate) fn identities(&self) -> tls::Identities<'_> {
        tls::Identities {
            authorities: self.ca_file.as_deref(),
            own: self.tls_cert.as_deref().zip(self.tls_key.as_deref()),
        }
    }

    /// Kafka knows no user without a password.
    fn check_login(&self) -> Result<(), StageError> {
        let has_password = secrets::is_set(&self.password_file, &self.password_variable);
        if self.username.is_some() && !has_password {
            return Err(StageError::configuration(
                "env USERNAME is set, expected PASSWORD_FILE or PASSWORD_VARIABLE with a user of Kafka",
            ));
        }
        Ok(())
    }

    /// What has to fit to the receiver.
    fn check_with(&self, target: &Target) -> Result<(), StageError> {
        if !target.is_webhook() {
            if self.username.is_none()
                && secrets::is_set(&self.password_file, &self.password_variable)
            {
                return Err(StageError::configuration(
                    "env USERNAME is not set, expected a user with the password of a broker",
                ));
            }
            if matches!(target, Target::Kafka(_)) {
                return self.check_login();
            }
            check_topic("TOPIC_PREFIX", &self.topic_prefix, false)?;
            check_topic("DISCOVERY_PREFIX", &self.discovery_prefix, true)?;
            if self.shape == Shape::Frigate && !self.discovery_prefix.is_empty() {
                return Err(StageError::configuration(
                    "env DISCOVERY_PREFIX is set, expected none with SHAPE='frigate': Home Assistant has its own integration for that",
                ));
            }
        }
        Ok(())
    }
}

impl Settings for PublishSettings {
    fn check(&self) -> Result<(), StageError> {
        if self.to.is_some() && self.to_file.is_some() {
            return Err(StageError::configuration(
                "env TO and TO_FILE are both set, expected one of them",
            ));
        }
        for (name, file, variable) in [
            ("PASSWORD", &self.password_file, &self.password_variable),
            (
                "SIGNING_KEY",
                &self.signing_key_file,
                &self.signing_key_variable,
            ),
        ] {
            if file.is_some() && variable.is_some() {
                return Err(StageError::configuration(format!(
                    "env {name}_FILE and {name}_VARIABLE are both set, expected one of them"
                )));
            }
        }
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(StageError::configuration(
                "of env TLS_CERT and TLS_KEY one is set, expected both or none",
            ));
        }
        // What is in a file is looked at with the files.
        match &self.to_file {
            Some(_) => Ok(()),
            None => self.target().map(drop),
        }
    }

    fn check_files(&self) -> Result<(), StageError> {
        for (name, file) in [
            ("PASSWORD_FILE", &self.password_file),
            ("SIGNING_KEY_FILE", &self.signing_key_file),
        ] {
            if let Some(file) = file {
                secrets::read_file(name, file)?;
            }
        }
        if self.target()?.is_encrypted() {
            tls::config(self.identities())?;
        }
        Ok(())
    }
}

/// What a topic may begin with: no wildcards, no empty levels, and not what is the broker's own.
fn check_topic(name: &str, value: &str, may_be_empty: bool) -> Result<(), StageError> {
    let is_level = |level: &str| {
        !level.is_empty() && !level.contains(['+', '#']) && !level.contains(char::is_control)
    };
    let is_topic = value.split('/').all(is_level) && !value.starts_with('$');
    if (value.is_empty() && may_be_empty) || (is_topic && value.len() <= 256) {
        return Ok(());
    }
    Err(StageError::configuration(format!(
        "env {name}='{}', expected a topic of up to 256 bytes without '+', '#' and empty levels, such as 'site/camweave'",
        camweave_redact::printable(value)
    )))
}

#[cfg(test)]
mod tests {
    use camweave_stage::Declared;

    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<PublishSettings, StageError> {
        let declared = Declared::of(values.iter().copied());
        PublishSettings::read(&declared)
    }

    #[test]
    fn what_does_not_fit_together_is_refused_without_secrets() {
        let to = ("TO", "mqtt://host");
        for values in [
            &[][..],
            &[("TO", "host:1883")],
            &[to, ("TO_FILE", "a")],
            &[("TO", "amqp://host")],
            &[("TO", "mqtt://anna:t0psecret@host")],
            &[("TO", "kafka://anna:t0psecret@host/events")],
            &[("TO", "kafka://host")],
            &[("TO", "kafka://host/events"), ("USERNAME", "u")],
            &[("TO", "kafka://host/events"), ("SASL", "gssapi")],
            &[
                ("TO", "https://host/t0psecret?token=t0psecret@"),
                ("TLS_CERT", "a"),
            ],
            &[to, ("PASSWORD_FILE", "a")],
            &[
                to,
                ("USERNAME", "u"),
                ("PASSWORD_FILE", "a"),
                ("PASSWORD_VARIABLE", "B"),
            ],
            &[to, ("TOPIC_PREFIX", "a/#")],
            &[to, ("TOPIC_PREFIX", "$SYS")],
            &[to, ("DISCOVERY_PREFIX", "a//b")],
            &[to, ("MQTT", "4")],
            &[
                to,
                ("SHAPE", "frigate"),
                ("DISCOVERY_PREFIX", "homeassistant"),
            ],
        ] {
            let error = read(values).expect_err("wrong").message;
            assert!(!error.contains("t0psecret"), "{error}");
        }
        assert_eq!(
            read(&[to, ("MQTT", "3.1.1")]).map(|it| it.mqtt),
            Ok(MqttVersion::V3)
        );
        let kafka = [
            ("TO", "kafkas://a,b/events"),
            ("USERNAME", "u"),
            ("PASSWORD_FILE", "a"),
            ("SASL", "scram-sha-256"),
        ];
        assert_eq!(read(&kafka).map(|it| it.sasl), Ok(Sasl::Scram256));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("to");
        std::fs::write(&file, "https://host/t0psecret\n").expect("writable");
        let hook = [("TO_FILE", file.to_str().expect("a path"))];
        let read_file = read(&hook).expect("it is looked at later").target();
        assert_eq!(read_file.expect("a URL").to_string(), "https://host/***");
        std::fs::write(&file, "mqtt://host/t0psecret").expect("writable");
        let error = read(&hook).expect("it is looked at later").check_files();
        let error = error.expect_err("wrong").message;
        assert!(!error.contains("t0psecret"), "{error}");
        let webhook = [("TO", "https://host/hook"), ("PASSWORD_FILE", "token")];
        assert!(read(&webhook).is_ok());
    }
}
