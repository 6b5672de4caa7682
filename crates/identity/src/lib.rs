//! Who somebody is: people with keys, requests signed with those keys, short console sessions.
//!
//! No password exists anywhere. A program signs every request ([`http`]); a browser gets a session
//! through a one-time link that a signed request made ([`Sessions`]).

mod adoption;
mod assertion;
mod charter;
pub mod http;
mod nonces;
mod session;
mod signer;

pub use adoption::{Adoption, RuleSet, adoption_message};
pub use assertion::Assertion;
pub use charter::{Charter, Office};
pub use nonces::Nonces;
pub use session::Sessions;
pub use signer::{PasskeyKey, Signature, SignerKey};

use base::{PersonId, PublicKey};
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
    /// The public key; the private one is in the person's hand.
    pub key: PublicKey,
}
