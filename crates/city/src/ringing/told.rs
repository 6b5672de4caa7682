//! How a person wants to be told: an address that is theirs, and their browsers. Each says it for themselves, at
//! the console; no machine does, and no administrator.

use super::lanes::{self, Way};
use super::words;
use crate::City;
use base::{Error, PersonId, Result, Time, sha256};
use deliver::{Notice, Subscription, is_address};
use identity::machine_of;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;
use store::BrowserRow;

/// How long a link that confirms an address is good.
const CONFIRM_MS: i64 = 24 * 3_600_000;
/// So many such mails, and so many tries of the ways, an hour and person.
const AN_HOUR: usize = 6;
const HOUR_MS: i64 = 3_600_000;
/// Browsers of one person.
const BROWSERS: usize = 10;
/// The longest name of a browser.
const NAME_MAX: usize = 60;
/// Messages that are shown of each way.
const LAST: u32 = 3;

/// What is kept of a person's wishes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Wishes {
    /// The address that they confirmed.
    #[serde(default)]
    address: Option<String>,
    /// Whether they are told there.
    #[serde(default)]
    mail: bool,
    /// The language of messages.
    #[serde(default)]
    pub(super) lang: String,
    /// An address that waits to be confirmed.
    #[serde(default)]
    pending: Option<Pending>,
    /// When mails were sent that nobody but this person asked for.
    #[serde(default)]
    asked: Vec<Time>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    address: String,
    /// SHA-256 of the link's code, in hex.
    hash: String,
    until: Time,
}

impl Wishes {
    pub(super) fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json)
            .map_err(|e| Error::internal("A stored wish is damaged; see the log.").because(e))
    }

    /// Where mail goes, if any does.
    pub(super) fn mailbox(&self) -> Option<&str> {
        self.address.as_deref().filter(|_| self.mail)
    }
}

/// A browser that registers itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Browser {
    /// What its person calls it.
    pub name: String,
    /// What its push service wants.
    pub subscription: Subscription,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    made: Time,
    subscription: Subscription,
}

/// A browser's registration, as stored.
pub(super) fn subscription(row: &BrowserRow) -> Result<Subscription> {
    Ok(kept(row)?.subscription)
}

fn kept(row: &BrowserRow) -> Result<Kept> {
    serde_json::from_str(&row.json)
        .map_err(|e| Error::internal("A stored device is damaged; register it again.").because(e))
}

/// A browser in a list.
#[derive(Clone, Debug)]
pub struct BrowserLine {
    /// Its id.
    pub id: String,
    /// What its person calls it.
    pub name: String,
    /// Since when it is told.
    pub made: Time,
}

/// A message that was to reach somebody.
#[derive(Clone, Debug)]
pub struct LastLine {
    /// The hit, as people call it.
    pub number: u64,
    /// When it was made.
    pub made: Time,
    /// `waiting`, `sent`, `given-up` or `needless`.
    pub state: String,
    /// Why it did not go out.
    pub said: Option<String>,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whether the city sends mail.
    pub mail_there: bool,
    /// The address that is theirs.
    pub address: Option<String>,
    /// Whether they are told there.
    pub mail: bool,
    /// An address that waits to be confirmed.
    pub pending: Option<String>,
    /// The city's key for web push, where it has that way.
    pub push_key: Option<String>,
    /// Their browsers.
    pub browsers: Vec<BrowserLine>,
    /// Whether the rules let them decide hits: only then are they told when one is raised.
    pub decides: bool,
    /// The last messages to them, the newest first.
    pub last: Vec<LastLine>,
}

/// How a try of one way went.
#[derive(Clone, Debug)]
pub struct TestLine {
    /// The address, or what the browser is called.
    pub to: String,
    /// How.
    pub outcome: TestOutcome,
}

/// Whether a message went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestOutcome {
    /// It was taken by the next machine on its way.
    Sent,
    /// Why not.
    Failed(String),
}

fn gone() -> Error {
    Error::unavailable("The city has no such way to tell people; ask those who run it.")
}

impl City {
    pub(super) fn wishes(&self, person: &PersonId) -> Result<Wishes> {
        self.store.told(person)?.as_deref().map_or_else(|| Ok(Wishes::default()), Wishes::read)
    }

    /// Changes wishes as they are now. Nothing is sent meanwhile: others wait for it.
    fn change_wishes<T>(
        &self,
        person: &PersonId,
        change: impl FnOnce(&mut Wishes) -> Result<T>,
    ) -> Result<T> {
        let _alone = self.ringing.wishing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wishes = self.wishes(person)?;
        let out = change(&mut wishes)?;
        let json = serde_json::to_string(&wishes)
            .map_err(|e| Error::internal("The wish cannot be stored.").because(e))?;
        self.store.put_told(person, &json)?;
        Ok(out)
    }

