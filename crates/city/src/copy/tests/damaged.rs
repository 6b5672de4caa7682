//! Days whose files are damaged or lost here, and what the second place has of them.

use super::*;

const DAY_MS: i64 = 86_400_000;
const DAY: &str = "store/reads/2026-11-01.db";

/// What is done to the folder of a city that is closed.
type Harm<'a> = &'a dyn Fn(&Path);

impl Second {
    /// The same city, started again after something was done to its folder.
    fn after(self, harm: impl FnOnce(&Path)) -> Self {
        let Self { town, place, key } = self;
        let Town { dir, clock, city, auditors, admin_key } = town;
        drop(city);
        harm(dir.path());
        let city = City::open(dir.path(), clock.clone()).unwrap();
        Self { town: Town { dir, clock, city, auditors, admin_key }, place, key }
    }
}

/// Over a restart, and for longer than old copies are kept, the place has the day whole; the other days are copied. Once
/// it is forgotten nothing is kept for it any more.
#[test]
fn a_day_that_is_damaged_or_lost_here_stays_whole_there() {
    let check = |harm: Harm<'_>, told: bool| {
        let second = Second::new("");
        second.town.pass("7ABC123");
        let first = second.town.question("7ABC123");
        second.copier().step(now(&second), false).unwrap();
        second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
        second.town.clock.advance(DAY_MS);
        second.town.pass("7XYZ789");
        let later = second.town.question("7XYZ789");
        let second = second.after(harm);
        let mut reads = second.town.city.reads_copier().unwrap().unwrap();
        for _ in 0..3 {
            second.copier().step(now(&second), false).unwrap();
            let copied = reads.copy(now(&second));
            let named = |said: Option<&str>| said.is_some_and(|s| s.contains("2026-11-01.db"));
            assert_eq!(named(copied.as_ref().err().map(|e| e.message())), told, "{copied:?}");
            let health = second.town.city.copy_health().unwrap();
            assert_eq!(health.reads_at, Some(now(&second)));
            assert_eq!(named(health.late().as_deref()), told, "{health:?}");
            second.town.clock.advance(25 * 3_600_000);
        }
        let (dir, done) = second.restored().unwrap();
        assert_eq!(done.missing, Vec::<String>::new());
        let city = second.open(&dir).unwrap();
        for question in [first, later] {
            assert_eq!(city.ask(&person(), question).unwrap().opened, 1);
        }
        for ms in [22 * DAY_MS, DAY_MS / 4] {
            second.town.clock.advance(ms);
            second.town.city.retain().unwrap();
        }
        for _ in 0..3 {
            second.town.clock.advance(25 * 3_600_000);
            reads.copy(now(&second)).unwrap();
        }
        let states = second.depot().list("r").unwrap();
        assert_eq!(states.iter().filter(|name| name.ends_with("/base")).count(), 2, "{states:?}");
    };
    let damaged = |dir: &Path| fs::write(dir.join(DAY), [7; 5000]).unwrap();
    let behind = |dir: &Path| {
        let mut bytes = fs::read(dir.join(DAY)).unwrap();
        bytes[4096..].fill(7);
        fs::write(dir.join(DAY), bytes).unwrap();
    };
    let lost = |dir: &Path| fs::remove_file(dir.join(DAY)).unwrap();
    let harms: [(Harm<'_>, bool); 3] = [(&damaged, true), (&behind, true), (&lost, false)];
    for (harm, told) in harms {
        check(harm, told);
        // By a version that noted nothing down, or from a backup.
        let unknown = |dir: &Path| {
            harm(dir);
            fs::remove_file(dir.join(days::FILE)).unwrap();
        };
        check(&unknown, told);
    }
}

/// Of a day that was never copied nobody is told that nothing passed.
#[test]
fn a_day_that_no_copy_has_is_said_to_be_missing() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    second.town.clock.advance(DAY_MS);
    let second = second.after(|dir| fs::write(dir.join(DAY), [7; 5000]).unwrap());
    second.copier().step(now(&second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap_err();
    let (dir, done) = second.restored().unwrap();
    assert_eq!(done.missing, [DAY]);
    assert_eq!(second.open(&dir).unwrap().store.check().unwrap(), Vec::<String>::new());
}

/// What is no damage may be over in a moment: what is at the place stays, and it is not said that all reads of this
/// moment are there.
#[test]
fn a_day_that_cannot_be_read_at_the_moment_is_tried_again() {
    let second = Second::new("");
    second.town.pass("7ABC123");
    let question = second.town.question("7ABC123");
    second.copier().step(now(&second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
    let copied = now(&second);
    second.town.clock.advance(3_600_000);
    let second = second.after(|dir| {
        let other = fs::read(dir.join("store/hotlist.db")).unwrap();
        fs::write(dir.join(DAY), other).unwrap();
    });
    second.copier().step(now(&second), false).unwrap();
    let e = second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap_err();
    assert!(e.message().contains("another program's database"), "{e}");
    let health = second.town.city.copy_health().unwrap();
    assert_eq!(health.reads_at, Some(copied));
    let health = CopyHealth { last_good: Some(copied), ..health };
    assert!(reads::due(&health, now(&second).plus_millis(1000), 3600));
    let (dir, done) = second.restored().unwrap();
    assert_eq!((done.reads_at, done.missing), (Some(now(&second)), Vec::new()));
    assert_eq!(second.open(&dir).unwrap().ask(&person(), question).unwrap().opened, 1);
}

/// The disk of the pictures is not mounted at a start: the city starts, and that is no loss at the place.
#[test]
fn pictures_that_are_away_stay_there() {
    let second = Second::new("");
    picture(&second, "2026-11-01/one.pack", 1);
    second.copier().step(now(&second), false).unwrap();
    second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap();
    let copied = now(&second);
    second.town.clock.advance(3_600_000);
    let second = second.after(|dir| {
        fs::remove_dir_all(dir.join("pictures")).unwrap();
        fs::create_dir(dir.join("pictures")).unwrap();
    });
    let health = second.town.city.health();
    assert!(health.iter().any(|one| one.part == "pictures" && !one.fine), "{health:?}");
    second.copier().step(now(&second), false).unwrap();
    let e = second.town.city.reads_copier().unwrap().unwrap().copy(now(&second)).unwrap_err();
    assert!(e.message().contains("mounted"), "{e}");
    let (dir, done) = second.restored().unwrap();
    assert_eq!((done.reads_at, done.missing), (Some(copied), Vec::new()));
    assert!(fs::read(dir.path().join("new/pictures/2026-11-01/one.pack")).unwrap() == pack(1));
}
