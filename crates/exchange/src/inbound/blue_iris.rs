//! Blue Iris as it feeds an ALPR database: `ai_dump` (what its recogniser said, by the macro `&JSON`)
//! or `plate_number` (by `&PLATE`), `Image`, `camera`, `timestamp`; as JSON or as the fields of a form.
//!
//! Facts: the public description of the ALPR database's address `api/plate-reads`.

use super::form::{is_form, parts};
use super::node::{Json, Node};
use super::seen::{Event, Jpeg, Seen, Stated};
use super::{Document, Heard, bounded, time};
use base::Result;
use serde_json::Value;

/// Reads an alert of Blue Iris.
pub fn blue_iris(document: &Document<'_>) -> Result<Heard> {
    bounded(document)?;
    if !is_form(document.content_type) {
        let json = Json::parse(document.body)?;
        let picture = json.root().get("Image").as_text().and_then(Jpeg::from_base64);
        return alert(&json.root(), picture);
    }
    let parts = parts(document.content_type, document.body)?;
    let mut fields = Vec::new();
    for name in ["ai_dump", "plate_number", "camera", "timestamp"] {
        if let Some(text) = parts.iter().find(|p| p.is(name)).and_then(|p| p.text()) {
            fields.push((name, Value::String(text.trim().to_owned())));
        }
    }
    let image = parts.iter().find(|p| p.is("Image") || p.kind == "image/jpeg");
    let picture = image
        .and_then(|p| Jpeg::new(p.body.to_vec()).or_else(|| p.text().and_then(Jpeg::from_base64)));
    alert(&Json::of(fields).root(), picture)
}

fn alert(root: &Node<'_>, picture: Option<Jpeg>) -> Result<Heard> {
    let mut heard = Heard::default();
    let stamp = root.get("timestamp");
    let captured = match stamp.as_text() {
        Some(text) => time::written(text),
        None => stamp.number()?.and_then(time::since_1970),
    };
    if captured.is_none() && stamp.there() {
        heard
            .leave_out("timestamp has no zone or is no time; the time of arrival is taken.".into());
    }
    let fill = |seen: Seen| Seen {
        captured,
        camera: root.get("camera").name_text(),
        vehicle_picture: picture.clone(),
        ..seen
    };
    let dump = root.get("ai_dump");
    // As a field of a form, and in some set-ups as a text in JSON, the dump is JSON inside a text.
    let inner = dump.as_text().map(|text| Json::parse(text.as_bytes())).transpose();
    let inner = inner
        .map_err(|e| dump.wrong(&format!("is wrong: {}", e.message().trim_end_matches('.'))))?;
    let dump = inner.as_ref().map_or(dump, |json| json.root());
    if dump.there() {
        for block in dump.items()? {
            for found in block.get("found").get("predictions").items()? {
                heard.take(prediction(&found).map(|seen| seen.map(fill)));
            }
        }
        return Ok(heard);
    }
    let plate = root.get("plate_number");
    if !plate.there() {
        return Err(plate.wrong("and ai_dump are both missing"));
    }
    heard.take(plate.plate().and_then(|text| {
        text.map(|text| Stated::new(text, None).seen(Event::Single).map(fill)).transpose()
    }));
    Ok(heard)
}

fn prediction(found: &Node<'_>) -> Result<Option<Seen>> {
    // Other recognisers (people, cars) stand in the same dump without a plate.
    let Some(text) = found.get("plate").plate()? else { return Ok(None) };
    let mut seen = Stated::new(text, found.get("confidence").share(1.0)?).seen(Event::Single)?;
    let [x0, y0, x1, y1] =
        ["x_min", "y_min", "x_max", "y_max"].map(|name| found.get(name).pixels());
    seen.plate_box = (|| Some([x0?, y0?, x1? - x0?, y1? - y0?]))().filter(|b| b[2] > 0 && b[3] > 0);
    Ok(Some(seen))
}
