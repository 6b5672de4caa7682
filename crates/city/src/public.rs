//! What everybody may see. Its figures come from the log alone, so `verify` can recompute them.

use crate::published;
use crate::{City, Event, LogEntry, LogPage, Public, PublicCamera, PublicOrder};
use base::Result;
use ledger::{CameraState, Figures};

/// Entries that are looked at for one page of a sort of entries, at the most.
const LOOKED: u64 = 8192;
/// Entries that are read at a time.
const STEP: u64 = 256;

/// Which way to turn the pages of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Entries with smaller numbers than this one.
    Below(u64),
    /// Entries with larger ones.
    Above(u64),
}

/// A page of the public log.
#[derive(Clone, Debug)]
pub struct Newest {
    /// The newest first.
    pub entries: Vec<LogEntry>,
    /// How many entries everybody may see.
    pub size: u64,
    /// Below which number older ones begin; none where there are none.
    pub older: Option<u64>,
    /// Above which number newer ones begin.
    pub newer: Option<u64>,
}

/// What tells the city's log from others.
#[derive(Clone, Debug)]
pub struct LogName {
    /// Its origin line.
    pub origin: String,
    /// Its public key in the form of a signed note's verifier key.
    pub vkey: String,
    /// The witness rule in one sentence.
    pub witness: String,
}

impl City {
    /// The public page's content.
    pub fn public(&self) -> Result<Public> {
        match self.shown()?.map(|shown| (shown.figures.clone(), shown.size)) {
            Some((figures, size)) => self.as_public(figures, size),
            None => self.present(),
        }
    }

    /// The same for those who run the city: of the whole log, however much later the public is shown it.
    pub fn present(&self) -> Result<Public> {
        self.as_public(self.log.figures(), self.log.size())
    }

    /// The cameras as they stand now, by the whole log: for pages that need no more of it.
    pub fn cameras_now(&self) -> Vec<PublicCamera> {
        let mut figures = self.log.figures();
        figures.advance(self.now());
        cameras_of(&figures)
    }

    /// How many reads there are of this UTC day, by the whole log.
    pub fn reads_today(&self) -> u64 {
        let today = self.now().day();
        self.log.figures().reads_by_day.get(&today).copied().unwrap_or_default()
    }

    /// What tells the city's log from others, for pages that need no more of it.
    pub fn log_name(&self) -> Result<LogName> {
        Ok(LogName {
            origin: crate::succeed::origin(&self.dir, &self.config),
            vkey: self.vkey(),
            witness: self.witness_words()?,
        })
    }

    fn as_public(&self, mut figures: Figures, size: u64) -> Result<Public> {
        // Scheduled orders begin and end without an entry.
        figures.advance(self.now());
        Ok(Public {
            city: self.config.city.name.clone(),
            now: self.now(),
            cameras: cameras_of(&figures),
            orders: self.public_orders(size),
            figures,
            retention_days: self.config.retention.reads_days,
            origin: crate::succeed::origin(&self.dir, &self.config),
            log_size: size,
            vkey: self.vkey(),
            witness: self.witness_words()?,
            delay_minutes: self.config.log.delay_minutes,
            rules: self.rules().hash(),
        })
    }

    /// Orders to switch capture off that are in force or to come, the next first.
    fn public_orders(&self, size: u64) -> Vec<PublicOrder> {
        let now = self.now();
        let switches = self.switches();
        let lasts = |o: &&crate::said::Given| {
            let over = o.over.filter(|(entry, _)| *entry < size);
            o.entry < size && over.is_none() && o.until.is_none_or(|until| until > now)
        };
        let told = |o: &crate::said::Given| {
            let text = |key: &str| o.leaf.text(key).map(str::to_owned);
            Some(PublicOrder {
                id: o.leaf.id.as_ref()?.parse().ok()?,
                group: text("group"),
                cameras: o
                    .cameras
                    .as_ref()
                    .map(|some| some.iter().filter_map(|camera| camera.parse().ok()).collect()),
                from: o.from,
                until: o.until,
                begun: o.from <= now,
                erases: text("spool").as_deref() == Some("erase"),
                reason: text("reason").unwrap_or_default(),
            })
        };
        let mut out: Vec<PublicOrder> =
            switches.said.orders.values().filter(lasts).filter_map(told).collect();
        out.sort_by_key(|order| (order.from, order.id));
        out
    }

    /// At most `limit` entries of the public log, the oldest first, from behind entry `after`.
    pub fn log_page(&self, limit: u32, after: Option<u64>) -> Result<LogPage> {
        let size = self.public_size()?;
        let from = after.map_or(0, |after| after.saturating_add(1)).min(size);
        let to = from.saturating_add(u64::from(limit)).min(size);
        let leaves = self.log.leaves(from, to)?;
        let entries = (from..).zip(leaves).map(|(index, leaf)| LogEntry { index, leaf }).collect();
        Ok(LogPage { entries, size, next: (to < size).then(|| to.saturating_sub(1)) })
    }

