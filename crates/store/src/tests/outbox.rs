//! What goes out, on both engines.

use super::*;
use crate::{BrowserRow, MessageRow, RingRow};
use base::{HitId, PersonId, Time};

fn at(second: i64) -> Time {
    Time::from_millis(second * 1000)
}

fn message(hit: &HitId, kind: &str, lane: &str, recipient: &str, made: i64) -> MessageRow {
    MessageRow {
        id: format!("msg_{kind}_{lane}_{recipient}"),
        hit: *hit,
        number: 7,
        kind: kind.into(),
        lane: lane.into(),
        recipient: recipient.into(),
        made: at(made),
        tries: 0,
    }
}

fn walk(store: &Store) {
    let hit = HitId::new(at(1), random());
    let ring = RingRow { hit, number: 7, raised: at(1), unanswered_at: Some(at(601)) };
    let all = [
        message(&hit, "raised", "mail", "per_ann", 1),
        message(&hit, "raised", "mail", "per_ben", 1),
        message(&hit, "raised", "hook:cad", "", 1),
    ];
    assert!(!store.rang(&hit).unwrap());
    store.put_ring(&ring, &all).unwrap();
    // Once more, later, and under another id: one message a hit, kind, lane and recipient.
    let later = MessageRow { id: "msg_other".into(), made: at(9), ..all[0].clone() };
    store.put_ring(&RingRow { raised: at(9), ..ring.clone() }, &[later]).unwrap();
    assert!(store.rang(&hit).unwrap());
    assert_eq!(store.messages_of(&hit).unwrap().len(), 3);
    assert_eq!(store.next_message("mail").unwrap(), Some(at(1)));
    assert_eq!(store.next_message("push").unwrap(), None);

    let claim = |now: i64| {
        let claimed = store.claim_messages("mail", at(now), at(now + 60), 8).unwrap();
        claimed.into_iter().map(|m| (m.recipient, m.tries)).collect::<Vec<_>>()
    };
    let one = |who: &str, tries| (who.to_owned(), tries);
    assert_eq!(claim(0), []);
    assert_eq!(claim(1), [one("per_ann", 1), one("per_ben", 1)]);
    assert_eq!(claim(2), [], "nobody gets them twice");
    // The one who had them died: they are due again.
    assert_eq!(claim(61), [one("per_ann", 2), one("per_ben", 2)]);
    store.end_message(&all[0].id, "sent", at(62), None).unwrap();
    store.put_off_message(&all[1].id, at(70), "away").unwrap();
    assert_eq!(claim(69), []);
    assert_eq!(claim(70), [one("per_ben", 3)]);
    store.end_message(&all[1].id, "given-up", at(71), Some("still away")).unwrap();
    assert_eq!(claim(1000), []);
    assert_eq!(
        (store.given_up_since(at(71)).unwrap(), store.given_up_since(at(72)).unwrap()),
        (1, 0)
    );
    let of_ben = store.messages_to("mail", "per_ben", 5).unwrap().remove(0);
    assert_eq!((of_ben.state.as_str(), of_ben.ended), ("given-up", Some(at(71))));
    assert_eq!(of_ben.said.as_deref(), Some("still away"));

    assert_eq!(store.unanswered(at(600)).unwrap(), []);
    assert_eq!(store.unanswered(at(601)).unwrap(), [ring]);
    store.put_unanswered(&hit, &[message(&hit, "unanswered", "mail", "per_ann", 601)]).unwrap();
    assert_eq!(store.unanswered(at(9999)).unwrap(), []);
    assert_eq!(claim(601), [one("per_ann", 1)]);

    // A way that the configuration no longer has counts for itself.
    assert!(store.waiting_messages("mail").unwrap() > 0);
    assert_eq!(store.waiting_messages("hook:gone").unwrap(), 0);

    browsers(store);
    store.forget_messages(at(600)).unwrap();
    assert_eq!(store.messages_of(&hit).unwrap().len(), 1);
    assert!(!store.rang(&hit).unwrap());
}

fn browsers(store: &Store) {
    let (ann, ben): (PersonId, PersonId) = ("per_ann".parse().unwrap(), "per_ben".parse().unwrap());
    let row = |id: &str, person: &PersonId, endpoint: &str| BrowserRow {
        id: id.into(),
        person: person.clone(),
        endpoint: endpoint.into(),
        json: "{}".into(),
    };
    store.put_browser(&row("b1", &ann, "https://p/1")).unwrap();
    store.put_browser(&row("b2", &ann, "https://p/2")).unwrap();
    // Who registers a browser has it from now on.
    store.put_browser(&row("b3", &ben, "https://p/2")).unwrap();
    assert_eq!(store.browsers_of(&ann).unwrap(), [row("b1", &ann, "https://p/1")]);
    assert_eq!(store.browsers().unwrap().len(), 2);
    assert_eq!(store.browser("b2").unwrap(), None);
    assert!(store.drop_browser("b3").unwrap() && !store.drop_browser("b3").unwrap());
    store.put_told(&ann, "{}").unwrap();
    store.put_told(&ann, "{\"mail\":true}").unwrap();
    assert_eq!(store.told(&ann).unwrap().as_deref(), Some("{\"mail\":true}"));
    assert_eq!(store.all_told().unwrap().len(), 1);
    store.drop_told(&ann).unwrap();
    assert_eq!((store.told(&ann).unwrap(), store.browsers().unwrap()), (None, vec![]));
}

#[test]
fn what_goes_out() {
    let dir = tempfile::tempdir().unwrap();
    walk(&Store::open(dir.path()).unwrap());
}

#[test]
fn what_goes_out_on_postgres() {
    let (dir, database) = (tempfile::tempdir().unwrap(), Database::new().unwrap());
    let place = Place::Postgres { url: Url(database.url().to_string()), schema: "city".into() };
    walk(&Store::open_at(&place, &Pictures::Folder(dir.path().join("pictures"))).unwrap());
}
