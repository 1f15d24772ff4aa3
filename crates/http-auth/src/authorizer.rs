use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use thiserror::Error;

use crate::challenge::{Challenge, Scheme, challenges};
use crate::credentials::Credentials;

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthError {
    /// No credentials are there, or nothing is left that could be tried with them.
    #[error("status 401")]
    Refused,
    /// Basic is all that is offered, and it is not answered here.
    #[error("it offers basic authentication alone, which shows the password to the network")]
    BasicAlone,
    /// A digest challenge lacks what the answer is made of.
    #[error("its digest challenge has no nonce")]
    NoNonce,
}

/// The schemes that a camera refused with the credentials that it has. Shared by the sessions of one
/// camera: each session tries one of them, because cameras lock an account after some attempts.
#[derive(Debug, Clone, Default)]
pub struct TriedSchemes {
    refused: Arc<Mutex<Vec<Scheme>>>,
    is_without_basic: bool,
}

impl TriedSchemes {
    /// For a peer that is not to get the password itself: basic authentication is never answered.
    #[must_use]
    pub fn without_basic() -> Self {
        Self {
            is_without_basic: true,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Scheme>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, scheme: Scheme) {
        let mut tried = self.lock();
        if !tried.contains(&scheme) {
            tried.push(scheme);
        }
    }

    /// The first of `offered` that was not refused yet. Where all were, they are tried again in turn:
    /// the password may have been corrected in the camera.
    fn choose(&self, mut offered: Vec<Challenge>) -> Option<Challenge> {
        let mut tried = self.lock();
        let fresh = offered.iter().position(|it| !tried.contains(&it.scheme));
        if fresh.is_none() {
            tried.clear();
        }
        let at = fresh.unwrap_or(0);
        (at < offered.len()).then(|| offered.swap_remove(at))
    }
}

/// Answers a camera's challenges: one scheme in a session, and a new nonce wherever it asks for one.
#[derive(Debug)]
pub struct Authorizer {
    credentials: Option<Credentials>,
    current: Option<Challenge>,
    count: u32,
    tried: TriedSchemes,
    /// On a host that the camera has named.
    is_elsewhere: bool,
    /// Refusals since an answer was accepted.
    refusals: u32,
    accepted: bool,
}

/// Refusals in a row that only ask for a new nonce.
const MAX_STALE: u32 = 3;

impl Authorizer {
    /// `tried` is shared by the sessions of one peer.
    #[must_use]
    pub fn new(credentials: Option<Credentials>, tried: TriedSchemes) -> Self {
        Self {
            credentials,
            current: None,
            count: 0,
            tried,
            is_elsewhere: false,
            refusals: 0,
            accepted: false,
        }
    }

    /// Another server asks next, with a nonce of its own. `elsewhere`: on a host that the camera
    /// names. Basic sends the password itself: not to that one.
    pub fn redirected(&mut self, elsewhere: bool) {
        self.current = None;
        self.refusals = 0;
        self.accepted = false;
        self.is_elsewhere = elsewhere;
    }

    /// Whether the camera has asked for the password, and nothing has been accepted yet.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.current.is_some() && !self.accepted
    }

    /// The peer took the latest answer.
    pub fn accepted(&mut self) {
        self.accepted |= self.current.is_some();
        self.refusals = 0;
    }

