//! Lists as small stories: what is brought, what passes, what is raised.

use crate::kit::{Town, clerk, person};
use crate::{
    CheckPlate, Compared, ConfirmImport, HitFinding, ImportPreview, ListSettings, NewEntry,
    NewFound, NewToken, Verdict,
};
use base::{Kind, ListId};
use read::TextBasis;

const HOUR: i64 = 3_600_000;

pub(super) fn list() -> ListId {
    "lst_state".parse().unwrap()
}

pub(super) fn settings(adopted: &str) -> ListSettings {
    ListSettings {
        name: "The state's list".into(),
        default_days: Some(30),
        reason: Some("stolen".into()),
        case: Some("26-0417".into()),
        adopted: (!adopted.is_empty())
            .then(|| adopted.split_whitespace().map(Into::into).collect()),
        category: adopted.split_whitespace().next().map(Into::into),
        longest_age_hours: Some(24),
        ..ListSettings::default()
    }
}

fn town() -> Town {
    let town = Town::new("2026-11-23T12:00:00Z", "state=\"us-ca\"\n");
    town.city.set_list(&person(), &list(), &settings("stolen")).unwrap();
    town
}

fn bring(town: &Town, file: &str) -> ImportPreview {
    town.city.import(&person(), &list(), &mut file.as_bytes(), None).unwrap()
}

/// A file of plates and nothing else.
fn plates(words: &[&str]) -> String {
    let rows = words.iter().map(|plate| format!("{plate},CA\n"));
    std::iter::once("plate,state\n".to_owned()).chain(rows).collect()
}

fn hits(town: &Town) -> usize {
    town.city.relay().unwrap();
    town.city.hits(&person(), 500, None).unwrap().hits.len()
}

/// Plays steps, and says of each what came of it.
fn play(town: &Town, steps: &str) -> String {
    let mut out = Vec::new();
    for step in steps.split(',') {
        let words: Vec<&str> = step.split_whitespace().collect();
        let number = || words[1].parse().unwrap();
        let by = person();
        let done = match words[0] {
            "bring" => {
                let p = bring(town, &plates(&words[1..]));
                Ok(match p.number {
                    Some(n) => {
                        let sum =
                            format!("{n}:+{}~{}-{}={}", p.added, p.changed, p.removed, p.same);
                        sum + &p.doubts.join("&")
                    }
                    None => p.problem.unwrap(),
                })
            }
            "confirm" => {
                let done = town.city.confirm_import(&by, &list(), number(), Default::default());
                done.map(|d| d.state)
            }
            "sure" => {
                let sure = ConfirmImport { sure: true };
                town.city.confirm_import(&by, &list(), number(), sure).map(|d| d.state)
            }
            "undo" => town.city.undo_import(&by, &list(), number()).map(|d| d.state),
            "found" => {
                let new = NewFound { plate: Some(words[1].into()), ..NewFound::default() };
                town.city.found(&by, &list(), new).map(|_| "silent".into())
            }
            "unfound" => {
                let id = town.logged("hotlist.found").pop().and_then(|leaf| leaf.id).unwrap();
                town.city.undo_found(&by, &list(), &id).map(|_| "loud".into())
            }
            "add" => {
                let new = NewEntry {
                    list: list(),
                    plate: words[1].into(),
                    state: None,
                    reason: "stolen".into(),
                    case: "26-0417".into(),
                    expires: town.city.now().plus_millis(720 * HOUR),
                };
                town.city.add_entry(&by, new).map(|_| "added".into())
            }
            "pass" => {
                let before = hits(town);
                town.pass(words[1]);
                Ok((hits(town) - before).to_string())
            }
            "hours" => {
                town.clock.advance(number() * HOUR);
                town.city.tally().map(|()| "later".into())
            }
            "stale" => Ok(town.logged("hotlist.stale").len().to_string()),
            other => panic!("{other}"),
        };
        out.push(done.unwrap_or_else(|e| format!("{:?}", e.kind())));
    }
    out.join(" ")
}

fn check(steps: &str, want: &str) {
    assert_eq!(play(&town(), steps), want, "{steps}");
}

#[test]
fn an_import_raises_hits_only_when_it_is_taken() {
    check(
        "pass 7ABC128,bring 7ABC128,pass 7ABC128,confirm 1,confirm 1,pass 7ABC128",
        "0 1:+1~0-0=0 0 taken taken 1",
    );
    check(
        "bring 7ABC128,bring 7XYZ999,confirm 1,confirm 2,pass 7ABC128",
        "1:+1~0-0=0 2:+1~0-0=0 Conflict taken 0",
    );
    check("bring 7ABC128,hours 25,confirm 1", "1:+1~0-0=0 later Conflict");
    check("confirm 1,undo 1", "NotFound NotFound");
}

