//! Everything that is looked for at a moment, as one value that never changes.
//!
//! A large table, a small one laid over it for what was added since, the rows of the large one that are gone,
//! partial plates, tombstones, terms. Who matches holds one `Arc` of it for a batch; who changes something makes
//! a new one beside it, of the old one's parts where they stay the same.

use crate::entry::{Entry, Terms, Tombstone};
use crate::key;
use crate::model::{self, Car, Prior, spelled};
use crate::partials::{Partial, Partials, whole};
use crate::search;
use crate::table::{Builder, Row, Table, begins, ends};
use crate::whole::spellings;
use base::{EntryId, ListId, Time};
use plate::{Belief, Reason, Text};
use read::{Basis, Read, TextBasis};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Rows that may lie over the large table, or be gone from it, before it is laid out anew: this many, or
/// one in fifty.
const OVER: usize = 10_000;
const OVER_SHARE: usize = 50;

/// A read that is probably a listed vehicle: a question to a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The entry.
    pub entry: EntryId,
    /// Its list.
    pub list: ListId,
    /// How pressing the entry is.
    pub priority: u8,
    /// P(the pass is the listed vehicle), 0 to 1.
    pub probability: f64,
    /// How it came to be taken for it.
    pub basis: Basis,
    /// Whether it reaches the list's threshold; otherwise it is only counted.
    pub(crate) raised: bool,
    /// Whether the list's proposals are counted.
    pub(crate) counted: bool,
}

/// What became of entries that were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Looked for from now on, an id that stood twice once.
    pub taken: usize,
    /// Partial plates that name too few characters, or have more than one star; and what exceeds four
    /// billion.
    pub refused: usize,
}

/// What holds for all entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub prior: Prior,
    /// Terms of lists that have none of their own.
    pub usual: Terms,
    pub terms: HashMap<ListId, Terms>,
}

/// A tombstone, by its plate's key.
#[derive(Clone)]
struct Tomb {
    list: ListId,
    state: String,
    found: Time,
    until: Time,
}

#[derive(Clone, Default)]
pub(crate) struct Index {
    base: Arc<Table>,
    over: Arc<Table>,
    /// Rows of `base` that are gone.
    dead: Arc<HashSet<usize>>,
    partials: Arc<Partials>,
    tombs: Arc<HashMap<u64, Vec<Tomb>>>,
    pub settings: Settings,
    figures: Figures,
}

/// What follows from the rest, worked out once.
#[derive(Clone, Default)]
struct Figures {
    /// s/n by cell and terms by list: of `base`, and of `over`.
    tables: [(Vec<f64>, Vec<Terms>); 2],
    /// s/n and terms by partial entry.
    partials: Vec<(f64, Terms)>,
    /// The city's own state as it is compared.
    home: String,
    /// The lowest threshold, the lowest `fits`.
    threshold: f64,
    fits: f64,
}

/// What a read says.
struct Seen {
    belief: Belief,
    /// The reader's own best text.
    best: Text,
    /// As it is compared.
    state: String,
    /// u of the module's header of `model`.
    rest: f64,
}

/// A live row of a car.
struct Listed<'a> {
    car: usize,
    table: usize,
    row: &'a Row,
}

