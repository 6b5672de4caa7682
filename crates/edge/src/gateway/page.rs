//! What people see of a gateway: a table a device, no plate, no secret.

use super::device::Status;
use base::Time;
use serde_json::json;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;\
color:#1b1b1f;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1.2rem;margin:0}dt{color:#5b5b66}dd{margin:0}\
ul{margin:.3rem 0;padding-left:1.2rem}@media(prefers-color-scheme:dark){body{background:#17171b;color:#e8e8ee}\
dt{color:#a5a5b3}}";

/// The page; `strangers` requests showed no secret that is known.
pub(super) fn page(devices: &[Status], strangers: u64, now: Time) -> String {
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"10\">\
         <title>Gateway</title><style>{STYLE}</style><h1>Gateway for other makers' readers</h1>\
         <p>{} devices. {strangers} requests came without a secret that is known. No plate is shown here.</p>",
        devices.len()
    );
    for d in devices {
        out.push_str(&section(d, now));
    }
    out
}

fn section(d: &Status, now: Time) -> String {
    let mut rows = vec![
        ("Speaks", d.adapter.to_owned()),
        ("Lease", lease(d)),
        ("Last heard", d.last.map_or("never".into(), |at| ago(at, now))),
        ("Passes sealed", d.reads.sealed.to_string()),
        ("Delivered to the city", d.reads.delivered.to_string()),
        ("Waiting, sealed", d.reads.waiting.to_string()),
        ("Refused by the city", d.reads.refused.to_string()),
        ("Lost", d.reads.lost.to_string()),
        ("Too unsure to be a read", d.reads.unsure.to_string()),
        ("Repeats of a pass", d.repeats.to_string()),
    ];
    for (name, count) in d.tally {
        rows.push((name, count.to_string()));
    }
    let rows: String =
        rows.iter().map(|(k, v)| format!("<dt>{}</dt><dd>{}</dd>", safe(k), safe(v))).collect();
    let notes: String = d
        .notes
        .iter()
        .map(|(at, words)| format!("<li>{}: {}</li>", ago(*at, now), safe(words)))
        .collect();
    let notes = if notes.is_empty() { String::new() } else { format!("<ul>{notes}</ul>") };
    format!("<h2>{}</h2><dl>{rows}</dl>{notes}", safe(&d.camera))
}

fn lease(d: &Status) -> String {
    match (d.lease, d.until) {
        ("leased", Some(until)) => format!("in force until {until}"),
        ("off", _) => "the city has switched this camera off; what it sends is refused".into(),
        (state, _) => format!("none ({state}); what the device sends is refused"),
    }
}

/// The same for programs.
pub(super) fn json(devices: &[Status], strangers: u64) -> serde_json::Value {
    let one = |d: &Status| {
        let tally: serde_json::Map<String, serde_json::Value> =
            d.tally.iter().map(|(k, v)| (k.replace(' ', "_"), (*v).into())).collect();
        json!({
            "camera": d.camera, "adapter": d.adapter, "lease": d.lease, "until": d.until,
            "last": d.last, "came": tally, "repeats": d.repeats, "reads": d.reads, "notes": d.notes,
        })
    };
    json!({ "devices": devices.iter().map(one).collect::<Vec<_>>(), "strangers": strangers })
}

fn ago(at: Time, now: Time) -> String {
    match now.since(at) / 1000 {
        s if s < 120 => format!("{} s ago", s.max(0)),
        s if s < 7200 => format!("{} min ago", s / 60),
        _ => at.to_string(),
    }
}

fn safe(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            c => c.to_string(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_how_it_stands() {
        let now = Time::from_millis(1_795_420_800_000);
        let status = Status {
            camera: "cam_north".into(),
            adapter: "axis",
            lease: "off",
            until: None,
            last: Some(now.plus_millis(-5000)),
            tally: [("documents", 3); 7],
            repeats: 2,
            reads: Default::default(),
            notes: vec![(now, "a <b> & \"c\"".into())],
        };
        let html = page(&[status], 4, now);
        for part in [
            "cam_north",
            "switched this camera off",
            "5 s ago",
            "a &lt;b&gt; &amp; &quot;c&quot;",
            "4 requests",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