#[test]
fn an_import_is_undone() {
    check(
        "bring 7ABC128 7XYZ999,confirm 1,bring 7ABC128,sure 2,pass 7XYZ999,undo 2,pass 7XYZ999,undo 2,undo 1",
        "1:+2~0-0=0 taken 2:+0~0-1=1 taken 0 undone 1 undone Conflict",
    );
    check(
        "bring 7ABC128,confirm 1,undo 1,pass 7ABC128,confirm 1",
        "1:+1~0-0=0 taken undone 0 Conflict",
    );
}

/// The same file again changes nothing, though an end without a date is thirty days from the file on. It gets a new one
/// in time: what the file has goes on as long as it comes.
#[test]
fn an_end_that_the_list_makes_is_renewed_in_time() {
    let ends = |steps: &str, want: &str, days: i64| {
        let town = town();
        assert_eq!(play(&town, steps), want, "{steps}");
        let rows = town.city.store.entries().unwrap();
        assert_eq!(rows[0].expires.since(town.city.now()), days * 24 * HOUR, "{steps}");
        assert_eq!(town.city.hot.len(), 1);
    };
    ends(
        "bring 7ABC128,confirm 1,hours 120,bring 7ABC128,confirm 2,hours 120,bring 7ABC128,confirm 3,hours 120,\
         bring 7ABC128,confirm 4",
        "1:+1~0-0=0 taken later 2:+0~0-0=1 taken later 3:+0~1-0=0 taken later 4:+0~0-0=1 taken",
        25,
    );
    // What the other side calls unchanged is read again after half of the life: a quarter is left then.
    ends(
        "bring 7ABC128,confirm 1,hours 168,bring 7ABC128,confirm 2,hours 168,bring 7ABC128,confirm 3,hours 360",
        "1:+1~0-0=0 taken later 2:+0~0-0=1 taken later 3:+0~1-0=0 taken later",
        15,
    );
    ends(
        "bring 7ABC128,confirm 1,hours 168,bring 7ABC128,confirm 2,hours 360",
        "1:+1~0-0=0 taken later 2:+0~0-0=1 taken later",
        8,
    );
    // However late the next one comes.
    ends(
        "bring 7ABC128,confirm 1,hours 360,bring 7ABC128,confirm 2",
        "1:+1~0-0=0 taken later 2:+0~1-0=0 taken",
        30,
    );
    // What changes nothing is undone like any other.
    check(
        "bring 7ABC128,confirm 1,hours 12,bring 7ABC128,confirm 2,undo 2,pass 7ABC128",
        "1:+1~0-0=0 taken later 2:+0~0-0=1 taken undone 1",
    );
}

#[test]
fn an_old_list_raises_nothing_and_says_so_once() {
    check(
        "bring 7ABC128,confirm 1,hours 23,stale,pass 7ABC128,hours 1,stale,pass 7ABC128,hours 1,stale,\
         bring 7ABC128,confirm 2,pass 7ABC128,stale",
        "1:+1~0-0=0 taken later 0 1 later 1 0 later 1 2:+0~0-0=1 taken 1 1",
    );
}

#[test]
fn a_found_vehicle_is_silent_in_later_copies_too() {
    check(
        "bring 7ABC128 7XYZ999,confirm 1,found 7ABC128,pass 7ABC128,pass 7XYZ999,bring 7ABC128,sure 2,pass 7ABC128,\
         found not-a-plate-at-all",
        "1:+2~0-0=0 taken silent 0 1 2:+0~0-1=1 taken 0 Invalid",
    );
}

/// People list it anew, or a list that had dropped it does: that is another theft.
#[test]
fn a_vehicle_that_is_stolen_again_is_looked_for_again() {
    check(
        "bring 7ABC128,confirm 1,found 7ABC128,hours 1,pass 7ABC128,add 7ABC128,pass 7ABC128,\
         found 7ABC128,pass 7ABC128",
        "1:+1~0-0=0 taken silent later 0 added 1 silent 0",
    );
    check(
        "bring 7ABC128 7XYZ999,confirm 1,hours 1,found 7ABC128,hours 1,\
         bring 7ABC128 7XYZ999,confirm 2,pass 7ABC128,hours 1,bring 7XYZ999,confirm 3,hours 1,\
         bring 7ABC128 7XYZ999,confirm 4,pass 7ABC128,hours 1,\
         bring 7ABC128 7XYZ999,confirm 5,pass 7ABC128",
        "1:+2~0-0=0 taken later silent later 2:+0~0-0=2 taken 0 later 3:+0~0-1=1 taken later \
         4:+1~0-0=1 taken 1 later 5:+0~0-0=2 taken 1",
    );
    // A list that comes late with a theft that is over.
    check(
        "found 7ABC128,hours 1,bring 7ABC128,confirm 1,pass 7ABC128",
        "silent later 1:+1~0-0=0 taken 0",
    );
}

