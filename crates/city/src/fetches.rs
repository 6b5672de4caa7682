//! Hot lists that the city fetches itself, by HTTPS or SFTP, as often as its configuration says.
//!
//! What comes is read as if somebody had brought it ([`City::import`]): taken whole or not at all, and where a person
//! should look first it waits for one, as do the first file of a list and what comes after an import was taken back.
//! What does not come is told (`list show`, the console, the server's log), and the list goes stale by its own rule. A
//! file that the other side calls unchanged is not read again, until the list would grow too old for it: then it is, so
//! that its age is renewed by an import like any other.
//!
//! By what a file is known again stands in memory and nowhere else. Hashes of a short list can be tried against guesses,
//! and what the other side calls a file often is one. After a start each list is taken once more, as if it were new.

use crate::{City, Event};
use base::{Error, ListId, Result, Time, sha256};
use deliver::{
    FETCH_PATIENCE, Got, Known, Reach, SftpLogin, SftpPlace, fetch, fetch_sftp, is_fingerprint,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::FetchRow;
use utoipa::ToSchema;

/// The largest file; as large as one that is brought over HTTP.
const MOST: usize = 64 << 20;
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// What failed is tried again after so many minutes, or as often as usual where that is oftener.
const AGAIN: u32 = 15;

/// `[[hotlist_fetch]]`: a list, and where it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HotlistFetch {
    /// The list.
    pub list: ListId,
    /// `https://…`, or `sftp://NAME@HOST/PATH`.
    pub url: String,
    /// How often.
    #[serde(default = "hourly")]
    pub every_minutes: u32,
    /// A file with name and password, a line each, or with a token alone; or `credential:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// For SFTP: the city's private key in OpenSSH's form, a file or `credential:NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// For SFTP: the fingerprint of the other side's host key, as `ssh-keygen -l` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_key: Option<String>,
    /// This machine and private networks may be called too.
    #[serde(default)]
    pub allow_local: bool,
    /// A file that says what the columns are for ([`hotlist::import::Mapping`] as JSON), where their headings do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapping: Option<String>,
}

fn hourly() -> u32 {
    60
}

impl HotlistFetch {
    fn reach(&self) -> Reach {
        if self.allow_local { Reach::LOCAL } else { Reach::PUBLIC }
    }

    fn is_sftp(&self) -> bool {
        self.url.starts_with("sftp://")
    }

    pub(crate) fn wrong(&self) -> Option<&'static str> {
        if !(5..=10_080).contains(&self.every_minutes) {
            return Some("hotlist_fetch.every_minutes is 5 to 10080");
        }
        if [&self.login, &self.key].into_iter().flatten().any(|from| from == "ask") {
            return Some("hotlist_fetch.login and key are credential:NAME or a file");
        }
        if !self.is_sftp() {
            let plain = self.key.is_none() && self.host_key.is_none();
            return (!self.reach().takes_url(&self.url) || !plain).then_some(
                "hotlist_fetch.url is https:// and a host (http:// only with allow_local = true); key and host_key \
                 are for sftp",
            );
        }
        if SftpPlace::parse(&self.url).is_err() {
            return Some("hotlist_fetch.url is sftp://NAME@HOST/PATH");
        }
        if !self.host_key.as_deref().is_some_and(is_fingerprint) {
            return Some(
                "hotlist_fetch.host_key is SHA256: and a fingerprint: no host is trusted unseen",
            );
        }
        (self.login.is_some() == self.key.is_some())
            .then_some("hotlist_fetch has either a key or a login with a password, for sftp")
    }
}

/// How it goes with a list that the city fetches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FetchLine {
    /// How often it is tried.
    pub every_minutes: u32,
    /// When it was tried last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Time>,
    /// When it came last, changed or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetched: Option<Time>,
    /// What went wrong the last time; absent where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What came last, to be known again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Came {
    known: Known,
    hash: Option<[u8; 32]>,
}

/// The same of every list that came since the start.
pub(crate) type Cames = Mutex<HashMap<ListId, Came>>;

impl City {
    /// Fetches what is due. A list that does not come holds up no other for longer than its own patience.
    pub fn take_fetches(&self) -> Result<()> {
        for of in &self.config.hotlist_fetch {
            let last = self.store.fetches()?.into_iter().find(|row| row.list == of.list);
            if !self.is_due(of, last.as_ref()) {
                continue;
            }
            let failed_before = last.as_ref().is_some_and(|row| row.said.is_some());
            let (row, wrong) = self.fetched(of, last);
            if let Some(e) = wrong {
                tracing::warn!(list = %of.list, error = %e.inside(), "a hot list could not be fetched");
            } else if failed_before {
                tracing::info!(list = %of.list, "a hot list comes again");
            }
            self.store.put_fetch(&row)?;
            self.emit(Event { id: Some(of.list.to_string()), ..self.event("hotlist.fetched") });
        }
        Ok(())
    }

