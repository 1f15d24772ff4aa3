//! Where events go.

use camweave_redact::{KnownSecrets, SecretUrl};
use camweave_stage::StageError;
use url::Url;

use crate::kafka::Cluster;

/// The receiver, by its URL.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A broker.
    Mqtt {
        host: String,
        port: u16,
        is_encrypted: bool,
    },
    /// A topic of Kafka.
    Kafka(Cluster),
    /// An address that takes requests.
    Webhook(SecretUrl),
}

impl Target {
    /// # Errors
    /// It is no such URL. What may be a secret in it is not shown.
    pub fn parse(text: &str) -> Result<Self, StageError> {
        let wrong = |what: &str| {
            Err(StageError::configuration(format!(
                "env TO {what}, expected mqtt://HOST[:PORT], mqtts://HOST[:PORT], kafka://HOST[:PORT][,…]/TOPIC, kafkas://HOST[:PORT][,…]/TOPIC, or a URL with http:// or https://"
            )))
        };
        if text.is_empty() {
            return wrong("is not set");
        }
        if let Some(cluster) = Cluster::parse(text) {
            return cluster.map(Self::Kafka).or_else(wrong);
        }
        let Ok(url) = Url::parse(text) else {
            return wrong("is no URL");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("has credentials, which belong into USERNAME and PASSWORD_FILE");
        }
        let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
            return wrong("has no host");
        };
        let port = |default| url.port().unwrap_or(default);
        let broker = |is_encrypted, default| Self::Mqtt {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: port(default),
            is_encrypted,
        };
        match url.scheme() {
            "mqtt" | "mqtts" if !matches!(url.path(), "" | "/") || url.query().is_some() => {
                wrong("names a broker and has a path or a query")
            }
            "mqtt" => Ok(broker(false, 1883)),
            "mqtts" => Ok(broker(true, 8883)),
            "http" | "https" => Ok(Self::Webhook(SecretUrl::new(url))),
            _ => wrong("has another scheme"),
        }
    }

    pub fn is_webhook(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }

    pub fn is_encrypted(&self) -> bool {
        match self {
            Self::Mqtt { is_encrypted, .. } => *is_encrypted,
            Self::Kafka(cluster) => cluster.is_encrypted,
            Self::Webhook(url) => url.expose().scheme() == "https",
        }
    }

    /// What in the URL must not be quoted.
    pub fn secrets(&self) -> KnownSecrets {
        match self {
            Self::Mqtt { .. } | Self::Kafka(_) => KnownSecrets::default(),
            Self::Webhook(url) => url.secrets(),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mqtt {
                host,
                port,
                is_encrypted,
            } => {
                let scheme = if *is_encrypted { "mqtts" } else { "mqtt" };
                write!(formatter, "{scheme}://{host}:{port}")
            }
            Self::Kafka(cluster) => write!(formatter, "{cluster}"),
            Self::Webhook(url) => write!(formatter, "{url}"),
        }
    }
}