/// What a list never dropped is not stolen again because its sender numbers it otherwise.
#[test]
fn another_number_of_the_same_vehicle_is_no_second_theft() {
    let town = town();
    let take = |record: &str| {
        let file = format!("plate,state,record\n7ABC128,CA,{record}\n7XYZ999,CA,B\n");
        let (number, sure) = (bring(&town, &file).number.unwrap(), ConfirmImport { sure: true });
        town.city.confirm_import(&person(), &list(), number, sure).unwrap();
        play(&town, "hours 1,pass 7ABC128")
    };
    assert_eq!(take("A1"), "later 1");
    play(&town, "found 7ABC128,hours 1");
    assert_eq!([take("A1"), take("A2"), take("A2")], ["later 0"; 3]);
}

#[test]
fn that_a_vehicle_was_found_is_taken_back() {
    // Whoever said it twice need not know both numbers.
    check(
        "bring 7ABC128,confirm 1,found 7ABC128,found 7ABC128,pass 7ABC128,unfound,pass 7ABC128",
        "1:+1~0-0=0 taken silent silent 0 loud 1",
    );
    check(
        "bring 7ABC128,confirm 1,found 7ABC128,pass 7ABC128,unfound,pass 7ABC128,unfound",
        "1:+1~0-0=0 taken silent 0 loud 1 NotFound",
    );
    let town = town();
    play(&town, "found 7ABC128,unfound");
    let (found, taken) = (town.logged("hotlist.found"), town.logged("hotlist.unfound"));
    assert_eq!((taken.len(), &taken[0].id), (1, &found[0].id));
}

