//! From 36 columns of class probabilities to a text with odds (CTC; Graves et al. 2006).

use plate::{Choice, Odds};

/// Class 0 is the blank, 1 to 36 these.
const CLASSES: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Choices less probable than this are left out; at most so many are kept.
const LEAST: f32 = 0.005;
const KEPT: usize = 5;
/// A plate of fewer characters is no plate.
const SHORTEST: usize = 2;

/// Odds and the probability of the text.
pub(crate) struct Recognised {
    pub odds: Odds,
    pub confidence: f32,
}

/// Decodes `columns` x 37 probabilities. `None` if it is no text of 2 to 12 characters.
pub(crate) fn decode(probs: &[f32], columns: usize) -> Option<Recognised> {
    let classes = CLASSES.len() + 1;
    if probs.len() != columns * classes || !probs.iter().all(|p| p.is_finite()) {
        return None;
    }
    let column = |t: usize| &probs[t * classes..(t + 1) * classes];
    let mut places: Vec<Choice> = Vec::new();
    let mut text: Vec<usize> = Vec::new();
    let mut t = 0;
    while t < columns {
        let class = best(column(t));
        let end = (t..columns).find(|&u| best(column(u)) != class).unwrap_or(columns);
        if class != 0 {
            places.push(choices((t..end).map(column)));
            text.push(class);
        }
        t = end;
    }
    if !(SHORTEST..=plate::Text::MAX).contains(&text.len()) {
        return None;
    }
    let confidence = probability(probs, columns, &text);
    Some(Recognised { odds: Odds::new(places).ok()?, confidence })
}

fn best(column: &[f32]) -> usize {
    let mut top = 0;
    for (k, p) in column.iter().enumerate() {
        if *p > column[top] {
            top = k;
        }
    }
    top
}

/// Odds of one character: its columns' probabilities, each weighted by how little blank it holds,
/// shared out among the characters.
fn choices<'a>(columns: impl Iterator<Item = &'a [f32]>) -> Choice {
    let mut sums = [0f32; 36];
    for column in columns {
        for (sum, p) in sums.iter_mut().zip(&column[1..]) {
            *sum += p.max(0.0);
        }
    }
    let total: f32 = sums.iter().sum::<f32>().max(1e-9);
    let mut out: Choice =
        sums.iter().zip(CLASSES).map(|(s, c)| (char::from(*c), (s / total).min(1.0))).collect();
    out.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    out.truncate(KEPT);
    // The best stays even where everything is improbable.
    let keep = out.iter().take_while(|(_, p)| *p >= LEAST).count().max(1);
    out.truncate(keep);
    out
}

/// P(text): the sum over all alignments, by the forward recursion.
fn probability(probs: &[f32], columns: usize, text: &[usize]) -> f32 {
    let classes = CLASSES.len() + 1;
    // blank, first character, blank, second character, …, blank
    let states: Vec<usize> = std::iter::once(0).chain(text.iter().flat_map(|c| [*c, 0])).collect();
    let mut alpha = vec![0f64; states.len()];
    for t in 0..columns {
        let p = |state: usize| f64::from(probs[t * classes + states[state]]);
        if t == 0 {
            alpha[0] = p(0);
            alpha[1] = p(1);
            continue;
        }
        for s in (0..states.len()).rev() {
            let mut sum = alpha[s];
            if s >= 1 {
                sum += alpha[s - 1];
            }
            // A blank may be skipped between two different characters.
            if s >= 2 && states[s] != 0 && states[s] != states[s - 2] {
                sum += alpha[s - 2];
            }
            alpha[s] = sum * p(s);
        }
    }
    let n = alpha.len();
    (alpha[n - 1] + alpha[n - 2]).clamp(0.0, 1.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use plate::Reason;
    use proptest::prelude::*;

    /// Columns like "_ 8 8 _ B" with the named class at `p` and the rest shared out.
    fn columns(spec: &str, p: f32) -> (Vec<f32>, usize) {
        let marks: Vec<char> = spec.split_whitespace().map(|s| s.chars().next().unwrap()).collect();
        let mut out = Vec::new();
        for m in &marks {
            let class = CLASSES.iter().position(|c| char::from(*c) == *m).map_or(0, |i| i + 1);
            out.extend((0..37).map(|k| if k == class { p } else { (1.0 - p) / 36.0 }));
        }
        (out, marks.len())
    }

    fn check(spec: &str, want: Option<&str>) {
        let (probs, n) = columns(spec, 0.95);
        let got = decode(&probs, n);
        let text = got.map(|r| r.odds.text().reveal(Reason::Matching).to_owned());
        assert_eq!(text.as_deref(), want, "{spec}");
    }

    #[test]
    fn best_path() {
        check("_ 7 7 _ A B _ _", Some("7AB"));
        check("8 _ 8", Some("88"));
        check("8 8 8", None);
        check("_ _ _", None);
        check("A B C D E F G H I J K L M", None);
    }

    #[test]
    fn confidence_counts_every_alignment() {
        let (probs, n) = columns("A B", 0.5);
        let r = decode(&probs, n).unwrap();
        assert!((r.confidence - 0.25).abs() < 1e-6, "only one alignment fits two columns");
        let (probs, n) = columns("A A B", 0.5);
        let rest = 0.5f32 / 36.0;
        // AAB, ABB, A_B, AB_, _AB
        let want = 0.125 + 0.5 * rest * 0.5 + 0.5 * rest * 0.5 + 2.0 * (0.5 * rest * rest).min(1.0);
        let r = decode(&probs, n).unwrap();
        assert!((r.confidence - want).abs() < 0.01, "{} {want}", r.confidence);
    }

    proptest! {
        #[test]
        fn any_columns_decode_or_not(raw in proptest::collection::vec(0f32..1.0, 37 * 8)) {
            let probs: Vec<f32> = raw.chunks(37).flat_map(|c| {
                let s: f32 = c.iter().sum::<f32>().max(1e-3);
                c.iter().map(move |p| p / s).collect::<Vec<_>>()
            }).collect();
            if let Some(r) = decode(&probs, 8) {
                prop_assert!((0.0..=1.0).contains(&r.confidence));
                prop_assert!(r.odds.places().len() >= 2);
            }
        }
    }
}
