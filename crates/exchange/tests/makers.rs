//! Documents shaped as each maker's public documentation says, our own words and plates in them; and
//! documents that are wrong.

use base::{Kind, b64};
use exchange::inbound::{Adapter, Direction, Document, Event, Gone, Heard, Seen};
use plate::{Reason, Text};
use proptest::prelude::*;

const JSON: &str = "application/json";

fn jpeg(size: usize) -> Vec<u8> {
    [&[0xff, 0xd8, 0xff, 0xe0], vec![7; size].as_slice()].concat()
}

fn read(adapter: Adapter, content_type: &str, body: &[u8]) -> Heard {
    adapter.read(&Document { content_type, body }).unwrap_or_else(|e| panic!("{}", e.inside()))
}

fn error(adapter: Adapter, content_type: &str, body: &[u8]) -> String {
    let e = adapter.read(&Document { content_type, body }).unwrap_err();
    assert!(matches!(e.kind(), Kind::Invalid | Kind::TooLarge));
    assert!(!e.inside().contains("7ABC"), "{}", e.inside());
    e.message().to_owned()
}

fn letters(seen: &Seen) -> String {
    seen.odds.text().reveal(Reason::Reader).to_owned()
}

/// One line a result: plate, score as stated, event, region, time, id, camera, box, pictures.
fn told(heard: &Heard) -> String {
    let lines: Vec<String> = heard
        .seen
        .iter()
        .map(|s| {
            let or = |text: &Option<String>| text.clone().unwrap_or("-".into());
            let size = |p: &Option<exchange::inbound::Jpeg>| {
                p.as_ref().map_or("-".into(), |p| p.bytes().len().to_string())
            };
            format!(
                "{} {} {:?} {} {} {} {} {:?} plate {} vehicle {}",
                letters(s),
                s.stated.map_or("-".into(), |p| format!("{p:.3}")),
                s.event,
                or(&s.region),
                s.captured.map_or("-".into(), |t| t.to_string()),
                or(&s.id),
                or(&s.camera),
                s.plate_box.unwrap_or_default(),
                size(&s.plate_picture),
                size(&s.vehicle_picture),
            )
        })
        .collect();
    lines.join("\n")
}

#[track_caller]
fn check(adapter: Adapter, content_type: &str, body: &[u8], want: &str) -> Heard {
    let heard = read(adapter, content_type, body);
    assert_eq!(told(&heard), want);
    heard
}

fn form(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (disposition, kind, content) in parts {
        let head = format!(
            "--street\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {kind}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--street--\r\n");
    body
}

const FORM: &str = "multipart/form-data; boundary=street";

const PLATE_RECOGNIZER: &str = r#"{
  "hook": {"target": "http://10.1.2.3:8090/in", "id": "north", "event": "recognition", "filename": "north/1.jpg"},
  "data": {
    "camera_id": "north", "filename": "north/1.jpg",
    "timestamp": "2026-11-23T08:15:00.250Z", "timestamp_local": "2026-11-23 09:15:00.250+01:00",
    "results": [
      {"plate": "7abc128", "score": 0.903, "dscore": 0.698,
       "box": {"xmin": 760, "ymin": 207, "xmax": 865, "ymax": 230},
       "region": {"code": "us-ca", "score": 0.91},
       "candidates": [{"plate": "7abc128", "score": 0.903}, {"plate": "7a8c128", "score": 0.31}],
       "vehicle": {"type": "Sedan", "score": 0.8, "box": {"xmin": 403, "ymin": 24, "xmax": 1467, "ymax": 579}},
       "model_make": [{"make": "Opel", "model": "Corsa", "score": 0.1}], "color": [], "orientation": [],
       "direction": 225, "source_url": "rtsp://x", "position_sec": 4.0},
      {"plate": "", "score": 0.0, "box": null},
      {"plate": "12#4", "score": 0.9},
      {"plate": {"type": "Plate", "score": 0.8, "box": {"xmin": 1, "ymin": 2, "xmax": 31, "ymax": 12},
        "props": {"plate": [{"value": "bd51smr", "score": 0.77}, {"value": "bd5lsmr", "score": 0.2}],
                  "region": [{"value": "gb", "score": 0.4}]}},
       "vehicle": {"type": "Van"}, "direction": null},
      {"plate": null, "vehicle": {"type": "Van"}}
    ]
  }
}"#;

