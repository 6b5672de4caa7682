//! `homeplate manual`: man pages and shell completions, written from what the commands say of themselves.
//!
//! The package is built with it; nothing here is kept by hand, so that no page can say what the program does not.

use base::{Error, Result};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `homeplate manual`.
#[derive(clap::Args)]
pub struct ManualArgs {
    /// The folder that `man1` and `completions` are written into.
    #[arg(long)]
    out: PathBuf,
}

/// Runs the command.
pub fn run(args: &ManualArgs) -> anyhow::Result<ExitCode> {
    let mut command = crate::Cli::command();
    command.build();
    let pages = args.out.join("man1");
    folder(&pages)?;
    page(&command, "homeplate", &pages)?;
    let shells = args.out.join("completions");
    folder(&shells)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        generate(shell, &mut command, "homeplate", &mut script);
        let name = match shell {
            Shell::Zsh => "_homeplate".to_owned(),
            other => format!("homeplate.{other}"),
        };
        write(&shells.join(name), &script)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A page for a command, and one for each of its own that is not hidden: `homeplate-camera-replace.1`.
fn page(command: &Command, name: &str, out: &Path) -> Result<()> {
    let mut text = Vec::new();
    let titled = command.clone().display_name(name.to_owned());
    clap_mangen::Man::new(titled)
        .title(name.to_uppercase())
        .manual("Homeplate")
        .source(concat!("homeplate ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)
        .map_err(|e| Error::internal(format!("The page {name} cannot be made.")).because(e))?;
    write(&out.join(format!("{name}.1")), &text)?;
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        page(below, &format!("{name}-{}", below.get_name()), out)?;
    }
    Ok(())
}

fn folder(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| cannot(path, e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| cannot(path, e))
}

fn cannot(path: &Path, e: std::io::Error) -> Error {
    Error::unavailable(format!("{} cannot be written.", path.display())).because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_and_a_word_in_each_shell() {
        let dir = tempfile::tempdir().unwrap();
        run(&ManualArgs { out: dir.path().to_owned() }).unwrap();
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
        for name in ["homeplate", "homeplate-serve", "homeplate-edge-doctor", "homeplate-camera"] {
            let text = read(&format!("man1/{name}.1"));
            let named = format!(".SH NAME\n{} \\-", name.replace('-', "\\-"));
            assert!(text.contains(&named), "{name}: {text}");
        }
        assert!(read("man1/homeplate-init.1").contains("Days after which reads are forgotten"));
        assert!(!dir.path().join("man1/homeplate-manual.1").exists());
        for name in ["homeplate.bash", "_homeplate", "homeplate.fish"] {
            assert!(read(&format!("completions/{name}")).contains("camera-replace"), "{name}");
        }
    }
}