#[test]
fn a_list_that_shrinks_or_empties_asks_first() {
    let many: Vec<String> = (100..140).map(|n| format!("7ABC{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let (all, half) = (many.join(" "), many[..20].join(" "));
    check(
        &format!(
            "bring {all},confirm 1,bring {half},confirm 2,pass 7ABC139,sure 2,pass 7ABC139,bring,confirm 3"
        ),
        "1:+40~0-0=0 taken 2:+0~0-20=20shrinks Conflict 1 taken 0 3:+0~0-20=0empty Conflict",
    );
    let town = town();
    let text = plates(&["7ABC128", "not a plate!", "?"]);
    assert_eq!(bring(&town, &text).doubts, ["troubled"]);
}

/// A file that breaks off after many rows leaves nothing, and what waits goes on waiting.
#[test]
fn a_file_that_breaks_off_leaves_nothing() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
    let town = town();
    assert_eq!(bring(&town, &plates(&["7XYZ999"])).number, Some(1));
    let many = (0..30_000).map(|n| format!("P{n:06},CA\n")).collect::<String>();
    let file = format!("plate,state\n{many}");
    let mut broken = std::io::Read::chain(file.as_bytes(), Broken);
    let e = town.city.import(&person(), &list(), &mut broken, None).unwrap_err();
    assert_eq!(e.kind(), Kind::Unavailable);
    assert_eq!(town.city.store.import(&list(), 2).unwrap(), None);
    assert_eq!(play(&town, "confirm 1,pass 7XYZ999,pass P000001"), "taken 1 0");
    let entries = || town.city.list(&person(), &list()).unwrap().entries;
    assert_eq!(entries(), 1);
    // The same rows twice, far apart, count once.
    let twice = bring(&town, &format!("{file}{many}"));
    assert_eq!((twice.number, twice.added, twice.again), (Some(2), 30_000, 30_000));
    assert_eq!((play(&town, "sure 2").as_str(), entries()), ("taken", 30_000));
}

#[test]
fn what_is_not_adopted_is_counted_and_forgotten() {
    let town = town();
    let file =
        "plate,state,category\n7ABC128,CA,Stolen\n7XYZ999,CA,Immigration\n7XYZ998,CA,7XYZ998\n";
    let preview = bring(&town, file);
    assert_eq!(preview.rows.dropped.len(), 2, "{preview:?}");
    town.city.confirm_import(&person(), &list(), 1, ConfirmImport::default()).unwrap();
    let rows = town.city.store.entries().unwrap();
    assert_eq!(rows.iter().map(|r| r.category.as_deref()).collect::<Vec<_>>(), [Some("stolen")]);
    let leaf = &town.logged("hotlist.imported")[0];
    assert_eq!(leaf.id.as_deref(), Some("lst_state/1"));
    assert_eq!(leaf.facts["dropped"].to_string(), "{\"immigration\":1,\"other\":1}");
    assert_eq!(base::unb64(leaf.text("list_commit").unwrap()).map(|c| c.len()), Some(32));
    let all = town.city.log.leaves(0, town.city.log.size()).unwrap();
    assert!(!format!("{all:?}").contains("7XYZ") && !format!("{all:?}").contains("7ABC"));
    // Nobody has said what is adopted: nothing is read. Nor is what says of no row what it is, where somebody has.
    town.city.set_list(&person(), &list(), &settings("")).unwrap();
    assert!(bring(&town, file).problem.unwrap().contains("adopted"));
    let strict = ListSettings { category: None, ..settings("stolen") };
    let view = town.city.set_list(&person(), &list(), &strict).unwrap();
    assert_eq!(view.settings, strict);
    let plain = "plate,state,Type\n7ABC128,CA,Immigration\n";
    assert!(bring(&town, plain).problem.unwrap().contains("no column holds any"));
    let other = ListSettings { category: Some("felony".into()), ..settings("stolen") };
    let e = town.city.set_list(&person(), &list(), &other).unwrap_err();
    assert_eq!(e.kind(), Kind::Invalid);
}

/// A state that is spelled out is no state of its own, whoever spells it.
#[test]
fn a_state_is_one_however_it_is_spelled() {
    let town = town();
    let new = |state: &str| NewEntry {
        list: list(),
        plate: "TXS1234".into(),
        state: Some(state.into()),
        reason: "stolen".into(),
        case: "26-0417".into(),
        expires: town.city.now().plus_millis(720 * HOUR),
    };
    for bad in ["Atlantis", "us-zz", "", "7/A"] {
        let e = town.city.add_entry(&person(), new(bad)).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{bad:?}");
    }
    let id = town.city.add_entry(&person(), new("Texas")).unwrap();
    let row = town.city.store.entry(&id).unwrap().unwrap();
    assert_eq!(row.state.as_deref(), Some("us-tx"));
    let check = |state: &str| {
        let asked = CheckPlate { plate: "TXS1234".into(), state: Some(state.into()) };
        town.city.check_plate(&person(), asked).map(|checked| checked.listed.len())
    };
    for (state, want) in
        [("Texas", 1), ("TEX", 1), ("tx", 1), ("us", 1), ("ON", 1), ("NV", 0), ("Nevada", 0)]
    {
        assert_eq!(check(state).unwrap(), want, "{state}");
    }
    assert_eq!(check("Atlantis").unwrap_err().kind(), Kind::Invalid);
}

/// What a crash has kept from the log is on it before the list changes again: what stands there of the list is true.
#[test]
fn an_import_that_the_log_lacks_is_told_before_the_next_is_taken() {
    let town = town();
    bring(&town, &plates(&["7ABC128"]));
    town.city.store.take_import(&list(), 1, town.city.now()).unwrap();
    assert_eq!(play(&town, "bring 7ABC128 7XYZ999,confirm 2"), "2:+1~0-0=1 taken");
    let told = town.logged("hotlist.imported");
    let ids: Vec<&str> = told.iter().filter_map(|leaf| leaf.id.as_deref()).collect();
    assert_eq!(ids, ["lst_state/1", "lst_state/2"]);
}

/// What the log before has said of lists as they were then, its successor does not say of them as they are now.
#[test]
fn a_successor_of_the_log_tells_no_old_import_anew() {
    let town = town();
    play(&town, "bring 7ABC128,confirm 1,hours 1,bring 7ABC128 7XYZ999,confirm 2,hours 1");
    let copy = town.copy();
    town.city.announce().unwrap();
    let why = crate::Lost::Remembered(town.city.log.seen().unwrap());
    crate::succeed(copy.path(), &why, copy.clock.as_ref()).unwrap();
    let city = copy.open().unwrap();
    let leaves = city.log.leaves(0, city.log.size()).unwrap();
    assert!(leaves.iter().all(|leaf| leaf.kind != "hotlist.imported"));
    assert_eq!(city.hot.len(), 2);
}

#[test]
fn only_who_keeps_lists_may() {
    let town = town();
    let file = plates(&["7ABC128"]);
    let refused = |e: base::Error| assert_eq!(e.kind(), Kind::Forbidden);
    let none = "lst_none".parse().unwrap();
    refused(town.city.import(&clerk(), &list(), &mut file.as_bytes(), None).unwrap_err());
    refused(town.city.confirm_import(&clerk(), &list(), 1, Default::default()).unwrap_err());
    refused(town.city.undo_import(&clerk(), &list(), 1).unwrap_err());
    refused(town.city.set_list(&clerk(), &list(), &settings("")).unwrap_err());
    refused(town.city.found(&clerk(), &list(), NewFound::default()).unwrap_err());
    refused(town.city.undo_found(&clerk(), &list(), "fnd_").unwrap_err());
    refused(town.city.lists(&clerk()).unwrap_err());
    let missing = town.city.import(&person(), &none, &mut file.as_bytes(), None).unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    for bad in [
        ListSettings { name: String::new(), ..settings("") },
        ListSettings { threshold: f64::NAN, ..settings("") },
        ListSettings { max_days: 0, ..settings("") },
        ListSettings { default_days: Some(91), ..settings("") },
    ] {
        let e = town.city.set_list(&person(), &list(), &bad).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{bad:?}");
    }
}

/// Opened anew, the city matches what it did, and the log has what a crash kept from it.
#[test]
fn a_crash_after_taking_is_mended() {
    let town = town();
    bring(&town, &plates(&["7ABC128"]));
    town.city.store.take_import(&list(), 1, town.city.now()).unwrap();
    assert_eq!(town.logged("hotlist.imported").len(), 0);
    let backup = town.copy();
    let city = backup.open().unwrap();
    let leaves = city.log.leaves(0, city.log.size()).unwrap();
    assert_eq!(leaves.iter().filter(|l| l.kind == "hotlist.imported").count(), 1);
    assert_eq!(city.hot.len(), 1);
}

#[test]
fn a_look_alike_is_proposed_with_its_basis_and_confirms_nothing() {
    let town = town();
    bring(&town, &plates(&["7ABC12B"]));
    town.city.confirm_import(&person(), &list(), 1, ConfirmImport::default()).unwrap();
    let low = ListSettings { threshold: 0.01, ..settings("stolen") };
    town.city.set_list(&person(), &list(), &low).unwrap();
    let mut odds: Vec<Vec<(char, f32)>> = "7ABC12".chars().map(|c| vec![(c, 0.99)]).collect();
    odds.push(vec![('8', 0.6), ('B', 0.39)]);
    town.pass_read_as(odds);
    assert_eq!(hits(&town), 1);
    let hit = town.city.hits(&person(), 9, None).unwrap().hits.remove(0);
    let basis = hit.basis.unwrap();
    assert_eq!((basis.text, basis.places), (TextBasis::LookAlike, vec![6]));
    let says = |typed: Option<&str>| Verdict {
        finding: HitFinding::Correct,
        compared: Compared::ALL,
        typed: typed.map(Into::into),
        note: String::new(),
        version: hit.version,
    };
    let of = |verdict| town.city.verdict(&person(), &hit.id, verdict).map(|line| line.state);
    // A tick is not enough where the camera read something else: the person reads the picture themselves.
    assert_eq!(of(says(None)).unwrap_err().kind(), Kind::Invalid);
    assert_eq!(of(says(Some("7ABC128"))).unwrap_err().kind(), Kind::Conflict);
    // And even then another person has to find the same.
    assert_eq!(of(says(Some("7 abc 12b"))).unwrap(), "second");
    let misread = Verdict { finding: HitFinding::Misread, version: hit.version + 1, ..says(None) };
    assert_eq!(of(misread).unwrap(), "rejected");
}

#[test]
fn dropped_files_are_taken_refused_or_wait() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("drop");
    std::fs::create_dir(&folder).unwrap();
    let more = format!(
        "[[hotlist_drop]]\nlist=\"lst_state\"\nfolder=\"{}\"\n[[hotlist_drop]]\nlist=\"lst_state\"\nfolder=\"away\"\n",
        folder.display()
    );
    let town = Town::new("2026-11-23T12:00:00Z", &more);
    town.city.set_list(&person(), &list(), &settings("")).unwrap();
    play(&town, "bring 7ABC128,confirm 1");
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    put("a.csv", &plates(&["7ABC128"]));
    put("b.csv.part", &plates(&["7XYZ999"]));
    put("c.csv", "what,is,this\n1,2,3\n");
    put("d.csv", &plates(&["7ABC128", "not a plate!", "?"]));
    town.city.take_drops().unwrap();
    let names = |below: &str| {
        let files = std::fs::read_dir(folder.join(below)).unwrap();
        let mut names: Vec<String> = files
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .map(|name| name.split_once('-').map_or(name.clone(), |(_, name)| name.to_owned()))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("taken"), ["a.csv"]);
    assert_eq!(names("refused"), ["c.csv", "c.csv.reason"]);
    assert_eq!(names("waiting"), ["d.csv", "d.csv.reason"]);
    assert_eq!(names(""), ["b.csv.part", "refused", "taken", "waiting"]);
    assert_eq!(town.city.hot.len(), 1);
    let view = town.city.list(&person(), &list()).unwrap();
    assert_eq!((view.import, view.waiting), (Some(2), Some(3)));
    assert_eq!(town.logged("hotlist.imported")[1].by.as_deref(), Some("file drop"));
    // A day after it was written nothing spells its plates but the store.
    let taken = std::fs::read_dir(folder.join("taken")).unwrap().next().unwrap().unwrap().path();
    std::fs::File::open(taken).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    town.city.take_drops().unwrap();
    assert_eq!(names("taken"), [""; 0]);
}