#[test]
fn plate_recognizer() {
    let want = "7ABC128 0.903 Single us-ca 2026-11-23T08:15:00.250Z - north [760, 207, 105, 23] plate - vehicle -\n\
                BD51SMR 0.770 Single - 2026-11-23T08:15:00.250Z - north [1, 2, 30, 10] plate - vehicle -";
    let heard = check(Adapter::PlateRecognizer, JSON, PLATE_RECOGNIZER.as_bytes(), want);
    assert_eq!(heard.seen[0].direction, Some(Direction::Degrees(225.0)));
    let vehicles: Vec<_> = heard.seen.iter().map(|seen| seen.vehicle_box).collect();
    assert_eq!(vehicles, [Some([403, 24, 1064, 555]), None]);
    let left = "data.results[2].plate is no plate that can be taken: a plate holds only letters A-Z and digits.";
    assert_eq!(heard.left_out, [left]);
    // The candidate that reads 8 for B is among the odds, far behind.
    let b = &heard.seen[0].odds.places()[2];
    assert_eq!((b[0].0, b[1].0), ('B', '8'));

    let picture = jpeg(5000);
    let body = form(&[
        ("name=\"json\"", "application/json", PLATE_RECOGNIZER.as_bytes()),
        ("name=\"upload\"; filename=\"1.jpg\"", "image/jpeg", &picture),
    ]);
    let heard = read(Adapter::PlateRecognizer, FORM, &body);
    assert_eq!(heard.seen[0].vehicle_picture.as_ref().unwrap().bytes(), picture);

    let e = |body: &str| error(Adapter::PlateRecognizer, JSON, body.as_bytes());
    assert_eq!(e(r#"{"data": {}}"#), "data.results is missing or no list.");
    assert_eq!(e("{\"data\":\n\"7ABC128\" 5}"), "The document is no JSON at line 2 column 11.");
    assert_eq!(
        error(Adapter::PlateRecognizer, FORM, &form(&[("name=x", "a/b", b"")])),
        "The form has no field json."
    );
    let wrong = r#"{"data": {"results": [{"plate": "7abc128", "score": "7ABC128"}]}}"#;
    let heard = read(Adapter::PlateRecognizer, JSON, wrong.as_bytes());
    assert_eq!(heard.left_out, ["data.results[0].score is no number."]);
}

#[test]
fn openalpr() {
    let (plate, vehicle) = (b64(&jpeg(300)), b64(&jpeg(900)));
    let group = format!(
        r#"{{"data_type": "alpr_group", "version": 2, "epoch_start": 1795421700250, "epoch_end": 1795421702000,
        "best_plate_number": "7ABC128", "best_confidence": 91.5, "best_region": "us-ca",
        "best_region_confidence": 57.3, "best_uuid": "AGENT-12-1795421701000",
        "uuids": ["AGENT-12-1795421701000"], "camera_id": 12, "agent_uid": "AGENT", "company_id": "c",
        "best_image_width": 1280, "best_image_height": 720, "is_parked": false, "travel_direction": 178.2,
        "candidates": [{{"plate": "7ABC128", "confidence": 91.5, "matches_template": 1}},
                       {{"plate": "7A8C128", "confidence": 80.0, "matches_template": 0}}],
        "best_plate": {{"plate_crop_jpeg": "{plate}", "coordinates": [{{"x": 410, "y": 300}},
                       {{"x": 520, "y": 304}}, {{"x": 519, "y": 350}}, {{"x": 409, "y": 346}}]}},
        "vehicle": {{"color": [{{"name": "blue", "confidence": 90}}]}}, "vehicle_crop_jpeg": "{vehicle}"}}"#
    );
    let want = "7ABC128 0.915 Lost us-ca 2026-11-23T08:15:00.250Z AGENT-12-1795421701000 12 [409, 300, 111, 50] plate 304 vehicle 904";
    let heard = check(Adapter::OpenAlpr, JSON, group.as_bytes(), want);
    assert_eq!(heard.seen[0].frame_size, Some([1280, 720]));
    assert_eq!(heard.seen[0].until, Some(base::Time::from_millis(1_795_421_702_000)));

    let results = r#"{"data_type": "alpr_results", "epoch_time": 1795421700250, "camera_id": 12,
        "img_width": 1280, "img_height": 720, "uuid": "AGENT-12-1", "results": [
        {"plate": "7ABC128", "confidence": 88.0, "region": "", "region_confidence": 0, "candidates": []},
        {"plate": "4XYZ", "confidence": 180.0}]}"#;
    let want =
        "7ABC128 0.880 Update - 2026-11-23T08:15:00.250Z - 12 [0, 0, 0, 0] plate - vehicle -";
    let heard = check(Adapter::OpenAlpr, JSON, results.as_bytes(), want);
    assert_eq!(heard.left_out, ["results[1].confidence is no share from 0 to 100."]);

    check(Adapter::OpenAlpr, JSON, br#"{"data_type": "heartbeat", "timestamp": 1}"#, "");
    let e = error(Adapter::OpenAlpr, JSON, br#"{"data_type": "7ABC128"}"#);
    assert_eq!(e, "data_type is none that is known.");
    assert_eq!(error(Adapter::OpenAlpr, JSON, b"{}"), "data_type is missing.");
}

#[test]
fn axis() {
    let event = |state: &str, plate: &str| {
        let picture = b64(&jpeg(100));
        format!(
            r#"{{"packetCounter": "11890300", "capture_timestamp": "1795421700250", "datetime": "20261123 091500250",
            "plateUTF8": "{plate}", "plateASCII": "{plate}", "plateCountry": "SWE", "plateConfidence": "0.719034",
            "carState": "{state}", "geotag": {{"lat": 50.4, "lon": 30.4}}, "carMoveDirection": "in",
            "imageType": "plate", "imageArray": "{picture}",
            "plateCoordinates": [1185, 532, 140, 28], "carID": "1144696", "sensorProviderID": "gate_1"}}"#
        )
    };
    let line = |event: &str| {
        format!(
            "ABC001 0.719 {event} se 2026-11-23T08:15:00.250Z 1144696 gate_1 [1185, 532, 140, 28] plate 104 vehicle -"
        )
    };
    check(Adapter::Axis, JSON, event("new", "ABC001").as_bytes(), &line("New"));
    let both = format!("[{},{}]", event("update", "ABC001"), event("lost", "ABC001"));
    let heard = check(
        Adapter::Axis,
        JSON,
        both.as_bytes(),
        &format!("{}\n{}", line("Update"), line("Lost")),
    );
    assert_eq!(heard.seen[0].direction, Some(Direction::Toward));

    let gone = read(Adapter::Axis, JSON, event("lost", "").as_bytes());
    let left = Gone { id: "1144696".into(), camera: Some("gate_1".into()) };
    assert_eq!((gone.gone, gone.seen.len()), (vec![left], 0));
    let odd = read(Adapter::Axis, JSON, event("7ABC128", "ABC001").as_bytes());
    assert_eq!(odd.left_out, ["carState is neither new, update nor lost."]);
    let foreign = r#"{"plateUTF8": "漢B1", "plateASCII": "AB1", "carState": "new"}"#;
    check(
        Adapter::Axis,
        JSON,
        foreign.as_bytes(),
        "AB1 - New - - - - [0, 0, 0, 0] plate - vehicle -",
    );
}

