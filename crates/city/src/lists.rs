//! Hot lists: their settings, the entries that people of the city add, vehicles that were found again; and what
//! of all that the matcher is told.

use crate::imports::refused;
use crate::{City, Event, NewEntry};
use base::{EntryId, Error, ListId, PersonId, Result, Time};
use hotlist::import::{AskFirst, Clocks, DateOrder, Rules};
use hotlist::{Entry, HotList, ListAction, Prior, Terms, Tombstone, state_code};
use identity::{Person, machine_of};
use ledger::Leaf;
use plate::{Pattern, Text};
use policy::Action;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};
use store::{EntryRow, ImportRow, TombstoneRow};
use utoipa::ToSchema;

/// The longest life of an entry of a list without settings, in days: a year.
const LONGEST_DAYS: u32 = 366;
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
/// So many entries are read at a time.
pub(crate) const PAGE: u32 = 5000;

/// How a list is kept, and what it lets in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ListSettings {
    /// What people call it.
    pub name: String,
    /// What may be done about its hits.
    pub action: ListAction,
    /// The longest an entry may run, in days.
    pub max_days: u32,
    /// How long an entry without an end runs, in days; absent: it is refused.
    pub default_days: Option<u32>,
    /// Whether an end beyond `max_days` is brought back to it instead of refused.
    pub shorten: bool,
    /// Hours after an import at which the list is too old to be believed; absent: never.
    pub longest_age_hours: Option<u32>,
    /// How probable it must be that the vehicle is the listed one, 0.001 to 0.99999.
    pub threshold: f64,
    /// So many false hits a day are expected, 0.01 to 1000: the threshold follows from what the list proposed in the
    /// last days. Absent: it is `threshold`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_hits_a_day: Option<f64>,
    /// The categories that the city has adopted; everything else is dropped. Absent: nobody has said so, and no
    /// file with categories is read.
    #[schema(value_type = Option<Vec<String>>)]
    pub adopted: Option<BTreeSet<String>>,
    /// The category of files that name none, one of those that are adopted; absent: where categories are adopted, no
    /// such file is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The reason of rows that have none; absent: they are refused.
    pub reason: Option<String>,
    /// The case number of rows that have none; absent: they are refused.
    pub case: Option<String>,
    /// Where the list comes from, for rows that do not say.
    pub source: String,
    /// An import that removes more than so many percent of the entries asks first.
    pub shrinks_percent: u32,
    /// An import after which the list is more than so many percent longer asks first.
    pub grows_percent: u32,
    /// Whether dates with slashes begin with the day.
    pub day_first: bool,
    /// Whether two people have to find a hit right before it is confirmed.
    pub two_persons: bool,
    /// Whether people who decide hits may add entries of their own, two of them each.
    pub own_entries: bool,
}

impl Default for ListSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            action: ListAction::default(),
            max_days: 90,
            default_days: None,
            shorten: false,
            longest_age_hours: None,
            threshold: HotList::THRESHOLD,
            false_hits_a_day: None,
            adopted: None,
            category: None,
            reason: None,
            case: None,
            source: "import".into(),
            shrinks_percent: 10,
            grows_percent: 50,
            day_first: false,
            two_persons: false,
            own_entries: false,
        }
    }
}

