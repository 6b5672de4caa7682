//! The rows of a file, one by one.

use super::columns::{Field, Mapping, is_plate};
use super::dates::{Clocks, DateOrder, Moment, parse};
use super::decode::{Decoded, Encoding};
use super::layouts::Layout;
use super::records::{Record, Records};
use super::{PROBLEMS, RECORD};
use crate::entry::Entry;
use crate::states::state_code;
use base::{Error, Result, Time};
use plate::{Pattern, TextError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

const DAY_MS: i64 = 86_400_000;
/// Categories that are counted by name; rows of further ones are counted together.
const CATEGORIES: usize = 200;

/// What a list lets in. Nothing is filled in that it does not say.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The categories that the city adopted, compared without case; `None` where nobody has said so yet. A file
    /// with a category column is not read without, and where it has been said none is read without such a column.
    pub adopted: Option<BTreeSet<String>>,
    /// The category of every row of a file without a category column, an adopted one; `None`: where categories are
    /// adopted, no such file is read.
    pub category: Option<String>,
    /// The longest an entry may run from now, in days.
    pub longest_days: u32,
    /// How long an entry without an end runs; `None`: it is refused.
    pub usual_days: Option<u32>,
    /// Whether an end beyond the longest is brought back to it instead of refused.
    pub shorten: bool,
    /// Reason and case of rows that have none; `None`: they are refused.
    pub reason: Option<String>,
    /// See `reason`.
    pub case: Option<String>,
    /// Where the list comes from, for rows that do not say.
    pub source: String,
    /// Priority of rows that have none.
    pub priority: u8,
    /// How dates with slashes are meant.
    pub dates: DateOrder,
    /// Whose times without a zone are.
    pub clocks: Clocks,
    /// The most rows that are taken.
    pub entries: u64,
    /// The largest file, in bytes.
    pub bytes: u64,
}

impl Default for Rules {
    /// A list of 90 days at most, of a file of four GiB and ten million rows at most.
    fn default() -> Self {
        Self {
            adopted: None,
            category: None,
            longest_days: 90,
            usual_days: None,
            shorten: false,
            reason: None,
            case: None,
            source: String::from("import"),
            priority: 0,
            dates: DateOrder::MonthFirst,
            clocks: Clocks::default(),
            entries: 10_000_000,
            bytes: 4 << 30,
        }
    }
}

/// What a vehicle looks like, as the list has it: shown beside a hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each is the word of the list
pub struct Vehicle {
    pub make: Option<String>,
    pub model: Option<String>,
    pub year: Option<String>,
    pub style: Option<String>,
    pub color: Option<String>,
}

/// A row that is let in. `Debug` shows no plate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its line in the file.
    pub line: u64,
    /// The plate, whole or partial.
    pub plate: Pattern,
    /// The state, as `us-ca` where it is one that we know, however the file spells it.
    pub state: Option<String>,
    /// Why it is looked for.
    pub reason: String,
    /// The case.
    pub case: String,
    /// How pressing it is.
    pub priority: u8,
    /// From when on, where it says.
    pub from: Option<Time>,
    /// Until when.
    pub expires: Time,
    /// How many days from now that is, where the list's own rules say so and not the file: it names no end, or one
    /// beyond the longest.
    pub days: Option<u32>,
    /// Its category, an adopted one, where there are any.
    pub category: Option<String>,
    /// Who asks.
    pub source: String,
    /// Its number with who sent it.
    pub record: Option<String>,
    /// A note.
    pub note: Option<String>,
    /// The vehicle.
    pub vehicle: Vehicle,
}

/// What is wrong with a line. It quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// The field, where it is one.
    pub field: Option<Field>,
    /// One sentence.
    pub what: String,
}

/// What became of the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows that were read, headings apart.
    pub rows: u64,
    /// Rows that were let in.
    pub taken: u64,
    /// Rows that had ended already.
    pub ended: u64,
    /// Rows of categories that are not adopted, by category.
    pub dropped: BTreeMap<String, u64>,
    /// Cells that a spreadsheet would have run as a formula, and that now begin with an apostrophe.
    pub defused: u64,
    /// Rows that were refused; where a quote is left open, every line that it takes along.
    pub troubled: u64,
    /// What was wrong with the first of them.
    pub problems: Vec<Problem>,
}

