//! Lists in: what a file is taken for, what it would change, and a person who takes it.
//!
//! [`City::import`] reads a file and says what it understood; nothing of it is matched yet. [`City::confirm_import`]
//! takes it, whole or not at all, and [`City::undo_import`] takes it back as long as no other was taken. The log
//! says how many entries came and went and how many rows were dropped or refused, and never a plate. What a file calls
//! its categories is on the log only where it is a well-known word: the wrong column may hold plates.

use crate::lists::{Of, as_code, begins_anew, ever, new_entry_id};
use crate::{City, Event};
use base::{EntryId, Error, ListId, PersonId, Result, Time, b64, hex, sha256, sha256_of};
use hotlist::Tombstone;
use hotlist::import::{
    AskFirst, Change, Comparison, Doubt, Found, Lines, Mapping, Report, Row, Trace, Understood,
};
use identity::machine_of;
use ledger::Leaf;
use plate::Reason;
use policy::Action;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::PoisonError;
use store::{EntryRow, ImportRow};
use utoipa::ToSchema;

/// The beginning of a file that is looked at, in bytes.
const BEGINNING: u64 = 64 * 1024;
/// So many rows of a file are in memory at a time.
const PIECE: usize = 10_000;
/// A preview is good for a day.
const WAITS_MS: i64 = DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// Who brings what lies in a folder.
const DROP: &str = "per_file-drop";
/// Words of categories that the log may name.
const WORDS: [&str; 24] = [
    "stolen",
    "felony",
    "wanted",
    "missing",
    "amber",
    "silver",
    "plates",
    "warrant",
    "gang",
    "immigration",
    "terrorist",
    "protection",
    "probation",
    "parole",
    "permit",
    "parking",
    "toll",
    "insurance",
    "registration",
    "suspended",
    "bolo",
    "other",
    "(none)",
    "(others)",
];
/// Message keys of the national extract that the log may name.
const KEYS: [&str; 12] = ["ev", "ep", "el", "es", "x1", "xp", "eg", "et", "en", "em", "ew", "ef"];

/// What a file was taken for and what it would change; no plate in it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportPreview {
    /// The list.
    pub list: ListId,
    /// The import's number, to confirm it by; absent where the file cannot be taken as it is.
    pub number: Option<i64>,
    /// Why it cannot be taken.
    pub problem: Option<String>,
    /// What it was taken for: encoding, mapping, columns, what is missing, the first rows.
    #[schema(value_type = Object)]
    pub understood: serde_json::Value,
    /// What became of its rows.
    pub rows: ImportRows,
    /// Entries that the list does not have yet.
    pub added: u64,
    /// Entries that say something else now.
    pub changed: u64,
    /// Entries that are gone.
    pub removed: u64,
    /// Entries that stay as they are.
    pub same: u64,
    /// Rows that stand in the file twice.
    pub again: u64,
    /// Why a person should look again: `empty`, `shrinks`, `grows`, `troubled`; `first` and `undone` of a file that came by
    /// itself or a machine brought, while nobody has taken one or the last one was taken back.
    pub doubts: Vec<String>,
}

/// What became of the rows of a file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ImportRows {
    /// Rows that were read.
    pub read: u64,
    /// Rows that were let in.
    pub taken: u64,
    /// Rows that had ended already.
    pub ended: u64,
    /// Rows of categories that the city has not adopted; nothing else of them was kept.
    pub dropped: BTreeMap<String, u64>,
    /// Cells that a spreadsheet would have run.
    pub defused: u64,
    /// Rows that were refused.
    pub troubled: u64,
    /// What was wrong with the first of them, as `line 17: …`.
    pub problems: Vec<String>,
}

/// A person takes an import.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfirmImport {
    /// The doubts were seen, and it is right all the same.
    pub sure: bool,
}

/// An import that was taken, or taken back.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ImportDone {
    /// The list.
    pub list: ListId,
    /// The number.
    pub number: i64,
    /// `taken` or `undone`.
    pub state: String,
    /// The log entry that says so.
    pub log_entry: u64,
}

/// What is stored of an import.
#[derive(Serialize, Deserialize)]
struct Kept {
    added: u64,
    changed: u64,
    removed: u64,
    /// Rows of categories that the city has not adopted, by [`named`]: what else a file calls its categories may be
    /// plates, and is not kept.
    dropped: BTreeMap<String, u64>,
    /// Rows that were refused.
    #[serde(default)]
    refused: u64,
    doubts: Vec<String>,
    /// Makes the commitment to the list one that nobody can try plates on.
    salt: String,
}

