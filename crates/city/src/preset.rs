//! What a configuration asks of a law preset: its name, and how long reads may be kept.
//!
//! The presets themselves are in `policy`, with their sources and their rules.

use std::sync::LazyLock;

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
    /// All that is known of it.
    pub law: &'static policy::Preset,
}

/// Every preset.
pub static PRESETS: LazyLock<Vec<Preset>> =
    LazyLock::new(|| policy::Preset::all().iter().map(preset).collect());

fn preset(law: &'static policy::Preset) -> Preset {
    Preset {
        slug: law.slug,
        name: &law.law.name,
        longest_days: law.longest_retention(),
        source: &law.law.law,
        law,
    }
}

/// The preset of this name.
pub fn find(slug: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|p| p.slug == slug)
}

impl Preset {
    /// What to know of it, in a sentence.
    pub fn sentence(&self) -> String {
        self.law.sentence()
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
