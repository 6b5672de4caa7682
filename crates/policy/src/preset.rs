//! Law presets: where a city of some state starts from, as data and as rules. Never advice.
//!
//! Each figure says where it stands and how sure it is; what is not known is absent. What a law excludes
//! stands beside the data as ceilings, properties in the form of all others, and the standard rules
//! changed so that they stay under them make the starting set.
//! Not here: what a city made of it; that is its rule file and its configuration.

use crate::draft::sectioned;
use crate::text::{Chunk, chunks};
use crate::{AGENCIES, PURPOSES, Property, Rules};
use base::{Error, Result};
use serde::Deserialize;
use std::fmt;
use std::sync::LazyLock;

const DAY_S: u64 = 86_400;

/// Slug and data of each.
const DATA: &[(&str, &str)] = &[
    ("us-ca", include_str!("../presets/us-ca.toml")),
    ("us-il", include_str!("../presets/us-il.toml")),
    ("us-me", include_str!("../presets/us-me.toml")),
    ("us-mn", include_str!("../presets/us-mn.toml")),
    ("us-nh", include_str!("../presets/us-nh.toml")),
    ("us-nj", include_str!("../presets/us-nj.toml")),
    ("us-or", include_str!("../presets/us-or.toml")),
    ("us-ut", include_str!("../presets/us-ut.toml")),
    ("us-va", include_str!("../presets/us-va.toml")),
    ("us-vt", include_str!("../presets/us-vt.toml")),
    ("us-wa", include_str!("../presets/us-wa.toml")),
    ("strict", include_str!("../presets/strict.toml")),
    ("uk", include_str!("../presets/uk.toml")),
];

/// Slug and rules of each that has some.
const RULES: &[(&str, &str)] = &[
    ("us-ca", include_str!("../presets/us-ca/rules.cedar")),
    ("us-il", include_str!("../presets/us-il/rules.cedar")),
    ("us-wa", include_str!("../presets/us-wa/rules.cedar")),
    ("strict", include_str!("../presets/strict/rules.cedar")),
];

/// Name and text of each ceiling.
const CEILINGS: &[(&str, &str)] = &[
    ("agencies-of-california", include_str!("../presets/us-ca/agencies-of-california.cedar")),
    (
        "no-sharing-for-enforcement",
        include_str!("../presets/us-il/no-sharing-for-enforcement.cedar"),
    ),
    ("out-of-state-declares", include_str!("../presets/us-il/out-of-state-declares.cedar")),
    ("no-federal", include_str!("../presets/us-il/no-federal.cedar")),
    (
        "never-immigration-or-health",
        include_str!("../presets/us-wa/never-immigration-or-health.cedar"),
    ),
    ("crimes-only", include_str!("../presets/us-wa/crimes-only.cedar")),
    ("outside-needs-warrant", include_str!("../presets/strict/outside-needs-warrant.cedar")),
    ("case-attested", include_str!("../presets/strict/case-attested.cedar")),
];

/// How sure a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The text of the law was read and says so.
    Text,
    /// The text was read and is understood so; somebody else may understand it otherwise.
    Interpretive,
    /// From others; the city's counsel reads the text.
    Unverified,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Text => "text read",
            Status::Interpretive => "one way to read it: ask your counsel",
            Status::Unverified => "unverified: ask your counsel",
        })
    }
}

/// What is known of one thing, how surely, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    /// How sure it is.
    pub status: Status,
    /// Where it stands.
    pub source: String,
}

/// A ceiling over the rules of a city of that state.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ceiling {
    /// Its name.
    pub id: String,
    /// How sure it is.
    pub status: Status,
    /// Where it stands.
    pub source: String,
}

/// Where a city starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in `homeplate.toml`.
    pub slug: &'static str,
    /// What is known.
    pub law: Law,
}

