//! Another version over the data of a city: said beforehand, done, and undone by itself where it does not run. Nothing
//! that was acknowledged is lost either way, and the log verifies after each.

use crate::callers::{Caller, Device};
use crate::crash::plate;
use crate::world::{Done, EXE, World};
use base::{Clock, SystemClock};
use serde_json::json;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use testkit::postgres::Database;

const BATCH: usize = 20;

/// A city with cameras, people and reads that stopped, in the schema of before the newest migrations.
struct Older {
    world: World,
    plates: Vec<String>,
    /// Where the store is in PostgreSQL.
    database: Option<Database>,
}

impl Older {
    fn new() -> Self {
        Self::made(None)
    }

    fn made(database: Option<Database>) -> Self {
        let mut world = World::new();
        match &database {
            None => world.init(),
            Some(database) => world.init_with(&["--postgres", &database.url()]),
        }
        // `homeplate upgrade` listens where the configuration says.
        world.configure("127.0.0.1:8080", &format!("127.0.0.1:{}", world.port()));
        world.serve();
        world.person("otto", "officer");
        let mut device = Device::enrol(&world, "main-st");
        device.renew(SystemClock.now()).expect("a lease");
        let plates: Vec<String> = (0..BATCH).map(plate).collect();
        let batch = device.batch(&plates, SystemClock.now());
        assert_eq!(device.send(&batch).expect("stored").new, BATCH);
        world.kill();
        let out = Self { world, plates, database };
        out.back_in_time(None);
        out
    }

    /// As the version of before had it; the newest migration of the kind `broken` will fail.
    fn back_in_time(&self, broken: Option<&str>) {
        let program = Path::new(EXE).with_file_name("examples").join("older");
        let mut command = Command::new(program);
        match &self.database {
            None => command.arg(self.world.path("city/store")),
            Some(database) => command.args(["--postgres", &database.url(), "homeplate"]),
        };
        let done = command.args(broken).output().expect("runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn upgrade(&self, more: &[&str]) -> Done {
        self.world.plain(&[&["upgrade", "--data", "city"], more].concat())
    }

    /// What the databases are, byte by byte, by name.
    fn databases(&self) -> Vec<(String, Vec<u8>)> {
        let files = self.world.files("city/store").into_iter();
        let files = files.filter(|path| path.extension().is_some_and(|e| e == "db"));
        files.map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
    }

    /// The same of a PostgreSQL database: every schema, table and row.
    fn dump(&self) -> Vec<String> {
        let database = self.database.as_ref().expect("a database");
        let dump = database.dump_without("_nothing").expect("a dump");
        // `pg_dump` protects its text by a word of its own, another each time.
        let lines = dump.lines().filter(|line| !line.contains("restrict ") && !line.is_empty());
        let mut lines: Vec<String> = lines.map(str::to_owned).collect();
        lines.sort();
        lines
    }

    #[track_caller]
    fn is_older(&self) {
        let said = self.upgrade(&["--check"]).good();
        assert!(said.contains("databases  3 of 3 change"), "{said}");
    }

    #[track_caller]
    fn no_copies_and_a_good_log(&self) {
        assert!(!self.world.path("city/before-upgrade").exists());
        self.world.plain(&["verify", "city/log", "--vkey-file", "city/log.vkey"]).good();
    }

    /// Serves, answers what was acknowledged before, and ends.
    #[track_caller]
    fn nothing_is_lost(&mut self) {
        self.world.serve();
        let answer = Caller::person(&self.world, "otto").ask(&self.plates).expect("an answer");
        assert_eq!(answer.opened, BATCH as u64);
        self.world.plain(&["verify", &self.world.url()]).good();
        let said = self.upgrade(&[]);
        assert!(said.err.contains("stop it first"), "it runs: {}", said.err);
        self.world.kill();
        self.no_copies_and_a_good_log();
    }
}

#[test]
fn an_upgrade_is_said_and_done() {
    let mut city = Older::new();
    let before = city.databases();
    assert_eq!(before.len(), 3);
    let said = city.upgrade(&["--check"]).good();
    for words in
        ["3 of 3 change", "control.db from ", "hotlist.db from ", "reads/", "takes ", "back "]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(city.databases() == before, "it was only looked at");
    let said = city.upgrade(&[]).good();
    assert!(said.contains("migrated  3 databases"), "{said}");
    city.no_copies_and_a_good_log();
    let said = city.upgrade(&["--check"]).good();
    assert!(said.contains("databases  3, as they are"), "{said}");
    city.nothing_is_lost();
    // Once more there is nothing to change, and it is tried all the same.
    let said = city.upgrade(&[]).good();
    assert!(said.contains("migrated  0 databases"), "{said}");
    city.no_copies_and_a_good_log();
}

#[test]
fn an_upgrade_that_does_not_run_is_undone() {
    let mut city = Older::new();
    let before = city.databases();
    // The migrations are done when it turns out that nobody can be served.
    let taken = TcpListener::bind(("127.0.0.1", city.world.port())).expect("a port");
    let said = city.upgrade(&[]);
    assert_eq!(said.code, 12, "{}\n{}", said.out, said.err);
    assert!(said.err.contains("cannot be listened on"), "{}", said.err);
    assert!(said.err.contains("does not run over the city's data"), "{}", said.err);
    for name in ["kept      control.db", "put back  control.db", "put back  reads/"] {
        assert!(said.out.contains(name), "{name}: {}", said.out);
    }
    assert!(city.databases() == before, "they are as they were");
    city.no_copies_and_a_good_log();
    drop(taken);
    // A key that cannot be read, found before anything is migrated.
    let (key, away) = (city.world.path("city/keys/log.key"), city.world.path("log.key"));
    std::fs::rename(&key, &away).unwrap();
    let said = city.upgrade(&[]);
    assert_ne!(said.code, 0, "{}", said.out);
    assert!(city.databases() == before);
    std::fs::rename(&away, &key).unwrap();
    city.no_copies_and_a_good_log();
    // A migration that fails after others are done: the check finds it, and it is undone.
    city.back_in_time(Some("hotlist"));
    let before = city.databases();
    let said = city.upgrade(&["--check"]);
    assert_ne!(said.code, 0, "{}", said.out);
    let said = city.upgrade(&[]);
    assert_ne!(said.code, 0, "{}", said.out);
    assert!(said.err.contains("does not run over"), "{}", said.err);
    assert!(city.databases() == before);
    city.no_copies_and_a_good_log();
    city.back_in_time(None);
    city.upgrade(&[]).good();
    city.nothing_is_lost();
}

#[test]
fn copies_are_kept_and_put_back_by_hand() {
    let mut city = Older::new();
    let before = city.databases();
    let said = city.upgrade(&["--keep", "copies"]).good();
    assert_eq!(said.lines().count(), 3, "{said}");
    for file in city.world.files("copies") {
        use std::os::unix::fs::PermissionsExt;
        for path in [file.as_path(), file.parent().unwrap()] {
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} may spell plates", path.display());
        }
    }
    city.nothing_is_lost();
    assert!(city.databases() != before, "the new version was there");
    let said = city.upgrade(&["--put-back", "copies"]).good();
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(city.databases() == before && !city.world.path("copies").exists());
    city.is_older();
    let said = city.upgrade(&["--put-back", "copies"]);
    assert_ne!(said.code, 0, "there are none any more: {}", said.out);
    // Where the package keeps them: told of, until a server serves.
    city.upgrade(&["--keep"]).good();
    assert!(city.world.path("city/before-upgrade/control.db").exists());
    let said = city.upgrade(&["--check"]).good();
    assert!(said.contains("cut off"), "{said}");
    city.nothing_is_lost();
}