impl ListSettings {
    fn check(&self) -> Result<()> {
        let short = |text: &str, most: usize| {
            (1..=most).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control)
        };
        let maybe = |text: &Option<String>| text.as_deref().is_none_or(|text| short(text, 200));
        let words = self.adopted.iter().flatten();
        let wrong = match () {
            () if !short(&self.name, 80) => "its name has 1 to 80 characters",
            () if !(1..=3660).contains(&self.max_days) => "max_days is 1 to 3660",
            () if self.default_days.is_some_and(|d| d == 0 || d > self.max_days) => {
                "default_days is 1 to max_days"
            }
            () if self.longest_age_hours.is_some_and(|h| !(1..=87_600).contains(&h)) => {
                "longest_age_hours is 1 to 87600"
            }
            () if !(0.001..=0.99999).contains(&self.threshold) => "threshold is 0.001 to 0.99999",
            () if self.false_hits_a_day.is_some_and(|n| !(0.01..=1000.0).contains(&n)) => {
                "false_hits_a_day is 0.01 to 1000"
            }
            () if self.adopted.as_ref().is_some_and(|all| all.len() > 200)
                || !words.clone().all(|word| short(word, 40)) =>
            {
                "adopted has at most 200 categories of 1 to 40 characters"
            }
            () if !self.category.as_ref().is_none_or(|word| self.has_adopted(word)) => {
                "category is one of those that are adopted"
            }
            () if !maybe(&self.reason) || !maybe(&self.case) || !short(&self.source, 80) => {
                "reason and case have 1 to 200 characters, and source 1 to 80"
            }
            () if self.shrinks_percent > 100 || self.grows_percent > 10_000 => {
                "shrinks_percent is 0 to 100, and grows_percent 0 to 10000"
            }
            () => return Ok(()),
        };
        Err(Error::invalid(format!("The list's settings are not accepted: {wrong}.")))
    }

    fn has_adopted(&self, category: &str) -> bool {
        let plain = |word: &str| word.trim().to_lowercase();
        self.adopted.iter().flatten().any(|word| plain(word) == plain(category))
    }

    /// What the list lets in; times in it that name no zone are these clocks'.
    pub(crate) fn rules(&self, clocks: Clocks) -> Rules {
        Rules {
            clocks,
            adopted: self.adopted.clone(),
            category: self.category.clone(),
            longest_days: self.max_days,
            usual_days: self.default_days,
            shorten: self.shorten,
            reason: self.reason.clone(),
            case: self.case.clone(),
            source: self.source.clone(),
            dates: if self.day_first { DateOrder::DayFirst } else { DateOrder::MonthFirst },
            ..Rules::default()
        }
    }

    /// When a change of it asks first.
    pub(crate) fn ask_first(&self) -> AskFirst {
        AskFirst {
            shrinks: f64::from(self.shrinks_percent) / 100.0,
            grows: f64::from(self.grows_percent) / 100.0,
            ..AskFirst::default()
        }
    }
}

/// A list as people see it; no plate in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ListView {
    /// The list.
    pub id: ListId,
    /// Its settings.
    pub settings: ListSettings,
    /// How many entries it has, ended ones among them until they are forgotten.
    pub entries: u64,
    /// The import that it stands at.
    pub import: Option<i64>,
    /// When that was brought.
    pub imported: Option<Time>,
    /// Rows of it that were refused: nobody looks for what stands in them.
    #[serde(default)]
    pub refused: u64,
    /// The first moment at which it is too old to be believed.
    pub stale_from: Option<Time>,
    /// Whether it is too old now: it raises no hits until it is imported again.
    pub stale: bool,
    /// An import that waits for a person.
    pub waiting: Option<i64>,
    /// How probable a hit must be now: as the settings say, or as it follows from so many false hits a day.
    #[serde(default)]
    pub threshold: f64,
    /// How it goes with fetching it, where the city does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<crate::FetchLine>,
}

/// A vehicle that was found again: by its entry, or by its plate.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewFound {
    /// The entry that looks for it.
    #[schema(value_type = Option<String>)]
    pub entry: Option<EntryId>,
    /// Its plate, where no entry is named.
    pub plate: Option<String>,
    /// Its state as `us-ca`, if known.
    pub state: Option<String>,
}

/// What silences it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoundLine {
    /// Its id.
    pub id: String,
    /// Until when older copies of the list say nothing of it.
    pub until: Time,
}

