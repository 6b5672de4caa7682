//! The parts that may be used, and the plugin that each comes from: one table, no search.
//!
//! Two lists decide what a video may be: [`demuxer`] for containers, [`chains`] for codings. Whatever
//! they do not name cannot be reached: no playlist, no network, no picture sequence, no sound.

use crate::Failure;
use camera::Fault;
use gstreamer as gst;
use gstreamer::prelude::ObjectExt;
use std::path::PathBuf;

/// Where an unusual installation keeps its plugins; the first folder counts.
pub const FOLDER_VARIABLE: &str = "GST_PLUGIN_SYSTEM_PATH_1_0";

/// Element and plugin.
const PARTS: [(&str, &str); 40] = [
    ("filesrc", "coreelements"),
    ("typefind", "coreelements"),
    ("appsink", "app"),
    ("qtdemux", "isomp4"),
    ("matroskademux", "matroska"),
    ("avidemux", "avi"),
    ("flvdemux", "flv"),
    ("tsdemux", "mpegtsdemux"),
    ("mpegpsdemux", "mpegpsdemux"),
    ("h264parse", "videoparsersbad"),
    ("h265parse", "videoparsersbad"),
    ("vp9parse", "videoparsersbad"),
    ("av1parse", "videoparsersbad"),
    ("mpegvideoparse", "videoparsersbad"),
    ("mpeg4videoparse", "videoparsersbad"),
    ("avdec_h264", "libav"),
    ("avdec_h265", "libav"),
    ("avdec_mpeg2video", "libav"),
    ("avdec_mpeg4", "libav"),
    ("openh264dec", "openh264"),
    ("libde265dec", "de265"),
    ("vp8dec", "vpx"),
    ("vp9dec", "vpx"),
    ("av1dec", "aom"),
    ("jpegdec", "jpeg"),
    ("vah264dec", "va"),
    ("vah265dec", "va"),
    ("v4l2slh264dec", "v4l2codecs"),
    ("v4l2slh265dec", "v4l2codecs"),
    ("nvh264dec", "nvcodec"),
    ("nvh265dec", "nvcodec"),
    ("rtspsrc", "rtsp"),
    ("rtph264depay", "rtp"),
    ("rtph265depay", "rtp"),
    ("rtpjpegdepay", "rtp"),
    ("souphttpsrc", "soup"),
    ("multipartdemux", "multipart"),
    ("v4l2src", "video4linux2"),
    ("capsfilter", "coreelements"),
    ("funnel", "coreelements"),
];

/// What `rtspsrc` makes for itself, by name, and therefore must find.
const RTSP_NEEDS: [&str; 6] = ["coreelements", "rtpmanager", "rtp", "udp", "tcp", "app"];

/// The way out of RTP, by the encoding that a session describes.
pub fn depayloader(encoding: &str) -> Option<(&'static str, &'static str)> {
    Some(match encoding {
        "H264" => ("rtph264depay", "video/x-h264"),
        "H265" => ("rtph265depay", "video/x-h265"),
        "JPEG" => ("rtpjpegdepay", "image/jpeg"),
        _ => return None,
    })
}

/// The same as [`chains`] with the machine's own decoder in front, where it has one: such an element is
/// only there if the hardware is.
pub fn chains_of_hardware(coding: &gst::StructureRef) -> &'static [&'static [&'static str]] {
    match coding.name().as_str() {
        "video/x-h264" => &[
            &["h264parse", "vah264dec"],
            &["h264parse", "v4l2slh264dec"],
            &["h264parse", "nvh264dec"],
            &["h264parse", "avdec_h264"],
            &["h264parse", "openh264dec"],
        ],
        "video/x-h265" => &[
            &["h265parse", "vah265dec"],
            &["h265parse", "v4l2slh265dec"],
            &["h265parse", "nvh265dec"],
            &["h265parse", "avdec_h265"],
            &["h265parse", "libde265dec"],
        ],
        _ => chains(coding),
    }
}

/// The demuxer for a container, by its media type.
pub fn demuxer(container: &str) -> Option<&'static str> {
    Some(match container {
        "video/quicktime" => "qtdemux",
        "video/x-matroska" | "video/webm" => "matroskademux",
        "video/x-msvideo" => "avidemux",
        "video/x-flv" => "flvdemux",
        "video/mpegts" => "tsdemux",
        "video/mpeg" => "mpegpsdemux",
        _ => return None,
    })
}

/// The ways to decode a coding, best first; each a chain of elements. Empty where there is none.
pub fn chains(coding: &gst::StructureRef) -> &'static [&'static [&'static str]] {
    let version: Option<i32> = coding.get("mpegversion").ok();
    match (coding.name().as_str(), version) {
        ("video/x-raw", _) => &[&[]],
        ("video/x-h264", _) => &[&["h264parse", "avdec_h264"], &["h264parse", "openh264dec"]],
        ("video/x-h265", _) => &[&["h265parse", "avdec_h265"], &["h265parse", "libde265dec"]],
        ("video/x-vp8", _) => &[&["vp8dec"]],
        ("video/x-vp9", _) => &[&["vp9parse", "vp9dec"]],
        ("video/x-av1", _) => &[&["av1parse", "av1dec"]],
        ("image/jpeg", _) => &[&["jpegdec"]],
        ("video/mpeg", Some(1 | 2)) => &[&["mpegvideoparse", "avdec_mpeg2video"]],
        ("video/x-divx", _) => &[&["avdec_mpeg4"]],
        ("video/mpeg", Some(4)) => &[&["mpeg4videoparse", "avdec_mpeg4"]],
        _ => &[],
    }
}

