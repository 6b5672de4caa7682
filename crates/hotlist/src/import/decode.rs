//! Any of four encodings to UTF-8, piece by piece.

use base::{Error, Result};
use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::Serialize;
use std::io::Read;

/// Bytes that are read at once, and looked at to tell the encoding.
const PIECE: usize = 64 * 1024;

/// How the characters of a file are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// UTF-16, low byte first.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
    /// Windows-1252, the usual one of old exports: what is no UTF-8 and has no zeros.
    Windows1252,
}

impl Encoding {
    /// Tells the encoding by the beginning of a file. A mark decides; without one, zeros at every other byte
    /// are UTF-16, what is well-formed UTF-8 is that, and the rest is Windows-1252. Where the beginning is ASCII alone,
    /// what comes behind it may still be either.
    pub fn of(beginning: &[u8]) -> Self {
        match beginning {
            [0xef, 0xbb, 0xbf, ..] => return Self::Utf8,
            [0xff, 0xfe, ..] => return Self::Utf16Le,
            [0xfe, 0xff, ..] => return Self::Utf16Be,
            _ => {}
        }
        let pairs = beginning.len() / 2;
        let zeros =
            |from: usize| beginning.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
        let (even, odd) = (zeros(0), zeros(1));
        if pairs >= 2 && odd * 10 > pairs * 7 && even * 10 < pairs {
            return Self::Utf16Le;
        }
        if pairs >= 2 && even * 10 > pairs * 7 && odd * 10 < pairs {
            return Self::Utf16Be;
        }
        match std::str::from_utf8(beginning) {
            Ok(_) => Self::Utf8,
            // A character that is cut off at the end of the piece is none that is wrong.
            Err(e) if e.error_len().is_none() => Self::Utf8,
            Err(_) => Self::Windows1252,
        }
    }

    fn decoder(self) -> Decoder {
        let encoding = match self {
            Self::Utf8 => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        };
        encoding.new_decoder_with_bom_removal()
    }
}

/// A source as UTF-8. What is malformed becomes U+FFFD, which no field may hold.
pub(crate) struct Decoded<R> {
    source: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// What of `raw` is not decoded yet.
    left: std::ops::Range<usize>,
    out: Vec<u8>,
    /// Whether all that came was ASCII, which two of the encodings spell alike: the first that is none decides.
    plain: bool,
    /// Bytes that may still be read.
    budget: u64,
    ended: bool,
    finished: bool,
}

impl<R: Read> Decoded<R> {
    /// Reads no more than `budget` bytes of a source that is spelled like this, or as its beginning tells.
    pub fn new(source: R, encoding: Option<Encoding>, budget: u64) -> Result<(Self, Encoding)> {
        let decoder = UTF_8.new_decoder();
        let (raw, out) = (vec![0; PIECE], vec![0; 4 * PIECE]);
        let (ended, finished, plain) = (false, false, false);
        let mut made =
            Self { source, decoder, raw, left: 0..0, out, plain, budget, ended, finished };
        made.fill()?;
        let beginning = &made.raw[made.left.clone()];
        let encoding = encoding.unwrap_or_else(|| Encoding::of(beginning));
        made.plain = encoding == Encoding::Utf8 && beginning.is_ascii();
        made.decoder = encoding.decoder();
        Ok((made, encoding))
    }

    /// An old export's first accent may come late.
    fn decide(&mut self) {
        let piece = &self.raw[self.left.clone()];
        if self.plain && !piece.is_ascii() {
            self.plain = false;
            let wrong = |e: std::str::Utf8Error| e.error_len().is_some();
            if std::str::from_utf8(piece).is_err_and(wrong) {
                self.decoder = Encoding::Windows1252.decoder();
            }
        }
    }

    /// Fills `raw` to the brim, or to the end of the source.
    fn fill(&mut self) -> Result<()> {
        self.left = 0..0;
        while self.left.end < PIECE && !self.ended {
            let n = self.source.read(&mut self.raw[self.left.end..]);
            let n = match n {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                n => n.map_err(|e| {
                    Error::unavailable("The list could not be read to its end; send it again.")
                        .because(e)
                })?,
            };
            self.ended = n == 0;
            self.left.end += n;
            self.budget = self.budget.checked_sub(n as u64).ok_or_else(|| {
                Error::too_large("The list is larger than this city takes; split it.")
            })?;
        }
        Ok(())
    }

    /// The next piece; empty at the end.
    pub fn next(&mut self) -> Result<&[u8]> {
        loop {
            if self.finished {
                return Ok(&[]);
            }
            if self.left.is_empty() && !self.ended {
                self.fill()?;
                self.decide();
            }
            let raw = &self.raw[self.left.clone()];
            let (end, read, written, _) =
                self.decoder.decode_to_utf8(raw, &mut self.out, self.ended);
            self.left.start += read;
            self.finished = self.ended && end == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(&self.out[..written]);
            }
        }
    }
}
