//! What people read of a rule file is what Cedar enforces, however the file is written.

use cedar_policy::PolicySet;
use policy::Rules;
use proptest::array::{uniform3, uniform10};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A string: rules, comments and line ends in it are none.
fn string() -> impl Strategy<Value = String> {
    let parts = vec![
        "x",
        " ",
        "\n",
        ";",
        "//",
        "/",
        "\\\"",
        "\\\\",
        "\\n",
        "\\u{41}",
        "é",
        "};",
        "@id(",
        "permit (principal, action, resource);",
    ];
    vec(select(parts), 0..5).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// A comment: strings and rules in it are none.
fn comment() -> impl Strategy<Value = String> {
    let parts = vec![
        "x",
        " ",
        ";",
        "//",
        "\"",
        "\\",
        "'",
        "*/",
        "é",
        "when {",
        "permit (principal, action, resource);",
    ];
    let ends = vec!["\n", "\r\n", "\n\n", "\r\n\r\n"];
    (vec(select(parts), 0..5), select(ends))
        .prop_map(|(parts, end)| format!("//{}{end}", parts.concat()))
}

/// What may stand between two words of a rule.
fn gap() -> impl Strategy<Value = String> {
    let blank = select(vec!["", " ", "\t", "\n", "\r\n", "\n\n"]).prop_map(str::to_owned);
    prop_oneof![3 => blank, 1 => comment()]
}

/// A rule, called NAME until it stands in a file.
fn rule() -> impl Strategy<Value = String> {
    (uniform10(gap()), uniform3(string())).prop_map(|(gaps, [section, left, right])| {
        let [a, b, c, d, e, f, g, h, i, j] = gaps;
        format!(
            "{a}@{b}id({c}\"NAME\"){d}@ordinance({e}{section}){f}permit{g}(principal, action == \
             Action::\"Search\",{h}resource)\nwhen {{ context.plates > 1 ||{i}{left} like {right} }}{j};"
        )
    })
}

/// A rule file, with a comment behind its last rule that no line end need follow.
fn any_file() -> impl Strategy<Value = String> {
    (vec(rule(), 0..4), gap(), any::<bool>()).prop_map(|(rules, last, ended)| {
        let named =
            rules.iter().enumerate().map(|(at, rule)| rule.replace("NAME", &format!("r{at}")));
        let last = if ended { last.as_str() } else { last.trim_end() };
        named.collect::<String>() + last
    })
}

/// The same file with a piece put in somewhere.
fn with(file: &str, at: usize, piece: &str) -> String {
    let chars: Vec<char> = file.chars().collect();
    let (head, tail) = chars.split_at(at % (chars.len() + 1));
    head.iter().collect::<String>() + piece + &tail.iter().collect::<String>()
}

/// The rules as they are shown and proven, one behind the other, are the policies that Cedar reads in the file.
fn check(file: &str, rules: &Rules) {
    let shown: Vec<&str> = rules.list().iter().map(|rule| rule.text.as_str()).collect();
    let shown = shown.join("\n\n");
    let read = |text: &str| text.parse::<PolicySet>().unwrap_or_else(|e| panic!("{text:?}: {e}"));
    assert_eq!(read(&shown), read(file), "{file:?}");
    let stages = rules.stages();
    assert!(stages.len() == 1 && stages[0].1 == shown, "{stages:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_plain_file_is_cut_as_cedar_reads_it(file in any_file()) {
        let rules = Rules::parse(&file).unwrap_or_else(|e| panic!("{file:?}: {e}"));
        check(&file, &rules);
    }

    /// Where something strange is put in, the file is refused or still cut as Cedar reads it.
    #[test]
    fn a_strange_file_is_refused_or_cut_as_cedar_reads_it(
        file in any_file(),
        pieces in vec(
            (
                any::<usize>(),
                select(vec![
                    "\r", "\n", "\r\n", "\t", "\"", "\\", "/", "//", "/*", ";", "'", "{", "}", "\\\n",
                    "\u{b}", "\u{c}", "\u{85}", "\u{a0}", "\u{2003}", "\u{2028}", "\u{2029}",
                    "\u{200b}", "\u{202e}", "\u{feff}", "\0",
                ]),
            ),
            1..4,
        ),
    ) {
        let file = pieces.iter().fold(file, |file, (at, piece)| with(&file, *at, piece));
        if let Ok(rules) = Rules::parse(&file) {
            check(&file, &rules);
        }
    }
}

/// A comment that ends elsewhere for Cedar than for a reader, and files that only look strange.
#[test]
fn line_ends() {
    let rule = |id: &str, between: &str| {
        format!("// Says.{between}@id(\"{id}\")\npermit (principal, action, resource);\n")
    };
    for between in ["\r", "\u{85}", "\u{b}", "\u{2028}", "\u{2029}", "\u{feff}\n", "\r\r\n"] {
        let e = Rules::parse(&rule("a", between)).unwrap_err();
        assert!(e.message().starts_with("Line 1 of the rule file"), "{between:?}: {e}");
    }
    let e = Rules::parse(&format!("\u{feff}{}", rule("a", "\n"))).unwrap_err();
    assert!(e.message().contains("U+FEFF"), "{e}");
    let file = rule("a", "\r\n") + &rule("b", "\n") + "// The end; \"of all";
    let rules = Rules::parse(&file).unwrap();
    check(&file, &rules);
    assert!(rules.list().iter().all(|rule| rule.says == "Says."));
}
