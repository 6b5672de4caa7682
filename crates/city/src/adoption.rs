//! How rules change: somebody proposes a set, what must hold of it is proven, offices sign, it becomes active.
//!
//! Each step is an entry of the public log before it has an effect, and the entries hold all that it takes
//! to check it: the whole text of the set, the keys and their signatures. So an outsider can follow every
//! change from the log alone, and the folder's files can always be compared with what was adopted.
//! A set that is signed is proven once more before it is active: nobody relies on the proposer's word.
//! How, with a prover here or on the word of one that the charter names, is in `proofs`.

use crate::init::Paths;
use crate::witness::Witnessing;
use crate::{City, Event, SignedProofs};
use base::{Error, Kind, PersonId, Result, Time, write_atomic};
use custody::InForce;
use identity::{Adoption, Charter, Person, RuleSet, Signature, SignerKey, adoption_message};
use ledger::{Entry, Leaf, Log};
use policy::{Action, Rules};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::{Arc, MutexGuard};
use utoipa::ToSchema;

/// What a set has at most, spelled: a log entry holds it whole.
const SET_MAX: usize = 50_000;
const DAY_MS: i64 = 86_400_000;

/// A set that is proposed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProposal {
    /// The rule file.
    pub rules: String,
    /// The city's own properties, by name; those in force where it is left out.
    #[serde(default)]
    pub properties: Option<BTreeMap<String, String>>,
    /// The charter as TOML; the one in force where it is left out.
    #[serde(default)]
    pub charter: Option<String>,
    /// What a prover of the charter in force signed, for a city that cannot prove for itself.
    #[serde(default)]
    pub proofs: Option<SignedProofs>,
}

/// An office's signature.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSignature {
    /// The key, spelled: `ed25519:…` or `passkey:…`.
    pub key: String,
    /// What it signed, spelled.
    pub signature: String,
}

/// A proposal as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// `pro_` and 32 hex digits.
    pub id: String,
    /// Its number on the public log.
    pub log_entry: u64,
    /// When it was proposed.
    pub at: Time,
    /// The office of the one who proposed it.
    pub by: String,
    /// The hash of the set that it replaces.
    pub base: String,
    /// The number on the log of that set's activation: an office signs for this one change of it.
    pub since: u64,
    /// Its own hash.
    pub set: String,
    /// The set, spelled.
    pub text: String,
    /// The names of the properties that were proven when it was proposed.
    pub proven: Vec<String>,
    /// The key of the prover that signed the proofs that were brought along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proved_by: Option<String>,
    /// The offices that have signed.
    pub signed: Vec<String>,
    /// How many must.
    pub needed: u32,
    /// `open`, `active`, `adopted` (and replaced since) or `overtaken` (another set became active first).
    pub state: String,
}

