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
        plate: Text::parse(&if n == 0 { "7ABC128".into() } else { format!("X{n:07}") }).unwrap(),
        state: None,
        expires: at.plus_millis(1),
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
    let check = |plate: &str, confidence: f32, entries: usize, want: Option<f64>| {
        let got = hit(&stated(plate, confidence), entries);
        let close = match (got, want) {
            (Some(got), Some(want)) => (got - want).abs() < 0.005,
            (got, want) => got == want,
        };
        assert!(close, "{plate} {confidence} of {entries}: {got:?}, not {want:?}");
    };
    check("7ABC128", 1.0, 1_000, Some(0.923));
    check("7ABC128", 0.5, 1_000, Some(0.706));
    check("7ABC128", 0.2, 1_000, None);
    check("7ABC128", 1.0, 100_000, Some(0.75));
    check("7ABC128", 1.0, 301_000, None);
    // A look-alike is among the odds, for questions; by itself it raises no hit.
    check("7A8C128", 0.9, 1_000, None);
}
