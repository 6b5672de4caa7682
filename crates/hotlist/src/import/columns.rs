//! What a file is taken for, shown before anything is taken.

use super::decode::{Decoded, Encoding};
use super::layouts::{Layout, field_of, is_kind, layout_of};
use super::lines::{Lines, Problem, Report, Rules};
use super::records::{Cut, Record, Records};
use base::Time;
use plate::Text;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each is the field of `Row` of its name
pub enum Field {
    Plate,
    State,
    Reason,
    Case,
    Priority,
    From,
    Expires,
    /// The list or file of the extract that a row belongs to; what the city has not adopted is dropped by it.
    Category,
    Source,
    /// The number that the row has with who sent it.
    Record,
    Note,
    Make,
    Model,
    Year,
    Style,
    Color,
}

/// How a file is read. A person may correct it before anything is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// Whose layout it is.
    pub layout: Layout,
    /// `,` `;` `:` `|` or a tab; `None` for fixed width.
    pub delimiter: Option<char>,
    /// For fixed width: from and to which character (from 0, the end left out) each column goes.
    #[serde(default)]
    pub widths: Vec<(usize, usize)>,
    /// Whether the first record is headings.
    pub headings: bool,
    /// What each column is for; `None` is ignored.
    pub columns: Vec<Option<Field>>,
}

impl Mapping {
    /// A file of fixed width without headings: each field with the characters it goes from and to.
    pub fn fixed(columns: &[(Field, usize, usize)]) -> Self {
        Self {
            layout: Layout::Other,
            delimiter: None,
            widths: columns.iter().map(|(_, from, to)| (*from, *to)).collect(),
            headings: false,
            columns: columns.iter().map(|(field, _, _)| Some(*field)).collect(),
        }
    }

    /// Which column holds a field.
    pub fn column(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|c| *c == Some(field))
    }

    pub(crate) fn cut(&self) -> Cut {
        match self.delimiter {
            Some(d) => Cut::Delimited(u8::try_from(d).unwrap_or(b',')),
            None => Cut::Fixed(self.widths.clone()),
        }
    }
}

/// One column, as it is shown. It holds no value of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading, or its number.
    pub heading: String,
    /// What it is taken for; `None` is ignored.
    pub field: Option<Field>,
    /// In how many of the sampled rows it holds something.
    pub filled: usize,
}

/// What a file was taken for. It names no plate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Understood {
    /// How its characters are spelled.
    pub encoding: Encoding,
    /// How it would be read.
    pub mapping: Mapping,
    /// Its columns.
    pub columns: Vec<Column>,
    /// What would be needed and is in no column, nor among the rules' usual values.
    pub missing: Vec<Field>,
    /// What became of the sampled rows; where the city has not said which categories it adopted, none are.
    pub sample: Report,
}

/// Rows that are looked at.
const SAMPLE: usize = 50;
/// The beginning that is looked at, in bytes.
const BEGINNING: usize = 64 * 1024;

type Rows = Vec<Vec<String>>;

impl Understood {
    /// Looks at the beginning of a file (64 KiB of it at most), as the rules would take it.
    pub fn of(beginning: &[u8], rules: &Rules, now: Time) -> Self {
        let beginning = &beginning[..beginning.len().min(BEGINNING)];
        let encoding = Encoding::of(beginning);
        let (delimiter, rows) = delimited(beginning, encoding);
        let (layout, headings, mut columns) = meaning(&rows);
        // Where categories are adopted, a list that has no column of that name is sifted by its kinds of alert.
        if headings
            && rules.adopted.is_some()
            && rules.category.is_none()
            && !columns.contains(&Some(Field::Category))
            && let Some(at) = rows.first().and_then(|first| first.iter().position(|h| is_kind(h)))
        {
            columns[at] = Some(Field::Category);
        }
        let delimiter = Some(char::from(delimiter));
        let mapping = Mapping { layout, delimiter, widths: Vec::new(), headings, columns };
        Self::shown(beginning, encoding, mapping, &rows, rules, now)
    }

