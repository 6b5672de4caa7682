//! Witnesses: others who sign that the log only ever grew, and what the city may do without them.
//!
//! A round submits the newest checkpoint to every witness of the policy; when a quorum has cosigned it,
//! it is kept beside the log as `log.cosigned` and served with it. Under the rule `before` no read is
//! opened that the cosigned part of the log does not promise; under `within` questions stop when part of
//! the log has waited too long for its witnesses. Neither holds where a life is in danger: such a question is
//! answered at once, and witnessed like every entry when the witnesses are there.
//!
//! Holds: a witness that has seen more of the log than there is stops every question: the log was set
//! back, and must not go on as if nothing had been.
//! Not here: how a witness is reached ([`WitnessLine`]).

use crate::config::{LogSection, WitnessRule};
use crate::{City, Lost};
use base::{Error, Result, Time, write_atomic};
use ledger::{Entry, Log, Policy, Reply, Witnessed};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// So long a question waits for the witnesses under the rule `before`.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to a witness, by its address.
pub trait WitnessLine: Send + Sync {
    /// Submits a checkpoint. An error is that the witness does not answer.
    fn submit(&self, url: &str, request: &str) -> Result<Reply>;
}

/// What the city knows of its witnesses.
pub(crate) struct Witnessing {
    policy: Policy,
    text: String,
    rule: WitnessRule,
    within_s: u32,
    /// `log.cosigned`.
    file: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cosigned: Option<Cosigned>,
    /// What each witness of the policy cosigned last, as far as we know.
    sizes: Vec<u64>,
    /// Why each did not, the last time.
    troubles: Vec<Option<String>>,
    /// Since when there has been something that no quorum has cosigned.
    behind: Option<Time>,
    /// How much each has seen that is not here; until it signs what is.
    beyond: Vec<Option<u64>>,
}

#[derive(Clone)]
struct Cosigned {
    text: String,
    size: u64,
    by: Vec<(String, Time)>,
}

/// How far the witnesses are, for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub size: u64,
    pub by: Vec<(String, Time)>,
    pub troubles: Vec<(String, String)>,
}

impl State {
    /// The checkpoint under which a quorum has signed for an entry.
    fn signed_for(&self, index: u64) -> Option<String> {
        self.cosigned.as_ref().filter(|c| c.size > index).map(|c| c.text.clone())
    }
}

