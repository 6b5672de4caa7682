//! Records of fields from UTF-8 that comes in pieces, none longer than a bound.

use super::decode::Decoded;
use super::{COLUMNS, RECORD};
use base::Result;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use std::io::Read;

/// How a file is cut into fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// A delimiter and quotes as in RFC 4180.
    Delimited(u8),
    /// From and to which character of a line each column goes.
    Fixed(Vec<(usize, usize)>),
}

/// One record, or why it is none.
pub(crate) enum Record<'a> {
    /// Its fields.
    Fields(Vec<&'a str>),
    /// It is longer than [`RECORD`], or has more than [`COLUMNS`] columns.
    Long,
}

/// Reads records.
pub(crate) struct Records<R> {
    text: Decoded<R>,
    reader: Reader,
    cut: Cut,
    piece: Vec<u8>,
    /// What of `piece` is not read yet.
    at: usize,
    out: Vec<u8>,
    ends: Vec<usize>,
    ended: bool,
    line: u64,
}

impl<R: Read> Records<R> {
    pub fn new(text: Decoded<R>, cut: Cut) -> Self {
        let mut builder = ReaderBuilder::new();
        match cut {
            Cut::Delimited(delimiter) => builder.delimiter(delimiter),
            // A byte that UTF-8 never has: the line is one field.
            Cut::Fixed(_) => builder.delimiter(0xff).quoting(false),
        };
        Self {
            text,
            reader: builder.build(),
            cut,
            piece: Vec::new(),
            at: 0,
            out: vec![0; RECORD],
            ends: vec![0; COLUMNS],
            ended: false,
            line: 1,
        }
    }

    /// On which line the last record began.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Over how many lines the last record went.
    pub fn lines(&self) -> u64 {
        self.reader.line().saturating_sub(self.line).max(1)
    }

    /// The next record; `None` at the end. Fails where the source does.
    pub fn next(&mut self) -> Result<Option<Record<'_>>> {
        let (mut written, mut fields, mut long, mut begun) = (0, 0, false, false);
        self.line = self.reader.line();
        loop {
            if self.at == self.piece.len() && !self.ended {
                let more = self.text.next()?;
                self.ended = more.is_empty();
                self.piece.clear();
                self.piece.extend_from_slice(more);
                self.at = 0;
            }
            let input = &self.piece[self.at..];
            let (result, read, wrote, ended) =
                self.reader.read_record(input, &mut self.out[written..], &mut self.ends[fields..]);
            if !begun && read > 0 {
                // Empty lines before a record are not its beginning.
                let empty = input[..read].iter().take_while(|b| matches!(b, b'\r' | b'\n'));
                self.line += empty.filter(|b| **b == b'\n').count() as u64;
                begun = input[..read].iter().any(|b| !matches!(b, b'\r' | b'\n'));
            }
            self.at += read;
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                // What comes of it is forgotten, and the rest of it is read over what came before.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (written, fields, long) = (0, 0, true);
                }
                ReadRecordResult::Record if long => return Ok(Some(Record::Long)),
                ReadRecordResult::Record => break,
                ReadRecordResult::End => return Ok(None),
            }
        }
        Ok(Some(self.fields(fields)))
    }

    fn fields(&self, fields: usize) -> Record<'_> {
        // The decoder gives UTF-8 alone, and delimiters are ASCII, so every field is well-formed.
        let text =
            |from: usize, to: usize| std::str::from_utf8(&self.out[from..to]).unwrap_or("\u{fffd}");
        if let Cut::Fixed(columns) = &self.cut {
            let line = text(0, self.ends.first().copied().filter(|_| fields > 0).unwrap_or(0));
            return Record::Fields(
                columns.iter().map(|(from, to)| slice(line, *from, *to)).collect(),
            );
        }
        let mut from = 0;
        let ends = self.ends[..fields].iter();
        Record::Fields(
            ends.map(|to| {
                let field = text(from, *to);
                from = *to;
                field.trim()
            })
            .collect(),
        )
    }
}

/// The characters of a line from one place to another, as far as it goes, without spaces around.
fn slice(line: &str, from: usize, to: usize) -> &str {
    let at = |n: usize| line.char_indices().nth(n).map_or(line.len(), |(at, _)| at);
    let (from, to) = (at(from), at(to.max(from)));
    line.get(from..to).unwrap_or("").trim()
}
