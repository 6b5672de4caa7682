//! A listed plate as whole plates: for who can only compare whole ones.

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
