use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::KnownSecrets;
use crate::text::{LINE_BYTES, printable_up_to};

/// Readings of one source whose secrets are hidden: what works with an older one says its last lines
/// within them.
const READINGS: usize = 4;

/// The secrets of this process.
#[derive(Default)]
struct Registry {
    /// Until the process ends.
    lasting: KnownSecrets,
    /// By source, the newest reading last.
    read: BTreeMap<String, VecDeque<KnownSecrets>>,
    /// By number, while a [`Remembered`] lives.
    held: BTreeMap<u64, KnownSecrets>,
    next: u64,
    /// All of them, as lines are searched for them.
    all: KnownSecrets,
}

impl Registry {
    fn forget_others(&mut self) {
        let mut all = self.lasting.clone();
        let rest = self.read.values().flatten().chain(self.held.values());
        rest.for_each(|known| all.extend(known));
        self.all = all;
    }
}

fn registry() -> &'static RwLock<Registry> {
    static REGISTRY: OnceLock<RwLock<Registry>> = OnceLock::new();
    REGISTRY.get_or_init(RwLock::default)
}

fn known() -> RwLockReadGuard<'static, Registry> {
    registry().read().unwrap_or_else(PoisonError::into_inner)
}

fn known_mut() -> RwLockWriteGuard<'static, Registry> {
    registry().write().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, [`log_line`] hides these secrets in every line, including those of libraries that
/// quote a peer's answer. For what is given once: it is never forgotten.
pub fn remember(secrets: &KnownSecrets) {
    let mut registry = known_mut();
    registry.lasting.extend(secrets);
    registry.all.extend(secrets);
}

/// As [`remember`], for all secrets of a source that is read again whenever it changes, such as a
/// file's path: those of its newest four readings are hidden, and older ones forgotten.
pub fn remember_of(source: &str, secrets: &KnownSecrets) {
    let mut registry = known_mut();
    let readings = registry.read.entry(source.to_owned()).or_default();
    if let Some(at) = readings.iter().position(|it| it == secrets) {
        // Nothing is new but which one is the newest.
        if let Some(reading) = readings.remove(at) {
            readings.push_back(reading);
        }
        return;
    }
    readings.push_back(secrets.clone());
    if readings.len() > READINGS {
        readings.pop_front();
        registry.forget_others();
    } else {
        registry.all.extend(secrets);
    }
}

/// As [`remember`], until what is returned is dropped.
pub fn remember_while(secrets: &KnownSecrets) -> Remembered {
    let mut registry = known_mut();
    let number = registry.next;
    registry.next += 1;
    registry.held.insert(number, secrets.clone());
    registry.all.extend(secrets);
    Remembered(number)
}

/// Secrets that [`log_line`] hides while this lives.
#[derive(Debug)]
#[must_use = "dropped, it hides nothing"]
pub struct Remembered(u64);

impl Drop for Remembered {
    fn drop(&mut self) {
        let mut registry = known_mut();
        if registry
            .held
            .remove(&self.0)
            .is_some_and(|it| !it.is_empty())
        {
            registry.forget_others();
        }
    }
}

/// A line of one's own that may quote others, without the secrets that the process was told to
/// [`remember`], [`printable`](crate::printable) and cut to [`LINE_BYTES`]. For the last place
/// before a terminal or a file, where whatever was forgotten passes through. Passwords of less than
/// four characters are not looked for here: they are part of too many words.
#[must_use]
pub fn log_line(line: &str) -> Cow<'_, str> {
    let head = &line[..line.floor_char_boundary(2 * LINE_BYTES)];
    let is_cut = head.len() < line.len();
    match known().all.without_secrets(head, is_cut) {
        // Nothing hidden: the line's own length is counted.
        Cow::Borrowed(_) => printable_up_to(line, LINE_BYTES),
        Cow::Owned(shown) => Cow::Owned(printable_up_to(&shown, LINE_BYTES).into_owned()),
    }
}

/// As [`log_line`], and not cut: for the lines of a report, which may be JSON and stays so.
#[must_use]
pub fn safe_line(line: &str) -> String {
    printable_up_to(&known().all.without_secrets(line, false), usize::MAX).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn a_line_holds_no_secret_and_nothing_that_a_terminal_obeys() {
        let line = "x=t0psecret%21\u{202e} \x1b[31m dDBwc2VjcmV0IQ==";
        let secret = |text: &str| Secret::from(text.to_owned());
        remember(&KnownSecrets::new(&secret("wa"), &secret("t0psecret!")));
        assert_eq!(log_line(line), "x=***\\u202e \\u001b[31m ***==");
        assert!(matches!(log_line("camera streaming"), Cow::Borrowed(_)));
        let long = format!("{}t0psecret!", "ab ".repeat(LINE_BYTES));
        let shown = log_line(&long);
        assert!(
            shown.ends_with("more bytes)") && !shown.contains("t0p"),
            "{shown}"
        );
    }

    fn token(text: &str) -> KnownSecrets {
        let mut known = KnownSecrets::default();
        known.add_token(&Secret::from(text.to_owned()));
        known
    }

    #[test]
    fn what_is_held_is_hidden_for_as_long_and_what_others_hold_too_for_longer() {
        let first = remember_while(&token("heldsecret1"));
        let second = remember_while(&token("heldsecret1"));
        drop(first);
        assert_eq!(log_line("a heldsecret1"), "a ***");
        drop(second);
        assert_eq!(log_line("a heldsecret1"), "a heldsecret1");
    }

    #[test]
    fn of_a_source_the_newest_readings_are_hidden() {
        let read = |number: usize| remember_of("its.yml", &token(&format!("fromfile{number:03}")));
        (0..100).for_each(read);
        // Read again without a change, it is no further reading.
        (0..100).for_each(|_| read(99));
        remember_of("other.yml", &token("fromfile000"));
        let shown = |number: usize| log_line(&format!("fromfile{number:03}")).into_owned();
        assert_eq!(
            [shown(95), shown(96), shown(99)],
            ["fromfile095", "***", "***"]
        );
        assert_eq!(shown(0), "***", "of the other");
        let known = known();
        assert_eq!(known.read["its.yml"].len(), READINGS);
    }
}
