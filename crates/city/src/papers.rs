//! Papers: what somebody else than the asker has seen and vouches for.
//!
//! A judicial warrant, a court order or a declaration counts as *attested* when the clerk or counsel has
//! registered it, a case when a second person confirms it. That it was registered is on the public log;
//! its number is private, and the log commits to it. What only the asker says is *stated*, and a rule
//! tells the two apart.
//!
//! A declaration speaks for the agency that it names and for no other. A warrant or an order that names no agency is
//! for the city's own department, and for the court: whatever else a court allows is registered with whom it is for.

use crate::City;
use crate::config::case_fits;
use base::{Error, PersonId, Result, Time};
use policy::{AGENCIES, Action, Intent, Vouch};
use read::SealKey;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest that a paper counts.
const LONGEST_MS: i64 = 366 * 86_400_000;
/// Under which small settings papers are kept.
const META: &str = "paper/";
/// And those that were suspended, until the log says so.
const SUSPENDED: &str = "suspended/";

/// The sorts of papers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PaperKind {
    /// A case exists: a second person says so.
    Case,
    /// A warrant that a judge signed.
    JudicialWarrant,
    /// An order of a court.
    CourtOrder,
    /// What an agency declares in writing before it is answered.
    Declaration,
}

impl PaperKind {
    /// As rules and the public log spell it.
    pub fn slug(self) -> &'static str {
        match self {
            PaperKind::Case => "case",
            PaperKind::JudicialWarrant => "judicial-warrant",
            PaperKind::CourtOrder => "court-order",
            PaperKind::Declaration => "declaration",
        }
    }

    fn action(self) -> Action {
        match self {
            PaperKind::Case => Action::AttestCase,
            _ => Action::AttestPaper,
        }
    }

    /// Whether a court has signed it.
    fn of_court(self) -> bool {
        matches!(self, PaperKind::JudicialWarrant | PaperKind::CourtOrder)
    }
}

/// A paper that somebody vouches for.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPaper {
    /// Its sort.
    pub kind: PaperKind,
    /// Its number; of a case, the case number. It stays private.
    pub reference: String,
    /// The agency that it is for: a kind, and behind a colon the name, as in `county: Sheriff`. A declaration names it;
    /// a warrant or an order without one is for the city's own department and the court. The name stays private.
    #[serde(default)]
    pub agency: Option<String>,
    /// The key of the court's matter, base64, where the paper orders that reads are preserved for it.
    #[serde(default)]
    pub key: Option<String>,
    /// Until when it counts, within 366 days.
    pub expires: Time,
}

/// A registered paper.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Paper {
    /// `pap_` and 32 hex digits; questions and holds name it.
    pub id: String,
    /// Its sort.
    pub kind: PaperKind,
    /// Its number.
    pub reference: String,
    /// The agency that it is for: a kind, and behind a colon the name; the own department and the court where there is
    /// none.
    #[serde(default)]
    pub agency: Option<String>,
    /// The key of the court's matter, where it orders that reads are preserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Who vouches for it.
    pub by: PersonId,
    /// Since when it counts.
    pub since: Time,
    /// Until when.
    pub expires: Time,
    /// Its number on the public log.
    pub log_entry: u64,
}

impl Paper {
    /// Whether it is a declaration that names no agency, from before they had to: it speaks for nobody.
    pub fn names_nobody(&self) -> bool {
        let named = self.agency.as_deref().is_some_and(|agency| !parts(agency).1.is_empty());
        self.kind == PaperKind::Declaration && !named
    }
}