impl Witnessing {
    /// Reads the policy that the configuration names, and what was cosigned before.
    pub fn load(dir: &Path, section: &LogSection, log: &Log, now: Time) -> Result<Option<Self>> {
        let Some(text) = section.policy_text(dir)? else { return Ok(None) };
        let policy = Policy::parse(&text)?;
        let file = dir.join("log.cosigned");
        let cosigned = std::fs::read_to_string(&file).ok().and_then(|text| {
            let seen = whole(&policy, log, &text)?;
            Some(Cosigned { text, size: seen.size, by: seen.by })
        });
        let count = policy.witnesses().len();
        let size = cosigned.as_ref().map_or(0, |c| c.size);
        let waits = log.leaves(size, size.saturating_add(1))?.pop().map(|leaf| leaf.time.min(now));
        let state = State {
            cosigned,
            sizes: vec![size; count],
            troubles: vec![None; count],
            behind: waits,
            beyond: vec![None; count],
        };
        Ok(Some(Self {
            policy,
            text,
            rule: section.witness_rule,
            within_s: section.witness_within_s,
            file,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry as custody wants it: where reads are opened only after the witnesses have signed, proven under what they
    /// signed; `None` where they have not signed for it yet.
    pub(crate) fn entry(witnessing: Option<&Self>, log: &Log, index: u64) -> Result<Option<Entry>> {
        let Some(w) = witnessing.filter(|w| w.rule == WitnessRule::Before) else {
            return log.entry(index).map(Some);
        };
        let text = w.state().signed_for(index);
        text.map(|text| log.entry_under(index, &text)).transpose()
    }

    /// The newest checkpoint that a quorum has signed: how many entries it promises, and its text.
    pub(crate) fn newest(&self) -> Option<(u64, String)> {
        self.state().cosigned.clone().map(|c| (c.size, c.text))
    }

    /// How many entries a checkpoint promises that a quorum has signed, and when the last of them did.
    pub(crate) fn signed(&self, log: &Log, text: &str) -> Option<(u64, Time)> {
        let seen = whole(&self.policy, log, text)?;
        let last = seen.by.iter().map(|(_, at)| *at).max();
        Some((seen.size, last.unwrap_or(Time::from_millis(0))))
    }

    /// Whether a quorum has signed for the first `size` entries.
    pub(crate) fn covers(&self, size: u64) -> bool {
        self.state().cosigned.as_ref().is_some_and(|c| c.size >= size)
    }

    /// Who has seen more than there is, and how much.
    fn beyond(&self) -> Option<Lost> {
        let state = self.state();
        let mut named = self.policy.witnesses().iter().zip(&state.beyond);
        named.find_map(|(witness, seen)| Some(Lost::Witnessed(witness.name.clone(), (*seen)?)))
    }

    /// Notes that the log has grown beyond what is cosigned; says since when it has.
    fn behind(&self, size: u64, now: Time) -> Option<Time> {
        let mut state = self.state();
        let covered = state.cosigned.as_ref().map_or(0, |c| c.size);
        if covered >= size {
            state.behind = None;
            return None;
        }
        // A clock that was set back must not lengthen the patience.
        let since = state.behind.map_or(now, |since| since.min(now));
        state.behind = Some(since);
        Some(since)
    }

    /// The rule in words, for the public page.
    fn rule(&self) -> String {
        match self.rule {
            WitnessRule::Before => {
                "no read is opened before the witnesses have signed for its question, but where a life is in danger"
                    .into()
            }
            WitnessRule::Within => {
                format!("questions stop when the witnesses have not signed for {} s", self.within_s)
            }
        }
    }
}

/// What a checkpoint of this log says that a quorum has signed. What was cosigned of another log, or by other witnesses,
/// counts for nothing.
fn whole(policy: &Policy, log: &Log, text: &str) -> Option<Witnessed> {
    let seen = policy.open(Some(log.vkey()), text.as_bytes()).ok()?;
    (seen.quorum && seen.size <= log.size()).then_some(seen)
}

/// What a witness answered to one submission.
enum Answer {
    Line(String),
    /// It has seen entries, so many, that are not here, or others than are.
    Beyond(u64),
    /// It has signed a newer checkpoint than the one submitted, of so many entries; this log has as many.
    Ahead(u64),
    Trouble(String),
}

impl City {
    /// One round: submits what no quorum has cosigned yet to every witness. Returns whether all is.
    /// Called over and over by one thread.
    pub fn cosign(&self, line: &dyn WitnessLine) -> Result<bool> {
        self.round(line, false)
    }

    /// The same, and every witness is asked where a quorum has signed all that is here, too: one may know of more. For
    /// before a start's first entry, which would go on with a log that was set back; [`City::set_back`] says what was
    /// found. A witness that is away is no error.
    pub fn ask_witnesses(&self, line: &dyn WitnessLine) -> Result<()> {
        self.round(line, true).map(drop)
    }

    fn round(&self, line: &dyn WitnessLine, signed_too: bool) -> Result<bool> {
        let Some(w) = &self.witnessing else { return Ok(true) };
        let checkpoint = self.log.checkpoint();
        let size = w.policy.open(Some(self.log.vkey()), checkpoint.as_bytes())?.size;
        if w.behind(size, self.now()).is_none() && !signed_too {
            return Ok(true);
        }
        let sizes = w.state().sizes.clone();
        let ask = |at: usize| {
            let url = w.policy.witnesses()[at].url.as_deref()?;
            Some(self.submit(line, url, (sizes[at], size), &checkpoint))
        };
        let answers: Vec<Option<Answer>> = std::thread::scope(|scope| {
            let asked: Vec<_> = (0..sizes.len()).map(|at| scope.spawn(move || ask(at))).collect();
            asked.into_iter().map(|thread| thread.join().unwrap_or(None)).collect()
        });
        self.take(w, &checkpoint, size, answers)?;
        Ok(w.covers(self.log.size()))
    }

    /// Submits to one witness; a second time where it names another size than we thought.
    fn submit(
        &self,
        line: &dyn WitnessLine,
        url: &str,
        (mut old, size): (u64, u64),
        checkpoint: &str,
    ) -> Answer {
        for _ in 0..2 {
            let asked = self
                .log
                .submission(old.min(size), checkpoint)
                .and_then(|request| line.submit(url, &request));
            match asked {
                Ok(Reply::Cosigned(line)) => return Answer::Line(line),
                Ok(Reply::Size(theirs)) if theirs > self.log.size() => {
                    return Answer::Beyond(theirs);
                }
                // Checkpoints are public, and anybody may submit the newest. The next round submits one
                // that is no older; if the witness knows another history, that shows then.
                Ok(Reply::Size(theirs)) if theirs > size => return Answer::Ahead(theirs),
                // Another root of the same size.
                Ok(Reply::Size(theirs)) if theirs == old && old == size && old > 0 => {
                    return Answer::Beyond(theirs);
                }
                Ok(Reply::Size(theirs)) => old = theirs,
                Ok(Reply::Inconsistent) => return Answer::Beyond(old),
                Ok(Reply::UnknownLog) => {
                    return Answer::Trouble("does not follow this log".into());
                }
                Ok(Reply::Unsigned | Reply::Malformed) => {
                    return Answer::Trouble("does not take this log's checkpoint".into());
                }
                Err(e) => return Answer::Trouble(e.message().to_owned()),
            }
        }
        Answer::Trouble("names another size each time".into())
    }

    /// Takes a round's answers: lines that hold are put under the checkpoint.
    fn take(
        &self,
        w: &Witnessing,
        checkpoint: &str,
        size: u64,
        answers: Vec<Option<Answer>>,
    ) -> Result<()> {
        let (vkey, mut text) = (self.log.vkey(), checkpoint.to_owned());
        let mut state = w.state();
        for (at, answer) in answers.into_iter().enumerate() {
            let name = &w.policy.witnesses()[at].name;
            let trouble = match answer {
                None => None,
                Some(Answer::Line(line)) => {
                    let one = w.policy.open(Some(vkey), format!("{checkpoint}{line}").as_bytes());
                    if one.is_ok_and(|seen| seen.by.iter().any(|(by, _)| by == name)) {
                        text += &line;
                        state.sizes[at] = size;
                        state.beyond[at] = None;
                        None
                    } else {
                        Some("answers with a signature that does not hold".into())
                    }
                }
                Some(Answer::Beyond(theirs)) => {
                    state.beyond[at] = Some(theirs);
                    Some(format!("has seen {theirs} entries, or another history"))
                }
                Some(Answer::Ahead(theirs)) => {
                    state.sizes[at] = theirs;
                    Some(format!("was handed a newer checkpoint meanwhile, of {theirs} entries"))
                }
                Some(Answer::Trouble(why)) => Some(why),
            };
            if let Some(why) = trouble.as_ref().filter(|_| state.troubles[at].is_none()) {
                tracing::warn!(witness = %name, "{why}");
            }
            state.troubles[at] = trouble;
        }
        let seen = w.policy.open(Some(vkey), text.as_bytes())?;
        if seen.quorum {
            // On disk before anything counts on it.
            write_atomic(&w.file, text.as_bytes())?;
            self.keep_cosigned(size, &text);
            state.cosigned = Some(Cosigned { text, size, by: seen.by });
            if size >= self.log.size() {
                state.behind = None;
            } else {
                state.behind = Some(self.now());
            }
            w.changed.notify_all();
        }
        Ok(())
    }

    /// Refuses to go on where the witnesses have waited too long, or know of more than there is.
    pub(crate) fn witnesses_follow(&self) -> Result<()> {
        let Some(w) = &self.witnessing else { return Ok(()) };
        if let Some(lost) = w.beyond() {
            return Err(lost.told());
        }
        let now = self.now();
        let late = i64::from(w.within_s) * 1000;
        match w.behind(self.log.size(), now) {
            Some(since) if w.rule == WitnessRule::Within && now.since(since) > late => {
                Err(Error::unavailable(format!(
                    "The log's witnesses have not signed since {since}; questions wait until they do. \
                     The administrator's `homeplate check` says which do not answer."
                )))
            }
            _ => Ok(()),
        }
    }

    /// The entry as custody wants it: where reads are opened only after the witnesses have signed, proven
    /// under what they signed. Waits for them a while.
    pub(crate) fn witnessed(&self, entry: Entry) -> Result<Entry> {
        let w = match &self.witnessing {
            Some(w) if w.rule == WitnessRule::Before => w,
            _ => return Ok(entry),
        };
        let until = Instant::now() + PATIENCE;
        let mut state = w.state();
        loop {
            if let Some(text) = state.signed_for(entry.index) {
                drop(state);
                return self.log.entry_under(entry.index, &text);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::unavailable(format!(
                    "The question is entry {} of the log, but its witnesses have not signed; nothing was \
                     opened. Ask again later.",
                    entry.index
                )));
            }
            state = w
                .changed
                .wait_timeout(state, left)
                .map_or_else(|e| e.into_inner().0, |(state, _)| state);
        }
    }

    /// What a witness has seen beyond this log, if one has.
    pub fn set_back(&self) -> Option<Lost> {
        self.witnessing.as_ref()?.beyond()
    }

    /// The newest checkpoint that a quorum of witnesses has cosigned
    /// and that the public is shown; how many entries it promises, and its text.
    pub fn cosigned(&self) -> Result<Option<(u64, String)>> {
        if let Some(shown) = self.shown()? {
            return Ok(shown.cosigned());
        }
        Ok(self.witnessing.as_ref().and_then(Witnessing::newest))
    }

    /// The policy that says who the witnesses are, as the city's file has it.
    pub fn witness_policy(&self) -> Option<String> {
        self.witnessing.as_ref().map(|w| w.text.clone())
    }

    /// Whether there are witnesses, and the log waits for them.
    pub fn waits_for_witnesses(&self) -> bool {
        self.witnessing.as_ref().is_some_and(|w| !w.covers(self.log.size()))
    }

    pub(crate) fn witness_standing(&self) -> Option<Standing> {
        let w = self.witnessing.as_ref()?;
        let state = w.state();
        let named = w.policy.witnesses().iter().map(|witness| witness.name.clone());
        let troubles = named.zip(state.troubles.clone()).filter_map(|(n, t)| Some((n, t?)));
        let cosigned = state.cosigned.as_ref();
        Some(Standing {
            size: cosigned.map_or(0, |c| c.size),
            by: cosigned.map_or(Vec::new(), |c| c.by.clone()),
            troubles: troubles.collect(),
        })
    }

    /// How the log is witnessed, in a sentence for the public page.
    pub(crate) fn witness_words(&self) -> Result<String> {
        let Some(w) = &self.witnessing else {
            return Ok("No witness is configured: the log is signed by the city alone.".into());
        };
        let public = self.cosigned()?.map(|(_, text)| text);
        let seen = public.map(|text| w.policy.open(Some(self.log.vkey()), text.as_bytes()));
        let seen = seen.transpose()?;
        let newest = seen.as_ref().and_then(|s| Some((s, s.by.iter().map(|(_, at)| *at).max()?)));
        let signed = match newest {
            Some((seen, at)) => {
                let names: Vec<&str> = seen.by.iter().map(|(name, _)| name.as_str()).collect();
                format!("{} entries are signed by {}, at {at}", seen.size, names.join(", "))
            }
            None => "no entry is signed by its witnesses yet".into(),
        };
        Ok(format!("{signed}; {}.", w.rule()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::kit::{Town, person};
    use ledger::Witness;

    /// Witnesses in this process; an address is a place in the list. One that is away does not answer.
    pub(crate) struct Near(pub(crate) Vec<Option<Witness>>);

    impl WitnessLine for Near {
        fn submit(&self, url: &str, request: &str) -> Result<Reply> {
            let away = || Error::unavailable("It does not answer.");
            let at: usize = url.parse().map_err(|_| away())?;
            let witness = self.0[at].as_ref().ok_or_else(away)?;
            witness.add_checkpoint(request.as_bytes(), "2026-11-01T12:00:00Z".parse().unwrap())
        }
    }

    pub(crate) fn two(dir: &Path) -> (Near, String) {
        let made = |n: &str| Witness::create(&dir.join(n), &format!("{n}.example/w")).unwrap();
        let (a, b) = (made("a"), made("b"));
        let policy = format!(
            "witness a {} 0\nwitness b {} 1\ngroup both all a b\nquorum both\n",
            a.vkey(),
            b.vkey()
        );
        (Near(vec![Some(a), Some(b)]), policy)
    }

    pub(crate) fn follow(near: &Near, town: &Town) {
        near.0.iter().flatten().for_each(|w| w.follow(&town.city.vkey()).unwrap());
    }

    fn town(policy: &str, more: &str) -> Town {
        let section = format!("[log]\nwitnesses=\"witnesses.policy\"\n{more}");
        Town::with("2026-11-01T12:00:00Z", &section, &[("witnesses.policy", policy)])
    }

    #[test]
    fn within_stops_when_they_are_late_and_goes_on_when_they_sign() {
        let dir = tempfile::tempdir().unwrap();
        let (mut near, policy) = two(dir.path());
        let town = town(&policy, "witness_within_s=600\n");
        follow(&near, &town);
        let city = &town.city;
        assert!(city.cosign(&near).unwrap());
        assert!(city.cosigned().unwrap().unwrap().1.contains("— b.example/w "));
        let away = near.0[1].take();
        town.pass("7ABC128");
        let ask = || city.ask(&person(), town.question("7ABC128"));
        assert_eq!(ask().unwrap().opened, 1, "they have ten minutes");
        assert!(!city.cosign(&near).unwrap());
        town.clock.advance(601_000);
        let e = ask().err().unwrap();
        assert!(e.kind() == base::Kind::Unavailable && e.message().contains("witnesses"), "{e}");
        let words = city.health().into_iter().find(|h| h.part == "witnesses").unwrap();
        assert!(!words.fine && words.message.unwrap().contains("b: "), "the one that is away");
        near.0[1] = away;
        assert!(city.cosign(&near).unwrap());
        ask().unwrap();
        // The log has grown by the question: its witnesses have ten minutes again.
        town.clock.advance(590_000);
        ask().unwrap();
    }

    /// No camera goes on by a log that its witnesses do not know: an order may be missing from it.
    #[test]
    fn a_lease_needs_the_witnesses_too() {
        use base::{Signed, SigningKey};
        let dir = tempfile::tempdir().unwrap();
        let (mut near, policy) = two(dir.path());
        let town = town(&policy, "witness_within_s=600\n");
        follow(&near, &town);
        let (city, device) = (&town.city, SigningKey::generate());
        let camera: base::CameraId = "cam_two".parse().unwrap();
        let code = city.enrolment_code(&person(), &camera, "Two", None).unwrap();
        let enrol = crate::Enrol { code, camera: camera.clone(), device_key: device.public() };
        city.enrol(enrol).unwrap();
        let ask = || {
            let asked = read::LeaseRequest {
                camera: camera.clone(),
                capture_key: SigningKey::generate().public(),
                at: city.now(),
                frames: Some(0),
                jumps: 0,
                foreign: false,
                knows: Vec::new(),
            };
            city.lease(&Signed::sign(asked, &device).unwrap())
        };
        assert!(city.cosign(&near).unwrap());
        ask().unwrap();
        let away = near.0[1].take();
        assert!(!city.cosign(&near).unwrap());
        town.clock.advance(601_000);
        assert_eq!(ask().unwrap_err().kind(), base::Kind::Unavailable);
        near.0[1] = away;
        assert!(city.cosign(&near).unwrap());
        ask().unwrap();
    }

    #[test]
    fn before_opens_nothing_that_is_not_witnessed() {
        let dir = tempfile::tempdir().unwrap();
        let (near, policy) = two(dir.path());
        let town = town(&policy, "witness_rule=\"before\"\n");
        follow(&near, &town);
        town.pass("7ABC128");
        let city = town.city.clone();
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = city.cosign(&near);
                    std::thread::sleep(Duration::from_millis(5));
                }
            });
            let answer = city.ask(&person(), town.question("7ABC128")).unwrap();
            assert_eq!(answer.opened, 1);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    /// A life in danger waits for nobody, and custody agrees; what was asked is witnessed all the same.
    #[test]
    fn before_holds_up_no_emergency() {
        let dir = tempfile::tempdir().unwrap();
        let (mut near, policy) = two(dir.path());
        let town = town(&policy, "witness_rule=\"before\"\n");
        follow(&near, &town);
        town.pass("7ABC128");
        let city = &town.city;
        let away = near.0[1].take();
        assert!(!city.cosign(&near).unwrap());
        let danger = crate::Ask {
            case: None,
            emergency: true,
            reason: Some("a child was taken".into()),
            ..town.question("7ABC128")
        };
        let begun = Instant::now();
        let answer = city.ask(&person(), danger).unwrap();
        assert_eq!(answer.opened, 1);
        assert!(begun.elapsed() < PATIENCE, "nobody was waited for");
        near.0[1] = away;
        assert!(city.cosign(&near).unwrap());
        assert!(city.cosigned().unwrap().unwrap().0 > answer.log_entry);
    }

    #[test]
    fn a_witness_that_has_seen_more_stops_questions() {
        let dir = tempfile::tempdir().unwrap();
        let (near, policy) = two(dir.path());
        let town = town(&policy, "");
        follow(&near, &town);
        assert!(town.city.cosign(&near).unwrap());
        let old = town.copy();
        town.pass("7ABC128");
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
        assert!(town.city.cosign(&near).unwrap());
        let city = old.open().unwrap();
        // The log is whole in itself, and signed to its end: nothing is to be submitted, and still they are asked.
        assert!(city.cosign(&near).unwrap() && city.set_back().is_none());
        city.ask_witnesses(&near).unwrap();
        assert!(city.set_back().is_some());
        let e = city.ask(&person(), town.question("7ABC128")).err().unwrap();
        assert!(e.message().contains("homeplate succeed"), "{e}");
    }

    /// While the city's checkpoint is on its way, somebody else hands the witnesses a newer one.
    struct Quicker<'a> {
        near: &'a Near,
        log: &'a Log,
        grows: Mutex<Option<ledger::Leaf>>,
    }

    impl WitnessLine for Quicker<'_> {
        fn submit(&self, url: &str, request: &str) -> Result<Reply> {
            let mut grows = self.grows.lock().unwrap();
            if let Some(leaf) = grows.take() {
                let signed = self.near.0[0].as_ref().unwrap().following()[0].last.clone().unwrap();
                self.log.append(&leaf)?;
                let newer = self.log.submission(signed.0, &self.log.checkpoint())?;
                for witness in ["0", "1"] {
                    assert!(matches!(self.near.submit(witness, &newer)?, Reply::Cosigned(_)));
                }
            }
            self.near.submit(url, request)
        }
    }

    #[test]
    fn a_witness_that_somebody_else_was_quicker_at_is_no_liar() {
        let dir = tempfile::tempdir().unwrap();
        let (near, policy) = two(dir.path());
        let town = town(&policy, "");
        follow(&near, &town);
        let city = &town.city;
        assert!(city.cosign(&near).unwrap());
        town.pass("7ABC128");
        city.log.append(&city.leaf("audit.started").id("a")).unwrap();
        let grows = Mutex::new(Some(city.leaf("audit.started").id("b")));
        let quicker = Quicker { near: &near, log: &city.log, grows };
        assert!(!city.cosign(&quicker).unwrap(), "this round's checkpoint is older");
        assert!(city.set_back().is_none());
        city.ask(&person(), town.question("7ABC128")).unwrap();
        assert!(city.cosign(&quicker).unwrap());
        assert!(city.witness_standing().unwrap().troubles.is_empty());
    }

    /// What a witness said in error stops nothing any more when it signs.
    #[test]
    fn a_witness_that_signs_again_is_believed() {
        struct Mistaken;
        impl WitnessLine for Mistaken {
            fn submit(&self, _: &str, _: &str) -> Result<Reply> {
                Ok(Reply::Size(1_000_000))
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let (near, policy) = two(dir.path());
        let town = town(&policy, "");
        follow(&near, &town);
        town.pass("7ABC128");
        assert!(!town.city.cosign(&Mistaken).unwrap());
        assert!(town.city.ask(&person(), town.question("7ABC128")).is_err());
        assert!(town.city.cosign(&near).unwrap() && town.city.set_back().is_none());
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
    }

    #[test]
    fn what_a_false_witness_says_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let (near, policy) = two(dir.path());
        // The addresses of the two are exchanged: each signs, but not as the one that was asked.
        let policy = policy.replace(" 0\n", " 9\n").replace(" 1\n", " 0\n").replace(" 9\n", " 1\n");
        let town = town(&policy, "");
        follow(&near, &town);
        assert!(!town.city.cosign(&near).unwrap());
        let standing = town.city.witness_standing().unwrap();
        assert_eq!((standing.size, standing.troubles.len()), (0, 2), "{standing:?}");
    }
}