impl City {
    /// Adds an entry; from the next batch on it is matched.
    pub fn add_entry(&self, by: &PersonId, new: NewEntry) -> Result<EntryId> {
        let person = self.allowed(by, Action::EditHotList)?;
        Text::parse(&new.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        self.check_entry(&new)?;
        let id = new_entry_id()?;
        self.put_entry(&id, new, by, &person, None)?;
        Ok(id)
    }

    /// Writes an entry that was checked; `by` wrote it down, and the log shows who decided it. One that waited for that
    /// says since when: it must wait still, and is older than what was found meanwhile.
    pub(crate) fn put_entry(
        &self,
        id: &EntryId,
        new: NewEntry,
        by: &PersonId,
        person: &Person,
        waited: Option<Time>,
    ) -> Result<()> {
        let plate = Text::parse(&new.plate).map_err(|e| {
            Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
        })?;
        let plate = Pattern::from(plate);
        let mut found = self.tombstones()?;
        found.retain(|t| waited.is_none_or(|since| t.found <= since));
        let row = EntryRow {
            id: id.clone(),
            list: new.list.clone(),
            begins: begins_anew(&found, &new.list, &plate),
            plate,
            state: new.state.as_deref().and_then(state_code),
            reason: new.reason,
            case_no: new.case,
            expires: new.expires,
            added_by: by.clone(),
            category: None,
            priority: 0,
            source: String::new(),
            record: None,
            more_json: None,
            born: None,
        };
        let leaf = self.leaf_by("hotlist.changed", person)?;
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        if waited.is_some() && !self.store.wanted()?.iter().any(|w| w.id == *id) {
            return Err(Error::not_found("Nothing of that number waits."));
        }
        self.store.add_entry(&row)?;
        self.hot.update(vec![looked_for(row)], &[]);
        self.log_added(leaf, id, &new.list)
    }

    fn log_added(&self, leaf: Leaf, id: &EntryId, list: &ListId) -> Result<()> {
        let leaf = leaf
            .job("hotlist")
            .id(id.as_str())
            .fact("list", list.as_str())
            .fact("added", 1)
            .fact("removed", 0);
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.changed") });
        Ok(())
    }

    fn log_found(&self, leaf: Leaf, row: &TombstoneRow) -> Result<()> {
        let leaf = leaf.job("hotlist").id(row.id.as_str()).fact("list", row.list.as_str());
        let entry = self.log.append_once(&leaf)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.found") });
        Ok(())
    }

    /// Entries of people and found vehicles that are in force and not on the log: the process died, or the log could
    /// not be written to. An entry that is in force waits for nobody.
    pub(crate) fn log_lists(&self) -> Result<()> {
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, list) in self.store.own_entries()? {
            if !self.log.has("hotlist.changed", id.as_str()) {
                self.log_added(self.leaf("hotlist.changed"), &id, &list)?;
            }
        }
        for row in self.store.tombstones()? {
            if !self.log.has("hotlist.found", &row.id) {
                self.log_found(self.leaf("hotlist.found"), &row)?;
            }
        }
        for row in self.store.wanted()? {
            if self.store.entry(&row.id)?.is_some() {
                self.forget_one_wanted(&row.id)?;
            }
        }
        Ok(())
    }

    pub(crate) fn check_entry(&self, new: &NewEntry) -> Result<()> {
        if new.state.as_deref().is_some_and(|state| state_code(state).is_none()) {
            return Err(not_a_state());
        }
        let settings = self.list_settings(&new.list)?;
        let days = settings.map_or(LONGEST_DAYS, |s| s.max_days);
        let life = new.expires.since(self.now());
        if life <= 0 || life > i64::from(days) * DAY_MS {
            let within =
                if days == LONGEST_DAYS { "a year".into() } else { format!("{days} days") };
            return Err(Error::invalid(format!("An entry must end within {within} from now.")));
        }
        if !crate::config::case_fits(&self.config.cases.format, &new.case) {
            return Err(Error::invalid(format!(
                "The case number does not have this city's form {} (# is a digit).",
                self.config.cases.format
            )));
        }
        if new.reason.trim().is_empty() || new.reason.chars().count() > 200 {
            return Err(Error::invalid("Give the reason in 1 to 200 characters."));
        }
        Ok(())
    }