/// The data of a preset. What is `None` is not known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// What the state is called.
    pub name: String,
    /// Where its law stands.
    pub law: String,
    /// What somebody who chooses it must know.
    #[serde(default)]
    pub remark: String,
    /// Standard rules that could allow nothing under the ceilings.
    #[serde(default)]
    pub leaves_out: Vec<String>,
    /// The longest time that reads are kept, in seconds.
    pub retention_max_s: Option<Field<u64>>,
    /// The longest time between two destructions of keys, in seconds.
    pub epoch_s: Option<Field<u64>>,
    /// The only purposes that may be asked for.
    pub purposes_allow: Option<Field<Vec<String>>>,
    /// Purposes that may not be asked for.
    pub purposes_deny: Option<Field<Vec<String>>>,
    /// Who may be answered, in sentences.
    pub recipient_rules: Option<Field<Vec<String>>>,
    /// Agencies that declare in writing before they are answered.
    pub declaration_required: Option<Field<Vec<String>>>,
    /// Whether a camera that stands fixed may read plates.
    pub fixed_camera_allowed: Option<Field<bool>>,
    /// Where no camera may read.
    pub excluded_places: Option<Field<Vec<String>>>,
    /// What is recorded of each question.
    pub log_fields: Option<Field<Vec<String>>>,
    /// How long the log is kept at least, in seconds.
    pub log_retention_s: Option<Field<u64>>,
    /// How often the city reports, and what.
    pub report_period: Option<Field<String>>,
    /// How often somebody audits.
    pub audit_period: Option<Field<String>>,
    /// How reads are preserved.
    pub hold_rule: Option<Field<String>>,
    /// What no rule of a city may allow.
    #[serde(default)]
    pub ceilings: Vec<Ceiling>,
}

static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    DATA.iter()
        // They are compiled in, and a test reads them.
        .map(|(slug, text)| Preset::read(slug, text).unwrap_or_else(|e| unreachable!("{e}")))
        .collect()
});