impl City {
    /// Registers a paper that the person has seen. It is on the log before it counts.
    pub fn attest(&self, by: &PersonId, new: NewPaper) -> Result<Paper> {
        let person = self.allowed(by, new.kind.action())?;
        let now = self.now();
        let ahead = new.expires.since(now);
        if ahead <= 0 || ahead > LONGEST_MS {
            return Err(Error::invalid("A paper counts until a moment within 366 days from now."));
        }
        let reference = new.reference.trim().to_owned();
        if !(1..=100).contains(&reference.chars().count()) {
            return Err(Error::invalid("Give the paper's number in 1 to 100 characters."));
        }
        // One of another form is no case that anybody could ask under, and might be a plate.
        if new.kind == PaperKind::Case && !case_fits(&self.config.cases.format, &reference) {
            return Err(self.case_form());
        }
        let agency = for_whom(new.kind, new.agency)?;
        let key = new.key.map(|key| key_of_matter(new.kind, &key)).transpose()?;
        let random: [u8; 16] = base::random();
        let mut paper = Paper {
            id: format!("pap_{}", base::hex(&random)),
            kind: new.kind,
            reference,
            agency,
            key: key.as_ref().map(SealKey::to_string),
            by: by.clone(),
            since: now,
            expires: new.expires.floor_to(60_000),
            log_entry: 0,
        };
        let body = base::canonical(&paper).map_err(unkept)?;
        let (_, commitment) = self.keep_record("paper", &paper.id, &body)?;
        let leaf = self
            .leaf_by("paper.attested", &person)?
            .id(&paper.id)
            .fact("kind", paper.kind.slug())
            .fact("expires", paper.expires.to_string())
            .body(commitment);
        let leaf = match &paper.agency {
            Some(agency) => leaf.fact("agency", parts(agency).0),
            None => leaf,
        };
        let leaf = match &key {
            Some(key) => leaf.fact("key", base::hex(&base::sha256(key.bytes()))),
            None => leaf,
        };
        paper.log_entry = self.log.append(&leaf)?.index;
        let json = serde_json::to_string(&paper).map_err(unkept)?;
        self.store.set_meta(&format!("{META}{}", paper.id), &json)?;
        Ok(paper)
    }

    /// Takes a paper back: it counts no longer.
    pub fn withdraw_paper(&self, by: &PersonId, id: &str) -> Result<()> {
        // Who may vouch for nothing does not learn which papers there are.
        self.vouches(by)?;
        let paper = self.paper(id)?.ok_or_else(none)?;
        let person = self.allowed(by, paper.kind.action())?;
        let leaf = self.leaf_by("paper.withdrawn", &person)?.id(id);
        self.log.append_once(&leaf)?;
        self.store.set_meta(&format!("{META}{id}"), "")
    }

    /// A question was misuse: the paper that it rested on counts no longer, for anybody. Cases go on. The log says
    /// so from a moment on ([`City::log_suspensions`]).
    pub(crate) fn suspend_paper(&self, id: &str, from: Time) -> Result<()> {
        if self.paper(id)?.is_none_or(|paper| paper.kind == PaperKind::Case) {
            return Ok(());
        }
        self.store.set_meta(&format!("{SUSPENDED}{id}"), &format!("{id} {from}"))?;
        self.store.set_meta(&format!("{META}{id}"), "")
    }

    /// Says on the log which papers were suspended.
    pub(crate) fn log_suspensions(&self) -> Result<()> {
        for kept in self.store.metas(SUSPENDED)? {
            let Some((id, from)) = kept.split_once(' ') else { continue };
            if from.parse::<Time>().is_ok_and(|from| from <= self.now()) {
                self.log
                    .append_once(&self.leaf("paper.withdrawn").id(id).fact("suspended", true))?;
                self.store.drop_metas(&format!("{SUSPENDED}{id}"))?;
            }
        }
        Ok(())
    }

    /// The papers that count now, the oldest first, for those who may vouch for such.
    pub fn papers(&self, by: &PersonId) -> Result<Vec<Paper>> {
        let (cases, others) = self.vouches(by)?;
        let mut papers = self.all_papers()?;
        papers.retain(|p| if p.kind == PaperKind::Case { cases } else { others });
        papers.sort_by(|a, b| (a.since, &a.id).cmp(&(b.since, &b.id)));
        Ok(papers)
    }

