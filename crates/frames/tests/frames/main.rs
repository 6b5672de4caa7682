//! `homeplate-frames` and its supervisor together, on videos made here.

mod hostile;
mod make;
mod quirks;
mod server;
mod streams;
mod videos;

use base::{Error, Time};
use camera::{PixelFrame, VideoFile};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const T0: i64 = 1_795_420_800_000;
/// How long one frame may take in these tests.
const SILENCE: Duration = Duration::from_secs(10);

fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_homeplate-frames").into()
}

fn video(path: &Path) -> VideoFile {
    VideoFile { silence: SILENCE, ..VideoFile::new(program(), path, Time::from_millis(T0)) }
}

/// What came of a video: frames, and an error at most.
struct Played {
    frames: Vec<PixelFrame>,
    error: Option<Error>,
}

impl Played {
    /// The numbers that `make` has drawn into the frames.
    fn numbers(&self) -> Vec<u32> {
        self.frames.iter().map(make::number).collect()
    }
    /// Milliseconds from the start.
    fn times(&self) -> Vec<i64> {
        self.frames.iter().map(|f| f.at.millis() - T0).collect()
    }
    fn sizes(&self) -> Vec<(u32, u32)> {
        let mut sizes: Vec<_> = self.frames.iter().map(|f| (f.width, f.height)).collect();
        sizes.dedup();
        sizes
    }
}

/// Plays it to its end and checks what holds for every video, however broken.
fn play(video: &VideoFile) -> Played {
    let since = Instant::now();
    let mut played = Played { frames: Vec::new(), error: None };
    for item in video.open().unwrap() {
        assert!(played.error.is_none(), "something after the error");
        match item {
            Ok(frame) => {
                assert_eq!(frame.grey.len(), frame.width as usize * frame.height as usize);
                assert_eq!(frame.number, played.frames.len() as u64 + 1);
                assert!(played.frames.last().is_none_or(|before| before.at <= frame.at));
                played.frames.push(frame);
            }
            Err(e) => {
                let say = e.message();
                assert!(say.ends_with('.') && say.len() < 200 && !say.contains('\n'), "{say}");
                played.error = Some(e);
            }
        }
        let limit = SILENCE + Duration::from_secs(30);
        assert!(since.elapsed() < limit, "{} takes too long", video.path.display());
    }
    played
}
