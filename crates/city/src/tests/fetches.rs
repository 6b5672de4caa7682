//! Lists that the city fetches: what comes is taken, what is strange waits, what does not come is told.

use crate::kit::{Town, person};
use crate::{ConfirmImport, ListSettings, ListView};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

const HOUR: i64 = 3_600_000;

/// A web server on this machine whose file can be changed; it counts how often it gave it whole.
struct Peer {
    url: String,
    file: Arc<Mutex<Option<String>>>,
    given: Arc<Mutex<u32>>,
}

impl Peer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/list.csv", listener.local_addr().unwrap());
        let peer = Self { url, file: Arc::default(), given: Arc::default() };
        let (file, given) = (peer.file.clone(), peer.given.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut head = String::new();
                let mut lines = BufReader::new(&stream);
                while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).unwrap_or(0) > 0 {}
                let answer = match file.lock().unwrap().as_ref() {
                    None => "500 x\r\ncontent-length: 0\r\n\r\n".to_owned(),
                    Some(text) => {
                        let tag = base::hex(&base::sha256(text.as_bytes())[..4]);
                        if head.to_lowercase().contains(&format!("if-none-match: \"{tag}\"")) {
                            "304 x\r\n\r\n".to_owned()
                        } else {
                            *given.lock().unwrap() += 1;
                            format!(
                                "200 x\r\netag: \"{tag}\"\r\ncontent-length: {}\r\n\r\n{text}",
                                text.len()
                            )
                        }
                    }
                };
                let _ = (&stream).write_all(format!("HTTP/1.1 {answer}").as_bytes());
            }
        });
        peer
    }

    fn has(&self, plates: &[&str]) {
        let rows = plates.iter().map(|plate| format!("{plate}\n")).collect::<String>();
        *self.file.lock().unwrap() = Some(format!("plate\n{rows}"));
    }

    fn given(&self) -> u32 {
        *self.given.lock().unwrap()
    }
}

fn town(peer: &Peer) -> Town {
    let fetch =
        format!("[[hotlist_fetch]]\nlist=\"lst_state\"\nurl=\"{}\"\nallow_local=true\n", peer.url);
    let town = Town::new("2026-11-23T12:00:00Z", &fetch);
    let settings = ListSettings {
        name: "State".into(),
        default_days: Some(30),
        reason: Some("stolen".into()),
        case: Some("26-0417".into()),
        longest_age_hours: Some(24),
        ..ListSettings::default()
    };
    town.city.set_list(&person(), &"lst_state".parse().unwrap(), &settings).unwrap();
    town
}

fn list(town: &Town) -> ListView {
    town.city.list(&person(), &"lst_state".parse().unwrap()).unwrap()
}

/// A person has seen an import, and takes it.
fn take(town: &Town, number: i64) {
    let sure = ConfirmImport { sure: true };
    town.city.confirm_import(&person(), &"lst_state".parse().unwrap(), number, sure).unwrap();
}

/// A person brings the list's first file: what comes by itself then is taken where nothing is strange.
fn bring(town: &Town, file: &str) {
    let list = "lst_state".parse().unwrap();
    let seen = town.city.import(&person(), &list, &mut file.as_bytes(), None).unwrap();
    take(town, seen.number.unwrap());
}

fn said(town: &Town) -> String {
    list(town).fetch.unwrap().said.unwrap_or_default()
}

#[test]
fn a_list_comes_by_itself() {
    let peer = Peer::start();
    peer.has(&["7ABC128", "8XYZ001"]);
    let town = town(&peer);
    bring(&town, "plate\n7ABC128\n");
    let fetch = || town.city.take_fetches().unwrap();
    fetch();
    assert_eq!((list(&town).entries, list(&town).import, peer.given()), (2, Some(2), 1));
    assert_eq!(town.logged("hotlist.imported")[1].by.as_deref(), Some("fetch"));
    // Not before its time, and not again what is the same.
    fetch();
    town.clock.advance(HOUR);
    fetch();
    assert_eq!((list(&town).import, peer.given()), (Some(2), 1));
    assert_eq!(list(&town).fetch.unwrap().fetched, Some(town.city.now()));
    // What is the same for half of its longest age is read once more: the list does not grow stale.
    town.clock.advance(11 * HOUR);
    fetch();
    assert_eq!((list(&town).import, peer.given()), (Some(3), 2));
    assert_eq!(list(&town).imported, Some(town.city.now()));
    assert_eq!(said(&town), "");
}

