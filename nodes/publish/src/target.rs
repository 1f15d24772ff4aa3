//! Where events go.

use camweave_redact::{KnownSecrets, Secret, SecretUrl};
use camweave_stage::StageError;
use url::Url;

use crate::kafka::Cluster;
/// A path of no more bytes is part of too many words to be a secret.
const SHORT_PATH: usize = 8;

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
            Self::Webhook(url) => {
                let mut hidden = url.secrets();
                let path = url.expose().path();
                if path.len() > SHORT_PATH {
                    hidden.add_token(&Secret::from(path.to_owned()));
                }
                hidden
            }
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
            Self::Webhook(url) => {
                // With many receivers, whoever knows the path may send.
                let url = url.expose();
                let host = url.host_str().unwrap_or_default();
                write!(formatter, "{}://{host}", url.scheme())?;
                if let Some(port) = url.port() {
                    write!(formatter, ":{port}")?;
                }
                match (url.path(), url.query()) {
                    ("/", None) => Ok(()),
                    _ => formatter.write_str("/***"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_webhook_is_not_shown() {
        for (url, shown) in [
            (
                "https://hooks.slack.com/services/T0/B0/x",
                "https://hooks.slack.com/***",
            ),
            (
                "http://[::1]:8123/api/webhook/gate",
                "http://[::1]:8123/***",
            ),
            ("https://host/?key=gate", "https://host/***"),
            ("https://host", "https://host"),
            ("mqtts://host", "mqtts://host:8883"),
        ] {
            let target = Target::parse(url).expect("a receiver");
            assert_eq!(target.to_string(), shown);
        }
        let target = Target::parse("https://host/services/T0/B0/x").expect("a receiver");
        let quoted = target.secrets().hide("no route for /services/T0/B0/x");
        assert!(!quoted.contains("T0"), "{quoted}");
    }
}
