//! Other rules than before: custody follows what the offices of the city signed, never the server's word.
//!
//! Signatures name the entry by which the set that they replace is in force. Custody keeps the newest such entry
//! that it followed, in `adopted.entry`, and goes by no signatures for an older one: a city that goes back to a
//! set has not signed anew for what replaced it once.

use crate::Custody;
use base::{Error, Result};
use identity::{Adoption, Charter, RuleSet};
use ledger::Entry;
use policy::Rules;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

/// What custody judges by.
#[derive(Clone)]
pub struct InForce {
    /// The rules.
    pub rules: Arc<Rules>,
    /// The hash of the set that they belong to, and who signs for the next; `None` in a city without a
    /// charter, whose rules do not change.
    pub set: Option<(String, Charter)>,
}

impl InForce {
    /// Rules that nobody can change.
    pub fn fixed(rules: Arc<Rules>) -> Self {
        Self { rules, set: None }
    }

    /// A whole set.
    pub fn of(set: &RuleSet) -> Result<Self> {
        let rules = Arc::new(Rules::adopted(&set.rules)?);
        Ok(Self { rules, set: Some((set.hash()?, set.charter()?)) })
    }
}

impl From<Arc<Rules>> for InForce {
    fn from(rules: Arc<Rules>) -> Self {
        Self::fixed(rules)
    }
}

impl fmt::Debug for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InForce({:?})", self.rules)
    }
}

/// Where custody keeps by which entry its rules are in force: the log's origin and the number. It is not there
/// before custody has been told, and in cities of before there was one.
fn followed_in(dir: &Path) -> PathBuf {
    dir.join("adopted.entry")
}

/// Keeps an adopted set where custody's next start finds it.
pub type Keep = Box<dyn Fn(&RuleSet) -> Result<()> + Send + Sync>;

