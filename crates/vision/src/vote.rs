//! One text from many looks at the same plate.
//!
//! Looks of the length that has the most weight vote place by place: the mean of the log odds,
//! weighted by confidence, size and sharpness, raised to the square root of the number of looks. Looks at one
//! plate share its dirt and its angle, so n of them are worth less than n independent ones and more
//! than one.

use plate::{Choice, Odds};
use std::collections::BTreeMap;

/// A character that a look does not list is not impossible.
const UNLISTED: f32 = 0.004;
/// Choices less probable than this are left out of the vote's odds.
const LEAST: f32 = 0.005;
const KEPT: usize = 5;

/// How sure a text is on which looks agree so far, as a share: 1 / (1 + exp(-(A · logit + B))). Looks at one plate are wrong
/// together, and each brings what the formats make of it once more: of texts that they agree on at .99 a twentieth was
/// wrong, of those at .2 half were right. Fitted on 308 passes of held-out plates (`train/film.py`).
const A: f32 = 0.425;
const B: f32 = 0.819;
/// An agreement beyond this, or as near to none, says no more.
const CLEAREST: f32 = 1e-4;

/// P(the voted text is right) where the looks agree on it so far (0 to 1, as [`vote`] says).
pub(crate) fn sure(agreement: f32) -> f32 {
    let p = agreement.clamp(CLEAREST, 1.0 - CLEAREST);
    1.0 / (1.0 + (-(A * (p / (1.0 - p)).ln() + B)).exp())
}

/// One look: odds, weight (positive), and P(its whole text is right).
pub(crate) struct Look {
    pub odds: Odds,
    pub weight: f32,
    pub confidence: f32,
    /// Whether the plate had moved since the last look: a car that stands shows the same picture again
    /// and again, and that makes nothing surer.
    pub fresh: bool,
}

/// The voted odds, and how far the looks agree on the text, 0 to 1. `None` without looks.
///
/// That is the product of the places' best odds, times the share of the weight that agrees on the
/// length, times the odds that not every look of that length was wrong. The last is needed because
/// the odds of a place are about *which* character stands there, not whether one does.
pub(crate) fn vote(looks: &[Look]) -> Option<(Odds, f32)> {
    let mut lengths: BTreeMap<usize, f32> = BTreeMap::new();
    for look in looks {
        *lengths.entry(look.odds.places().len()).or_default() += look.weight;
    }
    let total: f32 = lengths.values().sum();
    let (&length, &weight) = lengths.iter().max_by(|a, b| a.1.total_cmp(b.1))?;
    let voters: Vec<&Look> = looks.iter().filter(|l| l.odds.places().len() == length).collect();
    let fresh = voters.iter().filter(|v| v.fresh).count().max(1);
    let power = (fresh as f32).sqrt();
    let places: Vec<Choice> = (0..length).map(|i| place(&voters, i, power)).collect();
    let text: f32 = places.iter().map(|p| p[0].1).product();
    let doubt = voters.iter().map(|v| 1.0 - v.confidence).sum::<f32>() / voters.len() as f32;
    let seen = 1.0 - doubt.clamp(0.0, 1.0).powf(power);
    let share = weight / total.max(1e-9);
    Some((Odds::new(places).ok()?, (text * share * seen).clamp(0.0, 1.0)))
}

fn place(voters: &[&Look], i: usize, power: f32) -> Choice {
    let mut chars: Vec<char> = Vec::new();
    for v in voters {
        chars.extend(v.odds.places()[i].iter().map(|(c, _)| *c));
    }
    chars.sort_unstable();
    chars.dedup();
    let weights: f32 = voters.iter().map(|v| v.weight).sum::<f32>().max(1e-9);
    let logs: Vec<f32> = chars
        .iter()
        .map(|c| {
            let sum: f32 = voters
                .iter()
                .map(|v| {
                    let listed = v.odds.places()[i].iter().find(|(d, _)| d == c);
                    v.weight * listed.map_or(UNLISTED, |(_, p)| p.max(UNLISTED)).ln()
                })
                .sum();
            power * sum / weights
        })
        .collect();
    let top = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let all: f32 = logs.iter().map(|l| (l - top).exp()).sum();
    let mut out: Choice =
        chars.into_iter().zip(&logs).map(|(c, l)| (c, (l - top).exp() / all)).collect();
    out.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    out.truncate(KEPT);
    let keep = out.iter().take_while(|(_, p)| *p >= LEAST).count().max(1);
    out.truncate(keep);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Reason;

    fn odds(spec: &str) -> Odds {
        // "8B" with B as the second choice of the first place is written "8/B 1"
        let places = spec
            .split(' ')
            .map(|p| match p.split_once('/') {
                Some((a, b)) => {
                    vec![(a.chars().next().unwrap(), 0.6), (b.chars().next().unwrap(), 0.4)]
                }
                None => vec![(p.chars().next().unwrap(), 0.95)],
            })
            .collect();
        Odds::new(places).unwrap()
    }

    fn check(looks: &[(&str, f32)], want: &str) {
        let look = |(s, weight): &(&str, f32)| Look {
            odds: odds(s),
            weight: *weight,
            confidence: 0.9,
            fresh: true,
        };
        let looks: Vec<Look> = looks.iter().map(look).collect();
        let (voted, agreement) = vote(&looks).unwrap();
        assert_eq!(voted.text().reveal(Reason::Matching), want);
        assert!((0.0..=1.0).contains(&agreement));
    }

    #[test]
    fn votes() {
        check(&[("A 1", 1.0)], "A1");
        check(&[("8/B 1", 1.0), ("B 1", 1.0)], "B1");
        check(&[("A 1", 1.0), ("A 1", 1.0), ("A 1 X", 0.5)], "A1");
        check(&[("8 1", 0.2), ("B 1", 0.9)], "B1");
        assert!(vote(&[]).is_none());
    }

    #[test]
    fn more_looks_agree_further_and_poor_ones_stay_poor() {
        let agreed = |n: usize, confidence: f32| {
            let look = || Look { odds: odds("A 1"), weight: 1.0, confidence, fresh: true };
            vote(&(0..n).map(|_| look()).collect::<Vec<_>>()).unwrap().1
        };
        assert!(agreed(4, 0.6) > agreed(1, 0.6) + 0.2);
        assert!(agreed(9, 0.9) > 0.97);
        assert!(agreed(2, 0.03) < 0.1);
    }

    #[test]
    fn what_looks_agree_on_is_as_sure_as_films_showed() {
        let said = [0.0, 0.1, 0.5, 0.99, 1.0].map(sure);
        assert!(said.windows(2).all(|w| w[0] < w[1]), "{said:?}");
        assert!(said[0] > 0.0 && said[4] < 1.0);
        assert!((said[1] - 0.47).abs() < 0.01 && (said[3] - 0.94).abs() < 0.01, "{said:?}");
    }
}
