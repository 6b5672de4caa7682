//! Hot lists over HTTP: the way in, and files that mean harm.

use super::*;
use city::{ImportDone, ImportPreview, ListView};

const LIST: &str = "/v1/lists/lst_state";

async fn post<T: serde::Serialize>(town: &Town, path: &str, body: &T) -> Answer {
    let body = serde_json::to_vec(body).unwrap();
    town.signed(("POST", path), (town.admin.as_str(), &town.key), &body, &[]).await
}

async fn bring(town: &Town, query: &str, file: &[u8]) -> Answer {
    let path = format!("{LIST}/imports{query}");
    town.signed(("POST", &path), (town.admin.as_str(), &town.key), file, &[]).await
}

async fn listed() -> Town {
    let town = town("");
    let settings = serde_json::json!({
        "name": "State", "default_days": 30, "reason": "stolen", "case": "26-1",
    });
    let view: ListView = post(&town, LIST, &settings).await.good();
    assert_eq!((view.entries, view.settings.max_days), (0, 90));
    town
}

#[tokio::test]
async fn a_list_comes_in_and_is_taken_back() {
    let town = listed().await;
    let preview: ImportPreview = bring(&town, "", b"plate,state\n7ABC128,CA\n").await.good();
    assert_eq!((preview.number, preview.added), (Some(1), 1));
    let text = serde_json::to_string(&preview).unwrap();
    assert!(!text.contains("7ABC128"), "{text}");
    let none = serde_json::json!({});
    let done: ImportDone = post(&town, &format!("{LIST}/imports/1/confirm"), &none).await.good();
    assert_eq!(done.state, "taken");
    let who = (town.admin.as_str(), &town.key);
    let view: ListView = town.signed(("GET", LIST), who, b"", &[]).await.good();
    assert_eq!((view.entries, view.import), (1, Some(1)));
    let done: ImportDone = post(&town, &format!("{LIST}/imports/1/undo"), &none).await.good();
    assert_eq!(done.state, "undone");
    let found = serde_json::json!({"plate": "7ABC128"});
    let _: Value = post(&town, &format!("{LIST}/found"), &found).await.good();
    for path in ["/imports/x/confirm", "/imports/9/undo"] {
        assert_eq!(post(&town, &format!("{LIST}{path}"), &none).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_person_puts_the_mapping_right() {
    let town = listed().await;
    let file = b"a,b\nCA,7ABC128\n";
    let right = "%7B%22layout%22%3A%22other%22%2C%22delimiter%22%3A%22%2C%22%2C%22headings%22%3Atrue%2C\
                 %22columns%22%3A%5B%22state%22%2C%22plate%22%5D%7D";
    let preview: ImportPreview = bring(&town, &format!("?mapping={right}"), file).await.good();
    assert_eq!(preview.added, 1, "{preview:?}");
    for bad in ["?mapping=%7B%7D", "?mapping=7", "?map=1"] {
        assert_eq!(bring(&town, bad, file).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn files_that_mean_harm() {
    let town = listed().await;
    let formulas =
        b"plate,state,note\n7ABC128,CA,\"=HYPERLINK(\"\"http://evil\"\")\"\n7ABC129,CA,@SUM(A1)\n";
    let preview: ImportPreview = bring(&town, "", formulas).await.good();
    assert_eq!((preview.rows.defused, preview.added), (2, 2));

    let mut line = b"plate,state\n".to_vec();
    line.resize(64 << 20, b'A');
    let preview: ImportPreview = bring(&town, "", &line).await.good();
    assert_eq!(preview.number, None);
    line.push(b'A');
    assert_eq!(bring(&town, "", &line).await.status, 413);

    let wide: Vec<u8> =
        "plate,state\n7ABC128,CA\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let preview: ImportPreview = bring(&town, "", &wide).await.good();
    assert_eq!((preview.added, preview.understood["encoding"].as_str()), (1, Some("utf16-le")));
    for noise in [&b""[..], &[0; 4096], &[0xff; 4096], b"\xf0\x9f\x92\xa9\xf0\x9f\x92\n\xf0"] {
        let preview: ImportPreview = bring(&town, "", noise).await.good();
        assert_eq!(preview.number, None);
        assert!(preview.problem.is_some());
    }
}