/// A city may ask for signatures over a package; the version that runs counts them.
#[test]
fn a_package_is_signed_by_several() {
    let world = World::new();
    world.init();
    let public = |name: &str| {
        let (id, file) = (format!("per_{name}"), format!("{name}.key"));
        world.plain(&["key", "new", "--person", &id, "--out", &file]).good();
        let shown = world.plain(&["key", "show", &file]).good();
        shown.split_whitespace().nth(1).expect("a key").to_owned()
    };
    let [ann, ben, carl] = ["ann", "ben", "carl"].map(public);
    assert_ne!(ann, carl);
    let package = world.path("homeplate_9.deb");
    std::fs::write(&package, b"a package").unwrap();
    let sign = |name: &str| {
        let key = format!("{name}.key");
        world.plain(&["upgrade", "--sign", "homeplate_9.deb", "--key", &key])
    };
    let asked = || world.plain(&["upgrade", "--package", "homeplate_9.deb", "--data", "city"]);
    assert!(asked().good().contains("no signatures"));
    let file = world.path("city/homeplate.toml");
    let config = std::fs::read_to_string(&file).unwrap();
    let section = |signatures: u32| {
        let mut all: toml::Table = toml::from_str(&config).unwrap();
        let mut section = toml::Table::new();
        section.insert("signatures".into(), i64::from(signatures).into());
        let mut named = toml::Table::new();
        named.insert("per_ann".into(), ann.as_str().into());
        named.insert("per_ben".into(), ben.as_str().into());
        section.insert("signers".into(), named.into());
        all.insert("upgrade".into(), section.into());
        std::fs::write(&file, toml::to_string(&all).unwrap()).unwrap();
    };
    section(3);
    assert!(asked().err.contains("at most"), "nobody could ever sign enough");
    section(2);
    let refused = |want: &str| {
        let said = asked();
        assert!(said.code != 0 && said.err.contains(want), "{}: {}", said.code, said.err);
    };
    refused("0 of 2");
    sign("ann").good();
    sign("ann").good();
    sign("carl").good();
    refused("1 of 2");
    sign("ben").good();
    let said = asked().good();
    assert!(
        said.contains("per_ann") && said.contains("per_ben") && !said.contains("carl"),
        "{said}"
    );
    // In ben's name with another's key.
    let signed = world.path("homeplate_9.deb.signed");
    let kept = std::fs::read(&signed).unwrap();
    std::fs::remove_file(&signed).unwrap();
    sign("ann").good();
    let forged = std::fs::read_to_string(world.path("carl.key")).unwrap().replace("carl", "ben");
    base::write_secret(&world.path("forged.key"), forged.as_bytes()).unwrap();
    sign("forged").good();
    refused("1 of 2");
    // Other bytes.
    std::fs::write(&signed, kept).unwrap();
    asked().good();
    std::fs::write(&package, b"another package").unwrap();
    refused("0 of 2");
    assert!(sign("ann").err.contains("another package"));
    let none = world.plain(&["upgrade", "--package", "--data", "city"]);
    assert!(none.code != 0 && none.err.contains("HOMEPLATE_PACKAGE"), "{}", none.err);
}