    /// Takes the challenges of a status 401.
    ///
    /// # Errors
    /// If nothing is left that could be answered.
    pub fn challenged<'a>(
        &mut self,
        headers: impl Iterator<Item = &'a str>,
    ) -> Result<(), AuthError> {
        if self.credentials.is_none() {
            return Err(AuthError::Refused);
        }
        let mut offered: Vec<Challenge> = headers.flat_map(challenges).collect();
        let asked = !offered.is_empty();
        // Without a nonce no answer is right: none is tried, for cameras count attempts.
        offered.retain(|it| it.scheme == Scheme::Basic || !it.nonce.is_empty());
        if asked && offered.is_empty() {
            return Err(AuthError::NoNonce);
        }
        // Basic shows the password to everybody: where nothing else is offered.
        if offered.iter().any(|it| it.scheme != Scheme::Basic) {
            offered.retain(|it| it.scheme != Scheme::Basic);
        }
        self.refusals += 1;
        if let Some(current) = &self.current {
            let again = offered.iter().find(|it| it.scheme == current.scheme);
            if let Some(again) = again
                && (self.accepted || again.stale)
                && self.refusals <= MAX_STALE
            {
                self.current = Some(again.clone());
                self.count = 0;
                return Ok(());
            }
            self.tried.add(current.scheme);
            self.current = None;
            return Err(AuthError::Refused);
        }
        if self.is_elsewhere || self.tried.is_without_basic {
            offered.retain(|it| it.scheme != Scheme::Basic);
            if asked && offered.is_empty() {
                return Err(AuthError::BasicAlone);
            }
        }
        self.count = 0;
        self.current = self.tried.choose(offered);
        match self.current {
            Some(_) => Ok(()),
            None => Err(AuthError::Refused),
        }
    }

    /// The value of the header `Authorization`, once the camera has asked.
    pub fn header(&mut self, method: &str, url: &str) -> Option<String> {
        let (credentials, challenge) = (self.credentials.as_ref()?, self.current.as_ref()?);
        self.count += 1;
        Some(challenge.answer(
            credentials,
            method,
            url,
            self.count,
            &HEXLOWER.encode(&rand::random::<[u8; 8]>()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorizer() -> Authorizer {
        authorizer_after(&TriedSchemes::default())
    }

    fn authorizer_after(tried: &TriedSchemes) -> Authorizer {
        let credentials = Credentials {
            username: "Mufasa".to_owned(),
            password: "Circle of Life".to_owned(),
        };
        Authorizer::new(Some(credentials), tried.clone())
    }

    /// The examples of RFC 7616, section 3.9.1.
    #[test]
    fn the_examples_of_the_standard() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let header = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let challenge = challenges(&header).remove(0);
            let credentials = authorizer().credentials.expect("some");
            let answer = challenge.answer(
                &credentials,
                "GET",
                "/dir/index.html",
                1,
                "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            );
            assert!(
                answer.contains(&format!("response=\"{response}\"")),
                "{answer}"
            );
        }
    }

    #[test]
    fn several_challenges_in_one_header_or_many() {
        let mut both = authorizer();
        both.challenged(
            ["Basic realm=\"cam\", Digest realm=\"a, b\", nonce=n , algorithm=\"SHA-256\""]
                .into_iter(),
        )
        .expect("digest");
        let header = both.header("PLAY", "rtsp://x/").expect("asked");
        assert!(
            header.starts_with(
                "Digest username=\"Mufasa\", realm=\"a, b\", nonce=\"n\", uri=\"rtsp://x/\""
            ),
            "{header}"
        );
        assert!(
            header.contains("algorithm=SHA-256") && !header.contains("qop"),
            "{header}"
        );
        // One digest in a session; after one that is refused, the next session takes the other.
        let offer = [
            "Digest realm=\"c\", nonce=\"1\", algorithm=SHA-256",
            "Digest realm=\"c\", nonce=\"1\"",
            "Basic realm=\"c\"",
        ];
        let tried = TriedSchemes::default();
        for is_sha in [true, false, true, false] {
            let mut session = authorizer_after(&tried);
            session.challenged(offer.into_iter()).expect("a digest");
            let header = session.header("PLAY", "x").expect("a digest");
            assert_eq!(header.contains("algorithm"), is_sha, "{header}");
            assert!(session.challenged(offer.into_iter()).is_err());
        }
        let mut basic = authorizer();
        basic
            .challenged(["Basic realm=x"].into_iter())
            .expect("basic");
        assert_eq!(
            basic.header("PLAY", "x").expect("basic"),
            "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"
        );
    }

    #[test]
    fn another_server_asks_again() {
        let mut moved = authorizer();
        moved
            .challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        moved.redirected(true);
        assert_eq!(moved.header("DESCRIBE", "x"), None);
        moved
            .challenged(["Digest realm=d, nonce=2"].into_iter())
            .expect("the second server's");
        let header = moved.header("DESCRIBE", "x").expect("asked");
        assert!(header.contains("nonce=\"2\""), "{header}");
        let basic = || ["Basic realm=x"].into_iter();
        let mut moved = authorizer();
        moved.redirected(true);
        assert!(moved.challenged(basic()).is_err());
        moved.redirected(false);
        moved.challenged(basic()).expect("at home");
    }

    #[test]
    fn a_digest_without_a_nonce_is_not_answered() {
        let mut broken = authorizer();
        let error = broken.challenged(["Digest realm=c"].into_iter());
        assert!(matches!(error, Err(AuthError::NoNonce)), "{error:?}");
        assert_eq!(broken.header("DESCRIBE", "x"), None);
    }

    #[test]
    fn a_nonce_for_one_request_only() {
        let mut once = authorizer();
        once.challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        once.accepted();
        for _ in 0..5 {
            once.challenged(["Digest realm=c, nonce=2"].into_iter())
                .expect("a new nonce");
            assert!(
                once.header("SETUP", "x")
                    .expect("asked")
                    .contains("nonce=\"2\"")
            );
            once.accepted();
        }
        let mut wrong = authorizer();
        wrong
            .challenged(["Digest realm=c, nonce=1"].into_iter())
            .expect("first");
        assert!(
            wrong
                .challenged(["Digest realm=c, nonce=2"].into_iter())
                .is_err()
        );
        let mut endless = authorizer();
        let stale = ["Digest realm=c, nonce=2, stale=\"true\""];
        assert!((0..9).any(|_| endless.challenged(stale.into_iter()).is_err()));
        assert!(
            Authorizer::new(None, TriedSchemes::default())
                .challenged(stale.into_iter())
                .is_err()
        );
    }

    #[test]
    fn basic_is_not_answered_where_it_is_forbidden() {
        let new = || authorizer_after(&TriedSchemes::without_basic());
        let mut strict = new();
        for _ in 0..2 {
            let error = strict.challenged(["Basic realm=x"].into_iter());
            assert_eq!(error, Err(AuthError::BasicAlone));
            // Nor where it redirects to itself.
            strict.redirected(false);
        }
        assert_eq!(strict.header("POST", "/"), None);
        let offer = ["Basic realm=x", "Digest realm=x, nonce=1"];
        let mut strict = new();
        strict.challenged(offer.into_iter()).expect("the digest");
        assert!(
            strict
                .header("POST", "/")
                .expect("asked")
                .starts_with("Digest")
        );
    }
}
