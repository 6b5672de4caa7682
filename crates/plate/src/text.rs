//! The guarded text of a plate.

use std::fmt;
use zeroize::Zeroize;

/// The characters that a plate may hold, in the order of the recogniser's classes.
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Why a text is no plate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing is left after spaces, dots and dashes are dropped.
    #[error("the plate is empty")]
    Empty,
    /// More than [`Text::MAX`] characters are left.
    #[error("the plate has more than {} characters", Text::MAX)]
    Long,
    /// A character that stands on no plate we read.
    #[error("a plate holds only letters A-Z and digits")]
    Character,
}

/// Why a plate is spelled out. The list is short on purpose: `xtask tidy` prints every use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// To be read on the screen or in the pipe of the person who ran `homeplate read`.
    Reader,
    /// To be signed and sealed to the city's key by the camera that read it.
    Sealing,
    /// To be compared with a hot list, in memory.
    Matching,
    /// To be turned into a keyed token, inside custody.
    Token,
    /// To be kept in a hot list, which is in the clear by the design's exception.
    HotList,
    /// To be part of the answer to a question that a permit allowed.
    Answer,
    /// To be shown with an open hit to the person who decides it.
    Hit,
    /// To be asked for: a person's own question, on its way to the city.
    Question,
}

/// The normalised text of a plate: 1 to 12 characters `A-Z 0-9`. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// The longest text that is taken.
    pub const MAX: usize = 12;

    /// Normalises what a person or a list wrote: upper case, without spaces, dots and dashes.
    pub fn parse(written: &str) -> Result<Self, TextError> {
        let mut out = String::with_capacity(Self::MAX);
        for c in written.chars() {
            match c.to_ascii_uppercase() {
                ' ' | '-' | '.' | '·' | '\u{a0}' => {}
                c if c.is_ascii_uppercase() || c.is_ascii_digit() => {
                    if out.len() == Self::MAX {
                        out.zeroize();
                        return Err(TextError::Long);
                    }
                    out.push(c);
                }
                _ => {
                    out.zeroize();
                    return Err(TextError::Character);
                }
            }
        }
        if out.is_empty() { Err(TextError::Empty) } else { Ok(Self(out)) }
    }

    /// How many characters it has.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The letters, for the stated reason.
    pub fn reveal(&self, _reason: Reason) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plate({})", self.0.len())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The characters that a reader or a person easily takes for `c`, `c` itself not among them.
/// They propose candidates and never confirm one. Source: merges known from practice (D 0 Q→O,
/// 1→I, 5→S, 8→B, Z→2, G→C), made symmetric.
pub fn look_alikes(c: char) -> &'static str {
    match c {
        '0' => "ODQ",
        'O' => "0DQ",
        'D' => "0OQ",
        'Q' => "0OD",
        '1' => "I",
        'I' => "1",
        '5' => "S",
        'S' => "5",
        '8' => "B",
        'B' => "8",
        '2' => "Z",
        'Z' => "2",
        'G' => "C",
        'C' => "G",
        _ => "",
    }
}

pub(crate) fn is_plate_char(c: char) -> bool {
    c.is_ascii() && ALPHABET.contains(&(c as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writing_is_normalised() {
        for (written, want) in [
            ("7abc 128", Ok("7ABC128")),
            ("BO-TX.99", Ok("BOTX99")),
            (" - ", Err(TextError::Empty)),
            ("1234567890123", Err(TextError::Long)),
            ("AB#1", Err(TextError::Character)),
            ("ÄB1", Err(TextError::Character)),
        ] {
            let got = Text::parse(written);
            assert_eq!(
                got.as_ref().map(|t| t.reveal(Reason::Matching)).map_err(|e| *e),
                want,
                "{written}"
            );
        }
    }

    #[test]
    fn debug_shows_the_length_alone() {
        assert_eq!(format!("{:?}", Text::parse("7ABC128").unwrap()), "Plate(7)");
    }

    #[test]
    fn look_alikes_are_symmetric() {
        for c in ALPHABET.iter().map(|b| *b as char) {
            for other in look_alikes(c).chars() {
                assert!(look_alikes(other).contains(c), "{c} {other}");
            }
        }
    }

    proptest! {
        #[test]
        fn parsing_is_idempotent(s in "\\PC{0,20}") {
            if let Ok(t) = Text::parse(&s) {
                prop_assert_eq!(Text::parse(t.reveal(Reason::Matching)).unwrap(), t);
            }
        }
    }
}