fn hikvision_xml(plate: &str, kind: &str, time: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">
<ipAddress>192.168.1.64</ipAddress><portNo>80</portNo><macAddress>00:11:22:33:44:55</macAddress>
<channelID>1</channelID><dateTime>{time}</dateTime><eventType>{kind}</eventType>
<eventState>active</eventState><channelName>Gate &amp; yard</channelName>
<ANPR><country>7</country><licensePlate>{plate}</licensePlate><line>1</line><direction>reverse</direction>
<confidenceLevel>92</confidenceLevel><plateCharBelieve>99,99,99,61,99,99,99</plateCharBelieve>
<vehicleType>van</vehicleType></ANPR>
<UUID>u-1</UUID>
</EventNotificationAlert>"#
    )
}

#[test]
fn hikvision() {
    let xml = hikvision_xml("7ABC128", "ANPR", "2026-11-23T16:15:00+08:00");
    let line = |plate: &str, vehicle: &str| {
        format!(
            "7ABC128 0.920 Single - 2026-11-23T08:15:00.000Z u-1 Gate & yard [0, 0, 0, 0] plate {plate} vehicle {vehicle}"
        )
    };
    let heard = check(Adapter::Hikvision, "application/xml", xml.as_bytes(), &line("-", "-"));
    let seen = &heard.seen[0];
    assert_eq!((seen.direction, seen.event), (Some(Direction::Away), Event::Single));
    // The fourth character is the one that the camera doubts.
    let doubted: Vec<bool> = seen.odds.places().iter().map(|p| p[0].1 < 0.7).collect();
    assert_eq!(doubted, [false, false, false, true, false, false, false]);

    let (plate, frame) = (jpeg(200), jpeg(7000));
    let body = form(&[
        ("name=\"anpr.xml\"; filename=\"anpr.xml\"", "text/xml; charset=\"UTF-8\"", xml.as_bytes()),
        (
            "name=\"licensePlatePicture.jpg\"; filename=\"licensePlatePicture.jpg\"",
            "image/pjpeg",
            &plate,
        ),
        ("name=\"detectionPicture.jpg\"; filename=\"detectionPicture.jpg\"", "image/pjpeg", &frame),
    ]);
    check(Adapter::Hikvision, FORM, &body, &line("204", "7004"));

    for (plate, kind) in [("unknown", "ANPR"), ("7ABC128", "videoloss")] {
        let xml = hikvision_xml(plate, kind, "2026-11-23T16:15:00+08:00");
        assert_eq!(read(Adapter::Hikvision, "text/xml", xml.as_bytes()), Heard::default());
    }
    let local = hikvision_xml("7ABC128", "ANPR", "2026-11-23T16:15:00");
    let heard = read(Adapter::Hikvision, "text/xml", local.as_bytes());
    assert_eq!((heard.seen[0].captured, heard.left_out.len()), (None, 1));
    let chinese = hikvision_xml("蓝A7ABC12", "ANPR", "2026-11-23T16:15:00+08:00");
    let heard = read(Adapter::Hikvision, "text/xml", chinese.as_bytes());
    assert!(heard.seen.is_empty() && !heard.left_out[0].contains("7ABC"), "{:?}", heard.left_out);

    let e = |xml: &str| error(Adapter::Hikvision, "text/xml", xml.as_bytes());
    assert_eq!(e("<a><b>7ABC128</b></a>"), "The document is no EventNotificationAlert.");
    assert_eq!(
        e(&xml.replace("<confidenceLevel>92", "<confidenceLevel>7ABC128")),
        "ANPR/confidenceLevel is no number from 0 to 100."
    );
    assert_eq!(
        e("<!DOCTYPE a [<!ENTITY x \"7ABC128\">]>"),
        "The document has a document type, which is not taken (line 1)."
    );
    assert!(e(&xml.replace("</ANPR>", "")).contains("is no XML (line 10)"));
}