/// A folder for the list, with a town that takes what lies in it.
fn dropping() -> (tempfile::TempDir, Town) {
    let dir = tempfile::tempdir().unwrap();
    let drop = format!(
        "state=\"us-ca\"\n[[hotlist_drop]]\nlist=\"lst_state\"\nfolder=\"{}\"\n",
        dir.path().display()
    );
    let town = Town::new("2026-11-23T12:00:00Z", &drop);
    town.city.set_list(&person(), &list(), &settings("")).unwrap();
    (dir, town)
}

/// Columns whose headings say nothing are read as a file of the city says, which a person put right once.
#[test]
fn what_comes_by_itself_is_read_by_the_citys_mapping() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("drop");
    std::fs::create_dir(&folder).unwrap();
    let mapping = dir.path().join("columns.json");
    let more = format!(
        "[[hotlist_drop]]\nlist=\"lst_state\"\nfolder=\"{}\"\nmapping=\"{}\"\n",
        folder.display(),
        mapping.display()
    );
    let town = Town::new("2026-11-23T12:00:00Z", &more);
    town.city.set_list(&person(), &list(), &settings("")).unwrap();
    play(&town, "bring 7ABC128,confirm 1");
    let drop = || {
        std::fs::write(folder.join("a.csv"), "f1,f2,f3\nstolen,26-1,7XYZ999\n").unwrap();
        town.city.take_drops().unwrap();
        town.city.list(&person(), &list()).unwrap().import
    };
    // Without it, or with something else in it, the list stays as it is, and its files wait.
    for (text, why) in [(None, "cannot be read"), (Some("{}"), "is no mapping")] {
        if let Some(text) = text {
            std::fs::write(&mapping, text).unwrap();
        }
        assert_eq!((drop(), folder.join("a.csv").exists()), (Some(1), true));
        let error = crate::imports::mapping_in(dir.path(), "columns.json").unwrap_err();
        assert!(error.message().contains(why), "{error}");
    }
    let columns =
        r#"{"layout":"other","delimiter":",","headings":true,"columns":["reason","case","plate"]}"#;
    std::fs::write(&mapping, columns).unwrap();
    assert_eq!((drop(), folder.join("a.csv").exists()), (Some(2), false));
    assert_eq!(play(&town, "pass 7XYZ999"), "1");
}