/// What imports wrote into a list, as a file of it is laid beside.
struct Before {
    list: Comparison,
    /// By the numbers of entries, when those began that the list named no beginning for: see [`Beside::anew`].
    begun: HashMap<u64, Time>,
    /// Vehicles of it that were found, and that a later import than that did not have to look for any more.
    found: Vec<Tombstone>,
}

impl City {
    /// Reads a file for a list and says what it would change; with a mapping it is read as that says. It waits for
    /// [`City::confirm_import`] for a day, or until the next file.
    pub fn import(
        &self,
        by: &PersonId,
        list: &ListId,
        file: &mut dyn Read,
        mapping: Option<Mapping>,
    ) -> Result<ImportPreview> {
        let person = self.allowed(by, Action::EditHotList)?;
        self.brought(&person.id, list, file, mapping)
    }

    /// Takes a waiting import. Where there are doubts it must be said that they were seen, by a person.
    pub fn confirm_import(
        &self,
        by: &PersonId,
        list: &ListId,
        number: i64,
        how: ConfirmImport,
    ) -> Result<ImportDone> {
        let person = self.allowed(by, Action::EditHotList)?;
        let sure = how.sure && machine_of(by).is_none();
        let leaf = self.leaf_by("hotlist.imported", &person)?;
        self.take_batch(list, number, sure, leaf)
    }

    /// Takes the import back that was taken last.
    pub fn undo_import(&self, by: &PersonId, list: &ListId, number: i64) -> Result<ImportDone> {
        let person = self.allowed(by, Action::EditHotList)?;
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let row = self.import_row(list, number)?;
        if row.state != "undone" {
            self.log_import_of(list)?;
        }
        self.changing_list(list, true, || match row.state.as_str() {
            "undone" => Ok(()),
            _ => self.store.undo_import(list, number),
        })?;
        let id = format!("{list}/{number}");
        let leaf = self.leaf_by("hotlist.undone", &person)?.job("hotlist").id(id);
        let entry = self.log.append_once(&leaf.fact("list", list.as_str()))?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.undone") });
        let state = "undone".into();
        Ok(ImportDone { list: list.clone(), number, state, log_entry: entry.index })
    }

    /// A file that nobody brought: it lay in a folder of the city's configuration, or was fetched. Taken at once where
    /// nothing is strange, the list has had an import, and its last was not taken back; says what it would change, and
    /// whether it was taken. `way` is for the log, `mapping` the configuration's file that says what its columns are for.
    pub(crate) fn came_by_itself(
        &self,
        list: &ListId,
        file: &mut dyn Read,
        way: &str,
        mapping: Option<&str>,
    ) -> Result<(ImportPreview, bool)> {
        let by = DROP.parse().map_err(|e| Error::internal("No id for files.").because(e))?;
        let mapping = mapping.map(|from| mapping_in(&self.dir, from)).transpose()?;
        let preview = self.brought(&by, list, file, mapping)?;
        let fine = preview.doubts.is_empty();
        let rows = &preview.rows;
        if rows.troubled > 0 {
            tracing::warn!(%list, refused = rows.troubled, of = rows.read, "rows of a hot list were refused");
        }
        if let Some(number) = preview.number.filter(|_| fine) {
            self.take_batch(list, number, false, self.leaf("hotlist.imported").by(way))?;
            return Ok((preview, true));
        }
        Ok((preview, false))
    }

    fn import_row(&self, list: &ListId, number: i64) -> Result<ImportRow> {
        let row = self.store.import(list, number)?;
        row.ok_or_else(|| Error::not_found("This list has no import of that number."))
    }

