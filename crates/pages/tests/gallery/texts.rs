//! The message files against each other and against the templates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::{Table, Value};

type Texts = BTreeMap<String, String>;

/// Sections whose keys are words of rules, log or configuration, looked up by what a view says.
const WORDS: [&str; 36] = [
    "level",
    "power",
    "drill_sort",
    "drill_was",
    "alarm_says",
    "agency",
    "alarm",
    "authority",
    "class",
    "event",
    "fact",
    "grade",
    "kind",
    "office",
    "outcome",
    "purpose",
    "role",
    "scope",
    "state",
    "theme",
    "value",
    "vouched",
    "act",
    "action",
    "direction",
    "doubt",
    "doubted",
    "finding",
    "hitoutcome",
    "say",
    "stamp",
    "open",
    "misread_by",
    "import_doubt",
    "health",
    "trouble",
];

fn file(lang: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("messages/{lang}.toml"));
    std::fs::read_to_string(file).expect("the file")
}

fn read(lang: &str) -> Texts {
    texts(lang, &file(lang)).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// The texts of a file, or what is wrong with it and where.
fn texts(lang: &str, file: &str) -> Result<Texts, String> {
    let table: Table = file.parse().map_err(|e: toml::de::Error| {
        let at = e.span().map_or(0, |span| span.start.min(file.len()));
        let line = file[..at].matches('\n').count() + 1;
        format!("crates/pages/messages/{lang}.toml:{line}: {}", e.message())
    })?;
    let mut texts = Texts::new();
    for (section, entries) in table {
        let Value::Table(entries) = entries else {
            let name = format!("crates/pages/messages/{lang}.toml: {section}");
            return Err(format!("{name} stands in no section"));
        };
        for (name, text) in entries {
            let Value::String(text) = text else {
                return Err(format!("{}: is no text", place(lang, file, &section, &name)));
            };
            texts.insert(format!("{section}.{name}"), text);
        }
    }
    Ok(texts)
}

/// Where a text stands.
fn place(lang: &str, file: &str, section: &str, name: &str) -> String {
    let mut lines = file.lines().enumerate();
    let head = format!("[{section}]");
    lines.by_ref().find(|(_, line)| line.trim() == head);
    let own = |line: &str| line.split_once('=').is_some_and(|(key, _)| key.trim() == name);
    let line = lines.find(|(_, line)| own(line)).map_or(0, |(n, _)| n + 1);
    format!("crates/pages/messages/{lang}.toml:{line}: {section}.{name}")
}

/// The strings between quotes in all templates and in the code that names texts.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let templates = std::fs::read_dir(root.join("templates")).expect("templates");
    let files = templates.map(|f| f.expect("a file").path()).chain([root.join("src/page.rs")]);
    let mut out = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(file).expect("a file");
        out.extend(text.split('"').map(str::to_owned));
    }
    out
}

fn holes(text: &str) -> BTreeSet<&str> {
    text.split('{').skip(1).filter_map(|t| t.split('}').next()).collect()
}

/// What one language says and the other does not, or otherwise.
fn differ(en: &Texts, es: &Texts, file: &str) -> Vec<String> {
    let lacks = |file: &str, has: &Texts, wants: &Texts| -> Vec<String> {
        let missing = wants.keys().filter(|key| !has.contains_key(*key));
        missing.map(|key| format!("crates/pages/messages/{file}.toml has no {key}")).collect()
    };
    let mut wrong = [lacks("es", es, en), lacks("en", en, es)].concat();
    for (key, text) in en {
        let Some(other) = es.get(key) else { continue };
        let (section, name) = key.split_once('.').expect("a key");
        let at = place("es", file, section, name);
        if holes(text) != holes(other) {
            let (want, have) = (holes(text), holes(other));
            wrong.push(format!("{at} wants the places {want:?} and has {have:?}"));
        }
        if text.trim().is_empty() || other.trim().is_empty() {
            wrong.push(format!("{at} is empty in one language"));
        }
    }
    wrong
}

#[test]
fn both_languages_say_the_same_things() {
    let wrong = differ(&read("en"), &read("es"), &file("es"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each by hand what a newcomer may get wrong, and what they are told.
#[test]
fn a_wrong_translation_is_told_with_its_place() {
    let en = texts("en", "[a]\none = \"{n} cars\"\ntwo = \"x\"\n").expect("texts");
    let check = |es: &str, want: &str| {
        let told = match texts("es", es) {
            Ok(read) => differ(&en, &read, es).join("\n"),
            Err(told) => told,
        };
        assert_eq!(told, format!("crates/pages/messages/es.toml{want}"));
    };
    check("[a]\none = \"{n} coches\"", " has no a.two");
    check("[a]\n\none = \"coches\"\ntwo = \"x\"", ":3: a.one wants the places {\"n\"} and has {}");
    check("[a]\none = \"{n}\"\ntwo = \" \"", ":3: a.two is empty in one language");
    check("[a]\none = \"{n}\"\ntwo = 2", ":3: a.two: is no text");
    check("one = \"{n}\"", ": one stands in no section");
    check("[a]\none = \"{n}\"\none = \"{n}\"", ":3: duplicate key");
}

/// The types that the log's format names, each with words for who reads no JSON.
#[test]
fn every_type_of_entry_has_words() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ref/log-v1.md");
    let text = std::fs::read_to_string(file).expect("the format");
    let rows = text.lines().skip_while(|line| !line.starts_with("| type | `id` |")).skip(2);
    let cells = rows.take_while(|row| row.starts_with("| `")).filter_map(|r| r.split('|').nth(1));
    let types: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(types.len() > 70, "{types:?}");
    let en = read("en");
    let worded = |kind: &str| en.contains_key(&format!("kind.{}", kind.replace('.', "-")));
    let wordless: Vec<_> = types.iter().filter(|kind| !worded(kind)).collect();
    assert!(wordless.is_empty(), "crates/pages/messages/en.toml: [kind] lacks {wordless:?}");
}

#[test]
fn every_text_is_used_and_every_used_text_exists() {
    let (en, named) = (read("en"), named());
    let sections: BTreeSet<&str> = en.keys().filter_map(|k| k.split('.').next()).collect();
    let counted =
        |key: &str| ["one", "other"].iter().all(|form| en.contains_key(&format!("{key}_{form}")));
    let looks_like_a_key = |s: &&String| {
        let mut parts = s.split('.');
        let section = parts.next().is_some_and(|s| sections.contains(s));
        let name = parts.next().is_some_and(|n| {
            !n.is_empty()
                && n.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        });
        section && name && parts.next().is_none() && !s.ends_with(".html")
    };
    // An event's name has the shape of a key, and a text of its own.
    let event = |k: &String| en.contains_key(&format!("event.{}", k.replace('.', "-")));
    let there = |k: &&String| en.contains_key(*k) || counted(k) || event(k);
    let missing: Vec<_> = named.iter().filter(looks_like_a_key).filter(|k| !there(k)).collect();
    assert!(missing.is_empty(), "crates/pages/messages/en.toml lacks what pages say: {missing:?}");
    let used = |key: &String| {
        let (section, name) = key.split_once('.').expect("a key");
        let plain = name.strip_suffix("_one").or_else(|| name.strip_suffix("_other"));
        named.contains(key)
            || plain.is_some_and(|p| named.contains(&format!("{section}.{p}")))
            || WORDS.contains(&section) && named.contains(section)
    };
    let unused: Vec<_> = en.keys().filter(|k| !used(k)).collect();
    assert!(unused.is_empty(), "crates/pages/messages/en.toml: no page says {unused:?}");
}
