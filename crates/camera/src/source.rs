//! Sources as configuration, and what all of them give: frames, one after the other.

use crate::stream::{Stream, StreamKind};
use crate::{FolderSource, PixelFrame, VideoSource};
use base::{Clock, Error, Result, Secret, Shutdown, Time};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Where a camera's frames come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// Pictures in a folder, by name.
    Folder(Folder),
    /// A video file, played as a camera would send it.
    Video(VideoFileSource),
    /// A camera's RTSP stream.
    Rtsp(Network),
    /// JPEG pictures one after the other over HTTP.
    Mjpeg(Network),
    /// A camera of this machine.
    V4l2(Device),
}

/// A folder of pictures, played as a camera would send them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Frames a second; where absent, what `clip.json` in the folder says, or 10.
    #[serde(default)]
    pub fps: Option<f32>,
    /// Begin again at the end.
    #[serde(default)]
    pub looped: bool,
    /// Take the time the clip takes, and drop frames rather than fall behind.
    #[serde(default)]
    pub realtime: bool,
}

/// A video file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoFileSource {
    /// The file.
    pub path: PathBuf,
    /// At most so many frames a second; where absent, 10.
    #[serde(default)]
    pub fps: Option<f32>,
    /// Begin again at the end.
    #[serde(default)]
    pub looped: bool,
}

/// A camera on the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its address, as `rtsp://10.0.0.7/stream1`, without name and password: addresses are printed.
    pub url: String,
    /// The camera's user.
    #[serde(default)]
    pub user: Option<String>,
    /// A file that only this program's user may read, with the password on its first line.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Where its ONVIF service is, where that is not `http://HOST/onvif/device_service`: for shutter and gain.
    #[serde(default)]
    pub onvif: Option<String>,
    /// How RTP travels; where absent, within the connection.
    #[serde(default)]
    pub transport: Transport,
    /// At most so many frames a second; where absent, 10.
    #[serde(default)]
    pub fps: Option<f32>,
    /// The machine's own decoder, where it has one.
    #[serde(default)]
    pub hardware: bool,
    /// Begin the stream anew when no frame came for so many seconds; where absent, 10.
    #[serde(default)]
    pub silence_s: Option<f32>,
}

/// How RTP travels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Within the RTSP connection: nothing is lost, and one port is enough.
    #[default]
    Tcp,
    /// In packets of its own.
    Udp,
}

/// A camera of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Its file, as `/dev/video0`.
    pub path: PathBuf,
    /// At most so many frames a second; where absent, 10.
    #[serde(default)]
    pub fps: Option<f32>,
}

/// The pixels of a frame.
#[derive(Clone, PartialEq, Eq)]
pub enum Image {
    /// Still coded: JPEG, PNG or WebP.
    Coded(Vec<u8>),
    /// Decoded.
    Pixels(PixelFrame),
}

/// One frame as it came.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Counts the frames handed out, from 1 for as long as the source runs.
    pub number: u64,
    /// When it was taken.
    pub at: Time,
    /// Frames before it were lost or dropped.
    pub gap: bool,
    /// What is on it.
    pub image: Image,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let gap = if self.gap { ", after a gap" } else { "" };
        match &self.image {
            Image::Coded(bytes) => {
                write!(f, "Frame({} at {}, {} bytes{gap})", self.number, self.at, bytes.len())
            }
            Image::Pixels(p) => {
                write!(f, "Frame({} at {}, {}x{}{gap})", self.number, self.at, p.width, p.height)
            }
        }
    }
}

/// What a source has next.
#[derive(Debug)]
pub enum Next {
    /// A frame.
    Frame(Frame),
    /// Something is wrong; the source goes on trying.
    Fault(Error),
    /// Nothing yet.
    Nothing,
    /// Nothing, ever again.
    End,
}

/// How a source is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceState {
    /// Frames come.
    pub live: bool,
    /// Frames that came, dropped ones among them.
    pub frames: u64,
    /// Frames that were dropped because nobody took them in time.
    pub dropped: u64,
    /// How often the source ended and was begun again.
    pub restarts: u64,
    /// When the last frame came.
    pub last: Option<Time>,
    /// What is wrong now, in one sentence.
    pub fault: Option<String>,
}