/// An end that the list makes is renewed by the same file, which is read once more while there is time.
#[test]
fn what_is_the_same_is_read_again_before_its_entries_end() {
    let peer = Peer::start();
    peer.has(&["7ABC128"]);
    let town = town(&peer);
    let ageless =
        ListSettings { default_days: Some(2), longest_age_hours: None, ..list(&town).settings };
    town.city.set_list(&person(), &"lst_state".parse().unwrap(), &ageless).unwrap();
    bring(&town, "plate\n7ABC128\n");
    for _ in 0..4 {
        town.city.take_fetches().unwrap();
        town.clock.advance(24 * HOUR);
    }
    assert_eq!(list(&town).import, Some(5));
    assert!(town.city.store.entries().unwrap()[0].expires > town.city.now());
}

/// Nobody has seen what its files are taken for: the first waits.
#[test]
fn the_first_file_waits_for_a_person() {
    let peer = Peer::start();
    peer.has(&["7ABC128", "8XYZ001"]);
    let town = town(&peer);
    let fetch = || {
        town.city.take_fetches().unwrap();
        town.clock.advance(HOUR);
        (list(&town).import, list(&town).waiting)
    };
    assert_eq!([fetch(), fetch()], [(None, Some(1)); 2]);
    assert!(said(&town).contains("waits for a person"), "{}", said(&town));
    take(&town, 1);
    assert_eq!([fetch(), fetch()], [(Some(2), None); 2]);
    assert_eq!(said(&town), "");
}

/// What a person has taken back does not come in again by itself, however old the list grows and whatever the city has
/// forgotten.
#[test]
fn what_was_taken_back_waits_when_it_comes_again() {
    let peer = Peer::start();
    let town = town(&peer);
    bring(&town, "plate\n7ABC128\n");
    peer.has(&["8XYZ001"]);
    town.city.take_fetches().unwrap();
    assert_eq!(list(&town).import, Some(2));
    town.city.undo_import(&person(), &"lst_state".parse().unwrap(), 2).unwrap();
    town.clock.advance(13 * HOUR);
    town.city.take_fetches().unwrap();
    assert_eq!((list(&town).import, list(&town).waiting), (Some(1), Some(3)));
    assert!(said(&town).contains("undone"), "{}", said(&town));
    let again = town.copy();
    let city = again.open().unwrap();
    again.clock.advance(HOUR);
    city.take_fetches().unwrap();
    let list = city.list(&person(), &"lst_state".parse().unwrap()).unwrap();
    assert_eq!((list.import, list.waiting), (Some(1), Some(4)));
}

/// What a short list is known again by could be guessed at by whoever has the control data: none of it is in any file.
/// After a start the same file comes once more, which changes nothing but the list's age.
#[test]
fn a_file_is_known_again_by_memory_alone() {
    let peer = Peer::start();
    peer.has(&["7ABC128"]);
    let town = town(&peer);
    bring(&town, "plate\n7ABC128\n8XYZ001\n");
    town.city.take_fetches().unwrap();
    town.clock.advance(HOUR);
    town.city.take_fetches().unwrap();
    assert_eq!((list(&town).import, peer.given()), (Some(2), 1));
    let file = base::sha256(b"plate\n7ABC128\n");
    let named = base::hex(&file[..4]);
    let holds = |what: &[u8]| {
        let names =
            ["control.db", "control.db-wal"].map(|name| town.dir().join("store").join(name));
        let mut files = names.iter().filter_map(|path| std::fs::read(path).ok());
        files.any(|bytes| bytes.windows(what.len()).any(|some| some == what))
    };
    assert!(holds(b"lst_state"), "what is looked through is where it stands");
    assert!(!holds(&file) && !holds(named.as_bytes()) && !holds(base::hex(&file).as_bytes()));
    let again = town.copy();
    let city = again.open().unwrap();
    again.clock.advance(HOUR);
    for given in [2, 2] {
        city.take_fetches().unwrap();
        again.clock.advance(HOUR);
        let list = city.list(&person(), &"lst_state".parse().unwrap()).unwrap();
        assert_eq!((list.entries, list.import, peer.given()), (1, Some(3), given));
    }
}

