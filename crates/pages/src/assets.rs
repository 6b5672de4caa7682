//! Styles and scripts, built from `web/` and carried in the executable.
//!
//! A file's name holds a hash of its content, so a browser may keep it for ever; pages find the
//! name of the day through the builder's list (`manifest.json`).

use rust_embed::RustEmbed;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "assets/dist"]
struct Built;

/// The builder's list: source file to built file.
const LIST: &str = "manifest.json";

static NAMES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let list = Built::get(LIST).map(|f| f.data).unwrap_or_default();
    let list: Value = serde_json::from_slice(&list).unwrap_or_default();
    let files = list.as_object().into_iter().flatten();
    files
        .filter_map(|(source, made)| Some((source.clone(), made["file"].as_str()?.to_owned())))
        .collect()
});

/// The address of what was built from `source`, for instance `src/style.css`.
pub(crate) fn address(source: &str) -> String {
    // A test holds that every source a template names was built.
    NAMES.get(source).map_or_else(String::new, |name| format!("/assets/{name}"))
}

/// The script that a browser runs when the city tells it something, built from `src/sw.ts`. It is asked for under
/// one name for ever, so it must not be kept like the others.
pub fn worker() -> Option<Asset> {
    asset(NAMES.get("src/sw.ts")?)
}

/// The page that checks off certificates without asking anybody, built from `web/check.html`: one file, to be saved.
pub fn checker() -> Option<Asset> {
    let file = Built::get("check.html")?;
    Some(Asset { kind: "text/html; charset=utf-8", bytes: file.data })
}

/// A file that pages link to.
pub struct Asset {
    /// Its content type.
    pub kind: &'static str,
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
}

/// The file below `/assets/` with this name, if pages link to it. It never changes under its name.
pub fn asset(name: &str) -> Option<Asset> {
    let kind = match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" if name != LIST => "application/json",
        _ => return None,
    };
    Some(Asset { kind, bytes: Built::get(name)?.data })
}
