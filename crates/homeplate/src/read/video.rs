//! Videos: frames from the program that decodes them, read by every reader at once, followed in order.

use super::output::SeenFrame;
use super::{Work, pool};
use base::{Result, Time};
use camera::{PixelFrame, Video, VideoFile};
use std::io;
use std::path::Path;
use vision::{Picture, Plate, Reader, Track, TrackOptions, Tracker};

/// What one frame gave.
struct Read {
    number: u64,
    at: Time,
    picture: Picture,
    plates: Vec<Plate>,
}

/// Reads a video and writes its passes as they end. What is wrong with the video is the inner result.
pub fn read(path: &Path, work: &mut Work) -> io::Result<Result<()>> {
    let video = match open(path, work.fps) {
        Ok(video) => video,
        Err(e) => return Ok(Err(e)),
    };
    let mut tracker = Tracker::new(TrackOptions {
        min_confidence: work.min_confidence.max(TrackOptions::default().min_confidence),
        ..TrackOptions::default()
    });
    let (out, saver, frames) = (&mut work.out, &work.saver, work.frames);
    let (mut failed, mut passes) = (None, 0);
    let mut tell = |out: &mut super::Output, tracks: Vec<Track>| -> io::Result<()> {
        for track in tracks {
            passes += 1;
            out.pass(path, &track)?;
            if let Err(e) = saver.pass(path, &track) {
                out.say(&e.to_string());
            }
        }
        Ok(())
    };
    // The pool stops taking results when the first one fails; what was seen before it counts.
    pool::ordered(video, &mut work.readers, frame, |result| {
        if failed.is_some() {
            return Ok(());
        }
        match result {
            Ok(read) => {
                let at_ms = read.at.millis();
                out.within(at_ms);
                if frames {
                    out.frame(&SeenFrame {
                        file: path,
                        width: read.picture.width(),
                        height: read.picture.height(),
                        number: read.number,
                        at_ms,
                        plates: &read.plates,
                    })?;
                }
                let ended = tracker.push(read.at, &read.picture, read.plates);
                tell(out, ended)
            }
            Err(e) => {
                failed = Some(e);
                Ok(())
            }
        }
    })?;
    tell(out, tracker.finish())?;
    if passes == 0 && failed.is_none() {
        out.nothing(path)?;
    }
    Ok(failed.map_or(Ok(()), Err))
}

/// Reads one frame. The tracker wants every plate, sure or not: it sets its own threshold.
fn frame(reader: &mut Reader, frame: Result<PixelFrame>) -> Result<Read> {
    let frame = frame?;
    let picture = Picture::from_grey(frame.width as usize, frame.height as usize, frame.grey)?;
    let plates = reader.read(&picture)?;
    Ok(Read { number: frame.number, at: frame.at, picture, plates })
}

fn open(path: &Path, fps: f32) -> Result<Video> {
    let start = Time::from_millis(0);
    VideoFile { fps: Some(fps), ..VideoFile::new(crate::edge::program()?, path, start) }.open()
}
