//! Preservation holds: a court's word keeps some reads from being forgotten, and nobody here opens them.
//!
//! Holds: the hold is on the log before a read is preserved, and rests on a court's paper that somebody else has
//! registered for just this key; what is preserved is sealed to the matter's key, whose private half the city does not
//! have; everything else goes on time. A hold never
//! ends by itself: evidence must not be lost because nobody looked. That it is overdue for review is
//! public instead.

use crate::preserving::AT_ONCE;
use crate::{City, HeldLine, HeldPage, HoldLine, Holds, NewHold, Placed};
use base::{Error, HoldId, Kind, PersonId, ReadId, Result, Shutdown, Time};
use identity::Person;
use plate::Text;
use policy::{Action, Hold};
use read::SealKey;
use std::sync::PoisonError;
use std::time::Duration;
use store::HoldRow;

/// The longest time until a hold is looked at again.
const REVIEW_MS: i64 = 400 * 86_400_000;

impl City {
    /// Places a hold and preserves what it asks for: at once what can be in some seconds, the rest by the clock
    /// ([`City::tend_holds`]), also after this was cut off. The log then says how many reads there are.
    pub fn place_hold(&self, by: &PersonId, new: NewHold) -> Result<Placed> {
        self.place_hold_within(by, new, AT_ONCE)
    }

    /// The same, with so much time for what is preserved at once.
    pub(crate) fn place_hold_within(
        &self,
        by: &PersonId,
        new: NewHold,
        time: Duration,
    ) -> Result<Placed> {
        self.witnesses_follow()?;
        let person = self.allowed(by, Action::PlaceHold)?;
        let hold = self.hold(&person, new)?;
        let body = hold.canonical();
        let id = hold.id.to_string();
        let asked = custody::seal_hold(&self.custody.ingest_key()?, &hold)?;
        let (_, commitment) = self.keep_record("hold", &id, body.expose())?;
        self.store.put_hold(hold.id, hold.review, &asked)?;
        // Before the entry: nobody grades the own hold, after a crash neither.
        self.keep_placer(hold.id, by)?;
        let leaf = self
            .leaf_by("hold.placed", &person)?
            .id(&id)
            .fact("policy", self.rules().hash())
            .fact("cameras", hold.cameras.len() as u64)
            .fact("from", crate::ask::hour(hold.from))
            .fact("until", crate::ask::hour(hold.until))
            .fact("plate", hold.plate.is_some())
            .fact("key", hold.key_hash())
            .fact("paper_id", hold.paper.as_str())
            .fact("review", hold.review.to_string())
            .body(commitment);
        let entry = self.log.append(&leaf)?;
        let log_entry = entry.index;
        let preserved =
            self.witnessed(entry).and_then(|_| self.preserve(hold.id, time, &Shutdown::new()));
        let whole = match preserved {
            // It stands: placed once more, it would preserve the same reads twice.
            Err(e) if matches!(e.kind(), Kind::Unavailable | Kind::Busy | Kind::Internal) => {
                tracing::warn!(hold = %id, error = %e.inside(), "its reads are preserved later");
                false
            }
            done => done?,
        };
        let reads = self.standing_hold(hold.id)?.reads;
        Ok(Placed { id: hold.id, reads, preserving: !whole, log_entry })
    }

    fn hold(&self, person: &Person, new: NewHold) -> Result<Hold> {
        let now = self.now();
        if new.from >= new.until || new.until > now {
            return Err(Error::invalid(
                "A hold is for time that has passed: from before until, and until not in the future.",
            ));
        }
        if new.matter.trim().is_empty() || new.matter.chars().count() > 300 {
            return Err(Error::invalid("Name the matter in 1 to 300 characters."));
        }
        let plate = new.plate.as_deref().map(Text::parse).transpose().map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        let cameras = self.cameras_of(&new.cameras, None, (new.from, new.until))?;
        let key: SealKey = new.key.parse()?;
        // A key that nothing can be sealed to is found out before anything is logged.
        key.seal(b"", b"", b"")?;
        self.vouch_hold(&new.paper, &person.id, &key)?;
        Ok(Hold {
            id: HoldId::new(now, base::random()),
            person: person.id.clone(),
            roles: person.roles.clone(),
            matter: new.matter,
            paper: new.paper,
            plate,
            cameras,
            from: new.from,
            until: new.until,
            review: self.review(new.review)?,
            key: *key.bytes(),
        })
    }

    fn review(&self, at: Time) -> Result<Time> {
        let ahead = at.since(self.now());
        if ahead <= 0 || ahead > REVIEW_MS {
            return Err(Error::invalid("A hold is reviewed again within 400 days from now."));
        }
        Ok(at.floor_to(60_000))
    }