/// What a file of the list is taken for a person sees once; and what they take back does not come again by itself.
#[test]
fn a_first_file_waits_and_so_does_what_comes_after_one_was_taken_back() {
    let (dir, town) = dropping();
    let drop = |words: &[&str]| {
        std::fs::write(dir.path().join("a.csv"), plates(words)).unwrap();
        town.city.take_drops().unwrap();
        let view = town.city.list(&person(), &list()).unwrap();
        (view.import, view.waiting)
    };
    assert_eq!(drop(&["7ABC128"]), (None, Some(1)));
    assert_eq!(play(&town, "confirm 1,sure 1"), "Conflict taken");
    assert_eq!(drop(&["7ABC128", "7XYZ999"]), (Some(2), None));
    assert_eq!(play(&town, "undo 2"), "undone");
    assert_eq!(drop(&["7ABC128", "7XYZ999"]), (Some(1), Some(3)));
    assert_eq!(play(&town, "confirm 3,pass 7XYZ999,sure 3,pass 7XYZ999"), "Conflict 0 taken 1");
    assert_eq!(drop(&["7ABC128"]), (Some(4), None));
}

/// An old list does not grow young by lying where nobody can take it away.
#[test]
fn a_dropped_file_that_cannot_be_moved_is_taken_once() {
    let (dir, town) = dropping();
    play(&town, "bring 7ABC128,confirm 1");
    let file = dir.path().join("a.csv");
    let taken = dir.path().join("taken");
    std::os::unix::fs::symlink("nowhere", &taken).unwrap();
    let imports = || {
        (0..3).for_each(|_| town.city.take_drops().unwrap());
        town.logged("hotlist.imported").len()
    };
    std::fs::write(&file, plates(&["7ABC128"])).unwrap();
    assert_eq!(imports(), 2);
    std::fs::write(&file, plates(&["7ABC128", "7XYZ999"])).unwrap();
    assert_eq!(imports(), 3);
    std::fs::remove_file(taken).unwrap();
    assert_eq!((imports(), file.exists()), (3, false));
}

