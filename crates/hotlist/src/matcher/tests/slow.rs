//! The matcher as one would write it first: every entry is weighed, one by one, with sums over all of them.

use crate::entry::{Entry, Terms, Tombstone};
use crate::model::{Prior, rest_weight};
use crate::{Found, search};
use base::{EntryId, ListId, Time};
use plate::{Belief, Reason, Text};
use read::{Read, StateBasis};
use std::collections::{BTreeMap, HashMap};

#[derive(Default)]
pub struct Slow {
    pub entries: Vec<Entry>,
    pub tombs: Vec<Tombstone>,
    pub terms: HashMap<ListId, Terms>,
    pub home: Option<String>,
}

fn spelled(state: &Option<String>) -> String {
    state.clone().unwrap_or_default().trim().to_lowercase()
}

fn relation(a: &str, b: &str) -> StateBasis {
    let (a, b) = (a.to_owned(), b.to_owned());
    let same = |x: &str, y: &str| x == y || x.ends_with(&format!("-{y}"));
    let country = |x: &str, y: &str| x.starts_with(&format!("{y}-"));
    match () {
        () if a.is_empty() || b.is_empty() => StateBasis::Unknown,
        () if same(&a, &b) || same(&b, &a) => StateBasis::Same,
        () if country(&a, &b) || country(&b, &a) => StateBasis::Unknown,
        () => StateBasis::Differs,
    }
}

fn letters(text: &str) -> Vec<u8> {
    text.chars().map(|c| c.to_digit(36).unwrap() as u8).collect()
}

impl Slow {
    pub fn put(&mut self, add: Vec<Entry>, remove: &[EntryId]) {
        let ids = add.iter().map(|e| e.id.clone()).chain(remove.iter().cloned());
        let gone: Vec<EntryId> = ids.collect();
        self.entries.retain(|e| !gone.contains(&e.id));
        self.extend(add);
    }

    pub fn put_list(&mut self, list: &ListId, entries: Vec<Entry>) {
        self.entries.retain(|e| e.list != *list);
        self.extend(entries);
    }

    /// Of two with one id the first counts, and a whole one before a partial one.
    fn extend(&mut self, add: Vec<Entry>) {
        self.entries.extend(add);
        self.entries.retain(|e| e.plate.exact().is_some() || e.plate.known() >= 3);
        let (whole, partial): (Vec<Entry>, _) =
            self.entries.drain(..).partition(|e| e.plate.exact().is_some());
        for e in whole.into_iter().chain(partial) {
            if self.entries.iter().all(|f| f.id != e.id) {
                self.entries.push(e);
            }
        }
    }

    fn terms(&self, list: &ListId) -> Terms {
        self.terms.get(list).cloned().unwrap_or_default()
    }

    fn rate(&self, e: &Entry) -> f64 {
        let same = |f: &&Entry| f.list == e.list && spelled(&f.state) == spelled(&e.state);
        1e-3 / self.entries.iter().filter(same).count() as f64
    }

    /// r and g of an entry's text, with what was read; no city has a home here but `us-ca`.
    fn ratio(&self, e: &Entry, text: &str, seen: &str) -> (f64, f64) {
        let state = spelled(&e.state);
        let share = |code: &str| {
            plate::density(&letters(text), code)
                .or_else(|| plate::density(&letters(text), &format!("us-{code}")))
                .unwrap_or(1e-8)
        };
        let home = self.home.clone().unwrap_or_default();
        if state.is_empty() {
            let like = if home.is_empty() { share(seen) } else { share(&home) };
            return ((self.rate(e) / like).min(4.0), 1.0);
        }
        let mut places = vec![state.clone()];
        for other in [home.clone(), seen.to_owned()] {
            if !other.is_empty()
                && places.iter().all(|p| relation(p, &other) == StateBasis::Differs)
            {
                places.push(other);
            }
        }
        let traffic = |of: &String| match () {
            () if home.is_empty() && *of == state => 0.5,
            () if !home.is_empty() && relation(of, &home) == StateBasis::Same => 0.9,
            () => 0.002,
        };
        let read_so = |of: &String| match relation(of, seen) {
            StateBasis::Same => 0.9,
            StateBasis::Unknown => 1.0,
            StateBasis::Differs => 0.002,
        };
        let weights: Vec<f64> = places.iter().map(|x| traffic(x) * read_so(x) * share(x)).collect();
        let left = 1.0 - places.iter().map(traffic).sum::<f64>();
        let others = left * if seen.is_empty() { 1.0 } else { 0.002 } * 0.2 * 1e-8;
        let g = weights[0] / (weights.iter().sum::<f64>() + others);
        ((self.rate(e) / share(&state)).min(4.0), g)
    }

    /// Whether a vehicle that an entry may be of was found again.
    fn silent(&self, e: &Entry, plate: &Text, now: Time) -> bool {
        let from = (e.from.millis() + 999) / 1000 * 1000;
        let found = self.tombs.iter().any(|t| {
            t.list == e.list
                && t.plate == *plate
                && relation(&spelled(&t.state), &spelled(&e.state)) != StateBasis::Differs
                && from <= t.found.millis()
                && now < t.until
        });
        found && e.plate.fits(plate.reveal(Reason::Matching))
    }

