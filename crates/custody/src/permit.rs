//! Permits: the only way from a sealed read to a readable one.
//!
//! Holds: no permit without an entry of the public log that commits to this very question, and our
//! own decision by our own copy of the rules. A permit cannot be stored, copied or shown: it is
//! neither `Clone` nor `Debug` nor `Serialize`, and only custody makes one.

use crate::Custody;
use crate::seal::{self, BodyKeys};
use crate::sealed::{Found, SealedHit, SealedRead, SealedSegment, Token};
use crate::wire::{Given, Handle, Key, Lent, Plain};
use base::{CameraId, Day, Epoch, Error, ReadId, Result, Time};
use ledger::{Entry, HIDDEN, Leaf, commitment};
use plate::{Pattern, variants};
use policy::{Decision, Facts, Intent, Scope, Vouch};
use read::Read;
use std::collections::{BTreeMap, BTreeSet};

/// So many texts that a plate is easily read as are looked for with it.
pub(crate) const VARIANTS: usize = 40;
const HOUR_MS: i64 = 3_600_000;

/// Leave to look for some plates at some cameras in some time, for one question on the log.
pub struct Permit {
    entry: u64,
    cameras: Vec<CameraId>,
    from: Time,
    until: Time,
    tokens: BTreeMap<Day, Vec<Token>>,
    patterns: Vec<Pattern>,
    matched: BTreeSet<ReadId>,
    /// Whether segments have to be scanned.
    scans: bool,
    /// Where the permit itself is, if this is the city's copy of it.
    remote: Option<Lent>,
}

impl Permit {
    /// The most reads that a scan adds to a permit.
    pub const MATCHES: usize = 1000;

    /// What is looked for by scanning.
    pub(crate) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }
    /// Adds a read that fits a pattern; `false` if it is known or there are too many.
    pub(crate) fn take(&mut self, id: ReadId) -> bool {
        self.matched.len() < Self::MATCHES && self.matched.insert(id)
    }
    /// Whether the question has unknown characters, so that segments have to be scanned.
    pub fn scans(&self) -> bool {
        self.scans
    }
    /// Whether a scan has found as many reads as a permit takes.
    pub fn full(&self) -> bool {
        self.matched.len() >= Self::MATCHES
    }
    /// The reads that a scan found, oldest first.
    pub fn matched(&self) -> impl Iterator<Item = &ReadId> {
        self.matched.iter()
    }
    /// The cameras, sorted.
    pub fn cameras(&self) -> &[CameraId] {
        &self.cameras
    }
    /// First moment that may be looked at.
    pub fn from(&self) -> Time {
        self.from
    }
    /// First moment that may not.
    pub fn until(&self) -> Time {
        self.until
    }
    /// The days that may hold something.
    pub fn days(&self) -> Vec<Day> {
        self.tokens.keys().copied().collect()
    }
    /// What to look for in a day's index; nothing for a day outside the permit.
    pub fn tokens(&self, day: Day) -> &[Token] {
        self.tokens.get(&day).map_or(&[], Vec::as_slice)
    }
    /// The number of the question on the public log.
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// What the city's side of a socket is told of it; its handle is not known yet.
    pub(crate) fn told(&self) -> Given {
        Given {
            handle: Handle([0; 16]),
            entry: self.entry,
            cameras: self.cameras.clone(),
            from: self.from,
            until: self.until,
            tokens: self.tokens.clone(),
            scans: self.scans,
        }
    }

    /// The city's copy of a permit that a custody behind a socket keeps. It opens nothing by itself.
    pub(crate) fn lent(given: Given, lent: Lent) -> Self {
        Self {
            entry: given.entry,
            cameras: given.cameras,
            from: given.from,
            until: given.until,
            tokens: given.tokens,
            patterns: Vec::new(),
            matched: BTreeSet::new(),
            scans: given.scans,
            remote: Some(lent),
        }
    }

    pub(crate) fn remote(&self) -> Option<&Lent> {
        self.remote.as_ref()
    }

    /// Whether a read, as the store describes it, is one of those that were asked for.
    fn covers(&self, read: &SealedRead, segment: &SealedSegment) -> bool {
        let asked = self.tokens(read.id.day());
        read.told_straight(segment)
            && self.cameras.binary_search(&read.camera).is_ok()
            && self.from <= read.captured
            && read.captured < self.until
            && (read.tokens.iter().any(|token| asked.contains(token))
                || self.matched.contains(&read.id))
    }
}