#[test]
fn what_a_taken_file_leaves_out_is_told() {
    let (dir, town) = dropping();
    play(&town, "bring 7ABC128,confirm 1");
    let many: Vec<String> = (100..119).map(|n| format!("7ABC{n}")).collect();
    let mut words: Vec<&str> = many.iter().map(String::as_str).collect();
    words.push("not a plate!");
    std::fs::write(dir.path().join("a.csv"), plates(&words)).unwrap();
    town.city.take_drops().unwrap();
    let files = std::fs::read_dir(dir.path().join("taken")).unwrap().map(|f| f.unwrap().path());
    let why = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "reason"));
    let why = std::fs::read_to_string(why.unwrap()).unwrap();
    assert!(why.starts_with("1 of 20 rows were refused") && why.contains("line 21:"), "{why}");
    let view = town.city.list(&person(), &list()).unwrap();
    assert_eq!((view.entries, view.refused), (19, 1));
    assert_eq!(town.logged("hotlist.imported")[1].facts["refused"].to_string(), "1");
}

/// However many files were brought since that nobody took: what counts is the last that was taken.
#[test]
fn an_old_list_stays_old_whatever_is_brought_and_not_taken() {
    let town = town();
    play(&town, "bring 7ABC128,confirm 1,hours 25");
    for _ in 0..60 {
        bring(&town, &plates(&["7ABC128", "7XYZ999"]));
    }
    let view = town.city.set_list(&person(), &list(), &settings("stolen")).unwrap();
    assert_eq!((view.stale, view.import, view.waiting), (true, Some(1), Some(61)));
    assert!(town.city.is_stale(&list()).unwrap());
    assert_eq!(play(&town, "pass 7ABC128"), "0");
}

#[test]
fn ended_entries_are_forgotten_once_no_hit_of_theirs_is_kept_and_never_in_a_leap_of_the_clock() {
    let town = town();
    play(&town, "bring 7ABC128 7XYZ999,confirm 1,bring 7ABC128,sure 2,found 7DEF345");
    let left = || {
        let store = &town.city.store;
        (store.entries().unwrap().len(), store.tombstones().unwrap().len(), town.city.hot.len())
    };
    assert_eq!(left(), (1, 1, 1));
    town.city.retain().unwrap();
    town.clock.advance(400 * 24 * HOUR);
    town.city.retain().unwrap();
    assert_eq!(left(), (1, 1, 1), "it has leapt");
    town.clock.advance(7 * HOUR);
    town.city.retain().unwrap();
    assert_eq!(left(), (0, 0, 0));
    // Nor can what an import kept of them be brought back.
    play(&town, "undo 2");
    assert_eq!(left(), (0, 0, 0));
}

#[test]
fn a_program_brings_lists_and_does_not_say_how_they_are_kept() {
    let town = town();
    let token = NewToken {
        name: "feed".into(),
        scope: vec!["EditHotList".into()],
        expires: town.city.now().plus_millis(24 * HOUR),
    };
    let token = town.city.new_token(&person(), token).unwrap();
    let feed = town.city.machine(&token.token).unwrap();
    let file = plates(&["7ABC128"]);
    let preview = town.city.import(&feed, &list(), &mut file.as_bytes(), None).unwrap();
    // What the first file of a list is taken for, and one after an undo, is for a person to see.
    assert_eq!((preview.number, preview.doubts.as_slice()), (Some(1), &["first".to_owned()][..]));
    let sure = ConfirmImport { sure: true };
    let e = town.city.confirm_import(&feed, &list(), 1, sure).unwrap_err();
    assert_eq!(e.kind(), Kind::Conflict);
    town.city.confirm_import(&person(), &list(), 1, sure).unwrap();
    let bring = || town.city.import(&feed, &list(), &mut file.as_bytes(), None).unwrap();
    assert_eq!((bring().number, bring().doubts), (Some(2), vec![]));
    town.city.confirm_import(&feed, &list(), 3, ConfirmImport::default()).unwrap();
    town.city.undo_import(&feed, &list(), 3).unwrap();
    assert_eq!(bring().doubts, ["undone"]);
    let e = town.city.set_list(&feed, &list(), &settings("stolen")).unwrap_err();
    assert_eq!(e.kind(), Kind::Forbidden);
}

#[test]
fn a_found_vehicle_is_silent_for_as_long_as_an_entry_may_run() {
    let town = town();
    let found = |list: &str, state: &str| {
        let new = NewFound {
            plate: Some("7ABC128".into()),
            state: Some(state.into()),
            ..NewFound::default()
        };
        town.city.found(&person(), &list.parse().unwrap(), new)
    };
    let days = |list| found(list, "us-ca").unwrap().until.since(town.city.now()) / (24 * HOUR);
    assert_eq!((days("lst_state"), days("lst_of-nobody")), (90, 366));
    assert_eq!(found("lst_state", "Atlantis").unwrap_err().kind(), Kind::Invalid);
}