#[test]
fn frigate() {
    let event = |kind: &str, plate: &str| {
        format!(
            r#"{{"type": "{kind}", "before": {{"id": "1795421700.475377-mxklsc"}}, "after": {{
            "id": "1795421700.475377-mxklsc", "camera": "drive", "frame_time": 1795421700.25, "label": "car",
            "sub_label": ["Grandmother", 0.9], "top_score": 0.95, "start_time": 1795421699.5, "end_time": null,
            "box": [424, 500, 536, 712], "recognized_license_plate": {plate},
            "recognized_license_plate_score": 0.88}}}}"#
        )
    };
    let line = |event: &str, score: &str| {
        format!(
            "7ABC128 {score} {event} - 2026-11-23T08:15:00.250Z 1795421700.475377-mxklsc drive [0, 0, 0, 0] plate - vehicle -"
        )
    };
    check(Adapter::Frigate, JSON, event("new", "\"7ABC128\"").as_bytes(), &line("New", "0.880"));
    check(
        Adapter::Frigate,
        JSON,
        event("update", "[\"7ABC128\", 0.5]").as_bytes(),
        &line("Update", "0.500"),
    );
    check(Adapter::Frigate, JSON, event("end", "\"7ABC128\"").as_bytes(), &line("Lost", "0.880"));
    let gone = read(Adapter::Frigate, JSON, event("end", "null").as_bytes());
    let left = Gone { id: "1795421700.475377-mxklsc".into(), camera: Some("drive".into()) };
    assert_eq!((gone.gone, gone.seen.len()), (vec![left], 0));
    check(Adapter::Frigate, JSON, event("new", "null").as_bytes(), "");

    let lpr = r#"{"type": "lpr", "id": "1795421700.475377-mxklsc", "camera": "drive", "name": null,
        "timestamp": 1795421700.25, "plate": "7ABC128", "score": 0.97}"#;
    check(Adapter::Frigate, JSON, lpr.as_bytes(), &line("Update", "0.970"));
    check(
        Adapter::Frigate,
        JSON,
        br#"{"type": "description", "id": "x", "description": "a car"}"#,
        "",
    );
    assert_eq!(error(Adapter::Frigate, JSON, b"{}"), "type is missing.");
    let e = error(Adapter::Frigate, JSON, br#"{"type": "7ABC128", "after": {}}"#);
    assert_eq!(e, "type is neither new, update nor end.");
}

