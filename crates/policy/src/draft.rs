//! A city's first rule file, written from answers to about fifteen questions.
//!
//! What nobody may do and who does what else is as in the standard rules; who may ask what, for how long
//! and for whom, is as answered. A preset's own rules are joined to it. What could be answered so that a
//! rule of the file could never apply is refused with a sentence.
//! Not here: asking (the program does) and proving (`prover`).

use crate::text::chunks;
use crate::{PURPOSES, Preset, Rules};
use base::{Error, Result, Time};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Roles that may be let ask.
pub const ASKERS: [&str; 3] = ["officer", "detective", "supervisor"];
/// Agencies that may be answered without a paper.
pub const NEAR: [&str; 5] = ["local", "county", "state", "court", "other"];
/// Purposes that need no warrant by themselves: all but the last two.
pub const ORDINARY: usize = 6;

const WARRANT: &str = "context.authority == Authority::\"judicial-warrant\" && context.paper == Vouched::\"attested\"";
const DECLARED: &str =
    "context.authority == Authority::\"declaration\" && context.paper == Vouched::\"attested\"";

/// The paper without which an agency is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paper {
    /// There is none: it is never answered.
    Never,
    /// A judicial warrant that the clerk or counsel has seen.
    Warrant,
    /// A written declaration that the clerk or counsel has seen.
    Declaration,
}

/// When characters of a plate may be unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Patterns {
    /// In any question.
    Always,
    /// Under a warrant alone.
    Warrant,
    /// In none.
    Never,
}

/// Who vouches for a case before a question about it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Case {
    /// The asker alone.
    Stated,
    /// The records system, or a second person.
    Attested,
}

/// What a city wants. What is left out is as [`Answers::of`] has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// The roles that may ask.
    pub roles: Vec<String>,
    /// For which purposes without a warrant.
    pub purposes: Vec<String>,
    /// Hours of an ordinary question.
    pub hours: u32,
    /// Cameras of an ordinary question.
    pub cameras: u32,
    /// Hours of a detective's question about an attested case; 0 is none.
    pub detective_hours: u32,
    /// Cameras of such a question.
    pub detective_cameras: u32,
    /// Hours of a question about a missing person.
    pub missing_hours: u32,
    /// Hours of a question under a judicial warrant; 0 is none.
    pub warrant_hours: u32,
    /// Who vouches for a case.
    pub case: Case,
    /// When characters of a plate may be unknown.
    pub patterns: Patterns,
    /// Agencies that are answered without a paper; others near by need a warrant.
    pub recipients: Vec<String>,
    /// What an agency of another state needs.
    pub out_of_state: Paper,
    /// What a federal or foreign agency needs.
    pub federal: Paper,
    /// Hours of a question for a life in danger; 0 is none.
    pub break_glass_hours: u32,
    /// Whether a dispatcher may ask such a question.
    pub dispatchers: bool,
    /// The section of the ordinance about what nobody may do.
    pub ordinance_never: String,
    /// The section about who may ask.
    pub ordinance_ask: String,
    /// The section about who does what else.
    pub ordinance_else: String,
    /// The first day on which questions are answered, for instance 2027-01-01; empty is at once.
    pub effective: String,
}

impl Default for Answers {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect();
        Self {
            roles: words(&ASKERS),
            purposes: words(&PURPOSES[..ORDINARY]),
            hours: 72,
            cameras: 20,
            detective_hours: 336,
            detective_cameras: 50,
            missing_hours: 168,
            warrant_hours: 720,
            case: Case::Stated,
            patterns: Patterns::Always,
            recipients: words(&NEAR[..4]),
            out_of_state: Paper::Warrant,
            federal: Paper::Warrant,
            break_glass_hours: 24,
            dispatchers: true,
            ordinance_never: String::new(),
            ordinance_ask: String::new(),
            ordinance_else: String::new(),
            effective: String::new(),
        }
    }
}

