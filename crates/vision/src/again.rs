//! A second look at plates that the first one did not read surely: the place is cut once more,
//! tighter, and the first cut is sharpened. Each look proposes a text; the one that all looks
//! together hold most probable is taken. (Averaging their columns does not work: the network puts a
//! character's odds into a column or two, and the looks disagree on which.)

use crate::recognise::{Columns, decode, likelihood};
use plate::{Ranked, RegionOdds, Text, rank};

/// Reads less sure than this are looked at again.
pub(crate) const UNSURE: f32 = 0.7;
/// How far the tighter cut reaches beyond the corners, as a share of the sides.
pub(crate) const TIGHT: f32 = 0.02;
/// The most plates of one picture that are looked at again: a picture full of what nobody can read
/// must not take long.
pub(crate) const MOST: usize = 6;

/// The power of what formats make more or less probable that is believed, when it is asked how sure a text is: on 1,998
/// reads of held-out plates a third of it said best what was right, all of it was surer than it should be (`train/NOTES.md`).
const BELIEVED: f64 = 0.3;

/// Deviation of the blur that sharpening takes away, in pixels of the cut, and how much of it is taken.
const BLUR: f32 = 1.5;
const TAKEN: f32 = 0.8;
/// Pixels that the blur reaches to each side.
const REACH: usize = 5;

/// What one look proposes.
struct Proposal {
    text: Text,
    ranked: Ranked,
    /// P(the text) by the columns of all looks, formats unasked.
    seen: f64,
    /// How much more probable the formats make it than its look alone did, and all other texts of that look.
    lift: f64,
    others: f64,
}

/// The reading that the looks at one plate hold most probable together, and P(its text is right)
/// before Platt's scaling. `None` where no look shows a text.
pub(crate) fn best(looks: &[Columns], prior: &RegionOdds) -> Option<(Ranked, f32)> {
    let mut proposals: Vec<Proposal> = Vec::with_capacity(looks.len());
    for columns in looks {
        let Some(seen) = decode(columns) else { continue };
        let ranked = rank(&seen, prior);
        // The formats may have preferred another reading: the columns say how probable that one is.
        let text = ranked.odds.text();
        let (before, after) = (seen.probability_of(&text), ranked.odds.probability_of(&text));
        let alone: f64 = looks.iter().map(|c| f64::from(likelihood(c, &text))).sum();
        let proposal = Proposal {
            text,
            ranked,
            seen: alone / looks.len() as f64,
            lift: after / before.max(1e-9),
            others: (1.0 - after).max(0.0) / (1.0 - before).max(1e-9),
        };
        // Looks that propose the same are for it together; the one speaks whose odds the formats change most.
        match proposals.iter_mut().find(|known| known.text == proposal.text) {
            Some(known) if known.lift < proposal.lift => *known = proposal,
            Some(_) => {}
            None => proposals.push(proposal),
        }
    }
    let weight = |p: &Proposal, believed: f64| p.seen * p.lift.powf(believed);
    let all: f64 = proposals.iter().map(|p| weight(p, BELIEVED)).sum();
    let unseen = (1.0 - proposals.iter().map(|p| p.seen).sum::<f64>()).max(0.0);
    // Of readings that are as probable the first look's stays.
    let likelier = |a, b| if weight(&b, 1.0) > weight(&a, 1.0) { b } else { a };
    let best = proposals.into_iter().reduce(likelier)?;
    // Against what the other looks propose, and against everything else. (A text that formats make more probable is not
    // simply so many times as probable: that went beyond 1, and wrong reads were called sure.)
    let own = weight(&best, BELIEVED);
    let whole = all + unseen * best.others.powf(BELIEVED);
    let sure = if whole > 0.0 { own / whole } else { 0.0 };
    Some((best.ranked, sure as f32))
}

/// A cut of grey values 0 to 255 with its edges raised.
pub(crate) fn sharpened(cut: &[f32], width: usize) -> Vec<f32> {
    let soft = blurred(cut, width);
    cut.iter().zip(soft).map(|(v, s)| (v + TAKEN * (v - s)).clamp(0.0, 255.0)).collect()
}

/// Gaussian blur; beyond the edges the cut is mirrored, the edge itself not repeated.
fn blurred(cut: &[f32], width: usize) -> Vec<f32> {
    let height = cut.len() / width.max(1);
    let weight = |d: usize| (-((d * d) as f32) / (2.0 * BLUR * BLUR)).exp();
    let whole = weight(0) + 2.0 * (1..=REACH).map(weight).sum::<f32>();
    let kernel: Vec<f32> = (0..=2 * REACH).map(|k| weight(k.abs_diff(REACH)) / whole).collect();
    let along = |from: &[f32], at: usize, n: usize, start: usize, step: usize| -> f32 {
        let taps = kernel.iter().enumerate();
        taps.map(|(k, w)| w * from[start + step * mirrored(at + k, n)]).sum()
    };
    let cells = move || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    let across: Vec<f32> = cells().map(|(x, y)| along(cut, x, width, y * width, 1)).collect();
    cells().map(|(x, y)| along(&across, y, height, x, width)).collect()
}

