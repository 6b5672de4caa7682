//! Plate Recognizer's webhook: JSON alone, or a form with the field `json` and the picture `upload`.
//!
//! Facts: guides.platerecognizer.com, "Webhooks and Outputs". Newer versions send `plate` as an object
//! with `props`, where a vehicle may have none. Boxes are of the whole frame, also where `upload` is the vehicle cut out
//! (`webhook_image_type = vehicle`, which it is where nobody says otherwise).

use super::form::{is_form, parts};
use super::node::{Json, Node};
use super::region::region;
use super::seen::{Direction, Event, Jpeg, Seen, Stated};
use super::{Document, Heard, bounded, time};
use base::{Error, Result};

/// A region is believed from here on.
const REGION_SURE: f32 = 0.5;

/// Reads a webhook of Plate Recognizer.
pub fn plate_recognizer(document: &Document<'_>) -> Result<Heard> {
    bounded(document)?;
    let (json, picture) = if is_form(document.content_type) {
        let parts = parts(document.content_type, document.body)?;
        let json = parts
            .iter()
            .find(|p| p.is("json"))
            .ok_or_else(|| Error::invalid("The form has no field json."))?;
        let picture = parts
            .iter()
            .find(|p| p.is("upload") || p.kind == "image/jpeg")
            .and_then(|p| Jpeg::new(p.body.to_vec()));
        (Json::parse(json.body)?, picture)
    } else {
        (Json::parse(document.body)?, None)
    };
    let root = json.root();
    let data = root.get("data");
    // A document of the snapshot's own answer has the fields at its top.
    let data = if data.there() { data } else { root };
    let results = data.get("results");
    if !results.is_list() {
        return Err(results.wrong("is missing or no list"));
    }
    let mut heard = Heard::default();
    let stamp = data.get("timestamp");
    let captured = stamp.as_text().and_then(time::written);
    if captured.is_none() && stamp.there() {
        heard.leave_out(
            "data.timestamp has no zone or is no time; the time of arrival is taken.".into(),
        );
    }
    for result in results.items()? {
        let seen = one(&result).map(|seen| {
            seen.map(|seen| Seen {
                captured,
                camera: data.get("camera_id").name_text(),
                vehicle_picture: picture.clone(),
                ..seen
            })
        });
        heard.take(seen);
    }
    Ok(heard)
}

fn one(result: &Node<'_>) -> Result<Option<Seen>> {
    let plate = result.get("plate");
    let (text, score, place, region_of, others) = if plate.is_object() {
        let props = plate.get("props");
        let texts = props.get("plate").items()?;
        let Some(best) = texts.first() else { return Ok(None) };
        let regions = props.get("region").items()?;
        let region_of = match regions.first() {
            Some(first) => named(&first.get("value"), &first.get("score"))?,
            None => None,
        };
        let others = candidates(&texts, "value")?;
        (
            best.get("value").plate()?,
            best.get("score").share(1.0)?,
            plate.get("box"),
            region_of,
            others,
        )
    } else {
        let region = result.get("region");
        let region_of = named(&region.get("code"), &region.get("score"))?;
        let others = candidates(&result.get("candidates").items()?, "plate")?;
        (plate.plate()?, result.get("score").share(1.0)?, result.get("box"), region_of, others)
    };
    let Some(text) = text else { return Ok(None) };
    let mut stated = Stated::new(text, score);
    stated.others = others;
    let mut seen = stated.seen(Event::Single)?;
    seen.region = region_of;
    seen.plate_box = corners(&place);
    seen.vehicle_box = corners(&result.get("vehicle").get("box"));
    let degrees = result.get("direction").number().ok().flatten();
    seen.direction =
        degrees.filter(|d| (0.0..=360.0).contains(d)).map(|d| Direction::Degrees(d as f32));
    Ok(Some(seen))
}

fn named(code: &Node<'_>, score: &Node<'_>) -> Result<Option<String>> {
    let sure = score.share(1.0)?.is_none_or(|s| s >= REGION_SURE);
    Ok(code.as_text().filter(|_| sure).and_then(region))
}

fn candidates(items: &[Node<'_>], name: &'static str) -> Result<Vec<(plate::Text, f32)>> {
    let mut out = Vec::new();
    for item in items {
        // A candidate that is no plate is one that nobody asks for.
        if let Ok(Some(text)) = item.get(name).plate() {
            out.push((text, item.get("score").share(1.0)?.unwrap_or_default()));
        }
    }
    Ok(out)
}

fn corners(place: &Node<'_>) -> Option<[i32; 4]> {
    let [x0, y0, x1, y1] = ["xmin", "ymin", "xmax", "ymax"].map(|name| place.get(name).pixels());
    let (x0, y0, x1, y1) = (x0?, y0?, x1?, y1?);
    (x1 > x0 && y1 > y0).then_some([x0, y0, x1 - x0, y1 - y0])
}