    /// Makes a list or changes its settings; they hold at once, and for entries from the next import on.
    pub fn set_list(
        &self,
        by: &PersonId,
        id: &ListId,
        settings: &ListSettings,
    ) -> Result<ListView> {
        let person = self.allowed(by, Action::EditHotList)?;
        // They say what asks a person first: no program may.
        if machine_of(by).is_some() {
            return Err(Error::forbidden("How a list is kept is for a person to say."));
        }
        settings.check()?;
        let json = serde_json::to_string(settings)
            .map_err(|e| Error::internal("The settings cannot be stored.").because(e))?;
        self.store.put_list(id, &json)?;
        self.set_terms()?;
        let adopted = settings.adopted.iter().flatten().map(String::as_str).collect::<Vec<_>>();
        let age = settings.longest_age_hours.map_or_else(|| "none".into(), |h| h.to_string());
        let leaf = self
            .leaf_by("hotlist.settings", &person)?
            .job("hotlist")
            .fact("list", id.as_str())
            .fact("action", settings.action.as_str())
            .fact("max_days", settings.max_days)
            .fact("longest_age_hours", age)
            .fact("threshold", settings.threshold.to_string())
            .fact("two_persons", settings.two_persons)
            .fact("own_entries", settings.own_entries)
            .fact("adopted", adopted.join(", "));
        let leaf = match settings.false_hits_a_day {
            Some(most) => leaf.fact("false_hits_a_day", most.to_string()),
            None => leaf,
        };
        let leaf = match &settings.category {
            Some(category) => leaf.fact("category", category.as_str()),
            None => leaf,
        };
        let entry = self.log.append(&leaf)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.settings") });
        self.list_view(id)
    }

    /// Every list, with its age.
    pub fn lists(&self, by: &PersonId) -> Result<Vec<ListView>> {
        self.may_see_lists(by)?;
        self.list_views()
    }

    /// One list.
    pub fn list(&self, by: &PersonId, id: &ListId) -> Result<ListView> {
        self.may_see_lists(by)?;
        self.list_view(id)
    }

    /// Keeps that a vehicle was found: what older copies of the list say of it raises no hits.
    pub fn found(&self, by: &PersonId, list: &ListId, new: NewFound) -> Result<FoundLine> {
        let person = self.allowed(by, Action::EditHotList)?;
        let days = self.list_settings(list)?.map_or(LONGEST_DAYS, |s| s.max_days);
        let found_in = new.state.as_deref();
        let found_in =
            found_in.map(|state| state_code(state).ok_or_else(not_a_state)).transpose()?;
        let (plate, state) = match (&new.entry, &new.plate) {
            (Some(entry), None) => {
                let row = self.store.entry(entry)?.filter(|row| &row.list == list);
                let row = row.ok_or_else(|| Error::not_found("This list has no such entry."))?;
                let whole = row.plate.exact().ok_or_else(|| {
                    Error::invalid("The entry knows half a plate; say which vehicle was found.")
                })?;
                (whole, as_code(row.state))
            }
            (None, Some(plate)) => (
                Text::parse(plate).map_err(|e| {
                    Error::invalid("Write the plate with 1 to 12 letters and digits.").because(e)
                })?,
                found_in,
            ),
            _ => return Err(Error::invalid("Name the entry, or the plate.")),
        };
        let now = self.now();
        let row = TombstoneRow {
            id: format!("fnd_{}", base::hex(&base::random::<16>())),
            list: list.clone(),
            plate,
            state,
            found: now,
            until: now.plus_millis(i64::from(days) * DAY_MS),
            by: person.id.clone(),
        };
        let leaf = self.leaf_by("hotlist.found", &person)?;
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.put_tombstone(&row)?;
        self.silence()?;
        self.log_found(leaf, &row)?;
        Ok(FoundLine { id: row.id, until: row.until })
    }

    /// Takes back that a vehicle was found: what the list says of it raises hits again.
    pub fn undo_found(&self, by: &PersonId, list: &ListId, id: &str) -> Result<FoundLine> {
        let person = self.allowed(by, Action::EditHotList)?;
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.store.tombstones()?;
        let this = rows
            .iter()
            .find(|row| row.list == *list && row.id == id)
            .ok_or_else(|| Error::not_found("Nothing of that number was found on this list."))?;
        // It may have been said twice, and each of them silences the vehicle.
        let same = |row: &&TombstoneRow| {
            let state = |row: &TombstoneRow| as_code(row.state.clone());
            row.list == this.list && row.plate == this.plate && state(row) == state(this)
        };
        for row in rows.iter().filter(same) {
            // Said first: what a crash leaves silent can be taken back again.
            let leaf = self.leaf_by("hotlist.unfound", &person)?.job("hotlist").id(&row.id);
            let entry = self.log.append_once(&leaf.fact("list", list.as_str()))?;
            self.store.drop_tombstone(list, &row.id)?;
            self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.unfound") });
        }
        self.silence()?;
        Ok(FoundLine { id: id.to_owned(), until: self.now() })
    }

