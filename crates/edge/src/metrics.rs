//! Metrics of the reader's cameras in OpenMetrics text (the format that Prometheus reads). Names and
//! numbers alone; a label is a camera's id.

use crate::doctor::Line;
use crate::health::Report;
use crate::station::Station;
use std::fmt::Write;
use std::sync::Arc;

/// A family: its name, its type, what it says, and its value of one camera whose health and line are these.
type Family = (&'static str, &'static str, &'static str, fn(&Report, &Line) -> Option<f64>);

const FAMILIES: [Family; 17] = [
    ("homeplate_edge_leased", "gauge", "Whether the city lets the camera capture.", |_, l| {
        Some(f64::from(u8::from(l.lease == "leased")))
    }),
    ("homeplate_edge_live", "gauge", "Whether frames come.", |r, _| {
        Some(f64::from(u8::from(r.source.live)))
    }),
    ("homeplate_edge_frames_per_second", "gauge", "Frames looked at, a second.", |r, _| {
        Some(f64::from(r.fps))
    }),
    ("homeplate_edge_frames", "counter", "Frames that came.", |r, _| Some(r.source.frames as f64)),
    (
        "homeplate_edge_frames_dropped",
        "counter",
        "Frames dropped because the machine was busy.",
        |r, _| Some(r.source.dropped as f64),
    ),
    (
        "homeplate_edge_source_restarts",
        "counter",
        "How often the stream was begun again.",
        |r, _| Some(r.source.restarts as f64),
    ),
    ("homeplate_edge_passes_read", "gauge", "Passes read, of the last two hours.", |r, _| {
        Some(r.passes[0] as f64)
    }),
    ("homeplate_edge_passes_unread", "gauge", "Passes not read, of the last two hours.", |r, _| {
        Some(r.passes[1] as f64)
    }),
    (
        "homeplate_edge_plate_width_pixels",
        "gauge",
        "Median width of plates, of the last two hours.",
        |r, _| r.width.map(|w| f64::from(w.p50)),
    ),
    (
        "homeplate_edge_plate_sharpness",
        "gauge",
        "Median sharpness of plates, of the last two hours.",
        |r, _| r.sharpness.map(|w| f64::from(w.p50)),
    ),
    (
        "homeplate_edge_plate_angle_degrees",
        "gauge",
        "Median angle from which plates are seen, 0 from the front, of the last two hours.",
        |r, _| r.angle.map(|a| f64::from(a.p50)),
    ),
    ("homeplate_edge_brightness", "gauge", "Mean grey value of the picture, 0 to 255.", |r, _| {
        Some(f64::from(r.scene.brightness))
    }),
    (
        "homeplate_edge_picture_bad",
        "gauge",
        "Whether the picture is blocked, blurred, dark, glaring or turned away.",
        |r, _| {
            let scene = r.scene;
            let bad = scene.blocked || scene.blurred || scene.dark || scene.glaring || scene.moved;
            Some(f64::from(u8::from(bad)))
        },
    ),
    (
        "homeplate_edge_last_read_timestamp_seconds",
        "gauge",
        "When a read was last sealed.",
        |r, _| r.last_read.map(|at| at.millis() as f64 / 1000.0),
    ),
    ("homeplate_edge_spool_items", "gauge", "Sealed reads that wait.", |_, l| {
        Some(l.waiting as f64)
    }),
    ("homeplate_edge_clock_kept", "gauge", "Whether NTP keeps the machine's clock.", |r, _| {
        r.clock_kept.map(|kept| f64::from(u8::from(kept)))
    }),
    (
        "homeplate_edge_clock_offset_seconds",
        "gauge",
        "The machine's clock less the city's.",
        |r, _| r.clock_offset_ms.map(|ms| ms as f64 / 1000.0),
    ),
];

/// All families of all cameras.
pub fn of(stations: &[Arc<Station>]) -> String {
    let mut out = String::new();
    let now: Vec<(&str, Report, Line)> =
        stations.iter().map(|s| (s.camera.as_str(), s.health.report(), s.line())).collect();
    for (name, kind, help, value) in FAMILIES {
        let _ = writeln!(out, "# TYPE {name} {kind}\n# HELP {name} {help}");
        let end = if kind == "counter" { "_total" } else { "" };
        for (camera, report, line) in &now {
            if let Some(value) = value(report, line) {
                let _ = writeln!(out, "{name}{end}{{camera=\"{camera}\"}} {value}");
            }
        }
    }
    out.push_str("# EOF\n");
    out
}