impl Answers {
    /// The answers that a city of this preset is offered.
    pub fn of(preset: Option<&Preset>) -> Self {
        let mut answers = Self::default();
        let Some(preset) = preset else { return answers };
        if let Some(allowed) = &preset.law.purposes_allow {
            answers.purposes.retain(|purpose| allowed.value.contains(purpose));
        }
        if declared(preset) {
            answers.out_of_state = Paper::Declaration;
        }
        if preset.own_rules().iter().any(|rule| rule.id() == "case-required") {
            answers.case = Case::Attested;
        }
        answers
    }

    /// Answers from a TOML file; what it leaves out is as a city of this preset is offered.
    pub fn read(text: &str, preset: Option<&Preset>) -> Result<Self> {
        let wrong = |e: &dyn std::fmt::Display| {
            Error::invalid(format!("The answers cannot be read: {e}. Mend the file and try again."))
        };
        let mut all = toml::Table::try_from(Self::of(preset)).map_err(|e| wrong(&e))?;
        let given: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(&e.message()))?;
        all.extend(given);
        all.try_into().map_err(|e| wrong(&e.message()))
    }

    /// The answers, or the first that cannot be.
    fn checked(&self, preset: Option<&Preset>) -> Result<()> {
        let wrong = |why: String| Err(Error::invalid(why));
        for (what, list, known) in [
            ("roles", &self.roles, &ASKERS[..]),
            ("purposes", &self.purposes, &PURPOSES[..ORDINARY]),
            ("recipients", &self.recipients, &NEAR[..]),
        ] {
            if let Some(word) = list.iter().find(|word| !known.contains(&word.as_str())) {
                return wrong(format!("{what}: {word:?} is none of {}.", known.join(", ")));
            }
        }
        if self.roles.is_empty() || self.purposes.is_empty() {
            return wrong("Name at least one role that may ask, and one purpose.".into());
        }
        if [self.hours, self.cameras, self.detective_cameras, self.missing_hours].contains(&0) {
            return wrong("hours and cameras are whole numbers from 1 on.".into());
        }
        for section in [&self.ordinance_never, &self.ordinance_ask, &self.ordinance_else] {
            if section.contains(['"', '\\', '\n']) || section.chars().count() > 60 {
                return wrong("A section of the ordinance is a short number like 12-34 §5.".into());
            }
        }
        let day = || format!("{}T00:00:00Z", self.effective).parse::<Time>().is_ok();
        if !(self.effective.is_empty() || self.effective.len() == 10 && day()) {
            return wrong("effective is a day, for instance 2027-01-01.".into());
        }
        if self.federal == Paper::Declaration {
            return wrong("A declaration opens nothing to a federal or foreign agency.".into());
        }
        let Some(preset) = preset else { return Ok(()) };
        let attested = preset.own_rules().iter().any(|rule| rule.id() == "case-required");
        if attested && self.case == Case::Stated {
            return wrong(format!("Preset {} wants every case attested.", preset.slug));
        }
        if let Some(allowed) = &preset.law.purposes_allow
            && let Some(word) = self.purposes.iter().find(|p| !allowed.value.contains(p))
        {
            return wrong(format!("Preset {} does not allow the purpose {word}.", preset.slug));
        }
        if declared(preset) && self.out_of_state == Paper::Warrant {
            return wrong(format!(
                "Preset {} asks a declaration of an agency of another state; answer declaration or \
                 never.",
                preset.slug
            ));
        }
        Ok(())
    }
}

fn declared(preset: &Preset) -> bool {
    let asked = preset.law.declaration_required.as_ref();
    asked.is_some_and(|field| field.value.iter().any(|agency| agency == "out-of-state"))
}

/// Writes the rule file.
pub fn draft(answers: &Answers, preset: Option<&Preset>) -> Result<String> {
    answers.checked(preset)?;
    let mut file = File::new(answers);
    file.never();
    file.ask();
    file.others();
    let (text, section) = (file.out, &answers.ordinance_never);
    let text = match preset {
        Some(preset) if answers.out_of_state == Paper::Never => {
            // Stricter than any paper that the preset asks for.
            let text = text.replace("@id(\"no-out-of-state\")", "@id(\"never-out-of-state\")");
            preset.over(&text, section)
        }
        // What a preset forbids belongs to the section about what nobody may do.
        Some(preset) => preset.over(&text, section),
        None => text,
    };
    // What this program wrote must be readable to it.
    Rules::parse(&text)?;
    Ok(text)
}

