//! Regions as makers name them: `us-ca`, `SWE`, `de`. What is not sure to be one becomes none.

/// ISO 3166 codes of three letters and the two that stand for the same country; the countries whose
/// formats are known, and their neighbours. Canada keeps its three: `ca` is California to who compares states.
const THREE: [(&str, &str); 62] = [
    ("alb", "al"),
    ("and", "ad"),
    ("arg", "ar"),
    ("arm", "am"),
    ("aus", "au"),
    ("aut", "at"),
    ("aze", "az"),
    ("bel", "be"),
    ("bgr", "bg"),
    ("bih", "ba"),
    ("blr", "by"),
    ("bra", "br"),
    ("can", "can"),
    ("che", "ch"),
    ("chl", "cl"),
    ("chn", "cn"),
    ("col", "co"),
    ("cyp", "cy"),
    ("cze", "cz"),
    ("deu", "de"),
    ("dnk", "dk"),
    ("esp", "es"),
    ("est", "ee"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("gbr", "gb"),
    ("geo", "ge"),
    ("grc", "gr"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ind", "in"),
    ("irl", "ie"),
    ("isl", "is"),
    ("isr", "il"),
    ("ita", "it"),
    ("jpn", "jp"),
    ("kaz", "kz"),
    ("kor", "kr"),
    ("lie", "li"),
    ("ltu", "lt"),
    ("lux", "lu"),
    ("lva", "lv"),
    ("mco", "mc"),
    ("mda", "md"),
    ("mex", "mx"),
    ("mkd", "mk"),
    ("mlt", "mt"),
    ("mne", "me"),
    ("nld", "nl"),
    ("nor", "no"),
    ("nzl", "nz"),
    ("pol", "pl"),
    ("prt", "pt"),
    ("rou", "ro"),
    ("rus", "ru"),
    ("srb", "rs"),
    ("svk", "sk"),
    ("svn", "si"),
    ("swe", "se"),
    ("tur", "tr"),
    ("ukr", "ua"),
    ("usa", "us"),
];

/// The region of a maker's code: two letters, three of a country in the table, or `us-ca`.
pub(super) fn region(code: &str) -> Option<String> {
    let code = code.trim().to_ascii_lowercase();
    let letters = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_lowercase());
    match code.split_once('-') {
        Some((country, part)) => (letters(country) && letters(part)).then_some(code),
        None if letters(&code) => Some(code),
        None => THREE.iter().find(|(three, _)| *three == code).map(|(_, two)| (*two).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (code, want) in [
            ("US-CA", Some("us-ca")),
            ("gb", Some("gb")),
            ("SWE", Some("se")),
            ("CAN", Some("can")),
            ("Poland", None),
            ("46", None),
            ("", None),
            ("us-", None),
            ("us-cal", None),
        ] {
            assert_eq!(region(code).as_deref(), want, "{code}");
        }
        assert!(THREE.is_sorted());
    }
}