/// What an earlier version stored of a state that was spelled out is that state, to the matcher and to the next file.
#[test]
fn a_stored_state_is_read_as_its_code() {
    let town = town();
    let (city, list, file) = (&town.city, list(), plates(&["7ABC128"]));
    bring(&town, &file);
    city.confirm_import(&person(), &list, 1, ConfirmImport::default()).unwrap();
    let row = city.store.entries().unwrap().remove(0);
    let first = city.store.import(&list, 1).unwrap().unwrap();
    let second = store::ImportRow { number: 2, state: "coming".into(), taken: None, ..first };
    let spelled = store::EntryRow { state: Some("california".into()), ..row.clone() };
    city.store.begin_import(&second).unwrap();
    city.store.add_to_import(&list, 2, &[spelled], &[row.id]).unwrap();
    city.store.finish_import(&list, 2, &second.json).unwrap();
    city.store.take_import(&list, 2, city.now()).unwrap();
    city.reload_lists().unwrap();
    assert_eq!(city.store.entries().unwrap()[0].state.as_deref(), Some("california"));
    let seen = bring(&town, &file);
    assert_eq!((seen.same, seen.changed, seen.added), (1, 0, 0));
    town.pass("7ABC128");
    assert_eq!(hits(&town), 1);
}

/// A day ends when the city's day does, also where the clocks are changed until then.
#[test]
fn dates_are_the_citys() {
    for brought in ["2026-11-23T12:00:00Z", "2026-10-20T12:00:00Z"] {
        let town = Town::new(brought, "state=\"us-ca\"\ntime_zone=\"America/Los_Angeles\"\n");
        town.city.set_list(&person(), &list(), &settings("stolen")).unwrap();
        bring(&town, "plate,state,expires\n7ABC128,CA,2026-12-01\n");
        town.city.confirm_import(&person(), &list(), 1, ConfirmImport::default()).unwrap();
        let ends = town.city.store.entries().unwrap()[0].expires;
        assert_eq!(ends.to_string(), "2026-12-02T08:00:00.000Z", "{brought}");
    }
}

/// A budget of false hits makes the threshold: from the traffic at first, then from what was proposed.
#[test]
fn a_threshold_follows_from_false_hits_a_day() {
    let town = Town::new("2026-11-01T12:00:00Z", "state=\"us-ca\"\n");
    let list: ListId = "lst_budget".parse().unwrap();
    let settings = |most| ListSettings {
        name: "B".into(),
        false_hits_a_day: Some(most),
        ..ListSettings::default()
    };
    let set = |most| town.city.set_list(&person(), &list, &settings(most)).map(|v| v.threshold);
    assert_eq!(set(0.0).unwrap_err().kind(), base::Kind::Invalid);
    // 20 000 reads a day, of which one in a thousand is listed: 20/(20+5).
    assert!((set(5.0).unwrap() - 0.8).abs() < 1e-9);
    let entry = NewEntry {
        list: list.clone(),
        plate: "7ABC128".into(),
        state: Some("us-ca".into()),
        reason: "stolen".into(),
        case: "26-0417".into(),
        expires: town.city.now().plus_millis(60 * 86_400_000),
    };
    town.city.add_entry(&person(), entry).unwrap();
    // A car that is often taken for it passes five times a day.
    for _ in 0..5 {
        for _ in 0..5 {
            let mut odds: Vec<Vec<(char, f32)>> =
                "7ABC12".chars().map(|c| vec![(c, 0.99)]).collect();
            odds.push(vec![('B', 0.55), ('8', 0.44)]);
            town.pass_read_as(odds);
            town.clock.advance(60_000);
        }
        town.city.tally().unwrap();
        town.clock.advance(86_400_000 - 5 * 60_000);
    }
    town.city.tally().unwrap();
    let now = |most| set(most).unwrap();
    let (strict, usual, loose) = (now(0.1), now(1.0), now(900.0));
    assert!(strict >= usual && usual >= loose, "{strict} {usual} {loose}");
    assert_eq!(loose, 0.05, "a budget that large lets in all that is counted");
    let proposed = town.city.store.tallies(&list, base::Day::from_number(0)).unwrap();
    assert_eq!(proposed.len(), 5, "{proposed:?}");
    // What the strict one keeps out is not raised, and counts all the same.
    set(0.1).unwrap();
    let hits = || town.city.hits(&person(), 500, None).unwrap().hits.len();
    town.city.relay().unwrap();
    let before = hits();
    town.pass_read_as(vec![
        vec![('7', 0.99)],
        vec![('A', 0.99)],
        vec![('B', 0.99)],
        vec![('C', 0.99)],
        vec![('1', 0.99)],
        vec![('2', 0.99)],
        vec![('B', 0.55), ('8', 0.44)],
    ]);
    town.city.relay().unwrap();
    assert_eq!(hits(), before);
    assert!(town.logged("hotlist.settings").iter().all(|l| l.text("false_hits_a_day").is_some()));
}
