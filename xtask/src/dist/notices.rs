//! Whose work is in the executables, and under which terms: read from the sources that they were built from.

use super::arch::Arch;
use super::build::PROGRAMS;
use super::done;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

/// The notices of all third parties as one text.
pub fn text(root: &Path, arch: Arch) -> Result<String> {
    let out = done(
        Command::new("cargo")
            .args(["metadata", "--locked", "--format-version", "1"])
            .args(["--filter-platform", arch.triple()])
            .current_dir(root),
    )?;
    let meta: Value = serde_json::from_str(&out).context("cargo metadata's answer")?;
    let mut list = String::from(
        "Homeplate's executables hold work of these third parties. After the list stand the texts of their licences,\n\
         each once, with the names of those that brought it. The fast engine's own notices lie beside this file.\n\n",
    );
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in linked(&meta)? {
        let word = |key: &str| package[key].as_str().unwrap_or_default();
        let name = format!("{} {}", word("name"), word("version"));
        writeln!(list, "{name}  {}  {}", word("license"), word("repository"))?;
        let folder =
            Path::new(word("manifest_path")).parent().context("a crate without a folder")?;
        collect(folder, &name, &mut texts)?;
    }
    for (script, about) in scripts(root)? {
        let word = |key: &str| about[key].as_str().unwrap_or_default();
        let name = format!("{script} {}", word("version"));
        writeln!(list, "{name}  {}  (in the pages)", word("license"))?;
        collect(&root.join("web/node_modules").join(&script), &name, &mut texts)
            .context("web/node_modules is missing; run `npm ci` in web")?;
    }
    // By who brought it, so that the order is the same everywhere.
    let mut by_name: Vec<(BTreeSet<String>, String)> =
        texts.into_iter().map(|(text, names)| (names, text)).collect();
    by_name.sort();
    for (names, text) in by_name {
        let names: Vec<String> = names.into_iter().collect();
        let (above, below) = ("=".repeat(100), "-".repeat(100));
        write!(list, "\n{above}\n{}\n{below}\n{}\n", names.join(", "), text.trim_end())?;
    }
    Ok(list)
}

/// Scripts of others that the pages may hold, and what is said of each: all that is not only for building them.
fn scripts(root: &Path) -> Result<BTreeMap<String, Value>> {
    let lock = std::fs::read(root.join("web/package-lock.json"))?;
    let lock: Value = serde_json::from_slice(&lock)?;
    let all = lock["packages"].as_object().context("no packages in web/package-lock.json")?;
    let held = all.iter().filter(|(_, about)| about["dev"] != true);
    let named = held.filter_map(|(path, about)| {
        Some((path.strip_prefix("node_modules/")?.to_owned(), about.clone()))
    });
    Ok(named.collect())
}

/// Third parties that are linked into our executables; not what only builds or tests them.
fn linked(meta: &Value) -> Result<Vec<&Value>> {
    let packages = meta["packages"].as_array().context("no packages")?;
    let nodes = meta["resolve"]["nodes"].as_array().context("cargo resolved nothing")?;
    let nodes: HashMap<&str, &Value> =
        nodes.iter().filter_map(|n| Some((n["id"].as_str()?, n))).collect();
    let ours = |p: &&Value| {
        p["source"].is_null() && PROGRAMS.iter().any(|(krate, _)| p["name"].as_str() == Some(krate))
    };
    let mut todo: Vec<&str> =
        packages.iter().filter(ours).filter_map(|p| p["id"].as_str()).collect();
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        for dep in nodes.get(id).and_then(|n| n["deps"].as_array()).into_iter().flatten() {
            let kinds = dep["dep_kinds"].as_array();
            if kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null())) {
                todo.extend(dep["pkg"].as_str());
            }
        }
    }
    let mut out: Vec<&Value> = packages
        .iter()
        .filter(|p| !p["source"].is_null() && p["id"].as_str().is_some_and(|id| seen.contains(id)))
        .collect();
    out.sort_by_key(|p| (p["name"].as_str(), p["version"].as_str()));
    Ok(out)
}

/// The licence and notice files in a folder.
fn collect(
    folder: &Path,
    name: &str,
    texts: &mut BTreeMap<String, BTreeSet<String>>,
) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let file = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_uppercase();
        let wanted = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE"];
        if path.is_file() && wanted.iter().any(|word| file.starts_with(word)) {
            let text = String::from_utf8_lossy(&std::fs::read(&path)?).replace("\r\n", "\n");
            texts.entry(text).or_default().insert(name.to_owned());
        }
    }
    Ok(())
}