    /// Whoever decides hits must see how old a list is; whoever keeps lists too.
    fn may_see_lists(&self, by: &PersonId) -> Result<Person> {
        self.allowed(by, Action::ViewHits)
            .or_else(|e| self.allowed(by, Action::EditHotList).map_err(|_| e))
    }

    /// The settings of a list that has some.
    pub(crate) fn list_settings(&self, id: &ListId) -> Result<Option<ListSettings>> {
        self.store.list(id)?.as_deref().map(parsed).transpose()
    }

    pub(crate) fn list_view(&self, id: &ListId) -> Result<ListView> {
        let all = self.list_views()?;
        let found = all.into_iter().find(|view| &view.id == id);
        found.ok_or_else(|| Error::not_found("There is no such list; make it first."))
    }

    pub(crate) fn list_views(&self) -> Result<Vec<ListView>> {
        let counts: BTreeMap<ListId, u64> = self.store.entry_counts()?.into_iter().collect();
        let mut views = self.kept_lists()?;
        for (list, entries) in &counts {
            match views.iter_mut().find(|view| &view.id == list) {
                Some(view) => view.entries = *entries,
                None => views.push(ListView::plain(list, *entries)),
            }
        }
        views.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(views)
    }

    /// The lists that are too old to be believed.
    pub(crate) fn stale_lists(&self) -> Result<Vec<ListView>> {
        Ok(self.kept_lists()?.into_iter().filter(|view| view.stale).collect())
    }

    /// The lists that have settings, without counts.
    fn kept_lists(&self) -> Result<Vec<ListView>> {
        let now = self.now();
        let view = |(id, json): (ListId, String)| {
            let settings = parsed(&json)?;
            let last = self.store.last_import_that_is(&id, "taken")?;
            let waiting = self.store.last_import_that_is(&id, "waiting")?;
            let stale_from = stale_from(&settings, last.as_ref());
            Ok(ListView {
                entries: 0,
                import: last.as_ref().map(|import| import.number),
                imported: last.as_ref().map(|import| import.made),
                refused: last.as_ref().map_or(0, refused),
                stale: stale_from.is_some_and(|at| now >= at),
                stale_from,
                waiting: waiting.map(|import| import.number),
                threshold: self.threshold_of(&id, &settings)?,
                fetch: self.fetch_line(&id)?,
                id,
                settings,
            })
        };
        self.store.lists()?.into_iter().map(view).collect()
    }

    /// Whether a list is too old to be believed.
    pub(crate) fn is_stale(&self, id: &ListId) -> Result<bool> {
        let Some(settings) = self.list_settings(id)? else { return Ok(false) };
        self.is_stale_by(id, &settings)
    }

    /// The same by the list's settings: where these name no age, its imports are not looked at.
    fn is_stale_by(&self, id: &ListId, settings: &ListSettings) -> Result<bool> {
        if settings.longest_age_hours.is_none() {
            return Ok(false);
        }
        let last = self.store.last_import_that_is(id, "taken")?;
        Ok(stale_from(settings, last.as_ref()).is_some_and(|at| self.now() >= at))
    }

    /// The lists that have settings: these, and whether the list is too old to be believed.
    pub(crate) fn lists_now(&self) -> Result<BTreeMap<ListId, (ListSettings, bool)>> {
        let list = |(id, json): (ListId, String)| {
            let settings = parsed(&json)?;
            let stale = self.is_stale_by(&id, &settings)?;
            Ok((id, (settings, stale)))
        };
        self.store.lists()?.into_iter().map(list).collect()
    }

