//! What formats and regions make of character odds.
//!
//! A mixture of hypotheses: the plate is from region r and has its format f, or is one of the region's
//! free plates (vanity, special) on which anything may stand. Under a hypothesis the characters of a
//! place are equally likely among those that the format allows, so its likelihood is the product over
//! the places of Σ odds(c)·q(c). New odds are the mixture's exact marginals: only characters that were
//! among the odds of a place can come out of it, and as many places as went in.

use crate::formats::regions;
use crate::odds::{Choice, Odds};
use crate::text::class_of;

/// Share of plates that follow no format of their region.
const FREE: f64 = 0.2;
/// What an unnamed region's plates are like: free.
const UNNAMED: &str = "other";
/// A region is named where it is at least so probable.
const NAMED: f32 = 0.5;

/// Why region odds are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// A probability that is none, or a sum above 1.
    #[error("the odds of regions are not from 0 to 1, or sum to more than 1")]
    Odds,
    /// A name that is no region and no group.
    #[error("{0} is no region; name us, eu, br, or regions like us-ca and de")]
    Name(String),
}

/// How probable it is that a plate is from each region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionOdds {
    /// Region and probability; what is missing to 1 is from elsewhere.
    named: Vec<(String, f32)>,
    /// Whether anybody looked: formats alone may prefer a reading, but never name a region.
    seen: bool,
}

/// Odds after formats and regions were considered.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Odds of every character, re-ranked.
    pub odds: Odds,
    /// The region, where one is more probable than all others together and the picture showed it.
    pub region: Option<(String, f32)>,
}

impl RegionOdds {
    /// Odds of regions; they sum to 1 at most.
    pub fn new<S: Into<String>>(
        odds: impl IntoIterator<Item = (S, f32)>,
    ) -> Result<Self, RegionError> {
        let named: Vec<(String, f32)> = odds.into_iter().map(|(r, p)| (r.into(), p)).collect();
        let sum: f32 = named.iter().map(|(_, p)| p).sum();
        let inside = named.iter().all(|(_, p)| (0.0..=1.0).contains(p));
        if inside && sum <= 1.01 { Ok(Self { named, seen: true }) } else { Err(RegionError::Odds) }
    }

    /// Nothing is known: the United States, Europe and Brazil at equal odds, alike inside.
    pub fn unknown() -> Self {
        let size = |code: &str| regions().iter().filter(|r| group(&r.code) == group(code)).count();
        let odds = |code: &str| 0.9 / 3.0 / size(code) as f32;
        let named = regions().iter().map(|r| (r.code.clone(), odds(&r.code))).collect();
        Self { named, seen: false }
    }

    /// Only the regions named, as codes or as the groups `us`, `eu` and `br`; all where none is named.
    pub fn narrow(&self, names: &[String]) -> Result<Self, RegionError> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let known = |name: &str| regions().iter().any(|r| r.code == name || group(&r.code) == name);
        if let Some(strange) = names.iter().find(|n| !known(n)) {
            return Err(RegionError::Name(strange.clone()));
        }
        let meant = |code: &str| names.iter().any(|n| n == code || n == group(code));
        let mut named: Vec<(String, f32)> =
            self.named.iter().filter(|(code, _)| meant(code)).cloned().collect();
        let sum: f32 = named.iter().map(|(_, p)| p).sum();
        if sum < 1e-6 {
            // What the picture showed is not allowed: the allowed ones stay, alike.
            named = regions()
                .iter()
                .filter(|r| meant(&r.code))
                .map(|r| (r.code.clone(), 1.0))
                .collect();
        }
        let sum: f32 = named.iter().map(|(_, p)| p).sum();
        named.iter_mut().for_each(|(_, p)| *p /= sum);
        Ok(Self { named, seen: self.seen })
    }
}

fn group(code: &str) -> &str {
    match code {
        "br" | UNNAMED => code,
        _ if code.starts_with("us-") => "us",
        _ => "eu",
    }
}