/// The text with its empty sections of the ordinance filled in.
pub(crate) fn sectioned(text: &str, section: &str) -> String {
    text.replace("@ordinance(\"\")", &format!("@ordinance(\"{section}\")"))
}

struct File<'a> {
    answers: &'a Answers,
    out: String,
}

/// What must hold for a rule that forbids; empty is always.
struct Forbid<'a> {
    id: &'a str,
    says: &'a str,
    because: &'a str,
    when: &'a str,
    unless: &'a str,
}

impl<'a> File<'a> {
    fn new(answers: &'a Answers) -> Self {
        let head = Rules::standard().split("// ----").next().unwrap_or_default();
        Self { answers, out: head.to_owned() }
    }

    fn heading(&mut self, text: &str) {
        let _ = write!(self.out, "// ---- {text} ----\n\n");
    }

    /// A standard rule as it stands, with the section it carries out.
    fn standard(&mut self, id: &str, section: &str) {
        if let Some(chunk) = chunks(Rules::standard()).iter().find(|chunk| chunk.id() == id) {
            let _ = write!(self.out, "{}\n\n", sectioned(chunk.rule, section));
        }
    }

    fn forbid(&mut self, rule: &Forbid<'_>) {
        let Forbid { id, says, because, when, unless } = rule;
        let section = &self.answers.ordinance_never;
        let _ = write!(
            self.out,
            "// {says}\n@id(\"{id}\")\n@because(\"{because}\")\n@ordinance(\"{section}\")\n\
             forbid (principal, action == Action::\"Search\", resource)\nwhen {{ {when} }}"
        );
        if !unless.is_empty() {
            let _ = write!(self.out, "\nunless {{ {unless} }}");
        }
        self.out.push_str(";\n\n");
    }

    fn never(&mut self) {
        let answers = self.answers;
        let section = &answers.ordinance_never;
        self.heading("What nobody may do");
        for id in ["asking-off", "no-immigration-enforcement", "no-protected-health"] {
            self.standard(id, section);
        }
        self.recipients();
        self.standard("sealed-attested", section);
        self.case();
        if answers.break_glass_hours == 0 {
            self.forbid(&Forbid {
                id: "no-break-glass",
                says: "Nobody may ask without a case because a life is in danger.",
                because: "This city answers no question on the word that a life is in danger; state a case.",
                when: "context.emergency",
                unless: "",
            });
        } else {
            self.standard("review-first", section);
            self.standard("danger-told", section);
        }
        self.standard("reason-required", section);
        let (says, unless) = match answers.patterns {
            Patterns::Always => return,
            Patterns::Warrant => (
                "Plates with unknown characters are looked for under a warrant that the clerk or counsel has seen.",
                WARRANT,
            ),
            Patterns::Never => ("Plates with unknown characters are not looked for.", ""),
        };
        let when = "context.pattern";
        self.forbid(&Forbid { id: "patterns", says, because: says, when, unless });
    }

    fn case(&mut self) {
        if self.answers.case == Case::Stated {
            return self.standard("case-required", &self.answers.ordinance_never);
        }
        self.forbid(&Forbid {
            id: "case-required",
            says: "Every question belongs to a case that somebody else attests, unless a life is in danger.",
            because: "Somebody else confirms this case first: the records system, or a second person.",
            when: "context.case != Vouched::\"attested\"",
            unless: "context.emergency",
        });
    }