/// What the log says of adoption.
#[derive(Debug, Default)]
pub(crate) struct Adoptions {
    /// The set in force.
    active: Option<Active>,
    since: Option<(u64, Time)>,
    open: BTreeMap<String, Found>,
    order: Vec<String>,
    /// Sets that were in force, by their hash, spelled.
    texts: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Active {
    hash: String,
    /// The set and who signs for the next one, as the log spells them.
    set: Option<(RuleSet, Charter)>,
}

#[derive(Debug)]
struct Found {
    proposal: Proposal,
    /// Keys and what they signed, spelled.
    signatures: Vec<(String, String)>,
    /// Whether somebody signed before version 2, which counts no more.
    older: bool,
    /// The proofs that were brought along.
    proofs: Option<SignedProofs>,
}

impl Adoptions {
    pub(crate) fn add(&mut self, index: u64, leaf: &Leaf) {
        let text = |key: &str| leaf.text(key).map(str::to_owned);
        match (leaf.kind.as_str(), leaf.id.as_deref()) {
            ("policy.proposed", Some(id)) => {
                let (Some(base), Some(set), Some(full)) = (text("base"), text("set"), text("text"))
                else {
                    return;
                };
                let proven = text("proven").unwrap_or_default();
                let proofs = SignedProofs::of_leaf(leaf);
                let proposal = Proposal {
                    id: id.to_owned(),
                    log_entry: index,
                    at: leaf.time,
                    by: leaf.by.clone().unwrap_or_default(),
                    base,
                    since: self.since.map_or(0, |(index, _)| index),
                    set,
                    text: full,
                    proven: proven.split_whitespace().map(str::to_owned).collect(),
                    proved_by: proofs.as_ref().map(|proofs| proofs.key.clone()),
                    signed: Vec::new(),
                    needed: 0,
                    state: "open".into(),
                };
                self.order.push(id.to_owned());
                let found = Found { proposal, signatures: Vec::new(), older: false, proofs };
                self.open.insert(id.to_owned(), found);
            }
            ("policy.signed", _) => {
                let of = text("proposal").and_then(|id| self.open.get_mut(&id));
                let (Some(found), Some(key), Some(signature), Some(office)) =
                    (of, text("key"), text("signature"), text("office"))
                else {
                    return;
                };
                if !found.proposal.signed.contains(&office) {
                    found.proposal.signed.push(office);
                }
                match leaf.number("since") {
                    Some(_) => found.signatures.push((key, signature)),
                    None => found.older = true,
                }
            }
            ("policy.activated", _) => {
                self.since = Some((index, leaf.time));
                let proposal = text("proposal");
                let adopted = proposal.as_ref().and_then(|id| self.open.get(id));
                let full =
                    adopted.map(|found| found.proposal.text.clone()).or_else(|| text("text"));
                self.texts.extend(text("set").zip(full.clone()));
                for found in self.open.values_mut() {
                    let state = &mut found.proposal.state;
                    match state.as_str() {
                        "open" => *state = "overtaken".into(),
                        "active" => *state = "adopted".into(),
                        _ => {}
                    }
                }
                if let Some(found) = proposal.and_then(|id| self.open.get_mut(&id)) {
                    found.proposal.state = "active".into();
                }
                let set = full.and_then(|full| RuleSet::parse(&full).ok());
                let set = set.and_then(|set| set.charter().ok().map(|charter| (set, charter)));
                self.active = text("set").map(|hash| Active { hash, set });
            }
            _ => {}
        }
    }

    fn proposal(&self, id: &str) -> Option<Proposal> {
        let set = self.active.as_ref().and_then(|active| active.set.as_ref());
        let needed = set.map_or(0, |(_, charter)| charter.needed);
        self.open.get(id).map(|found| Proposal { needed, ..found.proposal.clone() })
    }

    /// The hash of the set in force, where the log names one.
    pub(crate) fn active(&self) -> Option<&str> {
        self.active.as_ref().map(|active| active.hash.as_str())
    }
}

fn unknown() -> Error {
    Error::not_found("There is no such proposal; the public log lists them.")
}

/// The entry with which a log, a successor too, begins to have rules.
pub(crate) fn first_activation(rules: &Rules, set: Option<&RuleSet>, now: Time) -> Result<Leaf> {
    let leaf = Leaf::new("policy.activated", now).id(rules.hash()).fact("hash", rules.hash());
    Ok(match set {
        Some(set) => leaf.fact("set", set.hash()?).fact("text", set.canonical()?),
        None => leaf,
    })
}

/// Where the parts of a set lie in a city's folder.
pub(crate) fn charter_file(dir: &Path) -> PathBuf {
    dir.join("charter.toml")
}
pub(crate) fn properties_folder(dir: &Path) -> PathBuf {
    dir.join("properties")
}
/// An adoption that is on its way from the log into the folder.
fn under_way(dir: &Path) -> PathBuf {
    dir.join("adopting.json")
}

fn unreadable(path: &Path, e: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("{} cannot be read; check its owner.", path.display()))
        .because(e.to_string())
}