/// Re-ranks odds by the formats of the regions that a plate may be from.
pub fn rank(odds: &Odds, prior: &RegionOdds) -> Ranked {
    let places: Vec<Vec<(u64, f64)>> = odds
        .places()
        .iter()
        .map(|p| {
            let bit = |c: char| class_of(c).map_or(0, |k| 1u64 << k);
            p.iter().map(|(c, q)| (bit(*c), f64::from(q.max(1e-6)))).collect()
        })
        .collect();
    let mut mixture = Mixture::new(&places);
    let mut posterior: Vec<(String, f64)> = Vec::new();
    let mut elsewhere = 1.0;
    for (code, p) in prior.named.iter().map(|(code, p)| (code, f64::from(*p))) {
        elsewhere -= p;
        let before = mixture.total;
        match regions().iter().find(|r| r.code == *code) {
            Some(region) => {
                for f in region.formats.iter().filter(|f| f.places.len() == places.len()) {
                    mixture.add(p * (1.0 - FREE) * f.share, &f.places);
                }
                mixture.add_free(p * FREE);
            }
            None => mixture.add_free(p),
        }
        posterior.push((code.clone(), mixture.total - before));
    }
    mixture.add_free(f64::max(elsewhere, 0.0));
    let total = mixture.total.max(1e-300);
    let best = posterior.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let region = best
        .map(|(code, w)| (code.clone(), (w / total) as f32))
        .filter(|(code, p)| prior.seen && *p >= NAMED && code != UNNAMED);
    Ranked { odds: mixture.marginals(odds), region }
}

/// Hypotheses summed up: for every place and choice the weight of those that have it.
struct Mixture<'a> {
    places: &'a [Vec<(u64, f64)>],
    sums: Vec<Vec<f64>>,
    total: f64,
}

impl<'a> Mixture<'a> {
    fn new(places: &'a [Vec<(u64, f64)>]) -> Self {
        let sums = places.iter().map(|p| vec![0.0; p.len()]).collect();
        Self { places, sums, total: 0.0 }
    }

    fn add_free(&mut self, weight: f64) {
        let any = vec![(1u64 << 36) - 1; self.places.len()];
        self.add(weight, &any);
    }

    /// Adds a hypothesis: its weight and the characters that it allows at each place.
    fn add(&mut self, weight: f64, allowed: &[u64]) {
        let likelihood = |(place, set): (&Vec<(u64, f64)>, &u64)| {
            let fit: f64 = place.iter().filter(|(bit, _)| set & bit != 0).map(|(_, q)| q).sum();
            fit / f64::from(set.count_ones())
        };
        let each: Vec<f64> = self.places.iter().zip(allowed).map(likelihood).collect();
        let all = weight * each.iter().product::<f64>();
        if all.is_nan() || all <= 0.0 {
            return;
        }
        self.total += all;
        for (((place, sums), set), fit) in
            self.places.iter().zip(&mut self.sums).zip(allowed).zip(&each)
        {
            let share = all / (fit * f64::from(set.count_ones()));
            for ((bit, q), sum) in place.iter().zip(sums) {
                if set & bit != 0 {
                    *sum += share * q;
                }
            }
        }
    }