impl Index {
    /// An index of nothing with these settings.
    pub fn of(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// How many entries there are, live or not.
    pub fn len(&self) -> usize {
        self.base.len() - self.dead.len() + self.over.len() + self.partials.entries().len()
    }

    /// These entries and no others.
    pub fn loaded(&self, entries: impl Iterator<Item = Entry>) -> (Self, Loaded) {
        let (table, partials, loaded) =
            lay_out(Builder::new(entries.size_hint().0), Vec::new(), entries);
        let fresh = Self {
            base: Arc::new(table),
            over: Arc::default(),
            dead: Arc::default(),
            partials: Arc::new(Partials::new(partials)),
            ..self.clone()
        };
        (fresh.figured(), loaded)
    }

    /// The entries of one list replaced; ids that another list has stay with it.
    pub fn with_list(&self, list: &ListId, entries: impl Iterator<Item = Entry>) -> (Self, Loaded) {
        let expected = self.base.len() + self.over.len() + entries.size_hint().0;
        let mut builder = Builder::new(expected);
        self.copy(&mut builder, |of| of != list);
        let kept =
            self.partials.entries().iter().filter(|p| p.entry.list != *list).cloned().collect();
        let before = self.len() - self.count(list);
        let (table, partials, mut loaded) = lay_out(builder, kept, entries);
        let fresh = Self {
            base: Arc::new(table),
            over: Arc::default(),
            dead: Arc::default(),
            partials: Arc::new(Partials::new(partials)),
            ..self.clone()
        };
        loaded.taken = fresh.len().saturating_sub(before);
        (fresh.figured(), loaded)
    }

    /// Some entries more, and some fewer; what is added takes the place of what has its id.
    pub fn changed(&self, add: Vec<Entry>, remove: &[EntryId]) -> (Self, Loaded) {
        let mut gone: HashSet<&EntryId> = remove.iter().collect();
        gone.extend(add.iter().map(|e| &e.id));
        let mut dead = HashSet::clone(&self.dead);
        dead.extend(gone.iter().filter_map(|id| self.base.by_id(id)));
        let out: HashSet<usize> = gone.iter().filter_map(|id| self.over.by_id(id)).collect();
        let mut partials = self.partials.clone();
        if gone.iter().any(|id| partials.by_id(id)) {
            let kept = partials.entries().iter().filter(|p| !gone.contains(&p.entry.id));
            partials = Arc::new(Partials::new(kept.cloned().collect()));
        }
        let mut builder = Builder::new(self.over.len() + add.len());
        let kept = (0..self.over.len()).filter(|at| !out.contains(at));
        kept.for_each(|at| {
            builder.copy(&self.over, self.over.row(at));
        });
        let (over, more, mut loaded) = lay_out(builder, Vec::new(), add.into_iter());
        loaded.taken = over.len() - (self.over.len() - out.len()) + more.len();
        if !more.is_empty() {
            let all = partials.entries().iter().cloned().chain(more);
            partials = Arc::new(Partials::new(all.collect()));
        }
        let mut fresh =
            Self { over: Arc::new(over), dead: Arc::new(dead), partials, ..self.clone() };
        let lying = fresh.over.len() + fresh.dead.len();
        if lying > OVER.max(fresh.base.len() / OVER_SHARE) {
            let mut builder = Builder::new(fresh.base.len() + fresh.over.len());
            fresh.copy(&mut builder, |_| true);
            fresh.base = Arc::new(builder.finish());
            (fresh.over, fresh.dead) = (Arc::default(), Arc::default());
        }
        (fresh.figured(), loaded)
    }

    /// Other settings.
    pub fn set(&self, settings: Settings) -> Self {
        Self { settings, ..self.clone() }.figured()
    }

    /// These tombstones and no others.
    pub fn silenced(&self, tombstones: Vec<Tombstone>) -> Self {
        let mut tombs: HashMap<u64, Vec<Tomb>> = HashMap::new();
        for t in tombstones {
            let state = spelled(t.state.as_deref());
            let tomb = Tomb { list: t.list, state, found: t.found, until: t.until };
            tombs.entry(key::of(&t.plate)).or_default().push(tomb);
        }
        Self { tombs: Arc::new(tombs), ..self.clone() }
    }

    /// The live entries that a read reaches the terms of, the most probable first.
    pub fn matches(&self, read: &Read, now: Time) -> Vec<Found> {
        if self.len() == 0 {
            return Vec::new();
        }
        let seen = Seen {
            belief: Belief::of(&read.odds, read.confidence),
            best: read.odds.text(),
            state: spelled(read.region.as_deref()),
            rest: model::rest_weight(read),
        };
        let floor = model::floor(self.settings.prior.most(), self.figures.threshold, seen.rest);
        let mut out = self.whole(&seen, now, floor);
        self.partial(&seen, now, floor, &mut out);
        out.sort_by(|a, b| {
            b.probability.total_cmp(&a.probability).then_with(|| a.entry.cmp(&b.entry))
        });
        out
    }

    /// The live entries of a plate, by id; O and 0, and I and 1, are one character.
    pub fn listed(&self, plate: &Text, now: Time) -> Vec<EntryId> {
        let spellings = spellings(plate);
        let keys: Vec<u64> = spellings.iter().map(key::of).collect();
        let mut out = Vec::new();
        for (at, table) in [&self.base, &self.over].into_iter().enumerate() {
            let rows =
                keys.iter().flat_map(|key| table.find(*key).map(move |number| (*key, number)));
            for (key, number) in rows {
                let row = table.row(number);
                let list = &table.lists[usize::from(row.list)];
                let terms = &self.figures.tables[at].1[usize::from(row.list)];
                let state = table.states[usize::from(row.state)].as_str();
                let gone = at == 0 && self.dead.contains(&number);
                if !gone
                    && row.live(now)
                    && !stale(terms, now)
                    && !self.silent(key, list, state, row.from(), now)
                {
                    out.push(table.id(row));
                }
            }
        }
        let second = now.millis() / 1000;
        for (at, partial) in self.partials.entries().iter().enumerate() {
            let entry = &partial.entry;
            let live = second >= i64::from(begins(entry)) && second < i64::from(ends(entry));
            let fits = |plate: &Text| entry.plate.fits(plate.reveal(Reason::Matching));
            let found = |plate: &Text| self.found(partial, plate, now);
            let old = stale(&self.figures.partials[at].1, now);
            if live && !old && spellings.iter().any(fits) && !spellings.iter().any(found) {
                out.push(entry.id.clone());
            }
        }
        out.sort();
        out
    }

    /// Lists with whole plates whose proposals are counted, those left out that are too old to be matched.
    pub fn counting(&self, now: Time) -> impl Iterator<Item = &ListId> {
        let tables = [&self.base, &self.over].into_iter().zip(&self.figures.tables);
        tables
            .flat_map(|(table, (_, terms))| table.lists.iter().zip(terms))
            .filter(move |(_, terms)| terms.counted && !stale(terms, now))
            .map(|(list, _)| list)
    }

    fn whole(&self, seen: &Seen, now: Time, floor: f64) -> Vec<Found> {
        let (keys, floor) = search::texts(&seen.belief, floor);
        let (mut cars, mut listed, mut known) = (Vec::new(), Vec::new(), 0.0);
        for key in keys {
            let there = [&self.base, &self.over].map(|table| table.may_have(key));
            if there == [false; 2] {
                continue;
            }
            let p = seen.belief.probability(&key::unpack(key));
            if p < floor {
                continue;
            }
            let before = cars.len();
            for (table, _) in there.iter().enumerate().filter(|(_, may)| **may) {
                self.gather(key, p, table, &seen.state, now, &mut cars, &mut listed);
            }
            known += p * model::share(&mut cars[before..]);
        }
        listed.iter().filter_map(|l| self.weigh(l, &cars, known, seen)).collect()
    }

    /// Adds the live rows of a key, and their cars.
    #[allow(clippy::too_many_arguments)] // one step of one walk
    fn gather<'a>(
        &'a self,
        key: u64,
        p: f64,
        at: usize,
        seen_state: &str,
        now: Time,
        cars: &mut Vec<Car<'a>>,
        listed: &mut Vec<Listed<'a>>,
    ) {
        let table = [&self.base, &self.over][at];
        for number in table.find(key) {
            let row = table.row(number);
            let list = &table.lists[usize::from(row.list)];
            let terms = &self.figures.tables[at].1[usize::from(row.list)];
            let state = table.states[usize::from(row.state)].as_str();
            let gone = at == 0 && self.dead.contains(&number);
            if gone
                || !row.live(now)
                || stale(terms, now)
                || self.silent(key, list, state, row.from(), now)
            {
                continue;
            }
            let rate = self.figures.tables[at].0[table.cell(row)];
            let car = cars.iter().position(|c: &Car<'_>| c.key == key && c.state == state);
            let car = car.unwrap_or_else(|| {
                let relation = model::states(state, seen_state);
                let (density, of_state) =
                    self.settings.prior.state(key, state, seen_state, &self.figures.home);
                let counts = false;
                cars.push(Car { key, p, state, relation, density, of_state, rate, counts });
                cars.len() - 1
            });
            cars[car].rate = cars[car].rate.max(rate);
            listed.push(Listed { car, table: at, row });
        }
    }

    fn weigh(&self, l: &Listed<'_>, cars: &[Car<'_>], known: f64, seen: &Seen) -> Option<Found> {
        let table = [&self.base, &self.over][l.table];
        let (rates, terms) = &self.figures.tables[l.table];
        let terms = &terms[usize::from(l.row.list)];
        let probability = model::posterior(
            cars,
            l.car,
            rates[table.cell(l.row)],
            known,
            seen.rest,
            &self.settings.prior,
        );
        (probability >= terms.least()).then(|| Found {
            raised: probability >= terms.threshold,
            counted: terms.counted,
            entry: table.id(l.row),
            list: table.lists[usize::from(l.row.list)].clone(),
            priority: l.row.priority,
            probability,
            basis: model::basis(
                &seen.belief,
                &key::unpack(key::of(&seen.best)),
                &key::unpack(l.row.key),
                cars[l.car].relation,
            ),
        })
    }