    fn brought(
        &self,
        by: &PersonId,
        list: &ListId,
        file: &mut dyn Read,
        mapping: Option<Mapping>,
    ) -> Result<ImportPreview> {
        let settings = self.list_settings(list)?.ok_or_else(|| {
            Error::not_found("There is no such list; say how it is kept before it is imported.")
        })?;
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let rules = settings.rules(self.config.city.clocks());
        let mut beginning = Vec::new();
        let cut = |e| Error::unavailable("The file could not be read; bring it again.").because(e);
        file.take(BEGINNING).read_to_end(&mut beginning).map_err(cut)?;
        let understood = match mapping {
            Some(mapping) => Understood::with(&beginning, mapping, &rules, now),
            None => Understood::of(&beginning, &rules, now),
        };
        let mut preview = ImportPreview::of(list, &understood)?;
        let whole = Cursor::new(beginning).chain(file);
        let lines = match Lines::new(whole, &understood.mapping, &rules, now) {
            Ok(lines) => lines,
            Err(e) if e.kind() == base::Kind::Invalid => {
                preview.problem = Some(e.message().to_owned());
                return Ok(preview);
            }
            Err(e) => return Err(e),
        };
        if by.as_str() == DROP || machine_of(by).is_some() {
            preview.doubts.extend(self.unseen(list)?.map(String::from));
        }
        let before = self.before(list)?;
        let last = self.store.last_import(list)?.map_or(0, |row| row.number);
        let coming = ImportRow {
            list: list.clone(),
            number: last + 1,
            state: "coming".into(),
            made: now,
            taken: None,
            by: by.clone(),
            json: "{}".into(),
        };
        self.store.begin_import(&coming)?;
        let came = self.comes(&coming, lines, before, &settings.ask_first(), &mut preview);
        // What is not whole is nothing; what cannot be cleared away now is when the list comes again.
        if came.is_err() || preview.number.is_none() {
            let cleared = self.store.drop_import(list);
            came?;
            cleared?;
        }
        Ok(preview)
    }