/// A source that plays. Dropping it ends the playing.
pub trait Play: Send {
    /// The next frame, waiting for it `wait` at most (a file or folder may take a moment longer).
    fn next(&mut self, wait: Duration) -> Next;

    /// How it is doing.
    fn state(&self) -> SourceState;

    /// Ends the playing: when this returns nothing comes from the camera any more. How it was doing in the end.
    fn close(&mut self) -> SourceState {
        SourceState { live: false, ..self.state() }
    }
}

const FPS: f32 = 10.0;
const SILENCE: Duration = Duration::from_secs(10);

impl Source {
    /// Opens the source. `program` is where `homeplate-frames` lies, for all but folders. A folder or a file
    /// ends early when `stop` is raised.
    pub fn open(
        &self,
        program: &Path,
        clock: Arc<dyn Clock>,
        stop: Shutdown,
    ) -> Result<Box<dyn Play>> {
        Ok(match self {
            Source::Folder(folder) => Box::new(FolderSource::open(folder, clock, stop)?),
            Source::Video(video) => Box::new(VideoSource::open(video, program, clock, stop)?),
            Source::Rtsp(network) => {
                Box::new(network.stream(StreamKind::Rtsp, program)?.open(clock)?)
            }
            Source::Mjpeg(network) => {
                Box::new(network.stream(StreamKind::Mjpeg, program)?.open(clock)?)
            }
            Source::V4l2(device) => Box::new(device.stream(program)?.open(clock)?),
        })
    }

    /// The source that a command line names: a folder, a video file, an address or a device.
    pub fn named(name: &str) -> Result<Self> {
        let network = |url: &str| Network {
            url: url.to_owned(),
            user: None,
            password_file: None,
            onvif: None,
            transport: Transport::default(),
            fps: None,
            hardware: false,
            silence_s: None,
        };
        let path = PathBuf::from(name);
        if name.starts_with("rtsp://") || name.starts_with("rtsps://") {
            check_address(name)?;
            return Ok(Source::Rtsp(network(name)));
        }
        if name.starts_with("http://") || name.starts_with("https://") {
            check_address(name)?;
            return Ok(Source::Mjpeg(network(name)));
        }
        if name.starts_with("/dev/") {
            return Ok(Source::V4l2(Device { path, fps: None }));
        }
        if path.is_file() {
            return Ok(Source::Video(VideoFileSource { path, fps: None, looped: false }));
        }
        Ok(Source::Folder(Folder { path, fps: None, looped: false, realtime: false }))
    }

    /// Where it is, for people: never with a password.
    pub fn place(&self) -> String {
        match self {
            Source::Folder(f) => f.path.display().to_string(),
            Source::Video(v) => v.path.display().to_string(),
            Source::Rtsp(n) | Source::Mjpeg(n) => without_user(&n.url),
            Source::V4l2(d) => d.path.display().to_string(),
        }
    }

    /// Whether it ends by itself.
    pub fn ends(&self) -> bool {
        match self {
            Source::Folder(f) => !f.looped,
            Source::Video(v) => !v.looped,
            _ => false,
        }
    }

    /// At most so many frames a second.
    pub fn set_fps(&mut self, fps: f32) {
        let at = match self {
            Source::Folder(f) => &mut f.fps,
            Source::Video(v) => &mut v.fps,
            Source::Rtsp(n) | Source::Mjpeg(n) => &mut n.fps,
            Source::V4l2(d) => &mut d.fps,
        };
        *at = Some(fps);
    }
}

impl Network {
    /// The login that the stream has, for its settings.
    pub fn login(&self) -> Result<Option<crate::onvif::Login>> {
        let Some(user) = self.user.clone() else { return Ok(None) };
        let password = match &self.password_file {
            Some(path) => password(path)?,
            None => Secret::new(String::new()),
        };
        Ok(Some(crate::onvif::Login { user, password }))
    }