impl Custody {
    /// The rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.in_force.read().unwrap_or_else(PoisonError::into_inner).rules.clone()
    }

    /// Says where an adopted set is kept; without, whoever opened custody keeps it.
    pub fn keeping(mut self, keep: Keep) -> Self {
        self.keep = Some(keep);
        self
    }

    fn origin(&self) -> &str {
        self.options.log_vkey.split('+').next().unwrap_or_default()
    }

    /// The newest activation that was followed, by its number on the log; zero where none is known. That of
    /// another log, a predecessor's, says nothing.
    fn followed(&self) -> Result<u64> {
        let path = followed_in(&self.options.dir);
        if !path.exists() {
            return Ok(0);
        }
        let text = base::read_secret(&path)?;
        let text = std::str::from_utf8(text.expose()).unwrap_or_default();
        let read = text.trim_end().rsplit_once(' ');
        let read = read.and_then(|(origin, number)| Some((origin, number.parse::<u64>().ok()?)));
        let (origin, number) = read.ok_or_else(|| {
            Error::invalid(format!(
                "{} is damaged; remove it and start the server again, which tells custody anew.",
                path.display()
            ))
        })?;
        Ok(if origin == self.origin() { number } else { 0 })
    }

    fn follow(&self, entry: u64) -> Result<()> {
        let text = format!("{} {entry}\n", self.origin());
        base::write_secret(&followed_in(&self.options.dir), text.as_bytes())
    }

    /// Goes by another set from now on, if enough offices of the charter in force signed it, for a change that is
    /// not older than the last one, and its activation is on the log. The set in force once more changes nothing,
    /// but that custody knows then by which entry it is in force.
    pub fn adopt(&self, adoption: &Adoption, entry: &Entry) -> Result<()> {
        let leaf = self.believes(entry)?;
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let (now, charter) = in_force.set.as_ref().ok_or_else(|| {
            Error::conflict("This city has no charter; nobody can sign for other rules.")
        })?;
        let (set, _) = adoption.verify(self.origin(), charter).or_else(|e| {
            // Adopted before, by a charter that it replaced itself.
            let set = RuleSet::parse(&adoption.set)?;
            if set.hash()? == *now { Ok((set, Vec::new())) } else { Err(e) }
        })?;
        let hash = set.hash()?;
        if leaf.kind != "policy.activated" || leaf.text("set") != Some(hash.as_str()) {
            return Err(Error::forbidden(
                "The log entry is not of this set of rules; put its activation on the log first.",
            ));
        }
        let followed = self.followed()?;
        if hash == *now {
            return if entry.index > followed { self.follow(entry.index) } else { Ok(()) };
        }
        if adoption.base != *now {
            return Err(Error::conflict("The set replaces another one than the one in force."));
        }
        if adoption.since < followed || entry.index <= adoption.since {
            return Err(Error::conflict(
                "The set was signed for an earlier change than the last one; let it be proposed anew.",
            ));
        }
        let next = InForce::of(&set)?;
        if let Some(keep) = &self.keep {
            keep(&set)?;
        }
        // After the set: cut off between the two, custody is told the number again with the set in force.
        self.follow(entry.index)?;
        *in_force = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kek, Options};
    use base::{Kind, SigningKey, Time};
    use identity::{Office, Signature, SignerKey, adoption_message};
    use ledger::{Folder, Leaf, Log};
    use std::collections::BTreeMap;
    use tempfile::TempDir;

    /// Two sets that one office signs for, and the log of their city.
    struct Town {
        dir: TempDir,
        log: Log,
        key: SigningKey,
        wide: RuleSet,
        narrow: RuleSet,
    }

    impl Town {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let folder = Box::new(Folder::new(dir.path().join("log")));
            let log = Log::create(folder, "homeplate/test", SigningKey::generate()).unwrap();
            let key = SigningKey::generate();
            let office = Office { name: "clerk".into(), keys: vec![key.public().into()] };
            let charter = Charter { needed: 1, provers: Vec::new(), offices: vec![office] };
            let wide = Rules::standard().to_owned();
            let narrow = wide.replacen("@max_hours(\"72\")", "@max_hours(\"1\")", 1);
            let set = |rules| RuleSet::new(rules, BTreeMap::new(), &charter).unwrap();
            Self { wide: set(wide), narrow: set(narrow), dir, log, key }
        }

        fn options(&self) -> Options {
            Options {
                dir: self.dir.path().join("custody"),
                epoch_s: 3600,
                log_vkey: self.log.vkey().to_owned(),
                witnesses: None,
                kek: Kek::File,
            }
        }

        fn activated(&self, set: &RuleSet) -> Entry {
            let leaf = Leaf::new("policy.activated", Time::from_millis(0));
            self.log.append(&leaf.fact("set", set.hash().unwrap())).unwrap()
        }

        fn signed(&self, since: u64, base: &RuleSet, set: &RuleSet) -> Adoption {
            let (base, hash) = (base.hash().unwrap(), set.hash().unwrap());
            let message = adoption_message("homeplate/test", since, &base, &hash);
            let signature = Signature::Ed25519(self.key.sign(&message)).to_string();
            let key = SignerKey::from(self.key.public()).to_string();
            let set = set.canonical().unwrap();
            Adoption { since, base, set, signatures: vec![(key, signature)] }
        }

        /// Custody that begins with a set.
        fn custody(&self, set: &RuleSet) -> Custody {
            let auditors = read::OpenKey::generate().public().unwrap();
            Custody::create(&self.options(), InForce::of(set).unwrap(), auditors).unwrap()
        }
    }

    /// The city narrows its rules and goes back: the signatures of then, which everybody can read on the log,
    /// narrow nothing again, with the entry of then or with a new one.
    #[test]
    fn what_was_adopted_once_is_not_adopted_by_the_same_signatures() {
        let town = Town::new();
        let (wide, narrow) = (&town.wide, &town.narrow);
        let custody = town.custody(wide);
        let first = town.activated(wide).index;
        let narrowing = town.signed(first, wide, narrow);
        let then = town.activated(narrow);
        custody.adopt(&narrowing, &then).unwrap();
        custody.adopt(&narrowing, &then).unwrap();
        let back = town.activated(wide);
        custody.adopt(&town.signed(then.index, narrow, wide), &back).unwrap();
        let again = town.activated(narrow);
        let refused = |custody: &Custody| {
            for entry in [&then, &again] {
                let e = custody.adopt(&narrowing, entry).unwrap_err();
                assert!(e.kind() == Kind::Conflict && e.message().contains("earlier"), "{e}");
            }
            assert_eq!(custody.rules().hash(), InForce::of(wide).unwrap().rules.hash());
        };
        refused(&custody);
        drop(custody);
        let custody = Custody::open(&town.options(), InForce::of(wide).unwrap()).unwrap();
        refused(&custody);
        // Custody knows no number, as after its first start, and is told by which entry its rules are in force.
        std::fs::remove_file(town.options().dir.join("adopted.entry")).unwrap();
        let told = Adoption { signatures: Vec::new(), ..town.signed(0, narrow, wide) };
        custody.adopt(&told, &back).unwrap();
        refused(&custody);
        // What is told of the past changes nothing, and what was signed for the present is followed.
        custody.adopt(&told, &town.log.entry(first).unwrap()).unwrap();
        refused(&custody);
        custody.adopt(&town.signed(back.index, wide, narrow), &again).unwrap();
        assert_eq!(custody.rules().hash(), InForce::of(narrow).unwrap().rules.hash());
    }

    /// A folder of before, one of a predecessor's custody, and one that is damaged.
    #[test]
    fn a_number_that_is_missing_or_of_another_log_is_none() {
        let town = Town::new();
        let (wide, narrow) = (&town.wide, &town.narrow);
        let custody = town.custody(wide);
        let first = town.activated(wide).index;
        let then = town.activated(narrow);
        let file = town.options().dir.join("adopted.entry");
        let left = |text: &str| std::fs::write(&file, text).unwrap();
        left("nonsense");
        let e = custody.adopt(&town.signed(first, wide, narrow), &then).unwrap_err();
        assert!(e.message().contains("damaged"), "{e}");
        left("homeplate/other 99\n");
        custody.adopt(&town.signed(first, wide, narrow), &then).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "homeplate/test 1\n");
    }
}
