//! Hikvision ANPR cameras: the ISAPI event `EventNotificationAlert` as XML, alone or as the part
//! `anpr.xml` of a form with the pictures `licensePlatePicture.jpg` and `detectionPicture.jpg` (some
//! models: `vehiclePicture.jpg`).
//!
//! Facts: the ISAPI's public description of the event. `confidenceLevel` and the characters' beliefs in
//! `plateCharBelieve` are 0 to 100. The country is a number of the maker's own table and is not taken;
//! nor is `plateRect`, whose unit differs between models.

use super::form::{Part, is_form, parts};
use super::node::plate;
use super::seen::{Direction, Event, Jpeg, Stated};
use super::xml::Flat;
use super::{Document, Heard, bounded, time};
use base::{Error, Result};

const ALERT: &str = "EventNotificationAlert";

/// Reads an event of a Hikvision camera.
pub fn hikvision(document: &Document<'_>) -> Result<Heard> {
    bounded(document)?;
    if !is_form(document.content_type) {
        return alert(document.body, &[]);
    }
    let parts = parts(document.content_type, document.body)?;
    let is_xml = |p: &&Part<'_>| {
        p.kind.ends_with("/xml") || p.file.ends_with(".xml") || p.name.ends_with(".xml")
    };
    let xml = parts
        .iter()
        .find(is_xml)
        .ok_or_else(|| Error::invalid("The form has no part with XML."))?;
    alert(xml.body, &parts)
}

fn alert(xml: &[u8], parts: &[Part<'_>]) -> Result<Heard> {
    let flat = Flat::read(xml)?;
    if flat.root() != ALERT {
        return Err(Error::invalid(format!("The document is no {ALERT}.")));
    }
    let mut heard = Heard::default();
    // The same address also hears that the picture is lost, that a disk is full, that all is well.
    if !flat.text("eventType").is_some_and(|kind| kind.eq_ignore_ascii_case("ANPR")) {
        return Ok(heard);
    }
    let written = flat
        .text("ANPR/licensePlate")
        .ok_or_else(|| Error::invalid("ANPR/licensePlate is missing."))?;
    let text = match plate(written) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(heard),
        Err(e) => {
            heard.leave_out(format!("ANPR/licensePlate is no plate that can be taken: {e}."));
            return Ok(heard);
        }
    };
    let mut stated = Stated::new(text, share(flat.text("ANPR/confidenceLevel"))?);
    let beliefs = flat.text("ANPR/plateCharBelieve").unwrap_or_default();
    stated.characters = beliefs
        .split(',')
        .take(plate::Text::MAX + 1)
        .map_while(|b| b.trim().parse::<f32>().ok())
        .filter(|b| (0.0..=100.0).contains(b))
        .map(|b| b / 100.0)
        .collect();
    let mut seen = stated.seen(Event::Single)?;
    match flat.text("dateTime") {
        Some(stamp) if time::lacks_zone(stamp) => {
            heard.leave_out("dateTime has no zone; the time of arrival is taken.".into());
        }
        Some(stamp) => seen.captured = time::written(stamp),
        None => {}
    }
    seen.direction = match flat.text("ANPR/direction") {
        Some("forward") => Some(Direction::Toward),
        Some("reverse") => Some(Direction::Away),
        _ => None,
    };
    let short = |text: &str| text.chars().take(128).collect::<String>();
    seen.camera = flat.text("channelName").or_else(|| flat.text("macAddress")).map(short);
    seen.id = flat.text("EventNotificationAlert/UUID").map(short);
    let picture = |names: &[&str]| {
        let named = |name: &&str| parts.iter().find(|p| p.is(name) || p.is(&format!("{name}.jpg")));
        names.iter().filter_map(named).find_map(|p| Jpeg::new(p.body.to_vec()))
    };
    seen.plate_picture = picture(&["licensePlatePicture"]);
    seen.vehicle_picture = picture(&["vehiclePicture", "detectionPicture"]);
    heard.seen.push(seen);
    Ok(heard)
}

fn share(text: Option<&str>) -> Result<Option<f32>> {
    let Some(text) = text else { return Ok(None) };
    let number = text.parse::<f32>().ok().filter(|n| (0.0..=100.0).contains(n));
    number
        .map(|n| Some(n / 100.0))
        .ok_or_else(|| Error::invalid("ANPR/confidenceLevel is no number from 0 to 100."))
}
