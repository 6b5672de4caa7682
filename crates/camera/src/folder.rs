//! A folder of pictures as a camera.
//!
//! Times: a clip has been filmed before it is played, but a lease covers only what is captured now,
//! so frames are stamped as if the clip were being filmed. In real time the first frame is now; else
//! the *last* frame of the first round is now, and frames come as fast as they are taken. No frame is
//! ever stamped with a time that has not come yet: who runs ahead waits.

use crate::source::{Folder, Frame, Image, Next, Play, SourceState};
use base::{Clock, Error, Result, Shutdown, Time};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A lease looks back five minutes at most; a longer clip begins this long ago.
const BACK_MS: i64 = 4 * 60_000;
const FRAME_MAX: u64 = 32 << 20;
const DEFAULT_FPS: f32 = 10.0;

/// The fields of `clip.json` that matter here; others are its maker's.
#[derive(Deserialize)]
struct Clip {
    fps: f32,
}

/// The frames of a folder, with times.
pub struct FolderSource {
    files: Vec<PathBuf>,
    interval_ms: f64,
    looped: bool,
    realtime: bool,
    clock: Arc<dyn Clock>,
    stop: Shutdown,
    /// When frame 0 of the whole playing was taken.
    start: Time,
    /// Frames handed out or dropped so far, over all rounds.
    taken: u64,
    state: SourceState,
}

impl FolderSource {
    /// Lists the folder; nothing is decoded.
    pub fn open(folder: &Folder, clock: Arc<dyn Clock>, stop: Shutdown) -> Result<Self> {
        let files = pictures(&folder.path)?;
        let fps = match folder.fps {
            Some(fps) => fps,
            None => clip_fps(&folder.path)?,
        };
        if !(0.1..=120.0).contains(&fps) {
            return Err(Error::invalid("Choose between 0.1 and 120 frames a second."));
        }
        let interval_ms = 1000.0 / f64::from(fps);
        let length = (files.len().saturating_sub(1) as f64 * interval_ms) as i64;
        let back = if folder.realtime { 0 } else { length.min(BACK_MS) };
        let start = clock.now().plus_millis(-back);
        let (looped, realtime) = (folder.looped, folder.realtime);
        Ok(Self {
            files,
            interval_ms,
            looped,
            realtime,
            clock,
            stop,
            start,
            taken: 0,
            state: SourceState::default(),
        })
    }

    /// How many frames one round has.
    #[allow(clippy::len_without_is_empty)] // an empty folder is refused
    pub fn len(&self) -> usize {
        self.files.len()
    }

    fn at(&self, frame: u64) -> Time {
        self.start.plus_millis((frame as f64 * self.interval_ms) as i64)
    }

    /// Drops the frames that a camera would have overwritten by now.
    fn keep_up(&mut self) {
        let late = self.clock.now().since(self.at(self.taken));
        if late > 0 {
            self.taken += (late as f64 / self.interval_ms) as u64;
        }
    }

    /// A round that ended long ago is not continued in the past: no lease would cover it.
    fn next_round(&mut self) {
        let now = self.clock.now();
        if now.since(self.at(self.taken)) > BACK_MS {
            self.start = now.plus_millis(-((self.taken as f64 * self.interval_ms) as i64));
        }
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let cannot = |e| {
            Error::unavailable(format!("The frame {} cannot be read.", path.display())).because(e)
        };
        let length = std::fs::metadata(path).map_err(cannot)?.len();
        if length > FRAME_MAX {
            return Err(Error::too_large(format!("{} is larger than 32 MiB.", path.display())));
        }
        std::fs::read(path).map_err(cannot)
    }
}

impl Play for FolderSource {
    fn next(&mut self, wait: Duration) -> Next {
        let count = self.files.len() as u64;
        let before = self.taken;
        if self.realtime {
            self.keep_up();
        } else if self.taken > 0 && self.taken.is_multiple_of(count) {
            self.next_round();
        }
        self.state.dropped += self.taken - before;
        if self.stop.stopped() || (!self.looped && self.taken >= count) {
            self.state.live = false;
            return Next::End;
        }
        let at = self.at(self.taken);
        let ahead = at.since(self.clock.now());
        if ahead > 0 {
            let pause = Duration::from_millis(ahead.unsigned_abs());
            if self.stop.sleep(pause.min(wait)) {
                return Next::End;
            }
            if pause > wait {
                return Next::Nothing;
            }
        }
        let gap = self.taken > before;
        let path = &self.files[(self.taken % count) as usize];
        self.taken += 1;
        self.state.frames += 1;
        match self.read(path) {
            Ok(bytes) => {
                (self.state.live, self.state.last) = (true, Some(at));
                Next::Frame(Frame { number: self.taken, at, gap, image: Image::Coded(bytes) })
            }
            Err(e) => Next::Fault(e),
        }
    }

