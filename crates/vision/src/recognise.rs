//! From 36 columns of class probabilities to a text with odds (CTC; Graves et al. 2006).

use plate::{Choice, Odds};

/// Class 0 is the blank, 1 to 36 these.
const CLASSES: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Choices less probable than this are left out; at most so many are kept.
const LEAST: f32 = 0.005;
const KEPT: usize = 5;
/// A plate of fewer characters is no plate.
const SHORTEST: usize = 2;

/// Class probabilities of a cut's columns, 37 each.
#[derive(Clone)]
pub(crate) struct Columns {
    probs: Vec<f32>,
    count: usize,
}

impl Columns {
    /// `probs` holds `count` rows of 37.
    pub fn new(probs: Vec<f32>, count: usize) -> Self {
        Self { probs, count }
    }

    /// These columns, a blank, and those of the next line: a character that ends one line and begins
    /// the other is two characters.
    pub fn then(&self, next: &Columns) -> Columns {
        let mut probs = self.probs.clone();
        probs.push(1.0);
        probs.resize(probs.len() + CLASSES.len(), 0.0);
        probs.extend(&next.probs);
        Columns { probs, count: self.count + 1 + next.count }
    }

    fn at(&self, t: usize) -> &[f32] {
        let classes = CLASSES.len() + 1;
        &self.probs[t * classes..(t + 1) * classes]
    }

    fn sound(&self) -> bool {
        self.probs.len() == self.count * (CLASSES.len() + 1)
            && self.probs.iter().all(|p| p.is_finite())
    }
}

/// The most probable path as odds. `None` if it is no text of 2 to 12 characters.
pub(crate) fn decode(columns: &Columns) -> Option<Odds> {
    if !columns.sound() {
        return None;
    }
    let mut places: Vec<Choice> = Vec::new();
    let mut t = 0;
    while t < columns.count {
        let class = best(columns.at(t));
        let end = (t..columns.count).find(|&u| best(columns.at(u)) != class);
        let end = end.unwrap_or(columns.count);
        if class != 0 {
            places.push(choices((t..end).map(|u| columns.at(u))));
        }
        t = end;
    }
    if !(SHORTEST..=plate::Text::MAX).contains(&places.len()) {
        return None;
    }
    Odds::new(places).ok()
}

/// P(the columns show this text), over all alignments.
pub(crate) fn likelihood(columns: &Columns, text: &plate::Text) -> f32 {
    let class = |c: u8| CLASSES.iter().position(|k| *k == c).map(|i| i + 1);
    let letters = text.reveal(plate::Reason::Matching).bytes();
    let classes: Option<Vec<usize>> = letters.map(class).collect();
    classes.map_or(0.0, |text| probability(columns, &text))
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
fn probability(columns: &Columns, text: &[usize]) -> f32 {
    // blank, first character, blank, second character, …, blank
    let states: Vec<usize> = std::iter::once(0).chain(text.iter().flat_map(|c| [*c, 0])).collect();
    let mut alpha = vec![0f64; states.len()];
    for t in 0..columns.count {
        let p = |state: usize| f64::from(columns.at(t)[states[state]]);
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
    fn columns(spec: &str, p: f32) -> Columns {
        let marks: Vec<char> = spec.split_whitespace().map(|s| s.chars().next().unwrap()).collect();
        let mut out = Vec::new();
        for m in &marks {
            let class = CLASSES.iter().position(|c| char::from(*c) == *m).map_or(0, |i| i + 1);
            out.extend((0..37).map(|k| if k == class { p } else { (1.0 - p) / 36.0 }));
        }
        Columns::new(out, marks.len())
    }

    fn text(columns: &Columns) -> Option<String> {
        decode(columns).map(|odds| odds.text().reveal(Reason::Matching).to_owned())
    }

    fn check(spec: &str, want: Option<&str>) {
        assert_eq!(text(&columns(spec, 0.95)).as_deref(), want, "{spec}");
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
    fn two_lines_are_one_text() {
        let both = columns("_ A A", 0.95).then(&columns("A _ 1", 0.95));
        assert_eq!(text(&both).as_deref(), Some("AA1"), "the last A and the first are two");
    }

    #[test]
    fn confidence_counts_every_alignment() {
        let p = |spec: &str, text: &str| {
            likelihood(&columns(spec, 0.5), &plate::Text::parse(text).unwrap())
        };
        assert!((p("A B", "AB") - 0.25).abs() < 1e-6, "only one alignment fits two columns");
        let rest = 0.5f32 / 36.0;
        // AAB, ABB, A_B, AB_, _AB
        let want = 0.125 + 0.5 * rest * 0.5 + 0.5 * rest * 0.5 + 2.0 * (0.5 * rest * rest).min(1.0);
        assert!((p("A A B", "AB") - want).abs() < 0.01);
    }

    proptest! {
        #[test]
        fn any_columns_decode_or_not(raw in proptest::collection::vec(0f32..1.0, 37 * 8)) {
            let probs: Vec<f32> = raw.chunks(37).flat_map(|c| {
                let s: f32 = c.iter().sum::<f32>().max(1e-3);
                c.iter().map(move |p| p / s).collect::<Vec<_>>()
            }).collect();
            let columns = Columns::new(probs, 8);
            if let Some(odds) = decode(&columns) {
                let p = likelihood(&columns, &odds.text());
                prop_assert!((0.0..=1.0).contains(&p));
                prop_assert!(odds.places().len() >= 2);
            }
        }
    }
}