/// The rows of a file that its list lets in. An error ends it: the file could not be read, or is too large.
pub struct Lines<R> {
    records: Records<R>,
    mapping: Mapping,
    rules: Rules,
    now: Time,
    report: Report,
    first: bool,
    over: bool,
}

type Refused = (Option<Field>, &'static str);

impl<R: Read> Lines<R> {
    /// Begins to read a file with a mapping.
    ///
    /// Fails where the mapping has no plates, or a category column while nobody has said which categories are
    /// adopted, or none while somebody has and [`Rules::category`] is no adopted one; the national extract needs one.
    pub fn new(source: R, mapping: &Mapping, rules: &Rules, now: Time) -> Result<Self> {
        Self::with(source, None, mapping, rules, now)
    }

    pub(crate) fn with(
        source: R,
        encoding: Option<Encoding>,
        mapping: &Mapping,
        rules: &Rules,
        now: Time,
    ) -> Result<Self> {
        if mapping.column(Field::Plate).is_none() {
            return Err(Error::invalid("Say which column holds the plates."));
        }
        let category = mapping.column(Field::Category).is_some();
        if mapping.layout == Layout::Ncic && !category {
            return Err(Error::invalid("Say which column holds the message key (MKE)."));
        }
        if category && rules.adopted.is_none() {
            return Err(Error::invalid("Say which categories of this list the city has adopted."));
        }
        let adopted: Option<BTreeSet<String>> =
            rules.adopted.as_ref().map(|all| all.iter().map(|c| folded(c)).collect());
        let usual = rules.category.as_deref().map(folded);
        if let Some(all) = &adopted
            && !category
            && !usual.as_ref().is_some_and(|usual| all.contains(usual))
        {
            return Err(Error::invalid(
                "The city has adopted categories of this list, and no column holds any; say which does, or which \
                 category such a file is of.",
            ));
        }
        let (text, _) = Decoded::new(source, encoding, rules.bytes)?;
        Ok(Self {
            records: Records::new(text, mapping.cut()),
            mapping: mapping.clone(),
            rules: Rules { adopted, category: usual, ..rules.clone() },
            now,
            report: Report::default(),
            first: mapping.headings,
            over: false,
        })
    }

    /// What became of the rows so far.
    pub fn report(&self) -> &Report {
        &self.report
    }

    fn step(&mut self) -> Result<Option<Row>> {
        loop {
            let found = match self.records.next()? {
                None => {
                    self.over = true;
                    return Ok(None);
                }
                Some(_) if std::mem::take(&mut self.first) => continue,
                Some(Record::Long) => Err((None, "This record is too long; is a quote left open?")),
                Some(Record::Fields(cells)) if swallows(&cells, &self.mapping) => {
                    Err((None, "It holds the rows behind it; is a quote left open?"))
                }
                Some(Record::Fields(cells)) => {
                    let sieve = Sieve {
                        mapping: &self.mapping,
                        rules: &self.rules,
                        now: self.now,
                        cells: &cells,
                        defused: 0,
                    };
                    sieve.pass(&mut self.report)
                }
            };
            self.report.rows += 1;
            let line = self.records.line();
            match found {
                Ok(None) => {}
                Ok(Some(row)) => {
                    if self.report.taken == self.rules.entries {
                        self.over = true;
                        return Err(Error::too_large(
                            "The list has more rows than this city takes.",
                        ));
                    }
                    self.report.taken += 1;
                    return Ok(Some(Row { line, ..row }));
                }
                Err((field, what)) => {
                    // What is wrong with a whole record is a quote left open: every line of it was a row.
                    let lines = if field.is_none() { self.records.lines() } else { 1 };
                    self.report.rows += lines - 1;
                    self.report.troubled += lines;
                    if self.report.problems.len() < PROBLEMS {
                        self.report.problems.push(Problem { line, field, what: what.to_owned() });
                    }
                }
            }
        }
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Result<Row>> {
        if self.over {
            return None;
        }
        let row = self.step();
        self.over |= row.is_err();
        row.transpose()
    }
}

/// One row on its way in.
struct Sieve<'a> {
    mapping: &'a Mapping,
    rules: &'a Rules,
    now: Time,
    cells: &'a [&'a str],
    defused: u64,
}

