//! What an error of the library is to an operator.

use camweave_redact::{KnownSecrets, printable};
use krafka::error::{ErrorCode, KrafkaError};

use crate::failure::{Failure, Reason, is_tls};

/// Why a broker never takes this row, or one of its batch; `None` where the error is about something else.
pub(super) fn of_the_row(error: &KrafkaError) -> Option<String> {
    match error {
        KrafkaError::Broker { code, .. } => match code {
            ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
                Some("it is larger than the topic takes (max.message.bytes)".to_owned())
            }
            ErrorCode::InvalidRecord => Some("the broker takes no such record".to_owned()),
            ErrorCode::InvalidTimestamp => {
                Some("it is older, or newer, than the topic takes".to_owned())
            }
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn failure(error: &KrafkaError, topic: &str, hidden: &KnownSecrets) -> Failure {
    let shown = |text: &str| printable(&hidden.hide(text)).into_owned();
    match error {
        KrafkaError::UnknownTopic { .. } => unknown(topic),
        KrafkaError::Broker { code, .. } => match code {
            ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId => unknown(topic),
            ErrorCode::TopicAuthorizationFailed => Failure::new(
                Reason::Authorization,
                format!("the broker does not let this user write to the topic '{topic}'"),
            ),
            ErrorCode::ClusterAuthorizationFailed | ErrorCode::SaslAuthenticationFailed => {
                Failure::new(
                    Reason::Authorization,
                    format!("the broker does not take this node: {code:?}"),
                )
            }
            _ => Failure::new(
                Reason::Rejected,
                format!("the broker does not take a batch: {code:?}"),
            ),
        },
        KrafkaError::Auth { message, .. } => {
            let reason = if is_tls(error) {
                Reason::Tls
            } else {
                Reason::Authorization
            };
            Failure::new(reason, shown(message))
        }
        KrafkaError::Network(cause) => Failure::new(Reason::Connection, shown(&cause.to_string())),
        KrafkaError::Timeout { operation } => Failure::new(
            Reason::Timeout,
            format!("no answer in time: {}", shown(operation)),
        ),
        KrafkaError::DeliveryTimeout { message, .. } => Failure::new(
            Reason::Timeout,
            format!("no answer in time: {}", shown(message)),
        ),
        KrafkaError::Protocol { message, .. } => Failure::new(Reason::Protocol, shown(message)),
        _ => Failure::new(Reason::Rejected, shown(&error.to_string())),
    }
}

fn unknown(topic: &str) -> Failure {
    let line = format!("the cluster has no topic '{topic}', or does not show it to this user");
    Failure::new(Reason::Rejected, line)
}
