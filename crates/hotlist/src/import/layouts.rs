//! The layouts that are known by their headings (`Lists in` of the public documentation of each).

use super::columns::Field;
use serde::{Deserialize, Serialize};

/// Whose layout a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// `Category;PlateState;PlateNumber;EffectiveDate;ExpiryDate;PermitID`, or `ABC123;CA` alone.
    Genetec,
    /// `plate,reason,caseNumber` and `state,expiry,note` where they are.
    Flock,
    /// `Hot Plate,State,Alert`.
    Vigilant,
    /// The field codes of the national extract: `LIC`, `LIS`, `MKE` and others.
    Ncic,
    /// Another one, by its headings or by what stands in it.
    Other,
}

/// Headings, without what is no letter or digit and in lower case, and what they are for.
const HEADINGS: [(&str, Field); 75] = [
    ("plate", Field::Plate),
    ("platenumber", Field::Plate),
    ("plateno", Field::Plate),
    ("hotplate", Field::Plate),
    ("licenseplate", Field::Plate),
    ("licenceplate", Field::Plate),
    ("licenseplatenumber", Field::Plate),
    ("license", Field::Plate),
    ("lic", Field::Plate),
    ("lpn", Field::Plate),
    ("tag", Field::Plate),
    ("registration", Field::Plate),
    ("registrationmark", Field::Plate),
    ("vrm", Field::Plate),
    ("kennzeichen", Field::Plate),
    ("matricula", Field::Plate),
    ("state", Field::State),
    ("platestate", Field::State),
    ("licensestate", Field::State),
    ("issuingstate", Field::State),
    ("jurisdiction", Field::State),
    ("region", Field::State),
    ("lis", Field::State),
    ("reason", Field::Reason),
    ("alert", Field::Reason),
    ("alerttype", Field::Reason),
    ("offense", Field::Reason),
    ("casenumber", Field::Case),
    ("caseno", Field::Case),
    ("case", Field::Case),
    ("incident", Field::Case),
    ("incidentnumber", Field::Case),
    ("oca", Field::Case),
    ("priority", Field::Priority),
    ("severity", Field::Priority),
    ("effectivedate", Field::From),
    ("effective", Field::From),
    ("startdate", Field::From),
    ("validfrom", Field::From),
    ("dateoftheft", Field::From),
    ("dot", Field::From),
    ("expiry", Field::Expires),
    ("expirydate", Field::Expires),
    ("expires", Field::Expires),
    ("expiration", Field::Expires),
    ("expirationdate", Field::Expires),
    ("enddate", Field::Expires),
    ("validuntil", Field::Expires),
    ("category", Field::Category),
    ("messagekey", Field::Category),
    ("mke", Field::Category),
    ("source", Field::Source),
    ("agency", Field::Source),
    ("ori", Field::Source),
    ("permitid", Field::Record),
    ("record", Field::Record),
    ("recordnumber", Field::Record),
    ("nic", Field::Record),
    ("id", Field::Record),
    ("note", Field::Note),
    ("notes", Field::Note),
    ("comment", Field::Note),
    ("comments", Field::Note),
    ("make", Field::Make),
    ("vehiclemake", Field::Make),
    ("vma", Field::Make),
    ("model", Field::Model),
    ("vmo", Field::Model),
    ("vyr", Field::Year),
    ("vehicleyear", Field::Year),
    ("style", Field::Style),
    ("vst", Field::Style),
    ("color", Field::Color),
    ("colour", Field::Color),
    ("vco", Field::Color),
];

/// A heading as it is compared.
pub(crate) fn plain(heading: &str) -> String {
    heading.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).take(40).collect()
}

/// What a heading is for.
pub(crate) fn field_of(heading: &str) -> Option<Field> {
    let plain = plain(heading);
    HEADINGS.iter().find(|(name, _)| *name == plain).map(|(_, field)| *field)
}

/// Whether a heading is of what kind of alert a row is: a reason, and where categories are adopted the category.
pub(crate) fn is_kind(heading: &str) -> bool {
    matches!(plain(heading).as_str(), "alert" | "alerttype")
}

/// The layout that some headings are of.
pub(crate) fn layout_of(headings: &[String]) -> Layout {
    let has = |name: &str| headings.iter().any(|h| plain(h) == name);
    match () {
        () if has("lic") || has("mke") || has("nic") => Layout::Ncic,
        () if has("hotplate") => Layout::Vigilant,
        () if has("platenumber") && has("platestate") => Layout::Genetec,
        () if has("plate") && has("reason") && has("casenumber") => Layout::Flock,
        () => Layout::Other,
    }
}