impl Preset {
    /// Every preset, the states of the United States first.
    pub fn all() -> &'static [Preset] {
        &ALL
    }

    /// The preset of this name.
    pub fn find(slug: &str) -> Option<&'static Preset> {
        ALL.iter().find(|p| p.slug == slug)
    }

    /// The preset of this name, or a sentence that lists them.
    pub fn named(slug: &str) -> Result<&'static Preset> {
        Preset::find(slug).ok_or_else(|| {
            let known: Vec<&str> = ALL.iter().map(|p| p.slug).collect();
            let known = known.join(", ");
            Error::not_found(format!("There is no preset of that name; known are {known}."))
        })
    }

    /// Reads the data of a preset, strictly.
    fn read(slug: &'static str, text: &str) -> Result<Preset> {
        // Where it stands, for whoever wrote it down.
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let wrong = |at: usize, why: &str| {
            Error::invalid(format!("crates/policy/presets/{slug}.toml:{}: {why}.", line(at)))
        };
        let law: Law = toml::from_str(text)
            .map_err(|e| wrong(e.span().map_or(0, |span| span.start), e.message()))?;
        let known = |list: &Option<Field<Vec<String>>>, known: &[&str]| {
            let mut words = list.iter().flat_map(|field| &field.value);
            words.find(|word| !known.contains(&word.as_str())).cloned()
        };
        let strange = known(&law.purposes_allow, &PURPOSES)
            .or_else(|| known(&law.purposes_deny, &PURPOSES))
            .or_else(|| known(&law.declaration_required, &AGENCIES))
            .or_else(|| {
                let mut ids = law.ceilings.iter().map(|c| &c.id);
                ids.find(|id| !CEILINGS.iter().any(|(known, _)| known == id)).cloned()
            });
        match strange {
            Some(word) => {
                let at = text.find(&format!("\"{word}\"")).unwrap_or_default();
                Err(wrong(at, &format!("nothing here is called {word}")))
            }
            None => Ok(Preset { slug, law }),
        }
    }

    /// The longest retention of reads in days, where the law has one that a fixed camera can keep.
    pub fn longest_retention(&self) -> Option<u32> {
        let seconds = self.law.retention_max_s.as_ref()?.value;
        u32::try_from(seconds / DAY_S).ok().filter(|days| *days > 0)
    }

    /// Whether a camera that stands fixed can keep this law at all; if not, why.
    pub fn fits_fixed_camera(&self) -> std::result::Result<(), String> {
        match &self.law.fixed_camera_allowed {
            Some(field) if !field.value => Err(format!(
                "A fixed camera does not fit the law of {} ({}, {}).",
                self.law.name, field.source, field.status
            )),
            _ => Ok(()),
        }
    }

    /// What to know of it, in a sentence.
    pub fn sentence(&self) -> String {
        let Law { name, law, remark, retention_max_s, .. } = &self.law;
        let kept = match retention_max_s {
            Some(field) => {
                format!("reads are kept at most {} ({law}, {})", span(field.value), field.status)
            }
            None => format!("no longest retention is set ({law})"),
        };
        let between = if remark.is_empty() { "" } else { "; " };
        format!("{name}: {kept}{between}{remark}.")
    }

    /// Everything that is known, a sentence each, with its status and source.
    pub fn sentences(&self) -> Vec<String> {
        let law = &self.law;
        let mut told = Told(Vec::new());
        told.of("Reads are kept at most", &law.retention_max_s, |s| span(*s));
        told.of("Keys are destroyed at least every", &law.epoch_s, |s| span(*s));
        told.of("Purposes allowed:", &law.purposes_allow, |list| list.join(", "));
        told.of("Purposes forbidden:", &law.purposes_deny, |list| list.join(", "));
        told.of("Sharing:", &law.recipient_rules, |list| {
            list.join(" ").trim_end_matches('.').to_owned()
        });
        told.of("A written declaration comes first from:", &law.declaration_required, |list| {
            list.join(", ")
        });
        told.of("A fixed camera", &law.fixed_camera_allowed, |fits| {
            (if *fits { "fits" } else { "does not fit" }).to_owned()
        });
        told.of("No camera near:", &law.excluded_places, |list| list.join(", "));
        told.of("Recorded of each question:", &law.log_fields, |list| list.join(", "));
        told.of("The log is kept at least", &law.log_retention_s, |s| span(*s));
        told.of("Reports:", &law.report_period, Clone::clone);
        told.of("Audits:", &law.audit_period, Clone::clone);
        told.of("Holds:", &law.hold_rule, Clone::clone);
        for (ceiling, property) in law.ceilings.iter().zip(self.ceilings()) {
            let says = property.says.trim_end_matches('.');
            told.0.push(format!("{says} ({}, {}).", ceiling.source, ceiling.status));
        }
        told.0
    }

    /// What no rule of a city of that state may allow.
    pub fn ceilings(&self) -> Vec<Property> {
        let text = |id: &str| CEILINGS.iter().find(|(known, _)| *known == id).map(|(_, text)| text);
        let all = self.law.ceilings.iter();
        all.filter_map(|c| Some(Property::new(&c.id, text(&c.id)?))).collect()
    }

    /// The rules that this preset has of its own.
    pub(crate) fn own_rules(&self) -> Vec<Chunk<'static>> {
        let own = RULES.iter().find(|(slug, _)| *slug == self.slug);
        own.map(|(_, text)| chunks(text)).unwrap_or_default()
    }

    /// What a city of that state starts with: the standard rules, where a rule of the preset takes the
    /// place of the one of its name, without those that could allow nothing, and the preset's others.
    pub fn rules(&self) -> String {
        let own = self.own_rules().into_iter().map(|own| (own.id(), own.rule.to_owned()));
        self.joined(Rules::standard(), &own.collect::<Vec<_>>())
    }

    /// The same, over rules that were drafted: of the preset's own those that forbid, which carry out this section
    /// of the ordinance. Who may ask, and about how much, a draft has from its answers.
    pub(crate) fn over(&self, drafted: &str, section: &str) -> String {
        let forbids = self.own_rules().into_iter().filter(|own| own.rule.contains("\nforbid ("));
        let own = forbids.map(|own| (own.id(), sectioned(own.rule, section)));
        self.joined(drafted, &own.collect::<Vec<_>>())
    }

    /// `own` are names and texts of rules.
    fn joined(&self, rules: &str, own: &[(&str, String)]) -> String {
        let base = chunks(rules);
        let mut out = String::new();
        for chunk in &base {
            out.push_str(chunk.above);
            match own.iter().find(|(id, _)| *id == chunk.id()) {
                Some((_, other)) => out.push_str(other),
                None if self.law.leaves_out.iter().any(|id| id == chunk.id()) => continue,
                None => out.push_str(chunk.rule),
            }
            out.push_str("\n\n");
        }
        let more = own.iter().filter(|(id, _)| !base.iter().any(|other| other.id() == *id));
        let more: Vec<&str> = more.map(|(_, rule)| rule.as_str()).collect();
        if !more.is_empty() {
            let Law { name, law, .. } = &self.law;
            out.push_str(&format!(
                "// ---- Where a city of this preset starts: {name} ({law}) ----\n\n"
            ));
            out.push_str(&more.join("\n\n"));
            out.push('\n');
        }
        format!("{}\n", out.trim_end())
    }
}

/// Sentences as they are told.
struct Told(Vec<String>);

impl Told {
    fn of<T>(&mut self, what: &str, field: &Option<Field<T>>, spelled: impl Fn(&T) -> String) {
        if let Some(Field { value, status, source }) = field {
            self.0.push(format!("{what} {} ({source}, {status}).", spelled(value)));
        }
    }
}