impl Sieve<'_> {
    /// A row; `None` where it is dropped or has ended.
    fn pass(mut self, report: &mut Report) -> std::result::Result<Option<Row>, Refused> {
        // Before anything else of it is looked at.
        let category = match self.mapping.column(Field::Category) {
            Some(at) => {
                let category = folded(self.cells.get(at).copied().unwrap_or_default());
                let adopted = self.rules.adopted.as_ref().is_some_and(|a| a.contains(&category));
                if !adopted || category.is_empty() {
                    count(&mut report.dropped, category);
                    return Ok(None);
                }
                Some(category)
            }
            None => self.rules.category.clone(),
        };
        let (expires, days) = self.expires()?;
        if expires <= self.now {
            report.ended += 1;
            return Ok(None);
        }
        let from = self.date(Field::From)?.map(|m| m.start(&self.rules.clocks));
        if from.is_some_and(|from| from >= expires) {
            return Err((Some(Field::From), "It ends before it begins."));
        }
        let reason = self.text(Field::Reason, 200)?.or_else(|| self.rules.reason.clone());
        let reason = reason.or_else(|| category.clone().map(|c| c.to_uppercase()));
        let case = self.text(Field::Case, 64)?.or_else(|| self.rules.case.clone());
        let row = Row {
            line: 0,
            plate: self.plate()?,
            state: self.state()?,
            reason: reason
                .ok_or((Some(Field::Reason), "It has no reason, and the list has none."))?,
            case: case.ok_or((Some(Field::Case), "It has no case, and the list has none."))?,
            priority: self.priority()?,
            from,
            expires,
            days,
            category,
            source: self.text(Field::Source, 64)?.unwrap_or_else(|| self.rules.source.clone()),
            record: self.text(Field::Record, 64)?,
            note: self.words(Field::Note, 500),
            vehicle: Vehicle {
                make: self.words(Field::Make, 40),
                model: self.words(Field::Model, 40),
                year: self.words(Field::Year, 10),
                style: self.words(Field::Style, 40),
                color: self.words(Field::Color, 40),
            },
        };
        report.defused += self.defused;
        Ok(Some(row))
    }

    /// What stands in a field as it is; `None` where nothing does.
    fn there(&self, field: Field) -> Option<&str> {
        let cell = self.mapping.column(field).and_then(|at| self.cells.get(at)).copied();
        cell.filter(|c| !c.is_empty())
    }

    /// The same, where it is what a field may hold.
    fn cell(&self, field: Field) -> std::result::Result<Option<&str>, Refused> {
        match self.there(field) {
            Some(c) if c.contains('\u{fffd}') => {
                Err((Some(field), "It holds bytes that are no characters of the file's encoding."))
            }
            Some(c) if c.chars().any(char::is_control) => {
                Err((Some(field), "It holds control characters."))
            }
            cell => Ok(cell),
        }
    }

    /// Words that a row answers for, as they are.
    fn text(&mut self, field: Field, most: usize) -> std::result::Result<Option<String>, Refused> {
        let Some(cell) = self.cell(field)? else { return Ok(None) };
        if cell.chars().count() > most {
            return Err((Some(field), "It is too long."));
        }
        let cell = cell.to_owned();
        Ok(Some(self.defuse(cell)))
    }

    /// Words that only describe, as far as they can be kept: no vehicle is left out for what stands in its note.
    fn words(&mut self, field: Field, most: usize) -> Option<String> {
        let kept = self.there(field)?.chars().filter(|c| *c != '\u{fffd}');
        let kept = kept.map(|c| if c.is_control() { ' ' } else { c });
        let kept: String = kept.take(most).collect();
        let kept = kept.trim();
        if kept.is_empty() { None } else { Some(self.defuse(kept.to_owned())) }
    }

    /// An apostrophe before what a spreadsheet would run.
    fn defuse(&mut self, cell: String) -> String {
        let runs =
            cell.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
        self.defused += u64::from(runs);
        if runs { format!("'{cell}") } else { cell }
    }

    fn plate(&self) -> std::result::Result<Pattern, Refused> {
        let refused = |what| (Some(Field::Plate), what);
        let cell = self.cell(Field::Plate)?.ok_or(refused("It has no plate."))?;
        let plate = Pattern::parse(cell).map_err(|e| {
            refused(match e {
                TextError::Empty => "It has no plate.",
                TextError::Long => "Its plate has more than 12 characters.",
                TextError::Character => "Its plate holds what is neither a letter nor a digit.",
            })
        })?;
        let stars = plate.reveal(plate::Reason::HotList).matches('*').count();
        if plate.exact().is_none() && (plate.known() < Entry::KNOWN || stars > 1) {
            return Err(refused(
                "A partial plate needs three known characters, and one star at most.",
            ));
        }
        Ok(plate)
    }

    fn state(&self) -> std::result::Result<Option<String>, Refused> {
        let Some(cell) = self.cell(Field::State)? else { return Ok(None) };
        if matches!(cell.to_ascii_uppercase().as_str(), "-" | "--" | "UNK" | "XX" | "UNKNOWN") {
            return Ok(None);
        }
        let none = (Some(Field::State), "Its state is none; write two letters.");
        state_code(cell).map(Some).ok_or(none)
    }

    fn priority(&self) -> std::result::Result<u8, Refused> {
        let Some(cell) = self.cell(Field::Priority)? else { return Ok(self.rules.priority) };
        match cell.to_ascii_lowercase().as_str() {
            "low" | "normal" => Ok(0),
            "medium" => Ok(1),
            "high" => Ok(2),
            "urgent" | "critical" => Ok(3),
            digits => match digits.parse() {
                Ok(n @ 0..=9) => Ok(n),
                _ => Err((Some(Field::Priority), "Its priority is none; write 0 to 9.")),
            },
        }
    }

    fn date(&self, field: Field) -> std::result::Result<Option<Moment>, Refused> {
        let Some(cell) = self.cell(field)? else { return Ok(None) };
        let moment = parse(cell, self.rules.dates);
        moment.map(Some).ok_or((Some(field), "Its date is none; write 2027-02-03."))
    }

    /// Until when, and [`Row::days`].
    fn expires(&self) -> std::result::Result<(Time, Option<u32>), Refused> {
        let refused = |what| Err((Some(Field::Expires), what));
        let days = |n: u32| self.now.plus_millis(i64::from(n) * DAY_MS);
        let longest = self.rules.longest_days;
        let end = match (self.date(Field::Expires)?, self.rules.usual_days) {
            (Some(moment), _) => moment.end(&self.rules.clocks),
            (None, Some(usual)) => {
                let usual = usual.min(longest);
                return Ok((days(usual), Some(usual)));
            }
            (None, None) => return refused("It has no end, and the list has no usual one."),
        };
        match end > days(longest) {
            true if self.rules.shorten => Ok((days(longest), Some(longest))),
            true => refused("It ends later than this list may run."),
            false => Ok((end, None)),
        }
    }
}