/// The keys of one read. They open that read, once, and nothing else.
pub struct ReadKey {
    read: ReadId,
    keys: BodyKeys,
    epoch: Epoch,
}

impl ReadKey {
    pub(crate) fn new(read: ReadId, keys: BodyKeys, epoch: Epoch) -> Self {
        Self { read, keys, epoch }
    }

    pub(crate) fn told(&self) -> Key {
        Key { read: self.read, keys: Plain(self.keys.bytes().expose().clone()), epoch: self.epoch }
    }

    /// Opens the read: what was sealed, and its picture where one was kept.
    pub fn open(self, found: &Found) -> Result<(Read, Option<Vec<u8>>)> {
        let (read, picture) = self.keys.open_read(&found.read, self.epoch)?;
        if found.read.id != self.read || read.id != self.read || read.camera != found.read.camera {
            return Err(Error::forbidden("This key opens another read."));
        }
        Ok((read, picture))
    }
}

fn not_on_the_log() -> Error {
    Error::forbidden("The log entry is not of this question; put the question on the log first.")
}

/// All that the log says of a question: of a sealed one it says most of it later, and commits to that now.
fn in_full(mut leaf: Leaf, then: Option<&Leaf>, intent: &Intent) -> Result<Leaf> {
    let Some(until) = intent.sealed_until() else { return Ok(leaf) };
    let committed = leaf.text(HIDDEN).zip(then).and_then(|(hidden, then)| then.reveals(hidden));
    let promised = leaf.text("reveal_after") == Some(until.to_string().as_str());
    let later = committed.filter(|_| promised).ok_or_else(not_on_the_log)?;
    if leaf.on_behalf_of.is_none() {
        let whom = later.get("on_behalf_of").and_then(|whom| whom.as_str());
        leaf.on_behalf_of = whom.map(str::to_owned);
    }
    for (key, value) in later {
        leaf.facts.entry(key.as_str()).or_insert_with(|| value.clone());
    }
    Ok(leaf)
}

/// The public half must say what was asked, or the log would show a harmless question for another.
fn same_question(leaf: &Leaf, intent: &Intent, facts: &Facts, salt: &[u8; 32]) -> Result<()> {
    let vouched = |fact: Vouch| Some(fact.slug()).filter(|_| fact != Vouch::None);
    let committed = commitment(salt, intent.canonical().expose());
    let same = leaf.kind == "search.intent"
        && leaf.id.as_deref() == Some(intent.id.as_str())
        && leaf.body.as_deref() == Some(committed.as_str())
        && leaf.on_behalf_of.as_deref() == intent.agency()
        && leaf.text("authority") == Some(intent.authority.as_str())
        && leaf.text("purpose") == Some(intent.purpose.as_str())
        && leaf.text("manner").unwrap_or("exact") == intent.manner()
        && leaf.text("case").filter(|c| *c != "none") == vouched(facts.case)
        && leaf.text("paper").filter(|p| *p != "none") == vouched(facts.paper)
        && leaf.text("paper_id") == intent.paper.as_deref()
        && leaf.facts.contains_key("emergency") == intent.emergency;
    if same { Ok(()) } else { Err(not_on_the_log()) }
}

/// What our own rules decided of a question.
struct Decided {
    /// Their hash.
    policy: String,
    /// The one that allows it.
    rule: String,
    /// `allowed` or `narrowed`.
    word: &'static str,
    /// As far as they allow it.
    scope: Scope,
}

/// A moment as the public half of an entry shows it: by the hour.
pub(crate) fn hour(t: Time) -> String {
    t.floor_to(HOUR_MS).to_string()
}

/// How much was asked the log must say too, as our own rules have cut it down: figures, dry runs and councils go by
/// that. Times are there by the hour.
fn same_reach(leaf: &Leaf, intent: &Intent, decided: &Decided) -> Result<()> {
    let plates = intent.plates.len() + intent.patterns.len();
    let Decided { rule, word, scope, .. } = decided;
    let same = leaf.text("rule") == Some(rule.as_str())
        && leaf.text("decision") == Some(*word)
        && leaf.text("roles") == Some(intent.roles.join(" ").as_str())
        && leaf.number("plates") == Some(plates as u64)
        && leaf.number("cameras") == Some(scope.cameras.len() as u64)
        && leaf.text("from") == Some(hour(scope.from).as_str())
        && leaf.text("until") == Some(hour(scope.until).as_str())
        && leaf.facts.contains_key("reason") == intent.has_reason();
    if same { Ok(()) } else { Err(not_on_the_log()) }
}

