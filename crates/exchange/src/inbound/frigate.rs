//! Frigate's messages, over MQTT or forwarded: `frigate/events` with `before` and `after`, and
//! `frigate/tracked_object_update` with `type` = `lpr`.
//!
//! Facts: docs.frigate.video, "MQTT" and "License Plate Recognition". Times are seconds. `sub_label` is
//! the name that a household gave a known plate, and no plate: it is not read.

use super::node::{Json, Node};
use super::seen::{Event, Seen, Stated};
use super::{Document, Gone, Heard, time};
use base::Result;

/// Reads a message of Frigate.
pub fn frigate(document: &Document<'_>) -> Result<Heard> {
    let json = Json::read(document)?;
    let root = json.root();
    let mut heard = Heard::default();
    let kind = root.get("type");
    let after = root.get("after");
    if after.is_object() {
        let what = match kind.text()? {
            Some("new") => Event::New,
            Some("update") => Event::Update,
            Some("end") => Event::Lost,
            _ => return Err(kind.wrong("is neither new, update nor end")),
        };
        let seen = event(&after, what);
        if let (Event::Lost, Ok(None), Some(id)) = (what, &seen, after.get("id").name_text()) {
            heard.gone.push(Gone { id, camera: after.get("camera").name_text() });
        }
        heard.take(seen);
        return Ok(heard);
    }
    match kind.text()? {
        Some("lpr") => heard.take(update(&root)),
        // Descriptions, faces and classes come on the same topic and are nobody's business here.
        Some(_) => {}
        None => return Err(kind.wrong("is missing")),
    }
    Ok(heard)
}

fn event(after: &Node<'_>, what: Event) -> Result<Option<Seen>> {
    let plate = after.get("recognized_license_plate");
    // Some versions send the plate and its score as a pair.
    let (plate, pair) = match plate.is_list().then(|| plate.items()).transpose()? {
        Some(pair) => {
            let mut pair = pair.into_iter();
            let (plate, score) = (pair.next(), pair.next());
            let Some(plate) = plate else { return Ok(None) };
            (plate, score)
        }
        None => (plate, None),
    };
    let Some(text) = plate.plate()? else { return Ok(None) };
    let score = match pair {
        Some(score) => score.share(1.0)?,
        None => after.get("recognized_license_plate_score").share(1.0)?,
    };
    let mut seen = Stated::new(text, score).seen(what)?;
    let stamp = after.get("frame_time").number()?.or(after.get("start_time").number()?);
    seen.captured = stamp.and_then(time::since_1970);
    seen.id = after.get("id").name_text();
    seen.camera = after.get("camera").name_text();
    Ok(Some(seen))
}

fn update(root: &Node<'_>) -> Result<Option<Seen>> {
    let Some(text) = root.get("plate").plate()? else { return Ok(None) };
    let mut seen = Stated::new(text, root.get("score").share(1.0)?).seen(Event::Update)?;
    seen.captured = root.get("timestamp").number()?.and_then(time::since_1970);
    seen.id = root.get("id").name_text();
    seen.camera = root.get("camera").name_text();
    Ok(Some(seen))
}
