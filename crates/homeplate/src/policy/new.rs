//! `homeplate policy new`: about fifteen questions, and the rule file that the answers make.

use super::prove::of_city;
use crate::init::Asker;
use base::{Error, Result};
use policy::draft::{ASKERS, Answers, NEAR, ORDINARY, draft};
use policy::{PURPOSES, Preset, Rules};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `homeplate policy new`.
#[derive(clap::Args)]
pub struct NewArgs {
    /// The law preset to start from; the city's own where it is left out.
    #[arg(long)]
    preset: Option<String>,
    /// The folder of the city's data; `city` here or else /var/lib/homeplate/city.
    #[arg(long, default_value_os_t = crate::check::place(None), hide_default_value = true)]
    data: PathBuf,
    /// Answers in a TOML file instead of at the terminal; what it leaves out is as offered.
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// The ordinance as plain text: a table of the rules beside its sections is written too.
    #[arg(long, value_name = "FILE")]
    ordinance: Option<PathBuf>,
    /// Where the rules go; there must be no such file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub fn run(args: NewArgs) -> anyhow::Result<ExitCode> {
    let slug = match &args.preset {
        Some(slug) => Some(slug.clone()),
        None => of_city(&args.data)?,
    };
    let preset = slug.as_deref().map(Preset::named).transpose()?;
    let answers = match &args.answers {
        Some(file) => Answers::read(&read(file)?, preset)?,
        None if std::io::stdin().is_terminal() => {
            let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr());
            ask_all(preset, &mut Asker { input: &mut input, output: &mut output })?
        }
        None => {
            return Err(Error::invalid(
                "Give the answers with --answers FILE, or run this in a terminal to be asked.",
            )
            .into());
        }
    };
    let text = draft(&answers, preset)?;
    let ordinance = args.ordinance.as_deref().map(read).transpose()?;
    create(&args.out, &text)?;
    println!("rules          {}", args.out.display());
    if let Some(preset) = preset {
        println!("law preset     {}", preset.sentence());
    }
    if let Some(ordinance) = ordinance {
        let (table, missing) = policy::ordinance::beside(&Rules::parse(&text)?, &ordinance);
        let file = args.out.with_extension("md");
        create(&file, &table)?;
        println!("side by side   {}", file.display());
        for section in missing {
            println!("not found      section {section} is not in the ordinance");
        }
    }
    let preset = preset.map_or(String::new(), |p| format!(" --preset {}", p.slug));
    println!("next           homeplate policy prove --rules {}{preset}", args.out.display());
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|e| Error::not_found(format!("{} cannot be read.", file.display())).because(e))
}

/// Writes a file that must not be there yet: somebody's rules are not overwritten.
fn create(file: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    let made = std::fs::File::create_new(file).and_then(|mut f| f.write_all(text.as_bytes()));
    made.map_err(|e| {
        let name = file.display();
        Error::conflict(format!(
            "{name} cannot be made; name a new file in a folder that is there."
        ))
        .because(e)
    })
}