    /// Who is answered, and with which paper.
    fn recipients(&mut self) {
        let answers = self.answers;
        let far = "[Agency::\"federal\", Agency::\"foreign\"].contains(context.recipient)";
        self.paper("no-outside-recipient", "a federal or foreign agency", far, answers.federal);
        let other = "context.recipient == Agency::\"out-of-state\"";
        self.paper("no-out-of-state", "an agency of another state", other, answers.out_of_state);
        let not = |agency: &&&str| !answers.recipients.iter().any(|r| r == **agency);
        let rest: Vec<&str> = NEAR.iter().filter(not).copied().collect();
        if !rest.is_empty() {
            let list: Vec<String> = rest.iter().map(|a| format!("Agency::\"{a}\"")).collect();
            let when = format!("[{}].contains(context.recipient)", list.join(", "));
            let who = format!("an agency of these kinds ({})", rest.join(", "));
            self.paper("recipients", &who, &when, Paper::Warrant);
        }
    }

    fn paper(&mut self, id: &str, who: &str, when: &str, paper: Paper) {
        let (without, unless) = match paper {
            Paper::Never => ("", ""),
            Paper::Warrant => {
                (" without a judicial warrant that the clerk or counsel has seen", WARRANT)
            }
            Paper::Declaration => {
                (" without a written declaration that the clerk or counsel has seen", DECLARED)
            }
        };
        let says = format!("Nothing is answered for {who}{without}.");
        let because = format!("This city answers nothing for {who}{without}.");
        self.forbid(&Forbid { id, says: &says, because: &because, when, unless });
    }

    fn permit(&mut self, id: &str, says: &str, bounds: (u32, Option<u32>), when: &[String]) {
        let (hours, cameras) = bounds;
        let Answers { ordinance_ask, effective, .. } = self.answers;
        let _ = write!(self.out, "// {says}\n@id(\"{id}\")\n@max_hours(\"{hours}\")\n");
        if let Some(cameras) = cameras {
            let _ = writeln!(self.out, "@max_cameras(\"{cameras}\")");
        }
        let _ = writeln!(self.out, "@ordinance(\"{ordinance_ask}\")");
        if !effective.is_empty() {
            let _ = writeln!(self.out, "@effective(\"{effective}\")");
        }
        let _ = write!(
            self.out,
            "permit (principal, action == Action::\"Search\", resource)\nwhen {{\n  {}\n}};\n\n",
            when.join(" &&\n  ")
        );
    }

    fn ask(&mut self) {
        let answers = self.answers;
        self.heading("Who may ask");
        let who = roles(&answers.roles);
        let whom = answers.roles.join(", ");
        // Without one break-glass alone opens, where a life is in danger.
        let (case, of_case) = match answers.case {
            Case::Stated => ("a case", "context.case != Vouched::\"none\""),
            Case::Attested => {
                ("a case that somebody else attests,", "context.case == Vouched::\"attested\"")
            }
        };
        let ordinary: Vec<&str> = listed(&answers.purposes, |p| p != "missing-person");
        if !ordinary.is_empty() {
            let says = format!(
                "These roles may ask for {case} about {} hours and {} cameras at a time: {whom}.",
                answers.hours, answers.cameras
            );
            let bounds = (answers.hours, Some(answers.cameras));
            let when = [who.clone(), purposes(&ordinary), of_case.to_owned()];
            self.permit("officer-search", &says, bounds, &when);
        }
        self.detectives();
        if ordinary.len() < answers.purposes.len() {
            let says = format!(
                "Who looks for a missing person may ask for {case} about {} hours and every camera: {whom}.",
                answers.missing_hours
            );
            let when = [who.clone(), purposes(&["missing-person"]), of_case.to_owned()];
            self.permit("missing-person-search", &says, (answers.missing_hours, None), &when);
        }
        if answers.warrant_hours > 0 {
            let says = format!(
                "With a judicial warrant that the clerk or counsel has seen these may ask about {} hours: \
                 {whom}.",
                answers.warrant_hours
            );
            let when = [who, WARRANT.to_owned()];
            self.permit("warrant-search", &says, (answers.warrant_hours, None), &when);
        }
        if answers.break_glass_hours > 0 {
            let mut all = answers.roles.clone();
            all.extend(answers.dispatchers.then(|| "dispatcher".to_owned()));
            let says = format!(
                "Where a life is in danger one person may ask at once about {} hours and every camera; it is \
                 reviewed afterwards: {}.",
                answers.break_glass_hours,
                all.join(", ")
            );
            let when = [roles(&all), "context.emergency".to_owned()];
            self.permit("break-glass", &says, (answers.break_glass_hours, None), &when);
        }
    }

