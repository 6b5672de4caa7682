//! What a foreign reader's word is worth where hits are raised: the figures that `inbound` promises,
//! against the matcher itself.

use base::{LeaseId, ReadId, Time};
use exchange::inbound::{Adapter, Document};
use hotlist::{Entry, HotList};
use plate::{Odds, Text};
use read::{Effect, Job, Read};
use std::sync::Arc;

/// The probability of the hit that a read of these odds raises on a list of so many entries.
fn hit(odds: &Odds, entries: usize) -> Option<f64> {
    let at = Time::from_millis(1_795_420_800_000);
    let entry = |n: usize| Entry {
        id: format!("ent_{n}").parse().unwrap(),
        list: "lst_stolen".parse().unwrap(),
        plate: Text::parse(&if n == 0 { "7ABC128".into() } else { format!("X{n:07}") })
            .unwrap()
            .into(),
        state: None,
        priority: 0,
        from: at.plus_millis(-1000),
        expires: at.plus_millis(60_000),
    };
    let list = HotList::new();
    list.replace((0..entries).map(entry).collect());
    let read = Read {
        id: ReadId::new(at, [7; 10]),
        camera: "cam_gate".parse().unwrap(),
        lease: LeaseId::new(at, [9; 10]),
        counter: 1,
        captured: at,
        first: at,
        last: at,
        frames: 1,
        odds: odds.clone(),
        confidence: 0.5,
        region: None,
        corners: [[0; 2]; 4],
        frame_size: [0; 2],
        picture: None,
        sighting: Default::default(),
    };
    list.on_passes(&[Arc::new(read)], at).first().map(|effect| {
        let Effect::Hit { probability_ppm, .. } = effect;
        f64::from(*probability_ppm) / 1e6
    })
}

fn stated(plate: &str, confidence: f32) -> Odds {
    let body = format!(
        r#"{{"plateASCII": "{plate}", "plateConfidence": {confidence}, "carState": "new"}}"#
    );
    let document = Document { content_type: "", body: body.as_bytes() };
    Adapter::Axis.read(&document).unwrap().seen.remove(0).odds
}

#[test]
fn a_foreign_reader_proposes_and_is_never_certain() {
    let found = |plate: &str, confidence: f32, entries: usize| {
        hit(&stated(plate, confidence), entries).unwrap_or_default()
    };
    for entries in [1_000, 100_000] {
        let (sure, half, guess) = (
            found("7ABC128", 1.0, entries),
            found("7ABC128", 0.5, entries),
            found("7ABC128", 0.2, entries),
        );
        assert!(sure <= 0.95, "of {entries}: certain, {sure}");
        assert!(sure >= half && half >= guess, "of {entries}: {sure} {half} {guess}");
        // A look-alike is among the odds, for questions; by itself it raises no hit.
        assert_eq!(found("7A8C128", 0.9, entries), 0.0);
    }
    assert!(found("7ABC128", 1.0, 1_000) >= 0.5, "what they are sure of is proposed");
}
