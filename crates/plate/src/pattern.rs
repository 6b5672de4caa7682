//! A plate of which some characters are not known, and a plate as it may have been misread.

use crate::alike::{confusion, look_alikes};
use crate::odds::Odds;
use crate::text::{ALPHABET, Reason, Text, TextError};
use std::fmt;
use zeroize::Zeroize;

/// A plate with unknown characters: `?` stands for one, `*` for any number of them, also none.
/// Guarded like [`Text`]: what is known of a plate is nearly a plate.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Normalises what a person wrote, like [`Text::parse`], and takes `?` and `*` along.
    ///
    /// Fails with [`TextError`] where more than [`Text::MAX`] characters or unknown ones stand, where
    /// nothing does, and for characters that no plate has.
    pub fn parse(written: &str) -> Result<Self, TextError> {
        let mut out = String::with_capacity(2 * Text::MAX);
        let mut piece = String::new();
        let flush = |out: &mut String, piece: &mut String| -> Result<(), TextError> {
            match Text::parse(piece) {
                Ok(text) => out.push_str(text.reveal(Reason::Question)),
                Err(TextError::Empty) => {}
                Err(e) => return Err(e),
            }
            piece.zeroize();
            Ok(())
        };
        for c in written.chars() {
            match c {
                '?' | '*' => {
                    flush(&mut out, &mut piece)?;
                    // Two stars are one.
                    if c == '?' || !out.ends_with('*') {
                        out.push(c);
                    }
                }
                c => piece.push(c),
            }
        }
        flush(&mut out, &mut piece)?;
        let long = out.bytes().filter(|b| *b != b'*').count() > Text::MAX;
        let pattern = Self(out);
        match () {
            () if pattern.0.is_empty() => Err(TextError::Empty),
            () if long || pattern.0.len() > 2 * Text::MAX => Err(TextError::Long),
            () => Ok(pattern),
        }
    }

    /// The plate, if no character of it is unknown.
    pub fn exact(&self) -> Option<Text> {
        if self.0.contains(['?', '*']) { None } else { Text::parse(&self.0).ok() }
    }

    /// How many characters are known.
    pub fn known(&self) -> usize {
        self.0.bytes().filter(|b| ALPHABET.contains(b)).count()
    }

    /// Whether a text may be this plate.
    pub fn fits(&self, text: &str) -> bool {
        glob(self.0.as_bytes(), text.as_bytes())
    }

    /// P(the text behind these odds fits), 0 to 1: of the likeliest four readings, those that do.
    pub fn probability(&self, odds: &Odds) -> f64 {
        let readings = odds.readings(4);
        let fit = readings.iter().filter(|r| self.fits(r.text.reveal(Reason::Matching)));
        fit.map(|r| r.probability).sum::<f64>().min(1.0)
    }

    /// The characters, known and unknown, for the stated reason.
    pub fn reveal(&self, _reason: Reason) -> &str {
        &self.0
    }
}

/// A plate that is known whole.
impl From<Text> for Pattern {
    fn from(text: Text) -> Self {
        Self(text.reveal(Reason::Matching).to_owned())
    }
}

/// Whether a text fits a pattern: walks once, and goes back to the last star where it must.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({} known)", self.known())
    }
}

impl Drop for Pattern {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Up to `n` texts that a plate is easily read as, the plate itself first, then by how probable the
/// confusion is. At most two characters differ: three swapped look-alikes are another plate.
pub fn variants(plate: &Text, n: usize) -> Vec<Text> {
    let letters: Vec<char> = plate.reveal(Reason::Matching).chars().collect();
    let swaps: Vec<(usize, char, f64)> = letters
        .iter()
        .enumerate()
        .flat_map(|(at, c)| look_alikes(*c).chars().map(move |d| (at, d, confusion(d, *c))))
        .collect();
    let mut found: Vec<(f64, Vec<char>)> = vec![(1.0, letters.clone())];
    for (i, (at, c, p)) in swaps.iter().enumerate() {
        let mut one = letters.clone();
        one[*at] = *c;
        for (other, d, q) in swaps[i + 1..].iter().filter(|(other, _, _)| other != at) {
            let mut two = one.clone();
            two[*other] = *d;
            found.push((p * q, two));
        }
        found.push((*p, one));
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let texts = found.iter_mut().take(n.max(1)).filter_map(|(_, letters)| {
        let mut text: String = letters.iter().collect();
        letters.zeroize();
        let parsed = Text::parse(&text).ok();
        text.zeroize();
        parsed
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_fit() {
        for (pattern, text, fits) in [
            ("7AB?12*", "7ABC128", true),
            ("7AB?12*", "7ABC12", true),
            ("7AB?12*", "7AB12", false),
            ("7ab c-12?", "7ABC128", true),
            ("*128", "7ABC128", true),
            ("*A*1*8", "7ABC128", true),
            ("*A*1*8", "7ABC129", false),
            ("**12??", "AB1234", true),
            ("ABC", "ABCD", false),
            ("?", "", false),
            ("*", "", true),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_known_is_counted() {
        let p = |s: &str| Pattern::parse(s).unwrap();
        assert_eq!((p("7AB?12*").known(), p("?*?").known(), p("AB-12").known()), (5, 0, 4));
        assert!(p("7AB?").exact().is_none());
        assert_eq!(p("7 ab").exact(), Text::parse("7AB").ok());
        assert_eq!(format!("{:?}", p("7AB?12*")), "Pattern(5 known)");
        for (bad, want) in [
            ("", TextError::Empty),
            ("????????????? ", TextError::Long),
            ("AB#?", TextError::Character),
        ] {
            assert_eq!(Pattern::parse(bad).unwrap_err(), want, "{bad}");
        }
    }

    #[test]
    fn variants_swap_look_alikes() {
        let of = |s: &str, n| -> Vec<String> {
            let text = Text::parse(s).unwrap();
            variants(&text, n).iter().map(|t| t.reveal(Reason::Matching).to_owned()).collect()
        };
        assert_eq!(of("X7", 9), ["X7"]);
        assert_eq!(of("A8I", 9), ["A8I", "A81", "ABI", "AB1"]);
        let many = of("7ABC0DQ", 500);
        assert_eq!(many[0], "7ABC0DQ");
        assert!(many.contains(&"7A8C0DQ".into()) && many.contains(&"7ABCODO".into()));
        assert_eq!(of("7ABC0DQ", 5).len(), 5);
    }

    proptest! {
        #[test]
        fn a_text_fits_itself_with_any_hole(text in "[A-Z0-9]{1,12}", hole in 0usize..12) {
            let hole = hole % text.len();
            let one: String = text.chars().enumerate().map(|(i, c)| if i == hole { '?' } else { c }).collect();
            prop_assert!(Pattern::parse(&one).unwrap().fits(&text));
            let rest = format!("{}*", &text[..hole]);
            prop_assert!(Pattern::parse(&rest).unwrap().fits(&text));
        }

        #[test]
        fn hostile_patterns_never_panic(s in "\\PC{0,30}", text in "[A-Z0-9]{0,14}") {
            if let Ok(p) = Pattern::parse(&s) {
                p.fits(&text);
            }
        }
    }
}
