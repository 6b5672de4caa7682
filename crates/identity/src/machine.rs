//! Machine tokens: what a program without a key of its own shows instead of a signature.
//!
//! A token is `hpt_ID_SECRET`. The city keeps its hash; whoever has the text is the machine, so its scope
//! is narrow and its end is near. A token never does what its maker may not.

use base::{Error, PersonId, Result, Secret, Time, TokenId, hex, random, sha256};
use serde::{Deserialize, Serialize};

/// The longest time that a token may be good for.
const LONGEST_MS: i64 = 366 * 86_400_000;
/// Stands in the ids of machines in front of the token's; no person's id begins like this.
const MACHINE: &str = "per_hpt-";

/// A token as the city keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineToken {
    /// The token's public half.
    pub id: TokenId,
    /// What the program is.
    pub name: String,
    /// The actions of the city's rules that it may do.
    pub scope: Vec<String>,
    /// Who made it: it may do no more than that person.
    pub by: PersonId,
    /// When it was made.
    pub made: Time,
    /// When it ends.
    pub expires: Time,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Time>,
}

impl MachineToken {
    /// Whether a token may be made that ends then.
    pub fn may_last(made: Time, expires: Time) -> Result<()> {
        if (1..=LONGEST_MS).contains(&expires.since(made)) {
            Ok(())
        } else {
            Err(Error::invalid("A token ends within 366 days; make a new one in time."))
        }
    }

    /// Whether it is good now.
    pub fn is_good(&self, now: Time) -> bool {
        self.revoked.is_none() && now < self.expires
    }

    /// Whether this action is in its scope.
    pub fn covers(&self, action: &str) -> bool {
        self.scope.iter().any(|one| one == action)
    }
}

/// A new token's id, its text, and the hash of that.
pub fn new_token() -> (TokenId, Secret<String>, [u8; 32]) {
    loop {
        // Sixteen hex digits are an id.
        let Ok(id) = format!("hpt_{}", hex(&random::<8>())).parse::<TokenId>() else { continue };
        let text = Secret::new(format!("{id}_{}", hex(&random::<24>())));
        let hash = sha256(text.expose().as_bytes());
        return (id, text, hash);
    }
}

/// The id that a token's text states, and the hash of the text.
pub fn read_token(text: &str) -> Option<(TokenId, [u8; 32])> {
    let (id, secret) = text.rsplit_once('_')?;
    let fine = secret.len() == 48 && secret.bytes().all(|b| b.is_ascii_hexdigit());
    let id = id.parse().ok().filter(|_| fine)?;
    Some((id, sha256(text.as_bytes())))
}

/// Under which id a machine does what it does.
pub fn machine_id(token: &TokenId) -> Result<PersonId> {
    let body = token.as_str().trim_start_matches("hpt_");
    format!("{MACHINE}{body}")
        .parse()
        .map_err(|e| Error::invalid("This token has an id that no machine can have.").because(e))
}

/// The token behind an id, if it is a machine's.
pub fn machine_of(id: &PersonId) -> Option<TokenId> {
    format!("hpt_{}", id.as_str().strip_prefix(MACHINE)?).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_back() {
        let (id, text, hash) = new_token();
        assert_eq!(read_token(text.expose()), Some((id.clone(), hash)));
        let machine = machine_id(&id).unwrap();
        assert_eq!(machine_of(&machine), Some(id.clone()));
        assert_eq!(machine_of(&"per_smith".parse().unwrap()), None);
        let text = text.expose();
        for bad in [
            id.as_str(),
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.replace("hpt_", "per_"),
            "",
        ] {
            assert_eq!(read_token(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_end() {
        let at = |day: i64| Time::from_millis(day * 86_400_000);
        let check = |days: i64, good: bool| {
            assert_eq!(MachineToken::may_last(at(10), at(10 + days)).is_ok(), good, "{days}");
        };
        check(1, true);
        check(366, true);
        check(367, false);
        check(0, false);
        check(-1, false);
        let mut token = MachineToken {
            id: "hpt_a".parse().unwrap(),
            name: "CAD".into(),
            scope: vec!["ViewHits".into()],
            by: "per_a".parse().unwrap(),
            made: at(0),
            expires: at(2),
            revoked: None,
        };
        assert!(token.is_good(at(1)) && !token.is_good(at(2)));
        assert!(token.covers("ViewHits") && !token.covers("EditHotList") && !token.covers("View"));
        token.revoked = Some(at(1));
        assert!(!token.is_good(at(1)));
    }
}