    fn stream(&self, kind: StreamKind, program: &Path) -> Result<Stream> {
        check_address(&self.url)?;
        let password = match &self.password_file {
            Some(path) => password(path)?,
            None => Secret::new(String::new()),
        };
        if self.silence_s.is_some_and(f32::is_nan) {
            return Err(Error::invalid("Give silence_s as a number of seconds from 1 to 3600."));
        }
        let silence = self.silence_s.unwrap_or(SILENCE.as_secs_f32()).clamp(1.0, 3600.0);
        Ok(Stream {
            program: program.to_owned(),
            kind,
            address: self.url.clone(),
            user: self.user.clone().unwrap_or_default(),
            password,
            udp: self.transport == Transport::Udp,
            fps: self.fps.unwrap_or(FPS),
            hardware: self.hardware,
            silence: Duration::from_secs_f32(silence),
        })
    }
}

impl Device {
    fn stream(&self, program: &Path) -> Result<Stream> {
        let address = self.path.to_str().filter(|p| p.starts_with("/dev/") && !p.contains('\n'));
        let address =
            address.ok_or_else(|| Error::invalid("Name a device of this machine: /dev/video0."))?;
        Ok(Stream {
            program: program.to_owned(),
            kind: StreamKind::V4l2,
            address: address.to_owned(),
            user: String::new(),
            password: Secret::new(String::new()),
            udp: false,
            fps: self.fps.unwrap_or(FPS),
            hardware: false,
            silence: SILENCE,
        })
    }
}

/// The first line of a file that nobody else may read.
fn password(path: &Path) -> Result<Secret<String>> {
    let bytes = base::read_secret(path)?;
    let text = std::str::from_utf8(bytes.expose())
        .map_err(|_| Error::invalid(format!("{} is not text.", path.display())))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
}

/// No password in an address: it would be on a screen, in a log and in the list of processes.
fn check_address(url: &str) -> Result<()> {
    let bad = url.chars().any(|c| c.is_control() || c.is_whitespace());
    if bad || url.len() > 2000 || !url.contains("://") {
        return Err(Error::invalid("Give the camera's address as rtsp://HOST/PATH."));
    }
    if url != without_user(url) {
        return Err(Error::invalid(
            "Keep name and password out of the address; give the user's name apart from it and the password in a file.",
        ));
    }
    Ok(())
}

fn without_user(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_source() {
        let check = |name: &str, kind: &str| {
            let source = Source::named(name);
            let got = match source.as_ref().map(|s| serde_json::to_value(s).unwrap()) {
                Ok(v) => v["kind"].as_str().unwrap().to_owned(),
                Err(e) => e.kind().slug().to_owned(),
            };
            assert_eq!(got, kind, "{name}");
        };
        check("rtsp://10.0.0.7:554/a?b=c@d", "rtsp");
        check("https://cam.example/video.mjpg", "mjpeg");
        check("/dev/video0", "v4l2");
        check("/nowhere/frames", "folder");
        check("rtsp://admin:secret@10.0.0.7/a", "invalid");
        check("rtsp://admin@10.0.0.7/a", "invalid");
        check("rtsp://10.0.0.7/a\nadmin", "invalid");
    }

    #[test]
    fn what_is_no_number_of_seconds_is_refused() {
        let check = |silence_s: Option<f32>, want: Option<u64>| {
            let Ok(Source::Rtsp(network)) = Source::named("rtsp://10.0.0.7/a") else {
                panic!("an address is a stream")
            };
            let stream = Network { silence_s, ..network }.stream(StreamKind::Rtsp, Path::new("x"));
            assert_eq!(stream.ok().map(|s| s.silence.as_secs()), want, "{silence_s:?}");
        };
        check(None, Some(10));
        check(Some(0.0), Some(1));
        check(Some(f32::INFINITY), Some(3600));
        check(Some(f32::NAN), None);
    }

    #[test]
    fn a_place_is_shown_without_its_user() {
        let check = |url: &str, want: &str| assert_eq!(without_user(url), want);
        check("rtsp://a:b@h/p", "rtsp://h/p");
        check("rtsp://a:b@c@h:1?x=y@z", "rtsp://h:1?x=y@z");
        check("rtsp://h/a@b", "rtsp://h/a@b");
        check("nothing", "nothing");
    }
}
