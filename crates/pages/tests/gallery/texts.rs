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

fn read(lang: &str) -> Texts {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("messages/{lang}.toml"));
    let table: Table = std::fs::read_to_string(file).expect("the file").parse().expect("TOML");
    let mut texts = Texts::new();
    for (section, entries) in table {
        for (name, text) in entries.as_table().expect("a section") {
            let Value::String(text) = text else { panic!("{section}.{name} is no text") };
            texts.insert(format!("{section}.{name}"), text.clone());
        }
    }
    texts
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

#[test]
fn both_languages_say_the_same_things() {
    let (en, es) = (read("en"), read("es"));
    let lacks = |file: &str, has: &Texts, wants: &Texts| -> Vec<String> {
        let missing = wants.keys().filter(|key| !has.contains_key(*key));
        missing.map(|key| format!("messages/{file}.toml has no {key}")).collect()
    };
    let mut wrong = [lacks("es", &es, &en), lacks("en", &en, &es)].concat();
    for (key, text) in &en {
        let Some(other) = es.get(key) else { continue };
        if holes(text) != holes(other) {
            let (want, have) = (holes(text), holes(other));
            wrong.push(format!(
                "messages/es.toml: {key} wants the places {want:?} and has {have:?}"
            ));
        }
        if text.trim().is_empty() || other.trim().is_empty() {
            wrong.push(format!("{key} is empty in one language"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
    assert_eq!(missing, Vec::<&String>::new(), "used and not there");
    let used = |key: &String| {
        let (section, name) = key.split_once('.').expect("a key");
        let plain = name.strip_suffix("_one").or_else(|| name.strip_suffix("_other"));
        named.contains(key)
            || plain.is_some_and(|p| named.contains(&format!("{section}.{p}")))
            || WORDS.contains(&section) && named.contains(section)
    };
    let unused: Vec<_> = en.keys().filter(|k| !used(k)).collect();
    assert_eq!(unused, Vec::<&String>::new(), "there and not used");
}
