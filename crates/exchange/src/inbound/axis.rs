//! Axis License Plate Verifier's push events: JSON, one event or a list of them; every number may be a
//! text.
//!
//! Facts: developer.axis.com, "License plate verifier API". A car has one `carID` from `new` over
//! `update` to `lost`. `plateCoordinates` are left, top, width, height in pixels. Pictures are taken
//! where they come along (`imageArray`); those behind `imagesURI` are not fetched.

use super::node::{Json, Node};
use super::region::region;
use super::seen::{Direction, Event, Jpeg, Seen, Stated};
use super::{Document, Gone, Heard, time};
use base::Result;

/// Reads push events of Axis License Plate Verifier.
pub fn axis(document: &Document<'_>) -> Result<Heard> {
    let json = Json::read(document)?;
    let root = json.root();
    let mut heard = Heard::default();
    let events = if root.is_list() { root.items()? } else { vec![root] };
    for event in events {
        let state = event.get("carState");
        let what = match state.as_text() {
            Some("new") => Event::New,
            Some("update") => Event::Update,
            Some("lost") => Event::Lost,
            Some(_) => {
                heard.leave_out(state.wrong("is neither new, update nor lost").message().into());
                continue;
            }
            // The heartbeat has none; a plate without a state is a car of its own.
            None => Event::Single,
        };
        let seen = one(&event, what);
        if let (Event::Lost, Ok(None), Some(id)) = (what, &seen, event.get("carID").name_text()) {
            heard.gone.push(Gone { id, camera: camera(&event) });
        }
        heard.take(seen);
    }
    Ok(heard)
}

fn one(event: &Node<'_>, what: Event) -> Result<Option<Seen>> {
    let (utf8, ascii) = (event.get("plateUTF8"), event.get("plateASCII"));
    let text =
        if utf8.there() { utf8.plate().or_else(|_| ascii.plate())? } else { ascii.plate()? };
    let text = match text {
        None => event.get("plateText").plate()?,
        some => some,
    };
    let Some(text) = text else { return Ok(None) };
    let mut seen = Stated::new(text, event.get("plateConfidence").share(1.0)?).seen(what)?;
    seen.region = event.get("plateCountry").as_text().and_then(region);
    seen.captured = event.get("capture_timestamp").number()?.and_then(time::since_1970);
    seen.id = event.get("carID").name_text();
    seen.direction = match event.get("carMoveDirection").as_text() {
        Some("in") => Some(Direction::Toward),
        Some("out") => Some(Direction::Away),
        _ => None,
    };
    seen.camera = camera(event);
    let place = event.get("plateCoordinates").items()?;
    if let [x, y, w, h] = place.as_slice() {
        let sides = (|| Some([x.pixels()?, y.pixels()?, w.pixels()?, h.pixels()?]))();
        seen.plate_box = sides.filter(|s| s[2] > 0 && s[3] > 0);
    }
    let array = event.get("imageArray");
    let picture = match array.as_text() {
        Some(coded) => Jpeg::from_base64(coded),
        None if array.is_list() => {
            array.items()?.iter().find_map(|item| item.as_text().and_then(Jpeg::from_base64))
        }
        None => None,
    };
    if event.get("imageType").as_text() == Some("plate") {
        seen.plate_picture = picture;
    } else {
        seen.vehicle_picture = picture;
    }
    Ok(Some(seen))
}

fn camera(event: &Node<'_>) -> Option<String> {
    let serial = || event.get("camera_info").get("SerialNumber").name_text();
    event.get("sensorProviderID").name_text().or_else(serial)
}
