//! What paths stand for: pictures and videos, by content first and by name in folders.

use base::{Error, Result};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// A picture beyond this is no picture of a street.
const PICTURE_MAX: u64 = 256 << 20;
/// So many bytes tell what a file is.
const HEAD: usize = 16;

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Picture,
    Video,
}

/// One file to be read, or a path that failed already.
pub struct Input {
    pub path: PathBuf,
    pub what: Result<What>,
}

impl Input {
    /// What it is, or why it cannot be read.
    pub fn kind(&self) -> Result<What> {
        match &self.what {
            Ok(what) => Ok(*what),
            Err(e) => Err(Error::new(e.kind(), e.message()).because(e.inside())),
        }
    }
}

/// The files that paths stand for, folders sorted and searched to the bottom.
pub fn list(paths: &[PathBuf]) -> Vec<Input> {
    let mut out = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = out.len();
            walk(path, &mut out);
            if out.len() == before {
                let none = Error::invalid("The folder holds no picture and no video.");
                out.push(Input { path: path.clone(), what: Err(none) });
            }
        } else {
            out.push(Input { path: path.clone(), what: head(path).map(|h| by_content(path, &h)) });
        }
    }
    out
}

fn walk(folder: &Path, out: &mut Vec<Input>) {
    let entries = std::fs::read_dir(folder).and_then(|list| list.collect::<io::Result<Vec<_>>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(e) => {
            let what = Err(unreadable(e));
            return out.push(Input { path: folder.to_owned(), what });
        }
    };
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        // Hidden files are other programs' business. A linked folder is not followed: it may be a ring.
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let folder = entry.file_type().is_ok_and(|t| t.is_dir());
        if folder && !hidden {
            walk(&path, out);
        } else if !hidden && !path.is_dir() && by_name(&path).is_some() {
            let what = head(&path).map(|h| by_content(&path, &h));
            out.push(Input { path, what });
        }
    }
}

fn head(path: &Path) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(HEAD);
    let file = File::open(path).map_err(unreadable)?;
    file.take(HEAD as u64).read_to_end(&mut out).map_err(unreadable)?;
    Ok(out)
}

/// The ending of a name; `None` where it promises neither.
fn by_name(path: &Path) -> Option<What> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    match ending.as_str() {
        "jpg" | "jpeg" | "jpe" | "png" | "webp" => Some(What::Picture),
        "mp4" | "m4v" | "mov" | "mkv" | "webm" | "avi" | "ts" | "mts" | "m2ts" | "mpg" | "mpeg"
        | "3gp" | "flv" | "ogv" => Some(What::Video),
        _ => None,
    }
}

/// The first bytes decide, since names lie; the name where they say nothing.
fn by_content(path: &Path, head: &[u8]) -> What {
    let at = |from: usize, magic: &[u8]| head.get(from..from + magic.len()) == Some(magic);
    let riff = |kind: &[u8]| at(0, b"RIFF") && at(8, kind);
    if at(0, b"\xff\xd8\xff") || at(0, b"\x89PNG") || riff(b"WEBP") {
        return What::Picture;
    }
    let film = at(4, b"ftyp")
        || at(4, b"moov")
        || at(4, b"mdat")
        || at(0, b"\x1a\x45\xdf\xa3")
        || riff(b"AVI ")
        || at(0, b"\0\0\x01\xba")
        || at(0, b"OggS")
        || at(0, b"FLV\x01");
    if film { What::Video } else { by_name(path).unwrap_or(What::Picture) }
}

/// A picture file's bytes, up to a limit: a device or a pipe may have no end.
pub fn bytes_of(file: &Path) -> Result<Vec<u8>> {
    let opened = File::open(file).map_err(unreadable)?;
    let size = opened.metadata().map_or(0, |about| about.len().min(PICTURE_MAX));
    let mut out = Vec::with_capacity(size as usize + 1);
    opened.take(PICTURE_MAX + 1).read_to_end(&mut out).map_err(unreadable)?;
    if out.len() as u64 > PICTURE_MAX {
        return Err(Error::too_large(format!("The file is larger than {} MB.", PICTURE_MAX >> 20)));
    }
    Ok(out)
}

/// What a person can do about a file that does not open.
fn unreadable(e: io::Error) -> Error {
    let error = match e.kind() {
        ErrorKind::NotFound => Error::not_found("There is no such file or folder."),
        ErrorKind::PermissionDenied => {
            Error::invalid("You may not read it; change its permissions.")
        }
        _ => Error::invalid("It cannot be read from the disk."),
    };
    error.because(e)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_goes_before_the_name() {
        let check = |name: &str, head: &[u8], want: What| {
            assert_eq!(by_content(Path::new(name), head), want, "{name}");
        };
        check("a.jpg", b"\xff\xd8\xff\xe0", What::Picture);
        check("a.mp4", b"\xff\xd8\xff\xe0", What::Picture);
        check("a.jpg", b"\0\0\0\x20ftypisom", What::Video);
        check("a.webp", b"RIFF\0\0\0\0WEBP", What::Picture);
        check("a.bin", b"RIFF\0\0\0\0AVI ", What::Video);
        check("a.ts", b"\x47\x40\x11\x10", What::Video);
        check("a.mp4", b"plain", What::Video);
        check("a.txt", b"plain", What::Picture);
        check("a", b"", What::Picture);
    }
}
