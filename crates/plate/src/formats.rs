//! Serial formats of the regions, as data: what a plate of a region usually looks like.
//!
//! The data are in `formats/*.txt`, whose heads say where they come from and what they do not claim.

use crate::text::{Reason, Text, class_of};
use std::sync::LazyLock;

/// Letters and digits as sets over the 36 characters, bit by [`class_of`].
pub(crate) const LETTERS: u64 = ((1 << 36) - 1) ^ DIGITS;
pub(crate) const DIGITS: u64 = (1 << 10) - 1;

/// One serial format of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// Share of the region's plates that have it, 0 to 1; the shares of a region sum to 1.
    pub share: f64,
    /// For each place the set of characters that may stand there, a bit a character.
    pub(crate) places: Vec<u64>,
}

/// A region and its formats.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// ISO 3166 in lower case: `us-ca`, `de`.
    pub code: String,
    /// At least one.
    pub formats: Vec<Format>,
}

static REGIONS: LazyLock<Vec<Region>> = LazyLock::new(|| {
    let texts = [include_str!("formats/us.txt"), include_str!("formats/world.txt")];
    let parsed: Result<Vec<Region>, String> = texts.iter().flat_map(|t| parse(t)).collect();
    // Our own data, parsed in a test.
    parsed.unwrap_or_else(|e| unreachable!("{e}"))
});

/// Every region whose formats are known.
pub fn regions() -> &'static [Region] {
    &REGIONS
}

/// The regions one of whose formats a text has.
pub fn fits(text: &Text) -> impl Iterator<Item = &'static str> {
    let letters: Vec<u64> =
        text.reveal(Reason::Matching).chars().filter_map(class_of).map(|c| 1 << c).collect();
    regions()
        .iter()
        .filter(move |r| r.formats.iter().any(|f| f.takes(&letters)))
        .map(|r| r.code.as_str())
}

impl Format {
    fn takes(&self, letters: &[u64]) -> bool {
        self.places.len() == letters.len()
            && self.places.iter().zip(letters).all(|(place, c)| place & c != 0)
    }
}

fn parse(text: &str) -> Vec<Result<Region, String>> {
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.trim().is_empty());
    lines.map(|line| region(line).ok_or_else(|| format!("no formats: {line}"))).collect()
}

fn region(line: &str) -> Option<Region> {
    let (code, rest) = line.split_once(':')?;
    let (formats, no) = rest.split_once(" no ").unwrap_or((rest, ""));
    let mut issued = LETTERS;
    for c in no.trim().chars() {
        issued &= !(1 << class_of(c)?);
    }
    let mut out = Vec::new();
    for word in formats.split_whitespace() {
        let (shape, share) = match word.split_once('*') {
            Some((shape, share)) => (shape, share.parse().ok()?),
            None => (word, 1.0),
        };
        let place = |c: char| match c {
            'A' => Some(issued),
            '1' => Some(DIGITS),
            c if c.is_ascii_lowercase() => class_of(c.to_ascii_uppercase()).map(|c| 1 << c),
            _ => None,
        };
        out.push(Format { share, places: shape.chars().map(place).collect::<Option<_>>()? });
    }
    let sum: f64 = out.iter().map(|f: &Format| f.share).sum();
    out.iter_mut().for_each(|f| f.share /= sum);
    (!out.is_empty()).then(|| Region { code: code.to_owned(), formats: out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, region: &str, want: bool) {
        let text = Text::parse(text).unwrap();
        assert_eq!(fits(&text).any(|r| r == region), want, "{region}");
    }

    #[test]
    fn formats_of_regions() {
        check("7ABC128", "us-ca", true);
        check("7ABC12B", "us-ca", false);
        check("ABC1234", "us-tx", false); // Texas issues no vowels
        check("BCD1234", "us-tx", true);
        check("AB12CDE", "gb", true);
        check("ABC1D23", "br", true);
        check("1234BCD", "es", true);
        check("1234BCO", "es", false);
        check("GÖTT123", "de", true);
    }

    #[test]
    fn every_line_parses() {
        assert!(regions().len() >= 51 + 33, "{}", regions().len());
        for r in regions() {
            assert!((r.formats.iter().map(|f| f.share).sum::<f64>() - 1.0).abs() < 1e-9);
            assert!(r.formats.iter().all(|f| (3..=12).contains(&f.places.len())), "{}", r.code);
        }
        let mut codes: Vec<&str> = regions().iter().map(|r| r.code.as_str()).collect();
        codes.dedup();
        assert_eq!(codes.len(), regions().len(), "a region stands once");
    }
}
