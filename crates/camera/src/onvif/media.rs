//! What a device offers: its services, its profiles and the addresses of their streams (ONVIF Media, `ver10`).

use super::address::Address;
use super::digest::Login;
use super::rtsp::{Description, describe};
use super::soap::{DEVICE, Talk};
use super::xml::{Element, escape, plain};
use base::{Clock, Error, Result};
use serde::Serialize;
use std::sync::Arc;

const MEDIA: &str = "http://www.onvif.org/ver10/media/wsdl";
const PROFILES_MAX: usize = 16;

/// A device with whom we speak, and where its services are.
pub struct Session {
    pub(super) talk: Talk,
    media: Option<Address>,
    pub(super) imaging: Option<Address>,
}

/// One of a device's profiles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its token, by which the device knows it.
    pub token: String,
    /// Its name.
    pub name: String,
    /// The coding that the device states.
    pub coding: String,
    /// Width and height that the device states.
    pub size: Option<[u32; 2]>,
    /// Frames a second at most, as the device states.
    pub fps: Option<u32>,
    /// The token of its picture source, for Imaging.
    pub source: String,
}

/// A profile's stream as it was found.
#[derive(Clone, Debug, Serialize)]
pub struct Stream {
    /// The profile.
    pub profile: Profile,
    /// Where it is, without name and password.
    pub address: Option<Address>,
    /// What it says of itself.
    pub says: Option<Description>,
    /// What is wrong with it, in one sentence.
    pub wrong: Option<String>,
}

impl Session {
    /// Looks where the services of the device at `at` are. What it names at another host is not taken.
    pub fn open(at: &Address, login: Option<Login>, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut talk = Talk::new(login, clock);
        talk.set_clock(at)?;
        let ask = "<x:GetCapabilities><x:Category>All</x:Category></x:GetCapabilities>";
        let all = talk.ask(at, DEVICE, ask)?;
        let service = |name: &str| {
            let text = all.find("Capabilities")?.at(&[name, "XAddr"])?.text.as_str();
            Address::read(text).ok().filter(|a| !a.is_rtsp() && a.host().ip() == at.host().ip())
        };
        let (media, imaging) = (service("Media"), service("Imaging"));
        Ok(Self { talk, media, imaging })
    }

    /// How far the device's clock is ahead of ours, in milliseconds.
    pub fn ahead_ms(&self) -> i64 {
        self.talk.ahead_ms()
    }

    /// The device's profiles.
    pub fn profiles(&self) -> Result<Vec<Profile>> {
        let all = self.talk.ask(self.media()?, MEDIA, "<x:GetProfiles/>")?;
        Ok(read_profiles(&all))
    }

    /// Each profile's stream, tried with OPTIONS and DESCRIBE.
    pub fn streams(&self) -> Result<Vec<Stream>> {
        let profiles = self.profiles()?;
        Ok(profiles.into_iter().map(|profile| self.stream(profile)).collect())
    }

    fn media(&self) -> Result<&Address> {
        self.media.as_ref().ok_or_else(|| {
            Error::unavailable("The device names no media service at its own address.")
        })
    }

    fn stream(&self, profile: Profile) -> Stream {
        let tried = self.address(&profile.token).map(|address| {
            let says = describe(&address, self.talk.login());
            (address, says)
        });
        let wrong = |e: &Error| Some(e.message().to_owned());
        match tried {
            Ok((address, Ok(says))) => {
                Stream { profile, address: Some(address), says: Some(says), wrong: None }
            }
            Ok((address, Err(e))) => {
                Stream { profile, address: Some(address), says: None, wrong: wrong(&e) }
            }
            Err(e) => Stream { profile, address: None, says: None, wrong: wrong(&e) },
        }
    }

    fn address(&self, profile: &str) -> Result<Address> {
        let at = self.media()?;
        let ask = format!(
            "<x:GetStreamUri><x:StreamSetup><t:Stream>RTP-Unicast</t:Stream><t:Transport>\
             <t:Protocol>RTSP</t:Protocol></t:Transport></x:StreamSetup>\
             <x:ProfileToken>{}</x:ProfileToken></x:GetStreamUri>",
            escape(profile)
        );
        let all = self.talk.ask(at, MEDIA, &ask)?;
        let address = Address::read(all.find("Uri").map_or("", |e| &e.text))?;
        if !address.is_rtsp() || address.host().ip() != at.host().ip() {
            return Err(Error::invalid(
                "The device names a stream of another host, which is not asked.",
            ));
        }
        Ok(address)
    }
}

/// The profiles of an answer to `GetProfiles`.
pub fn read_profiles(all: &Element) -> Vec<Profile> {
    let side = |e: &Element, name| {
        let way = ["VideoEncoderConfiguration", "Resolution", name];
        e.number_at(&way).filter(|n| (1.0..=65_536.0).contains(n)).map(|n| n as u32)
    };
    let one = |e: &&Element| Profile {
        token: e.attribute("token").to_owned(),
        name: plain(e.text_at(&["Name"])),
        coding: plain(e.text_at(&["VideoEncoderConfiguration", "Encoding"])),
        size: side(e, "Width").zip(side(e, "Height")).map(|(w, h)| [w, h]),
        fps: e
            .number_at(&["VideoEncoderConfiguration", "RateControl", "FrameRateLimit"])
            .filter(|n| (1.0..=1000.0).contains(n))
            .map(|n| n as u32),
        source: e.text_at(&["VideoSourceConfiguration", "SourceToken"]).to_owned(),
    };
    let usable = |p: &Profile| !p.token.is_empty() && p.token.len() <= 64;
    all.all("Profiles").iter().take(PROFILES_MAX).map(one).filter(usable).collect()
}