/// Seconds as people say them.
fn span(seconds: u64) -> String {
    match seconds {
        s if s >= DAY_S => format!("{} days", s / DAY_S),
        s => format!("{} minutes", s / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn each_is_read_and_told() {
        for preset in Preset::all() {
            assert!(preset.sentence().ends_with('.'), "{preset:?}");
            assert!(!preset.sentences().is_empty(), "{preset:?}");
            assert_eq!(preset.ceilings().len(), preset.law.ceilings.len());
            assert_eq!(preset.own_rules().is_empty(), preset.law.ceilings.is_empty());
        }
        let used: usize = Preset::all().iter().map(|p| p.law.ceilings.len()).sum();
        assert_eq!(used, CEILINGS.len());
        assert!(Preset::named("us-zz").unwrap_err().message().contains("known are us-ca"));
    }

    #[test]
    fn data_is_read_strictly() {
        let check = |text: &str, why: &str| {
            let e = Preset::read("x", &format!("name = \"X\"\nlaw = \"Y\"\n{text}")).unwrap_err();
            let (place, what) = e.message().split_once(": ").unwrap();
            let line = place.strip_prefix("crates/policy/presets/x.toml:").unwrap();
            assert!((3..6).contains(&line.parse::<u32>().unwrap()), "{e}");
            assert!(what.contains(why), "{e}");
        };
        check("retention = 3", "unknown field");
        check("[report_period]\nvalue = \"yearly\"\nstatus = \"text\"", "missing field `source`");
        check("[report_period]\nvalue = \"y\"\nstatus = \"sure\"\nsource = \"\"", "sure");
        check(
            "[purposes_deny]\nvalue = [\"fun\"]\nstatus = \"text\"\nsource = \"\"",
            "nothing here is called fun",
        );
        check("[[ceilings]]\nid = \"x\"\nstatus = \"text\"\nsource = \"\"", "called x");
        check("[epoch_s]\nvalue = \"a day\"\nstatus = \"text\"\nsource = \"\"", "expected u64");
        check("[epoch_s\nvalue = 1", "expected");
    }

    /// A file that no line names would be read by nobody.
    #[test]
    fn each_file_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("presets");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            let Some(slug) = name.strip_suffix(".toml") else { continue };
            assert!(
                Preset::find(slug).is_some(),
                "crates/policy/presets/{name} has no line in DATA of crates/policy/src/preset.rs"
            );
        }
    }

    #[test]
    fn how_long_reads_are_kept() {
        let check = |slug: &str, days: Option<u32>| {
            assert_eq!(Preset::find(slug).unwrap().longest_retention(), days, "{slug}");
        };
        check("us-wa", Some(21));
        check("us-nj", Some(1095));
        check("us-ca", None);
        check("us-nh", None);
    }

    #[test]
    fn new_hampshire_has_no_fixed_camera() {
        let unfit: Vec<&str> = Preset::all()
            .iter()
            .filter(|p| p.fits_fixed_camera().is_err())
            .map(|p| p.slug)
            .collect();
        assert_eq!(unfit, ["us-nh"]);
        let why = Preset::find("us-nh").unwrap().fits_fixed_camera().unwrap_err();
        assert!(why.contains("does not fit the law of New Hampshire"), "{why}");
    }

    #[test]
    fn what_is_known_of_illinois() {
        let told = Preset::find("us-il").unwrap().sentences().join("\n");
        for part in [
            "declaration comes first from: out-of-state (625 ILCS 5/2-130(c), text read).",
            "one way to read it",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    /// Standard rules are replaced, left out and joined by others; the rest stays as it stands.
    #[test]
    fn a_preset_changes_the_standard_rules() {
        let ids = |preset: &Preset| -> Vec<String> {
            Rules::parse(&preset.rules()).unwrap().ids().map(str::to_owned).collect()
        };
        let standard: Vec<String> =
            Rules::parse(Rules::standard()).unwrap().ids().map(str::to_owned).collect();
        for preset in Preset::all() {
            let ids = ids(preset);
            let kept = standard.iter().filter(|id| !preset.law.leaves_out.contains(id));
            assert!(ids.iter().zip(kept).all(|(got, want)| got == want), "{}", preset.slug);
        }
        let illinois = Preset::find("us-il").unwrap();
        assert_eq!(ids(illinois).len(), standard.len() + 2);
        assert_eq!(illinois.rules().matches("@id(\"no-out-of-state\")").count(), 1);
        assert!(illinois.rules().contains("written declaration"));
        assert!(!ids(Preset::find("us-wa").unwrap()).contains(&"missing-person-search".into()));
        assert_eq!(Preset::find("uk").unwrap().rules(), Rules::standard());
    }
}
