//! What must hold of a city's rules whatever they are: each a ceiling, in the rules' own language.
//!
//! A property is a set of rules too. It holds of the city's rules if they allow nothing that it does not
//! allow: so a clerk reads it like a rule, and a city writes its own in the same form.

use crate::text::plain;
use base::Result;

/// A ceiling over a city's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// Its name.
    pub id: String,
    /// What it says, in a sentence.
    pub says: String,
    /// The rules that allow everything it does not exclude.
    pub text: String,
}

/// Name and text of each shipped property; the first line of a text is its sentence.
pub const PROPERTIES: [(&str, &str); 8] = [
    ("no-immigration", include_str!("../rules/properties/no-immigration.cedar")),
    ("no-protected-health", include_str!("../rules/properties/no-protected-health.cedar")),
    ("no-outside-recipient", include_str!("../rules/properties/no-outside-recipient.cedar")),
    ("case-always", include_str!("../rules/properties/case-always.cedar")),
    ("reviewed-first", include_str!("../rules/properties/reviewed-first.cedar")),
    ("jobs-apart", include_str!("../rules/properties/jobs-apart.cedar")),
    ("police-apart", include_str!("../rules/properties/police-apart.cedar")),
    ("off-is-off", include_str!("../rules/properties/off-is-off.cedar")),
];

impl Property {
    /// Reads one: its sentence is the comment in its first line.
    pub fn new(id: &str, text: &str) -> Self {
        let says = text.lines().next().unwrap_or_default().trim_start_matches('/').trim();
        Self { id: id.to_owned(), says: says.to_owned(), text: text.to_owned() }
    }

    /// Refuses a property in which people would not read what the prover reads.
    pub fn plain(&self) -> Result<()> {
        plain(&format!("property {}", self.id), &self.text)
    }

    /// The shipped ones.
    pub fn shipped() -> Vec<Self> {
        PROPERTIES.iter().map(|(id, text)| Self::new(id, text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_says_what_it_means() {
        for property in Property::shipped() {
            assert!(property.says.ends_with('.') && property.says.len() > 20, "{property:?}");
            property.plain().unwrap();
        }
    }

    #[test]
    fn none_hides_a_rule_in_its_comment() {
        let text = "// Nobody asks.\rpermit (principal, action, resource);\n\
                    forbid (principal, action == Action::\"Search\", resource);\n";
        let e = Property::new("nobody", text).plain().unwrap_err();
        assert!(e.message().starts_with("Line 1 of property nobody"), "{e}");
    }
}
