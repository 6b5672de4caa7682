//! What every page has around it: city, language, look, who is signed in, and where they may go.

use crate::assets;
use crate::messages::Lang;
use std::fmt::Display;

/// How a page looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the visitor's system looks.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// All of them.
    pub const ALL: [Theme; 3] = [Theme::Auto, Theme::Light, Theme::Dark];

    /// As HTML and the cookie `theme` spell it.
    pub fn code(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    /// The look with this code, or that of the visitor's system.
    pub fn parse(code: Option<&str>) -> Self {
        Theme::ALL.into_iter().find(|t| Some(t.code()) == code).unwrap_or_default()
    }
}

/// A page of the console that the navigation leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// What goes on now.
    Now,
    /// Every hit.
    Hits,
    /// Confirmed hits, for those on the street.
    Field,
    /// What the next shift has to know.
    Handover,
    /// Drills.
    Drills,
    /// Orders to switch off and on.
    Orders,
    /// Hot lists.
    Lists,
    /// The cameras.
    Cameras,
    /// A question.
    Ask,
    /// The own questions.
    Questions,
    /// Rules and proposals.
    Rules,
    /// Warrants and declarations.
    Papers,
    /// The public log.
    Log,
    /// Alarms and the audit by lottery.
    Audit,
    /// Questions asked with life in danger.
    BreakGlass,
    /// People of the console.
    People,
    /// Machine tokens.
    Tokens,
    /// Devices that people use the console at.
    Devices,
    /// What the city is set to.
    Settings,
}

impl Place {
    /// Its address.
    pub fn path(self) -> &'static str {
        match self {
            Place::Now => "/console",
            Place::Hits => "/console/hits",
            Place::Field => "/field",
            Place::Handover => "/console/handover",
            Place::Drills => "/console/drills",
            Place::Orders => "/console/orders",
            Place::Lists => "/console/lists",
            Place::Cameras => "/console/cameras",
            Place::Ask => "/console/ask",
            Place::Questions => "/console/questions",
            Place::Rules => "/console/rules",
            Place::Papers => "/console/papers",
            Place::Log => "/console/log",
            Place::Audit => "/console/audit",
            Place::BreakGlass => "/console/breakglass",
            Place::People => "/console/people",
            Place::Tokens => "/console/tokens",
            Place::Devices => "/console/devices",
            Place::Settings => "/console/settings",
        }
    }

    /// The key of its name.
    fn key(self) -> &'static str {
        match self {
            Place::Now => "nav.now",
            Place::Hits => "nav.hits",
            Place::Field => "nav.field",
            Place::Handover => "nav.handover",
            Place::Drills => "nav.drills",
            Place::Orders => "nav.orders",
            Place::Lists => "nav.lists",
            Place::Cameras => "nav.cameras",
            Place::Ask => "nav.ask",
            Place::Questions => "nav.questions",
            Place::Rules => "nav.rules",
            Place::Papers => "nav.papers",
            Place::Log => "nav.log",
            Place::Audit => "nav.audit",
            Place::BreakGlass => "nav.breakglass",
            Place::People => "nav.people",
            Place::Tokens => "nav.tokens",
            Place::Devices => "nav.devices",
            Place::Settings => "nav.settings",
        }
    }
}

/// The navigation's groups, each with the key of its heading.
const GROUPS: [(&str, &[Place]); 5] = [
    (
        "nav.work",
        &[
            Place::Now,
            Place::Hits,
            Place::Field,
            Place::Handover,
            Place::Drills,
            Place::Ask,
            Place::Questions,
        ],
    ),
    ("nav.street", &[Place::Cameras, Place::Orders, Place::Lists]),
    ("nav.law", &[Place::Rules, Place::Papers]),
    ("nav.oversight", &[Place::Log, Place::Audit, Place::BreakGlass]),
    ("nav.house", &[Place::People, Place::Tokens, Place::Devices, Place::Settings]),
];

/// A page that somebody may open, and how much waits there.
#[derive(Clone, Debug)]
pub struct Open {
    /// Where.
    pub place: Place,
    /// How much waits for this person; 0 is not shown.
    pub waiting: u64,
}

/// Who is signed in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The roles, as rules spell them.
    pub roles: Vec<String>,
    /// The pages that this person may open, and no others.
    pub open: Vec<Open>,
}

/// A line of the navigation.
pub(crate) struct Link {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) waiting: u64,
    pub(crate) here: bool,
}

/// What every page has around it.
#[derive(Clone, Debug)]
pub struct Page {
    /// The city.
    pub city: String,
    /// The language.
    pub lang: Lang,
    /// The look.
    pub theme: Theme,
    /// The address of this page, to come back to after changing language or look.
    pub path: String,
    /// What a form must send along to be believed; empty without a session.
    pub csrf: String,
    /// Who is signed in.
    pub person: Option<Person>,
    /// Which of the navigation's pages this is, or is part of.
    pub here: Option<Place>,
}

