//! Stops with a clear word where the pages' styles and scripts were not built yet.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=assets/dist");
    if !Path::new("assets/dist/manifest.json").exists() {
        println!("cargo::error=styles and scripts of the pages are missing: run ./run setup first");
    }
}