    /// A person, who speaks for themselves.
    fn themselves(&self, by: &PersonId) -> Result<()> {
        if machine_of(by).is_some() {
            return Err(Error::forbidden(
                "A machine is told of hits by a webhook; its token says nothing for people.",
            ));
        }
        self.person(by).map(|_| ())
    }

    /// How somebody is told.
    pub fn told(&self, by: &PersonId) -> Result<Told> {
        self.themselves(by)?;
        let wishes = self.wishes(by)?;
        let now = self.now();
        let lanes = self.lanes();
        let push_key = if lanes.iter().any(|lane| lane == lanes::PUSH) {
            // A key that is damaged takes the devices away, and not the address.
            match self.way(lanes::PUSH).as_deref() {
                Ok(Way::Push(push)) => Some(push.public_key()),
                Ok(_) => None,
                Err(e) => {
                    tracing::error!(error = %e.inside(), "web push");
                    None
                }
            }
        } else {
            None
        };
        let rows = self.store.browsers_of(by)?;
        let browser = |row: &BrowserRow| {
            let kept = kept(row)?;
            Ok(BrowserLine { id: row.id.clone(), name: kept.name, made: kept.made })
        };
        let pending = wishes.pending.filter(|pending| now < pending.until);
        Ok(Told {
            mail_there: lanes.iter().any(|lane| lane == lanes::MAIL),
            mail: wishes.mail && wishes.address.is_some(),
            address: wishes.address,
            pending: pending.map(|pending| pending.address),
            push_key,
            browsers: rows.iter().map(browser).collect::<Result<_>>()?,
            decides: self.actions(by)?.contains(&policy::Action::DecideHit.name()),
            last: self.last_to(by, &rows)?,
        })
    }