    /// The odds of each place under all hypotheses.
    fn marginals(&self, odds: &Odds) -> Odds {
        let place = |(old, sums): (&Choice, &Vec<f64>)| {
            let sure: f32 = old.iter().map(|(_, p)| p).sum();
            let all: f64 = sums.iter().sum::<f64>().max(1e-300);
            let mut new: Choice = old
                .iter()
                .zip(sums)
                .map(|((c, _), s)| (*c, ((s / all) as f32 * sure.min(1.0)).clamp(0.0, 1.0)))
                .collect();
            new.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            new
        };
        let places = odds.places().iter().zip(&self.sums).map(place).collect();
        Odds::new(places).unwrap_or_else(|_| odds.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use proptest::prelude::*;

    /// `7 A B/8 1`: two choices of a place at 55 and 45 %.
    fn odds(spec: &str) -> Odds {
        let one = |word: &str| match word.split_once('/') {
            Some((a, b)) => {
                vec![(a.chars().next().unwrap(), 0.55), (b.chars().next().unwrap(), 0.45)]
            }
            None => vec![(word.chars().next().unwrap(), 0.98)],
        };
        Odds::new(spec.split(' ').map(one).collect()).unwrap()
    }

    fn check(spec: &str, regions: &[(&str, f32)], want: &str) {
        let prior = if regions.is_empty() {
            RegionOdds::unknown()
        } else {
            RegionOdds::new(regions.iter().map(|(r, p)| (*r, *p))).unwrap()
        };
        let got = rank(&odds(spec), &prior);
        let region = got.region.map_or(String::new(), |(r, _)| format!(" {r}"));
        let text = got.odds.text();
        assert_eq!(format!("{}{region}", text.reveal(Reason::Matching)), want, "{spec}");
    }

    #[test]
    fn formats_prefer_readings() {
        check("7 A B C 1 2 B/8", &[("us-ca", 0.9)], "7ABC128 us-ca");
        check("A 0/O A 1 2 3 4", &[("br", 1.0)], "AOA1234 br");
        check("A B C 1 O/0 3 4", &[("br", 1.0)], "ABC1034 br"); // 1O34 is no format of Brazil
        check("A B 1 2 C 0/O E", &[("gb", 1.0)], "AB12COE gb");
        check("1/I 2 3 4 B C D", &[], "1234BCD"); // no picture, no region
        check("G O/0 D L I F E", &[("us-ca", 1.0)], "GODLIFE us-ca"); // a vanity plate stays
    }

    #[test]
    fn regions_are_weighed_against_the_text() {
        // Neither picture nor text alone would do.
        check("A B 1 2 C D E", &[("gb", 0.4), ("us-ny", 0.4)], "AB12CDE gb");
        check("A B 1 2 C D E", &[("other", 0.9)], "AB12CDE");
    }

    #[test]
    fn narrowing() {
        let odds = RegionOdds::new([("us-ca", 0.5), ("de", 0.3), ("other", 0.2)]).unwrap();
        let names = |n: &[&str]| n.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(odds.narrow(&names(&["us"])).unwrap().named, [("us-ca".to_owned(), 1.0)]);
        assert_eq!(odds.narrow(&[]).unwrap(), odds);
        assert!(odds.narrow(&names(&["br"])).unwrap().named == [("br".to_owned(), 1.0)]);
        assert_eq!(odds.narrow(&names(&["mars"])), Err(RegionError::Name("mars".into())));
        assert_eq!(RegionOdds::new([("de", 1.5)]), Err(RegionError::Odds));
        assert_eq!(RegionOdds::new([("de", f32::NAN)]), Err(RegionError::Odds));
    }

    fn any_odds() -> impl Strategy<Value = Odds> {
        let chars: Vec<char> = ('A'..='Z').chain('0'..='9').collect();
        let place = proptest::sample::subsequence(chars, 1..6).prop_shuffle();
        proptest::collection::vec(place, 1..=12).prop_map(|places| {
            let one = |cs: Vec<char>| {
                let n = cs.len() as f32;
                cs.into_iter()
                    .enumerate()
                    .map(|(i, c)| (c, (n - i as f32) / (n * (n + 1.0) / 2.0)))
                    .collect()
            };
            Odds::new(places.into_iter().map(one).collect()).unwrap()
        })
    }

    proptest! {
        /// No character is invented, no place is lost, and the odds stay odds.
        #[test]
        fn only_what_was_seen(odds in any_odds(), us in 0f32..1.0) {
            let prior = RegionOdds::new([("us-ca", us), ("de", 1.0 - us)]).unwrap();
            for prior in [prior, RegionOdds::unknown()] {
                let ranked = rank(&odds, &prior).odds;
                prop_assert_eq!(ranked.places().len(), odds.places().len());
                for (new, old) in ranked.places().iter().zip(odds.places()) {
                    let sorted = |p: &Choice| { let mut c: Vec<char> = p.iter().map(|x| x.0).collect(); c.sort(); c };
                    prop_assert_eq!(sorted(new), sorted(old));
                    let sum: f32 = new.iter().map(|x| x.1).sum();
                    prop_assert!(sum <= 1.001 && new.windows(2).all(|w| w[0].1 >= w[1].1));
                }
            }
        }

        /// A text without any doubt is beyond argument.
        #[test]
        fn certainty_stays(text in "[A-Z0-9]{2,10}") {
            let odds = Odds::new(text.chars().map(|c| vec![(c, 1.0)]).collect()).unwrap();
            prop_assert_eq!(rank(&odds, &RegionOdds::unknown()).odds, odds);
        }
    }
}
