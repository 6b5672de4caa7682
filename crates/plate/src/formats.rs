//! Serial formats of the regions, as data: what a plate of a region usually looks like.
//!
//! The data are in `formats/*.txt`, whose heads say where they come from and what they do not claim.

use crate::text::{Reason, Text, class_of};
use std::collections::HashMap;
use std::sync::LazyLock;

/// Letters and digits as sets over the 36 characters, bit by [`class_of`].
const LETTERS: u64 = ((1 << 36) - 1) ^ DIGITS;
const DIGITS: u64 = (1 << 10) - 1;

/// All 36 characters.
const ANY: u64 = LETTERS | DIGITS;
/// Where [`sets`] has the set of all characters.
pub(crate) const ANYTHING: usize = 0;

/// One serial format of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct Format {
    /// Share of the region's plates that have it, 0 to 1; the shares of a region sum to 1.
    pub share: f64,
    /// For each place the set of characters that may stand there, by its number in [`sets`].
    pub(crate) places: Vec<usize>,
}

/// A region and its formats.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// ISO 3166 in lower case: `us-ca`, `de`.
    pub code: String,
    /// At least one.
    pub formats: Vec<Format>,
}

/// The data once parsed. Few sets serve all formats, so that they are numbered and weighed once.
struct Data {
    regions: Vec<Region>,
    numbers: HashMap<String, usize>,
    sets: Vec<u64>,
}

static DATA: LazyLock<Data> = LazyLock::new(|| {
    let mut sets = vec![ANY];
    // Our own data: a test sees that every line of it parses.
    let regions: Vec<Region> =
        lines().filter_map(|(_, _, line)| region(line, &mut sets).ok()).collect();
    let numbers = regions.iter().enumerate().map(|(i, r)| (r.code.clone(), i)).collect();
    Data { regions, numbers, sets }
});

/// The data's lines: file, number of the line, and what stands there.
fn lines() -> impl Iterator<Item = (&'static str, usize, &'static str)> {
    let files = [
        ("formats/us.txt", include_str!("formats/us.txt")),
        ("formats/world.txt", include_str!("formats/world.txt")),
    ];
    let lines = files.into_iter().flat_map(|(file, text)| {
        text.lines().enumerate().map(move |(n, line)| (file, n + 1, line))
    });
    lines.filter(|(_, _, line)| !line.starts_with('#') && !line.trim().is_empty())
}

/// Every region whose formats are known: the United States by state, then Europe, then Brazil.
pub fn regions() -> &'static [Region] {
    &DATA.regions
}

/// Where [`regions`] has the region of a code.
pub(crate) fn number(code: &str) -> Option<usize> {
    DATA.numbers.get(code).copied()
}

/// The sets of characters that formats are made of: a bit a character, by [`class_of`].
pub(crate) fn sets() -> &'static [u64] {
    &DATA.sets
}

/// The codes of the regions one of whose formats a text has. A text that none has may still be a plate:
/// vanity and special plates follow no format.
pub fn fits(text: &Text) -> impl Iterator<Item = &'static str> {
    let letters: Vec<u64> =
        text.reveal(Reason::Matching).chars().filter_map(class_of).map(|c| 1 << c).collect();
    regions()
        .iter()
        .filter(move |r| r.formats.iter().any(|f| f.takes(&letters)))
        .map(|r| r.code.as_str())
}

/// Whether a text has a format of a region, by its code; `None` for a region whose formats are not known.
pub fn fits_region(text: &Text, code: &str) -> Option<bool> {
    let region = &regions()[number(code)?];
    let mut letters = [0u64; Text::MAX];
    let classes = text.reveal(Reason::Matching).chars().filter_map(class_of);
    letters.iter_mut().zip(classes).for_each(|(l, c)| *l = 1 << c);
    Some(region.formats.iter().any(|f| f.takes(&letters[..text.len()])))
}

/// Share of a region's plates that follow no format of it: vanity and special plates.
const FREE: f64 = 0.2;

