//! The packets that a publisher needs, in both versions of MQTT, by the codec of `rumqttc`.

use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::{self, Protocol, v4};
use rumqttc::v5::mqttbytes as mqttbytes5;
use rumqttc::v5::mqttbytes::v5;

use crate::failure::{Failure, Reason};
use crate::settings::MqttVersion;

/// A packet of a broker is longer than no answer to a publisher.
const MOST_BYTES: usize = 64 << 10;
/// Silence after which the broker publishes the will is half as much again.
pub(crate) const KEEP_ALIVE_SECONDS: u16 = 30;

/// What a connection begins with.
pub(crate) struct Opening<'a> {
    pub client_id: &'a str,
    pub will_topic: &'a str,
    pub will: &'a str,
    /// User and password.
    pub login: Option<(&'a str, &'a str)>,
}

/// A message of QoS 1.
#[derive(Debug)]
pub(crate) struct Message {
    pub topic: String,
    pub payload: Bytes,
    pub is_retained: bool,
}

/// What a broker takes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Messages that may be under way.
    pub at_most: u16,
    /// Bytes of a packet.
    pub packet_bytes: u32,
    /// Seconds of silence after which it takes the client for gone; 0: never.
    pub keep_alive: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_most: u16::MAX,
            packet_bytes: u32::MAX,
            keep_alive: KEEP_ALIVE_SECONDS,
        }
    }
}

/// What a broker says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It takes us, within these limits.
    Welcome(Limits),
    /// It has the message of this id.
    Taken(u16),
    /// It will never take it.
    Refused(u16, String),
    /// It does not take it now.
    Rejected(u16, String),
    /// It is alive.
    Pong,
    /// Nothing that a publisher needs.
    Other,
}

impl MqttVersion {
    /// Appends the packet that opens a session without a past.
    pub(crate) fn connect(self, opening: &Opening<'_>, to: &mut BytesMut) -> Result<(), Failure> {
        let will = opening.will.as_bytes().to_vec();
        match self {
            Self::V3 => {
                let mut packet = v4::Connect::new(opening.client_id);
                packet.protocol = Protocol::V4;
                packet.keep_alive = KEEP_ALIVE_SECONDS;
                packet.clean_session = true;
                let qos = mqttbytes::QoS::AtLeastOnce;
                packet.last_will = Some(v4::LastWill::new(opening.will_topic, will, qos, true));
                let login = opening.login;
                packet.login = login.map(|(user, password)| v4::Login::new(user, password));
                packet.write(to).map(drop).map_err(unsent)
            }
            Self::V5 => {
                let packet = v5::Connect {
                    keep_alive: KEEP_ALIVE_SECONDS,
                    client_id: opening.client_id.to_owned(),
                    clean_start: true,
                    properties: None,
                };
                let qos = mqttbytes5::QoS::AtLeastOnce;
                let will = v5::LastWill::new(opening.will_topic, will, qos, true, None);
                let login = opening.login;
                let login = login.map(|(user, password)| v5::Login::new(user, password));
                let packet = v5::Packet::Connect(packet, Some(will), login);
                packet.write(to, None).map(drop).map_err(unsent)
            }
        }
    }

    /// Appends a message.
    pub(crate) fn publish(
        self,
        id: u16,
        message: &Message,
        to: &mut BytesMut,
    ) -> Result<(), Failure> {
        match self {
            Self::V3 => {
                let qos = mqttbytes::QoS::AtLeastOnce;
                let payload = message.payload.clone();
                let mut packet = v4::Publish::from_bytes(&message.topic, qos, payload);
                (packet.pkid, packet.retain) = (id, message.is_retained);
                packet.write(to).map(drop).map_err(unsent)
            }
            Self::V5 => {
                let qos = mqttbytes5::QoS::AtLeastOnce;
                let payload = message.payload.clone();
                let mut packet = v5::Publish::new(&message.topic, qos, payload, None);
                (packet.pkid, packet.retain) = (id, message.is_retained);
                packet.properties = Some(v5::PublishProperties {
                    // UTF-8 text.
                    payload_format_indicator: Some(1),
                    ..v5::PublishProperties::default()
                });
                packet.write(to).map(drop).map_err(unsent)
            }
        }
    }

