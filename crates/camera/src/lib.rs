//! Where frames come from: sources as configuration, and the pipe protocol between the one program
//! that links a media library and the one that reads plates.
//!
//! Holds: no media library is linked here, so a stream that attacks its decoder attacks a child
//! process and nothing else; a frame's time is never in the future; a header is checked before a
//! byte of payload is taken. Not here: what a plate is, and whether the camera may capture at all.

mod child;
mod fault;
mod folder;
pub mod onvif;
mod pipe;
pub mod quirks;
mod source;
mod stream;
mod video;

pub use child::{PixelFrame, Video, VideoFile};
pub use fault::Fault;
pub use folder::FolderSource;
pub use pipe::{
    FLAG_GAP, FLAG_LAST, HEADER_LEN, Header, HeaderError, PAYLOAD_MAX, PixelFormat, read_frame,
    write_frame,
};
pub use source::{
    Device, Folder, Frame, Image, Network, Next, Play, Source, SourceState, Transport,
    VideoFileSource,
};
pub use stream::{Live, Stream, StreamKind};
pub use video::VideoSource;