/// The share of a region's plates that one text would have, were all texts of a format alike: the sum of its
/// formats' shares over their sizes, and a fifth spread over all texts of its length. Characters by their
/// numbers: 0-9, then A-Z from 10. `None` for a region whose formats are not known.
pub fn density(text: &[u8], code: &str) -> Option<f64> {
    let region = &regions()[number(code)?];
    let size = |f: &Format| -> f64 {
        f.places.iter().map(|set| f64::from(sets()[*set].count_ones())).product()
    };
    let takes = |f: &&Format| {
        f.places.len() == text.len()
            && f.places.iter().zip(text).all(|(set, c)| sets()[*set] & (1 << (c % 64)) != 0)
    };
    let of = region.formats.iter().filter(takes).map(|f| f.share / size(f));
    Some((1.0 - FREE) * of.sum::<f64>() + FREE / 36f64.powi(text.len() as i32))
}

impl Format {
    fn takes(&self, letters: &[u64]) -> bool {
        self.places.len() == letters.len()
            && self.places.iter().zip(letters).all(|(set, c)| sets()[*set] & c != 0)
    }
}

/// Parses one line, adding the sets that are new; an error says what is not as the files' heads say.
fn region(line: &str, sets: &mut Vec<u64>) -> Result<Region, String> {
    let (code, rest) = line.split_once(':').ok_or("no `:` behind the region's code")?;
    let (formats, no) = rest.split_once(" no ").unwrap_or((rest, ""));
    let mut issued = LETTERS;
    for c in no.trim().chars() {
        let class = class_of(c).ok_or(format!("behind `no` stands {c:?}, which is no letter"))?;
        issued &= !(1 << class);
    }
    let mut out = Vec::new();
    for word in formats.split_whitespace() {
        out.push(format(word, issued, sets)?);
    }
    if out.is_empty() {
        return Err("no format behind the code".into());
    }
    let sum: f64 = out.iter().map(|f: &Format| f.share).sum();
    out.iter_mut().for_each(|f| f.share /= sum);
    Ok(Region { code: code.to_owned(), formats: out })
}

