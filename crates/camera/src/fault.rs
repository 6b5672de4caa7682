//! What can be wrong with a video, as both ends of the frame pipe know it.
//!
//! The child says it with its exit code alone. A child that a hostile video has taken over can thus
//! choose among these sentences, but cannot put one of its own before a person.

use base::{Error, Kind};

/// Why a video gave no frames, or no more frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There is no such file.
    Missing,
    /// A folder, a device or a pipe.
    NotAFile,
    /// The file may not be read.
    Unreadable,
    /// The file has no bytes.
    Empty,
    /// Text, a picture, a playlist, or a container that is not on the list.
    NotAVideo,
    /// A container without a picture track: sound alone, subtitles.
    NoPictures,
    /// Pictures in a coding that is not on the list.
    Coding,
    /// The container or its pictures contradict themselves, or end too early.
    Damaged,
    /// The video ended by itself before its first frame.
    NoFrame,
    /// A part of the media library is not installed.
    Incomplete,
    /// A defect of the child itself.
    Defect,
    /// A stream whose address nobody answers at.
    Unreachable,
    /// A camera that wants another name or password.
    Denied,
    /// A camera that answers and knows no such stream.
    NoSuchStream,
    /// A stream that has ended or broken off.
    StreamEnded,
}

impl Fault {
    /// Every fault with its exit code. 1, 2 and 101 are left to the language and the arguments.
    const CODES: [(Fault, u8); 15] = [
        (Fault::Missing, 20),
        (Fault::NotAFile, 21),
        (Fault::Unreadable, 22),
        (Fault::Empty, 23),
        (Fault::NotAVideo, 24),
        (Fault::NoPictures, 25),
        (Fault::Coding, 26),
        (Fault::Damaged, 27),
        (Fault::NoFrame, 28),
        (Fault::Incomplete, 29),
        (Fault::Defect, 30),
        (Fault::Unreachable, 31),
        (Fault::Denied, 32),
        (Fault::NoSuchStream, 33),
        (Fault::StreamEnded, 34),
    ];

    /// The exit code by which the child names this fault.
    pub fn exit_code(self) -> u8 {
        Self::CODES.iter().find(|(f, _)| *f == self).map_or(30, |(_, code)| *code)
    }

    /// The fault behind an exit code, if it is one of these.
    pub fn from_exit_code(code: i32) -> Option<Self> {
        // The child never began: the loader did not find a library that it is linked with.
        if code == 127 {
            return Some(Fault::Incomplete);
        }
        Self::CODES.iter().find(|(_, c)| i32::from(*c) == code).map(|(f, _)| *f)
    }

    /// Seen from the caller: is the file wrong, or this machine?
    pub fn kind(self) -> Kind {
        match self {
            Fault::Missing => Kind::NotFound,
            Fault::Unreadable | Fault::Incomplete | Fault::Unreachable | Fault::StreamEnded => {
                Kind::Unavailable
            }
            Fault::Denied => Kind::Unauthenticated,
            Fault::NoSuchStream => Kind::NotFound,
            Fault::Defect => Kind::Internal,
            _ => Kind::Invalid,
        }
    }

    /// One sentence for a person, of a video; `name` is the file's name.
    pub fn sentence(self, name: &str) -> String {
        match self {
            Fault::Missing => format!("There is no file {name}."),
            Fault::NotAFile => format!("{name} is not a file; choose a video file."),
            Fault::Unreadable => {
                format!("The file {name} cannot be read; look at its permissions.")
            }
            Fault::Empty => format!("The file {name} is empty."),
            Fault::NotAVideo => format!(
                "{name} is not a video of a known kind; send MP4, MOV, MKV, WebM, AVI, FLV or MPEG."
            ),
            Fault::NoPictures => format!("The video {name} has no picture track."),
            Fault::Coding => format!(
                "The pictures of {name} are coded in a way that is not supported; convert it to H.264."
            ),
            Fault::Damaged => format!("The video {name} is damaged or was cut off."),
            Fault::NoFrame => format!("The video {name} ended without a single picture."),
            Fault::Incomplete => {
                "GStreamer, which decodes videos and streams, is not installed or not whole; install what the \
                 package homeplate recommends. Folders of pictures are read without it."
                    .into()
            }
            Fault::Defect => "The program for videos has failed; see the log.".into(),
            // No video ends so.
            Fault::Unreachable | Fault::Denied | Fault::NoSuchStream | Fault::StreamEnded => {
                self.of_camera()
            }
        }
    }

    /// One sentence for a person, of a camera's stream.
    pub fn of_camera(self) -> String {
        let sentence = match self {
            Fault::Incomplete => return self.sentence(""),
            Fault::Missing | Fault::NotAFile | Fault::Unreadable | Fault::Empty => {
                "The camera's address is none that can be read; write rtsp://, http:// or /dev/video0."
            }
            Fault::NotAVideo | Fault::Coding => {
                "The camera's pictures come in a way that is not supported; choose H.264, H.265 or JPEG on its page."
            }
            Fault::NoPictures => {
                "The camera's stream has no pictures in it; choose another in its address."
            }
            Fault::Damaged => "The camera's stream is damaged or was cut off; it is begun again.",
            Fault::NoFrame => {
                "The camera's stream has ended without a single picture; it is begun again."
            }
            Fault::Defect => {
                "The program for the camera's pictures has failed; it is begun again, see the log."
            }
            Fault::Unreachable => {
                "The camera does not answer; look at its address, its power and the network."
            }
            Fault::Denied => "The camera refuses the name or the password; correct them.",
            Fault::NoSuchStream => {
                "The camera answers but has no such stream; correct the path in its address."
            }
            Fault::StreamEnded => "The camera's stream has ended; it is begun again.",
        };
        sentence.into()
    }

    /// The fault as an error: of a video of this name, or of a camera's stream.
    pub fn error(self, video: Option<&str>) -> Error {
        let sentence = video.map_or_else(|| self.of_camera(), |name| self.sentence(name));
        Error::new(self.kind(), sentence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_name_faults() {
        let table = include_str!("../../../ref/frame-pipe-v1.md");
        for (fault, code) in Fault::CODES {
            assert!(table.contains(&format!("| {code} |")));
            assert_eq!(fault.exit_code(), code);
            assert_eq!(Fault::from_exit_code(code.into()), Some(fault));
            for sentence in [fault.sentence("x"), fault.of_camera()] {
                let first = sentence.chars().next().unwrap();
                assert!(sentence.ends_with('.') && (first.is_uppercase() || first == 'x'));
            }
            // Nobody who looks after a camera has sent a file.
            let said = fault.error(None).message().to_owned();
            assert!(said.contains("camera") || fault == Fault::Incomplete, "{said}");
            assert!(!said.contains("of the camera ") && !said.contains("file"), "{said}");
        }
        assert_eq!(Fault::from_exit_code(127), Some(Fault::Incomplete));
        for code in [-1, 0, 1, 2, 101, 137, 276] {
            assert_eq!(Fault::from_exit_code(code), None);
        }
    }
}