    fn last_to(&self, by: &PersonId, browsers: &[BrowserRow]) -> Result<Vec<LastLine>> {
        let mut rows = self.store.messages_to(lanes::MAIL, by.as_str(), LAST)?;
        for browser in browsers {
            rows.extend(self.store.messages_to(lanes::PUSH, &browser.id, LAST)?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.message.made));
        rows.truncate(LAST as usize);
        let line = |row: store::SentRow| LastLine {
            number: row.message.number,
            made: row.message.made,
            state: row.state,
            said: row.said,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// One more mail or try that only this person asked for; beyond so many an hour it is refused.
    fn ask_once(&self, wishes: &mut Wishes) -> Result<()> {
        let now = self.now();
        wishes.asked.retain(|at| now.since(*at).abs() < HOUR_MS);
        if wishes.asked.len() >= AN_HOUR {
            return Err(Error::busy("That was often enough for an hour; try again later."));
        }
        wishes.asked.push(now);
        Ok(())
    }

    /// Somebody says that an address is theirs: it gets a mail with a link, and nothing else until they have
    /// opened that. The address that holds stays until then.
    pub fn set_address(&self, by: &PersonId, address: &str, lang: &str) -> Result<()> {
        self.themselves(by)?;
        let address = address.trim();
        if !is_address(address) {
            return Err(Error::invalid(
                "Write one e-mail address, for instance dora@city.example.",
            ));
        }
        if self.config.deliver.smtp_host.is_none() {
            return Err(gone());
        }
        let code = base::hex(&base::random::<16>());
        let until = self.now().plus_millis(CONFIRM_MS);
        let hash = base::hex(&sha256(code.as_bytes()));
        self.change_wishes(by, |wishes| {
            self.ask_once(wishes)?;
            wishes.pending = Some(Pending { address: address.to_owned(), hash, until });
            wishes.lang = lang.to_owned();
            Ok(())
        })?;
        let (heading, text) = words::of_address(&self.config.city.name, lang);
        let link = self.link(&format!("/console/notify/confirm/{code}"));
        self.mail_now(address, heading, text, link)
    }

    fn mail_now(&self, to: &str, heading: String, text: String, link: String) -> Result<()> {
        let id = format!("msg_{}", base::hex(&base::random::<16>()));
        let notice = Notice { topic: id.clone(), id, heading, text, link };
        match &*self.way(lanes::MAIL)? {
            Way::Mail(mail) => mail.send(to, &notice).map_err(|failure| failure.error),
            _ => Err(gone()),
        }
    }

    /// Somebody has opened the link that was sent to their address.
    pub fn confirm_address(&self, by: &PersonId, code: &str) -> Result<()> {
        self.themselves(by)?;
        let hash = base::hex(&sha256(code.trim().as_bytes()));
        let now = self.now();
        self.change_wishes(by, |wishes| {
            let fits = |pending: &Pending| pending.hash == hash && now < pending.until;
            let Some(pending) = wishes.pending.take().filter(fits) else {
                return Err(Error::invalid(
                    "The link is old, used, or another person's; write the address again for a new one.",
                ));
            };
            (wishes.address, wishes.mail) = (Some(pending.address), true);
            Ok(())
        })
    }

    /// Turns mail to somebody's address on or off, or forgets the address.
    pub fn set_mail(&self, by: &PersonId, on: bool, forget: bool) -> Result<()> {
        self.themselves(by)?;
        self.change_wishes(by, |wishes| {
            if forget {
                (wishes.address, wishes.pending) = (None, None);
            }
            if on && wishes.address.is_none() {
                return Err(Error::conflict(
                    "Write your address first, and open the link that comes.",
                ));
            }
            wishes.mail = on && !forget;
            Ok(())
        })
    }

    /// Registers a browser of somebody; one that was registered before becomes theirs.
    pub fn add_browser(&self, by: &PersonId, browser: Browser, lang: &str) -> Result<()> {
        self.themselves(by)?;
        let name: String = browser.name.trim().chars().filter(|c| !c.is_control()).collect();
        if !(1..=NAME_MAX).contains(&name.chars().count()) {
            return Err(Error::invalid("Give the device a name of 1 to 60 characters."));
        }
        if self.config.deliver.push_contact.is_none() {
            return Err(gone());
        }
        match &*self.way(lanes::PUSH)? {
            Way::Push(push) => push.check(&browser.subscription)?,
            _ => return Err(gone()),
        }
        let endpoint = browser.subscription.endpoint.clone();
        let others = self.store.browsers_of(by)?;
        if others.iter().filter(|row| row.endpoint != endpoint).count() >= BROWSERS {
            return Err(Error::conflict("You have 10 devices already; remove one first."));
        }
        let kept = Kept { name, made: self.now(), subscription: browser.subscription };
        let json = serde_json::to_string(&kept)
            .map_err(|e| Error::internal("The device cannot be stored.").because(e))?;
        let id = format!("brw_{}", base::hex(&base::random::<12>()));
        self.store.put_browser(&BrowserRow { id, person: by.clone(), endpoint, json })?;
        self.change_wishes(by, |wishes| {
            wishes.lang = lang.to_owned();
            Ok(())
        })
    }

    /// Takes a browser of somebody out.
    pub fn remove_browser(&self, by: &PersonId, id: &str) -> Result<()> {
        self.themselves(by)?;
        let row = self.store.browser(id)?.filter(|row| row.person == *by);
        if row.is_none() {
            return Err(Error::not_found("You have no such device here."));
        }
        self.store.drop_browser(id).map(|_| ())
    }

    /// Tries every way to somebody, at once, and says how each went.
    pub fn test_ways(&self, by: &PersonId) -> Result<Vec<TestLine>> {
        self.themselves(by)?;
        let wishes = self.change_wishes(by, |wishes| {
            self.ask_once(wishes)?;
            Ok(wishes.clone())
        })?;
        let (heading, text) = words::of_test(&self.config.city.name, &wishes.lang);
        let link = self.link("/console/notify");
        let said = |sent: std::result::Result<(), Error>| match sent {
            Ok(()) => TestOutcome::Sent,
            Err(e) => TestOutcome::Failed(e.message().to_owned()),
        };
        let mut out = Vec::new();
        if let Some(address) = wishes.mailbox() {
            let sent = self.mail_now(address, heading.clone(), text.clone(), link.clone());
            out.push(TestLine { to: address.to_owned(), outcome: said(sent) });
        }
        for row in self.store.browsers_of(by)? {
            let kept = kept(&row)?;
            let id = format!("msg_{}", base::hex(&base::random::<16>()));
            let notice = Notice {
                id,
                heading: heading.clone(),
                text: text.clone(),
                link: link.clone(),
                topic: "test".into(),
            };
            let sent = match &*self.way(lanes::PUSH)? {
                Way::Push(push) => push.send(&kept.subscription, &notice, self.now()),
                _ => continue,
            };
            if sent.as_ref().is_err_and(|failure| failure.next == deliver::Next::Gone) {
                self.store.drop_browser(&row.id)?;
            }
            out.push(TestLine { to: kept.name, outcome: said(sent.map_err(|f| f.error)) });
        }
        Ok(out)
    }
}
