//! The three kinds of files and their migrations: numbered, frozen, applied one by one.

/// What a database file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Cameras, leases, people, hits.
    Control,
    /// The hot list.
    HotList,
    /// One day of reads.
    Reads,
}

macro_rules! sql {
    ($folder:literal: $($name:literal),+) => {
        &[$(include_str!(concat!("../../migrations/", $folder, "/", $name, ".sql"))),+]
    };
}

impl Kind {
    /// Stands in the header of the file and says whose it is: `HPc1`, `HPh1`, `HPr1`.
    pub fn application_id(self) -> i64 {
        i64::from(i32::from_be_bytes(match self {
            Kind::Control => *b"HPc1",
            Kind::HotList => *b"HPh1",
            Kind::Reads => *b"HPr1",
        }))
    }

    /// What the table of migrations calls it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Control => "control",
            Kind::HotList => "hotlist",
            Kind::Reads => "reads",
        }
    }

    /// Every migration, the first first. A published one never changes: the next one mends it.
    pub fn migrations(self) -> &'static [&'static str] {
        match self {
            Kind::Control => sql!(
                "control": "0001_control", "0002_reveals", "0003_holds", "0004_packs", "0005_places", "0006_identity", "0007_oversight", "0008_basis", "0009_cards", "0010_delivery", "0011_drills", "0012_fetched", "0013_findings", "0014_preserving"
            ),
            Kind::HotList => {
                sql!("hotlist": "0001_entries", "0002_lists", "0003_wanted", "0004_marks", "0005_own", "0006_ends")
            }
            Kind::Reads => sql!("reads": "0001_sealed_reads", "0002_scan", "0003_packs"),
        }
    }

    /// The schema that they lead to, as one piece.
    pub fn fresh(self) -> &'static str {
        match self {
            Kind::Control => include_str!("../../schema/control.sql"),
            Kind::HotList => include_str!("../../schema/hotlist.sql"),
            Kind::Reads => include_str!("../../schema/reads.sql"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sqlite::Db;

    const KINDS: [Kind; 3] = [Kind::Control, Kind::HotList, Kind::Reads];

    #[test]
    fn replayed_equals_fresh() {
        for kind in KINDS {
            let replayed = Db::replayed(kind).unwrap().shape().unwrap();
            assert_eq!(replayed, Db::fresh(kind).unwrap().shape().unwrap(), "{kind:?}");
            assert!(!replayed.is_empty());
        }
    }

    /// Only ever add lines here. A hash that changes means that cities have another schema than
    /// the program believes.
    #[test]
    fn published_migrations_are_frozen() {
        let frozen = [
            "Control 1 36486bb664b885e6",
            "Control 2 8e84d666a4d7d840",
            "Control 3 ba7342794015e531",
            "Control 4 8d2ee4dffeca05d5",
            "Control 5 cd0d76ebafa6bf30",
            "Control 6 61f078314af458b7",
            "Control 7 1cb598bc91582edb",
            "Control 8 d19802b62e479cd5",
            "Control 9 2af465f762e90a20",
            "Control 10 6028d5fa67d099df",
            "Control 11 d183fde3cbde8d05",
            "Control 12 db05ac842cbb8a51",
            "Control 13 55982201efaabbe0",
            "Control 14 7e21ddd38acdbf04",
            "HotList 1 3a491dcb667cd5d1",
            "HotList 2 2de3a42235dee1fe",
            "HotList 3 7588d3b59e9bf7fc",
            "HotList 4 98b924fbd28a9099",
            "HotList 5 d645b740dcbbc829",
            "HotList 6 50e80cd49c3ee1a3",
            "Reads 1 6f1093ac2475af84",
            "Reads 2 541e6ee9ea2b00dd",
            "Reads 3 ea200b4d49e81e8b",
        ];
        let now: Vec<String> = KINDS
            .iter()
            .flat_map(|kind| {
                (1..).zip(kind.migrations()).map(move |(n, sql)| {
                    let hash = base::sha256(sql.as_bytes());
                    let hex: String = hash[..8].iter().map(|b| format!("{b:02x}")).collect();
                    format!("{kind:?} {n} {hex}")
                })
            })
            .collect();
        assert_eq!(now, frozen);
    }
}