    fn state(&self) -> SourceState {
        self.state.clone()
    }
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(|e| {
        Error::not_found(format!("There is no folder {}; name one with frames.", folder.display()))
            .because(e)
    })?;
    let is_picture = |path: &PathBuf| {
        let end = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        matches!(end.as_deref(), Some("jpg" | "jpeg" | "png" | "webp"))
    };
    let mut files: Vec<PathBuf> =
        entries.filter_map(|e| e.ok().map(|e| e.path())).filter(is_picture).collect();
    files.sort();
    if files.is_empty() {
        return Err(Error::not_found(format!(
            "{} holds no pictures (jpg, png or webp).",
            folder.display()
        )));
    }
    Ok(files)
}

fn clip_fps(folder: &Path) -> Result<f32> {
    let path = folder.join("clip.json");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(DEFAULT_FPS),
        Err(e) => {
            let say = format!("{} cannot be read; give the frames a second.", path.display());
            return Err(Error::unavailable(say).because(e));
        }
    };
    let clip: Clip = serde_json::from_slice(&bytes).map_err(|e| {
        Error::invalid(format!("{} must look like {{\"fps\": 10}}.", path.display())).because(e)
    })?;
    Ok(clip.fps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{Kind, ManualClock};

    const T0: i64 = 1_795_420_800_000;

    fn folder(frames: usize, clip: Option<&str>) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..frames {
            std::fs::write(dir.path().join(format!("{:06}.jpg", i + 1)), [i as u8]).unwrap();
        }
        std::fs::write(dir.path().join("notes.txt"), "not a frame").unwrap();
        if let Some(text) = clip {
            std::fs::write(dir.path().join("clip.json"), text).unwrap();
        }
        dir
    }

    fn config(dir: &tempfile::TempDir) -> Folder {
        Folder { path: dir.path().into(), fps: None, looped: false, realtime: false }
    }

    fn open(config: &Folder) -> (Result<FolderSource>, Arc<ManualClock>, Shutdown) {
        let clock = Arc::new(ManualClock::new(Time::from_millis(T0)));
        let stop = Shutdown::new();
        (FolderSource::open(config, clock.clone(), stop.clone()), clock, stop)
    }

    /// The next frame, its first byte with it; `None` at the end.
    fn take(source: &mut FolderSource) -> Option<(Frame, u8)> {
        match source.next(Duration::from_secs(10)) {
            Next::Frame(frame) => {
                let Image::Coded(bytes) = &frame.image else { panic!("a folder gives coded ones") };
                let first = bytes[0];
                Some((frame, first))
            }
            Next::End => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_clip_ends_now_and_keeps_its_pace() {
        let dir = folder(5, Some(r#"{"fps": 5, "start": "2026-11-23T08:00:00.000Z"}"#));
        let mut source = open(&config(&dir)).0.unwrap();
        let (frames, bytes): (Vec<Frame>, Vec<u8>) =
            std::iter::from_fn(|| take(&mut source)).unzip();
        let times: Vec<i64> = frames.iter().map(|f| f.at.millis() - T0).collect();
        assert_eq!(times, [-800, -600, -400, -200, 0]);
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
        assert_eq!(frames.iter().map(|f| f.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn real_time_drops_frames_rather_than_fall_behind() {
        let dir = folder(10, None);
        let (source, clock, _) = open(&Folder { realtime: true, ..config(&dir) });
        let mut source = source.unwrap();
        assert_eq!(take(&mut source).unwrap().0.number, 1);
        clock.advance(350);
        let frame = take(&mut source).unwrap().0;
        assert_eq!((frame.number, frame.at.millis() - T0, frame.gap), (4, 300, true));
        clock.advance(10_000);
        assert!(take(&mut source).is_none());
        assert!(source.state().dropped >= 2 && !source.state().live);
    }

    #[test]
    fn rounds_follow_one_another_until_told_to_stop() {
        let dir = folder(2, None);
        let (source, clock, stop) = open(&Folder { looped: true, ..config(&dir) });
        let mut source = source.unwrap();
        let mut at = |ms| {
            clock.advance(ms);
            take(&mut source).unwrap().0.at.millis() - T0
        };
        assert_eq!([at(0), at(0), at(100)], [-100, 0, 100]);
        // An hour's pause is not made up for.
        assert_eq!([at(0), at(3_600_000)], [200, 3_600_100]);
        stop.stop();
        assert!(take(&mut source).is_none());
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        let check = |config: Folder, kind: Kind, want: &str| {
            let e = open(&config).0.err().unwrap();
            assert_eq!(e.kind(), kind);
            assert!(e.to_string().contains(want), "{e}");
        };
        let empty = folder(0, None);
        check(config(&empty), Kind::NotFound, "no pictures");
        check(Folder { path: "/nowhere".into(), ..config(&empty) }, Kind::NotFound, "no folder");
        check(config(&folder(1, Some("fps=5"))), Kind::Invalid, "must look like");
        check(config(&folder(1, Some(r#"{"fps": 0}"#))), Kind::Invalid, "between 0.1 and 120");
        check(Folder { fps: Some(f32::NAN), ..config(&folder(1, None)) }, Kind::Invalid, "between");
    }
}