    /// Why a person looks at whatever no person brings now: nobody has seen yet what files of the list are taken for, or
    /// somebody took the last one back, and the same may come again.
    fn unseen(&self, list: &ListId) -> Result<Option<&'static str>> {
        Ok(match self.last_taken(list)? {
            None => Some("first"),
            Some(row) if row.state == "undone" => Some("undone"),
            Some(_) => None,
        })
    }

    /// The import of a list that was taken last, whether it was taken back or not.
    fn last_taken(&self, list: &ListId) -> Result<Option<ImportRow>> {
        let last = |state| self.store.last_import_that_is(list, state);
        Ok(last("taken")?.into_iter().chain(last("undone")?).max_by_key(|row| row.number))
    }

    /// What imports wrote into a list, to be compared with.
    fn before(&self, list: &ListId) -> Result<Before> {
        let mut old = Vec::with_capacity(self.entries_of(list)?);
        let mut begun = HashMap::new();
        let now = self.now();
        let last = self.store.last_import_that_is(list, "taken")?.map(|row| row.made);
        let mut found = self.tombstones()?;
        found.retain(|t| t.list == *list && last.is_some_and(|last| last > t.found));
        let mut pages = self.pages(Of::Imported(list));
        for row in pages.by_ref() {
            // What the last file still had was never gone, whatever number or state the next one gives it.
            if last.is_some_and(|last| row.expires > last) {
                found.retain(|t| row.begins > t.found || !t.is_of(&row.plate));
            }
            // What has ended by itself is no entry that a file lacks.
            if row.expires <= now {
                continue;
            }
            let (number, mut beside) = (number_of(&row.id)?, Beside::of(&row));
            // No row is like it then: it is written with the end that the list gives it now.
            beside.days = beside.days.filter(|days| !wears_out(&row, *days, now));
            if beside.anew {
                begun.insert(number, row.begins);
            }
            old.push((trace(&row, beside), number));
        }
        pages.done()?;
        Ok(Before { list: Comparison::with(old), begun, found })
    }

    /// How many entries a list has, so that what holds them is as large at once.
    fn entries_of(&self, list: &ListId) -> Result<usize> {
        let counts = self.store.entry_counts()?;
        Ok(counts.iter().find(|(id, _)| id == list).map_or(0, |(_, count)| *count as usize))
    }

    /// Lays a file beside the list, row by row, and stores what is not there already. It waits for a person when it
    /// has a number; the preview says why it has none.
    fn comes<R: Read>(
        &self,
        coming: &ImportRow,
        mut lines: Lines<R>,
        before: Before,
        bounds: &AskFirst,
        preview: &mut ImportPreview,
    ) -> Result<()> {
        let (mut new, mut old) = (Vec::with_capacity(PIECE), Vec::new());
        let Before { mut list, begun, found } = before;
        for row in lines.by_ref() {
            let row = row?;
            let (id, begins) = match list.take(Trace::of(&row)) {
                Found::Same | Found::Again => continue,
                Found::Added => (new_entry_id()?, begins_anew(&found, &coming.list, &row.plate)),
                Found::Changed(number) => {
                    let id = numbered(number)?;
                    old.push(id.clone());
                    (id, begun.get(&number).copied().unwrap_or_else(ever))
                }
            };
            new.push(entry(id, coming, row, begins)?);
            if new.len() == PIECE {
                self.store.add_to_import(&coming.list, coming.number, &new, &old)?;
                new.clear();
                old.clear();
            }
        }
        self.store.add_to_import(&coming.list, coming.number, &new, &old)?;
        let report = lines.report();
        preview.rows = ImportRows::of(report);
        // A list may be emptied, with a second look; a file that was not understood empties none.
        if report.taken == 0 && (list.is_first() || report.troubled > 0) {
            preview.problem = Some("No row of it can be taken.".into());
            return Ok(());
        }
        let mut gone = list.gone().peekable();
        while gone.peek().is_some() {
            let piece = gone.by_ref().take(PIECE).map(numbered).collect::<Result<Vec<_>>>()?;
            self.store.add_to_import(&coming.list, coming.number, &[], &piece)?;
        }
        preview.compared(&list.change(bounds));
        let json = serde_json::to_string(&Kept::of(preview))
            .map_err(|e| Error::internal("The import cannot be stored.").because(e))?;
        self.store.finish_import(&coming.list, coming.number, &json)?;
        preview.number = Some(coming.number);
        Ok(())
    }

    fn take_batch(&self, list: &ListId, number: i64, sure: bool, leaf: Leaf) -> Result<ImportDone> {
        let _one = self.importing.lock().unwrap_or_else(PoisonError::into_inner);
        let row = self.import_row(list, number)?;
        let kept = kept(&row)?;
        if row.state == "waiting" {
            let doubts = &kept.doubts;
            if !doubts.is_empty() && !sure {
                return Err(Error::conflict(format!(
                    "A person should look again ({}); who has may say that they are sure.",
                    doubts.join(", ")
                )));
            }
            if self.now().since(row.made) > WAITS_MS {
                return Err(Error::conflict("This import has waited too long; bring it again."));
            }
        } else if row.state != "taken" {
            return Err(Error::conflict(format!(
                "This import is {}; bring the list again.",
                row.state
            )));
        }
        if row.state == "waiting" {
            self.log_import_of(list)?;
        }
        let changes = row.state != "waiting" || kept.added + kept.changed + kept.removed > 0;
        self.changing_list(list, changes, || match row.state.as_str() {
            "waiting" => self.store.take_import(list, number, self.now()),
            _ => Ok(()),
        })?;
        let entry = self.log.append_once(&self.imported(leaf, &row, &kept)?)?;
        self.emit(Event { log_entry: Some(entry.index), ..self.event("hotlist.imported") });
        let state = "taken".into();
        Ok(ImportDone { list: list.clone(), number, state, log_entry: entry.index })
    }

    /// Imports that were taken, or taken back, when the process died before that was on the log.
    pub(crate) fn log_imports(&self) -> Result<()> {
        self.store.lists()?.iter().try_for_each(|(list, _)| self.log_import_of(list))
    }

    /// Puts a list's last import on the log where the log could not take it. It is asked for before the list changes
    /// again: none but the last can be missing, and the commitment is still to what it left.
    fn log_import_of(&self, list: &ListId) -> Result<()> {
        let Some(row) = self.last_taken(list)? else { return Ok(()) };
        let id = format!("{}/{}", row.list, row.number);
        if row.state == "undone" {
            // When it was taken back nobody knows: a successor of the log may say it once more, and none leaves it out.
            let leaf = self.leaf("hotlist.undone").job("hotlist").id(id);
            self.log.append_once(&leaf.fact("list", row.list.as_str()))?;
        } else if !self.log.has("hotlist.imported", &id) && !self.is_older_than_log(&row)? {
            let leaf = self.imported(self.leaf("hotlist.imported"), &row, &kept(&row)?)?;
            self.log.append_once(&leaf)?;
        }
        Ok(())
    }

    /// Whether an import was taken before this log began: the log before it has said so, of the list as it was then.
    fn is_older_than_log(&self, row: &ImportRow) -> Result<bool> {
        let first = self.log.leaves(0, 1)?.first().map(|leaf| leaf.time);
        Ok(row.taken.zip(first).is_some_and(|(taken, first)| taken < first))
    }

    /// The leaf of an import that stands in the list now.
    fn imported(&self, leaf: Leaf, row: &ImportRow, kept: &Kept) -> Result<Leaf> {
        let dropped: serde_json::Map<_, _> =
            kept.dropped.iter().map(|(word, count)| (word.clone(), (*count).into())).collect();
        Ok(leaf
            .job("hotlist")
            .id(format!("{}/{}", row.list, row.number))
            .fact("list", row.list.as_str())
            .fact("added", kept.added)
            .fact("changed", kept.changed)
            .fact("removed", kept.removed)
            .fact("dropped", dropped)
            .fact("refused", kept.refused)
            .fact("list_commit", self.list_commit(&row.list, &kept.salt)?))
    }

    /// SHA-256 over the sorted hashes of what was imported into a list, each with the import's own salt: who has
    /// both the list and the salt can check it, and who has neither learns nothing.
    fn list_commit(&self, list: &ListId, salt: &str) -> Result<String> {
        let mut pages = self.pages(Of::Imported(list));
        let mut hashes: Vec<[u8; 32]> = Vec::with_capacity(self.entries_of(list)?);
        hashes.extend(pages.by_ref().map(|row| {
            let said = (
                salt,
                row.plate.reveal(Reason::HotList),
                &row.state,
                (&row.reason, &row.case_no, &row.category, row.priority, &row.source),
                (row.begins.millis(), row.expires.millis(), &row.record, &row.more_json),
            );
            let mut bytes = serde_json::to_vec(&said).unwrap_or_default();
            let hash = sha256(&bytes);
            zeroize::Zeroize::zeroize(&mut bytes);
            hash
        }));
        pages.done()?;
        hashes.sort_unstable();
        Ok(b64(&sha256_of([salt.as_bytes(), hashes.as_flattened()])))
    }
}

