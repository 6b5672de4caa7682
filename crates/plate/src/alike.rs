//! Characters that are taken for one another, by readers and by people.

use crate::text::{ALPHABET, class_of};
use std::sync::LazyLock;

/// Groups whose members are confused with each other, with the odds that a reader shows another member:
/// the first groups are the ones that merge completely on some dies.
const GROUPS: [(&str, f64); 14] = [
    ("0ODQ", 0.06),
    ("1I", 0.06),
    ("8B", 0.03),
    ("5S", 0.03),
    ("2Z", 0.03),
    ("GC6", 0.012),
    ("UV", 0.012),
    ("VY", 0.012),
    ("MNWH", 0.006),
    ("KXR", 0.006),
    ("7T1", 0.008),
    ("EF", 0.008),
    ("PFR", 0.006),
    ("4A", 0.005),
];
/// The odds of any other confusion.
const OTHER: f64 = 2e-4;

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

/// P(a reader shows `seen` where the plate has `truth`); 0 for what is no character of a plate. The rows
/// sum to 1. The figures are rounded from the mistakes of small readers on true cuts of plates: they
/// tell strong look-alikes from weak ones, and are no measurement of one reader.
pub fn confusion(seen: char, truth: char) -> f64 {
    match (class_of(seen), class_of(truth)) {
        (Some(s), Some(t)) => TABLE[t][s],
        _ => 0.0,
    }
}

static TABLE: LazyLock<[[f64; 36]; 36]> = LazyLock::new(|| {
    let mut table = [[OTHER; 36]; 36];
    for (t, row) in table.iter_mut().enumerate() {
        for (members, odds) in GROUPS {
            let inside = |k: usize| members.as_bytes().contains(&ALPHABET[k]);
            for (s, p) in row.iter_mut().enumerate() {
                if s != t && inside(s) && inside(t) {
                    *p = p.max(odds);
                }
            }
        }
        let others: f64 = row.iter().enumerate().filter(|(s, _)| *s != t).map(|(_, p)| p).sum();
        row[t] = 1.0 - others;
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_symmetric() {
        for c in ALPHABET.iter().map(|b| *b as char) {
            for other in look_alikes(c).chars() {
                assert!(look_alikes(other).contains(c), "{c} {other}");
                assert!(confusion(c, other) >= 0.01, "{c} {other}");
            }
        }
    }

    #[test]
    fn a_row_is_a_distribution() {
        for t in ALPHABET.iter().map(|b| *b as char) {
            let sum: f64 = ALPHABET.iter().map(|s| confusion(*s as char, t)).sum();
            assert!((sum - 1.0).abs() < 1e-9 && confusion(t, t) > 0.75, "{t} {}", confusion(t, t));
        }
        assert_eq!(confusion('ä', 'A'), 0.0);
    }
}
