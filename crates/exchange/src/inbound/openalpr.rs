//! OpenALPR and Rekor Scout, JSON of version 2: `alpr_results` while a vehicle is in view, one
//! `alpr_group` when it has left.
//!
//! Facts: docs.rekor.ai, "JSON Group Results"; help.rekor.ai, "webhooks". Confidences are 0 to 100,
//! times milliseconds.

use super::node::{Json, Node};
use super::region::region;
use super::seen::{Direction, Event, Jpeg, Seen, Stated};
use super::{Document, Heard, time};
use base::Result;

const REGION_SURE: f32 = 0.5;

/// Reads a document of an OpenALPR agent.
pub fn openalpr(document: &Document<'_>) -> Result<Heard> {
    let json = Json::read(document)?;
    let root = json.root();
    let kind = root.get("data_type");
    let mut heard = Heard::default();
    match kind.text()? {
        Some("alpr_group") => heard.take(group(&root)),
        Some("alpr_results") => {
            let captured = root.get("epoch_time").number()?.and_then(time::since_1970);
            for result in root.get("results").items()? {
                let seen = result_of(&result).map(|seen| {
                    seen.map(|seen| Seen {
                        captured,
                        camera: root.get("camera_id").name_text(),
                        frame_size: size(&root, "img_width", "img_height"),
                        ..seen
                    })
                });
                heard.take(seen);
            }
        }
        // The group that an alert is about comes as a document of its own.
        Some("heartbeat" | "alpr_alert" | "vehicle") => {}
        Some(_) => return Err(kind.wrong("is none that is known")),
        None => return Err(kind.wrong("is missing")),
    }
    Ok(heard)
}

fn group(root: &Node<'_>) -> Result<Option<Seen>> {
    let best = root.get("best_plate");
    let Some(text) = root.get("best_plate_number").plate()? else { return Ok(None) };
    let mut stated = Stated::new(text, root.get("best_confidence").share(100.0)?);
    stated.others = candidates(&root.get("candidates").items()?);
    let mut seen = stated.seen(Event::Lost)?;
    seen.region = named(&root.get("best_region"), &root.get("best_region_confidence"))?;
    // The moment of the best picture, where it is stated; else the group's beginning.
    let stamp = root.get("best_uuid_epoch_ms").number()?;
    let stamp = stamp.or(root.get("epoch_start").number()?);
    seen.captured = stamp.and_then(time::since_1970);
    seen.until = root.get("epoch_end").number()?.and_then(time::since_1970);
    seen.id = root.get("best_uuid").name_text();
    seen.camera = root.get("camera_id").name_text();
    let degrees = root.get("travel_direction").number()?;
    seen.direction =
        degrees.filter(|d| (0.0..=360.0).contains(d)).map(|d| Direction::Degrees(d as f32));
    seen.plate_box = outline(&best.get("coordinates"))?;
    seen.frame_size = size(root, "best_image_width", "best_image_height");
    let jpeg = |node: Node<'_>| node.as_text().and_then(Jpeg::from_base64);
    seen.plate_picture = jpeg(best.get("plate_crop_jpeg"));
    seen.vehicle_picture = jpeg(root.get("vehicle_crop_jpeg"));
    Ok(Some(seen))
}

fn result_of(result: &Node<'_>) -> Result<Option<Seen>> {
    let Some(text) = result.get("plate").plate()? else { return Ok(None) };
    let mut stated = Stated::new(text, result.get("confidence").share(100.0)?);
    stated.others = candidates(&result.get("candidates").items()?);
    let mut seen = stated.seen(Event::Update)?;
    seen.region = named(&result.get("region"), &result.get("region_confidence"))?;
    seen.plate_box = outline(&result.get("coordinates"))?;
    seen.plate_picture = result.get("plate_crop_jpeg").as_text().and_then(Jpeg::from_base64);
    Ok(Some(seen))
}

fn candidates(items: &[Node<'_>]) -> Vec<(plate::Text, f32)> {
    let one = |item: &Node<'_>| {
        Some((item.get("plate").plate().ok()??, item.get("confidence").share(100.0).ok()??))
    };
    items.iter().filter_map(one).collect()
}

fn named(code: &Node<'_>, score: &Node<'_>) -> Result<Option<String>> {
    let sure = score.share(100.0)?.is_none_or(|s| s >= REGION_SURE);
    Ok(code.as_text().filter(|_| sure).and_then(region))
}

fn size(root: &Node<'_>, width: &'static str, height: &'static str) -> Option<[u32; 2]> {
    let side = |name| root.get(name).pixels().and_then(|n| u32::try_from(n).ok());
    Some([side(width)?, side(height)?])
}

/// The upright box around four corners.
fn outline(corners: &Node<'_>) -> Result<Option<[i32; 4]>> {
    let points: Vec<(i32, i32)> = corners
        .items()?
        .iter()
        .filter_map(|p| Some((p.get("x").pixels()?, p.get("y").pixels()?)))
        .collect();
    let (xs, ys) = (points.iter().map(|p| p.0), points.iter().map(|p| p.1));
    let bounds = (|| Some([xs.clone().min()?, ys.clone().min()?, xs.max()?, ys.max()?]))();
    Ok(bounds
        .filter(|b| b[2] > b[0] && b[3] > b[1])
        .map(|b| [b[0], b[1], b[2] - b[0], b[3] - b[1]]))
}
