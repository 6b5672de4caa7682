//! What people and files write for a state, as the code that is compared.
//!
//! A state that is spelled in a way which no read has would contradict every read: its vehicles would never be found. What
//! is neither known here nor a code is therefore none ([`state_code`]), and whoever wrote it is told.

use crate::model;
use read::StateBasis;
use std::collections::HashMap;
use std::sync::LazyLock;

/// A line for each state: its code, and what else stands for it, in lower case and without spaces, points and commas.
/// Two letters are a state of the United States first, as in their lists; `d` and `deu` are what European ones write.
const STATES: &str = "\
us usa unitedstates unitedstatesofamerica
us-al alabama ala
us-ak alaska
us-az arizona ariz
us-ar arkansas ark
us-ca california calif cal
us-co colorado colo
us-ct connecticut conn
us-de delaware del
us-dc districtofcolumbia washingtondc
us-fl florida fla
us-ga georgia
us-hi hawaii
us-id idaho
us-il illinois ill
us-in indiana ind
us-ia iowa
us-ks kansas kans
us-ky kentucky
us-la louisiana
us-me maine
us-md maryland
us-ma massachusetts mass
us-mi michigan mich
us-mn minnesota minn
us-ms mississippi miss
us-mo missouri
us-mt montana mont
us-ne nebraska nebr
us-nv nevada nev
us-nh newhampshire
us-nj newjersey
us-nm newmexico
us-ny newyork
us-nc northcarolina
us-nd northdakota
us-oh ohio
us-ok oklahoma okla
us-or oregon ore
us-pa pennsylvania penn penna
us-ri rhodeisland
us-sc southcarolina
us-sd southdakota
us-tn tennessee tenn
us-tx texas tex
us-ut utah
us-vt vermont
us-va virginia
us-wa washington wash
us-wv westvirginia
us-wi wisconsin wis
us-wy wyoming wyo
us-as americansamoa
us-gu guam
us-mp northernmarianaislands
us-pr puertorico
us-vi virginislands usvirginislands
can canada
ca-ab alberta
ca-bc britishcolumbia
ca-mb manitoba
ca-nb newbrunswick
ca-nl newfoundland newfoundlandandlabrador
ca-ns novascotia
ca-nt northwestterritories
ca-nu nunavut
ca-on ontario
ca-pe princeedwardisland
ca-qc quebec québec
ca-sk saskatchewan
ca-yt yukon
mx mexico méxico mex
at austria österreich a aut
be belgium belgique belgië b bel
bg bulgaria bgr
br brazil brasil bra
ch switzerland schweiz suisse che
cy cyprus cyp
cz czechia czechrepublic cze
de germany deutschland d deu
dk denmark danmark dnk
ee estonia est
es spain españa e esp
fi finland suomi fin
fr france f fra
gb unitedkingdom greatbritain uk gbr
gr greece grc
hr croatia hrvatska hrv
hu hungary h hun
ie ireland irl
it italy italia i ita
lt lithuania ltu
lu luxembourg l lux
lv latvia lva
mt malta m mlt
nl netherlands nederland thenetherlands nld
no norway norge n nor
pl poland polska pol
pt portugal p prt
ro romania rou
rs serbia srb
se sweden sverige s swe
si slovenia slo svn
sk slovakia svk
ua ukraine ukr
ad andorra and
am armenia arm
au australia aus
ba bosniaandherzegovina bosnaihercegovina bosnia bih
by belarus blr
cl chile chl
cn china chn
ge geo
is iceland ísland isl
jp japan jpn
kr southkorea korea kor
kz kazakhstan kaz
li liechtenstein lie
mc monaco mco
mk northmacedonia mkd
nz newzealand nzl
ru russia russianfederation rus
tr turkey türkiye turkiye tur
al albania alb
ar argentina arg
az azerbaijan aze
co colombia col
il israel isr
in india ind
md moldova mda
me montenegro mne
";

/// Every spelling, with its code.
static SPELLINGS: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for line in STATES.lines() {
        let code = line.split(' ').next().unwrap_or_default();
        for spelling in line.split(' ').chain(code.strip_prefix("us-")) {
            all.entry(spelling).or_insert(code);
        }
    }
    all
});

/// The code of a state that is known, however it is spelled: `us-ca`, `can`, `de`.
pub(crate) fn known(written: &str) -> Option<&'static str> {
    let plain = written.trim().chars().filter(|c| !matches!(c, ' ' | '.' | ','));
    // The longest spelling has 23 characters.
    let plain: String = plain.flat_map(char::to_lowercase).take(40).collect();
    SPELLINGS.get(plain.as_str()).copied()
}

/// The code of a state as somebody wrote it: `CA`, `us-ca` and `California` are `us-ca`. A short code of elsewhere (`ON`,
/// `ca-on`, `KEN`) is itself in lower case; `None` for what is no state, among that a word that is not known.
pub fn state_code(written: &str) -> Option<String> {
    let fine = |part: &str, least: usize| {
        (least..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    known(written).map(str::to_owned).or_else(|| {
        let code = written.trim().to_ascii_lowercase();
        let is_code = match code.split_once('-') {
            None => fine(&code, 1),
            Some((country, part)) => country != "us" && fine(country, 2) && fine(part, 1),
        };
        is_code.then_some(code)
    })
}

/// Whether two states are surely different ones: both are known, and neither is a part of the other.
pub fn states_contradict(one: &str, other: &str) -> bool {
    match (known(one), known(other)) {
        (Some(one), Some(other)) => model::states(one, other) == StateBasis::Differs,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_however_it_is_spelled() {
        for (written, code) in [
            ("CA", Some("us-ca")),
            (" us-CA ", Some("us-ca")),
            ("California", Some("us-ca")),
            ("Texas", Some("us-tx")),
            ("TEX", Some("us-tx")),
            ("new  york", Some("us-ny")),
            ("N.Y.", Some("us-ny")),
            ("Washington, D.C.", Some("us-dc")),
            ("U.S.A.", Some("us")),
            ("PR", Some("us-pr")),
            ("DE", Some("us-de")),
            ("D", Some("de")),
            ("Österreich", Some("at")),
            ("ON", Some("on")),
            ("ca-on", Some("ca-on")),
            ("mx-bcn", Some("mx-bcn")),
            ("BIH", Some("ba")),
            ("Türkiye", Some("tr")),
            ("MNE", Some("me")),
            ("us-zz", None),
            ("Atlantis", None),
            ("California!", None),
            ("-", None),
            ("ca-", None),
            ("ca-on-x", None),
            ("", None),
        ] {
            assert_eq!(state_code(written).as_deref(), code, "{written:?}");
        }
        for region in plate::regions() {
            assert!(known(&region.code).is_some(), "{}", region.code);
        }
    }

    #[test]
    fn only_known_states_contradict() {
        for (one, other, want) in [
            ("Texas", "us-tx", false),
            ("texas", "us-ca", true),
            ("us", "us-ca", false),
            ("Germany", "DE", false),
            ("atlantis", "us-ca", false),
            ("ON", "us-ca", false),
            ("Ontario", "CA", true),
        ] {
            assert_eq!(states_contradict(one, other), want, "{one} {other}");
            assert_eq!(states_contradict(other, one), want, "{one} {other}");
        }
    }
}