/// The set that lies in a city's folder; `None` in a city without a charter.
pub(crate) fn folder_set(dir: &Path) -> Result<Option<RuleSet>> {
    let charter = charter_file(dir);
    if !charter.exists() {
        return Ok(None);
    }
    let read = |path: &Path| std::fs::read_to_string(path).map_err(|e| unreadable(path, e));
    let charter = Charter::parse(&read(&charter)?)?;
    let rules = read(&Paths::new(dir).rules)?;
    let mut properties = BTreeMap::new();
    if let Ok(entries) = std::fs::read_dir(properties_folder(dir)) {
        for entry in entries {
            let path = entry.map_err(|e| unreadable(&properties_folder(dir), e))?.path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if let (Some(name), Some("cedar")) = (name, path.extension().and_then(|e| e.to_str())) {
                properties.insert(name.to_owned(), read(&path)?);
            }
        }
    }
    RuleSet::new(rules, properties, &charter).map(Some)
}

/// The set that a successor begins with: what the log before it adopted last, as far as that can be read. A folder of
/// another day, out of a backup for instance, brings no other rules back. It may also be the newer one: what it had is
/// kept in a file, which is given.
pub(crate) fn set_that_goes_on(
    dir: &Path,
    adoptions: Adoptions,
) -> Result<(Option<RuleSet>, Option<PathBuf>)> {
    let there = folder_set(dir)?;
    let Some((set, _)) = adoptions.active.and_then(|active| active.set) else {
        return Ok((there, None));
    };
    if there.as_ref() == Some(&set) {
        return Ok((Some(set), None));
    }
    let kept = there.map(|there| {
        let file = dir.join("rules.before-successor.json");
        write_atomic(&file, there.canonical()?.as_bytes()).map(|()| file)
    });
    let kept = kept.transpose()?;
    write_set(dir, &set)?;
    done(dir);
    Ok((Some(set), kept))
}

/// Writes a set into a city's folder.
fn write_set(dir: &Path, set: &RuleSet) -> Result<()> {
    let folder = properties_folder(dir);
    let disk = |e: std::io::Error| {
        Error::unavailable(format!("{} cannot be written; check its owner.", folder.display()))
            .because(e)
    };
    if !set.properties.is_empty() {
        std::fs::create_dir_all(&folder).map_err(disk)?;
    }
    for (name, text) in &set.properties {
        write_atomic(&folder.join(format!("{name}.cedar")), text.as_bytes())?;
    }
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.map_err(disk)?.path();
        let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        let cedar = path.extension().is_some_and(|e| e == "cedar");
        if cedar && !set.properties.contains_key(name) {
            std::fs::remove_file(&path).map_err(disk)?;
        }
    }
    write_atomic(&charter_file(dir), set.charter.as_bytes())?;
    write_atomic(&Paths::new(dir).rules, set.rules.as_bytes())
}

/// Writes the charter that a city begins with, and gives the set that then lies in its folder.
pub(crate) fn found(dir: &Path, charter: &Charter) -> Result<RuleSet> {
    write_atomic(&charter_file(dir), charter.canonical().as_bytes())?;
    folder_set(dir)?.ok_or_else(|| Error::internal("The charter is gone; run init again."))
}

/// Finishes an adoption that a crash cut off: the log decides whether it happened. Gives it where it did,
/// for custody to follow.
pub(crate) fn settle(dir: &Path, log: &Log, adoptions: &Adoptions) -> Result<Option<Adoption>> {
    let marker = under_way(dir);
    let Ok(text) = std::fs::read_to_string(&marker) else { return Ok(None) };
    let adoption = serde_json::from_str::<Adoption>(&text).ok();
    let set = adoption.as_ref().and_then(|a| RuleSet::parse(&a.set).ok());
    let hash = set.as_ref().and_then(|set| set.hash().ok());
    let happened = log.size() > 0 && hash.is_some() && adoptions.active() == hash.as_deref();
    match (happened, set) {
        (true, Some(set)) => write_set(dir, &set)?,
        _ => done(dir),
    }
    Ok(adoption.filter(|_| happened))
}

