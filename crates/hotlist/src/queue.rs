//! The order in which hits are looked at, what speaks against one, and which of them are one moving vehicle.

use base::{EntryId, HitId, Time};
use read::{Basis, StateBasis, TextBasis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A hit loses half of its urgency in so many milliseconds.
const HALF_MS: f64 = 10.0 * 60_000.0;

/// Sightings of one entry that lie no further apart are one incident, in milliseconds.
pub const INCIDENT_MS: i64 = 60 * 60_000;

/// What speaks against a hit. One with any of these rings nowhere and waits in a strip of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Doubt {
    /// The plate looks like one of another state.
    StateDiffers,
    /// The characters that were read are taken for those of the entry now and then.
    LookAlike,
    /// Other characters were read, or one too many or too few.
    Characters,
    /// It is more probably another vehicle.
    Improbable,
    /// It was captured long before it came here.
    Late,
    /// The camera misreads so often that its hits wait until somebody has looked at it.
    CameraSuspended,
}

/// What speaks against a hit of this probability, raised so; `late` and `suspended` are the caller's to know.
pub fn doubts(probability: f64, basis: Option<&Basis>, late: bool, suspended: bool) -> Vec<Doubt> {
    let text = basis.map(|b| b.text);
    let partial = text == Some(TextBasis::Partial);
    let other = matches!(text, Some(TextBasis::Other | TextBasis::Missing | TextBasis::Extra));
    let said = [
        (Doubt::StateDiffers, basis.is_some_and(|b| b.state == StateBasis::Differs)),
        (Doubt::LookAlike, text == Some(TextBasis::LookAlike)),
        (Doubt::Characters, other || basis.is_some_and(misfits)),
        // Who listed a part of a plate asked for every car that fits.
        (Doubt::Improbable, probability < 0.5 && !partial),
        (Doubt::Late, late),
        (Doubt::CameraSuspended, suspended),
    ];
    said.into_iter().filter_map(|(doubt, so)| so.then_some(doubt)).collect()
}

/// Whether the characters or the state that were read are not the entry's, so that who confirms has to read the
/// picture themselves.
pub fn must_type(basis: Option<&Basis>) -> bool {
    basis.is_some_and(|b| {
        let as_listed = matches!(b.text, TextBasis::Exact | TextBasis::Partial) && !misfits(b);
        b.state == StateBasis::Differs || !as_listed
    })
}

/// Whether other characters were read than a part of a plate names: a low threshold lets that in.
fn misfits(basis: &Basis) -> bool {
    basis.text == TextBasis::Partial && !basis.places.is_empty()
}

/// How urgent a hit is: P(right) times severity, halved every ten minutes. `priority` is the entry's, 0 the usual.
pub fn urgency(probability: f64, priority: u8, captured: Time, now: Time) -> f64 {
    let age = (now.millis() - captured.millis()).max(0) as f64;
    probability * (1.0 + f64::from(priority)) * (-age / HALF_MS).exp2()
}

/// A sighting, as far as incidents go by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighted {
    /// The hit.
    pub hit: HitId,
    /// What it matched.
    pub entry: EntryId,
    /// When.
    pub captured: Time,
    /// It fits half a plate, as many cars do: it is an incident by itself.
    pub alone: bool,
}