/// Whether a cell of a record holds other records: a quote was left open before them. Each of them is a vehicle that
/// nobody would look for. A note may have lines of its own; one of them that has as many cells as a row, and a plate
/// where a row has it, is a row.
fn swallows(cells: &[&str], mapping: &Mapping) -> bool {
    let Some((delimiter, plate)) = mapping.delimiter.zip(mapping.column(Field::Plate)) else {
        return false;
    };
    let is_row = |line: &str| {
        let parts = line.split(delimiter).map(|part| part.trim().trim_matches('"'));
        parts.clone().nth(plate).is_some_and(is_plate) && parts.count() >= mapping.columns.len()
    };
    mapping.columns.len() > 1 && cells.iter().any(|cell| cell.lines().skip(1).any(is_row))
}

/// A category as it is compared, bounded.
fn folded(category: &str) -> String {
    let plain = category.trim().chars().filter(|c| !c.is_control() && *c != '\u{fffd}');
    plain.take(40).flat_map(char::to_lowercase).collect()
}

fn count(dropped: &mut BTreeMap<String, u64>, category: String) {
    let category = if category.is_empty() { "(none)".to_owned() } else { category };
    let full = dropped.len() >= CATEGORIES && !dropped.contains_key(&category);
    *dropped.entry(if full { "(others)".to_owned() } else { category }).or_default() += 1;
}

// The bound of a record is what keeps every cell small.
const _: () = assert!(RECORD <= 1 << 20);