/// Nothing is under way any more.
pub(crate) fn done(dir: &Path) {
    if let Err(e) = std::fs::remove_file(under_way(dir))
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(error = %e, "adopting.json cannot be removed");
    }
}

/// What custody judges by, as it lies in a city's folder.
pub(crate) fn in_force(dir: &Path, rules: &Arc<Rules>) -> Result<InForce> {
    match folder_set(dir)? {
        Some(set) => InForce::of(&set),
        None => Ok(InForce::fixed(rules.clone())),
    }
}

impl City {
    fn adoptions(&self) -> MutexGuard<'_, Adoptions> {
        self.adoptions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The set in force as the log spells it; `None` in a city without a charter.
    pub fn adopted_set(&self) -> Option<String> {
        self.set_in_force().ok().and_then(|(set, _)| set.canonical().ok())
    }

    /// The set in force and its charter.
    fn set_in_force(&self) -> Result<(RuleSet, Charter)> {
        let adoptions = self.adoptions();
        let set = adoptions.active.as_ref().and_then(|active| active.set.clone());
        set.ok_or_else(|| {
            Error::conflict("This city has no charter, so nobody can sign for other rules.")
        })
    }

    /// Proposes a set. It is proven first; then it is on the log, whole, for everybody to read.
    pub fn propose(&self, by: &PersonId, new: NewProposal) -> Result<Proposal> {
        let person = self.allowed(by, Action::ProposeRules)?;
        let (now, in_force) = self.set_in_force()?;
        let charter = match &new.charter {
            Some(text) => Charter::parse(text)?,
            None => in_force.clone(),
        };
        let set =
            RuleSet::new(new.rules, new.properties.unwrap_or(now.properties.clone()), &charter)?;
        readable(&set)?;
        let text = set.canonical()?;
        let (base, hash) = (now.hash()?, set.hash()?);
        if base == hash {
            return Err(Error::conflict("This set is in force already."));
        }
        let proven = self.proven(&set, &in_force, new.proofs.as_ref())?;
        let random: [u8; 16] = base::random();
        let id = format!("pro_{}", base::hex(&random));
        let leaf = self
            .leaf_by("policy.proposed", &person)?
            .id(&id)
            .fact("base", base)
            .fact("set", hash)
            .fact("text", text)
            .fact("proven", proven.join(" "));
        let leaf = match &new.proofs {
            Some(proofs) => proofs.on_leaf(leaf),
            None => leaf,
        };
        let entry = self.log.append(&leaf)?;
        self.adoptions().add(entry.index, &leaf);
        self.proposal(&id)
    }

    /// Every proposal, the newest first. They are public; whoever sees the log sees them.
    pub fn proposals(&self) -> Result<Vec<Proposal>> {
        let adoptions = self.adoptions();
        Ok(adoptions.order.iter().rev().filter_map(|id| adoptions.proposal(id)).collect())
    }

    /// The set that a proposal replaces, where it is on the log whole.
    pub fn replaced_by(&self, proposal: &Proposal) -> Option<RuleSet> {
        let adoptions = self.adoptions();
        RuleSet::parse(adoptions.texts.get(&proposal.base)?).ok()
    }

    /// When an office signed a proposal.
    pub fn signed_when(&self, proposal: &str, office: &str) -> Option<Time> {
        let index = self.log.find("policy.signed", &format!("{proposal}/{office}"))?;
        self.entry_at(index).ok().map(|leaf| leaf.time)
    }

    /// One of them.
    pub fn proposal(&self, id: &str) -> Result<Proposal> {
        self.adoptions().proposal(id).ok_or_else(unknown)
    }

    /// The bytes that an office signs for a proposal.
    pub fn to_sign(&self, id: &str) -> Result<Vec<u8>> {
        let proposal = self.proposal(id)?;
        Ok(adoption_message(&self.origin(), proposal.since, &proposal.base, &proposal.set))
    }