    fn detectives(&mut self) {
        let answers = self.answers;
        let serious =
            listed(&answers.purposes, |p| ["hit-and-run", "felony-investigation"].contains(&p));
        let may = answers.roles.iter().any(|role| role == "detective");
        if !may || serious.is_empty() || answers.detective_hours == 0 {
            return;
        }
        let says = format!(
            "A detective may ask about {} hours and {} cameras where somebody else attests the case.",
            answers.detective_hours, answers.detective_cameras
        );
        let when = [
            roles(&["detective".to_owned()]),
            purposes(&serious),
            "context.case == Vouched::\"attested\"".to_owned(),
        ];
        let bounds = (answers.detective_hours, Some(answers.detective_cameras));
        self.permit("detective-search", &says, bounds, &when);
    }

    /// Everything behind the questions is as in the standard rules.
    fn others(&mut self) {
        let standard = Rules::standard();
        let at = standard.find("// ---- Who may do what else").unwrap_or(standard.len());
        self.out.push_str(&sectioned(&standard[at..], &self.answers.ordinance_else));
    }
}

fn listed(words: &[String], wanted: impl Fn(&str) -> bool) -> Vec<&str> {
    words.iter().map(String::as_str).filter(|word| wanted(word)).collect()
}

fn roles(names: &[String]) -> String {
    let each: Vec<String> =
        names.iter().map(|role| format!("principal in Role::\"{role}\"")).collect();
    format!("({})", each.join(" || "))
}

