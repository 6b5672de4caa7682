//! What formats and regions make of character odds.
//!
//! A mixture of hypotheses: the plate is from region r and has its format f, or is one of the region's
//! free plates (vanity, special) on which anything may stand. A plate from elsewhere may have the format
//! of any region, all alike: plates of the world look alike, and a share without any shape would leave
//! the choice to whichever region is thought of next, however improbable. Under a hypothesis the characters of a
//! place are equally likely among those that the format allows, so its likelihood is the product over
//! the places of Σ odds(c)·q(c). New odds are the mixture's exact marginals: only characters that were
//! among the odds of a place can come out of it, and as many places as went in.

use crate::formats::{ANYTHING, Format, Region, number, regions, sets};
use crate::odds::{Choice, Odds};
use crate::text::class_of;

/// Share of plates that follow no format of their region: vanity and special plates, and what the data
/// leave out. An estimate on the high side, so that a format persuades and does not overrule.
const FREE: f64 = 0.2;
/// The name of everywhere else, which has no formats of its own.
const ELSEWHERE: &str = "other";
/// Share that [`RegionOdds::unknown`] leaves to elsewhere.
const UNNAMED: f32 = 0.1;
/// A region is named where it is at least so probable.
const NAMED: f32 = 0.5;

/// Why region odds are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegionError {
    /// A probability that is none, a sum above 1, or a region that stands twice.
    #[error("the odds of regions are not from 0 to 1, sum to more than 1, or name a region twice")]
    Odds,
    /// A name that is no region and no group.
    #[error("{0:?} is no region; name the groups us, eu and br, or of {known}", known = known())]
    Name(String),
}

/// How probable it is that a plate is from each region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionOdds {
    /// Region (its place in [`regions`]) and probability; what is missing to 1 is from elsewhere.
    named: Vec<(usize, f32)>,
    /// Whether anybody looked: formats alone may prefer a reading, but never name a region.
    seen: bool,
}

/// Odds after formats and regions were considered.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// Odds of every character, re-ranked.
    pub odds: Odds,
    /// The region and its probability (0.5 to 1), where one is at least as probable as all others
    /// together and the picture showed it.
    pub region: Option<(&'static str, f32)>,
    /// How probable each region is once the text was considered.
    pub regions: RegionOdds,
}

impl RegionOdds {
    /// Odds of regions, 0 to 1 each; they sum to 1 at most (a hundredth over is rounding). What is
    /// missing to 1 is from elsewhere, which may also be named: `other`.
    ///
    /// Fails with [`RegionError::Name`] for a code that [`regions`] has not, and with
    /// [`RegionError::Odds`] for numbers that are no odds and for a code that stands twice.
    pub fn new<S: AsRef<str>>(
        odds: impl IntoIterator<Item = (S, f32)>,
    ) -> Result<Self, RegionError> {
        let (mut named, mut sum) = (Vec::new(), 0.0);
        let mut met = vec![false; regions().len()];
        for (code, p) in odds {
            let code = code.as_ref();
            if !(0.0..=1.0).contains(&p) {
                return Err(RegionError::Odds);
            }
            sum += p;
            match number(code) {
                Some(i) if met[i] => return Err(RegionError::Odds),
                Some(i) => {
                    met[i] = true;
                    named.push((i, p));
                }
                None if code == ELSEWHERE => {}
                None => return Err(RegionError::Name(code.to_owned())),
            }
        }
        if sum <= 1.01 { Ok(Self { named, seen: true }) } else { Err(RegionError::Odds) }
    }

    /// Nothing is known: the United States, Europe and Brazil at equal odds, alike inside, and a tenth
    /// for elsewhere.
    pub fn unknown() -> Self {
        let size =
            |r: &Region| regions().iter().filter(|s| group(&s.code) == group(&r.code)).count();
        let odds = |r: &Region| (1.0 - UNNAMED) / 3.0 / size(r) as f32;
        Self { named: regions().iter().map(odds).enumerate().collect(), seen: false }
    }