/// Parses one format, `AA111*2`: places, and how common it is beside the others.
fn format(word: &str, issued: u64, sets: &mut Vec<u64>) -> Result<Format, String> {
    let (shape, share) = match word.split_once('*') {
        Some((shape, share)) => (shape, share.parse::<f64>().unwrap_or(0.0)),
        None => (word, 1.0),
    };
    if !share.is_normal() || share < 0.0 {
        return Err(format!("{word}: behind * stands a number above 0"));
    }
    if shape.is_empty() || shape.len() > Text::MAX {
        return Err(format!("{word}: a format has 1 to {} places", Text::MAX));
    }
    let place = |c: char| match c {
        'A' => Some(issued),
        'L' => Some(LETTERS),
        '1' => Some(DIGITS),
        c if c.is_ascii_lowercase() => class_of(c.to_ascii_uppercase()).map(|c| 1 << c),
        _ => None,
    };
    let mut places = Vec::new();
    for c in shape.chars() {
        let what = "a place is A (letter), L (any letter), 1 (digit) or a small letter for itself";
        let set = place(c).ok_or(format!("{word}: {c:?}: {what}"))?;
        let known = sets.iter().position(|s| *s == set);
        places.push(known.unwrap_or_else(|| {
            sets.push(set);
            sets.len() - 1
        }));
    }
    Ok(Format { share, places })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, region: &str, want: bool) {
        let text = Text::parse(text).unwrap();
        assert_eq!(fits(&text).any(|r| r == region), want, "{region}");
        assert_eq!(fits_region(&text, region), Some(want), "{region}");
        assert_eq!(fits_region(&text, "xx"), None);
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
        check("M-AB 123E", "de", true); // electric
        check("8AIB123", "us-ca", true); // I stands in the middle alone
        check("8IAB123", "us-ca", false);
        check("OAA123", "us-wv", true); // October
        check("AIG1234", "gb", true); // Northern Ireland
        check("SE1234BC", "es", true); // an old plate of Sevilla
        check("ΙΜΝ-1234", "gr", true);
        check("DMN1234", "gr", false); // no Greek letter looks like D
        check("131-SO-123", "ie", true);
        check("OW12OA", "at", false); // O stands in a district, never in a serial
        check("OW-12ABC", "at", true);
    }

    #[test]
    fn a_text_has_a_share_of_its_region() {
        let share = |text: &str, code: &str| {
            let numbers: Vec<u8> = text.chars().map(|c| class_of(c).unwrap() as u8).collect();
            density(&numbers, code)
        };
        // One format: two letters of 23, four digits; and the fifth that follows none.
        let want = 0.8 / (23.0 * 23.0 * 1e4) + 0.2 / 36f64.powi(6);
        assert!((share("AB1234", "us-dc").unwrap() / want - 1.0).abs() < 1e-9);
        assert!((share("1234AB", "us-dc").unwrap() * 36f64.powi(6) / 0.2 - 1.0).abs() < 1e-9);
        assert!(share("7ABC128", "us-ca").unwrap() > 3e-9);
        assert_eq!(share("AB1234", "xx"), None);
    }

    /// The codes that the recogniser is trained on, in its own words.
    fn trained() -> Vec<String> {
        let source = include_str!("../../../train/regions.py");
        let states = source.split_once("STATES = (").unwrap().1.split_once(".split()").unwrap().0;
        let mut codes: Vec<String> = states
            .split(|c: char| !c.is_ascii_lowercase())
            .filter(|s| !s.is_empty())
            .map(|s| format!("us-{s}"))
            .collect();
        let europe = source.split_once("EUROPE = {").unwrap().1.split_once("\n}").unwrap().0;
        let country =
            |line: &str| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned());
        codes.extend(europe.lines().filter_map(country));
        codes.push("br".to_owned());
        assert_eq!(codes.len(), 51 + 32 + 1);
        codes
    }

    /// What is wrong with lines of data, each with its place.
    fn wrong<'a>(lines: impl Iterator<Item = (&'a str, usize, &'a str)>) -> Vec<String> {
        let trained = trained();
        let mut seen: HashMap<String, String> = HashMap::new();
        let mut out = Vec::new();
        for (file, n, line) in lines {
            let at = format!("crates/plate/src/{file}:{n}");
            let of = match region(line, &mut vec![]) {
                Ok(of) => of,
                Err(why) => {
                    out.push(format!("{at}: {why}"));
                    continue;
                }
            };
            let code = of.code.as_str();
            if let Some(first) = seen.insert(of.code.clone(), at.clone()) {
                out.push(format!("{at}: {code} stands in {first} already; put all into one line"));
            }
            if !trained.iter().any(|known| known == code) {
                out.push(format!("{at}: the network knows no region {code} (train/regions.py)"));
            }
            if let Some(f) = of.formats.iter().find(|f| !(3..=12).contains(&f.places.len())) {
                out.push(format!("{at}: {code} has a format of {} places", f.places.len()));
            }
        }
        for code in trained.iter().filter(|code| !seen.contains_key(*code)) {
            out.push(format!("crates/plate/src/formats: the region {code} has no line"));
        }
        out
    }

    /// Each by hand what a newcomer may get wrong, and what they are told.
    #[test]
    fn a_wrong_line_is_told_with_its_place() {
        let check = |line: &'static str, want: &str| {
            let told = wrong(lines().chain([("formats/us.txt", 99, line)]));
            assert_eq!(told, [format!("crates/plate/src/formats/us.txt:99: {want}")], "{line}");
        };
        check("us-al AA111", "no `:` behind the region's code");
        check("us-al:", "no format behind the code");
        check(
            "us-al: AA?11",
            "AA?11: '?': a place is A (letter), L (any letter), 1 (digit) or a small letter for itself",
        );
        check("us-al: AA11*x", "AA11*x: behind * stands a number above 0");
        check("us-al: AA11*-1", "AA11*-1: behind * stands a number above 0");
        check("us-al: *2", "*2: a format has 1 to 12 places");
        check("us-al: AA11 no !", "behind `no` stands '!', which is no letter");
        let first = "crates/plate/src/formats/us.txt:9";
        check("us-al: AA111", &format!("us-al stands in {first} already; put all into one line"));
        check("us-zz: AA111", "the network knows no region us-zz (train/regions.py)");
        let short = wrong(lines().map(|(file, n, line)| match line.starts_with("us-dc:") {
            true => (file, n, "us-dc: A1"),
            false => (file, n, line),
        }));
        assert!(short[0].ends_with("us-dc has a format of 2 places"), "{short:?}");
        let none = wrong(lines().filter(|(_, _, line)| !line.starts_with("us-dc:")));
        assert_eq!(none, ["crates/plate/src/formats: the region us-dc has no line"]);
        assert_eq!(region("xx: a1*3 A", &mut vec![]).unwrap().formats[0].share, 0.75);
    }

    #[test]
    fn every_line_parses() {
        let wrong = wrong(lines());
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        for r in regions() {
            assert!((r.formats.iter().map(|f| f.share).sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
