//! Our read in the shapes of Plate Recognizer: its webhook, and the answer of its snapshot.
//!
//! What we do not have is not invented, and where their form wants a figure it gets a bound of it:
//!
//! | theirs | ours |
//! |---|---|
//! | `score` | P(the whole text is right) |
//! | `dscore` | the same: a plate that is read right was found, so it is at least that sure |
//! | `region.score` | 0.5 where a region is named: then it is at least as probable as all others |
//! | `candidates` | the most probable readings with their probabilities |
//! | `vehicle` | unknown, score 0, as theirs is where no vehicle was found |
//! | `direction` | none |
//! | `timestamp_local` | the same as `timestamp`, in UTC: a read knows no zone |

use base::{Error, Result, Secret, Time};
use plate::Reason;
use read::Read;
use serde::Serialize;

/// Readings that are named beside the best.
const CANDIDATES: usize = 5;
/// A region is named only where it is at least so probable.
const REGION_SCORE: f32 = 0.5;

/// What a webhook says of itself.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The address that it is sent to, without its secrets.
    pub target: String,
    /// The name of the picture that comes along; empty where none does.
    pub filename: String,
}

#[derive(Serialize)]
struct Webhook<'a> {
    hook: HookOut<'a>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct HookOut<'a> {
    target: &'a str,
    id: String,
    event: &'a str,
    filename: &'a str,
}

#[derive(Serialize)]
struct Data<'a> {
    camera_id: &'a str,
    filename: &'a str,
    timestamp: Time,
    timestamp_local: Time,
    results: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Snapshot<'a> {
    processing_time: f64,
    results: Vec<Found<'a>>,
    filename: &'a str,
    version: u32,
    camera_id: Option<&'a str>,
    timestamp: Time,
}

#[derive(Serialize)]
struct Found<'a> {
    plate: String,
    score: f32,
    dscore: f32,
    #[serde(rename = "box")]
    place: Place,
    region: Region<'a>,
    candidates: Vec<Candidate>,
    vehicle: Vehicle,
    direction: Option<f32>,
    source_url: &'a str,
    position_sec: f32,
}

#[derive(Clone, Copy, Serialize)]
struct Place {
    xmin: i32,
    ymin: i32,
    xmax: i32,
    ymax: i32,
}

#[derive(Serialize)]
struct Region<'a> {
    code: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct Candidate {
    plate: String,
    score: f64,
}

#[derive(Serialize)]
struct Vehicle {
    #[serde(rename = "type")]
    kind: &'static str,
    score: f32,
    #[serde(rename = "box")]
    place: Place,
}

/// The webhook about one read, as JSON. It spells the plate: the caller has been allowed to give it out.
pub fn webhook(read: &Read, hook: &Hook) -> Result<Secret<Vec<u8>>> {
    json(&Webhook {
        hook: HookOut {
            target: &hook.target,
            id: read.id.to_string(),
            event: "recognition",
            filename: &hook.filename,
        },
        data: Data {
            camera_id: read.camera.as_str(),
            filename: &hook.filename,
            timestamp: read.captured,
            timestamp_local: read.captured,
            results: vec![found(read)],
        },
    })
}

/// The answer that `POST /v1/plate-reader/` gives about one picture, as JSON. `took_ms` is how long
/// reading it took, in milliseconds. It spells plates, as [`webhook`] does.
pub fn snapshot(reads: &[Read], filename: &str, at: Time, took_ms: f64) -> Result<Secret<Vec<u8>>> {
    json(&Snapshot {
        processing_time: took_ms,
        results: reads.iter().map(found).collect(),
        filename,
        version: 1,
        camera_id: reads.first().map(|r| r.camera.as_str()),
        timestamp: at,
    })
}

fn json<T: Serialize>(document: &T) -> Result<Secret<Vec<u8>>> {
    serde_json::to_vec(document)
        .map(Secret::new)
        .map_err(|e| Error::internal("The document cannot be written.").because(e))
}

fn found(read: &Read) -> Found<'_> {
    // Their plates are in lower case.
    let spelled = |text: &plate::Text| text.reveal(Reason::Gate).to_ascii_lowercase();
    let place = place(&read.corners);
    Found {
        plate: spelled(&read.odds.text()),
        score: read.confidence,
        dscore: read.confidence,
        place,
        region: Region {
            code: read.region.as_deref().unwrap_or_default(),
            score: if read.region.is_some() { REGION_SCORE } else { 0.0 },
        },
        candidates: read
            .odds
            .readings(CANDIDATES)
            .iter()
            .map(|r| Candidate { plate: spelled(&r.text), score: r.probability })
            .collect(),
        vehicle: Vehicle { kind: "Unknown", score: 0.0, place },
        direction: None,
        source_url: "",
        position_sec: 0.0,
    }
}