fn purposes(names: &[&str]) -> String {
    let each: Vec<String> = names.iter().map(|p| format!("Purpose::\"{p}\"")).collect();
    format!("[{}].contains(context.purpose)", each.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn written(text: &str, slug: Option<&str>) -> Result<Rules> {
        let preset = slug.map(|slug| Preset::find(slug).unwrap());
        Rules::parse(&draft(&Answers::read(text, preset)?, preset)?)
    }

    #[test]
    fn answers_become_rules() {
        let check = |text: &str, slug: Option<&str>, has: &[&str], lacks: &[&str]| {
            let rules = written(text, slug).unwrap();
            let ids: Vec<&str> = rules.ids().collect();
            assert!(has.iter().all(|id| ids.contains(id)), "{text}: {ids:?}");
            assert!(!lacks.iter().any(|id| ids.contains(id)), "{text}: {ids:?}");
        };
        check(
            "",
            None,
            &[
                "officer-search",
                "detective-search",
                "missing-person-search",
                "break-glass",
                "records",
            ],
            &["patterns", "no-break-glass"],
        );
        check("roles = [\"officer\"]", None, &["officer-search"], &["detective-search"]);
        check(
            "purposes = [\"missing-person\"]",
            None,
            &["missing-person-search"],
            &["officer-search"],
        );
        check("break_glass_hours = 0", None, &["no-break-glass"], &["break-glass", "review-first"]);
        check("patterns = \"never\"", None, &["patterns"], &[]);
        check("recipients = []", None, &["recipients"], &[]);
        check("warrant_hours = 0", None, &[], &["warrant-search"]);
        check("", Some("us-wa"), &["crimes-only"], &["missing-person-search"]);
        check(
            "out_of_state = \"never\"",
            Some("us-il"),
            &["never-out-of-state", "no-out-of-state"],
            &[],
        );
    }

    #[test]
    fn what_cannot_be_says_so() {
        let check = |text: &str, slug: Option<&str>, why: &str| {
            let e = written(text, slug).unwrap_err();
            assert!(e.message().contains(why), "{text}: {e}");
        };
        check("roles = []", None, "at least one role");
        check("roles = [\"parking\"]", None, "none of officer");
        check("purposes = [\"immigration-enforcement\"]", None, "none of stolen-vehicle");
        check("hours = 0", None, "from 1 on");
        check("hour = 3", None, "cannot be read");
        check("patterns = \"maybe\"", None, "cannot be read");
        check("effective = \"soon\"", None, "2027-01-01");
        check("ordinance_ask = \"\\\"\"", None, "short number");
        check("federal = \"declaration\"", None, "opens nothing");
        check("purposes = [\"warrant\"]", Some("us-wa"), "does not allow the purpose warrant");
        check("out_of_state = \"warrant\"", Some("us-il"), "asks a declaration");
        check("case = \"stated\"", Some("strict"), "attested");
    }

    #[test]
    fn sections_and_days_are_filled_in() {
        let text = "ordinance_never = \"1-1\"\nordinance_ask = \"1-2\"\nordinance_else = \"1-3\"\n\
                    effective = \"2027-01-01\"";
        for slug in [None, Some("us-il"), Some("strict")] {
            let rules = written(text, slug).unwrap();
            let of = |id: &str| rules.list().iter().find(|rule| rule.id == id).unwrap();
            assert_eq!(of("asking-off").ordinance, "1-1");
            assert_eq!(of("officer-search").ordinance, "1-2");
            assert_eq!(of("records").ordinance, "1-3");
            assert!(of("officer-search").effective.is_some() && of("records").effective.is_none());
            for rule in rules.list() {
                assert!(rule.ordinance.starts_with("1-") && rule.says.ends_with('.'), "{rule:?}");
            }
        }
    }

    #[test]
    fn a_rule_without_a_section_names_none() {
        for slug in [None, Some("us-il"), Some("strict")] {
            let rules = written("ordinance_never = \"1-1\"", slug).unwrap();
            for rule in rules.list() {
                let section = if rule.permits { "" } else { "1-1" };
                assert_eq!(rule.ordinance, section, "{rule:?}");
            }
        }
    }

    /// What a council answers for a life in danger bounds every question that no case carries.
    #[test]
    fn a_life_in_danger_opens_no_more_than_was_answered() {
        let check = |text: &str, slug: Option<&str>| {
            let text = format!("break_glass_hours = 1\n{text}");
            for rule in written(&text, slug).unwrap().list().iter().filter(|rule| rule.permits) {
                let asks = rule.text.contains("Action::\"Search\"");
                let free = ["break-glass", "warrant-search"].contains(&rule.id.as_str());
                let case = match text.contains("stated") {
                    true => "context.case != Vouched::\"none\"",
                    false => "context.case == Vouched::\"attested\"",
                };
                assert!(!asks || free || rule.text.contains(case), "{rule:?}");
            }
        };
        check("case = \"attested\"", None);
        check("", Some("strict"));
        check("case = \"stated\"\ndetective_hours = 0", Some("us-il"));
    }

    fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(of, 1..=of.len())
            .prop_map(|list| list.into_iter().map(str::to_owned).collect())
    }

    proptest! {
        #[test]
        fn every_answer_makes_a_rule_file(
            roles in some(&ASKERS),
            purposes in some(&PURPOSES[..ORDINARY]),
            recipients in some(&NEAR),
            numbers in proptest::array::uniform4(0u32..900),
            pick in 0usize..3,
            dispatchers: bool,
        ) {
            let answers = Answers {
                roles, purposes, recipients, dispatchers,
                hours: numbers[0] + 1,
                detective_hours: numbers[1],
                warrant_hours: numbers[2],
                break_glass_hours: numbers[3],
                patterns: [Patterns::Always, Patterns::Warrant, Patterns::Never][pick],
                out_of_state: [Paper::Never, Paper::Warrant, Paper::Declaration][pick],
                ..Answers::default()
            };
            let rules = Rules::parse(&draft(&answers, None).unwrap()).unwrap();
            prop_assert!(rules.list().iter().all(|rule| rule.says.ends_with('.')));
        }
    }
}
