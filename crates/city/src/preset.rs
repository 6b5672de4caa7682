//! Law presets as data: where a city of some state starts from. Never advice.
//!
//! A figure that was not read in the text of the law itself is `unverified`: the city's counsel
//! checks it. What presets say of purposes and sharing are rules, not configuration.

/// Where a city starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Its name in `homeplate.toml`.
    pub slug: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// The longest retention of reads in days, where the law has one that a fixed camera can keep.
    pub longest_days: Option<u32>,
    /// Where that stands.
    pub source: &'static str,
    /// Whether the text was read.
    pub verified: bool,
    /// What somebody who chooses it must know.
    pub remark: &'static str,
}

/// Every preset.
pub const PRESETS: [Preset; 12] = [
    preset("us-ca", "California", None, "Civ. Code 1798.90.51", true, "your policy must state it"),
    preset("us-il", "Illinois", None, "625 ILCS 5/2-130", false, "no longest time in that section"),
    preset("us-me", "Maine", Some(21), "29-A MRSA 2117-A", false, ""),
    preset("us-mn", "Minnesota", Some(60), "Minn. Stat. 13.824", false, ""),
    preset(
        "us-nh",
        "New Hampshire",
        None,
        "RSA 261:75-b",
        true,
        "a device is on a vehicle with an officer: a fixed camera does not fit this law",
    ),
    preset("us-nj", "New Jersey", Some(1095), "Directive 2022-12", false, ""),
    preset("us-or", "Oregon", Some(30), "SB 1516 (2026)", false, ""),
    preset("us-ut", "Utah", Some(270), "41-6a-2004", true, "nine months are taken as 270 days"),
    preset("us-va", "Virginia", Some(21), "Va. Code 2.2-5517", false, ""),
    preset(
        "us-vt",
        "Vermont",
        Some(540),
        "23 V.S.A. 1607",
        false,
        "18 months are taken as 540 days",
    ),
    preset("us-wa", "Washington", Some(21), "Laws 2026 ch. 239", false, ""),
    preset("uk", "United Kingdom", Some(365), "NASPLE 2.4", false, ""),
];

const fn preset(
    slug: &'static str,
    name: &'static str,
    longest_days: Option<u32>,
    source: &'static str,
    verified: bool,
    remark: &'static str,
) -> Preset {
    Preset { slug, name, longest_days, source, verified, remark }
}

/// The preset of this name.
pub fn find(slug: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.slug == slug)
}

impl Preset {
    /// What to know of it, in a sentence.
    pub fn sentence(&self) -> String {
        let kept = match self.longest_days {
            Some(days) => format!("reads are kept at most {days} days"),
            None => "no longest retention is set".to_owned(),
        };
        let status = if self.verified { "text read" } else { "unverified: ask your counsel" };
        let remark = if self.remark.is_empty() { "" } else { "; " };
        format!("{}: {kept} ({}, {status}){remark}{}.", self.name, self.source, self.remark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn names_are_sorted_and_different() {
        let slugs: Vec<&str> = PRESETS.iter().map(|p| p.slug).collect();
        assert!(slugs[..11].windows(2).all(|w| w[0] < w[1]), "{slugs:?}");
    }

    #[test]
    fn a_preset_bounds_the_retention() {
        let with = |preset: &str, days: u32| {
            Config::parse(&format!(
                "[city]\nname=\"S\"\nslug=\"s\"\npreset=\"{preset}\"\n\
                 [retention]\nreads_days={days}\n"
            ))
        };
        assert!(with("us-wa", 21).is_ok() && with("us-ca", 900).is_ok());
        assert!(with("us-wa", 22).unwrap_err().to_string().contains("at most 21 days"));
        assert!(with("us-zz", 1).unwrap_err().to_string().contains("known are us-ca"));
    }
}
