//! Cameras that speak ONVIF: found on the local network, asked for their streams, their exposure set.
//!
//! All that comes from a device is a stranger's word. Answers are bounded and hold no entity of their own
//! ([`xml`]); only hosts of local networks are asked, no redirect is followed, and an address at another
//! host than the one that answered is refused ([`address`]). No frame is pulled here: a stream is asked
//! what it is and no more ([`rtsp`]).

mod address;
mod digest;
mod expose;
mod imaging;
mod media;
mod probe;
mod rtsp;
mod soap;
mod xml;

pub use address::{Address, near, resolve};
pub use digest::{Challenge, Login, password_digest};
pub use expose::{Exposed, expose};
pub use imaging::{
    Imaging, Light, Options, Plan, Range, plan, read_options, read_settings, shutter,
};
pub use media::{Profile, Session, Stream, read_profiles};
pub use probe::{Device, PORT, Probe, everybody, one};
pub use rtsp::{Description, describe, read_sdp};
pub use xml::{Element, plain};
