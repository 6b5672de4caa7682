//! A webhook that its receiver can believe: signed as the Standard Webhooks specification has it.
//!
//! Three headers: `webhook-id` (the same however often it comes), `webhook-timestamp` (seconds since 1970)
//! and `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`. A receiver checks the
//! signature, refuses a time that is more than five minutes off, and takes an id once.

use crate::post::Poster;
use crate::{Outcome, PATIENCE, Reach};
use aws_lc_rs::hmac;
use base::{Error, Result, Secret, Time, b64, unb64};
use std::time::Duration;

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";
/// The shortest and the longest secret, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// What both sides know.
#[derive(Clone, Debug)]
pub struct HookSecret(Secret<Vec<u8>>);

impl HookSecret {
    /// Reads `whsec_` and 24 to 64 bytes in base64.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = text.trim().strip_prefix(PREFIX).and_then(unb64);
        match bytes.filter(|bytes| LENGTHS.contains(&bytes.len())) {
            Some(bytes) => Ok(Self(Secret::new(bytes))),
            None => Err(Error::invalid(
                "A webhook's secret is whsec_ and 24 to 64 random bytes in base64.",
            )),
        }
    }
}

/// The value of `webhook-signature`.
pub fn signature(secret: &HookSecret, id: &str, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.expose());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{id}.{seconds}.").as_bytes());
    context.update(body);
    format!("v1,{}", b64(context.sign().as_ref()))
}

/// One receiver.
pub struct Webhook {
    url: String,
    secret: HookSecret,
    poster: Poster,
}

impl Webhook {
    /// A receiver at `url`, which is called as far as `reach` allows.
    pub fn new(url: &str, secret: HookSecret, reach: Reach) -> Result<Self> {
        Self::patient(url, secret, reach, PATIENCE)
    }

    /// The same, that waits so long for an answer.
    pub fn patient(
        url: &str,
        secret: HookSecret,
        reach: Reach,
        patience: Duration,
    ) -> Result<Self> {
        if !reach.takes_url(url) {
            return Err(Error::invalid(
                "A webhook's address is https:// and a host; http:// only to a host of the city's own.",
            ));
        }
        Ok(Self { url: url.to_owned(), secret, poster: Poster::new(reach, patience) })
    }

    /// Sends a JSON document under an id.
    pub fn send(&self, id: &str, body: &[u8], now: Time) -> Outcome {
        let seconds = now.millis().div_euclid(1000);
        let (at, signature) = (seconds.to_string(), signature(&self.secret, id, seconds, body));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", at.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        self.poster.post(&self.url, &headers, body)?.taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets() {
        let of = |bytes: usize| format!("{PREFIX}{}", b64(&vec![7; bytes]));
        for (text, fits) in [
            (of(24), true),
            (of(64), true),
            (format!("{}\n", of(32)), true),
            (of(23), false),
            (of(65), false),
            (b64(&[7; 32]), false),
            (format!("{PREFIX}not base64"), false),
            (String::new(), false),
        ] {
            assert_eq!(HookSecret::parse(&text).is_ok(), fits, "{text}");
        }
        let secret = HookSecret::parse(&of(32)).unwrap();
        assert_eq!(format!("{secret:?}"), "HookSecret(Secret(…))");
    }

    /// The worked example of the specification.
    #[test]
    fn the_specifications_signature() {
        let secret = HookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = signature(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            b"{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
