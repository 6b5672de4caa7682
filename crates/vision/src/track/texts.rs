//! How the texts of two looks compare: whether they may be of one plate, or must be of two.

use plate::{Odds, Reason};

/// A character as sure as this says that a plate is another one than it was.
const CLEAR_CHARACTER: f32 = 0.9;

/// Whether two odds have the same text but for look-alikes.
pub(super) fn alike(a: &Odds, b: &Odds) -> bool {
    let (a, b) = (a.places(), b.places());
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| is_like(x[0].0, y[0].0))
}

/// Whether two odds of one length are both sure of characters at a place that are no look-alikes.
pub(super) fn surely_apart(a: &Odds, b: &Odds) -> bool {
    let (a, b) = (a.places(), b.places());
    let apart =
        |x: &(char, f32), y: &(char, f32)| x.1.min(y.1) >= CLEAR_CHARACTER && !is_like(x.0, y.0);
    a.len() == b.len() && a.iter().zip(b).any(|(x, y)| apart(&x[0], &y[0]))
}

/// Whether two odds are surely of two plates: of one length and surely apart, or of two and neither an end of the other.
pub(super) fn differ(a: &Odds, b: &Odds) -> bool {
    match a.places().len() == b.places().len() {
        true => surely_apart(a, b),
        false => !is_end(a, b) && !is_end(b, a),
    }
}

/// Whether two characters are the same, or mistaken for one another even now and then.
fn is_like(a: char, b: char) -> bool {
    a == b || plate::confusion(a, b) > 0.001
}

/// Whether a text of at least three characters is how a longer one begins or ends.
pub(super) fn is_end(part: &Odds, whole: &Odds) -> bool {
    let (part, whole) = (part.text(), whole.text());
    let (part, whole) = (part.reveal(Reason::Matching), whole.reveal(Reason::Matching));
    part.len() >= 3
        && part.len() < whole.len()
        && (whole.ends_with(part) || whole.starts_with(part))
}

/// Share of places at which two odds have the same best character; a look-alike counts for most of one, as
/// the same plate is read now this way and now that. Places are compared from the end where the lengths
/// differ by one.
pub(super) fn similarity(a: &Odds, b: &Odds) -> f32 {
    let (a, b) = (a.text(), b.text());
    let (a, b) = (a.reveal(Reason::Matching), b.reveal(Reason::Matching));
    let longest = a.len().max(b.len());
    if a.len().abs_diff(b.len()) > 1 {
        return 0.0;
    }
    let alike = |(x, y): (char, char)| match x == y {
        true => 1.0,
        false if plate::confusion(x, y) > 0.01 => 0.8,
        false => 0.0,
    };
    let front: f32 = a.chars().zip(b.chars()).map(alike).sum();
    let back: f32 = a.chars().rev().zip(b.chars().rev()).map(alike).sum();
    front.max(back) / longest as f32
}
