//! The mail of the watch: where it goes, and what has not gone out. It is known in memory, so that people are told of a
//! store that does not answer, and tried again like every message: each time after twice as long.

use crate::City;
use crate::ringing::again_at;
use base::{Result, Time, sha256};
use deliver::{Next, Notice};
use std::collections::{BTreeMap, BTreeSet};

/// Failures are remembered for so long after they would have been tried again.
const KEPT_MS: i64 = 86_400_000;
/// Nothing waits longer than this; a clock that was set back makes nobody wait.
const LONGEST_MS: i64 = 2 * 3_600_000;

/// A message that has not gone out.
struct Waiting {
    /// Since when.
    since: Time,
    /// How often it was tried.
    tries: u32,
    /// When it is tried again.
    next: Time,
    /// When it was to go out last: what was not at this look is left no more.
    asked: Time,
}

/// Who is told, and what did not go out to them.
#[derive(Default)]
pub(super) struct Post {
    /// Address and language of everybody who is told, as far as the store said last.
    mailboxes: BTreeMap<String, (String, String)>,
    /// By the ids of messages.
    waiting: BTreeMap<String, Waiting>,
    /// When one went out last.
    went: Option<Time>,
    /// The week that was told last, and who was told of it, also where the store could not take that.
    pub(super) week: (i64, BTreeSet<String>),
}

impl Post {
    /// Who is told.
    pub(super) fn people(&self) -> Vec<String> {
        self.mailboxes.keys().cloned().collect()
    }

    /// Since when mail does not go out: none has since then, and some should at the look of `now`.
    pub(super) fn silent(&self, now: Time) -> Option<Time> {
        let later = |since: &Time| self.went.is_none_or(|went| *since > went);
        let asked = self.waiting.values().filter(|one| one.asked == now);
        asked.map(|one| one.since).filter(later).min()
    }

    /// Whether a message that is to go out waits for another try.
    fn waits(&mut self, id: &str, now: Time) -> bool {
        let Some(one) = self.waiting.get_mut(id) else { return false };
        one.asked = now;
        (1..=LONGEST_MS).contains(&one.next.since(now))
    }

    /// Notes that a message has not gone out. Gives whether it never will.
    fn failed(&mut self, id: String, next: Next, now: Time) -> bool {
        let before = self.waiting.get(&id);
        let since = before.map_or(now, |one| one.since);
        let tries = before.map_or(0, |one| one.tries).saturating_add(1);
        let Next::Again(wait) = next else {
            self.waiting.remove(&id);
            return true;
        };
        let next = again_at(now, tries, wait);
        self.waiting.insert(id, Waiting { since, tries, next, asked: now });
        false
    }
}

impl City {
    /// Looks who is told and where.
    ///
    /// # Errors
    /// The store does not say; then it is who it was.
    pub(super) fn look_who_is_told(&self, post: &mut Post, now: Time) -> Result<()> {
        post.waiting.retain(|_, one| now.since(one.next).abs() < KEPT_MS);
        let mut mailboxes = BTreeMap::new();
        for one in self.upkeep_lines()? {
            if let Some(mailbox) = self.mailbox(&one)? {
                mailboxes.insert(one, mailbox);
            }
        }
        post.mailboxes = mailboxes;
        Ok(())
    }

    /// Sends a message, unless it has failed a short while ago. `name` is what it is about, the same however often it is
    /// sent; `recipient` a person or an address; `said` gives heading and text in a language. Gives whether nothing is left
    /// to be done: it went out, its mailbox takes none, or there is no mailbox any more.
    pub(super) fn mail_of_upkeep(
        &self,
        post: &mut Post,
        (name, recipient): (&str, &str),
        said: impl Fn(&str) -> (String, String),
        now: Time,
    ) -> bool {
        let id = format!("{name}\n{recipient}");
        let id = format!("msg_{}", base::hex(&sha256(id.as_bytes())[..16]));
        if post.waits(&id, now) {
            return false;
        }
        let known = post.mailboxes.get(recipient).cloned();
        let (address, lang) = match known.map_or_else(|| self.mailbox(recipient), |to| Ok(Some(to)))
        {
            Ok(Some(mailbox)) => mailbox,
            Ok(None) => {
                post.waiting.remove(&id);
                return true;
            }
            Err(e) => {
                tracing::warn!(error = %e.inside(), "it is not known where somebody is told of {name}");
                return false;
            }
        };
        let (heading, text) = said(&lang);
        let link = self.link("/console/cameras");
        let notice = Notice { id: id.clone(), heading, text, link, topic: name.to_owned() };
        let Err(failure) = self.mail(&address, &notice) else {
            post.waiting.remove(&id);
            post.went = Some(now);
            return true;
        };
        let never = post.failed(id, failure.next, now);
        let error = failure.error.inside();
        match never {
            true => tracing::error!(%error, "somebody cannot be told of {name}; it is given up"),
            false => tracing::warn!(%error, "somebody is not told yet of {name}"),
        }
        never
    }
}
