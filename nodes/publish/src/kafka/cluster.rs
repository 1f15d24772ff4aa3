//! Where a cluster is, and the topic that events go to.

use std::fmt;

use url::Url;

const PORT: u16 = 9092;
/// Kafka's own bound.
const TOPIC_BYTES: usize = 249;

/// A cluster by some of its brokers, and a topic in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// `HOST:PORT`, at least one.
    pub brokers: Vec<String>,
    pub topic: String,
    pub is_encrypted: bool,
}

impl Cluster {
    /// Of a URL, which has several hosts where others have one; `None` where its scheme is another.
    ///
    /// # Errors
    /// What is wrong with it, without what may be a secret.
    pub fn parse(text: &str) -> Option<Result<Self, &'static str>> {
        let (scheme, rest) = text.split_once("://")?;
        let is_encrypted = match scheme {
            "kafka" => false,
            "kafkas" => true,
            _ => return None,
        };
        Some(Self::read(rest, is_encrypted))
    }

    fn read(rest: &str, is_encrypted: bool) -> Result<Self, &'static str> {
        let (brokers, topic) = rest.split_once('/').unwrap_or((rest, ""));
        let brokers = brokers.split(',').map(broker).collect::<Result<_, _>>()?;
        let is_letter = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
        if topic.is_empty() {
            return Err("names no topic of Kafka");
        }
        if !topic.chars().all(is_letter) || topic.len() > TOPIC_BYTES || matches!(topic, "." | "..")
        {
            return Err("names a topic that Kafka cannot have (letters, digits, '.', '_', '-')");
        }
        Ok(Self {
            brokers,
            topic: topic.to_owned(),
            is_encrypted,
        })
    }
}

fn broker(text: &str) -> Result<String, &'static str> {
    let url = Url::parse(&format!("kafka://{text}")).map_err(|_| "has a host that is none")?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has credentials, which belong into USERNAME and PASSWORD_FILE");
    }
    match url.host_str() {
        Some(host) if !host.is_empty() && url.path().is_empty() && url.query().is_none() => {
            Ok(format!("{host}:{}", url.port().unwrap_or(PORT)))
        }
        _ => Err("has a host that is none"),
    }
}

impl fmt::Display for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_encrypted { "kafkas" } else { "kafka" };
        write!(
            formatter,
            "{scheme}://{}/{}",
            self.brokers.join(","),
            self.topic
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_hosts_and_a_topic() {
        for (text, shown) in [
            ("kafka://a/events", "kafka://a:9092/events"),
            (
                "kafkas://a:1,b,[::1]:2/x.y_z-1",
                "kafkas://a:1,b:9092,[::1]:2/x.y_z-1",
            ),
        ] {
            let read = Cluster::parse(text).expect("its scheme");
            assert_eq!(read.map(|it| it.to_string()), Ok(shown.to_owned()));
        }
        for text in [
            "kafka://",
            "kafka://a",
            "kafka://a/",
            "kafka:///events",
            "kafka://a,/events",
            "kafka://a:b/events",
            "kafka://a/..",
            "kafka://a/events/more",
            "kafka://a/events?x",
            "kafka://anna:t0psecret@a/events",
        ] {
            let wrong = Cluster::parse(text).expect("its scheme").expect_err(text);
            assert!(!wrong.contains("t0p"));
        }
        assert_eq!(Cluster::parse("mqtt://a"), None);
    }
}
