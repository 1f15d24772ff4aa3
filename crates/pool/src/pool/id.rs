//! The name of a pool, which is also all that a consumer needs to attach to it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::process::{Host, format_uuid, hex_digit, parse_uuid};
use crate::protocol::consumers::Process;

/// Name of a pool, unique over hosts, boots and time. Cheap to clone.
///
/// Its text form is
/// `<backend>:<boot id>:<pid namespace>:<pid>:<start ticks>:<control fd>:<data fd>:<nonce>`:
/// the boot id as a UUID, the nonce as 16 hexadecimal digits, the rest decimal without leading
/// zeros. A pool has exactly one text, so ids are equal when their texts are.
#[derive(Clone)]
pub struct PoolId(Arc<Inner>);

struct Inner {
    text: Box<str>,
    address: PoolAddress,
}

/// What a [`PoolId`] says, in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolAddress {
    /// Kind of memory: `host`, or another backend's name (lower-case letters and digits).
    pub backend: Box<str>,
    /// Where the producer runs.
    pub host: Host,
    /// The producer.
    pub process: Process,
    /// The control block's file descriptor in the producer.
    pub control_fd: i32,
    /// The data's file descriptor in the producer.
    pub data_fd: i32,
    /// Random; tells this pool from a later one behind the same descriptors.
    pub nonce: u64,
}

impl PoolId {
    pub(crate) fn new(address: PoolAddress) -> Self {
        let PoolAddress {
            backend,
            host,
            process,
            control_fd,
            data_fd,
            nonce,
        } = &address;
        let text = format!(
            "{backend}:{}:{}:{}:{}:{control_fd}:{data_fd}:{nonce:016x}",
            format_uuid(host.boot_id),
            host.pid_namespace,
            process.pid(),
            process.start_ticks(),
        );
        Self(Arc::new(Inner {
            text: text.into(),
            address,
        }))
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The parts.
    #[must_use]
    pub fn address(&self) -> &PoolAddress {
        &self.0.address
    }
}

/// Bytes of a text that is no id, or of a part of it, that its error quotes. An id has some ninety.
const SHOWN_BYTES: usize = 120;

/// A text that is no [`PoolId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pool id {text:?}: {part} is {found:?}, expected {expected}")]
pub struct ParsePoolIdError {
    text: String,
    part: &'static str,
    found: String,
    expected: &'static str,
}

impl ParsePoolIdError {
    /// The part of the id that is wrong.
    #[must_use]
    pub fn part(&self) -> &'static str {
        self.part
    }
}

impl FromStr for PoolId {
    type Err = ParsePoolIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = Parts {
            text,
            rest: Some(text),
        };
        let backend = parts.next("backend", "1 to 16 lower-case letters and digits", |part| {
            let letters = part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
            (letters && (1..=16).contains(&part.len())).then(|| part.into())
        })?;
        let boot_id = parts.next("boot id", "a lower-case UUID", parse_uuid)?;
        let pid_namespace = parts.next("pid namespace", DECIMAL, decimal)?;
        let pid: u32 = parts.next("pid", PROCESS, |part| {
            decimal(part).filter(|&pid| Process::new(pid, 0).is_some())
        })?;
        let process = parts.next("start ticks", PROCESS, |part| {
            Process::new(pid, decimal(part)?)
        })?;
        let descriptor = |part: &str| decimal(part).filter(|&fd: &i32| fd >= 0);
        let control_fd = parts.next("control fd", DECIMAL, descriptor)?;
        let data_fd = parts.next("data fd", DECIMAL, descriptor)?;
        let nonce = parts.next("nonce", "16 lower-case hexadecimal digits", |part| {
            let is_whole = part.len() == 16;
            let digits = part.bytes().try_fold(0, |value, byte| {
                Some(value << 4 | u64::from(hex_digit(byte)?))
            });
            digits.filter(|_| is_whole)
        })?;
        if let Some(rest) = parts.rest {
            return Err(parts.error("end", rest, "nothing after the nonce"));
        }
        let host = Host {
            boot_id,
            pid_namespace,
        };
        let address = PoolAddress {
            backend,
            host,
            process,
            control_fd,
            data_fd,
            nonce,
        };
        // Each part is in its only form, so this is the text that the address has.
        let text = text.into();
        Ok(Self(Arc::new(Inner { text, address })))
    }
}

const DECIMAL: &str = "a decimal number without leading zeros, within its range";
const PROCESS: &str = "a decimal number that Linux can give to a process";

fn decimal<T: FromStr>(part: &str) -> Option<T> {
    let is_canonical = part == "0" || part.starts_with(|first| matches!(first, '1'..='9'));
    part.parse().ok().filter(|_| is_canonical)
}

struct Parts<'a> {
    text: &'a str,
    rest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn next<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ParsePoolIdError> {
        let rest = self.rest.unwrap_or_default();
        let (part, rest) = match rest.split_once(':') {
            Some((part, rest)) => (part, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        read(part).ok_or_else(|| self.error(name, part, expected))
    }

    fn error(&self, part: &'static str, found: &str, expected: &'static str) -> ParsePoolIdError {
        let (text, found) = (shown(self.text), shown(found));
        ParsePoolIdError {
            text,
            part,
            found,
            expected,
        }
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PoolId({self})")
    }
}

impl PartialEq for PoolId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for PoolId {}

impl Hash for PoolId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Random already, and shorter than the text.
        self.0.address.nonce.hash(state);
    }
}

impl Serialize for PoolId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PoolId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A weak reference to the content of a slot: it neither keeps the content nor the pool alive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// The pool.
    pub pool: PoolId,
    /// The slot, counted from 0.
    pub slot: u32,
    /// Which of the contents that the slot has over time; never 0.
    pub generation: u32,
}

/// The beginning of a text that came in a message, and may be of any length.
fn shown(text: &str) -> String {
    let mut beginning = text[..text.floor_char_boundary(SHOWN_BYTES)].to_owned();
    if beginning.len() < text.len() {
        beginning.push('…');
    }
    beginning
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOME: &str =
        "host:0a1b2c3d-0405-4607-8809-0a0b0c0d0e0f:4026531836:4711:987654:5:4:00ff00ff00ff00ff";

    /// An id's text of which a few parts are replaced by others like them.
    fn similar() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            12 => Just(None),
            1 => "[1-9][0-9]{0,6}".prop_map(Some),
            1 => "[0-9a-f]{16}".prop_map(Some),
            1 => "[+\\-0-9 ]{0,5}".prop_map(Some),
            1 => "\\PC{0,6}".prop_map(Some),
        ];
        prop::collection::vec(part, 8).prop_map(|parts| {
            let mixed = parts.into_iter().zip(SOME.split(':'));
            let texts = mixed.map(|(part, original)| part.unwrap_or_else(|| original.to_owned()));
            texts.collect::<Vec<_>>().join(":")
        })
    }

    #[test]
    fn an_error_is_one_short_line_whatever_came() {
        let long = "\x1b[31m\n".repeat(1_000_000);
        for text in [long.clone(), format!("host:{long}:{SOME}")] {
            let error = text.parse::<PoolId>().expect_err("no id").to_string();
            assert!(error.len() < 2000, "{} bytes", error.len());
            assert!(!error.contains(char::is_control), "{error:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_has_one_text(text in similar()) {
            if let Ok(id) = text.parse::<PoolId>() {
                let again = PoolId::new(id.address().clone());
                prop_assert_eq!(again.as_str(), text);
            }
        }
    }
}