#[test]
fn blue_iris() {
    let picture = b64(&jpeg(60));
    let dump = r#"[{"api": "objects", "found": {"success": true, "predictions": [{"label": "car", "confidence": 0.9}]}},
        {"api": "alpr", "found": {"success": true, "predictions": [
        {"plate": "7ABC128", "label": "Plate: 7ABC128", "confidence": 0.83, "x_min": 10, "y_min": 20, "x_max": 110, "y_max": 50}]}}]"#;
    let body = format!(
        r#"{{"ai_dump": {dump}, "Image": "{picture}", "camera": "LPR1", "ALERT_PATH": "a", "timestamp": "2026-11-23T08:15:00.250Z"}}"#
    );
    let line = "7ABC128 0.830 Single - 2026-11-23T08:15:00.250Z - LPR1 [10, 20, 100, 30] plate - vehicle 64";
    check(Adapter::BlueIris, JSON, body.as_bytes(), line);

    let parts = form(&[
        ("name=\"ai_dump\"", "text/plain", dump.as_bytes()),
        ("name=\"camera\"", "text/plain", b"LPR1"),
        ("name=\"timestamp\"", "text/plain", b"1795421700250"),
        ("name=\"Image\"; filename=\"a.jpg\"", "image/jpeg", &jpeg(60)),
    ]);
    check(Adapter::BlueIris, FORM, &parts, line);

    let short =
        r#"{"plate_number": "7ABC128", "camera": "LPR1", "timestamp": "2026-11-23T08:15:00"}"#;
    let want = "7ABC128 - Single - - - LPR1 [0, 0, 0, 0] plate - vehicle -";
    let heard = check(Adapter::BlueIris, JSON, short.as_bytes(), want);
    assert_eq!(heard.left_out.len(), 1, "a time without its zone is not guessed");
    let macros = r#"{"plate_number": "&PLATE", "timestamp": "&ALERT_TIME"}"#;
    assert!(read(Adapter::BlueIris, JSON, macros.as_bytes()).seen.is_empty());
    assert_eq!(error(Adapter::BlueIris, JSON, b"{}"), "plate_number and ai_dump are both missing.");
    let e = error(Adapter::BlueIris, JSON, br#"{"ai_dump": "7ABC128"}"#);
    assert_eq!(e, "ai_dump is wrong: The document is no JSON at line 1 column 2.");
}

