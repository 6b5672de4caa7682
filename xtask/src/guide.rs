//! Guides against the program: a sentence that a guide quotes is one that the program says.

use anyhow::Result;
use std::path::{Path, PathBuf};

/// Quotes of `guide/troubleshoot.md` that stand nowhere in the code, as sentences.
pub fn check(root: &Path) -> Result<Vec<String>> {
    let guide = std::fs::read_to_string(root.join("guide/troubleshoot.md"))?;
    let mut code = String::new();
    let mut todo = vec![root.join("crates"), root.join("packaging")];
    while let Some(folder) = todo.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path: PathBuf = entry?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() && !["tests", "node_modules", "target"].contains(&name) {
                todo.push(path);
            } else if name.ends_with(".rs") || name.ends_with(".sh") {
                code.push_str(&joined(&std::fs::read_to_string(&path)?));
            }
        }
    }
    Ok(quotes(&guide)
        .into_iter()
        .filter(|quote| !code.contains(quote.as_str()))
        .map(|quote| {
            format!("guide/troubleshoot.md quotes {quote:?}, which the program does not say")
        })
        .collect())
}

/// Source text with strings that were broken over lines in one piece.
fn joined(code: &str) -> String {
    let mut out = String::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let mut line = line.to_owned();
        while let Some(head) = line.strip_suffix('\\') {
            line = format!("{head}{}", lines.next().unwrap_or_default().trim_start());
        }
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// What stands between single stars in the list items; `…` there stands for what changes.
fn quotes(guide: &str) -> Vec<String> {
    let mut out = Vec::new();
    for line in guide.lines().filter(|l| l.starts_with("- ")) {
        for (n, part) in line[2..].split('*').enumerate() {
            if n % 2 == 1 && part.len() > 8 {
                out.extend(part.split('…').map(|p| p.trim().to_owned()).filter(|p| p.len() > 6));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_quotes_what_the_program_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
        assert_eq!(check(&root).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn quotes_are_found_and_strings_are_joined() {
        let found = quotes(
            "- *The disk is* … *nearly full; make room* and more\n*not a list item, so no quote*",
        );
        assert_eq!(found, ["The disk is", "nearly full; make room"]);
        assert!(joined("\"one \\\n     two\"").contains("one two"));
    }
}