    /// Appends the question whether the broker is alive.
    pub(crate) fn ping(self, to: &mut BytesMut) {
        // The same two bytes in both versions.
        drop(v5::PingReq::write(to));
    }

    /// Appends the end of the session, after which the broker publishes no will.
    pub(crate) fn disconnect(self, to: &mut BytesMut) -> Result<(), Failure> {
        match self {
            Self::V3 => v4::Packet::Disconnect
                .write(to, MOST_BYTES)
                .map(drop)
                .map_err(unsent),
            Self::V5 => {
                let reason = v5::DisconnectReasonCode::NormalDisconnection;
                let packet = v5::Disconnect::new(reason);
                packet.write(to).map(drop).map_err(unsent)
            }
        }
    }

    /// Takes the next whole packet out of what came; `None` where more has to come.
    ///
    /// # Errors
    /// The broker ends the session, or it speaks another protocol.
    pub(crate) fn read(self, from: &mut BytesMut) -> Result<Option<Heard>, Failure> {
        match self {
            Self::V3 => match v4::Packet::read(from, MOST_BYTES) {
                Ok(packet) => heard_v3(packet).map(Some),
                Err(mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(strange(&error)),
            },
            Self::V5 => match v5::Packet::read(from, Some(MOST_BYTES as u32)) {
                Ok(packet) => heard_v5(packet).map(Some),
                Err(mqttbytes5::Error::InsufficientBytes(_)) => Ok(None),
                Err(error) => Err(strange(&error)),
            },
        }
    }
}

fn unsent(error: impl std::fmt::Display) -> Failure {
    Failure::new(
        Reason::Protocol,
        format!("a message cannot be written: {error}"),
    )
}

fn strange(error: &dyn std::fmt::Display) -> Failure {
    let shown = error.to_string();
    let shown = camweave_redact::printable(&shown);
    Failure::new(
        Reason::Protocol,
        format!("the broker's answer is not MQTT as it was asked for: {shown}"),
    )
}

fn heard_v3(packet: v4::Packet) -> Result<Heard, Failure> {
    use v4::ConnectReturnCode as Code;
    Ok(match packet {
        v4::Packet::ConnAck(ack) => match ack.code {
            Code::Success => Heard::Welcome(Limits::default()),
            code @ (Code::BadUserNamePassword | Code::NotAuthorized) => {
                return Err(unwelcome(Reason::Authorization, &code));
            }
            code => return Err(unwelcome(Reason::Rejected, &code)),
        },
        v4::Packet::PubAck(ack) => Heard::Taken(ack.pkid),
        v4::Packet::PingResp => Heard::Pong,
        _ => Heard::Other,
    })
}

fn heard_v5(packet: v5::Packet) -> Result<Heard, Failure> {
    use v5::{ConnectReturnCode as Code, PubAckReason};
    Ok(match packet {
        v5::Packet::ConnAck(ack) => match ack.code {
            Code::Success => Heard::Welcome(limits(ack.properties.as_ref())?),
            code @ (Code::BadUserNamePassword | Code::NotAuthorized | Code::Banned) => {
                return Err(unwelcome(Reason::Authorization, &code));
            }
            code => return Err(unwelcome(Reason::Rejected, &code)),
        },
        v5::Packet::PubAck(ack) => match ack.reason {
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Heard::Taken(ack.pkid),
            // That of the message itself, or of the rights to its topic.
            PubAckReason::NotAuthorized => {
                let line = "the broker does not let this user publish to the topic";
                Heard::Refused(ack.pkid, line.to_owned())
            }
            reason @ (PubAckReason::TopicNameInvalid | PubAckReason::PayloadFormatInvalid) => {
                Heard::Refused(ack.pkid, format!("{reason:?}"))
            }
            reason => {
                let line = format!("the broker does not take a message: {reason:?}");
                Heard::Rejected(ack.pkid, line)
            }
        },
        v5::Packet::PingResp(_) => Heard::Pong,
        v5::Packet::Disconnect(packet) => {
            let line = format!("the broker has ended the session: {:?}", packet.reason_code);
            return Err(Failure::new(Reason::Rejected, line));
        }
        _ => Heard::Other,
    })
}

/// The limits of a broker.
///
/// # Errors
/// It does not do what this node needs.
fn limits(properties: Option<&v5::ConnAckProperties>) -> Result<Limits, Failure> {
    let Some(properties) = properties else {
        return Ok(Limits::default());
    };
    let lacks = |what: &str| {
        let line = format!("the broker's {what}");
        Err(Failure::new(Reason::Rejected, line))
    };
    if properties.max_qos == Some(0) {
        return lacks("Maximum QoS is 0, expected 1 or 2: it would confirm nothing");
    }
    if properties.retain_available == Some(0) {
        return lacks(
            "Retain Available is 0, expected 1: who comes later would not know that this node is there",
        );
    }
    let all = Limits::default();
    Ok(Limits {
        at_most: properties.receive_max.unwrap_or(all.at_most),
        packet_bytes: properties.max_packet_size.unwrap_or(all.packet_bytes),
        keep_alive: properties.server_keep_alive.unwrap_or(all.keep_alive),
    })
}

fn unwelcome(reason: Reason, code: &dyn std::fmt::Debug) -> Failure {
    Failure::new(
        reason,
        format!("the broker does not take this node: {code:?}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_byte_by_byte_and_hostile_ones_are_refused() {
        for (version, answers, expected) in [
            (
                MqttVersion::V3,
                &[0x20, 2, 0, 0, 0x40, 2, 0, 7, 0xd0, 0][..],
                [
                    Heard::Welcome(Limits::default()),
                    Heard::Taken(7),
                    Heard::Pong,
                ],
            ),
            (
                MqttVersion::V5,
                // Receive Maximum 5, Server Keep Alive 10 and Maximum Packet Size 256; reason 0x90 of the
                // message with the id 7.
                &[
                    0x20, 14, 0, 0, 11, 0x21, 0, 5, 0x13, 0, 10, 0x27, 0, 0, 1, 0, 0x40, 3, 0, 7,
                    0x90, 0xd0, 0,
                ],
                [
                    Heard::Welcome(Limits {
                        at_most: 5,
                        packet_bytes: 256,
                        keep_alive: 10,
                    }),
                    Heard::Refused(7, "TopicNameInvalid".to_owned()),
                    Heard::Pong,
                ],
            ),
        ] {
            let (mut input, mut heard) = (BytesMut::new(), Vec::new());
            for byte in answers {
                input.extend_from_slice(&[*byte]);
                heard.extend(version.read(&mut input).expect("an answer"));
            }
            assert_eq!(heard, expected);
        }
        for version in [MqttVersion::V3, MqttVersion::V5] {
            for hostile in [&[0, 0][..], &[0x20, 0], &[0x20, 0xff, 0xff, 0xff, 0x7f]] {
                let mut input = BytesMut::from(hostile);
                assert!(version.read(&mut input).is_err(), "{version:?} {hostile:?}");
            }
            let refused = match version {
                MqttVersion::V3 => &[0x20, 2, 0, 5][..],
                MqttVersion::V5 => &[0x20, 3, 0, 0x87, 0],
            };
            let error = version
                .read(&mut BytesMut::from(refused))
                .expect_err("a refusal");
            assert_eq!(error.reason, Reason::Authorization);
        }
    }

    #[test]
    fn a_broker_that_cannot_do_what_is_needed_is_named_with_the_property() {
        for (property, name) in [(0x24, "Maximum QoS is 0"), (0x25, "Retain Available is 0")] {
            let mut input = BytesMut::from(&[0x20, 5, 0, 0, 2, property, 0][..]);
            let error = MqttVersion::V5.read(&mut input).expect_err("it cannot");
            assert!(error.detail.contains(name), "{error}");
        }
    }
}
