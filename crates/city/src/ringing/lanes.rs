//! Sending: a lane is one way, and is worked off by itself, so that a receiver that hangs holds up its own
//! messages and nobody else's.
//!
//! A message is claimed, sent, and then ended or put off. Whoever dies in between leaves a claim that runs out:
//! the message goes out again, under the same id.

use super::told::Wishes;
use super::undecided;
use super::{Why, words};
use crate::City;
use base::{Error, Result, Time};
use deliver::{
    Email, Failure, HookSecret, Next, Notice, Outcome, Reach, Smtp, Subscription, VapidKey,
    WebPush, Webhook,
};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::MessageRow;

/// The lane of e-mail.
pub(super) const MAIL: &str = "mail";
/// The lane of web push.
pub(super) const PUSH: &str = "push";

/// Messages of a lane that are under way at a time.
const AT_A_TIME: u32 = 8;
/// A claim runs out after so long: longer than any way takes.
const CLAIM_MS: i64 = 180_000;
/// The first wait after a failure; each one after it is twice as long, up to the longest.
const FIRST_MS: i64 = 5_000;
const LONGEST_MS: i64 = 900_000;
/// How long a lane waits at most before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// Messages are remembered for so long after they were made.
const KEPT_MS: i64 = 30 * 86_400_000;

/// The lane of a webhook.
pub(super) fn hook(name: &str) -> String {
    format!("hook:{name}")
}

/// Wakes those who send.
#[derive(Default)]
pub(super) struct Bell(Mutex<u64>, Condvar);

impl Bell {
    pub fn ring(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.1.notify_all();
    }

