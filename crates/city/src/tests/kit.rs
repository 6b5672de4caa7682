//! A small city for this crate's tests.

use crate::{Ask, City, Config, InitOptions, NewPerson, init};
use base::{LeaseId, ManualClock, PersonId, ReadId, Result, SigningKey, Time};
use ledger::Memory;
use plate::Odds;
use read::{OpenKey, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::CameraRow;

/// A city with one camera, `cam_one`, and one person, `per_admin`, an officer and administrator.
pub(crate) struct Town {
    pub dir: tempfile::TempDir,
    pub clock: Arc<ManualClock>,
    pub city: Arc<City>,
    pub auditors: OpenKey,
    /// The administrator's key.
    pub admin_key: SigningKey,
}

pub(crate) fn at(text: &str) -> Time {
    text.parse().unwrap()
}

pub(crate) fn person() -> PersonId {
    "per_admin".parse().unwrap()
}

/// This person has a session at a desk, too.
pub(crate) fn at_the_desk(city: &City, who: &PersonId) {
    let opening = identity::Opening {
        person: who.clone(),
        how: identity::How::Passkey,
        class: identity::DeviceClass::Desk,
        device: None,
        place: "desk".into(),
    };
    city.sessions().open(opening, city.now());
}

/// A person who may place holds.
pub(crate) fn clerk() -> PersonId {
    "per_clerk".parse().unwrap()
}

/// A person who may vouch for papers, and is there once [`Town::court_order`] was called.
pub(crate) fn counsel() -> PersonId {
    "per_counsel".parse().unwrap()
}

pub(crate) fn options(config: Config, auditors: &OpenKey) -> InitOptions {
    options_of(config, auditors, &SigningKey::generate())
}

fn options_of(config: Config, auditors: &OpenKey, key: &SigningKey) -> InitOptions {
    InitOptions {
        config,
        admin: person(),
        admin_name: "Administrator".into(),
        roles: ["administrator", "officer", "auditor"].map(String::from).to_vec(),
        key: Some(key.public()),
        charter_key: None,
        provers: Vec::new(),
        auditors: auditors.public().unwrap(),
    }
}

/// A copy of a city's folder.
pub(crate) struct Backup {
    _dir: tempfile::TempDir,
    path: PathBuf,
    pub clock: Arc<ManualClock>,
}

impl Backup {
    pub fn path(&self) -> &Path {
        self.path.as_path()
    }

    pub fn open(&self) -> Result<Arc<City>> {
        self.open_with(None)
    }

    pub fn open_with(&self, memory: Option<&Memory>) -> Result<Arc<City>> {
        City::open_with(self.path(), self.clock.clone(), memory.cloned())
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &there),
            false => std::fs::copy(entry.path(), &there).map(|_| ()).unwrap(),
        }
    }
}

impl Town {
    /// `more` stands behind `[city]` in its configuration.
    pub fn new(start: &str, more: &str) -> Town {
        Self::with(start, more, &[])
    }

    /// The same, with these files in its folder.
    pub fn with(start: &str, more: &str, files: &[(&str, &str)]) -> Town {
        Self::made(start, more, files, &[])
    }

    /// The same, where these keys prove.
    pub fn made(
        start: &str,
        more: &str,
        files: &[(&str, &str)],
        provers: &[identity::SignerKey],
    ) -> Town {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let clock = Arc::new(ManualClock::new(at(start)));
        let config = Config::parse(&format!("[city]\nname=\"S\"\nslug=\"s\"\n{more}")).unwrap();
        let auditors = OpenKey::generate();
        let admin_key = SigningKey::generate();
        let mut options = options_of(config, &auditors, &admin_key);
        options.provers = provers.to_vec();
        init(dir.path(), &options, clock.as_ref()).unwrap();
        let city = City::open(dir.path(), clock.clone()).unwrap();
        let camera = CameraRow {
            id: "cam_one".parse().unwrap(),
            name: "One".into(),
            lat: None,
            lon: None,
            device_key: None,
            off_since: None,
        };
        city.store.put_camera(&camera).unwrap();
        let clerk = NewPerson {
            id: clerk(),
            name: "Clerk".into(),
            office: "clerk".into(),
            roles: vec!["clerk".into()],
            key: SigningKey::generate().public(),
        };
        city.add_person(&person(), clerk).unwrap();
        Town { dir, clock, city, auditors, admin_key }
    }

    /// A warrant that the clerk attests, until then; its number here.
    pub fn warrant(&self, until: Time) -> String {
        let warrant = crate::NewPaper {
            kind: crate::PaperKind::JudicialWarrant,
            reference: "SW-26-112".into(),
            agency: None,
            key: None,
            expires: until,
        };
        self.city.attest(&clerk(), warrant).unwrap().id
    }

    /// A court's order to preserve reads for this key, that counsel attests for a month; its number here.
    pub fn court_order(&self, key: &OpenKey) -> String {
        if self.city.person(&counsel()).is_err() {
            let new = NewPerson {
                id: counsel(),
                name: "Counsel".into(),
                office: "counsel".into(),
                roles: vec!["counsel".into()],
                key: SigningKey::generate().public(),
            };
            self.city.add_person(&person(), new).unwrap();
        }
        let order = crate::NewPaper {
            kind: crate::PaperKind::CourtOrder,
            reference: "24-CV-0815".into(),
            agency: None,
            key: Some(key.public().unwrap().to_string()),
            expires: self.city.now().plus_millis(30 * 86_400_000),
        };
        self.city.attest(&counsel(), order).unwrap().id
    }

    /// The city's folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What a backup of this moment holds.
    pub fn copy(&self) -> Backup {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("city");
        copy(self.dir.path(), &path);
        Backup { _dir: dir, path, clock: self.clock.clone() }
    }

    /// A car has passed at this moment of the clock.
    pub fn pass(&self, plate: &str) {
        self.pass_read_as(plate.chars().map(|c| vec![(c, 0.99)]).collect());
    }

    /// The same, where the reader gives each place these odds.
    pub fn pass_read_as(&self, odds: Vec<Vec<(char, f32)>>) {
        let now = self.city.now();
        let pass = Read {
            id: ReadId::new(now, base::random()),
            camera: "cam_one".parse().unwrap(),
            lease: LeaseId::new(now, base::random()),
            counter: 1,
            captured: now,
            first: now,
            last: now,
            frames: 3,
            odds: Odds::new(odds).unwrap(),
            confidence: 0.9,
            region: None,
            corners: [[0, 0], [9, 0], [9, 4], [0, 4]],
            frame_size: [640, 360],
            picture: None,
            sighting: Default::default(),
        };
        self.city.load_for_bench(vec![Arc::new(pass)]).unwrap();
    }

    /// A question about the hour until now.
    pub fn question(&self, plate: &str) -> Ask {
        Ask {
            purpose: "stolen-vehicle".into(),
            case: Some("26-0417".into()),
            authority: None,
            paper: None,
            emergency: false,
            on_behalf_of: None,
            reason: None,
            plates: vec![plate.into()],
            look_alikes: false,
            cameras: Vec::new(),
            area: None,
            from: self.city.now().plus_millis(-3_600_000),
            until: self.city.now().plus_millis(1),
            reveal_after: None,
        }
    }

    /// The entries of a type, oldest first.
    pub fn logged(&self, kind: &str) -> Vec<ledger::Leaf> {
        let mut leaves = self.city.log.leaves(0, self.city.log.size()).unwrap();
        leaves.retain(|leaf| leaf.kind == kind);
        leaves
    }
}