    /// Every hold, the oldest first.
    pub fn holds(&self, by: &PersonId) -> Result<Holds> {
        self.allowed(by, Action::PlaceHold)?;
        let now = self.now();
        let line = |row: HoldRow| HoldLine {
            id: row.id,
            placed: row.id.time(),
            review: row.review,
            overdue: row.released.is_none() && row.review < now,
            reads: row.reads,
            preserving: row.preserving && self.log.has("hold.placed", &row.id.to_string()),
            released: row.released,
        };
        Ok(Holds { holds: self.store.holds()?.into_iter().map(line).collect() })
    }

    /// Says that a hold is still needed, and until when.
    pub fn review_hold(&self, by: &PersonId, id: HoldId, review: Time) -> Result<()> {
        let person = self.allowed(by, Action::PlaceHold)?;
        self.standing_hold(id)?;
        let review = self.review(review)?;
        let leaf = self.leaf_by("hold.reviewed", &person)?.id(id.to_string());
        self.log.append(&leaf.fact("review", review.to_string()))?;
        self.store.review_hold(id, review)
    }

    /// Lets a hold go: what it preserved is deleted, by the clock ([`City::tend_holds`]) where that takes longer than some
    /// seconds.
    pub fn release_hold(&self, by: &PersonId, id: HoldId) -> Result<()> {
        let person = self.allowed(by, Action::PlaceHold)?;
        self.standing_hold(id)?;
        self.log.append_once(&self.leaf_by("hold.released", &person)?.id(id.to_string()))?;
        self.store.release_hold(id, self.now())?;
        if let Err(e) = self.delete_held(id, AT_ONCE, &Shutdown::new()) {
            tracing::warn!(hold = %id, error = %e.inside(), "what it preserved is deleted later");
        }
        Ok(())
    }

    /// The next preserved reads, sealed as they lie, for the court that has the key. That they were
    /// fetched is on the log first: once where each page is asked for behind the one before it, and anew wherever
    /// else somebody begins.
    pub fn held(&self, by: &PersonId, id: HoldId, after: Option<ReadId>) -> Result<HeldPage> {
        let person = self.allowed(by, Action::PlaceHold)?;
        self.standing_hold(id)?;
        let of = (id, by.clone());
        let fetching = || self.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        if after.is_none() || fetching().get(&of).copied() != after {
            self.log.append(&self.leaf_by("hold.fetched", &person)?.id(id.to_string()))?;
        }
        let reads = self.store.held(id, after)?;
        let next = reads.last().map(|held| held.id);
        if let Some(next) = next {
            fetching().insert(of, next);
        }
        Ok(HeldPage { reads: reads.into_iter().map(HeldLine::from).collect(), next })
    }

