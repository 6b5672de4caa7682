//! What a gateway is to do: a TOML file. Secrets stand in files or in the environment, never here and
//! never on a command line.

use base::{CameraId, Error, Result, Secret, read_secret};
use exchange::inbound::Adapter;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Each device has a lease, a spool and three threads of its own.
const DEVICES_MAX: usize = 64;
/// A secret is guessed by nobody from this length on.
const SECRET_MIN: usize = 16;
const SECRET_MAX: usize = 128;

/// A gateway's configuration, read and checked.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// The city's address.
    pub server: String,
    /// The root of the city's certificate, where the machine does not know it; a device's code may bring it.
    pub ca: Option<PathBuf>,
    /// Folder with a folder a device: key, enrolment, spool.
    pub data: PathBuf,
    /// Where devices reach it: an address of the camera network.
    pub listen: SocketAddr,
    /// Where people look at it: loopback only.
    pub admin: Option<SocketAddr>,
    /// The devices, each a camera of the city.
    pub devices: Vec<DeviceConfig>,
}

/// One device behind the gateway.
#[derive(Clone, Debug)]
pub struct DeviceConfig {
    /// The camera that it is for the city.
    pub camera: CameraId,
    /// How it speaks.
    pub adapter: Adapter,
    /// What it shows instead of a signature, in the address or the header `x-api-key`. The cameras of a recorder, which
    /// `only` tells apart, may have one secret.
    pub secret: Option<Secret<String>>,
    /// The code that it enrols with, once.
    pub code: Option<Secret<String>>,
    /// Its name with its maker: what is said of other cameras is not taken.
    pub only: Option<String>,
    /// Whose clock says when.
    pub clock: DeviceClock,
    /// Documents a minute.
    pub per_minute: u32,
    /// Where Frigate's messages come from.
    pub mqtt: Option<MqttConfig>,
}

/// Whose clock says when something was captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceClock {
    /// The device's, if it says when.
    #[default]
    Device,
    /// The gateway's, when the document arrives. No gate is told of such a device.
    Arrival,
}