    /// Looks at it with a mapping that a person chose.
    pub fn with(beginning: &[u8], mapping: Mapping, rules: &Rules, now: Time) -> Self {
        let beginning = &beginning[..beginning.len().min(BEGINNING)];
        let encoding = Encoding::of(beginning);
        let rows = sample(beginning, encoding, mapping.cut());
        Self::shown(beginning, encoding, mapping, &rows, rules, now)
    }

    fn shown(
        beginning: &[u8],
        encoding: Encoding,
        mapping: Mapping,
        rows: &Rows,
        rules: &Rules,
        now: Time,
    ) -> Self {
        let (first, rest) = match rows.split_first() {
            Some((first, rest)) if mapping.headings => (Some(first), rest),
            _ => (None, rows.as_slice()),
        };
        let wide = rows.iter().map(Vec::len).max().unwrap_or(0).max(mapping.columns.len());
        let column = |i: usize| Column {
            heading: first
                .and_then(|row| row.get(i))
                // Where the first row was taken for headings and is none, its plate is not shown.
                .filter(|h| !is_plate(h))
                .map_or_else(|| format!("column {}", i + 1), |h| shortened(h)),
            field: mapping.columns.get(i).copied().flatten(),
            filled: rest.iter().filter(|r| r.get(i).is_some_and(|c| !c.is_empty())).count(),
        };
        let columns = (0..wide).map(column).collect();
        let has = |field| mapping.column(field).is_some();
        let lacks = [
            (Field::Plate, has(Field::Plate)),
            (Field::Expires, has(Field::Expires) || rules.usual_days.is_some()),
            (Field::Reason, has(Field::Reason) || has(Field::Category) || rules.reason.is_some()),
            (Field::Case, has(Field::Case) || rules.case.is_some()),
            (
                Field::Category,
                has(Field::Category)
                    || mapping.layout != Layout::Ncic
                        && (rules.adopted.is_none() || rules.category.is_some()),
            ),
        ];
        let missing = lacks.into_iter().filter(|(_, there)| !there).map(|(f, _)| f).collect();
        let sample = tried(beginning, encoding, &mapping, rules, now);
        Self { encoding, mapping, columns, missing, sample }
    }
}