    fn rung(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it has rung more often than `heard`, or for `patience`.
    fn wait(&self, heard: u64, patience: Duration) -> u64 {
        let end = Instant::now() + patience;
        let mut rung = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while *rung == heard {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            rung = self.1.wait_timeout(rung, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *rung
    }
}

/// A way out, ready to be taken.
pub(super) enum Way {
    Mail(Email),
    Push(WebPush),
    Hook(Webhook),
}

/// The ways that were opened.
#[derive(Default)]
pub(super) struct Ways(Mutex<HashMap<String, Arc<Way>>>);

/// The key towards push services.
pub(super) fn push_key(dir: &Path) -> PathBuf {
    dir.join("keys/push.key")
}

impl City {
    /// The lanes that the configuration has.
    pub fn lanes(&self) -> Vec<String> {
        let deliver = &self.config.deliver;
        let mail = deliver.smtp_host.as_ref().map(|_| MAIL.to_owned());
        let push = deliver.push_contact.as_ref().map(|_| PUSH.to_owned());
        let hooks = self.config.webhook.iter().map(|one| hook(&one.name));
        mail.into_iter().chain(push).chain(hooks).collect()
    }

    /// Waits until there may be something to send, `patience` at most; gives what to wait from next time.
    pub fn wait_for_messages(&self, heard: u64, patience: Duration) -> u64 {
        self.ringing.bell.wait(heard, patience)
    }

    /// From what to wait: how often messages were enqueued until now.
    pub fn messages_heard(&self) -> u64 {
        self.ringing.bell.rung()
    }

    /// Sends what is due on a lane. Gives how long nothing more is due there, as far as is known.
    pub fn send_due(&self, lane: &str) -> Result<Duration> {
        loop {
            let now = self.now();
            let until = now.plus_millis(CLAIM_MS);
            let claimed = self.store.claim_messages(lane, now, until, AT_A_TIME)?;
            if claimed.is_empty() {
                break;
            }
            let way = self.way(lane);
            std::thread::scope(|scope| {
                let sends = claimed.iter().map(|message| {
                    scope.spawn(|| {
                        let outcome = match &way {
                            Ok(way) => self.send(way, message),
                            Err(e) => Err(Failure::again(Error::new(e.kind(), e.message()))),
                        };
                        self.settle(message, outcome)
                    })
                });
                // All are begun before the first is waited for.
                let sends: Vec<_> = sends.collect();
                let died = || Err(Error::internal("Sending ran into a defect; see the log."));
                let mut ends = sends.into_iter().map(|send| send.join().unwrap_or_else(|_| died()));
                ends.try_for_each(|end| end)
            })?;
        }
        let next = self.store.next_message(lane)?.map_or(i64::MAX, |at| at.since(self.now()));
        Ok(Duration::from_millis(next.max(0).unsigned_abs()).min(LOOK_AGAIN))
    }

    /// A way that was opened before, or is now. What is wrong with one keeps nothing but its messages waiting.
    pub(super) fn way(&self, lane: &str) -> Result<Arc<Way>> {
        let mut ways = self.ringing.ways.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(lane) {
            return Ok(way.clone());
        }
        let way = Arc::new(self.open_way(lane)?);
        ways.insert(lane.to_owned(), way.clone());
        Ok(way)
    }

    fn open_way(&self, lane: &str) -> Result<Way> {
        let none = || Error::invalid("The configuration has no such way out any more.");
        match lane {
            MAIL => Ok(Way::Mail(Email::new(&smtp(&self.config, &self.dir)?.ok_or_else(none)?)?)),
            PUSH => {
                let contact = self.config.deliver.push_contact.as_ref().ok_or_else(none)?;
                let key = VapidKey::load_or_make(&push_key(&self.dir))?;
                Ok(Way::Push(WebPush::new(key, contact, Reach::PUBLIC)))
            }
            lane => {
                let is = |one: &&super::HookSection| hook(&one.name) == lane;
                let one = self.config.webhook.iter().find(is).ok_or_else(none)?;
                Ok(Way::Hook(Webhook::new(&one.url, hook_secret(&self.dir, one)?, one.reach())?))
            }
        }
    }

    /// What this address of the console is to others.
    pub(crate) fn link(&self, path: &str) -> String {
        let address = self.config.server.public_url.as_deref().unwrap_or_default();
        format!("{}{path}", address.trim_end_matches('/'))
    }

    /// Sends a message. `Ok(false)` is that nobody needs it any more.
    fn send(&self, way: &Way, message: &MessageRow) -> Result<bool, Failure> {
        let why = Why::of(&message.kind)
            .ok_or_else(|| Failure::never(Error::invalid("This message is of an unknown kind.")))?;
        let done = |sent: Outcome| sent.map(|()| true);
        let inside = Failure::again;
        if let Way::Hook(hook) = way {
            let body = self.body(why, message);
            return done(hook.send(&message.id, body.to_string().as_bytes(), self.now()));
        }
        // Who opens a hit that is decided already has been called for nothing.
        let hit = self.store.hit(&message.hit).map_err(inside)?;
        if !hit.as_ref().is_some_and(undecided) {
            return Ok(false);
        }
        match way {
            Way::Mail(mail) => {
                let Some((address, lang)) = self.mailbox(&message.recipient).map_err(inside)?
                else {
                    return Ok(false);
                };
                done(mail.send(&address, &self.notice(why, message, &lang)))
            }
            Way::Push(push) => {
                let row = self.store.browser(&message.recipient).map_err(inside)?;
                let Some(row) = row else { return Ok(false) };
                let to: Subscription = super::told::subscription(&row).map_err(Failure::gone)?;
                let lang = self.wishes(&row.person).map_err(inside)?.lang;
                done(push.send(&to, &self.notice(why, message, &lang), self.now()))
            }
            Way::Hook(_) => Ok(false),
        }
    }

    /// Sends one e-mail now.
    pub(crate) fn mail(&self, address: &str, notice: &Notice) -> Outcome {
        match &*self.way(MAIL).map_err(Failure::again)? {
            Way::Mail(mail) => mail.send(address, notice),
            _ => Err(Failure::again(Error::internal("The way of e-mail leads elsewhere."))),
        }
    }

    /// Where mail for a recipient goes, who is a person or an address, and in which language.
    pub(crate) fn mailbox(&self, recipient: &str) -> Result<Option<(String, String)>> {
        if recipient.contains('@') {
            return Ok(Some((recipient.to_owned(), self.config.deliver.language.clone())));
        }
        let Ok(person) = recipient.parse() else { return Ok(None) };
        let wishes: Wishes = self.wishes(&person)?;
        Ok(wishes.mailbox().map(|address| (address.to_owned(), wishes.lang.clone())))
    }

    fn notice(&self, why: Why, message: &MessageRow, lang: &str) -> Notice {
        let minutes = self.config.hits.verdict_minutes;
        let (heading, text) =
            words::of_hit(why, message.number, minutes, &self.config.city.name, lang);
        Notice {
            id: message.id.clone(),
            heading,
            text,
            link: self.link(&format!("/console/hits/{}", message.hit)),
            topic: message.hit.to_string(),
        }
    }

    /// What programs are told; the same however often it is sent.
    fn body(&self, why: Why, message: &MessageRow) -> serde_json::Value {
        serde_json::json!({
            "v": 1,
            "type": format!("hit.{}", why.word()),
            "id": message.id,
            "hit": message.hit,
            "number": message.number,
            "at": message.made,
            "link": self.link(&format!("/console/hits/{}", message.hit)),
        })
    }

    /// Writes down what became of a message.
    fn settle(&self, message: &MessageRow, outcome: Result<bool, Failure>) -> Result<()> {
        let now = self.now();
        let end =
            |state: &str, said: Option<&str>| self.store.end_message(&message.id, state, now, said);
        let failure = match outcome {
            Ok(true) => return end("sent", None),
            Ok(false) => return end("needless", None),
            Err(failure) => failure,
        };
        let said = failure.error.message();
        let hours = i64::from(self.config.deliver.give_up_hours);
        let over = now.since(message.made) >= hours * 3_600_000;
        if let (Next::Again(wait), false) = (failure.next, over) {
            tracing::warn!(lane = %message.lane, message = %message.id, tries = message.tries,
                error = %failure.error.inside(), "a message did not go out; it is tried again");
            return self.store.put_off_message(
                &message.id,
                again_at(now, message.tries, wait),
                said,
            );
        }
        if failure.next == Next::Gone && message.lane == PUSH {
            self.store.drop_browser(&message.recipient)?;
        }
        tracing::error!(lane = %message.lane, message = %message.id, tries = message.tries,
            error = %failure.error.inside(), "a message is given up");
        end("given-up", Some(said))
    }

    /// How many messages wait to be sent, and how many were given up within a day. What waits on a way that the
    /// configuration no longer has is not among them: nobody sends it, or gives it up.
    pub fn messages_left(&self) -> Result<(u64, u64)> {
        let yesterday = self.now().plus_millis(-86_400_000);
        let lanes = self.lanes();
        let waiting = lanes.iter().map(|lane| self.store.waiting_messages(lane));
        Ok((waiting.sum::<Result<u64>>()?, self.store.given_up_since(yesterday)?))
    }

    /// Forgets messages that were made long ago, by a clock that is calm.
    pub(crate) fn forget_messages(&self) -> Result<()> {
        if self.forgetting_waits()? {
            return Ok(());
        }
        self.store.forget_messages(self.now().plus_millis(-KEPT_MS))
    }
}

/// When a message is tried again: each time after twice as long, a quarter more or less by chance so that not all
/// come at once, and not before the other side wants it.
pub(crate) fn again_at(now: Time, tries: u32, wanted: Option<Duration>) -> Time {
    let doubled = FIRST_MS << tries.saturating_sub(1).min(10);
    let wait = doubled.min(LONGEST_MS);
    let [a, b] = base::random::<2>();
    let chance = i64::from(u16::from_be_bytes([a, b]));
    let wait = wait * 3 / 4 + wait / 2 * chance / i64::from(u16::MAX);
    let wanted = wanted.map_or(0, |wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
    now.plus_millis(wait.max(wanted))
}

/// The mail server as the configuration names it.
pub(super) fn smtp(config: &crate::Config, dir: &Path) -> Result<Option<Smtp>> {
    let deliver = &config.deliver;
    let Some(host) = &deliver.smtp_host else { return Ok(None) };
    let login = deliver.smtp_credentials.as_deref().map(|from| {
        let text = crate::keeper::secret(dir, from, "Name and password at the mail server")?;
        let lines = text.expose().split_once('\n').map(|(name, password)| {
            (
                name.trim_end().to_owned(),
                base::Secret::new(password.trim_end_matches('\r').to_owned()),
            )
        });
        lines.ok_or_else(|| {
            Error::invalid(
                "deliver.smtp_credentials: the file has a name and, in the next line, a password.",
            )
        })
    });
    Ok(Some(Smtp {
        host: host.clone(),
        port: deliver.smtp_port,
        security: deliver.smtp_tls,
        from: deliver.smtp_from.clone().unwrap_or_default(),
        login: login.transpose()?,
    }))
}

/// A webhook's secret.
pub(super) fn hook_secret(dir: &Path, hook: &super::HookSection) -> Result<HookSecret> {
    HookSecret::parse(crate::keeper::secret(dir, &hook.secret, "Secret of the webhook")?.expose())
}

#[cfg(test)]
impl City {
    /// Takes a way by which push services on this machine are reached.
    pub(crate) fn push_by(&self, way: WebPush) {
        let mut ways = self.ringing.ways.0.lock().unwrap();
        ways.insert(PUSH.into(), Arc::new(Way::Push(way)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_longer_and_none_is_without_end() {
        let now = Time::from_millis(0);
        for (tries, least, most) in
            [(1, 3_750, 6_250), (2, 7_500, 12_500), (5, 60_000, 100_000), (20, 675_000, 1_125_000)]
        {
            for _ in 0..100 {
                let wait = again_at(now, tries, None).since(now);
                assert!((least..=most).contains(&wait), "{tries}: {wait}");
            }
        }
        let wanted = Some(Duration::from_secs(3600));
        assert_eq!(again_at(now, 1, wanted).since(now), 3_600_000);
    }
}