/// Puts sightings of one entry that lie no further apart than [`INCIDENT_MS`] together, except those that are alone.
/// Each group has its newest first, and groups stand in the order of their newest, the newest first.
pub fn incidents(mut sighted: Vec<Sighted>) -> Vec<Vec<Sighted>> {
    sighted.sort_by(|a, b| b.captured.cmp(&a.captured).then_with(|| b.hit.cmp(&a.hit)));
    let mut out: Vec<Vec<Sighted>> = Vec::new();
    for one in sighted {
        let near = |group: &&mut Vec<Sighted>| {
            group.last().is_some_and(|last| {
                !(last.alone || one.alone)
                    && last.entry == one.entry
                    && last.captured.millis() - one.captured.millis() <= INCIDENT_MS
            })
        };
        match out.iter_mut().find(near) {
            Some(group) => group.push(one),
            None => out.push(vec![one]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basis(text: TextBasis, state: StateBasis) -> Basis {
        Basis { text, state, places: Vec::new() }
    }

    #[test]
    fn what_speaks_against_a_hit() {
        let check = |p: f64, text, state, late, suspended, want: &[Doubt]| {
            let basis = basis(text, state);
            assert_eq!(doubts(p, Some(&basis), late, suspended), want);
        };
        use Doubt::*;
        use StateBasis::*;
        check(0.97, TextBasis::Exact, Same, false, false, &[]);
        check(0.97, TextBasis::Exact, Unknown, false, false, &[]);
        check(0.97, TextBasis::Exact, StateBasis::Differs, false, false, &[StateDiffers]);
        check(0.3, TextBasis::LookAlike, Same, false, false, &[LookAlike, Improbable]);
        check(0.9, TextBasis::Missing, Same, true, true, &[Characters, Late, CameraSuspended]);
        check(0.02, TextBasis::Partial, Same, false, false, &[]);
        assert_eq!(doubts(0.4, None, false, false), [Improbable]);
        let misfit = Basis { text: TextBasis::Partial, state: Same, places: vec![2] };
        assert_eq!(doubts(0.02, Some(&misfit), false, false), [Characters]);
    }

    #[test]
    fn who_confirms_reads_what_was_read_otherwise() {
        let check = |text, state, want| assert_eq!(must_type(Some(&basis(text, state))), want);
        check(TextBasis::Exact, StateBasis::Same, false);
        check(TextBasis::Exact, StateBasis::Differs, true);
        check(TextBasis::LookAlike, StateBasis::Same, true);
        check(TextBasis::Partial, StateBasis::Unknown, false);
        assert!(!must_type(None));
        let misfit = Basis { places: vec![2], ..basis(TextBasis::Partial, StateBasis::Same) };
        assert!(must_type(Some(&misfit)));
    }

    #[test]
    fn a_pressing_hit_comes_first_and_fades() {
        let at = |minutes: i64| Time::from_millis(minutes * 60_000);
        let check = |p, priority, captured, want: f64| {
            let got = urgency(p, priority, at(captured), at(20));
            assert!((got - want).abs() < 1e-9, "{got} for {want}");
        };
        check(0.8, 0, 20, 0.8);
        check(0.8, 1, 20, 1.6);
        check(0.8, 0, 10, 0.4);
        check(0.8, 0, 30, 0.8);
    }

    #[test]
    fn a_car_that_passes_five_cameras_is_one_incident() {
        let sighted = |entry: &str, minute: i64| Sighted {
            hit: HitId::new(Time::from_millis(minute * 60_000), [0; 10]),
            entry: format!("ent_{entry}").parse().unwrap(),
            captured: Time::from_millis(minute * 60_000),
            alone: entry == "half",
        };
        let check = |told: &[(&str, i64)], want: &str| {
            let groups = incidents(told.iter().map(|(e, m)| sighted(e, *m)).collect());
            let groups = groups.iter().map(|group| {
                let minutes = group.iter().map(|s| (s.captured.millis() / 60_000).to_string());
                format!("{}:{}", group[0].entry, minutes.collect::<Vec<_>>().join("+"))
            });
            assert_eq!(groups.collect::<Vec<_>>().join(" "), want);
        };
        check(&[("a", 100), ("a", 130), ("a", 185), ("b", 140)], "ent_a:185+130+100 ent_b:140");
        check(&[("a", 100), ("a", 161)], "ent_a:161 ent_a:100");
        check(&[("half", 100), ("half", 101)], "ent_half:101 ent_half:100");
        check(&[], "");
    }
}
