//! Videos made here: a rendered street, coded as a camera codes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::street::{PassTruth, Scenario, Street};

/// A coded clip and what is to be seen in it.
pub struct Film {
    pub path: PathBuf,
    pub passes: Vec<PassTruth>,
}

/// Renders a scenario and codes it with H.264 at a camera's usual bit rate.
pub fn film(folder: &Path, name: &str, scenario: Scenario) -> Film {
    let fps = scenario.fps as u32;
    let street = Street::new(scenario);
    let frames = folder.join(name);
    street.write(&frames).unwrap();
    let path = folder.join(format!("{name}.mp4"));
    let pictures = frames.join("%06d.jpg").display().to_string();
    let out = Command::new("gst-launch-1.0")
        .args(["-q", "multifilesrc", &format!("location={pictures}"), "start-index=1"])
        .args([
            &format!("caps=image/jpeg,framerate={fps}/1"),
            "!",
            "jpegdec",
            "!",
            "videoconvert",
            "!",
        ])
        .args(["x264enc", "bitrate=6000", "speed-preset=veryfast", "!", "mp4mux", "!", "filesink"])
        .arg(format!("location={}", path.display()))
        .output()
        .expect("gst-launch-1.0 is installed by ./run setup");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    std::fs::remove_dir_all(&frames).unwrap();
    let passes = street.truth().passes;
    Film { path, passes }
}