    /// Entries of the store, page by page.
    pub(crate) fn pages<'a>(
        &'a self,
        of: Of<'a>,
    ) -> Pages<impl FnMut(Option<&EntryId>) -> Result<Vec<EntryRow>> + 'a> {
        Pages::new(move |after| match of {
            Of::All => self.store.entries_after(after, PAGE),
            Of::List(list) => self.store.listed_after(list, after, PAGE),
            Of::Imported(list) => self.store.imported_after(list, after, PAGE),
        })
    }

    /// Tells the matcher all but the entries: prior, terms, found vehicles.
    pub(crate) fn tell_matcher(&self) -> Result<()> {
        self.hot.set_prior(Prior { home: self.config.home_state(), ..Prior::default() });
        self.set_terms()?;
        self.silence()
    }

    /// Tells the matcher everything.
    pub(crate) fn reload_lists(&self) -> Result<()> {
        self.tell_matcher()?;
        self.lists_behind.store(true, Ordering::SeqCst);
        let mut pages = self.pages(Of::All);
        self.hot.load(pages.by_ref().map(looked_for));
        pages.done()?;
        self.lists_behind.store(false, Ordering::SeqCst);
        Ok(())
    }

    /// Changes one list in the store and tells the matcher what stands in it then, unless its entries stay as they are
    /// (`entries`): then its age alone. Whatever fails on the way, the matcher may know another list than the store,
    /// until [`City::mend_lists`]. Whoever calls this holds `importing`.
    pub(crate) fn changing_list(
        &self,
        list: &ListId,
        entries: bool,
        change: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let behind = self.lists_behind.swap(true, Ordering::SeqCst);
        change()?;
        self.set_terms()?;
        if entries {
            let mut pages = self.pages(Of::List(list));
            self.hot.replace_list(list, pages.by_ref().map(looked_for));
            pages.done()?;
        }
        self.lists_behind.store(behind, Ordering::SeqCst);
        Ok(())
    }

    /// What a read that failed half way has left: the lists are read again. Not while an import is under way, which
    /// tells the matcher by itself.
    pub(crate) fn mend_lists(&self) -> Result<()> {
        if !self.lists_behind.load(Ordering::SeqCst) {
            return Ok(());
        }
        let _one = match self.importing.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(()),
        };
        // It may have been mended meanwhile.
        if self.lists_behind.load(Ordering::SeqCst) { self.reload_lists() } else { Ok(()) }
    }

    pub(crate) fn set_terms(&self) -> Result<()> {
        let _one = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut terms = HashMap::new();
        for view in self.kept_lists()? {
            let at = Terms::at(view.threshold);
            let counted = view.settings.false_hits_a_day.is_some();
            terms.insert(view.id, Terms { stale: view.stale_from, counted, ..at });
        }
        self.hot.set_terms(terms);
        Ok(())
    }

    fn silence(&self) -> Result<()> {
        let _one = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        self.hot.silence(self.tombstones()?);
        Ok(())
    }

    /// The vehicles that were found again, of all lists.
    pub(crate) fn tombstones(&self) -> Result<Vec<Tombstone>> {
        let tombstone = |row: TombstoneRow| Tombstone {
            list: row.list,
            plate: row.plate,
            state: as_code(row.state),
            found: row.found,
            until: row.until,
        };
        Ok(self.store.tombstones()?.into_iter().map(tombstone).collect())
    }

    /// Says on the log of each list that has become too old that it raises no hits any more, once an import.
    pub(crate) fn tell_stale(&self) -> Result<()> {
        self.forget_watched();
        self.mend_lists()?;
        for view in self.kept_lists()?.into_iter().filter(|view| view.stale) {
            let id = format!("{}/{}", view.id, view.import.unwrap_or_default());
            if self.log.has("hotlist.stale", &id) {
                continue;
            }
            let leaf = self.leaf("hotlist.stale").job("hotlist").id(id);
            let entry = self.log.append_once(&leaf.fact("list", view.id.as_str()))?;
            tracing::warn!(list = %view.id, "a hot list is too old and raises no hits; import it");
            self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.stale") });
        }
        Ok(())
    }

    /// Forgets what waited for more than a day, found vehicles whose time is over, and entries that ended before
    /// `limit`: until then a hit can be shown beside its entry.
    pub(crate) fn forget_lists(&self, limit: Time) -> Result<()> {
        let now = self.now();
        self.store.forget_waiting(now.plus_millis(-DAY_MS))?;
        self.store.forget_tombstones(now)?;
        if self.store.forget_entries(limit)? { self.reload_lists() } else { Ok(()) }
    }
}

