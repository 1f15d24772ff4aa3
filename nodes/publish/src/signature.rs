//! Signatures of requests, as Standard Webhooks has them: HMAC-SHA256 over id, time and body.

use camweave_redact::Secret;
use camweave_stage::StageError;
use data_encoding::BASE64;
use ring::hmac::{HMAC_SHA256, Key, sign};

/// Keys of that form are base64.
const PREFIX: &str = "whsec_";

/// Signs with one key.
pub(crate) struct Signer(Key);

impl Signer {
    /// `whsec_` and base64, or the key's own bytes.
    ///
    /// # Errors
    /// It is not base64.
    pub fn new(key: &Secret) -> Result<Self, StageError> {
        let text = key.expose();
        let bytes = match text.strip_prefix(PREFIX) {
            None => text.as_bytes().to_vec(),
            Some(encoded) => BASE64.decode(encoded.as_bytes()).map_err(|_| {
                StageError::configuration(
                    "the signing key begins with 'whsec_', expected base64 after it",
                )
            })?,
        };
        Ok(Self(Key::new(HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let mut signed = format!("{id}.{seconds}.").into_bytes();
        signed.extend_from_slice(body);
        format!("v1,{}", BASE64.encode(sign(&self.0, &signed).as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn the_specification_s_example_is_signed_as_it_says() {
        let key = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let signer = Signer::new(&key).expect("a key");
        let body = br#"{"test": 2432232314}"#;
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let wrong = Secret::from("whsec_***".to_owned());
        assert!(Signer::new(&wrong).is_err());
    }
}