    fn partial(&self, seen: &Seen, now: Time, floor: f64, out: &mut Vec<Found>) {
        let best = key::unpack(key::of(&seen.best));
        let least = floor.min(self.figures.fits);
        for (at, partial) in self.partials.candidates(&seen.belief, least) {
            let (entry, (rate, terms)) = (&partial.entry, &self.figures.partials[at]);
            let second = now.millis() / 1000;
            let live = second >= i64::from(begins(entry)) && second < i64::from(ends(entry));
            if !live || stale(terms, now) || self.found(partial, &seen.best, now) {
                continue;
            }
            let (p, places) = partial.fits(&seen.belief, &best);
            let relation = model::states(&partial.state, &seen.state);
            let prior = &self.settings.prior;
            let probability = model::partial(p, partial.known, *rate, relation, prior, seen.rest);
            if p >= least && (probability >= terms.threshold || p >= terms.fits) {
                let basis = Basis { text: TextBasis::Partial, state: relation, places };
                let (id, list) = (entry.id.clone(), entry.list.clone());
                // A part of a plate asks for every car that fits, whatever a budget says.
                let (priority, raised, counted) = (entry.priority, true, false);
                out.push(Found { entry: id, list, priority, probability, basis, raised, counted });
            }
        }
    }

    fn silent(&self, key: u64, list: &ListId, state: &str, from: Time, now: Time) -> bool {
        let of = self.tombs.get(&key).into_iter().flatten();
        of.into_iter().any(|t| {
            t.list == *list
                && now < t.until
                && from <= t.found
                && model::states(state, &t.state) != read::StateBasis::Differs
        })
    }

