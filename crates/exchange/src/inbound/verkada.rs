//! Verkada's webhook `lpr`.
//!
//! Facts: apidocs.verkada.com, "LPR Webhook Object". `detected` is in milliseconds, `created` in
//! seconds. The picture behind `image_url` lies with the maker and is not fetched; `crop` is left out,
//! because the frame's size is not stated.

use super::node::Json;
use super::region::region;
use super::seen::{Event, Stated};
use super::{Document, Heard, time};
use base::Result;

/// Reads a webhook of Verkada.
pub fn verkada(document: &Document<'_>) -> Result<Heard> {
    let json = Json::read(document)?;
    let root = json.root();
    let mut heard = Heard::default();
    let kind = root.get("webhook_type");
    match kind.text()? {
        Some(kind) if kind.eq_ignore_ascii_case("lpr") => {}
        // Other events of the same organisation.
        Some(_) => return Ok(heard),
        None => return Err(kind.wrong("is missing")),
    }
    let data = root.get("data");
    if !data.is_object() {
        return Err(data.wrong("is missing"));
    }
    heard.take((|| {
        let Some(text) = data.get("license_plate_number").plate()? else { return Ok(None) };
        let mut seen = Stated::new(text, data.get("confidence").share(1.0)?).seen(Event::Single)?;
        seen.region = data.get("license_plate_state").as_text().and_then(region);
        let stamp = data.get("detected").number()?.or(data.get("created").number()?);
        seen.captured = stamp.and_then(time::since_1970);
        seen.camera = data.get("camera_id").name_text();
        Ok(Some(seen))
    })());
    Ok(heard)
}