#[test]
fn verkada() {
    let body = r#"{"org_id": "o", "webhook_type": "lpr", "created_at": 1795421701, "webhook_id": "w", "data": {
        "camera_id": "38718198", "created": 1795421700, "detected": 1795421700250, "license_plate_number": "7ABC128",
        "confidence": 0.963, "crop": [0.3, 0.4, 0.5, 0.6], "image_url": "https://example.org/x", "license_plate_state": "us-ca"}}"#;
    let want = "7ABC128 0.963 Single us-ca 2026-11-23T08:15:00.250Z - 38718198 [0, 0, 0, 0] plate - vehicle -";
    check(Adapter::Verkada, JSON, body.as_bytes(), want);
    check(Adapter::Verkada, JSON, br#"{"webhook_type": "motion", "data": {}}"#, "");
    assert_eq!(error(Adapter::Verkada, JSON, br#"{"webhook_type": "lpr"}"#), "data is missing.");
}

#[test]
fn too_much_is_refused() {
    let large = vec![b' '; (8 << 20) + 1];
    for adapter in Adapter::ALL {
        for kind in [JSON, FORM] {
            let document = Document { content_type: kind, body: &large };
            assert_eq!(adapter.read(&document).unwrap_err().kind(), Kind::TooLarge, "{adapter:?}");
        }
    }
    let many = format!(r#"{{"data": {{"results": [{}{{}}]}}}}"#, "{},".repeat(64));
    assert!(error(Adapter::PlateRecognizer, JSON, many.as_bytes()).contains("more than 64"));
    // Lists in lists are bounded together.
    let found = r#"{"found": {"predictions": [{"plate": "7ABC128"}, {"plate": "7ABC#128"}]}}"#;
    let many = format!(r#"{{"ai_dump": [{}{found}]}}"#, format!("{found},").repeat(60));
    let more = format!(r#"{{"ai_dump": [{}]}}"#, vec![found.replace('#', ""); 64].join(","));
    let heard = read(Adapter::BlueIris, JSON, many.as_bytes());
    assert_eq!((heard.seen.len(), heard.left_out.len()), (61, 61), "{:?}", heard.left_out);
    let heard = read(Adapter::BlueIris, JSON, more.as_bytes());
    assert_eq!((heard.seen.len(), heard.left_out.len()), (64, 1), "{:?}", heard.left_out);
}

#[test]
fn names_of_adapters() {
    for adapter in Adapter::ALL {
        assert_eq!(adapter.as_str().parse::<Adapter>().unwrap(), adapter);
    }
    assert!("acme".parse::<Adapter>().unwrap_err().message().contains("blue-iris"));
}

/// A document in which one value is replaced by whatever: nothing panics, no error spells the plate.
fn survives(adapter: Adapter, content_type: &str, body: &[u8]) {
    let wanted = Text::parse("7ABC128").unwrap();
    let said = match adapter.read(&Document { content_type, body }) {
        Ok(heard) => {
            assert!(heard.seen.iter().all(|s| s.confidence <= exchange::inbound::CAP + 1e-3));
            format!("{heard:?}")
        }
        Err(e) => e.inside(),
    };
    assert!(!said.to_ascii_uppercase().contains(wanted.reveal(Reason::Reader)), "{said}");
}

proptest! {
    #[test]
    fn rubbish_never_panics(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        for adapter in Adapter::ALL {
            for kind in [JSON, FORM, "text/xml", ""] {
                survives(adapter, kind, &body);
            }
        }
    }

    /// The true shapes with bytes changed, taken out and doubled.
    #[test]
    fn broken_documents_never_panic(
        at in 0usize..3000, cut in 0usize..40, insert in proptest::collection::vec(any::<u8>(), 0..8)
    ) {
        let xml = hikvision_xml("7ABC128", "ANPR", "2026-11-23T16:15:00+08:00");
        let openalpr = r#"{"data_type": "alpr_group", "best_plate_number": "7ABC128", "best_confidence": 91.5,
            "candidates": [{"plate": "7A8C128", "confidence": 80}], "best_plate": {"coordinates": [{"x": 1, "y": 2}]}}"#;
        let axis = r#"[{"plateUTF8": "7ABC128", "plateConfidence": "0.7", "carState": "lost", "plateCoordinates": [1, 2, 3, 4]}]"#;
        let frigate = r#"{"type": "end", "after": {"id": "1", "recognized_license_plate": ["7ABC128", 0.4]}}"#;
        let iris = r#"{"ai_dump": [{"found": {"predictions": [{"plate": "7ABC128", "confidence": 0.8}]}}]}"#;
        let verkada = r#"{"webhook_type": "lpr", "data": {"license_plate_number": "7ABC128", "confidence": 0.9}}"#;
        let shapes: [(Adapter, &str, &str); 7] = [
            (Adapter::PlateRecognizer, JSON, PLATE_RECOGNIZER),
            (Adapter::Hikvision, "text/xml", &xml),
            (Adapter::OpenAlpr, JSON, openalpr),
            (Adapter::Axis, JSON, axis),
            (Adapter::Frigate, JSON, frigate),
            (Adapter::BlueIris, JSON, iris),
            (Adapter::Verkada, JSON, verkada),
        ];
        for (adapter, kind, shape) in shapes {
            let mut body = shape.as_bytes().to_vec();
            let at = at % body.len();
            let end = (at + cut).min(body.len());
            body.splice(at..end, insert.iter().copied());
            survives(adapter, kind, &body);
        }
    }
}

/// A maker's file that nobody calls, or that no document tries, would look as if it worked.
#[test]
fn each_maker_is_called_and_tried() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &std::path::Path| std::fs::read_to_string(file).expect("a file");
    let tests = read(&root.join("tests/makers.rs"));
    let files: Vec<_> = std::fs::read_dir(root.join("src/inbound")).expect("files").collect();
    let mut wrong = Vec::new();
    let mut makers = 0;
    for file in files {
        let file = file.expect("a file").path();
        let name = file.file_stem().and_then(|n| n.to_str()).expect("a name").to_owned();
        if !read(&file).contains(&format!("pub fn {name}(document: &Document")) {
            continue;
        }
        makers += 1;
        let at = format!("crates/exchange/src/inbound/{name}.rs");
        if !Adapter::ALL.iter().any(|a| a.as_str().replace('-', "_") == name) {
            wrong.push(format!(
                "{at}: Adapter::ALL in crates/exchange/src/inbound/mod.rs has no {name}"
            ));
        }
        if !tests.contains(&format!("#[test]\nfn {name}(")) {
            wrong.push(format!("{at}: crates/exchange/tests/makers.rs has no #[test] fn {name}()"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(makers, Adapter::ALL.len());
}