impl Kept {
    fn of(preview: &ImportPreview) -> Self {
        let mut dropped = BTreeMap::new();
        for (category, count) in &preview.rows.dropped {
            *dropped.entry(named(category).to_owned()).or_default() += count;
        }
        Self {
            added: preview.added,
            changed: preview.changed,
            removed: preview.removed,
            dropped,
            refused: preview.rows.troubled,
            doubts: preview.doubts.clone(),
            salt: hex(&base::random::<32>()),
        }
    }
}

/// What may be said of a category: itself where it is a well-known word.
fn named(category: &str) -> &str {
    if WORDS.contains(&category) || KEYS.contains(&category) { category } else { "other" }
}

fn kept(row: &ImportRow) -> Result<Kept> {
    serde_json::from_str(&row.json)
        .map_err(|e| Error::internal("An import is damaged; bring the list again.").because(e))
}

/// How many rows of an import were refused, as far as that was kept.
pub(crate) fn refused(row: &ImportRow) -> u64 {
    kept(row).map_or(0, |kept| kept.refused)
}

impl ImportPreview {
    fn of(list: &ListId, understood: &Understood) -> Result<Self> {
        let understood = serde_json::to_value(understood)
            .map_err(|e| Error::internal("What was understood cannot be shown.").because(e))?;
        Ok(Self {
            list: list.clone(),
            number: None,
            problem: None,
            understood,
            rows: ImportRows::default(),
            added: 0,
            changed: 0,
            removed: 0,
            same: 0,
            again: 0,
            doubts: Vec::new(),
        })
    }

    fn compared(&mut self, change: &Change) {
        self.added = change.added;
        self.changed = change.changed;
        self.removed = change.removed;
        self.same = change.same;
        self.again = change.again;
        let word = change.doubt.map(|doubt| match doubt {
            Doubt::Empty => "empty",
            Doubt::Shrinks => "shrinks",
            Doubt::Grows => "grows",
        });
        let troubled = self.rows.troubled * 10 > self.rows.read;
        let doubts = word.into_iter().chain(troubled.then_some("troubled"));
        self.doubts.extend(doubts.map(String::from));
    }
}

impl ImportRows {
    fn of(report: &Report) -> Self {
        let told = report.problems.iter().take(20);
        Self {
            read: report.rows,
            taken: report.taken,
            ended: report.ended,
            dropped: report.dropped.clone(),
            defused: report.defused,
            troubled: report.troubled,
            problems: told.map(|p| format!("line {}: {}", p.line, p.what)).collect(),
        }
    }
}

