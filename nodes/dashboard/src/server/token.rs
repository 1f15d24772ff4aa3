//! The token that opens the page.
//!
//! What is stored is the SHA-256 of the token. A slow hash would protect passwords, of which there
//! are few enough to try them all; a token has 256 random bits, and one that the user brings is of
//! 32 characters at least. The cookie is another value that follows from the token and not from what
//! is stored, so whoever reads the file can neither log in nor make a cookie; it stays valid when
//! the node is started again.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use camweave_redact::Secret;
use camweave_stage::StageError;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The file in the state folder.
const FILE: &str = "token.sha256";
/// Characters of a token that a user brings.
const SHORTEST: usize = 32;
const LONGEST: usize = 512;

type Hash = [u8; 32];

/// What tokens and cookies are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    token: Hash,
    cookie: Hash,
}

fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The value of the cookie of one who has this token.
pub(crate) fn cookie_of(token: &str) -> String {
    BASE64URL_NOPAD.encode(&sha256(&[b"camweave dashboard cookie\0", token.as_bytes()]))
}

impl Token {
    fn of(token: &str) -> Self {
        Self {
            token: sha256(&[token.as_bytes()]),
            cookie: sha256(&[cookie_of(token).as_bytes()]),
        }
    }

    /// Whether this is the token. Takes as long whatever is wrong.
    pub fn is_token(&self, text: &str) -> bool {
        sha256(&[text.as_bytes()]).ct_eq(&self.token).into()
    }

    /// Whether this is the cookie of one who had the token.
    pub fn is_cookie(&self, text: &str) -> bool {
        sha256(&[text.as_bytes()]).ct_eq(&self.cookie).into()
    }

    /// The token in a file of the user's.
    ///
    /// # Errors
    /// The file cannot be read, or the token can be guessed.
    pub fn from_file(path: &Path) -> Result<Self, StageError> {
        let refuse = |why: String| {
            StageError::configuration(format!("env TOKEN_FILE='{}': {why}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
        let token = text.trim();
        let length = token.len();
        let is_plain = token.bytes().all(|byte| byte.is_ascii_graphic());
        if !(SHORTEST..=LONGEST).contains(&length) || !is_plain {
            return Err(refuse(format!(
                "{length} characters, expected {SHORTEST} to {LONGEST} printable ones without spaces, such as 'openssl rand -hex 32' gives"
            )));
        }
        Ok(Self::of(token))
    }

    /// The stored one; at the first start a new one, which is returned as well: it is known at this
    /// moment only.
    ///
    /// # Errors
    /// The folder or its file cannot be used.
    pub fn stored(folder: &Path) -> Result<(Self, Option<Secret>), StageError> {
        let path = folder.join(FILE);
        let refuse = |why: String| {
            StageError::configuration(format!("'{}' (env STATE): {why}", path.display()))
        };
        match fs::read_to_string(&path) {
            Ok(text) => {
                let mode = fs::metadata(&path).map(|it| it.permissions().mode());
                let mode = mode.map_err(|error| refuse(error.to_string()))?;
                if mode & 0o077 != 0 {
                    return Err(refuse(format!(
                        "mode {:04o}, expected 0600: chmod 600, or remove it for a new token",
                        mode & 0o7777
                    )));
                }
                let stored = parse(&text);
                let expected = "expected two hashes; remove it for a new token";
                Ok((stored.ok_or_else(|| refuse(expected.to_owned()))?, None))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes: [u8; 32] = rand::rng().random();
                let token = BASE64URL_NOPAD.encode(&bytes);
                let hashes = Self::of(&token);
                write_private(folder, FILE, hashes.text().as_bytes())?;
                Ok((hashes, Some(Secret::from(token))))
            }
            Err(error) => Err(refuse(error.to_string())),
        }
    }

    fn text(&self) -> String {
        let (token, cookie) = (HEXLOWER.encode(&self.token), HEXLOWER.encode(&self.cookie));
        format!("{token} {cookie}\n")
    }
}

fn parse(text: &str) -> Option<Token> {
    let mut hashes = text.split_whitespace().map(|hash| {
        let bytes = HEXLOWER.decode(hash.as_bytes()).ok()?;
        Hash::try_from(bytes).ok()
    });
    Some(Token {
        token: hashes.next()??,
        cookie: hashes.next()??,
    })
}

/// Writes a file that only its owner reads.
///
/// # Errors
/// The folder cannot be made, or the file not be written.
pub(crate) fn write_private(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StageError> {
    let path = folder.join(name);
    let write = || {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        // A half-written file is never found under its name.
        let new = folder.join(format!(".{name}.new"));
        drop(fs::remove_file(&new));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|error| {
        StageError::configuration(format!("'{}' (env STATE): {error}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_hash_is_stored() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        let (made, token) = Token::stored(&state).expect("writable");
        let token = token.expect("it is new");
        let token = token.expose();
        assert_eq!(token.len(), 43, "32 bytes");
        assert!(made.is_token(token) && !made.is_token("x"));
        let cookie = cookie_of(token);
        assert!(made.is_cookie(&cookie) && !made.is_cookie(token));
        assert!(!made.is_token(&cookie));
        let path = state.join(FILE);
        let text = fs::read_to_string(&path).expect("stored");
        assert!(!text.contains(token) && !text.contains(&cookie));
        let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode();
        assert_eq!(mode(&path) & 0o7777, 0o600);
        assert_eq!(mode(&state) & 0o7777, 0o700);
        let (again, none) = Token::stored(&state).expect("readable");
        assert_eq!((again, none.is_none()), (made, true));
        for hash in text.split_whitespace() {
            assert!(!made.is_token(hash) && !made.is_cookie(hash));
        }
    }

    #[test]
    fn a_file_that_others_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        Token::stored(folder.path()).expect("writable");
        let path = folder.path().join(FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
        let error = Token::stored(folder.path()).expect_err("others read it");
        assert!(error.message.contains("0644"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
        fs::write(&path, "abc").expect("ours");
        assert!(Token::stored(folder.path()).is_err());
    }

    #[test]
    fn a_token_of_the_user_is_not_short() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        for (text, is_good) in [
            ("0123456789abcdef0123456789abcdef\n", true),
            ("0123456789abcdef", false),
            ("0123456789abcdef 0123456789abcdef", false),
            ("", false),
        ] {
            fs::write(&path, text).expect("writable");
            assert_eq!(Token::from_file(&path).is_ok(), is_good, "{text}");
        }
        assert!(Token::from_file(&folder.path().join("none")).is_err());
    }
}