    fn is_due(&self, of: &HotlistFetch, last: Option<&FetchRow>) -> bool {
        let Some(last) = last else { return true };
        let minutes = match last.said {
            Some(_) => of.every_minutes.min(AGAIN),
            None => of.every_minutes,
        };
        let since = self.now().since(last.tried);
        // A clock that was set back waits for nothing.
        since < 0 || since >= i64::from(minutes) * MINUTE_MS
    }

    /// One try, and what is to be remembered of it.
    fn fetched(&self, of: &HotlistFetch, last: Option<FetchRow>) -> (FetchRow, Option<Error>) {
        let now = self.now();
        let none = FetchRow { list: of.list.clone(), tried: now, fetched: None, said: None };
        let mut row = FetchRow { tried: now, said: None, ..last.unwrap_or(none) };
        match self.taken(of) {
            Ok(()) => {
                row.fetched = Some(now);
                (row, None)
            }
            Err(e) => {
                row.said = Some(e.message().to_owned());
                (row, Some(e))
            }
        }
    }

    fn taken(&self, of: &HotlistFetch) -> Result<()> {
        let cames = || self.cames.lock().unwrap_or_else(PoisonError::into_inner);
        let last = cames().get(&of.list).cloned().unwrap_or_default();
        let renew = self.grows_old(&of.list)?;
        let known = if renew { Known::default() } else { last.known.clone() };
        let Got::New(file, fresh) = self.got(of, &known)? else { return Ok(()) };
        let hash = sha256(&file);
        let waiting = self.store.last_import_that_is(&of.list, "waiting")?;
        let known_file = last.hash == Some(hash);
        if known_file && last.known.etag.is_some() && !renew {
            return Ok(());
        }
        if let Some(waiting) = waiting.filter(|_| known_file) {
            // What waits for a person waits, and is said for as long as it does.
            return Err(Error::conflict(format!("Import {} waits for a person.", waiting.number)));
        }
        let (preview, taken) =
            self.came_by_itself(&of.list, &mut file.as_slice(), "fetch", of.mapping.as_deref())?;
        // What is not taken is asked for again: after a day nothing waits any more.
        let known = if taken { fresh } else { Known::default() };
        cames().insert(of.list.clone(), Came { known, hash: Some(hash) });
        match (taken, preview.number) {
            (true, _) => Ok(()),
            (false, Some(number)) => Err(Error::conflict(format!(
                "Import {number} waits for a person: {}.",
                preview.doubts.join(", ")
            ))),
            (false, None) => {
                let why = preview.problem.unwrap_or_else(|| "It is no such list.".into());
                Err(Error::invalid(why))
            }
        }
    }

    fn got(&self, of: &HotlistFetch, known: &Known) -> Result<Got> {
        let secret = |from: &str| crate::keeper::secret(&self.dir, from, "Secret of a list");
        let login = of.login.as_deref().map(secret).transpose()?;
        let login = login.as_ref().map(|text| {
            // Name and password, or a token alone.
            match text.expose().trim().split_once('\n') {
                Some((name, password)) => (name.trim(), password.trim()),
                None => ("", text.expose().trim()),
            }
        });
        if !of.is_sftp() {
            return fetch(&of.url, login, known, of.reach(), MOST, FETCH_PATIENCE);
        }
        let place = SftpPlace::parse(&of.url)?;
        let key = of.key.as_deref().map(secret).transpose()?;
        let way = match (&key, login) {
            (Some(key), _) => SftpLogin::Key(key.expose()),
            (None, Some((_, password))) => SftpLogin::Password(password),
            (None, None) => {
                return Err(Error::invalid("There is neither a key nor a login for SFTP."));
            }
        };
        let host_key = of.host_key.as_deref().unwrap_or_default();
        fetch_sftp(&place, host_key, &way, known, of.reach(), MOST, FETCH_PATIENCE)
    }

    /// Whether half of a list's longest age is over since its last import, or of the life that it gives entries itself and
    /// that the same file renews; or it was never imported.
    fn grows_old(&self, list: &ListId) -> Result<bool> {
        let Some(settings) = self.list_settings(list)? else { return Ok(true) };
        let Some(last) = self.store.last_import_that_is(list, "taken")? else { return Ok(true) };
        let longest = settings.shorten.then_some(settings.max_days);
        let lives = settings.default_days.into_iter().chain(longest).map(|days| days * 24);
        let Some(hours) = lives.chain(settings.longest_age_hours).min() else { return Ok(false) };
        Ok(self.now().since(last.made) * 2 >= i64::from(hours) * HOUR_MS)
    }

    /// How it goes with a list, where the city fetches it.
    pub(crate) fn fetch_line(&self, list: &ListId) -> Result<Option<FetchLine>> {
        let Some(of) = self.config.hotlist_fetch.iter().find(|of| of.list == *list) else {
            return Ok(None);
        };
        let row = self.store.fetches()?.into_iter().find(|row| row.list == *list);
        Ok(Some(FetchLine {
            every_minutes: of.every_minutes,
            tried: row.as_ref().map(|row| row.tried),
            fetched: row.as_ref().and_then(|row| row.fetched),
            said: row.and_then(|row| row.said),
        }))
    }
}
