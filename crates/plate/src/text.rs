//! The guarded text of a plate.

use std::fmt;
use zeroize::Zeroize;

/// The characters that a plate may hold, in the order of the recogniser's classes.
pub(crate) const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

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
    /// To be told a gate or tool beside the camera, where the city's rule allows it.
    Gate,
}

/// The normalised text of a plate: 1 to 12 characters `A-Z 0-9`. Wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(String);

impl Text {
    /// The longest text that is taken.
    pub const MAX: usize = 12;

    /// Normalises what a person or a list wrote: upper case `A-Z` and `0-9`, without accents, spaces of
    /// every kind, dots and dashes.
    ///
    /// A letter with an accent becomes its base letter (Ä→A, Æ→A, Ø→O, Œ→O, Đ→D), a Greek or Cyrillic
    /// letter that plates use the Latin one of the same shape (Ρ→P, Х→X), a full-width one the plain one.
    /// This is the field's usual folding, as readers see the base letter and keyboards have it. It loses
    /// the difference: the German districts HÖ and HO become one.
    ///
    /// Fails with [`TextError`] where nothing or more than [`Text::MAX`] is left, and for every other
    /// character: a slash, an apostrophe, ß, other scripts.
    pub fn parse(written: &str) -> Result<Self, TextError> {
        let mut out = String::with_capacity(Self::MAX);
        for c in written.chars() {
            match folded(c) {
                Some(_) if out.len() == Self::MAX => {
                    out.zeroize();
                    return Err(TextError::Long);
                }
                Some(c) => out.push(c),
                None if is_gap(c) => {}
                None => {
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

/// Where a character stands among the 36; `None` for what is none of them.
pub(crate) fn class_of(c: char) -> Option<usize> {
    match c {
        '0'..='9' => Some(c as usize - '0' as usize),
        'A'..='Z' => Some(c as usize - 'A' as usize + 10),
        _ => None,
    }
}

/// The plain letter or digit that a written character stands for; see [`Text::parse`].
fn folded(c: char) -> Option<char> {
    let mut upper = c.to_uppercase();
    let (Some(c), None) = (upper.next(), upper.next()) else {
        // ß and the ligatures are more than one letter: no plate has them, and none is guessed.
        return None;
    };
    Some(match c {
        '0'..='9' | 'A'..='Z' => c,
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' => {
            char::from_u32(c as u32 - 0xff00 + 0x20)?
        }
        'À'..='Æ' | 'Ā' | 'Ă' | 'Ą' | 'Α' | 'А' => 'A',
        'Β' | 'В' => 'B',
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' | 'С' => 'C',
        'Ð' | 'Ď' | 'Đ' => 'D',
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' | 'Ε' | 'Е' => 'E',
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => 'G',
        'Ĥ' | 'Ħ' | 'Η' | 'Н' => 'H',
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' | 'Ι' | 'І' => 'I',
        'Ĵ' => 'J',
        'Ķ' | 'Κ' | 'К' => 'K',
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ł' => 'L',
        'Μ' | 'М' => 'M',
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' | 'Ν' => 'N',
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ŏ' | 'Ő' | 'Œ' | 'Ο' | 'О' => 'O',
        'Ρ' | 'Р' => 'P',
        'Ŕ' | 'Ř' => 'R',
        'Ś' | 'Ŝ' | 'Ş' | 'Š' | 'Ș' => 'S',
        'Ţ' | 'Ť' | 'Ŧ' | 'Ț' | 'Τ' | 'Т' => 'T',
        'Ù'..='Ü' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => 'U',
        'Ŵ' => 'W',
        'Χ' | 'Х' => 'X',
        'Ý' | 'Ŷ' | 'Ÿ' | 'Υ' | 'У' => 'Y',
        'Ź' | 'Ż' | 'Ž' | 'Ζ' => 'Z',
        _ => return None,
    })
}

/// What stands between the characters of a plate and is none of them: spaces, also those without a
/// width, dashes, dots, and accents that are written as a character of their own.
fn is_gap(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '\u{ad}' | '\u{2010}'
                ..='\u{2015}' | '\u{2043}' | '−' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
        )
        || matches!(c, '.' | '·' | '•' | '‧' | '∙' | '⋅' | '●' | '・' | '\u{ff0e}')
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
        || matches!(c, '\u{300}'..='\u{36f}')
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
            ("ÄB1", Ok("AB1")),
            ("gö–tt 1", Ok("GOTT1")),
            ("ŠĐČ\u{2003}77", Ok("SDC77")),
            ("ΑΒΕ-1234", Ok("ABE1234")), // Greek
            ("А123ВС", Ok("A123BC")),    // Cyrillic
            ("７ＡＢＣ", Ok("7ABC")),
            ("漢1", Err(TextError::Character)),
            ("AB/1", Err(TextError::Character)),
            ("AB'1", Err(TextError::Character)),
            ("ß1", Err(TextError::Character)), // not S
            ("ﬁ1", Err(TextError::Character)), // a ligature
            ("Д1", Err(TextError::Character)), // no Latin letter looks like it
            ("A\u{308}B\u{30a}1", Ok("AB1")),  // accents of their own
            ("\u{308}-", Err(TextError::Empty)),
            ("åæø ÉÑÇ", Ok("AAOENC")),
            ("łńśźżŸœ", Ok("LNSZZYO")),
            ("АВЕКМНОРСТУХ", Ok("ABEKMHOPCTYX")),
            ("αβεζηικμνορτ", Ok("ABEZHIKMNOPT")),
            ("A‑B‒C—D―E−F•G·1", Ok("ABCDEFG1")),
            ("\u{feff}A\u{a0}B\u{3000}C\u{200b}1", Ok("ABC1")),
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

    proptest! {
        #[test]
        fn parsing_is_idempotent(s in "\\PC{0,20}") {
            if let Ok(t) = Text::parse(&s) {
                prop_assert_eq!(Text::parse(t.reveal(Reason::Matching)).unwrap(), t);
            }
        }
    }
}