    pub(crate) fn standing_hold(&self, id: HoldId) -> Result<HoldRow> {
        let row = self.store.holds()?.into_iter().find(|row| row.id == id);
        match row.ok_or_else(|| Error::not_found("There is no such hold."))? {
            row if row.released.is_none() => Ok(row),
            _ => Err(Error::gone("This hold was released; what it preserved is deleted.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, at, clerk, counsel, person};
    use custody::HeldRead;
    use read::OpenKey;

    fn hold(town: &Town, paper: &str, key: &OpenKey, plate: Option<&str>) -> NewHold {
        NewHold {
            matter: "24-CV-0815, letter of 2026-11-01".into(),
            paper: paper.into(),
            cameras: Vec::new(),
            from: at("2026-11-01T11:00:00Z"),
            until: town.city.now(),
            plate: plate.map(String::from),
            review: town.city.now().plus_millis(90 * 86_400_000),
            key: key.public().unwrap().to_string(),
        }
    }

    fn opened(town: &Town, key: &OpenKey, id: HoldId) -> Vec<String> {
        let page = town.city.held(&clerk(), id, None).unwrap();
        let texts = page.reads.into_iter().map(|line| {
            let held: HeldRead = line.try_into().unwrap();
            let (read, _) = custody::open_held(key, &held).unwrap();
            read.odds.text().reveal(plate::Reason::Answer).to_owned()
        });
        texts.collect()
    }

    #[test]
    fn what_is_held_outlives_the_retention_and_opens_for_the_court_alone() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        ["7ABC128", "8XYZ001", "7ABC128"].into_iter().for_each(|plate| town.pass(plate));
        town.clock.advance(60_000);
        let key = OpenKey::generate();
        let paper = town.court_order(&key);
        let placed = |plate| town.city.place_hold(&clerk(), hold(&town, &paper, &key, plate));
        let (one, all) = (placed(Some("7ABC128")).unwrap(), placed(None).unwrap());
        let leaf = &town.logged("hold.placed")[0];
        let ours = base::hex(&base::sha256(key.public().unwrap().bytes()));
        assert_eq!((leaf.text("key"), leaf.text("paper_id")), (Some(&*ours), Some(&*paper)));
        assert_eq!(town.logged("paper.attested")[0].text("key"), Some(&*ours));
        assert_eq!((one.reads, all.reads), (2, 3));
        // The retention passes, and some hours, because the clock of this test leaps.
        for ms in [30 * 86_400_000, 7 * 3_600_000] {
            town.clock.advance(ms);
            town.city.retain().unwrap();
        }
        assert!(town.city.store.days().unwrap().is_empty());
        assert_eq!(opened(&town, &key, one.id), ["7ABC128", "7ABC128"]);
        assert_eq!(opened(&town, &key, all.id).len(), 3);
        let page = town.city.held(&clerk(), one.id, None).unwrap();
        let held: HeldRead = page.reads.into_iter().next().unwrap().try_into().unwrap();
        assert!(custody::open_held(&OpenKey::generate(), &held).is_err());
        let elsewhere = HeldRead { hold: all.id, ..held.clone() };
        assert!(custody::open_held(&key, &elsewhere).is_err());
        assert!(town.city.held(&clerk(), one.id, page.next).unwrap().reads.is_empty());
        // Whoever begins elsewhere than a logged page ended is on the log too.
        let first = ReadId::new(Time::from_millis(0), [0; 10]);
        assert_eq!(town.city.held(&clerk(), one.id, Some(first)).unwrap().reads.len(), 2);
        // A review moves the day, a release deletes.
        town.clock.advance(90 * 86_400_000);
        let overdue =
            |city: &City| city.holds(&clerk()).unwrap().holds.iter().filter(|h| h.overdue).count();
        assert_eq!(overdue(&town.city), 2);
        let later = town.city.now().plus_millis(86_400_000);
        town.city.review_hold(&clerk(), one.id, later).unwrap();
        town.city.release_hold(&clerk(), all.id).unwrap();
        assert_eq!(overdue(&town.city), 0);
        assert_eq!(town.city.held(&clerk(), all.id, None).err().unwrap().kind(), Kind::Gone);
        let of = |kind: &str| town.logged(kind).len();
        assert_eq!((of("hold.placed"), of("hold.preserved"), of("hold.fetched")), (2, 2, 4));
        assert_eq!((of("hold.reviewed"), of("hold.released")), (1, 1));
        assert_eq!(town.city.log.figures().holds.len(), 1);
    }

    #[test]
    fn a_hold_that_cannot_be_is_refused_and_changes_nothing() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        town.clock.advance(60_000);
        let key = OpenKey::generate();
        let paper = town.court_order(&key);
        let good = || hold(&town, &paper, &key, None);
        // A paper without a key, one that the placer has registered, one that was taken back.
        let warrant = town.warrant(town.city.now().plus_millis(86_400_000));
        let order = |who: &PersonId| {
            let new = crate::NewPaper {
                kind: crate::PaperKind::CourtOrder,
                reference: "24-CV-0815".into(),
                agency: None,
                key: Some(key.public().unwrap().to_string()),
                expires: town.city.now().plus_millis(86_400_000),
            };
            town.city.attest(who, new).unwrap().id
        };
        let (own, gone) = (order(&clerk()), order(&counsel()));
        town.city.withdraw_paper(&counsel(), &gone).unwrap();
        let size = town.city.log.size();
        let no = |by: &PersonId, new: NewHold, kind: Kind| {
            assert_eq!(town.city.place_hold(by, new).err().unwrap().kind(), kind);
        };
        no(&person(), good(), Kind::Forbidden);
        let ahead = town.city.now().plus_millis(60_000);
        no(&clerk(), NewHold { until: ahead, ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { until: good().from, ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { matter: " ".into(), ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { plate: Some("#".into()), ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { key: "AAAA".into(), ..good() }, Kind::Invalid);
        let theirs = OpenKey::generate().public().unwrap().to_string();
        no(&clerk(), NewHold { key: theirs, ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { paper: "pap_none".into(), ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { paper: warrant.clone(), ..good() }, Kind::Forbidden);
        no(&clerk(), NewHold { paper: own.clone(), ..good() }, Kind::Forbidden);
        no(&clerk(), NewHold { paper: gone.clone(), ..good() }, Kind::Invalid);
        no(&clerk(), NewHold { review: town.city.now(), ..good() }, Kind::Invalid);
        no(
            &clerk(),
            NewHold { cameras: vec!["cam_no".parse().unwrap()], ..good() },
            Kind::NotFound,
        );
        assert_eq!((town.city.log.size(), town.city.store.holds().unwrap().len()), (size, 0));
    }
}
