//! The rule file as people read it: each rule's own words, and the plain sentence above it.
//!
//! Cedar's parser forgets comments and layout; what a clerk or a council reads is cut out of the text here.

use base::{Error, Result};

/// One rule as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// The comment above it, joined to one line; empty if there is none.
    pub(crate) says: String,
    /// The rule itself, from its first annotation to its semicolon.
    pub(crate) text: String,
}

/// Refuses a text in which people would not read what Cedar reads: a lone carriage return, for instance, ends a comment
/// for Cedar and for nobody who looks at it. `what` names the text in the sentence.
pub(crate) fn plain(what: &str, text: &str) -> Result<()> {
    let Some((line, c)) = unseen(text) else { return Ok(()) };
    Err(Error::invalid(format!(
        "Line {line} of {what} holds a character that nobody sees (U+{:04X}); take it out and try again.",
        u32::from(c)
    )))
}

/// The first character that nobody sees, and the number of its line.
fn unseen(file: &str) -> Option<(usize, char)> {
    file.split_inclusive('\n').enumerate().find_map(|(at, line)| {
        let ended = line.strip_suffix("\r\n").or_else(|| line.strip_suffix('\n'));
        let hidden = ended.unwrap_or(line).chars().find(|c| is_unseen(*c));
        hidden.map(|c| (at + 1, c))
    })
}

/// A control character that is no tab, a line end of Unicode's own, or what Unicode draws as nothing
/// (Default_Ignorable_Code_Point): marks of direction, joiners, a byte order mark.
fn is_unseen(c: char) -> bool {
    let drawn_as_nothing = matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    );
    drawn_as_nothing || (c.is_control() && c != '\t')
}

/// Cuts a rule file, which is known to be Cedar and to be [`plain`], into its rules.
pub(crate) fn passages(file: &str) -> Vec<Passage> {
    let mut out = Vec::new();
    let mut rest = file;
    while let Some(end) = end_of_rule(rest) {
        let (chunk, behind) = rest.split_at(end);
        out.push(passage(chunk));
        rest = behind;
    }
    out
}

/// One rule with its comment, and what stands above both: headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) above: &'a str,
    pub(crate) rule: &'a str,
}

impl<'a> Chunk<'a> {
    /// The rule's name; empty if it has none.
    pub(crate) fn id(&self) -> &'a str {
        let behind = self.rule.split_once("@id(\"").map(|(_, behind)| behind);
        behind.and_then(|text| text.split('"').next()).unwrap_or_default()
    }
}

/// Cuts a rule file into its rules, letting go only of blank lines between them.
pub(crate) fn chunks(file: &str) -> Vec<Chunk<'_>> {
    let mut out = Vec::new();
    let mut rest = file;
    while let Some(end) = end_of_rule(rest) {
        let (chunk, behind) = rest.split_at(end);
        let chunk = chunk.trim_start();
        // The comment that belongs to the rule stands behind the last blank line above it.
        let body = chunk
            .lines()
            .take_while(|line| line.trim().is_empty() || line.trim_start().starts_with("//"))
            .map(|line| line.len() + 1)
            .sum::<usize>();
        let begin = chunk[..body.min(chunk.len())].rfind("\n\n").map_or(0, |at| at + 2);
        let (above, rule) = chunk.split_at(begin);
        out.push(Chunk { above, rule });
        rest = behind;
    }
    out
}

/// Where the first rule ends: behind a semicolon that stands in no string and no comment.
fn end_of_rule(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
            }
            b';' => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The last block of comment lines above the rule is its sentence; what stands further up is a heading.
fn passage(chunk: &str) -> Passage {
    let lines: Vec<&str> = chunk.lines().collect();
    let comment = |line: &str| line.trim_start().starts_with("//");
    let first = lines
        .iter()
        .position(|line| !line.trim().is_empty() && !comment(line))
        .unwrap_or(lines.len());
    let above = &lines[..first];
    let begin = above.iter().rposition(|line| !comment(line)).map_or(0, |at| at + 1);
    let words = above[begin..].iter().map(|line| line.trim().trim_start_matches('/').trim());
    Passage {
        says: words.filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "),
        text: lines[first..].join("\n").trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_cut_where_they_end() {
        let check = |file: &str, wanted: &[(&str, &str)]| {
            let got = passages(file);
            let got: Vec<(&str, &str)> = got.iter().map(|p| (&*p.says, &*p.text)).collect();
            assert_eq!(got, wanted, "{file}");
        };
        check("", &[]);
        check("// nothing; here\n", &[]);
        check("permit (a);", &[("", "permit (a);")]);
        check(
            "// A heading.\n\n// First\n// line; two.\n@id(\"a;b\\\"\")\npermit (a); // Behind.\nforbid(b);",
            &[("First line; two.", "@id(\"a;b\\\"\")\npermit (a);"), ("Behind.", "forbid(b);")],
        );
    }

    #[test]
    fn what_nobody_sees_is_found() {
        let check = |file: &str, wanted: Option<(usize, char)>| {
            assert_eq!(unseen(file), wanted, "{file:?}");
        };
        check("", None);
        check("// §5 …\r\n\tpermit (a);\r\n", None);
        check("// One.\n// Two.\rpermit (a);", Some((2, '\r')));
        check("permit (a);\r", Some((1, '\r')));
        check("permit (a);\r\r\n", Some((1, '\r')));
        for c in ['\0', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{ad}', '\u{200d}', '\u{2028}'] {
            check(&format!("\n// a{c}b\n"), Some((2, c)));
        }
        for c in ['\u{2029}', '\u{202e}', '\u{2066}', '\u{feff}', '\u{e0041}'] {
            check(&format!("{c}permit (a);"), Some((1, c)));
        }
    }

    #[test]
    fn every_standard_rule_has_a_sentence() {
        for passage in passages(crate::Rules::standard()) {
            assert!(passage.says.ends_with('.') && passage.says.len() > 20, "{passage:?}");
        }
    }
}
