//! House work that `./run` calls: `tidy` (the house rules), `demo`, `town`, `bench`, `dist` (the packages).

mod bench;
mod demo;
mod directions;
mod dist;
mod guide;
mod tidy;
mod town;

use anyhow::{Result, bail};
use std::path::PathBuf;

fn main() -> Result<()> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    match std::env::args().nth(1).as_deref() {
        Some("tidy") => {
            let mut complaints = tidy::check(&root)?;
            complaints.extend(directions::check(&root)?);
            complaints.extend(guide::check(&root)?);
            for complaint in &complaints {
                eprintln!("tidy: {complaint}");
            }
            if !complaints.is_empty() {
                bail!("{} house rules are broken", complaints.len());
            }
            Ok(())
        }
        Some("demo") => demo::run(&root),
        Some("town") => town::run(&root, &std::env::args().skip(2).collect::<Vec<_>>()),
        Some("bench") => bench::run(&root),
        Some("dist") => dist::run(&root, &std::env::args().skip(2).collect::<Vec<_>>()),
        _ => bail!("xtask tidy | demo | town | bench | dist"),
    }
}
