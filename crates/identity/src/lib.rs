//! Who somebody is: people with keys and passkeys, what they sign, sessions, devices, machine tokens.
//!
//! No password exists anywhere. A program signs every request ([`http`]) or shows a narrow token
//! ([`MachineToken`]); a browser signs in with a passkey ([`Ceremonies`]) or by a one-time link that a
//! signed request made ([`Sessions`]). What somebody confirms is verified by anybody ([`SignerKey`]).
//!
//! Not here: who may do what (`policy`), where any of it is stored (`store`), HTTP.

mod adoption;
mod assertion;
mod ceremonies;
mod charter;
mod device;
mod directory;
pub mod http;
mod machine;
mod nonces;
mod passkey;
mod session;
mod signer;
mod tries;

pub use adoption::{Adoption, RuleSet, adoption_message, proofs_message};
pub use assertion::Assertion;
pub use ceremonies::{Ceremonies, Confirming, Registered, Site, Started};
pub use charter::{Charter, Office};
pub use device::{Device, DeviceClass};
pub use directory::{Asks, Directory, Leaving, Leavings, Vouched};
pub use machine::{MachineToken, machine_id, machine_of, new_token, read_token};
pub use nonces::Nonces;
pub use passkey::{Answered, Passkey, challenge_of, handle};
pub use session::{How, Opened, Opening, Seen, Session, Sessions};
pub use signer::{PasskeyKey, Signature, SignerKey};
pub use tries::Tries;

use base::{PersonId, PublicKey, Time};
use serde::{Deserialize, Serialize};

/// A person of the city.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The id.
    pub id: PersonId,
    /// The name; it never goes on the public log.
    pub name: String,
    /// The office, which does.
    pub office: String,
    /// Roles: named sets of actions in the city's rules.
    pub roles: Vec<String>,
    /// The public key that their programs sign with, where they have one; the private one is in their hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// What they sign in with at a browser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passkeys: Vec<Passkey>,
    /// Who they are in the city's directory, where that is how they come in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<InDirectory>,
    /// Since when they are here no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Time>,
}

/// A person's place in the city's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InDirectory {
    /// The issuer and its name for them.
    pub subject: String,
    /// When it last said who they are.
    pub vouched: Time,
}

impl Person {
    /// Every key that they sign with.
    pub fn signers(&self) -> Vec<SignerKey> {
        let file = self.key.map(SignerKey::from);
        file.into_iter().chain(self.passkeys.iter().map(|p| p.key.clone())).collect()
    }
}

#[cfg(test)]
mod stored {
    use super::*;

    /// What cities stored before there were passkeys.
    #[test]
    fn older_people_are_read() {
        let old = r#"{"id":"per_a","name":"A","office":"o","roles":["admin"],"key":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="}"#;
        let person: Person = serde_json::from_str(old).unwrap();
        assert_eq!((person.key.is_some(), person.passkeys.len(), person.ended), (true, 0, None));
        assert_eq!(serde_json::to_string(&person).unwrap(), old);
        assert_eq!(person.signers(), [SignerKey::from(person.key.unwrap())]);
    }
}
