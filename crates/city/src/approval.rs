//! Packages of another version that several people sign before the city's machine takes them.
//!
//! A signature is over the package's bytes, and the version that runs looks at it, which was trusted before: the new one
//! could say anything. Who installs packages is root and can do without; so this keeps one person from doing it alone by
//! mistake or in haste, and finds a package that was changed on its way. What runs in the end stands on the public log.

use crate::Config;
use crate::init::Paths;
use base::{Error, PersonId, PublicKey, Result, Signed, SigningKey, Statement, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// `[upgrade]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeSection {
    /// So many of the signers sign a package before it is installed; 0 asks for none.
    pub signatures: u32,
    /// Who may sign, and the public half of their key, as `homeplate key new` prints both.
    pub signers: BTreeMap<PersonId, PublicKey>,
}

impl UpgradeSection {
    pub(crate) fn wrong(&self) -> Option<&'static str> {
        let keys: BTreeSet<[u8; 32]> = self.signers.values().map(|key| key.0).collect();
        if keys.len() < self.signers.len() {
            return Some("upgrade.signers has the same key twice");
        }
        (self.signatures as usize > keys.len())
            .then_some("upgrade.signatures is at most how many upgrade.signers there are")
    }
}

/// A person's word that a package may be installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// SHA-256 of the package, in hex.
    pub package: String,
    /// Who says so.
    pub by: PersonId,
    /// When, by their machine's clock; nothing is judged by it.
    pub at: Time,
}

impl Statement for Approval {
    const DOMAIN: &'static str = "homeplate/package/v1";
}

/// How many people have signed a package, of how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approved {
    /// Who.
    pub by: BTreeSet<PersonId>,
    /// How many the city asks for.
    pub of: u32,
}

/// The file beside a package in which its signatures are.
fn beside(package: &Path) -> PathBuf {
    let mut name = package.as_os_str().to_owned();
    name.push(".signed");
    PathBuf::from(name)
}

fn hash(package: &Path) -> Result<String> {
    let bytes = std::fs::read(package).map_err(|e| {
        Error::not_found(format!("The package {} cannot be read.", package.display())).because(e)
    })?;
    Ok(base::hex(&base::sha256(&bytes)))
}

fn signatures(package: &Path) -> Result<Vec<Signed<Approval>>> {
    let file = beside(package);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => {
            return Err(
                Error::unavailable(format!("{} cannot be read.", file.display())).because(e)
            );
        }
    };
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::invalid(format!("{} holds no signatures of packages.", file.display())).because(e)
    })
}

/// Signs a package, beside the signatures that there are; answers the file.
///
/// # Errors
/// The package cannot be read, the file cannot be written, or signatures in it are of other bytes.
pub fn approve(package: &Path, by: &PersonId, key: &SigningKey, at: Time) -> Result<PathBuf> {
    let (hash, file) = (hash(package)?, beside(package));
    let mut all = signatures(package)?;
    if all.iter().any(|one| one.unverified().package != hash) {
        return Err(Error::conflict(format!(
            "{} has signatures of another package; move it away if this one is the right one.",
            file.display()
        )));
    }
    all.retain(|one| one.unverified().by != *by);
    all.push(Signed::sign(Approval { package: hash, by: by.clone(), at }, key)?);
    let json = serde_json::to_vec_pretty(&all)
        .map_err(|e| Error::internal("The signatures cannot be written.").because(e))?;
    base::write_atomic(&file, &json)?;
    Ok(file)
}

/// Whether enough of the people that the city in `dir` names have signed a package. A city that asks for none does not
/// look at it.
///
/// # Errors
/// Too few have: the message says how many. Or something cannot be read.
pub fn approved(dir: &Path, package: &Path) -> Result<Approved> {
    let UpgradeSection { signatures: of, signers } = Config::load(&Paths::new(dir).config)?.upgrade;
    if of == 0 {
        return Ok(Approved { by: BTreeSet::new(), of });
    }
    let hash = hash(package)?;
    let mut by = BTreeSet::new();
    for one in signatures(package)? {
        let said = one.unverified();
        let holds = signers.get(&said.by).is_some_and(|key| one.verify(key).is_ok());
        if holds && said.package == hash {
            by.insert(said.by.clone());
        }
    }
    if by.len() < of as usize {
        return Err(Error::forbidden(format!(
            "{} of {of} people whom upgrade.signers names have signed these bytes; each does it with \
             `homeplate upgrade --sign`.",
            by.len()
        )));
    }
    Ok(Approved { by, of })
}