    /// Whether a plate is that of a vehicle of a partial entry's list that was found again: what half of a plate asks for
    /// is every car that fits but this.
    fn found(&self, partial: &Partial, plate: &Text, now: Time) -> bool {
        partial.entry.plate.fits(plate.reveal(Reason::Matching))
            && self.is_found(&partial.entry, plate, now)
    }

    /// Whether the vehicle with a plate that fits an entry was found again.
    pub fn is_found(&self, entry: &Entry, plate: &Text, now: Time) -> bool {
        let key = key::of(plate);
        let from = Time::from_millis(i64::from(begins(entry)) * 1000);
        self.tombs.contains_key(&key)
            && self.silent(key, &entry.list, &spelled(entry.state.as_deref()), from, now)
    }

    /// Entries of a list.
    pub fn count(&self, list: &ListId) -> usize {
        let whole = self.live_counts().into_iter().filter(|((l, _), _)| *l == list);
        whole.map(|(_, n)| n).sum()
    }

    /// Entries by list and state.
    fn live_counts(&self) -> HashMap<(&ListId, &str), usize> {
        let mut all: HashMap<(&ListId, &str), usize> = HashMap::new();
        for (table, dead) in [(&self.base, Some(&self.dead)), (&self.over, None)] {
            let mut counts = table.counts().to_vec();
            for row in dead.into_iter().flat_map(|d| d.iter()) {
                counts[table.cell(table.row(*row))] -= 1;
            }
            for (cell, n) in counts.iter().enumerate().filter(|(_, n)| **n > 0) {
                let (list, state) = (cell / table.states.len(), cell % table.states.len());
                let of = (&table.lists[list], table.states[state].as_str());
                *all.entry(of).or_default() += *n as usize;
            }
        }
        for p in self.partials.entries() {
            *all.entry((&p.entry.list, p.state.as_str())).or_default() += 1;
        }
        all
    }