    /// At most `limit` entries of the public log, the newest first, of one type where it is named. Of a rare type a
    /// page may hold fewer, and older ones all the same: one page looks at so many entries and no more.
    pub fn log_newest(&self, kind: Option<&str>, turn: Turn, limit: usize) -> Result<Newest> {
        let size = self.public_size()?;
        let fits = |entry: &LogEntry| kind.is_none_or(|kind| entry.leaf.kind == kind);
        let (mut entries, mut looked) = (Vec::new(), 0);
        // What was looked at is [from, to).
        let (mut from, mut to) = match turn {
            Turn::Below(n) => (n.min(size), n.min(size)),
            Turn::Above(n) => (n.saturating_add(1).min(size), n.saturating_add(1).min(size)),
        };
        let down = matches!(turn, Turn::Below(_));
        while looked < LOOKED && entries.len() < limit && if down { from > 0 } else { to < size } {
            let part = match down {
                true => from.saturating_sub(STEP)..from,
                false => to..to.saturating_add(STEP).min(size),
            };
            let leaves = self.log.leaves(part.start, part.end)?;
            let read = part.zip(leaves).map(|(index, leaf)| LogEntry { index, leaf });
            let mut read: Vec<LogEntry> = read.collect();
            if down {
                read.reverse();
            }
            if read.is_empty() {
                break;
            }
            for entry in read {
                if entries.len() == limit {
                    break;
                }
                if down {
                    from = entry.index
                } else {
                    to = entry.index + 1
                }
                looked += 1;
                if fits(&entry) {
                    entries.push(entry);
                }
            }
        }
        if !down {
            entries.reverse();
        }
        let older = (from > 0).then_some(from);
        let newer = (to < size).then(|| to.saturating_sub(1));
        Ok(Newest { entries, size, older, newer })
    }

    /// The receipt of an entry: under the witnesses' checkpoint where they have signed for it.
    pub fn receipt(&self, index: u64) -> Result<String> {
        let newest = match self.shown()? {
            Some(shown) if index >= shown.size => return Err(published::not_yet()),
            Some(shown) => Some(shown.checkpoint.clone()),
            None => None,
        };
        let cosigned = self.cosigned()?.filter(|(size, _)| *size > index).map(|(_, text)| text);
        let entry = match cosigned.or(newest) {
            Some(checkpoint) => self.log.entry_under(index, &checkpoint)?,
            None => self.log.entry(index)?,
        };
        Ok(entry.receipt())
    }

    /// How many entries the log has.
    pub fn log_size(&self) -> u64 {
        self.log.size()
    }

    /// Bytes that may still be written to the disk of the city's data.
    pub fn disk_free(&self) -> Result<u64> {
        Ok(base::disk_room(&self.dir)?.0)
    }

    /// An event of this moment.
    pub(crate) fn event(&self, kind: &str) -> Event {
        Event {
            at: self.now(),
            kind: kind.into(),
            camera: None,
            id: None,
            log_entry: None,
            sealed: None,
        }
    }
}

fn cameras_of(figures: &Figures) -> Vec<PublicCamera> {
    let camera = |(id, state): (&String, &CameraState)| {
        Some(PublicCamera {
            id: id.parse().ok()?,
            name: state.name.clone(),
            on: state.on,
            since: state.since,
            retired: state.retired,
        })
    };
    figures.cameras.iter().filter_map(camera).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::Town;

    fn numbers(page: &Newest) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn pages_of_the_log_are_turned_both_ways() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        for n in 0..600 {
            town.city.log.append(&town.city.leaf("audit.started").id(format!("a{n}"))).unwrap();
        }
        let size = town.city.log_size();
        let newest = town.city.log_newest(None, Turn::Below(u64::MAX), 100).unwrap();
        assert_eq!(numbers(&newest), (size - 100..size).rev().collect::<Vec<_>>());
        assert_eq!((newest.older, newest.newer), (Some(size - 100), None));
        let next = town.city.log_newest(None, Turn::Below(size - 100), 100).unwrap();
        assert_eq!(numbers(&next), (size - 200..size - 100).rev().collect::<Vec<_>>());
        assert_eq!(next.newer, Some(size - 101));
        let back = town.city.log_newest(None, Turn::Above(size - 101), 100).unwrap();
        assert_eq!(numbers(&back), numbers(&newest));
        assert_eq!(back.older, newest.older);
        let last = town.city.log_newest(None, Turn::Below(3), 100).unwrap();
        assert_eq!((numbers(&last), last.older), (vec![2, 1, 0], None));
        let rules = town.city.log_newest(Some("policy.activated"), Turn::Below(u64::MAX), 100);
        let rules = rules.unwrap();
        assert_eq!((rules.entries.len(), rules.older, rules.newer), (1, None, None));
        let none = town.city.log_newest(Some("no.such"), Turn::Above(u64::MAX), 100).unwrap();
        assert!(none.entries.is_empty());
    }

    /// What a page asks for alone is what stands beside it in the whole.
    #[test]
    fn pages_are_told_a_part_of_the_whole() {
        let town = Town::new("2026-11-01T12:00:00Z", "");
        town.pass("7ABC128");
        town.city.tally().unwrap();
        let (whole, log) = (town.city.present().unwrap(), town.city.log_name().unwrap());
        let json = |cameras: Vec<PublicCamera>| serde_json::to_value(cameras).unwrap();
        assert_eq!(town.city.reads_today(), whole.figures.reads_by_day[&whole.now.day()]);
        assert_eq!((log.origin, log.vkey, log.witness), (whole.origin, whole.vkey, whole.witness));
        assert_eq!(json(town.city.cameras_now()), json(whole.cameras));
    }

    #[test]
    fn a_page_of_the_log_shows_no_more_than_the_public_sees() {
        let town = Town::new("2026-11-01T12:00:00Z", "[log]\ndelay_minutes=30\n");
        town.clock.advance(40 * 60_000);
        let before = town.city.log_newest(None, Turn::Below(u64::MAX), 500).unwrap();
        town.city.log.append(&town.city.leaf("audit.started").id("a")).unwrap();
        let after = town.city.log_newest(None, Turn::Below(u64::MAX), 500).unwrap();
        assert_eq!(numbers(&before), numbers(&after));
        assert!(!before.entries.is_empty() && after.size < town.city.log_size());
    }
}
