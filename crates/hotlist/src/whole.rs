//! A plate as whole plates: a listed one for who can only compare whole ones, and a typed one as it may be listed.

use plate::{Pattern, Reason, Text};

/// Characters of a plate.
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// With more unknown characters a plate is none for this: 1296 plates are enough.
const UNKNOWN: usize = 2;

/// Every plate that this one may be: itself where all is known, up to 1296 where one or two characters are not.
/// `None` where that are too many.
pub fn whole_plates(plate: &Pattern) -> Option<Vec<Text>> {
    if let Some(whole) = plate.exact() {
        return Some(vec![whole]);
    }
    let spelled = plate.reveal(Reason::HotList).as_bytes();
    let unknown: Vec<usize> = (0..spelled.len()).filter(|i| spelled[*i] == b'?').collect();
    if spelled.contains(&b'*') || unknown.len() > UNKNOWN {
        return None;
    }
    let count = ALPHABET.len().pow(unknown.len() as u32);
    let one = |mut n: usize| {
        let mut bytes = spelled.to_vec();
        for at in &unknown {
            bytes[*at] = ALPHABET[n % ALPHABET.len()];
            n /= ALPHABET.len();
        }
        Text::parse(std::str::from_utf8(&bytes).ok()?).ok()
    };
    (0..count).map(one).collect()
}

/// Every plate that looks like this one where plates do not tell O from 0 and I from 1: itself first, and 4096 at the
/// most.
pub fn spellings(plate: &Text) -> Vec<Text> {
    let spelled = plate.reveal(Reason::Matching).as_bytes();
    let twins: Vec<(usize, u8)> =
        spelled.iter().enumerate().filter_map(|(at, c)| Some((at, twin(*c)?))).collect();
    let one = |n: usize| {
        let mut bytes = spelled.to_vec();
        for (_, (at, c)) in twins.iter().enumerate().filter(|(bit, _)| n >> bit & 1 == 1) {
            bytes[*at] = *c;
        }
        Text::parse(std::str::from_utf8(&bytes).ok()?).ok()
    };
    (0..1usize << twins.len()).filter_map(one).collect()
}

/// The character of the same shape.
fn twin(c: u8) -> Option<u8> {
    match c {
        b'O' => Some(b'0'),
        b'0' => Some(b'O'),
        b'I' => Some(b'1'),
        b'1' => Some(b'I'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_shape_is_spelled_both_ways() {
        let check = |typed: &str, want: &str| {
            let all = spellings(&Text::parse(typed).unwrap());
            let all: Vec<&str> = all.iter().map(|t| t.reveal(Reason::Matching)).collect();
            assert_eq!(all.join(" "), want);
        };
        check("7ABC8", "7ABC8");
        check("7AOC", "7AOC 7A0C");
        check("1A0", "1A0 IA0 1AO IAO");
        assert_eq!(spellings(&Text::parse("000000000000").unwrap()).len(), 4096);
    }

    #[test]
    fn what_is_half_known_is_spelled_out() {
        let check = |written: &str, count: Option<usize>, among: &str| {
            let all = whole_plates(&Pattern::parse(written).unwrap());
            assert_eq!(all.as_ref().map(Vec::len), count, "{written}");
            let spelled: BTreeSet<&str> =
                all.iter().flatten().map(|t| t.reveal(Reason::Matching)).collect();
            assert_eq!(spelled.len(), count.unwrap_or(0), "{written}: none twice");
            assert!(among.is_empty() || spelled.contains(among), "{written}");
        };
        check("7ABC128", Some(1), "7ABC128");
        check("7ABC12?", Some(36), "7ABC12Z");
        check("?ABC12?", Some(1296), "0ABC129");
        check("??BC12?", None, "");
        check("7ABC*", None, "");
    }
}
