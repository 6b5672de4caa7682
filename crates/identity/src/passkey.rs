//! A passkey as the city keeps it: what it takes to check its next answer, and nothing secret.

use crate::assertion::Assertion;
use crate::{Signature, SignerKey};
use base::{Error, PersonId, Result, Time, sha256, unb64url};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest id of a credential, in base64 (WebAuthn: 1023 bytes).
const ID_MAX: usize = 1364;

/// A person's passkey.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passkey {
    /// The credential's id, as browsers spell it.
    pub id: String,
    /// Its public key and its site.
    pub key: SignerKey,
    /// The counter of its last answer; an answer that does not go beyond it is a copy's.
    pub counter: u32,
    /// What its person calls it.
    pub label: String,
    /// When it was added.
    pub added: Time,
    /// When it last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<Time>,
}

impl Passkey {
    /// Checks the answer to a challenge; gives the counter that [`Passkey::advance`] takes.
    pub fn answers(&self, challenge: &[u8; 32], assertion: &Assertion) -> Result<u32> {
        match &self.key {
            SignerKey::Passkey { key, rp_id } => assertion.verify(key, rp_id, challenge),
            SignerKey::Ed25519(_) => Err(Error::internal("A stored passkey is damaged.")),
        }
    }

    /// The same for a message: what comes out is a signature that everybody can verify.
    pub fn confirms(&self, message: &[u8], assertion: &Assertion) -> Result<(Signature, u32)> {
        let counter = self.answers(&SignerKey::challenge(message), assertion)?;
        Ok((Signature::Passkey(assertion.clone()), counter))
    }

    /// Notes an answer. A counter that does not grow means that the passkey was copied, unless it never counts.
    pub fn advance(&mut self, counter: u32, now: Time) -> Result<()> {
        if (counter > 0 || self.counter > 0) && counter <= self.counter {
            return Err(Error::unauthenticated(
                "This passkey seems to have been copied; tell an administrator and use another one.",
            ));
        }
        self.counter = counter;
        self.used = Some(now);
        Ok(())
    }
}

/// The number under which an authenticator keeps a person's passkeys for this city; it tells no name.
pub fn handle(person: &PersonId) -> [u8; 16] {
    let hash = sha256(format!("homeplate/user/v1\n{person}").as_bytes());
    let mut out = [0; 16];
    out.copy_from_slice(&hash[..16]);
    out
}

/// The challenge that a browser says it answers, whether it made a passkey or used one. It only says which
/// ceremony is meant; that it is the right one is checked there.
pub fn challenge_of(credential: &Value) -> Result<String> {
    let said = || {
        let client = credential.get("response")?.get("clientDataJSON")?.as_str()?;
        let client: Value = serde_json::from_slice(&unb64url(client)?).ok()?;
        client.get("challenge")?.as_str().map(String::from)
    };
    said().ok_or_else(|| Error::invalid("This is not the answer of a passkey."))
}

/// What a browser sends after `navigator.credentials.get`.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The credential that answered.
    pub credential: String,
    /// Whose it says it is.
    pub user: Option<Vec<u8>>,
    /// The answer.
    pub assertion: Assertion,
}

impl Answered {
    /// Reads what `JSON.stringify(credential)` makes of it; what else is in there is passed over.
    pub fn parse(credential: &Value) -> Result<Self> {
        let bad = || Error::invalid("This is not the answer of a passkey.");
        let response = credential.get("response").ok_or_else(bad)?;
        let bytes = |name: &str| {
            let text = response.get(name).and_then(Value::as_str);
            text.filter(|text| text.len() <= 1 << 14).and_then(unb64url).ok_or_else(bad)
        };
        let id = credential.get("id").and_then(Value::as_str).filter(|id| id.len() <= ID_MAX);
        let user = match response.get("userHandle") {
            None | Some(Value::Null) => None,
            Some(_) => Some(bytes("userHandle")?),
        };
        Ok(Self {
            credential: id.ok_or_else(bad)?.to_owned(),
            user,
            assertion: Assertion {
                authenticator_data: bytes("authenticatorData")?,
                client_data: bytes("clientDataJSON")?,
                signature: bytes("signature")?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PasskeyKey;

    #[test]
    fn a_counter_only_grows() {
        let check = |counters: &[u32], good: &[bool]| {
            let key =
                SignerKey::Passkey { key: PasskeyKey::EdDsa([0; 32]), rp_id: "localhost".into() };
            let now = Time::from_millis(1);
            let (id, label) = ("a".into(), "a".into());
            let mut passkey = Passkey { id, key, counter: 0, label, added: now, used: None };
            let got: Vec<bool> =
                counters.iter().map(|c| passkey.advance(*c, now).is_ok()).collect();
            assert_eq!(got, good, "{counters:?}");
        };
        check(&[0, 0, 0], &[true, true, true]);
        check(&[1, 2, 2, 7, 3, 0, 8], &[true, true, false, true, false, false, true]);
    }

    #[test]
    fn answers_of_browsers() {
        let good = serde_json::json!({"id": "AQ", "rawId": "AQ", "type": "public-key", "more": 1,
            "response": {"authenticatorData": "AA", "clientDataJSON": "e30", "signature": "AA", "userHandle": null}});
        let read = Answered::parse(&good).unwrap();
        assert_eq!((read.credential.as_str(), read.user), ("AQ", None));
        for (from, to) in
            [("\"id\"", "\"ID\""), ("\"e30\"", "\"e3 \""), ("signature", "sig"), ("null", "7")]
        {
            let bad = serde_json::from_str(&good.to_string().replace(from, to)).unwrap();
            assert!(Answered::parse(&bad).is_err(), "{from}");
        }
    }
}