/// A heading as it is shown.
fn shortened(heading: &str) -> String {
    heading.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// What the rules would make of the first rows.
fn tried(
    beginning: &[u8],
    encoding: Encoding,
    mapping: &Mapping,
    rules: &Rules,
    now: Time,
) -> Report {
    // While nobody has said which categories are adopted, a column of them lets nothing in, and counts them.
    let none = || mapping.column(Field::Category).map(|_| BTreeSet::new());
    let rules = Rules { adopted: rules.adopted.clone().or_else(none), ..rules.clone() };
    match Lines::with(beginning, Some(encoding), mapping, &rules, now) {
        Ok(mut lines) => {
            while lines.report().rows < SAMPLE as u64 {
                match lines.next() {
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break,
                }
            }
            lines.report().clone()
        }
        Err(e) => {
            let problems = vec![Problem { line: 1, field: None, what: e.message().to_owned() }];
            Report { problems, troubled: 1, ..Report::default() }
        }
    }
}

/// The first records as a cut gives them. The last one of a beginning that was cut off is left out.
fn sample(beginning: &[u8], encoding: Encoding, cut: Cut) -> Rows {
    let mut rows = Rows::new();
    let Ok((text, _)) = Decoded::new(beginning, Some(encoding), u64::MAX) else { return rows };
    let mut records = Records::new(text, cut);
    while rows.len() < SAMPLE {
        match records.next() {
            Ok(Some(Record::Fields(fields))) => {
                rows.push(fields.into_iter().map(str::to_owned).collect());
            }
            Ok(Some(Record::Long)) => {}
            Ok(None) | Err(_) => {
                if beginning.len() == BEGINNING {
                    rows.pop();
                }
                break;
            }
        }
    }
    rows
}

/// The delimiter that cuts the first rows into most columns, as many in each; a comma where none does.
fn delimited(beginning: &[u8], encoding: Encoding) -> (u8, Rows) {
    let mut best: Option<(usize, u8, Rows)> = None;
    for delimiter in *b",;\t:|" {
        let rows = sample(beginning, encoding, Cut::Delimited(delimiter));
        let fewest = rows.iter().map(Vec::len).min().unwrap_or(0);
        let as_first = rows.iter().filter(|r| Some(r.len()) == rows.first().map(Vec::len)).count();
        let score = match fewest {
            0 | 1 => 0,
            fewest => fewest * 100 + 100 * as_first / rows.len().max(1),
        };
        if best.as_ref().is_none_or(|(b, ..)| score > *b) {
            best = Some((score, delimiter, rows));
        }
    }
    best.map_or((b',', Rows::new()), |(_, delimiter, rows)| (delimiter, rows))
}

/// What the columns are for: by their headings, and where there are none by what stands in them.
fn meaning(rows: &Rows) -> (Layout, bool, Vec<Option<Field>>) {
    let Some(first) = rows.first() else { return (Layout::Other, false, Vec::new()) };
    let mut columns: Vec<Option<Field>> = first.iter().map(|h| field_of(h)).collect();
    // The first column of a kind counts; a second one is ignored until a person says otherwise.
    for i in (1..columns.len()).rev() {
        if columns[..i].contains(&columns[i]) {
            columns[i] = None;
        }
    }
    if columns.contains(&Some(Field::Plate)) {
        return (layout_of(first), true, columns);
    }
    // `ID` alone beside a plate is no heading: it is Idaho.
    let alone = columns.iter().flatten().count() == 1;
    if alone && first.iter().any(|cell| is_plate(cell)) {
        let states = columns.iter_mut().zip(first).filter(|(_, cell)| is_state(cell));
        states.for_each(|(column, _)| *column = None);
    }
    let known = columns.iter().flatten().count();
    // The first row may be headings in words that we do not know.
    let rest = if rows.len() > 1 { &rows[1..] } else { rows.as_slice() };
    let wide = first.len();
    let share = |i: usize, is: fn(&str) -> bool| {
        let filled: Vec<&String> =
            rest.iter().filter_map(|r| r.get(i)).filter(|c| !c.is_empty()).collect();
        filled.iter().filter(|c| is(c)).count() as f64 / filled.len().max(1) as f64
    };
    let free = |columns: &[Option<Field>], i: usize| columns.get(i).is_some_and(Option::is_none);
    let best = |columns: &[Option<Field>], is: fn(&str) -> bool| {
        let fits = (0..wide).filter(|i| free(columns, *i)).map(|i| (share(i, is), i));
        fits.filter(|(s, _)| *s >= 0.8).max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
    };
    for (field, is) in [(Field::State, is_state as fn(&str) -> bool), (Field::Plate, is_plate)] {
        if !columns.contains(&Some(field))
            && let Some((_, i)) = best(&columns, is)
        {
            columns[i] = Some(field);
        }
    }
    // Headings of a column of plates have no digits.
    let plate = columns.iter().position(|c| *c == Some(Field::Plate));
    let headings = known > 0 || plate.is_some_and(|i| !is_plate(&first[i]));
    let short = !headings && wide == 2 && columns == [Some(Field::Plate), Some(Field::State)];
    (if short { Layout::Genetec } else { Layout::Other }, headings, columns)
}

/// Whether a cell looks like a plate: it is one, and has a digit, and is no date.
pub(super) fn is_plate(cell: &str) -> bool {
    let fine = cell.len() <= 12 && cell.bytes().any(|b| b.is_ascii_digit());
    let date = super::dates::parse(cell, super::DateOrder::MonthFirst).is_some();
    fine && !date && Text::parse(cell).is_ok_and(|t| (3..=9).contains(&t.len()))
}

/// Whether a cell names a state: one letter may be a size, and a country alone is in a column of its own.
fn is_state(cell: &str) -> bool {
    cell.len() > 1 && crate::states::known(cell).is_some_and(|code| code != "us")
}