/// Puts every question, offering what a city of this preset would answer.
fn ask_all(preset: Option<&Preset>, asker: &mut Asker<'_>) -> Result<Answers> {
    let mut a = Answers::of(preset);
    let purposes = &PURPOSES[..ORDINARY];
    a.roles = list(asker, "Roles that may ask", &ASKERS, &a.roles)?;
    a.purposes = list(asker, "Purposes that need no warrant", purposes, &a.purposes)?;
    let question = "Hours that one ordinary question may cover, anywhere within the retention";
    a.hours = number(asker, question, 1, a.hours)?;
    a.cameras = number(asker, "Cameras of an ordinary question", 1, a.cameras)?;
    a.detective_hours =
        number(asker, "Hours of a detective's question about an attested case (0: none)", 0, 336)?;
    if a.detective_hours > 0 {
        a.detective_cameras = number(asker, "Cameras of such a question", 1, 50)?;
    }
    a.missing_hours = number(asker, "Hours of a question about a missing person", 1, 168)?;
    a.warrant_hours = number(asker, "Hours under a judicial warrant (0: none)", 0, 720)?;
    a.case = word(asker, "Who vouches for a case (stated: the asker; attested: others)", &a.case)?;
    let question = "Plates with unknown characters (always, warrant, never)";
    a.patterns = word(asker, question, &a.patterns)?;
    a.recipients = list(asker, "Agencies answered without a paper", &NEAR, &a.recipients)?;
    let question = "Agencies of other states (never, warrant, declaration)";
    a.out_of_state = word(asker, question, &a.out_of_state)?;
    a.federal = word(asker, "Federal and foreign agencies (never, warrant)", &a.federal)?;
    a.break_glass_hours =
        number(asker, "Hours of a question for a life in danger (0: none)", 0, 24)?;
    if a.break_glass_hours > 0 {
        let yes = |text: &str| match text {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err("yes or no.".to_owned()),
        };
        a.dispatchers = asker.ask("May a dispatcher ask such a question", Some("yes"), yes)?;
    }
    let text = |text: &str| Ok(text.to_owned());
    a.ordinance_never =
        asker.ask("Section of the ordinance about what nobody may do", Some(""), text)?;
    a.ordinance_ask = asker.ask("Section about who may ask", Some(""), text)?;
    a.ordinance_else = asker.ask("Section about who does what else", Some(""), text)?;
    let question = "First day on which questions are answered, YYYY-MM-DD";
    a.effective = asker.ask(question, Some(""), text)?;
    Ok(a)
}

fn number(asker: &mut Asker<'_>, question: &str, least: u32, offered: u32) -> Result<u32> {
    asker.ask(question, Some(&offered.to_string()), |text| {
        let number = text.parse::<u32>().ok().filter(|n| *n >= least);
        number.ok_or_else(|| format!("A whole number from {least} on."))
    })
}

/// Some words of a list, with commas or spaces between them; `none` is none of them.
fn list(
    asker: &mut Asker<'_>,
    question: &str,
    known: &[&str],
    offered: &[String],
) -> Result<Vec<String>> {
    let question = format!("{question}, of {}", known.join(" "));
    asker.ask(&question, Some(&offered.join(" ")), |text| {
        let split = text.split([',', ' ']).filter(|word| !word.is_empty() && *word != "none");
        let words: Vec<String> = split.map(str::to_owned).collect();
        match words.iter().find(|word| !known.contains(&word.as_str())) {
            Some(word) => Err(format!("{word:?} is not in the list.")),
            None => Ok(words),
        }
    })
}

/// One of the words that an answer can be, spelled as in an answers file.
fn word<T: Serialize + DeserializeOwned>(
    asker: &mut Asker<'_>,
    question: &str,
    offered: &T,
) -> Result<T> {
    let spelled = serde_json::to_value(offered).ok();
    let spelled = spelled.as_ref().and_then(serde_json::Value::as_str);
    asker.ask(question, spelled, |text| {
        serde_json::from_value(text.into()).map_err(|_| "One of the words in brackets.".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(slug: Option<&str>, lines: &str) -> (Result<Answers>, String) {
        let (mut input, mut output) = (lines.as_bytes(), Vec::new());
        let mut asker = Asker { input: &mut input, output: &mut output };
        let answers = ask_all(slug.and_then(Preset::find), &mut asker);
        (answers, String::from_utf8(output).unwrap())
    }

    #[test]
    fn defaults_are_what_is_offered() {
        for slug in [None, Some("us-il"), Some("us-wa"), Some("strict")] {
            let preset = slug.and_then(Preset::find);
            let (answers, _) = answered(slug, &"\n".repeat(19));
            let answers = answers.unwrap();
            assert_eq!(answers, Answers::of(preset));
            assert!(draft(&answers, preset).is_ok());
        }
    }

    #[test]
    fn wrong_answers_are_asked_again() {
        let lines = "chief\nofficer\n\nmany\n12\n\n0\n\n\nperhaps\nattested\n";
        let (answers, said) = answered(None, &format!("{lines}{}", "\n".repeat(30)));
        let answers = answers.unwrap();
        assert_eq!((answers.roles.len(), answers.hours, answers.detective_hours), (1, 12, 0));
        assert_eq!(answers.case, policy::draft::Case::Attested);
        for why in ["\"chief\" is not in the list", "from 1 on", "in brackets"] {
            assert!(said.contains(why), "{said}");
        }
        assert!(answered(None, "officer\n").0.is_err());
    }
}