/// On PostgreSQL copies are schemas beside the others.
#[test]
fn an_upgrade_on_postgres_is_done_and_undone() {
    let mut city = Older::made(Some(Database::new().expect("a database")));
    let before = city.dump();
    let copies = |city: &Older| {
        city.dump().iter().filter(|line| line.starts_with("CREATE SCHEMA homeplate_before")).count()
    };
    let said = city.upgrade(&["--check"]).good();
    for words in ["3 of 3 change", "homeplate from ", "homeplate_hotlist from ", "homeplate_d2"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(city.dump() == before, "it was only looked at");
    assert_ne!(city.upgrade(&["--keep", "copies"]).code, 0, "they lie in the database");
    // Everything is migrated when it turns out that nobody can be served.
    let taken = TcpListener::bind(("127.0.0.1", city.world.port())).expect("a port");
    let said = city.upgrade(&[]);
    assert_eq!(said.code, 12, "{}\n{}", said.out, said.err);
    assert!(said.err.contains("cannot be listened on"), "{}", said.err);
    assert!(said.out.contains("put back  homeplate_d2"), "{}", said.out);
    assert!(city.dump() == before, "it is as it was");
    city.no_copies_and_a_good_log();
    drop(taken);
    // A migration that fails after others are done.
    city.back_in_time(Some("hotlist"));
    let broken = city.dump();
    assert_ne!(city.upgrade(&["--check"]).code, 0);
    let said = city.upgrade(&[]);
    assert!(said.code != 0 && said.err.contains("does not run over"), "{}", said.err);
    assert!(city.dump() == broken);
    city.back_in_time(None);
    // As the package does it: what was kept is put back, or goes when the server serves.
    city.upgrade(&["--keep"]).good();
    assert_eq!(copies(&city), 3);
    assert!(city.upgrade(&["--check"]).good().contains("cut off"));
    city.upgrade(&["--put-back"]).good();
    assert_eq!(copies(&city), 0);
    city.is_older();
    city.upgrade(&["--keep"]).good();
    city.nothing_is_lost();
    assert_eq!(copies(&city), 0);
    city.back_in_time(None);
    let said = city.upgrade(&[]).good();
    assert!(said.contains("migrated  3 databases"), "{said}");
    assert_eq!(copies(&city), 0);
    city.nothing_is_lost();
}

/// A camera that was renewed before its city says more than the city understands: it goes on being seen, and what it
/// said besides is nowhere.
#[test]
fn a_camera_newer_than_its_city_is_seen() {
    let mut world = World::new();
    world.init();
    world.serve();
    let device = Device::enrol(&world, "main-st");
    let secret = plate(77);
    let beat = |extra: serde_json::Value| {
        let mut beat = json!({
            "v": 1, "at": SystemClock.now(), "version": "9.1.0", "lease": "no-lease", "live": true, "fps": 9.5,
            "frames": 10, "dropped": 0, "restarts": 0, "scene": "ok", "read": 0, "unread": 0, "waiting": 0, "lost": 0,
        });
        beat.as_object_mut().expect("an object").extend(extra.as_object().cloned().expect("one"));
        device.caller.post::<serde_json::Value>("/v1/heartbeats", &beat)
    };
    beat(json!({"note": secret, "lens": {"seen": [secret]}})).expect("taken");
    let said = world.by("admin", &["cameras"]).good();
    assert!(said.contains("9.5 frames/s"), "{said}");
    // What it does understand it still judges.
    beat(json!({"version": secret})).expect_err("free text where a version stands");
    beat(json!({"v": 2})).expect_err("another form");
    let told = world.server_output();
    assert!(told.contains("/v1/heartbeats") && !told.contains(&secret), "{told}");
    world.kill();
    for file in world.files("city") {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&secret), "{} has it", file.display());
    }
}