/// A broker and what is heard there.
#[derive(Clone, Debug)]
pub struct MqttConfig {
    /// Host and port.
    pub broker: (String, u16),
    /// Topics.
    pub topics: Vec<String>,
    /// User and password, where the broker wants them.
    pub login: Option<(String, Secret<String>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    server: String,
    ca: Option<PathBuf>,
    data: PathBuf,
    listen: SocketAddr,
    admin: Option<SocketAddr>,
    #[serde(default)]
    device: Vec<Device>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Device {
    camera: CameraId,
    adapter: String,
    secret: Option<Given>,
    code: Option<String>,
    only: Option<String>,
    #[serde(default)]
    clock: DeviceClock,
    per_minute: Option<u32>,
    mqtt: Option<Mqtt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mqtt {
    broker: String,
    topics: Option<Vec<String>>,
    user: Option<String>,
    password: Option<Given>,
}

/// Where a secret stands.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Given {
    File(PathBuf),
    Env(String),
}

impl GatewayConfig {
    /// Reads the file. Paths in it are relative to its folder; `environment` says what a name stands for.
    pub fn load(path: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::invalid(format!("The configuration {} cannot be read.", path.display()))
                .because(e)
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, folder, environment).map_err(|e| {
            Error::new(e.kind(), format!("{}: {}", path.display(), e.message())).because(e)
        })
    }

    fn parse(
        text: &str,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let file: File = toml::from_str(text)
            .map_err(|e| Error::invalid(format!("It is not understood: {}", one_line(&e))))?;
        if file.device.is_empty() || file.device.len() > DEVICES_MAX {
            return Err(Error::invalid(format!("Name 1 to {DEVICES_MAX} devices as [[device]].")));
        }
        if file.admin.is_some_and(|a| !a.ip().is_loopback()) {
            return Err(Error::invalid(
                "The page for people is for this machine: give admin a loopback address.",
            ));
        }
        let devices: Vec<DeviceConfig> = file
            .device
            .into_iter()
            .map(|device| {
                let camera = device.camera.clone();
                device.checked(folder, environment).map_err(|e| {
                    Error::new(e.kind(), format!("device {camera}: {}", e.message())).because(e)
                })
            })
            .collect::<Result<_>>()?;
        let cameras: BTreeSet<&CameraId> = devices.iter().map(|d| &d.camera).collect();
        if cameras.len() < devices.len() {
            return Err(Error::invalid("Two devices are the same camera; give each its own."));
        }
        if !(0..devices.len()).all(|at| are_told_apart(&devices[at], &devices[..at])) {
            return Err(Error::invalid(
                "Two devices have the same secret; give each its own, or, if they are cameras of one recorder, the same \
                 adapter and each another `only`.",
            ));
        }
        let data = folder.join(file.data);
        let ca = file.ca.map(|ca| folder.join(ca));
        Ok(Self { server: file.server, ca, data, listen: file.listen, admin: file.admin, devices })
    }
}

/// Whether a device has another secret than each of these, or is one of several cameras behind one address.
fn are_told_apart(device: &DeviceConfig, others: &[DeviceConfig]) -> bool {
    let Some(secret) = &device.secret else { return true };
    let shares = |other: &&DeviceConfig| {
        other.secret.as_ref().is_some_and(|theirs| theirs.expose() == secret.expose())
    };
    others.iter().filter(shares).all(|other| {
        let named = device.only.is_some() && other.only.is_some();
        named && device.only != other.only && device.adapter == other.adapter
    })
}

impl Device {
    fn checked(
        self,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<DeviceConfig> {
        let adapter: Adapter = self.adapter.parse()?;
        let secret = self.secret.map(|given| given.read(folder, environment)).transpose()?;
        if let Some(secret) = &secret {
            let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            let length = secret.expose().len();
            if !(SECRET_MIN..=SECRET_MAX).contains(&length) || !secret.expose().bytes().all(good) {
                return Err(Error::invalid(format!(
                    "A secret has {SECRET_MIN} to {SECRET_MAX} letters, digits, - and _."
                )));
            }
        }
        if self.mqtt.is_some() && adapter != Adapter::Frigate {
            return Err(Error::invalid("Only frigate is heard by MQTT."));
        }
        if secret.is_none() && self.mqtt.is_none() {
            return Err(Error::invalid("Give it a secret: { file = \"…\" } or { env = \"…\" }."));
        }
        let per_minute = self.per_minute.unwrap_or(600);
        if !(1..=60_000).contains(&per_minute) {
            return Err(Error::invalid("per_minute is 1 to 60000."));
        }
        Ok(DeviceConfig {
            camera: self.camera,
            adapter,
            secret,
            code: self.code.map(Secret::new),
            only: self.only,
            clock: self.clock,
            per_minute,
            mqtt: self.mqtt.map(|mqtt| mqtt.checked(folder, environment)).transpose()?,
        })
    }
}

impl Mqtt {
    fn checked(
        self,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<MqttConfig> {
        let broker = self
            .broker
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host.to_owned(), port.parse().ok()?)))
            .filter(|(host, _)| !host.is_empty())
            .ok_or_else(|| Error::invalid("Write the broker as HOST:PORT."))?;
        let usual =
            || ["frigate/events", "frigate/tracked_object_update"].map(String::from).to_vec();
        let login = match (self.user, self.password) {
            (Some(user), Some(password)) => Some((user, password.read(folder, environment)?)),
            (None, None) => None,
            _ => return Err(Error::invalid("Give the broker both user and password, or neither.")),
        };
        let topics = self.topics.unwrap_or_else(usual);
        if topics.is_empty() || topics.len() > 16 {
            return Err(Error::invalid("Name 1 to 16 topics."));
        }
        Ok(MqttConfig { broker, topics, login })
    }
}