    /// Whether a person may vouch for cases, and for other papers; an error where for neither.
    fn vouches(&self, by: &PersonId) -> Result<(bool, bool)> {
        let cases = self.allowed(by, Action::AttestCase);
        let others = self.allowed(by, Action::AttestPaper);
        match (cases, others) {
            (Err(e), Err(_)) => Err(e),
            (cases, others) => Ok((cases.is_ok(), others.is_ok())),
        }
    }

    fn all_papers(&self) -> Result<Vec<Paper>> {
        let now = self.now();
        let mut papers = self.kept_papers()?;
        papers.retain(|p| p.since <= now && now < p.expires && !self.is_withdrawn(&p.id));
        Ok(papers)
    }

    fn kept_papers(&self) -> Result<Vec<Paper>> {
        let kept = self.store.metas(META)?;
        kept.iter().filter(|json| !json.is_empty()).map(|json| read(json)).collect()
    }

    /// The log decides: what it says is withdrawn counts no longer, whatever came between it and the database.
    fn is_withdrawn(&self, id: &str) -> bool {
        self.log.has("paper.withdrawn", id)
    }

    /// Makes the database follow the log; harmless to repeat.
    pub(crate) fn forget_withdrawn(&self) -> Result<()> {
        let mut papers = self.kept_papers()?;
        papers.retain(|paper| self.is_withdrawn(&paper.id));
        papers.iter().try_for_each(|p| self.store.set_meta(&format!("{META}{}", p.id), ""))
    }

    fn paper(&self, id: &str) -> Result<Option<Paper>> {
        if self.is_withdrawn(id) {
            return Ok(None);
        }
        let json = self.store.meta(&format!("{META}{id}"))?.filter(|json| !json.is_empty());
        json.as_deref().map(read).transpose()
    }

    /// Who vouches for the paper that a question rests on.
    pub(crate) fn vouch_paper(&self, intent: &Intent) -> Result<Vouch> {
        let Some(id) = &intent.paper else {
            return Ok(if intent.authority == "none" { Vouch::None } else { Vouch::Stated });
        };
        let paper = self.paper(id)?.filter(|p| p.since <= intent.at && intent.at < p.expires);
        let paper = paper.filter(|p| p.kind.slug() == intent.authority).ok_or_else(|| {
            Error::invalid(
                "No paper of this number and kind counts now; ask the clerk or counsel to register it.",
            )
        })?;
        let other = paper.by != intent.person;
        let fits = fits(&paper, intent.on_behalf_of.as_deref());
        Ok(if other && fits { Vouch::Attested } else { Vouch::Stated })
    }

    /// That a court's paper counts for a hold of this person, sealed to this key. Who places a hold vouches for neither:
    /// nobody takes reads out of the city alone.
    pub(crate) fn vouch_hold(&self, id: &str, by: &PersonId, key: &SealKey) -> Result<()> {
        let now = self.now();
        let paper = self.paper(id)?.filter(|p| p.since <= now && now < p.expires);
        let paper = paper.filter(|p| p.kind.of_court()).ok_or_else(|| {
            Error::invalid(
                "No warrant or court order of this number counts now; ask the clerk or counsel to register it \
                 with the key that the court gave.",
            )
        })?;
        if paper.by == *by {
            return Err(Error::forbidden(
                "You registered this paper yourself; somebody else places its hold.",
            ));
        }
        if paper.key.as_deref() != Some(key.to_string().as_str()) {
            return Err(Error::invalid(
                "The paper was registered without this key; whoever has seen it registers it with the key that \
                 the court gave.",
            ));
        }
        Ok(())
    }

    /// Whether a second person confirms the case of a question.
    pub(crate) fn second_person(&self, case: &str, asker: &PersonId) -> Result<bool> {
        let papers = self.all_papers()?;
        let of_case = |p: &Paper| p.kind == PaperKind::Case && p.reference == case;
        Ok(papers.iter().any(|p| of_case(p) && p.by != *asker))
    }
}

