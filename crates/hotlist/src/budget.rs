//! From "so many false hits a day" to a threshold.
//!
//! A hit that is raised at probability q is false with probability 1 − q, if the probabilities are right. A list
//! that raises all that reaches t, at R reads a day, raises
//!
//! ```text
//! F(t) = Σ over proposals a day with q ≥ t of (1 − q)
//! ```
//!
//! false hits a day. Once a city has counted its proposals for some days ([`Tally`]: counts alone, no plates), t
//! is where that sum reaches the budget. Before, no more is known than that a share s of the reads is of listed
//! vehicles: the N hits that t raises hold at least t·N true ones, and there are at most s·R, so that
//! F ≤ N·(1 − t) ≤ s·R·(1 − t)/t, and
//!
//! ```text
//! t = s·R / (s·R + F)
//! ```
//!
//! keeps the budget whatever the proposals are like; it is stricter than it need be.

use crate::model::Prior;
use std::collections::BTreeMap;

/// Steps of a tally: by the logarithm of what is missing to certainty, so that the sure end is fine.
const STEPS: usize = 240;
/// What is missing to certainty falls by this factor from step to step.
const STEP: f64 = 0.95;

/// The threshold for a budget of false hits a day, before any proposal was counted. Within 0.001 and 0.99999;
/// 0.5 for numbers that make no sense.
pub fn first_threshold(false_a_day: f64, reads_a_day: f64, prior: &Prior) -> f64 {
    let listed = prior.listed * reads_a_day;
    let t = listed / (listed + false_a_day);
    if t.is_finite() && false_a_day > 0.0 { t.clamp(0.001, 0.99999) } else { 0.5 }
}

/// How many proposals there were of each probability.
#[derive(Clone, Debug)]
pub struct Tally {
    counts: Vec<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: vec![0; STEPS] }
    }
}

impl Tally {
    /// Counts a proposal.
    pub fn add(&mut self, probability: f64) {
        self.counts[step(probability)] += 1;
    }

    /// Adds what another tally counted, of the same list and as long.
    pub fn merge(&mut self, other: &Tally) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
    }

    /// How many there were in each step that had any.
    pub fn counts(&self) -> BTreeMap<usize, u64> {
        let all = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        all.map(|(step, n)| (step, *n)).collect()
    }

    /// The tally of these counts; steps that there are not are left out.
    pub fn of_counts(counts: &BTreeMap<usize, u64>) -> Self {
        let mut tally = Self::default();
        for (step, n) in counts {
            if let Some(count) = tally.counts.get_mut(*step) {
                *count = *n;
            }
        }
        tally
    }

    /// The lowest threshold, as fine as the steps, that keeps a budget of false hits a day over the days that
    /// were counted. Within 0.001 and 0.99999.
    pub fn threshold(&self, false_a_day: f64, days: f64) -> f64 {
        let budget = false_a_day.max(0.0) * days.max(0.0);
        let mut sum = 0.0;
        for i in (0..STEPS).rev() {
            // The least sure of a step's proposals: the budget is kept also if they all were so.
            sum += self.counts[i] as f64 * STEP.powi(i as i32);
            if sum > budget {
                return (1.0 - STEP.powi(i as i32 + 1)).clamp(0.001, 0.99999);
            }
        }
        0.001
    }
}

/// The step of a probability: step i holds what is missing STEPⁱ at most to certainty, and more than STEPⁱ⁺¹.
fn step(probability: f64) -> usize {
    let missing = (1.0 - probability).clamp(1e-12, 1.0);
    ((missing.ln() / STEP.ln() + 1e-9) as usize).min(STEPS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_budget_becomes_a_threshold() {
        let t = |f, r| first_threshold(f, r, &Prior::default());
        assert!((t(1.0, 200_000.0) - 200.0 / 201.0).abs() < 1e-9);
        assert!((t(20.0, 20_000.0) - 0.5).abs() < 1e-9);
        for (f, r) in [(0.0, 1.0), (f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, 5.0)] {
            assert_eq!(t(f, r), 0.5, "{f} {r}");
        }
        assert_eq!(Tally::default().threshold(1.0, 1.0), 0.001);
    }

    proptest! {
        #[test]
        fn a_tally_keeps_its_budget(
            proposals in proptest::collection::vec(0.0..1.0f64, 0..400), budget in 0.1..20.0f64, days in 1u32..9,
        ) {
            let mut tally = Tally::default();
            proposals.iter().for_each(|p| tally.add(*p));
            let t = tally.threshold(budget, f64::from(days));
            prop_assert_eq!(Tally::of_counts(&tally.counts()).counts(), tally.counts());
            let above = |t: f64| proposals.iter().filter(|p| **p >= t).map(|p| 1.0 - p).sum::<f64>();
            prop_assert!(above(t) <= budget * f64::from(days) + 1e-6, "{t}");
            // And it is not much stricter than it need be: two steps lower breaks the budget, or nearly.
            let lower = 1.0 - (1.0 - t) / (STEP * STEP);
            if t > 0.001 {
                prop_assert!(above(lower) / STEP > budget * f64::from(days) * 0.9 - 1.0, "{t}");
            }
        }
    }
}