fn place(corners: &[[i32; 2]; 4]) -> Place {
    let of = |axis: usize| corners.iter().map(move |c| c[axis]);
    Place {
        xmin: of(0).min().unwrap_or_default(),
        ymin: of(1).min().unwrap_or_default(),
        xmax: of(0).max().unwrap_or_default(),
        ymax: of(1).max().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbound::{Document, plate_recognizer};
    use base::{LeaseId, ReadId};
    use expect_test::expect;
    use plate::Odds;

    fn read() -> Read {
        let captured = Time::from_millis(1_795_421_700_250);
        Read {
            id: ReadId::new(captured, [7; 10]),
            camera: "cam_main-st-1".parse().unwrap(),
            lease: LeaseId::new(captured, [9; 10]),
            counter: 42,
            captured,
            first: captured,
            last: captured,
            frames: 6,
            odds: Odds::new(vec![
                vec![('7', 0.98)],
                vec![('B', 0.91), ('8', 0.08)],
                vec![('2', 1.0)],
            ])
            .unwrap(),
            confidence: 0.875,
            region: Some("us-ca".into()),
            corners: [[410, 300], [520, 304], [519, 350], [409, 346]],
            frame_size: [1280, 720],
            picture: None,
            sighting: Default::default(),
        }
    }

    fn hook() -> Hook {
        Hook { target: "http://192.168.1.9/gate".into(), filename: "a.jpg".into() }
    }

    fn text(json: &Secret<Vec<u8>>) -> String {
        String::from_utf8(json.expose().clone()).unwrap()
    }

    #[test]
    fn a_webhook_as_theirs() {
        expect![[r#"{"hook":{"target":"http://192.168.1.9/gate","id":"rd_01a20779009a77078707070707070707","event":"recognition","filename":"a.jpg"},"data":{"camera_id":"cam_main-st-1","filename":"a.jpg","timestamp":"2026-11-23T08:15:00.250Z","timestamp_local":"2026-11-23T08:15:00.250Z","results":[{"plate":"7b2","score":0.875,"dscore":0.875,"box":{"xmin":409,"ymin":300,"xmax":520,"ymax":350},"region":{"code":"us-ca","score":0.5},"candidates":[{"plate":"7b2","score":0.8918000430583959},{"plate":"782","score":0.07839999977350232}],"vehicle":{"type":"Unknown","score":0.0,"box":{"xmin":409,"ymin":300,"xmax":520,"ymax":350}},"direction":null,"source_url":"","position_sec":0.0}]}}"#]]
            .assert_eq(&text(&webhook(&read(), &hook()).unwrap()));
    }

    #[test]
    fn a_snapshot_answer_as_theirs() {
        expect![[r#"{"processing_time":31.5,"results":[{"plate":"7b2","score":0.875,"dscore":0.875,"box":{"xmin":409,"ymin":300,"xmax":520,"ymax":350},"region":{"code":"us-ca","score":0.5},"candidates":[{"plate":"7b2","score":0.8918000430583959},{"plate":"782","score":0.07839999977350232}],"vehicle":{"type":"Unknown","score":0.0,"box":{"xmin":409,"ymin":300,"xmax":520,"ymax":350}},"direction":null,"source_url":"","position_sec":0.0}],"filename":"a.jpg","version":1,"camera_id":"cam_main-st-1","timestamp":"2026-11-23T08:15:00.250Z"}"#]].assert_eq(&text(&snapshot(&[read()], "a.jpg", read().captured, 31.5).unwrap()));
    }

    /// What goes out comes in: the two halves of this crate agree on the form.
    #[test]
    fn our_webhook_is_read_back() {
        let json = webhook(&read(), &hook()).unwrap();
        let document = Document { content_type: "application/json", body: json.expose() };
        let heard = plate_recognizer(&document).unwrap();
        let seen = &heard.seen[0];
        assert_eq!(seen.odds.text(), read().odds.text());
        assert_eq!(seen.captured, Some(read().captured));
        assert_eq!(seen.plate_box, Some([409, 300, 111, 50]));
        assert_eq!((seen.region.as_deref(), seen.stated), (Some("us-ca"), Some(0.875)));
    }
}