/// What a list says of a vehicle beside its plate, as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Described {
    /// A note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Its make, in the words of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// Its model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year: Option<String>,
    /// Its style.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Its colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<String>,
}

impl Described {
    /// What stands beside a stored entry.
    pub(crate) fn of(row: &EntryRow) -> Self {
        let json = row.more_json.as_deref();
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

/// What is stored beside an entry that an import wrote.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Beside {
    #[serde(flatten)]
    described: Described,
    /// Whether the list names no beginning, and its own is that it came again after its vehicle was found: another theft.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    anew: bool,
    /// See [`Row::days`]. Entries that an earlier version wrote have none, and get it with their next file.
    #[serde(skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
}

impl Beside {
    fn of(row: &EntryRow) -> Self {
        let json = row.more_json.as_deref();
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }
}

/// What columns are for, as a file of the configuration says it: what `list import --json` shows as `mapping`, put right.
pub(crate) fn mapping_in(dir: &Path, file: &str) -> Result<Mapping> {
    let cannot = |e: std::io::Error| {
        Error::unavailable(format!(
            "{file} cannot be read; it says what the columns of a list are for."
        ))
        .because(e)
    };
    let text = std::fs::read(dir.join(file)).map_err(cannot)?;
    serde_json::from_slice(&text).map_err(|e| {
        let say = "is no mapping of columns; put there what `homeplate list import --json` shows as `mapping`.";
        // Not the list's fault: its files stay where they are, and come again.
        Error::unavailable(format!("{file} {say}")).because(e)
    })
}

/// The entry of a row of an import; it begins at `otherwise` where the row names no beginning.
fn entry(id: EntryId, of: &ImportRow, row: Row, otherwise: Time) -> Result<EntryRow> {
    let anew = row.from.is_none() && otherwise > ever();
    let v = row.vehicle;
    let described = Described {
        note: row.note,
        make: v.make,
        model: v.model,
        year: v.year,
        style: v.style,
        color: v.color,
    };
    let more_json = serde_json::to_string(&Beside { described, anew, days: row.days })
        .map_err(|e| Error::internal("A row cannot be stored.").because(e))?;
    Ok(EntryRow {
        id,
        list: of.list.clone(),
        plate: row.plate,
        state: row.state,
        reason: row.reason,
        case_no: row.case,
        expires: row.expires,
        added_by: of.by.clone(),
        category: row.category,
        priority: row.priority,
        begins: row.from.unwrap_or(otherwise),
        source: row.source,
        record: row.record,
        more_json: Some(more_json),
        born: Some(of.number),
    })
}

/// What imports call an entry ([`new_entry_id`]), as a number: a long list holds one for each.
fn number_of(id: &EntryId) -> Result<u64> {
    let digits = id.as_str().strip_prefix("ent_").filter(|digits| digits.len() == 16);
    let number = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number.ok_or_else(|| Error::internal("An entry has an id that no import gave it."))
}

/// The same the other way round.
fn numbered(number: u64) -> Result<EntryId> {
    let id = format!("ent_{number:016x}").parse();
    id.map_err(|e| Error::internal("No id could be made.").because(e))
}

/// Whether an entry whose end was so many days off by the list's own rules gets a new one: where less than three quarters
/// of them are left. One that gets none lasts at least three times as long again as it is since the last import, and
/// longer than the half of a life after which a file that the other side calls unchanged is read once more.
fn wears_out(row: &EntryRow, days: u32, now: Time) -> bool {
    row.expires.since(now) < i64::from(days) * DAY_MS * 3 / 4
}

/// The trace of a stored entry: the same words in the same order as of the row that it was.
fn trace(row: &EntryRow, beside: Beside) -> Trace {
    let more = beside.described;
    let whole = Row {
        line: 0,
        plate: row.plate.clone(),
        state: as_code(row.state.clone()),
        reason: row.reason.clone(),
        case: row.case_no.clone(),
        priority: row.priority,
        from: Some(row.begins).filter(|at| *at != ever() && !beside.anew),
        expires: row.expires,
        days: beside.days,
        category: row.category.clone(),
        source: row.source.clone(),
        record: row.record.clone(),
        note: more.note,
        vehicle: hotlist::import::Vehicle {
            make: more.make,
            model: more.model,
            year: more.year,
            style: more.style,
            color: more.color,
        },
    };
    Trace::of(&whole)
}
