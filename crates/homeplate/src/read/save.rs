//! `--annotate` and `--crops`: pictures for people.

use base::{Error, Result};
use plate::Reason;
use std::path::{Path, PathBuf};
use vision::{Flat, Picture, Plate, Track, draw};

/// Where pictures are written, if anywhere.
pub struct Saver {
    annotate: Option<PathBuf>,
    crops: Option<PathBuf>,
}

impl Saver {
    /// Makes the folders.
    pub fn new(annotate: Option<&Path>, crops: Option<&Path>) -> Result<Self> {
        for folder in [annotate, crops].into_iter().flatten() {
            make(folder)?;
        }
        Ok(Self { annotate: annotate.map(Path::to_owned), crops: crops.map(Path::to_owned) })
    }

    /// A picture with its plates drawn in, and its plates.
    pub fn picture(&self, file: &Path, picture: &Picture, plates: &[Plate]) -> Result<()> {
        if let Some(folder) = &self.annotate {
            let mut rgb = picture.rgb().into_owned();
            for plate in plates {
                let text = plate.odds.text();
                let sure = (plate.confidence * 100.0).round();
                let label = format!("{} {sure}%", text.reveal(Reason::Reader));
                draw::plate(&mut rgb, &plate.corners, &label);
            }
            write(&folder.join(format!("{}.jpg", flat_name(file))), &vision::jpeg(&rgb)?)?;
        }
        if let Some(folder) = &self.crops {
            for (i, plate) in plates.iter().enumerate() {
                if let Some(flat) = picture.flat(&plate.corners) {
                    let text = plate.odds.text();
                    let name = format!("{}-{}", i + 1, text.reveal(Reason::Reader));
                    crop(&folder.join(format!("{}-{name}.png", flat_name(file))), &flat)?;
                }
            }
        }
        Ok(())
    }

    /// The best picture of a pass, and its plate.
    pub fn pass(&self, file: &Path, track: &Track) -> Result<()> {
        let read = track.read.as_ref();
        let text = read.map(|r| r.odds.text());
        let text = text.as_ref().map_or("unread", |t| t.reveal(Reason::Reader));
        let name = format!("{}-{:04}-{text}", flat_name(file), track.number);
        if let (Some(folder), Some(jpeg)) = (&self.annotate, &track.jpeg) {
            let mut rgb = Picture::decode(jpeg)?.rgb().into_owned();
            let sure = read.map_or(String::new(), |r| format!(" {:.0}%", r.confidence * 100.0));
            draw::plate(&mut rgb, &track.jpeg_corners, &format!("{text}{sure}"));
            write(&folder.join(format!("{name}.jpg")), &vision::jpeg(&rgb)?)?;
        }
        if let (Some(folder), Some(flat)) = (&self.crops, &track.flat) {
            crop(&folder.join(format!("{name}.png")), flat)?;
        }
        Ok(())
    }
}

/// A path as a file name: folders become part of it, so that equal names in two folders stay apart.
pub fn flat_name(file: &Path) -> String {
    let keep = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let parts = file.with_extension("");
    let name: String =
        parts.to_string_lossy().trim_start_matches(['/', '.']).chars().map(keep).collect();
    // Names have a limit of 255 bytes; the end of a path says more than its beginning.
    let skip = name.chars().count().saturating_sub(100);
    name.chars().skip(skip).collect()
}

pub fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        let say = format!("The folder {} cannot be made.", folder.display());
        Error::unavailable(say).because(e)
    })
}

pub fn crop(path: &Path, flat: &Flat) -> Result<()> {
    write(path, &flat.png()?)
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| {
        Error::unavailable(format!("{} cannot be written; is the disk full?", path.display()))
            .because(e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_apart_and_inside_the_folder() {
        for (path, want) in [
            ("a/b/c.jpg", "a_b_c"),
            ("/srv/x.png", "srv_x"),
            ("../../etc/passwd", "etc_passwd"),
            ("b c\n.jpg", "b_c_"),
        ] {
            assert_eq!(flat_name(Path::new(path)), want);
        }
        assert!(flat_name(Path::new(&"é/".repeat(300))).len() <= 250);
    }
}
