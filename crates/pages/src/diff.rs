//! Two texts line by line: what a proposal takes out and puts in.

/// Lines of the same text around a change.
const AROUND: usize = 3;
/// Lines that are compared each with each; beyond it all of the old goes and all of the new comes.
const MOST: usize = 2000;

/// A line of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// `same`, `old`, `new`, or `gap` where lines that did not change are left out.
    pub kind: &'static str,
    /// The line; at a gap how many are left out.
    pub text: String,
}

/// What changes from `old` to `new`; empty where nothing does.
pub fn diff(old: &str, new: &str) -> Vec<DiffLine> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail =
        old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (from, to) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut all: Vec<(&'static str, &str)> = old[..head].iter().map(|l| ("same", *l)).collect();
    middle(from, to, &mut all);
    all.extend(old[old.len() - tail..].iter().map(|l| ("same", *l)));
    fold(&all)
}

/// The longest common lines stay; the others go or come.
fn middle<'a>(from: &[&'a str], to: &[&'a str], out: &mut Vec<(&'static str, &'a str)>) {
    if from.len() > MOST || to.len() > MOST {
        out.extend(from.iter().map(|l| ("old", *l)));
        out.extend(to.iter().map(|l| ("new", *l)));
        return;
    }
    let wide = to.len() + 1;
    let mut common = vec![0_u16; (from.len() + 1) * wide];
    for i in (0..from.len()).rev() {
        for j in (0..to.len()).rev() {
            common[i * wide + j] = if from[i] == to[j] {
                common[(i + 1) * wide + j + 1] + 1
            } else {
                common[(i + 1) * wide + j].max(common[i * wide + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < from.len() || j < to.len() {
        if i < from.len() && j < to.len() && from[i] == to[j] {
            out.push(("same", from[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < from.len()
            && (j == to.len() || common[(i + 1) * wide + j] >= common[i * wide + j + 1])
        {
            out.push(("old", from[i]));
            i += 1;
        } else {
            out.push(("new", to[j]));
            j += 1;
        }
    }
}

/// Leaves out what did not change and is not near a change.
fn fold(all: &[(&'static str, &str)]) -> Vec<DiffLine> {
    let near = |at: usize| {
        let around = at.saturating_sub(AROUND)..(at + AROUND + 1).min(all.len());
        all[around].iter().any(|(kind, _)| *kind != "same")
    };
    let mut lines = Vec::new();
    let mut left_out = 0_usize;
    for (at, (kind, text)) in all.iter().enumerate() {
        if near(at) {
            gap(&mut lines, &mut left_out);
            lines.push(DiffLine { kind, text: (*text).to_owned() });
        } else {
            left_out += 1;
        }
    }
    if !lines.is_empty() {
        gap(&mut lines, &mut left_out);
    }
    lines
}

fn gap(lines: &mut Vec<DiffLine>, left_out: &mut usize) {
    if *left_out > 0 {
        lines.push(DiffLine { kind: "gap", text: left_out.to_string() });
        *left_out = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(old: &str, new: &str, want: &str) {
        let sign = |kind| match kind {
            "old" => '-',
            "new" => '+',
            "gap" => '@',
            _ => ' ',
        };
        let got: Vec<_> = diff(&old.replace(' ', "\n"), &new.replace(' ', "\n"))
            .iter()
            .map(|l| format!("{}{}", sign(l.kind), l.text))
            .collect();
        assert_eq!(got.join("|"), want);
    }

    #[test]
    fn what_changed_and_what_stands_around_it() {
        check("a b c", "a b c", "");
        check("a b c", "a x c", " a|-b|+x| c");
        check("", "a", "+a");
        check("a", "", "-a");
        check("1 2 3 4 5 6 7", "1 2 3 4 5 6 7 8", "@4| 5| 6| 7|+8");
        check("x 1 2 3 4 5 6", "1 2 3 4 5 6", "-x| 1| 2| 3|@3");
        check("a b a b", "b a b a", "-a| b| a| b|+a");
    }
}