    /// Only the regions named, as codes or as the groups `us`, `eu` and `br`; all where none is named.
    /// They keep their proportions and then sum to 1: who names regions says that there are no others.
    ///
    /// Fails with [`RegionError::Name`] for what is neither a region nor a group.
    pub fn narrow(&self, names: &[String]) -> Result<Self, RegionError> {
        if names.is_empty() {
            return Ok(self.clone());
        }
        let is = |name: &String, r: &Region| r.code == *name || group(&r.code) == name;
        if let Some(strange) = names.iter().find(|n| !regions().iter().any(|r| is(n, r))) {
            return Err(RegionError::Name(strange.clone()));
        }
        let meant = |i: usize| names.iter().any(|n| is(n, &regions()[i]));
        let mut named = self.named.clone();
        named.retain(|(i, _)| meant(*i));
        if named.iter().map(|(_, p)| p).sum::<f32>() < 1e-6 {
            // What the picture showed is not allowed: the allowed ones stay, alike.
            named = (0..regions().len()).filter(|i| meant(*i)).map(|i| (i, 1.0)).collect();
        }
        let sum: f32 = named.iter().map(|(_, p)| p).sum();
        named.iter_mut().for_each(|(_, p)| *p /= sum);
        Ok(Self { named, seen: self.seen })
    }

    /// The regions that were named, with their probabilities, 0 to 1.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f32)> + '_ {
        self.named.iter().map(|(i, p)| (regions()[*i].code.as_str(), *p))
    }
}

fn group(code: &str) -> &str {
    match code {
        "br" => code,
        _ if code.starts_with("us-") => "us",
        _ => "eu",
    }
}

fn known() -> String {
    regions().iter().map(|r| r.code.as_str()).collect::<Vec<_>>().join(" ")
}

/// Re-ranks odds by the formats of the regions that a plate may be from.
pub fn rank(odds: &Odds, prior: &RegionOdds) -> Ranked {
    let places: Vec<Vec<(u64, f64)>> = odds.places().iter().map(place).collect();
    let mut mixture = Mixture::new(&places);
    let anything = vec![ANYTHING; places.len()];
    let free = mixture.fits(&anything);
    let mut weights = Vec::with_capacity(prior.named.len());
    let mut elsewhere = 1.0;
    let of_length = |f: &&Format| f.places.len() == places.len();
    for (i, p) in prior.named.iter().map(|(i, p)| (*i, f64::from(*p))) {
        let formats = regions()[i].formats.iter().filter(of_length);
        let bound = p * (1.0 - FREE);
        let fit: f64 = formats.map(|f| mixture.add(bound * f.share, &f.places)).sum();
        weights.push((i, fit + p * FREE * free));
        elsewhere -= p;
    }
    let each = f64::max(elsewhere, 0.0) * (1.0 - FREE) / regions().len() as f64;
    for f in regions().iter().flat_map(|r| &r.formats).filter(of_length) {
        mixture.add(each * f.share, &f.places);
    }
    // Free plates are alike everywhere, so that one hypothesis stands for those of all regions.
    mixture.add(FREE, &anything);
    let total = mixture.total;
    if total <= 0.0 {
        // A place whose odds are all 0 says nothing, and leaves nothing to weigh.
        return Ranked { odds: odds.clone(), region: None, regions: prior.clone() };
    }
    let named = weights.into_iter().map(|(i, w)| (i, (w / total).min(1.0) as f32)).collect();
    let regions = RegionOdds { named, seen: prior.seen };
    let best = regions.named().max_by(|a, b| a.1.total_cmp(&b.1));
    let region = best.filter(|(_, p)| prior.seen && *p >= NAMED);
    Ranked { odds: mixture.marginals(odds), region, regions }
}

/// A place as bits of characters and their odds, in units of the best: a factor that all hypotheses
/// share tells nothing, and without it no product of twelve small odds can underflow.
fn place(choice: &Choice) -> Vec<(u64, f64)> {
    let best = f64::from(choice[0].1.max(f32::MIN_POSITIVE));
    let bit = |c: char| class_of(c).map_or(0, |k| 1u64 << k);
    choice.iter().map(|(c, p)| (bit(*c), f64::from(*p) / best)).collect()
}

/// Hypotheses summed up by the sets that they are made of: 300 formats share some 30 sets.
struct Mixture<'a> {
    places: &'a [Vec<(u64, f64)>],
    /// For every place and set the likelihood of the place: Σ odds(c)·q(c), q uniform over the set.
    fits: Vec<Vec<f64>>,
    /// For every place and set the weight of the hypotheses that have it there.
    weights: Vec<Vec<f64>>,
    total: f64,
}

impl<'a> Mixture<'a> {
    fn new(places: &'a [Vec<(u64, f64)>]) -> Self {
        let fit = |place: &Vec<(u64, f64)>, set: &u64| {
            let sum: f64 = place.iter().filter(|(bit, _)| set & bit != 0).map(|(_, q)| q).sum();
            sum / f64::from(set.count_ones())
        };
        let fits = places.iter().map(|p| sets().iter().map(|s| fit(p, s)).collect()).collect();
        Self { places, fits, weights: vec![vec![0.0; sets().len()]; places.len()], total: 0.0 }
    }