impl Custody {
    /// Gives a permit for a question that is on the log, as far as our own rules allow it. Of a sealed
    /// question `then` is what the log will say of it.
    pub fn permit(
        &self,
        intent: &Intent,
        facts: &Facts,
        salt: &[u8; 32],
        entry: &Entry,
        then: Option<&Leaf>,
    ) -> Result<Permit> {
        let leaf = in_full(self.believes_question(entry, intent)?, then, intent)?;
        same_question(&leaf, intent, facts, salt)?;
        let decided = self.decided(intent, facts)?;
        if leaf.text("policy") != Some(decided.policy.as_str()) {
            return Err(Error::unavailable(
                "The rules have changed since this was asked; ask again.",
            ));
        }
        same_reach(&leaf, intent, &decided)?;
        let scope = decided.scope;
        // What is forgotten is not looked for; a question about nothing else has no answer.
        let from = scope.from.max(self.remembers_from());
        if from >= scope.until {
            return Err(Error::gone("All of the time you ask about has been forgotten."));
        }
        let mut plates = intent.plates.clone();
        if intent.look_alikes {
            plates = plates.iter().flat_map(|plate| variants(plate, VARIANTS)).collect();
        }
        let tokens = self
            .day_keys(from, scope.until)
            .into_iter()
            .map(|(day, key)| (day, plates.iter().map(|plate| seal::token(&key, plate)).collect()));
        let mut cameras = scope.cameras;
        cameras.sort_unstable();
        cameras.dedup();
        Ok(Permit {
            entry: entry.index,
            cameras,
            from,
            until: scope.until,
            tokens: tokens.collect(),
            patterns: intent.patterns.clone(),
            matched: BTreeSet::new(),
            scans: !intent.patterns.is_empty(),
            remote: None,
        })
    }

    /// The leaf of a question. Where a life is in danger it waits for no witness: the log's own signature is enough,
    /// and that it was asked that way must stand on the log, where witnesses sign for it later.
    fn believes_question(&self, entry: &Entry, intent: &Intent) -> Result<Leaf> {
        match self.believes(entry) {
            Err(_) if intent.emergency => entry.check(&self.options.log_vkey),
            believed => believed,
        }
    }

    fn decided(&self, intent: &Intent, facts: &Facts) -> Result<Decided> {
        let rules = self.rules();
        let (rule, word, scope) = match rules.decide(intent, facts) {
            Decision::Allow { rule } => {
                let (from, until) = (intent.from, intent.until);
                (rule, "allowed", Scope { cameras: intent.cameras.clone(), from, until })
            }
            Decision::Narrow { rule, scope } => (rule, "narrowed", scope),
            Decision::Refuse { rule, because } => {
                return Err(Error::refused(because).because(format!("rule {rule}")));
            }
        };
        Ok(Decided { policy: rules.hash(), rule, word, scope })
    }

    /// The keys of the reads that a permit covers, in the order of `found`. One read outside it
    /// refuses them all: the store should not have found it.
    pub fn keys(&self, permit: &Permit, found: &[Found]) -> Result<Vec<ReadKey>> {
        if !found.iter().all(|f| permit.covers(&f.read, &f.segment)) {
            return Err(Error::forbidden("A read lies outside the permit; no key was given."));
        }
        let key = |Found { read, segment }: &Found| {
            let segment_key = self.segment_key(segment)?;
            let keys =
                BodyKeys::of_read(&segment_key, &read.id, &segment.id, read.counter, &read.tokens)?;
            Ok(ReadKey { read: read.id, keys, epoch: segment.epoch })
        };
        found.iter().map(key).collect()
    }

    /// Opens a hit's copy of its read, for an opening that is on the log.
    pub fn open_hit(&self, hit: &SealedHit, entry: &Entry) -> Result<(Read, Option<Vec<u8>>)> {
        let leaf = self.believes(entry)?;
        if leaf.kind != "hit.opened" || leaf.id.as_deref() != Some(hit.id.to_string().as_str()) {
            return Err(Error::forbidden(
                "The log entry is not of this hit; put its opening on the log first.",
            ));
        }
        let (read, picture) = seal::open_hit(&self.hit_key(hit)?, hit)?;
        if read.captured != hit.id.time() {
            return Err(Error::invalid("The read kept with a hit is not the hit's."));
        }
        Ok((read, picture))
    }
}
