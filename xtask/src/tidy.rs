//! House rules that no lint knows: lengths, module headers, forbidden calls, where a plate is spelled.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// The longest file.
const LINES: usize = 800;

/// Calls that stand in some crates only: what is looked for, the crates that may, why.
const CALLS: [(&str, &[&str], &str); 6] = [
    ("StatusCode", &["server"], "HTTP status codes exist in server alone"),
    ("rusqlite", &["store"], "SQL exists in store alone"),
    ("SystemTime::now", &["base"], "the clock is passed in"),
    ("Timestamp::now", &["base"], "the clock is passed in"),
    ("todo!(", &[], "nothing is left to do later"),
    ("unimplemented!(", &[], "nothing is a stub"),
];

/// Files that may spell a plate out, each with its reason in [`plate::Reason`].
const REVEALS: [&str; 18] = [
    "crates/city/src/hits",
    "crates/city/src/imports.rs",
    "crates/custody/src",
    "crates/edge/src",
    "crates/exchange/src/inbound/seen.rs",
    "crates/exchange/src/outbound",
    "crates/homeplate/src/hold.rs",
    "crates/homeplate/src/read/",
    "crates/hotlist/examples",
    "crates/hotlist/src",
    "crates/plate/src",
    "crates/policy/src",
    "crates/read/src",
    "crates/store/src/hotlist.rs",
    "crates/store/src/lists.rs",
    "crates/testkit/src",
    "crates/vision/src/track/texts.rs",
    "crates/vision/src/recognise.rs",
];

/// Words that say where or how this was made instead of what it is.
fn strange_words() -> Vec<String> {
    // Put together here, or this file would complain about itself.
    [["/ro", "ot/"], ["/wo", "rk/"], ["regis", "try.npmjs"], ["index.cra", "tes.io"]]
        .iter()
        .map(|parts| parts.concat())
        .collect()
}

/// Every broken rule, as a sentence.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    walk(root, &mut files)?;
    let mut complaints = Vec::new();
    for file in files {
        let name = file.strip_prefix(root)?.display().to_string();
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        if name != "LICENSE" && name != "Cargo.lock" {
            for word in strange_words().iter().filter(|w| text.contains(w.as_str())) {
                complaints.push(format!("{name} names {word:?}"));
            }
        }
        if text.lines().any(is_left_of_a_merge) {
            complaints.push(format!("{name} holds both sides of a merge"));
        }
        let ext = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if matches!(ext, "rs" | "py" | "mjs" | "js" | "css" | "html")
            && text.lines().count() > LINES
        {
            complaints.push(format!("{name} has more than {LINES} lines"));
        }
        if ext == "rs" {
            check_rust(&name, &text, &mut complaints);
        }
    }
    Ok(complaints)
}

/// Whether git put the line there, for somebody to choose.
fn is_left_of_a_merge(line: &str) -> bool {
    let rest = line.strip_prefix("<<<<<<<").or_else(|| line.strip_prefix(">>>>>>>"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn check_rust(name: &str, text: &str, complaints: &mut Vec<String>) {
    let fixture = name.contains("/tests/ui/");
    if !text.starts_with("//!") && !fixture {
        complaints.push(format!("{name} does not begin with what it is (//!)"));
    }
    let test = name.contains("/tests/")
        || name.ends_with("tests.rs")
        || name.ends_with("golden.rs")
        || name.contains("testkit");
    if test
        || fixture
        || name.starts_with("xtask")
        || name.starts_with("fuzz")
        || name.contains("/benches/")
    {
        return;
    }
    // What stands below `#[cfg(test)]` is test code.
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let krate = name.split('/').nth(1).unwrap_or_default();
    for (i, line) in code.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (call, allowed, why) in CALLS {
            if code.contains(call) && !allowed.contains(&krate) {
                complaints.push(format!("{name}:{}: {call}: {why}", i + 1));
            }
        }
        if code.contains(".unwrap()") {
            complaints.push(format!("{name}:{}: unwrap outside a test", i + 1));
        }
        if code.contains(".reveal(") && !REVEALS.iter().any(|r| name.starts_with(r)) {
            complaints.push(format!("{name}:{}: a plate is spelled out here; list it", i + 1));
        }
    }
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) -> Result<()> {
    const SKIPPED: [&str; 10] = [
        "target",
        "node_modules",
        ".git",
        ".run",
        "fonts",
        "models",
        "golden",
        "corpus",
        "__pycache__",
        // What is built from `web/`.
        "dist",
    ];
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        // In a worktree `.git` is a file.
        if SKIPPED.contains(&name) {
            continue;
        }
        if path.is_dir() {
            walk(&path, out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        assert_eq!(check(&root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_a_merge_left_is_seen() {
        for (line, want) in
            [("<<<<<<< HEAD", true), (">>>>>>>", true), ("<<<<<<<a", false), ("a >>>>>>> b", false)]
        {
            assert_eq!(is_left_of_a_merge(line), want, "{line}");
        }
    }

    #[test]
    fn broken_rules_are_seen() {
        let check = |name: &str, text: &str, want: &str| {
            let mut complaints = Vec::new();
            check_rust(name, text, &mut complaints);
            assert!(complaints.iter().any(|c| c.contains(want)), "{want}: {complaints:?}");
        };
        check("crates/city/src/x.rs", "fn f() {}", "does not begin");
        check("crates/city/src/x.rs", "//! X.\nfn f() { a.unwrap(); }", "unwrap outside");
        check("crates/city/src/x.rs", "//! X.\nuse axum::http::StatusCode;", "in server alone");
        check("crates/server/src/x.rs", "//! X.\nlet p = t.reveal(Reason::Hit);", "spelled out");
        let mut none = Vec::new();
        check_rust(
            "crates/city/src/x.rs",
            "//! X.\n#[cfg(test)]\nmod t { fn f() { a.unwrap() } }",
            &mut none,
        );
        assert!(none.is_empty(), "{none:?}");
    }
}