    /// The likelihood of the places under a hypothesis, given the set that it allows at each.
    fn fits(&self, allowed: &[usize]) -> f64 {
        self.fits.iter().zip(allowed).map(|(fits, set)| fits[*set]).product()
    }

    /// Adds a hypothesis of a weight, and returns how much it adds to the total.
    fn add(&mut self, weight: f64, allowed: &[usize]) -> f64 {
        let all = weight * self.fits(allowed);
        if all > 0.0 {
            self.total += all;
            for (weights, set) in self.weights.iter_mut().zip(allowed) {
                weights[*set] += all;
            }
        }
        all
    }

    /// For every choice of a place the weight of the hypotheses under which it is the true one.
    fn sums(&self, i: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.places[i].len()];
        for ((set, weight), fit) in sets().iter().zip(&self.weights[i]).zip(&self.fits[i]) {
            if *weight > 0.0 {
                let share = weight / (fit * f64::from(set.count_ones()));
                for ((bit, q), sum) in self.places[i].iter().zip(&mut sums) {
                    if set & bit != 0 {
                        *sum += share * q;
                    }
                }
            }
        }
        sums
    }

    /// The odds of each place under all hypotheses. A place keeps the sum that it had: what the reader
    /// left to characters that it does not list stays theirs.
    fn marginals(&self, odds: &Odds) -> Odds {
        let place = |(i, old): (usize, &Choice)| {
            let sums = self.sums(i);
            let sure: f32 = old.iter().map(|(_, p)| p).sum();
            let all: f64 = sums.iter().sum::<f64>().max(1e-300);
            let mut new: Choice = old
                .iter()
                .zip(&sums)
                .map(|((c, _), s)| (*c, ((s / all) as f32 * sure.min(1.0)).clamp(0.0, 1.0)))
                .collect();
            new.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            new
        };
        let places = odds.places().iter().enumerate().map(place).collect();
        Odds::new(places).unwrap_or_else(|_| odds.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// `7 A B/8 0>O`: two choices of a place at 55 and 45 %, and at 90 and 10 %.
    fn odds(spec: &str) -> Odds {
        let one = |word: &str| match *word.as_bytes() {
            [a, b'/', b] => vec![(char::from(a), 0.55), (char::from(b), 0.45)],
            [a, b'>', b] => vec![(char::from(a), 0.9), (char::from(b), 0.1)],
            _ => vec![(word.chars().next().unwrap(), 0.98)],
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
        let sum: f32 = got.regions.named().map(|(_, p)| p).sum();
        assert!(sum <= 1.001, "{spec} {sum}");
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

    /// A format of a region that hardly comes into question does not decide what a plate from elsewhere says.
    #[test]
    fn elsewhere_has_shapes_too() {
        let most = [("other", 0.93), ("ch", 0.07)];
        check("W 0>O 5 3 0 1 1", &most, "W053011");
        check("S 0>O 5 3 0 1 1", &[("ch", 0.93), ("other", 0.07)], "SO53011 ch");
        check("W 0>O 5 3 0 1 1", &[("ch", 0.5), ("other", 0.5)], "W053011"); // no canton
        check("7 A B C 1 2 B/8", &[("other", 1.0)], "7ABC128"); // as plates of some region look
    }

    #[test]
    fn narrowing() {
        let check = |names: &[&str], want: &[(&str, f32)]| {
            let odds = RegionOdds::new([("us-ca", 0.5), ("de", 0.3), ("other", 0.2)]).unwrap();
            let names: Vec<String> = names.iter().map(|s| (*s).to_owned()).collect();
            let narrowed = odds.narrow(&names).unwrap();
            assert_eq!(narrowed.named().collect::<Vec<_>>(), want, "{names:?}");
        };
        check(&[], &[("us-ca", 0.5), ("de", 0.3)]);
        check(&["us"], &[("us-ca", 1.0)]);
        check(&["us", "eu"], &[("us-ca", 0.625), ("de", 0.375)]);
        check(&["br"], &[("br", 1.0)]);
        check(&["us-nh", "us-wy"], &[("us-nh", 0.5), ("us-wy", 0.5)]);
        let error = RegionOdds::unknown().narrow(&["mars".to_owned()]).unwrap_err();
        assert_eq!(error, RegionError::Name("mars".into()));
        let told = error.to_string();
        assert!(
            told.contains("\"mars\"") && told.contains("us-ca") && told.contains("de"),
            "{told}"
        );
    }

    #[test]
    fn bad_region_odds_are_refused() {
        let check = |odds: &[(&str, f32)], want: RegionError| {
            assert_eq!(RegionOdds::new(odds.iter().copied()).unwrap_err(), want, "{odds:?}");
        };
        check(&[("de", 1.5)], RegionError::Odds);
        check(&[("de", -0.1)], RegionError::Odds);
        check(&[("de", f32::NAN)], RegionError::Odds);
        check(&[("de", 0.6), ("other", 0.6)], RegionError::Odds);
        check(&[("de", 0.3), ("de", 0.3)], RegionError::Odds);
        check(&[("mars", 0.3)], RegionError::Name("mars".into()));
        check(&[("us", 0.3)], RegionError::Name("us".into()));
    }

    /// Odds that are 0 are listed by readers that round; they change nothing and break nothing.
    #[test]
    fn nothing_comes_of_nothing() {
        let zero = Odds::new(vec![vec![('A', 0.0), ('B', 0.0)], vec![('1', 1.0)]]).unwrap();
        assert_eq!(rank(&zero, &RegionOdds::unknown()).odds, zero);
        let tiny = Odds::new(vec![vec![('A', 1e-38), ('8', 1e-39)]; 12]).unwrap();
        assert_eq!(rank(&tiny, &RegionOdds::unknown()).odds.text(), tiny.text());
        let listed = Odds::new("7A8C128".chars().map(|c| vec![(c, 1.0), ('B', 0.0)]).collect());
        let got = rank(&listed.unwrap(), &RegionOdds::new([("us-ca", 1.0)]).unwrap()).odds;
        assert!(got.places()[2] == [('8', 1.0), ('B', 0.0)]);
    }

    fn any_odds() -> impl Strategy<Value = Odds> {
        odds_of(1..=12)
    }

    fn odds_of(places: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Odds> {
        let chars: Vec<char> = ('A'..='Z').chain('0'..='9').collect();
        let place = proptest::sample::subsequence(chars, 1..6).prop_shuffle();
        proptest::collection::vec(place, places).prop_map(|places| {
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

    /// The same choices in the same order, and as probable.
    fn same(a: &Odds, b: &Odds) -> Result<(), TestCaseError> {
        prop_assert_eq!(a.places().len(), b.places().len());
        for (a, b) in a.places().iter().flatten().zip(b.places().iter().flatten()) {
            prop_assert!(a.0 == b.0 && (a.1 - b.1).abs() < 1e-4, "{:?} {:?}", a, b);
        }
        Ok(())
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
                    let listed = |p: &Choice| p.iter().map(|x| x.0).collect::<BTreeSet<_>>();
                    prop_assert_eq!((listed(new), new.len()), (listed(old), old.len()));
                    let sum: f32 = new.iter().map(|x| x.1).sum();
                    prop_assert!(sum <= 1.001 && new.windows(2).all(|w| w[0].1 >= w[1].1));
                }
            }
        }

        /// A plate from elsewhere is read as one that may be from any region, and none is named.
        #[test]
        fn elsewhere_is_every_region_alike(odds in any_odds()) {
            let share = 1.0 / regions().len() as f32;
            let all = RegionOdds::new(regions().iter().map(|r| (&r.code, share))).unwrap();
            let ranked = rank(&odds, &RegionOdds::new([(ELSEWHERE, 1.0)]).unwrap());
            prop_assert!(ranked.region.is_none());
            prop_assert_eq!(ranked.regions.named().count(), 0);
            same(&ranked.odds, &rank(&odds, &all).odds)?;
        }

        /// Where no region has a format of that many places, nothing is preferred.
        #[test]
        fn without_formats_nothing_changes(odds in odds_of(11..=12), us in 0f32..1.0) {
            let places = odds.places().len();
            let known = |r: &Region| r.formats.iter().any(|f| f.places.len() == places);
            prop_assert!(!regions().iter().any(known));
            same(&rank(&odds, &RegionOdds::new([("us-ca", us)]).unwrap()).odds, &odds)?;
        }

        /// A text without any doubt is beyond argument.
        #[test]
        fn certainty_stays(text in "[A-Z0-9]{2,10}") {
            let odds = Odds::new(text.chars().map(|c| vec![(c, 1.0)]).collect()).unwrap();
            prop_assert_eq!(rank(&odds, &RegionOdds::unknown()).odds, odds);
        }
    }
}