    fn live(&self, e: &Entry, now: Time) -> bool {
        let (s, from, to) = (now.millis(), e.from.millis(), e.expires.millis());
        let within = s >= (from + 999) / 1000 * 1000 && s < to / 1000 * 1000;
        let silent = e.plate.exact().is_some_and(|plate| self.silent(e, &plate, now));
        within && !silent && self.terms(&e.list).stale.is_none_or(|at| now < at)
    }

    /// Entry and probability, the most probable first.
    pub fn find(&self, read: &Read, now: Time) -> Vec<(String, f64)> {
        let belief = Belief::of(&read.odds, read.confidence);
        let rest = rest_weight(read);
        let threshold =
            self.entries.iter().map(|e| self.terms(&e.list).threshold).fold(1.0, f64::min);
        let fits = self.entries.iter().map(|e| self.terms(&e.list).fits).fold(1.0, f64::min);
        let asked = threshold * rest / (threshold * rest + 4.0 * (1.0 - threshold)) * (1.0 - 1e-9);
        let (_, floor) = search::texts(&belief, asked);
        let seen_state = spelled(&read.region);
        let mut out = Vec::new();
        let mut possible: Vec<(&Entry, String, f64)> = Vec::new();
        for e in self.entries.iter().filter(|e| self.live(e, now)) {
            let Some(text) = e.plate.exact() else { continue };
            let text = text.reveal(Reason::Matching).to_owned();
            let p = belief.probability(&letters(&text));
            if p >= floor {
                possible.push((e, text, p));
            }
        }
        let mut texts: Vec<(&String, f64)> = possible.iter().map(|(_, t, p)| (t, *p)).collect();
        texts.sort_by(|a, b| a.0.cmp(b.0));
        texts.dedup_by(|a, b| a.0 == b.0);
        // The shares of a text's listed cars: of those that are one car the largest.
        let shares = |text: &String| -> Vec<(String, f64)> {
            let of = possible.iter().filter(|(_, t, _)| t == text);
            let of = of.map(|(e, t, _)| (spelled(&e.state), self.ratio(e, t, &seen_state).1));
            let of: BTreeMap<String, f64> = of.collect();
            let outdone = |state: &String, g: f64| {
                of.iter()
                    .any(|(s, h)| relation(s, state) != StateBasis::Differs && (*h, s) > (g, state))
            };
            let left = of.iter().filter(|(s, g)| !outdone(s, **g));
            left.map(|(s, g)| (s.clone(), *g)).collect()
        };
        let share = |text: &String| shares(text).iter().map(|s| s.1).sum::<f64>().min(1.0);
        let listed: f64 = texts.iter().map(|(t, p)| p * share(t)).sum();
        let weight = |e: &Entry, text: &str, p: f64| {
            let (r, g) = self.ratio(e, text, &seen_state);
            p * r * g
        };
        for (e, text, p) in &possible {
            let state = spelled(&e.state);
            let mut others: HashMap<(&String, String), f64> = HashMap::new();
            for (f, t, q) in &possible {
                if t != text || relation(&spelled(&f.state), &state) == StateBasis::Differs {
                    let of = others.entry((t, spelled(&f.state))).or_default();
                    *of = of.max(weight(f, t, *q));
                }
            }
            let own = weight(e, text, *p);
            let differs = |s: &&(String, f64)| relation(&s.0, &state) == StateBasis::Differs;
            let strangers: f64 = shares(text).iter().filter(differs).map(|s| s.1).sum();
            let of_state = self.ratio(e, text, &seen_state).1;
            let twin = *p * (1.0 - of_state - strangers.min(1.0)).max(0.0);
            let unlisted: f64 = 1.0 - *p - (listed - *p * share(text));
            let all = own + others.values().sum::<f64>() + twin + unlisted.max(0.0) * rest;
            if own / all >= self.terms(&e.list).threshold {
                out.push((e.id.to_string(), own / all));
            }
        }
        for e in self.entries.iter().filter(|e| e.plate.exact().is_none() && self.live(e, now)) {
            if self.silent(e, &read.odds.text(), now) {
                continue;
            }
            let p = fits_pattern(&belief, e.plate.reveal(Reason::Matching));
            let many = (Prior::default().texts / 14f64.powi(e.plate.known() as i32)).max(1.0);
            let other = relation(&spelled(&e.state), &seen_state) == StateBasis::Differs;
            let r = (self.rate(e) * 1e8).min(4.0) * if other { 0.1 } else { 1.0 };
            let own = p * r / many;
            let q = own / (own + p + (1.0 - p) * rest);
            let terms = self.terms(&e.list);
            if p >= floor.min(fits) && (q >= terms.threshold || p >= terms.fits) {
                out.push((e.id.to_string(), q));
            }
        }
        out.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        out
    }
}

/// Every filling of the star is tried.
fn fits_pattern(belief: &Belief, pattern: &str) -> f64 {
    for fill in 0..=12 {
        let filled = pattern.replacen('*', &"?".repeat(fill), 1);
        if filled.len() == belief.len() {
            let known = filled.chars().enumerate().filter(|(_, c)| *c != '?');
            let p: f64 = known.map(|(i, c)| belief.at(i, c.to_digit(36).unwrap() as u8)).product();
            return belief.whole() * p;
        }
    }
    0.0
}

/// The same of what the real matcher found.
pub fn shown(found: &[Found]) -> Vec<(String, f64)> {
    found.iter().map(|f| (f.entry.to_string(), f.probability)).collect()
}
