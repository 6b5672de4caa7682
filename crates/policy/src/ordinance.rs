//! Rules beside the ordinance: each rule's sentence next to the text of the section that it carries out.
//!
//! Sections are found in plain text by their number at the beginning of a line; whether a rule says what
//! its section says, people judge.

use crate::Rules;

/// Words before a section's number.
const WORDS: [&str; 6] = ["section", "sec.", "sec", "article", "§", "#"];

/// A table in Markdown, and the sections that rules name and the ordinance does not have, each once.
pub fn beside(rules: &Rules, ordinance: &str) -> (String, Vec<String>) {
    let mut missing: Vec<String> = Vec::new();
    let mut out = String::from(
        "# The rules beside the ordinance\n\n| Rule | What it says | Section | The ordinance |\n|---|---|---|---|\n",
    );
    for rule in rules.list() {
        let text = match rule.ordinance.as_str() {
            "" => "(no section is named)".to_owned(),
            number => section(ordinance, number).unwrap_or_else(|| {
                if !missing.iter().any(|m| m == number) {
                    missing.push(number.to_owned());
                }
                "(this section was not found)".to_owned()
            }),
        };
        let cells = [&rule.id, &rule.says, &rule.ordinance, &text].map(|text| cell(text));
        out += &format!("| {} |\n", cells.join(" | "));
    }
    if !missing.is_empty() {
        out += &format!("\nNot found in the ordinance: {}.\n", missing.join("; "));
    }
    (out, missing)
}

fn cell(text: &str) -> String {
    text.trim().replace('\\', "\\\\").replace('|', "\\|").replace('\n', "<br>")
}

/// The text of a section, from its number to the next line that begins with one.
fn section(ordinance: &str, number: &str) -> Option<String> {
    let number = spelled(number);
    let lines: Vec<&str> = ordinance.lines().collect();
    let begin = lines.iter().position(|line| begins(&spelled(line), &number))?;
    let length = lines[begin + 1..].iter().position(|line| heads(line));
    let end = length.map_or(lines.len(), |n| begin + 1 + n);
    Some(lines[begin..end].join("\n").trim().to_owned())
}

/// In small letters, one space between words, without `Section` in front.
fn spelled(line: &str) -> String {
    let words: Vec<String> = line.split_whitespace().map(str::to_lowercase).collect();
    let mut rest = words.join(" ");
    while let Some(word) = WORDS.iter().find(|word| rest.starts_with(**word)) {
        rest = rest[word.len()..].trim_start().to_owned();
    }
    rest
}

/// Whether a line begins with this number and not with a longer one: 12-3 is not 12-34.
fn begins(line: &str, number: &str) -> bool {
    let Some(behind) = line.strip_prefix(number) else { return false };
    let mut behind = behind.chars();
    match behind.next() {
        None => true,
        Some('.' | '-') => !behind.next().is_some_and(|c| c.is_ascii_alphanumeric()),
        Some(c) => !c.is_alphanumeric(),
    }
}

/// Whether a line begins a section: a number, perhaps behind such a word.
fn heads(line: &str) -> bool {
    let line = line.trim_start();
    spelled(line).starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINANCE: &str = "Chapter 12\n\nSec. 12-3  Parking.\nNone | here.\n\nSection 12-34 §5. Questions.\n\
        (a) Officers ask.\n(b) For a case.\n\n12-35 Nobody.\nNever.\n";

    #[test]
    fn sections_are_found_by_number() {
        let check = |number: &str, text: Option<&str>| {
            assert_eq!(section(ORDINANCE, number).as_deref(), text, "{number}");
        };
        check("12-3", Some("Sec. 12-3  Parking.\nNone | here."));
        let five = "Section 12-34 §5. Questions.\n(a) Officers ask.\n(b) For a case.";
        check("12-34 §5", Some(five));
        check("§ 12-34  §5", Some(five));
        check("12-35", Some("12-35 Nobody.\nNever."));
        check("12", None);
        check("12-4", None);
    }

    #[test]
    fn each_rule_stands_beside_its_section() {
        let rule = |id: &str, section: &str| {
            format!(
                "// Says {id}.\n@id(\"{id}\")\n@ordinance(\"{section}\")\npermit (principal in \
                 Role::\"clerk\", action == Action::\"PlaceHold\", resource);\n"
            )
        };
        let rules = [rule("a", "12-3"), rule("b", "9-9"), rule("c", ""), rule("d", "9-9")].concat();
        let (table, missing) = beside(&Rules::parse(&rules).unwrap(), ORDINANCE);
        assert_eq!(missing, ["9-9"]);
        for line in [
            "| a | Says a. | 12-3 | Sec. 12-3  Parking.<br>None \\| here. |",
            "| b | Says b. | 9-9 | (this section was not found) |",
            "| c | Says c. |  | (no section is named) |",
            "Not found in the ordinance: 9-9.",
        ] {
            assert!(table.lines().any(|l| l == line), "{line}\n{table}");
        }
    }
}
