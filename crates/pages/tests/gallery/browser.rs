//! The gallery: every sample in a file, opened by chromium at three sizes, in light and dark.

use crate::samples::{Maker, all};
use pages::Lang;
use std::path::{Path, PathBuf};
use std::process::Command;

/// With `HOMEPLATE_GALLERY` naming a folder, pictures of all of it are left there.
fn look(extent: &str) {
    let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("../homeplate/tests/browser");
    assert!(node.join("node_modules/axe-core").exists(), "run `./run setup` first");
    let named = std::env::var_os("HOMEPLATE_GALLERY").map(PathBuf::from);
    let pictures = named.as_ref().map(|_| "pictures");
    let folder = named.unwrap_or_else(|| {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("gallery-{extent}"))
    });
    for lang in Lang::ALL {
        let pages = folder.join(lang.code());
        // Samples of before are none of now.
        if pages.exists() {
            std::fs::remove_dir_all(&pages).expect("a folder to empty");
        }
        std::fs::create_dir_all(&pages).expect("a folder");
        for (name, html) in all(&Maker::honest(lang)) {
            std::fs::write(pages.join(format!("{name}.html")), html).expect("a page");
        }
    }
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/dist");
    let done = Command::new("node")
        .arg(node.join("gallery.mjs"))
        .args([&folder, &assets])
        .arg(extent)
        .args(pictures)
        .output()
        .expect("node runs");
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
}

#[test]
fn every_page_passes_in_a_browser() {
    look("quick");
}

#[test]
#[ignore = "minutes: every size, light and dark; `./run test --deep` has it"]
fn every_page_passes_at_every_size() {
    look("full");
}