#[test]
fn what_is_strange_waits_and_what_fails_is_told() {
    let peer = Peer::start();
    let town = town(&peer);
    let plates: Vec<String> = (0..20).map(|n| format!("7ABC{n:03}")).collect();
    bring(&town, &format!("plate\n{}\n", plates[1..].join("\n")));
    let fetch = || {
        town.clock.advance(HOUR);
        town.city.take_fetches().unwrap();
    };
    fetch();
    assert!(said(&town).contains("answers 500"), "{}", said(&town));
    peer.has(&plates.iter().map(String::as_str).collect::<Vec<_>>());
    fetch();
    assert_eq!((list(&town).entries, said(&town)), (20, String::new()));
    // It shrinks: a person looks first, and it is not brought again and again.
    peer.has(&["7ABC000"]);
    fetch();
    assert_eq!((list(&town).entries, list(&town).waiting), (20, Some(3)));
    assert!(said(&town).contains("waits for a person"), "{}", said(&town));
    fetch();
    assert_eq!(list(&town).waiting, Some(3));
    // What is no list changes nothing.
    *peer.file.lock().unwrap() = Some("<html>sign in</html>".into());
    fetch();
    assert_eq!(list(&town).entries, 20);
    assert_ne!(said(&town), "");
    // Nobody answers any more: the list goes stale by its own rule.
    *peer.file.lock().unwrap() = None;
    for _ in 0..24 {
        fetch();
    }
    assert!(list(&town).stale && !said(&town).is_empty());
    // It is tried again within a quarter of an hour.
    peer.has(&plates.iter().map(String::as_str).collect::<Vec<_>>());
    town.clock.advance(15 * 60_000);
    town.city.take_fetches().unwrap();
    assert!(!list(&town).stale, "{}", said(&town));
}

#[test]
fn addresses_that_are_not_fetched_from() {
    let check = |more: &str, good: bool| {
        let text =
            format!("[city]\nname=\"S\"\nslug=\"s\"\n[[hotlist_fetch]]\nlist=\"lst_a\"\n{more}\n");
        assert_eq!(crate::Config::parse(&text).is_ok(), good, "{more}");
    };
    let pin = "SHA256:abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq";
    check("url=\"https://state.example/list\"", true);
    check("url=\"https://state.example/list\"\nlogin=\"keys/state.login\"", true);
    check("url=\"http://state.example/list\"", false);
    check("url=\"http://10.0.0.9/list\"\nallow_local=true", true);
    check("url=\"https://a:b@state.example/list\"", false);
    check("url=\"https://state.example/list\"\nevery_minutes=1", false);
    check("url=\"https://state.example/list\"\nlogin=\"ask\"", false);
    check(&format!("url=\"sftp://city@state.example/list\"\nkey=\"k\"\nhost_key=\"{pin}\""), true);
    check("url=\"sftp://city@state.example/list\"\nkey=\"k\"", false);
    check(&format!("url=\"sftp://city@state.example/list\"\nhost_key=\"{pin}\""), false);
    check(
        &format!("url=\"sftp://city:x@state.example/list\"\nkey=\"k\"\nhost_key=\"{pin}\""),
        false,
    );
    check("url=\"ftp://state.example/list\"", false);
}