    pub(crate) fn origin(&self) -> String {
        self.vkey().split('+').next().unwrap_or_default().to_owned()
    }

    /// Signs a proposal for an office. The last signature that it takes makes the set active.
    pub fn sign_proposal(&self, by: &PersonId, id: &str, new: NewSignature) -> Result<Proposal> {
        let person = self.allowed(by, Action::SignRules)?;
        let proposal = self.proposal(id)?;
        if proposal.state != "open" {
            return Err(Error::conflict("This proposal is not open any more; propose it anew."));
        }
        if self.adoptions().open.get(id).is_some_and(|found| found.older) {
            return Err(Error::conflict(
                "Offices signed this proposal before an update, in a form that counts no more; propose it \
                 anew.",
            ));
        }
        let (_, charter) = self.set_in_force()?;
        let key: SignerKey = new.key.parse()?;
        let office = charter.office_of(&key).map(str::to_owned).ok_or_else(|| {
            Error::forbidden("This key signs for no office of the charter; see charter.toml.")
        })?;
        let signature: Signature = new.signature.parse()?;
        key.verify(&self.to_sign(id)?, &signature)?;
        let leaf = self
            .leaf_by("policy.signed", &person)?
            .id(format!("{id}/{office}"))
            .fact("proposal", id)
            .fact("office", office)
            .fact("since", proposal.since)
            .fact("key", key.to_string())
            .fact("signature", signature.to_string());
        if !self.log.has("policy.signed", leaf.id.as_deref().unwrap_or_default()) {
            let entry = self.log.append_once(&leaf)?;
            self.adoptions().add(entry.index, &leaf);
        }
        let signed = self.proposal(id)?;
        if signed.signed.len() >= charter.needed as usize {
            self.activate(id)?;
        }
        self.proposal(id)
    }

    /// Tells custody by which entry the set in force is in force, so that it follows none that is older: after its
    /// first start, and where a person had it take over a set, it does not know. What no witness has signed yet it
    /// is told at another start.
    pub(crate) fn tell_custody(&self) -> Result<()> {
        let (Ok((set, _)), Ok((index, _))) = (self.set_in_force(), self.activated()) else {
            return Ok(());
        };
        if self.unfinished().is_some() {
            return Ok(());
        }
        if self.witnessing.as_ref().is_some_and(|w| !w.covers(index.saturating_add(1))) {
            return Ok(());
        }
        let entry = self.witnessed(self.log.entry(index)?)?;
        let set = set.canonical()?;
        let adoption = Adoption { since: index, base: String::new(), set, signatures: Vec::new() };
        self.custody.adopt(&adoption, &entry)
    }

    /// Makes a set active that enough offices have signed, after it has been proven once more.
    pub fn activate(&self, id: &str) -> Result<()> {
        let _one = self.activating.lock().unwrap_or_else(PoisonError::into_inner);
        self.witnesses_follow()?;
        // One at a time: custody follows from set to set.
        if self.unfinished().is_some() {
            self.finish()?;
        }
        if self.unfinished().is_some() {
            return Err(Error::unavailable(
                "The set before this one is not in force everywhere yet; make this one active when it is.",
            ));
        }
        let (now, charter) = self.set_in_force()?;
        let (adoption, proposal, brought) = {
            let adoptions = self.adoptions();
            let found = adoptions.open.get(id).ok_or_else(unknown)?;
            let adoption = Adoption {
                since: found.proposal.since,
                base: found.proposal.base.clone(),
                set: found.proposal.text.clone(),
                signatures: found.signatures.clone(),
            };
            (adoption, found.proposal.clone(), found.proofs.clone())
        };
        if proposal.state != "open" || adoption.base != now.hash()? {
            return Err(Error::conflict("The rules have changed since; propose this set anew."));
        }
        let (set, offices) = adoption.verify(&self.origin(), &charter)?;
        let rules = Arc::new(Rules::parse(&set.rules)?);
        let proven = self.proven(&set, &charter, brought.as_ref())?;
        self.others_follow()?;
        let json = serde_json::to_vec(&adoption)
            .map_err(|e| Error::internal("The adoption cannot be written.").because(e))?;
        write_atomic(&under_way(&self.dir), &json)?;
        let leaf = self
            .leaf("policy.activated")
            .id(id)
            .fact("proposal", id)
            .fact("hash", rules.hash())
            .fact("set", proposal.set)
            .fact("base", adoption.base.clone())
            .fact("offices", offices.join(", "))
            .fact("proven", proven.len() as u64);
        let entry = self.log.append_once(&leaf)?;
        self.adoptions().add(entry.index, &leaf);
        *self.unfinished() = Some(adoption);
        self.witnessed(entry).and_then(|entry| self.carry_through(&entry)).map_err(|e| {
            Error::unavailable(
                "The new rules are on the log and come into force by themselves, once witnesses and custody have \
                 followed; until then no question is answered.",
            )
            .because(e.inside())
        })
    }

