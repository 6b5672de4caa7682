//! A device that speaks ONVIF, on loopback, found and asked with the real executable.

use crate::world::World;
use camera::onvif::{Element, password_digest};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};

const USER: &str = "reader";
const PASSWORD: &str = "s3cret-w0rd";

/// The device, and what it was asked.
struct Fake {
    discovery: u16,
    http: u16,
    rtsp: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// With `elsewhere`, every question over HTTP is sent there.
    fn start(elsewhere: Option<u16>) -> Arc<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let [http, rtsp] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let port = |l: &TcpListener| l.local_addr().unwrap().port();
        let fake = Arc::new(Self {
            discovery: socket.local_addr().unwrap().port(),
            http: port(&http),
            rtsp: port(&rtsp),
            asked: Arc::default(),
        });
        let it = fake.clone();
        std::thread::spawn(move || it.discovery(&socket));
        let it = fake.clone();
        std::thread::spawn(move || {
            http.incoming().flatten().for_each(|s| drop(it.http(s, elsewhere)));
        });
        let it = fake.clone();
        std::thread::spawn(move || rtsp.incoming().flatten().for_each(|s| drop(it.rtsp(s))));
        fake
    }

    fn note(&self, what: &str) {
        self.asked.lock().unwrap().push(what.to_owned());
    }

    fn asked(&self, what: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|a| a.as_str() == what).count()
    }

    fn discovery(&self, socket: &UdpSocket) {
        let addresses =
            format!("http://10.99.0.1/onvif http://127.0.0.1:{}/onvif/device_service", self.http);
        self.discovery_at(socket, &addresses);
    }

    fn discovery_at(&self, socket: &UdpSocket, addresses: &str) {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let probe = Element::read(&buffer[..length]).unwrap();
            let id = &probe.find("MessageID").unwrap().text;
            assert!(probe.find("Types").unwrap().text.ends_with(":NetworkVideoTransmitter"));
            let answer = format!(
                "<s:Envelope xmlns:s='s' xmlns:a='a' xmlns:d='d'><s:Header><a:RelatesTo>{id}</a:RelatesTo></s:Header><s:Body>\
                 <d:ProbeMatches><d:ProbeMatch><a:EndpointReference><a:Address>urn:uuid:7</a:Address></a:EndpointReference>\
                 <d:Types>dn:NetworkVideoTransmitter</d:Types>\
                 <d:Scopes>onvif://www.onvif.org/name/North%20Gate onvif://www.onvif.org/hardware/X-1</d:Scopes>\
                 <d:XAddrs>{addresses}</d:XAddrs>\
                 </d:ProbeMatch></d:ProbeMatches></s:Body></s:Envelope>"
            );
            // Rubbish first, the answer twice.
            for text in ["<!DOCTYPE x><x/>", &answer, &answer] {
                socket.send_to(text.as_bytes(), from).unwrap();
            }
        }
    }

    fn http(&self, stream: TcpStream, elsewhere: Option<u16>) -> std::io::Result<()> {
        let mut from = BufReader::new(stream.try_clone()?);
        let mut length = 0;
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        let (code, answer) = match elsewhere {
            Some(port) => {
                (format!("302 Found\r\nLocation: http://127.0.0.1:{port}/x"), String::new())
            }
            None => self.soap(&Element::read(&body).unwrap()),
        };
        write!(
            &stream,
            "HTTP/1.1 {code}\r\nContent-Type: application/soap+xml\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        )
    }

    fn soap(&self, question: &Element) -> (String, String) {
        let body = question.find("Body").unwrap().children[0].clone();
        self.note(&body.name);
        let envelope = |inside: &str| {
            format!("<s:Envelope xmlns:s='s' xmlns:t='t'><s:Body>{inside}</s:Body></s:Envelope>")
        };
        if body.name != "GetSystemDateAndTime" && !knows(question) {
            let fault = "<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>ter:NotAuthorized</s:Value>\
                         </s:Subcode></s:Code><s:Reason><s:Text>no</s:Text></s:Reason></s:Fault>";
            return ("400 Bad Request".into(), envelope(fault));
        }
        let Self { http, rtsp, .. } = self;
        let settings = |longest: u32, filter: &str| {
            format!(
                "<R><ImagingSettings><Exposure><Mode>AUTO</Mode><MaxExposureTime>{longest}</MaxExposureTime></Exposure>\
                 <IrCutFilter>{filter}</IrCutFilter></ImagingSettings></R>"
            )
        };
        let inside = match body.name.as_str() {
            "GetSystemDateAndTime" => "<R><UTCDateTime><Time><Hour>12</Hour><Minute>0</Minute><Second>0</Second></Time>\
                 <Date><Year>2031</Year><Month>5</Month><Day>1</Day></Date></UTCDateTime></R>".into(),
            "GetCapabilities" => format!(
                "<R><Capabilities><Media><XAddr>http://127.0.0.1:{http}/m</XAddr></Media>\
                 <Imaging><XAddr>http://127.0.0.1:{http}/i</XAddr></Imaging></Capabilities></R>"
            ),
            "GetProfiles" => {
                let one = |token: &str, w: u32, h: u32| format!(
                    "<Profiles token='{token}'><t:Name>{token}</t:Name><t:VideoSourceConfiguration><t:SourceToken>S1</t:SourceToken>\
                     </t:VideoSourceConfiguration><t:VideoEncoderConfiguration><t:Encoding>H264</t:Encoding><t:Resolution>\
                     <t:Width>{w}</t:Width><t:Height>{h}</t:Height></t:Resolution></t:VideoEncoderConfiguration></Profiles>"
                );
                format!("<R>{}{}{}</R>", one("sub", 640, 360), one("main", 1920, 1080), one("away", 2560, 1440))
            }
            "GetStreamUri" => match body.find("ProfileToken").unwrap().text.as_str() {
                "away" => "<R><MediaUri><Uri>rtsp://10.99.0.1/away</Uri></MediaUri></R>".into(),
                token => format!("<R><MediaUri><Uri>rtsp://x:y@127.0.0.1:{rtsp}/{token}?a=1&amp;b=2</Uri></MediaUri></R>"),
            },
            "GetOptions" => "<R><ImagingOptions><IrCutFilterModes>ON</IrCutFilterModes><IrCutFilterModes>OFF</IrCutFilterModes>\
                 <Exposure><Mode>AUTO</Mode><MaxExposureTime><Min>100</Min><Max>40000</Max></MaxExposureTime>\
                 <MaxGain><Min>0</Min><Max>48</Max></MaxGain></Exposure></ImagingOptions></R>".into(),
            "GetImagingSettings" if self.asked("set 2000 24 OFF") > 0 => settings(2000, "OFF"),
            "GetImagingSettings" => settings(33_333, "AUTO"),
            "SetImagingSettings" => {
                let get = |name| body.find(name).map_or("-", |e: &Element| &e.text).to_owned();
                self.note(&format!("set {} {} {}", get("MaxExposureTime"), get("MaxGain"), get("IrCutFilter")));
                "<R/>".into()
            }
            other => panic!("{other}"),
        };
        ("200 OK".into(), envelope(&inside))
    }

    fn rtsp(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut from = BufReader::new(stream.try_clone()?);
        loop {
            let (mut head, mut line) = (Vec::new(), String::new());
            while from.read_line(&mut line)? > 0 && !line.trim().is_empty() {
                head.push(std::mem::take(&mut line));
            }
            let Some(first) = head.first() else { return Ok(()) };
            let method = first.split(' ').next().unwrap();
            self.note(method);
            let number = head.iter().find(|l| l.starts_with("CSeq:")).unwrap().trim();
            let known =
                head.iter().any(|l| l.contains("username=\"reader\"") && l.contains("nonce=\"n\""));
            let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n";
            match method {
                "DESCRIBE" if known => write!(
                    &stream,
                    "RTSP/1.0 200 OK\r\n{number}\r\nServer: Fake\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                )?,
                "DESCRIBE" => write!(
                    &stream,
                    "RTSP/1.0 401 Unauthorized\r\n{number}\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n"
                )?,
                _ => write!(&stream, "RTSP/1.0 200 OK\r\n{number}\r\nPublic: DESCRIBE\r\n\r\n")?,
            }
        }
    }
}

/// Whether the question carries the login's digest, made by the device's clock of 2031.
fn knows(question: &Element) -> bool {
    let text = |name| question.find(name).map(|e: &Element| e.text.clone()).unwrap_or_default();
    let (nonce, created) = (base::unb64(&text("Nonce")).unwrap_or_default(), text("Created"));
    nonce.len() >= 16
        && created.starts_with("2031-05-01T12:0")
        && text("Username") == USER
        && text("Password") == password_digest(&nonce, &created, PASSWORD)
}

/// A world with the password in a file.
fn world(password: &str) -> (World, [String; 4]) {
    let world = World::new();
    let file = world.path("camera.pw");
    base::write_secret(&file, format!("{password}\n").as_bytes()).unwrap();
    let login = ["--user", USER, "--password-file", file.to_str().unwrap()].map(str::to_owned);
    (world, login)
}

fn discover(world: &World, fake: &Fake, more: &[String]) -> crate::world::Done {
    let address = format!("127.0.0.1:{}", fake.discovery);
    let mut args = vec!["edge", "discover", "--seconds", "1", "--address", &address];
    args.extend(more.iter().map(String::as_str));
    world.plain(&args)
}

#[test]
fn a_camera_is_found_and_its_streams_are_tried_without_a_frame() {
    let (world, login) = world(PASSWORD);
    let fake = Fake::start(None);
    let found = discover(&world, &fake, &["--json".to_owned()]).json();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let device = &found[0];
    assert_eq!((&device["name"], &device["model"]), (&"North Gate".into(), &"X-1".into()));
    assert_eq!((device["refused"].as_u64(), fake.asked.lock().unwrap().len()), (Some(1), 0));

    let done = discover(&world, &fake, &login);
    let shown = done.good();
    for want in [
        "main: H265 1920x1080",
        "sub: H265 640x360",
        "its clock is",
        "NO  away: The device names a stream of another host",
    ] {
        assert!(shown.contains(want), "{want}: {shown}");
    }
    assert!(!shown.contains(PASSWORD) && !shown.contains("x:y@"), "{shown}");
    let block = &shown[shown.find("[[camera]]").unwrap()..];
    let file = format!("server = \"http://127.0.0.1:1\"\ndata = \"d\"\n{block}");
    let config = edge::FleetConfig::parse(&file).unwrap();
    assert_eq!(config.camera[0].id.as_str(), "cam_north-gate");
    assert_eq!(
        config.camera[0].source.place(),
        format!("rtsp://127.0.0.1:{}/main?a=1&b=2", fake.rtsp)
    );
    // Two streams, each asked once who it is and twice what it is; none was begun.
    assert_eq!((fake.asked("OPTIONS"), fake.asked("DESCRIBE")), (2, 4));
    assert_eq!(fake.asked("SETUP") + fake.asked("PLAY"), 0);
}

#[test]
fn a_wrong_password_a_wrong_way_and_a_far_host() {
    let (world, login) = world("another");
    let fake = Fake::start(None);
    let shown = discover(&world, &fake, &login).good();
    assert!(
        shown.contains("refuses the name or the password") && !shown.contains("another"),
        "{shown}"
    );
    assert!(!shown.contains("[[camera]]"), "{shown}");

    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let fake = Fake::start(Some(elsewhere.local_addr().unwrap().port()));
    let shown = discover(&world, &fake, &login).good();
    assert!(shown.contains("sends us elsewhere, which is not followed"), "{shown}");
    assert!(elsewhere.accept().is_err(), "nobody came");

    for args in
        [["edge", "discover", "--address", "8.8.8.8"].as_slice(), &["edge", "imaging", "8.8.8.8"]]
    {
        let done = world.plain(args);
        assert!(
            done.code != 0 && done.err.contains("no address of a local network"),
            "{}",
            done.err
        );
    }
}

#[test]
fn the_shutter_is_set_only_when_told() {
    let (world, login) = world(PASSWORD);
    let fake = Fake::start(None);
    let address = format!("http://127.0.0.1:{}/onvif/device_service", fake.http);
    let imaging = |more: &[&str]| {
        let mut args = vec!["edge", "imaging", &address];
        args.extend(login.iter().map(String::as_str));
        args.extend(more);
        world.plain(&args).good()
    };
    let shown = imaging(&[]);
    for want in [
        "at longest 1/30 s",
        "--set day: exposure auto, at longest 1/1000 s, infrared filter on",
        "Nothing was changed.",
    ] {
        assert!(shown.contains(want), "{want}: {shown}");
    }
    assert_eq!(fake.asked("SetImagingSettings"), 0);
    let shown = imaging(&["--set", "night"]);
    assert_eq!((fake.asked("SetImagingSettings"), fake.asked("set 2000 24 OFF")), (1, 1));
    assert!(shown.contains("at longest 1/500 s, infrared filter off"), "{shown}");
}

/// The same with one button of the reader's own page.
#[test]
fn the_shutter_is_set_from_the_page() {
    let (world, _) = world(PASSWORD);
    let fake = Fake::start(None);
    let page = testkit::free_port().unwrap();
    let file = world.path("camera.pw");
    let config = format!(
        "server = \"http://127.0.0.1:1\"\ndata = \"edges\"\npanel = \"127.0.0.1:{page}\"\n[[camera]]\n\
         id = \"cam_a\"\nsource = {{ kind = \"rtsp\", url = \"rtsp://127.0.0.1:1/main\", user = \"{USER}\", \
         password_file = \"{}\", onvif = \"http://127.0.0.1:{}/onvif/device_service\" }}\n",
        file.display(),
        fake.http
    );
    let reader = crate::street::fleet(&world, &config, page);
    let host = format!("127.0.0.1:{page}");
    let address = format!("http://{host}/cameras/cam_a/exposure.json");
    reader.until("the page", 20, |r| r.json("cameras.json").is_array());
    let now = reader.json("cameras/cam_a/exposure.json");
    assert!(now["now"].as_str().is_some_and(|t| t.contains("at longest 1/30 s")), "{now}");
    assert!(now["plans"]["day"]["words"].as_str().is_some_and(|t| t.contains("1/1000 s")), "{now}");
    assert_eq!(fake.asked("SetImagingSettings"), 0);
    let put = |origin: &str, body: &str| {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.put(&address).header("content-type", "application/json");
        let mut answer = request.header("origin", origin).send(body).expect("an answer");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
    };
    let own = format!("http://{host}");
    assert_eq!(put("http://evil.example", r#"{"set":"night"}"#).0, 400, "another page");
    assert_eq!(put(&own, r#"{"set":"dusk"}"#).0, 400);
    assert_eq!(fake.asked("SetImagingSettings"), 0);
    let (status, text) = put(&own, r#"{"set":"night"}"#);
    assert!(status == 200 && text.contains("at longest 1/500 s"), "{status} {text}");
    assert_eq!((fake.asked("SetImagingSettings"), fake.asked("set 2000 24 OFF")), (1, 1));
}

#[test]
fn quirks_are_told() {
    let all = World::new().plain(&["edge", "quirks", "--json"]).json();
    assert_eq!(all.as_array().unwrap().len(), camera::quirks::QUIRKS.len());
    let shown = World::new().plain(&["edge", "quirks"]).good();
    assert!(shown.contains("answers and is silent") && shown.contains("watchdog"), "{shown}");
}

/// Two network namespaces with a cable between them; gone when dropped.
struct Cable([String; 2]);

impl Cable {
    /// `None` where this user may not make one.
    fn lay() -> Option<Self> {
        let names = ["a", "b"].map(|end| format!("homeplate-{}-{end}", std::process::id()));
        let cable = Self(names);
        let [a, b] = &cable.0;
        let steps = [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("-n {a} link add eth0 type veth peer name eth0 netns {b}"),
            format!("-n {a} addr add 10.77.0.1/24 dev eth0"),
            format!("-n {b} addr add 10.77.0.2/24 dev eth0"),
            format!("-n {a} link set eth0 up"),
            format!("-n {b} link set eth0 up"),
        ];
        steps.iter().all(|step| ip(step)).then_some(cable)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.0 {
            ip(&format!("netns delete {name}"));
        }
    }
}

fn ip(arguments: &str) -> bool {
    let done = std::process::Command::new("ip").args(arguments.split(' ')).output();
    done.is_ok_and(|done| done.status.success())
}

/// A camera that listens to the call of everybody on its network is found without an address.
#[test]
#[ignore = "deep: lays a cable between two network namespaces, which needs root"]
fn a_camera_hears_the_call_on_its_network() {
    let Some(cable) = Cable::lay() else {
        println!("SKIPPED: this user may not make network namespaces");
        return;
    };
    let place = format!("/run/netns/{}", cable.0[0]);
    let (ready, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let there = std::fs::File::open(place).unwrap();
        // This thread alone moves.
        let kind = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(std::os::fd::AsFd::as_fd(&there), kind).unwrap();
        let socket = UdpSocket::bind("0.0.0.0:3702").unwrap();
        let [group, own] = ["239.255.255.250", "10.77.0.1"].map(|a| a.parse().unwrap());
        socket.join_multicast_v4(&group, &own).unwrap();
        ready.send(()).unwrap();
        let fake = Fake { discovery: 3702, http: 80, rtsp: 554, asked: Arc::default() };
        fake.discovery_at(&socket, "http://10.77.0.1/onvif/device_service");
    });
    told.recv_timeout(std::time::Duration::from_secs(10)).expect("it listens");
    let done = std::process::Command::new("ip")
        .args(["netns", "exec", &cable.0[1], crate::world::EXE, "edge", "discover"])
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{out}{}", String::from_utf8_lossy(&done.stderr));
    assert!(out.contains("North Gate") && out.contains("10.77.0.1"), "{out}");
}