/// For whom a paper is, as far as that can be.
fn for_whom(kind: PaperKind, agency: Option<String>) -> Result<Option<String>> {
    let agency = agency.map(|a| a.trim().to_owned()).filter(|a| !a.is_empty());
    let (known, named) = agency.as_deref().map_or((true, false), |agency| {
        let (kind, name) = parts(agency);
        (AGENCIES.contains(&kind), !name.is_empty())
    });
    if !known || agency.as_ref().is_some_and(|a| a.chars().count() > 100) {
        return Err(Error::invalid(format!(
            "Say for which kind of agency the paper is, one of {}, and behind a colon its name, all in 100 \
             characters.",
            AGENCIES.join(", ")
        )));
    }
    if kind == PaperKind::Declaration && !named {
        return Err(Error::invalid(
            "Name the agency that declares, as in \"out-of-state: Elsewhere PD\"; it declares for itself alone.",
        ));
    }
    Ok(agency)
}

/// Kind and name of an agency. Spaces and capitals tell no two of them apart.
fn parts(agency: &str) -> (&str, String) {
    let (kind, name) = agency.split_once(':').unwrap_or((agency, ""));
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    (kind.trim(), words.join(" "))
}

/// Whether a paper is for whom a question is asked for; without a name that is the own department.
fn fits(paper: &Paper, asked: Option<&str>) -> bool {
    let asked = asked.map(parts);
    match (paper.agency.as_deref().map(parts), asked) {
        (None, None) => true,
        // Where no other is named, a court's paper has its answer go to the court.
        (None, Some((kind, _))) => kind == "court" && paper.kind.of_court(),
        (Some(_), None) => false,
        (Some((kind, name)), Some((whose, who))) => {
            let whole_kind = name.is_empty() && paper.kind != PaperKind::Declaration;
            kind == whose && (whole_kind || name == who)
        }
    }
}

/// The key that a court gave for its matter.
fn key_of_matter(kind: PaperKind, key: &str) -> Result<SealKey> {
    if !kind.of_court() {
        return Err(Error::invalid("The key of a matter belongs to a warrant or a court order."));
    }
    let unfit = |e: Error| {
        Error::invalid("The key of a matter is what `homeplate hold key` printed for the court.")
            .because(e.inside())
    };
    let key: SealKey = key.trim().parse().map_err(unfit)?;
    // One that nothing can be sealed to is found out before anything is logged.
    key.seal(b"", b"", b"").map_err(unfit)?;
    Ok(key)
}

fn none() -> Error {
    Error::not_found("There is no such paper, or it was withdrawn.")
}

fn unkept(e: impl std::fmt::Display) -> Error {
    Error::internal("The paper cannot be kept; see the log.").because(e.to_string())
}

