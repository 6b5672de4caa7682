//! Other rules than before: custody follows what the offices of the city signed, never the server's word.

use crate::Custody;
use base::{Error, Result};
use identity::{Adoption, Charter, RuleSet};
use ledger::Entry;
use policy::Rules;
use std::fmt;
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
        let rules = Arc::new(Rules::parse(&set.rules)?);
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

    /// Goes by another set from now on, if enough offices of the charter in force signed it and its
    /// activation is on the log. The set in force once more changes nothing.
    pub fn adopt(&self, adoption: &Adoption, entry: &Entry) -> Result<()> {
        let leaf = self.believes(entry)?;
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let (now, charter) = in_force.set.as_ref().ok_or_else(|| {
            Error::conflict("This city has no charter; nobody can sign for other rules.")
        })?;
        let origin = self.options.log_vkey.split('+').next().unwrap_or_default();
        let (set, _) = adoption.verify(origin, charter).or_else(|e| {
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
        if hash == *now {
            return Ok(());
        }
        if adoption.base != *now {
            return Err(Error::conflict("The set replaces another one than the one in force."));
        }
        let next = InForce::of(&set)?;
        if let Some(keep) = &self.keep {
            keep(&set)?;
        }
        *in_force = next;
        Ok(())
    }
}