    /// Copies the whole plates of some lists.
    fn copy(&self, builder: &mut Builder, lists: impl Fn(&ListId) -> bool) {
        for (table, dead) in [(&self.base, Some(&self.dead)), (&self.over, None)] {
            for at in 0..table.len() {
                let row = table.row(at);
                let gone = dead.is_some_and(|d| d.contains(&at));
                if !gone && lists(&table.lists[usize::from(row.list)]) {
                    builder.copy(table, row);
                }
            }
        }
    }

    /// The same with its figures worked out.
    fn figured(mut self) -> Self {
        let of =
            |list: &ListId| self.settings.terms.get(list).unwrap_or(&self.settings.usual).clone();
        let counts = self.live_counts();
        let rate = |list: &ListId, state: &str| {
            self.settings.prior.rate(counts.get(&(list, state)).copied().unwrap_or(0))
        };
        let tables = [&self.base, &self.over].map(|table| {
            let cells = table.lists.iter().flat_map(|l| table.states.iter().map(move |s| (l, s)));
            (cells.map(|(l, s)| rate(l, s)).collect(), table.lists.iter().map(of).collect())
        });
        let partials = self.partials.entries().iter();
        let partials: Vec<(f64, Terms)> =
            partials.map(|p| (rate(&p.entry.list, &p.state), of(&p.entry.list))).collect();
        let terms: Vec<Terms> = counts.keys().map(|(list, _)| of(list)).collect();
        let least = |get: fn(&Terms) -> f64| terms.iter().map(get).fold(1.0, f64::min);
        self.figures = Figures {
            tables,
            partials,
            home: spelled(self.settings.prior.home.as_deref()),
            threshold: least(Terms::least),
            fits: least(|t| t.fits),
        };
        self
    }
}

fn stale(terms: &Terms, now: Time) -> bool {
    terms.stale.is_some_and(|at| now >= at)
}

/// A table of whole plates and the partial ones, of what a builder has already and of more. Of two with one id
/// the first counts, and a whole one before a partial one.
fn lay_out(
    mut builder: Builder,
    mut partials: Vec<Partial>,
    entries: impl Iterator<Item = Entry>,
) -> (Table, Vec<Partial>, Loaded) {
    let mut loaded = Loaded::default();
    let mut ids: HashSet<EntryId> = partials.iter().map(|p| p.entry.id.clone()).collect();
    for entry in entries {
        match whole(&entry) {
            Some(key) => loaded.refused += usize::from(!builder.push(&entry, key)),
            None => match Partial::of(entry) {
                Some(p) if ids.insert(p.entry.id.clone()) => partials.push(p),
                Some(_) => {}
                None => loaded.refused += 1,
            },
        }
    }
    let table = builder.finish();
    partials.retain(|p| table.by_id(&p.entry.id).is_none());
    loaded.taken = table.len() + partials.len();
    (table, partials, loaded)
}