impl ListView {
    /// A list that nobody has said anything of.
    fn plain(id: &ListId, entries: u64) -> Self {
        let name = id.to_string();
        Self {
            id: id.clone(),
            settings: ListSettings { name, max_days: LONGEST_DAYS, ..ListSettings::default() },
            entries,
            import: None,
            imported: None,
            refused: 0,
            stale_from: None,
            stale: false,
            waiting: None,
            threshold: HotList::THRESHOLD,
            fetch: None,
        }
    }
}

fn stale_from(settings: &ListSettings, last: Option<&ImportRow>) -> Option<Time> {
    let hours = settings.longest_age_hours?;
    Some(last?.made.plus_millis(i64::from(hours) * HOUR_MS))
}

fn parsed(json: &str) -> Result<ListSettings> {
    serde_json::from_str(json)
        .map_err(|e| Error::internal("A list's settings are damaged; set them anew.").because(e))
}

/// An id that no other entry has.
pub(crate) fn new_entry_id() -> Result<EntryId> {
    let id = format!("ent_{}", base::hex(&base::random::<8>())).parse();
    id.map_err(|e| Error::internal("No id could be made.").because(e))
}

/// When an entry begins of which nobody said when.
pub(crate) fn ever() -> Time {
    Time::from_millis(0)
}

/// From when on an entry counts that comes anew: from ever, or from behind the moment at which its vehicle was found,
/// which silences what is older.
pub(crate) fn begins_anew(found: &[Tombstone], list: &ListId, plate: &Pattern) -> Time {
    let of = found.iter().filter(|t| t.list == *list && t.is_of(plate));
    // Entries begin with whole seconds.
    of.map(|t| t.found.plus_millis(1000)).max().unwrap_or_else(ever)
}

fn not_a_state() -> Error {
    Error::invalid("Write the state as us-ca or CA.")
}

/// A stored state as its code: earlier versions took states that were spelled out as they stood.
pub(crate) fn as_code(state: Option<String>) -> Option<String> {
    state.map(|state| state_code(&state).unwrap_or(state))
}

pub(crate) fn looked_for(row: EntryRow) -> Entry {
    Entry {
        id: row.id,
        list: row.list,
        plate: row.plate,
        state: as_code(row.state),
        priority: row.priority,
        from: row.begins,
        expires: row.expires,
    }
}

/// Which entries.
#[derive(Clone, Copy)]
pub(crate) enum Of<'a> {
    /// All of all lists.
    All,
    /// All of one list.
    List(&'a ListId),
    /// What was imported into a list.
    Imported(&'a ListId),
}

/// Entries from a store, page by page; a page that cannot be read ends them, and [`Pages::done`] tells.
pub(crate) struct Pages<F> {
    read: F,
    page: std::vec::IntoIter<EntryRow>,
    last: Option<EntryId>,
    ended: Result<bool>,
}

impl<F: FnMut(Option<&EntryId>) -> Result<Vec<EntryRow>>> Pages<F> {
    /// `read` gives at most [`PAGE`] entries from behind one.
    pub fn new(read: F) -> Self {
        Self { read, page: Vec::new().into_iter(), last: None, ended: Ok(false) }
    }

    /// Whether all of them were read.
    pub fn done(self) -> Result<()> {
        self.ended.map(drop)
    }
}

impl<F: FnMut(Option<&EntryId>) -> Result<Vec<EntryRow>>> Iterator for Pages<F> {
    type Item = EntryRow;
    fn next(&mut self) -> Option<EntryRow> {
        if let Some(row) = self.page.next() {
            return Some(row);
        }
        if !matches!(self.ended, Ok(false)) {
            return None;
        }
        match (self.read)(self.last.as_ref()) {
            Ok(rows) => {
                self.ended = Ok((rows.len() as u64) < u64::from(PAGE));
                self.last = rows.last().map(|row| row.id.clone()).or(self.last.take());
                self.page = rows.into_iter();
                self.page.next()
            }
            Err(e) => {
                self.ended = Err(e);
                None
            }
        }
    }
}