impl Given {
    fn read(
        self,
        folder: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret<String>> {
        let text = match self {
            Given::File(path) => {
                let path = folder.join(path);
                let bytes = read_secret(&path)?;
                String::from_utf8(bytes.expose().clone())
                    .map_err(|_| Error::invalid(format!("{} is no text.", path.display())))?
            }
            Given::Env(name) => environment(&name)
                .ok_or_else(|| Error::invalid(format!("The environment has no {name}.")))?,
        };
        let text = Secret::new(text);
        Ok(Secret::new(text.expose().trim().to_owned()))
    }
}

/// What the parser says, without the line of the file that it quotes: a code may stand there.
fn one_line(e: &toml::de::Error) -> String {
    let message = e.message().lines().next().unwrap_or_default();
    match e.span() {
        Some(span) => format!("{message} (at character {})", span.start),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        server = "http://127.0.0.1:8080"
        data = "gateway"
        listen = "127.0.0.1:0"
        admin = "127.0.0.1:0"
        [[device]]
        camera = "cam_north"
        adapter = "openalpr"
        secret = { file = "north.secret" }
        code = "a-code"
        only = "12"
        [[device]]
        camera = "cam_south"
        adapter = "frigate"
        clock = "arrival"
        mqtt = { broker = "127.0.0.1:1883", user = "u", password = { env = "PASSWORD" } }
    "#;

    fn parse(text: &str) -> Result<GatewayConfig> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("north.secret"), "north-0123456789abcdef\n").unwrap();
        let environment = |name: &str| (name == "PASSWORD").then(|| "secret-0123456789".to_owned());
        GatewayConfig::parse(text, dir.path(), &environment)
    }

    #[test]
    fn a_whole_configuration() {
        let config = parse(GOOD).unwrap();
        let [north, south] = config.devices.as_slice() else { panic!() };
        assert_eq!(north.secret.as_ref().unwrap().expose(), "north-0123456789abcdef");
        assert_eq!((north.clock, south.clock), (DeviceClock::Device, DeviceClock::Arrival));
        let mqtt = south.mqtt.as_ref().unwrap();
        assert_eq!((mqtt.broker.1, mqtt.topics.len(), north.per_minute), (1883, 2, 600));
        assert!(!format!("{config:?}").contains("0123456789"), "no secret is printed");
    }

    /// A recorder sends all its cameras to one address.
    #[test]
    fn a_secret_is_shared_by_cameras_that_only_tells_apart() {
        let check = |second: &str, good: bool| {
            let text = format!(
                "{GOOD}\n[[device]]\ncamera = \"cam_east\"\n\
                 secret = {{ file = \"north.secret\" }}\n{second}"
            );
            assert_eq!(parse(&text).is_ok(), good, "{second}");
        };
        check("adapter = \"openalpr\"\nonly = \"13\"", true);
        check("adapter = \"openalpr\"\nonly = \"12\"", false);
        check("adapter = \"openalpr\"", false);
        check("adapter = \"axis\"\nonly = \"13\"", false);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |from: &str, to: &str, want: &str| {
            assert!(GOOD.contains(from), "{from}");
            let e = parse(&GOOD.replace(from, to)).unwrap_err();
            assert!(e.message().contains(want), "{want}: {}", e.message());
            assert!(!e.inside().contains("a-code"), "{}", e.inside());
        };
        check("openalpr", "acme", "device cam_north: There is no such adapter");
        check("north.secret", "south.secret", "There is no file");
        check("{ file = \"north.secret\" }", "{ env = \"NONE\" }", "has no NONE");
        check("{ file = \"north.secret\" }", "\"north-0123456789abcdef\"", "not understood");
        check("admin = \"127.0.0.1:0\"", "admin = \"0.0.0.0:1\"", "loopback");
        check("cam_south", "cam_north", "same camera");
        check("clock = \"arrival\"", "secret = { file = \"north.secret\" }", "same secret");
        check("\"frigate\"", "\"axis\"", "Only frigate");
        check("127.0.0.1:1883", "nowhere", "HOST:PORT");
        check("user = \"u\", ", "", "both user and password");
        check("only = \"12\"", "colour = \"red\"", "unknown field");
        check("code = \"a-code\"", "code = a-code", "not understood");
        check("secret = { file = \"north.secret\" }", "", "Give it a secret");
        check("only = \"12\"", "per_minute = 0", "per_minute");
        check(
            "{ file = \"north.secret\" }",
            "{ env = \"PASSWORD\" }\nper_minute = 70000",
            "per_minute",
        );
        assert!(parse("server = \"x\"\ndata = \"x\"\nlisten = \"127.0.0.1:1\"").is_err());
    }
}