/// Where the plugins lie.
#[derive(Clone)]
pub struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// Finds the folder, and loads the one plugin that is needed before any element: the recognition
    /// of containers by their first bytes.
    pub fn find() -> Result<Self, Failure> {
        let parts = Self { folder: folder()? };
        parts.load("typefindfunctions")?;
        Ok(parts)
    }

    /// A new element. Its plugin is loaded if it has not been.
    pub fn make(&self, element: &'static str) -> Result<gst::Element, Failure> {
        let missing = |why: String| Failure::new(Fault::Incomplete, format!("{element}: {why}"));
        let (_, plugin) = PARTS
            .iter()
            .find(|(name, _)| *name == element)
            .ok_or_else(|| Failure::new(Fault::Defect, format!("{element} is not on the list")))?;
        if gst::ElementFactory::find(element).is_none() {
            self.load(plugin)?;
        }
        let made =
            gst::ElementFactory::make(element).build().map_err(|e| missing(e.to_string()))?;
        // A stream that is joined between two whole pictures begins grey, and so does one that has lost a packet:
        // nothing is seen in that, and what usually moves would be learned wrong for minutes.
        if made.find_property("output-corrupt").is_some() {
            made.set_property("output-corrupt", false);
        }
        Ok(made)
    }

    /// The first chain whose elements are all installed.
    pub fn make_one_of(&self, chains: &[&[&'static str]]) -> Result<Vec<gst::Element>, Failure> {
        let mut why = Failure::new(Fault::Coding, "no decoder on the list");
        for chain in chains {
            match chain.iter().map(|element| self.make(element)).collect() {
                Ok(elements) => return Ok(elements),
                Err(e) => why = e,
            }
        }
        Err(why)
    }

    /// What the source of RTSP sessions needs besides its own plugin.
    pub fn ready_for_rtsp(&self) -> Result<(), Failure> {
        RTSP_NEEDS.iter().try_for_each(|plugin| self.load(plugin))
    }

    fn load(&self, plugin: &str) -> Result<(), Failure> {
        let file = self.folder.join(format!("libgst{plugin}.so"));
        let missing = |e: gst::glib::Error| Failure::new(Fault::Incomplete, e.to_string());
        gst::Plugin::load_file(&file).map(drop).map_err(missing)
    }
}

/// The folder `gstreamer-1.0` beside the library that this process runs with, wherever a distribution
/// has put it.
fn folder() -> Result<PathBuf, Failure> {
    if let Some(given) = std::env::var_os(FOLDER_VARIABLE) {
        return Ok(std::env::split_paths(&given).next().unwrap_or_default());
    }
    let missing = |why: String| Failure::new(Fault::Incomplete, format!("plugin folder: {why}"));
    let maps = std::fs::read_to_string("/proc/self/maps").map_err(|e| missing(e.to_string()))?;
    maps.lines()
        .filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])))
        .find(|path| {
            path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("libgstreamer-1.0.so"))
        })
        .and_then(|library| Some(library.parent()?.join("gstreamer-1.0")))
        .ok_or_else(|| missing("the library is not among the mapped files".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every element that the lists name is in the table, and nothing in the table is without use.
    #[test]
    fn the_lists_and_the_table_agree() {
        gst::init().unwrap();
        let mut used = vec!["filesrc", "typefind", "appsink"];
        let containers =
            ["quicktime", "x-matroska", "webm", "x-msvideo", "x-flv", "mpegts", "mpeg"];
        used.extend(containers.iter().map(|c| demuxer(&format!("video/{c}")).unwrap()));
        let codings =
            ["x-h264", "x-h265", "x-vp8", "x-vp9", "x-av1", "x-divx"].map(|c| format!("video/{c}"));
        let codings = codings.into_iter().chain(["image/jpeg".into(), "video/x-raw".into()]);
        let mut all: Vec<gst::Structure> = codings.map(gst::Structure::new_empty).collect();
        for version in [1i32, 2, 4] {
            all.push(gst::Structure::builder("video/mpeg").field("mpegversion", version).build());
        }
        for coding in &all {
            assert!(!chains(coding).is_empty(), "{coding}");
            used.extend(chains(coding).iter().flat_map(|chain| chain.iter()));
            used.extend(chains_of_hardware(coding).iter().flat_map(|chain| chain.iter()));
        }
        used.extend(["H264", "H265", "JPEG"].map(|e| depayloader(e).unwrap().0));
        used.extend(["rtspsrc", "souphttpsrc", "multipartdemux", "v4l2src", "capsfilter"]);
        used.push("funnel");
        used.sort_unstable();
        used.dedup();
        let mut table = PARTS.map(|(element, _)| element);
        table.sort_unstable();
        assert_eq!(used, table);
    }

    #[test]
    fn playlists_and_references_have_no_part() {
        for name in
            ["application/x-hls", "application/dash+xml", "application/sdp", "text/uri-list"]
        {
            assert_eq!(demuxer(name), None);
        }
    }
}