    /// Behind the entry of an activation there is no way back: where a quorum must sign before custody believes it, it must
    /// be there now, and custody go by the set in force.
    fn others_follow(&self) -> Result<()> {
        let last = self.log.size().saturating_sub(1);
        self.witnessed(self.log.entry(last)?).map_err(|e| {
            Error::unavailable(
                "The witnesses have not signed what is on the log; make the set active when they have.",
            )
            .because(e.inside())
        })?;
        self.tell_custody().map_err(|e| match e.kind() {
            Kind::Conflict | Kind::Forbidden => crate::keeper::astray(&e),
            _ => e,
        })
    }

    fn unfinished(&self) -> MutexGuard<'_, Option<Adoption>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a set whose activation is on the log into force: in custody, in the folder and here. Whoever calls holds
    /// `activating`.
    fn carry_through(&self, entry: &Entry) -> Result<()> {
        let Some(adoption) = self.unfinished().clone() else { return Ok(()) };
        let set = RuleSet::parse(&adoption.set)?;
        let rules = Arc::new(Rules::adopted(&set.rules)?);
        self.custody.adopt(&adoption, entry)?;
        write_set(&self.dir, &set)?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules;
        done(&self.dir);
        *self.unfinished() = None;
        self.emit(Event {
            id: self.entry_at(entry.index)?.id,
            log_entry: Some(entry.index),
            ..self.event("policy.activated")
        });
        Ok(())
    }

    /// Tries again what stood in the way of a set whose activation is on the log.
    pub(crate) fn finish_activation(&self) -> Result<()> {
        if self.unfinished().is_none() {
            return Ok(());
        }
        let _one = self.activating.lock().unwrap_or_else(PoisonError::into_inner);
        self.finish()
    }

    fn finish(&self) -> Result<()> {
        let (index, _) = self.activated()?;
        let entry = Witnessing::entry(self.witnessing.as_ref(), &self.log, index)?;
        // Without what the witnesses sign, custody believes nothing.
        entry.map_or(Ok(()), |entry| self.carry_through(&entry))
    }