impl Page {
    /// The text with this key.
    pub(crate) fn t(&self, key: &str) -> &'static str {
        // A test holds that every key that is used exists, in both languages.
        self.lang.find(key).unwrap_or("⟦?⟧")
    }

    /// The text with this key, with a value for `{n}`.
    pub(crate) fn with(&self, key: &str, n: impl Display) -> String {
        self.t(key).replace("{n}", &n.to_string())
    }

    /// The text with this key, with values for `{a}` and `{b}`. What a value says is not read again.
    pub(crate) fn with2(&self, key: &str, a: impl Display, b: impl Display) -> String {
        let mut out = String::new();
        let mut rest = self.t(key);
        while let Some(at) = rest.find(['{']) {
            let (before, hole) = rest.split_at(at);
            out.push_str(before);
            match hole.get(..3) {
                Some("{a}") => out.push_str(&a.to_string()),
                Some("{b}") => out.push_str(&b.to_string()),
                _ => out.push_str(hole.get(..3).unwrap_or(hole)),
            }
            rest = hole.get(3..).unwrap_or_default();
        }
        out + rest
    }

    /// A number with its thousands apart.
    pub(crate) fn num(&self, n: impl Into<u64> + Copy) -> String {
        let digits = n.into().to_string();
        let apart = match self.lang {
            Lang::En => ",",
            // A space that does not break: comma and point both mean something else somewhere.
            Lang::Es => "\u{202f}",
        };
        let head = digits.len() % 3;
        let mut groups: Vec<&str> =
            (head..digits.len()).step_by(3).map(|i| &digits[i..i + 3]).collect();
        if head > 0 {
            groups.insert(0, &digits[..head]);
        }
        groups.join(apart)
    }

    /// The text for this many: `key_one` or `key_other`, with a value for `{n}`.
    pub(crate) fn count(&self, key: &str, n: impl Display) -> String {
        let n = n.to_string();
        let form = if n == "1" { "one" } else { "other" };
        self.with(&format!("{key}_{form}"), n)
    }

    /// What a word of the rules or the log is called; a word of the city's own stays as it is.
    pub(crate) fn word<'a>(&self, section: &str, word: &'a str) -> &'a str {
        let known: Option<&'static str> =
            self.lang.find(&format!("{section}.{}", word.replace('.', "-")));
        known.unwrap_or(word)
    }

    /// What the state of a camera is called, for what draws it.
    pub fn state_word<'a>(&self, state: &'a str) -> &'a str {
        self.word("state", state)
    }

    /// What a word of the log means, in a sentence with a number.
    pub(crate) fn says(&self, section: &str, word: &str, n: u64) -> String {
        self.word(section, word).replace("{n}", &self.num(n))
    }

    /// Several words, with commas between them.
    pub(crate) fn words(&self, section: &str, words: &[String]) -> String {
        words.iter().map(|w| self.word(section, w)).collect::<Vec<_>>().join(", ")
    }

    /// The colour that a state is shown in, beside its word.
    pub(crate) fn tone(&self, state: &str) -> &'static str {
        match state {
            "on" | "closed" | "confirmed" | "allowed" | "proven" | "active" | "signed"
            | "valid" | "graded" | "attested" | "in-force" | "justified" | "reviewed" | "sound"
            | "answered" | "along" | "drill-right" | "acknowledged" | "no-lease" | "sent"
            | "fine" => "good",
            "open" | "second" | "narrowed" | "draft" | "proposed" | "invited" | "waiting"
            | "stated" | "drawn" | "unknown" | "expiring" | "sealed" | "incomplete" | "soon"
            | "locked" | "lease-runs" | "lease-ended" | "scheduled" | "troubled" | "idle"
            | "unheard" | "drill" => "warn",
            "off" | "cold" | "rejected" | "refused" | "refuted" | "overdue" | "alarm"
            | "breakglass" | "unjustified" | "doubtful" | "dead" | "foreign" | "given-up"
            | "silent" | "drill-wrong" => "bad",
            _ => "",
        }
    }

    /// The address of a built file.
    pub(crate) fn asset(&self, source: &str) -> String {
        assets::address(source)
    }

    /// The navigation: headings with what this person may open below them.
    pub(crate) fn navigation(&self) -> Vec<(&'static str, Vec<Link>)> {
        let open = self.person.as_ref().map(|p| p.open.as_slice()).unwrap_or_default();
        let link = |place: &Place| {
            let found = open.iter().find(|o| o.place == *place)?;
            Some(Link {
                path: place.path(),
                name: self.t(place.key()),
                waiting: found.waiting,
                here: self.here == Some(*place),
            })
        };
        GROUPS
            .iter()
            .map(|(name, places)| (self.t(name), places.iter().filter_map(link).collect()))
            .filter(|(_, links): &(_, Vec<Link>)| !links.is_empty())
            .collect()
    }

    /// Whether this person may open that page.
    pub(crate) fn may(&self, place: Place) -> bool {
        self.person.as_ref().is_some_and(|p| p.open.iter().any(|o| o.place == place))
    }
}

/// What is wrong with a field of a form that came back.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// The field's name.
    pub field: String,
    /// One sentence that says what to do.
    pub message: String,
}

/// Whether something is wrong with the field of that name.
pub(crate) fn is_wrong(wrong: &[Wrong], name: &str) -> bool {
    wrong.iter().any(|w| w.field == name)
}

/// One of several values of a field.
#[derive(Clone, Debug)]
pub struct Choice {
    /// As the form sends it.
    pub value: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_texts() {
        let page = Page {
            city: String::new(),
            lang: Lang::En,
            theme: Theme::Auto,
            path: "/".into(),
            csrf: String::new(),
            person: None,
            here: None,
        };
        assert_eq!(page.with2("list.span", "{b}", "two"), "{b} to two");
        let nums = [0, 12, 123, 1234, 123_456, 1_234_567].map(|n: u64| page.num(n));
        assert_eq!(nums.join(" "), "0 12 123 1,234 123,456 1,234,567");
    }
}