fn read(json: &str) -> Result<Paper> {
    serde_json::from_str(json)
        .map_err(|e| Error::internal("A stored paper is damaged; restore the database.").because(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, clerk, person};
    use crate::{Ask, NewPerson};
    use base::{Kind, SigningKey};

    fn warrant(town: &Town) -> NewPaper {
        NewPaper {
            kind: PaperKind::JudicialWarrant,
            reference: "SW-26-112".into(),
            agency: None,
            key: None,
            expires: town.city.now().plus_millis(86_400_000),
        }
    }

    #[test]
    fn a_warrant_counts_when_the_clerk_has_seen_it() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        let ask = |paper: Option<&str>| Ask {
            authority: Some("judicial-warrant".into()),
            paper: paper.map(str::to_owned),
            on_behalf_of: Some("federal: Marshals".into()),
            ..town.question("7ABC128")
        };
        let e = town.city.ask(&person(), ask(None)).err().unwrap();
        assert_eq!(e.kind(), Kind::Refused, "{e}");
        assert_eq!(town.logged("search.refused")[0].text("paper"), Some("stated"));
        assert!(
            town.city.attest(&person(), warrant(&town)).is_err(),
            "an officer vouches for none"
        );
        let marshals = NewPaper { agency: Some("federal: marshals".into()), ..warrant(&town) };
        let paper = town.city.attest(&clerk(), marshals).unwrap();
        let leaf = &town.logged("paper.attested")[0];
        let text = String::from_utf8(leaf.bytes().unwrap()).unwrap();
        assert!(!text.contains("SW-26") && !text.contains("marshals"), "{text}");
        assert!(leaf.body.is_some() && leaf.text("agency") == Some("federal"), "{text}");
        town.city.ask(&person(), ask(Some(&paper.id))).unwrap();
        let asked = &town.logged("search.intent")[0];
        assert_eq!(asked.text("paper"), Some("attested"));
        assert_eq!(asked.text("paper_id"), Some(paper.id.as_str()));
        // Another kind of paper than the question states, an unknown one, one that was withdrawn, an old one.
        let order = Ask { authority: Some("court-order".into()), ..ask(Some(&paper.id)) };
        assert_eq!(town.city.ask(&person(), order).err().unwrap().kind(), Kind::Invalid);
        assert_eq!(
            town.city.ask(&person(), ask(Some("pap_x"))).err().unwrap().kind(),
            Kind::Invalid
        );
        let second = town.city.attest(&clerk(), warrant(&town)).unwrap();
        assert_eq!(town.city.papers(&clerk()).unwrap().len(), 2);
        town.city.withdraw_paper(&clerk(), &second.id).unwrap();
        assert!(town.city.ask(&person(), ask(Some(&second.id))).is_err());
        assert_eq!(town.city.papers(&clerk()).unwrap().len(), 1);
        town.clock.advance(86_400_000);
        assert!(town.city.ask(&person(), ask(Some(&paper.id))).is_err());
        assert!(town.city.papers(&clerk()).unwrap().is_empty());
    }

    /// A crash, or a database that is away, came between the entry and the paper.
    #[test]
    fn what_the_log_says_is_withdrawn_counts_no_longer() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        let paper = town.city.attest(&clerk(), warrant(&town)).unwrap();
        let leaf = town.city.leaf("paper.withdrawn").by("clerk").id(&paper.id);
        town.city.log.append_once(&leaf).unwrap();
        let ask = Ask {
            authority: Some("judicial-warrant".into()),
            paper: Some(paper.id.clone()),
            ..town.question("7ABC128")
        };
        assert_eq!(town.city.ask(&person(), ask).err().unwrap().kind(), Kind::Invalid);
        assert!(town.city.papers(&clerk()).unwrap().is_empty());
        let again = town.city.withdraw_paper(&clerk(), &paper.id);
        assert_eq!(again.unwrap_err().kind(), Kind::NotFound);
        let kept = || town.city.store.meta(&format!("{META}{}", paper.id)).unwrap().unwrap();
        assert!(!kept().is_empty());
        town.city.oversee().unwrap();
        assert!(kept().is_empty());
    }

    #[test]
    fn a_paper_is_for_whom_it_names() {
        let check = |kind: PaperKind, of: Option<&str>, asked: Option<&str>, fit: bool| {
            let paper = Paper {
                id: "pap_1".into(),
                kind,
                reference: "1".into(),
                agency: of.map(str::to_owned),
                key: None,
                by: clerk(),
                since: Time::from_millis(0),
                expires: Time::from_millis(1),
                log_entry: 0,
            };
            assert_eq!(fits(&paper, asked), fit, "{} of {of:?} for {asked:?}", kind.slug());
            let named = of.is_some_and(|of| of.contains(':'));
            assert_eq!(paper.names_nobody(), kind == PaperKind::Declaration && !named, "{of:?}");
        };
        let (warrant, said) = (PaperKind::JudicialWarrant, PaperKind::Declaration);
        check(warrant, None, None, true);
        check(warrant, None, Some("court: Third District"), true);
        check(warrant, None, Some("federal: Marshals"), false);
        check(warrant, Some("federal"), Some("federal: Marshals"), true);
        check(warrant, Some("federal"), None, false);
        check(warrant, Some("federal: Marshals"), Some("federal:  MARSHALS "), true);
        check(warrant, Some("federal: Marshals"), Some("federal: Another Bureau"), false);
        check(warrant, Some("federal: Marshals"), Some("federal"), false);
        check(warrant, Some("county: Sheriff"), Some("state: Sheriff"), false);
        check(said, Some("out-of-state: Iowa PD"), Some("out-of-state: Iowa PD"), true);
        check(said, Some("out-of-state: Iowa PD"), Some("out-of-state: Texas DPS"), false);
        // One that was registered before names were asked for.
        check(said, Some("out-of-state"), Some("out-of-state: Texas DPS"), false);
        check(said, None, Some("court: Third District"), false);
    }

    #[test]
    fn a_paper_for_one_agency_does_for_no_other() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        for agency in [Some("county"), Some("federal: Another Bureau"), None] {
            let new = NewPaper { agency: agency.map(str::to_owned), ..warrant(&town) };
            let paper = town.city.attest(&clerk(), new).unwrap();
            let ask = Ask {
                authority: Some("judicial-warrant".into()),
                paper: Some(paper.id),
                on_behalf_of: Some("federal: Marshals".into()),
                ..town.question("7ABC128")
            };
            let e = town.city.ask(&person(), ask).err().unwrap();
            assert_eq!(e.kind(), Kind::Refused, "{agency:?}");
        }
        let declared = NewPaper { kind: PaperKind::Declaration, ..warrant(&town) };
        let key = read::OpenKey::generate().public().unwrap().to_string();
        for bad in [
            NewPaper { agency: Some("moon".into()), ..warrant(&town) },
            NewPaper { agency: Some("state: ".to_owned() + &"x".repeat(100)), ..warrant(&town) },
            declared.clone(),
            NewPaper { agency: Some("out-of-state: ".into()), ..declared.clone() },
            NewPaper { agency: Some("county: Sheriff".into()), key: Some(key), ..declared },
            NewPaper { key: Some("AAAA".into()), ..warrant(&town) },
            NewPaper { reference: " ".into(), ..warrant(&town) },
            NewPaper { expires: town.city.now(), ..warrant(&town) },
            NewPaper { expires: town.city.now().plus_millis(LONGEST_MS + 1), ..warrant(&town) },
        ] {
            assert_eq!(town.city.attest(&clerk(), bad).err().unwrap().kind(), Kind::Invalid);
        }
    }

    #[test]
    fn a_case_is_confirmed_by_a_second_person() {
        let town = Town::new("2026-11-02T12:00:00Z", "");
        let add = |id: &str, roles: &[&str]| {
            let new = NewPerson {
                id: id.parse().unwrap(),
                name: id.into(),
                office: "police".into(),
                roles: roles.iter().map(|r| (*r).into()).collect(),
                key: SigningKey::generate().public(),
            };
            town.city.add_person(&person(), new.clone()).unwrap();
            new.id
        };
        let supervisor = add("per_sue", &["supervisor"]);
        let of_case =
            NewPaper { kind: PaperKind::Case, reference: "26-0417".into(), ..warrant(&town) };
        let plate = NewPaper { reference: "7ABC128".into(), ..of_case.clone() };
        assert_eq!(town.city.attest(&supervisor, plate).err().unwrap().kind(), Kind::Invalid);
        town.city.attest(&supervisor, of_case).unwrap();
        town.city.ask(&supervisor, town.question("7ABC128")).unwrap();
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
        let asked = town.logged("search.intent");
        assert_eq!(asked[0].text("case"), Some("stated"), "nobody vouches for the own case");
        assert_eq!(asked[1].text("case"), Some("attested"));
    }
}