    /// Compares what lies in the folder, what is in force here and what the log says was adopted. A
    /// difference stops questions until somebody puts the adopted files back.
    pub fn check_adopted(&self) -> Result<bool> {
        // While a set becomes active, folder, memory and log are bound to differ for a moment.
        let _one = self.activating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.unfinished().is_some() {
            return Ok(true);
        }
        let rules = self.rules();
        let on_disk = crate::keeper::rules(&Paths::new(&self.dir)).map(|rules| rules.hash());
        let adopted = self.adoptions().active().map(str::to_owned);
        let set = folder_set(&self.dir).ok().flatten().and_then(|set| set.hash().ok());
        let same = on_disk.is_ok_and(|hash| hash == rules.hash())
            && adopted.is_none_or(|adopted| set.as_deref() == Some(adopted.as_str()));
        self.differs.store(!same, std::sync::atomic::Ordering::SeqCst);
        let day = self.now().floor_to(DAY_MS).to_string();
        let known = self.store.meta("adopted/checked")?.as_deref() == Some(day.as_str());
        // With a clock that has leapt no entry is made: the log would be ahead of all that comes.
        if (!known || !same) && !self.forgetting_waits()? {
            let leaf = self
                .leaf("policy.checked")
                .id(format!("{}/{}", &day[..10], if same { "same" } else { "differs" }))
                .fact("hash", rules.hash())
                .fact("same", same);
            self.log.append_once(&leaf)?;
            self.store.set_meta("adopted/checked", &day)?;
        }
        Ok(same)
    }

    /// Whether nothing was found, so far, that differs from what was adopted.
    pub fn adopted(&self) -> bool {
        !self.differs.load(std::sync::atomic::Ordering::SeqCst)
    }

    /// The number on the log of the newest activation, and when it was.
    pub fn activated(&self) -> Result<(u64, Time)> {
        let since = self.adoptions().since;
        since.ok_or_else(|| Error::internal("The log names no rules; restore it."))
    }

    /// Whether the set in force is what a successor log went on with: on this log no office has signed it.
    pub fn unsigned_set(&self) -> Result<bool> {
        let (index, _) = self.activated()?;
        Ok(self.entry_at(index)?.facts.contains_key("unsigned"))
    }

    /// The office that a person signs for with one of their passkeys, if the charter names it.
    pub fn signs_for(&self, person: &Person) -> Option<String> {
        let (_, charter) = self.set_in_force().ok()?;
        let office = person.passkeys.iter().find_map(|passkey| charter.office_of(&passkey.key));
        office.map(str::to_owned)
    }

    /// The offices that sign for other rules.
    pub fn charter_offices(&self) -> Result<Vec<String>> {
        let (_, charter) = self.set_in_force()?;
        Ok(charter.offices.into_iter().map(|office| office.name).collect())
    }

    /// Questions are answered only under the rules that were adopted.
    pub(crate) fn adopted_rules(&self) -> Result<()> {
        if self.unfinished().is_some()
            && let Ok(_one) = self.activating.try_lock()
            && let Err(e) = self.finish()
        {
            tracing::warn!(error = %e.inside(), "a set of rules is not in force yet");
        }
        if self.unfinished().is_some() {
            return Err(Error::unavailable(
                "New rules were adopted and are not in force everywhere yet; ask again in a moment.",
            ));
        }
        match self.differs.load(std::sync::atomic::Ordering::SeqCst) {
            false => Ok(()),
            true => Err(Error::unavailable(
                "The rules in the city's folder are not those that were adopted, so no question is \
                 answered; tell the clerk.",
            )),
        }
    }
}

/// A set that a council can read: every rule says in a sentence what it does.
fn readable(set: &RuleSet) -> Result<()> {
    let rules = Rules::parse(&set.rules)?;
    if let Some(rule) = rules.list().iter().find(|rule| rule.says.is_empty()) {
        return Err(Error::invalid(format!(
            "Rule {} has no sentence; write one in a comment above it.",
            rule.id
        )));
    }
    for name in set.properties.keys() {
        if !crate::is_property_name(name) {
            return Err(Error::invalid(
                "A property's name has small letters, digits and dashes, at most 60.",
            ));
        }
        if crate::proofs::is_taken(name) {
            return Err(Error::invalid(format!(
                "What must hold everywhere, or by some state's law, has a property {name} already; give yours \
                 another name."
            )));
        }
    }
    let size = set.canonical()?.len();
    if size > SET_MAX {
        return Err(Error::too_large(format!(
            "A set has at most {SET_MAX} bytes, this one has {size}; shorten its comments."
        )));
    }
    Ok(())
}