/// The place from 0 to n - 1 that `at - REACH` stands for where a row of n is mirrored at its ends.
fn mirrored(at: usize, n: usize) -> usize {
    let inside = at.abs_diff(REACH);
    let inside = if inside < n { inside } else { (2 * n).saturating_sub(inside + 2) };
    inside.min(n - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Reason;

    /// Columns of one text, each character `p` sure and then `other` for the rest, with blanks between.
    fn look(text: &str, p: f32, other: &str) -> Columns {
        let class = |c: u8| match c {
            b'0'..=b'9' => usize::from(c - b'0') + 1,
            _ => usize::from(c - b'A') + 11,
        };
        let mut probs = Vec::new();
        for (a, b) in text.bytes().zip(other.bytes()) {
            let mut column = vec![0.0; 37];
            column[class(b)] += 1.0 - p;
            column[class(a)] += p;
            probs.extend(column);
            probs.push(1.0);
            probs.resize(probs.len() + 36, 0.0);
        }
        Columns::new(probs, text.len() * 2)
    }

    fn check(looks: &[Columns], want: &str, least: f32, most: f32) {
        let (ranked, p) = best(looks, &RegionOdds::unknown()).unwrap();
        assert_eq!(ranked.odds.text().reveal(Reason::Matching), want);
        assert!((least..=most).contains(&p), "{p}");
    }

    #[test]
    fn the_looks_decide_together() {
        let unsure = look("ABC8234", 0.55, "ABCB234");
        check(std::slice::from_ref(&unsure), "ABC8234", 0.5, 1.0);
        // Two looks that see another text surely outweigh the first; one that is as unsure does not.
        let other = look("KBC8234", 0.95, "ABC8234");
        check(&[unsure.clone(), other.clone(), other], "KBC8234", 0.5, 0.7);
        check(&[unsure.clone(), look("KBC8234", 0.51, "ABC8234")], "ABC8234", 0.5, 1.0);
        // A look that shows nothing proposes nothing, and makes the others less sure.
        let blank = Columns::new([vec![1.0], vec![0.0; 36]].concat().repeat(4), 4);
        assert!(best(std::slice::from_ref(&blank), &RegionOdds::unknown()).is_none());
        check(&[look("ABC1234", 0.9, "ABC7234"), blank], "ABC1234", 0.3, 0.5);
    }

    /// What the columns hold improbable is not sure because a format wants it, and never surer than 1.
    #[test]
    fn formats_persuade_and_do_not_make_sure() {
        check(&[look("KBP0011", 0.3, "KBP00T1")], "KBP0011", 0.4, 0.75);
        check(&[look("7ABC123", 0.05, "7ABCI23")], "7ABC123", 0.0, 0.4);
        check(&[look("7ABC123", 0.95, "7ABCI23")], "7ABC123", 0.95, 0.9999);
        let unsure = look("7ABC128", 0.6, "7ABCIZB");
        check(&[unsure.clone(), look("7ABC123", 0.5, "7ABCIZB"), unsure], "7ABC128", 0.1, 0.6);
    }

    #[test]
    fn sharpening_raises_edges_and_nothing_else() {
        let even = vec![90.0; 30 * 12];
        assert!(sharpened(&even, 30).iter().all(|v| (v - 90.0).abs() < 1e-3));
        let step: Vec<f32> = (0..30 * 12).map(|i| if i % 30 < 15 { 80.0 } else { 120.0 }).collect();
        let raised = sharpened(&step, 30);
        assert!(raised[14] < 78.0 && raised[15] > 122.0, "{} {}", raised[14], raised[15]);
        assert!((raised[3] - 80.0).abs() < 0.5 && (raised[27] - 120.0).abs() < 0.5);
        assert!(sharpened(&[255.0, 0.0].repeat(72), 24).iter().all(|v| (0.0..=255.0).contains(v)));
    }

    #[test]
    fn a_row_is_mirrored_at_its_ends() {
        let row: Vec<usize> = (0..3 + 2 * REACH).map(|at| mirrored(at, 8)).collect();
        assert_eq!(row, [5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(
            (mirrored(7 + REACH, 8), mirrored(8 + REACH, 8), mirrored(10 + REACH, 8)),
            (7, 6, 4)
        );
        assert_eq!(mirrored(40, 1), 0);
    }
}
