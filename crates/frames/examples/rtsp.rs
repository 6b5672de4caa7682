//! `rtsp`: a camera for tests. It serves video files as RTSP streams in real time, counts what it sends, and
//! does what it is told on its standard input.
//!
//! Commands, a line each: `count` prints `sent PATH BUFFERS CLIENTS` a stream; `mute PATH` goes on answering
//! and sends nothing more; `speak PATH` sends again; `kick` closes every connection.

use anyhow::{Context, Result};
use clap::Parser;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_rtsp_server as rtsp;
use rtsp::prelude::*;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Serves `/NAME` for every `NAME=FILE`.
#[derive(Parser)]
struct Args {
    /// The port on loopback.
    #[arg(long)]
    port: u16,
    /// Name and password that a client must give, as `USER:PASSWORD`.
    #[arg(long)]
    login: Option<String>,
    /// Streams as `NAME=FILE`; the file holds H.264, H.265 or JPEG in Matroska.
    #[arg(required = true)]
    streams: Vec<String>,
}

/// What one stream does.
#[derive(Default)]
struct Stream {
    sent: AtomicU64,
    mute: AtomicBool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    gst::init()?;
    let server = rtsp::RTSPServer::new();
    server.set_address("127.0.0.1");
    server.set_service(&args.port.to_string());
    if let Some(login) = &args.login {
        server.set_auth(Some(&auth(login)?));
    }
    let mounts = server.mount_points().context("no mount points")?;
    let mut streams = BTreeMap::new();
    for given in &args.streams {
        let (name, file) = given.split_once('=').context("a stream is NAME=FILE")?;
        let stream = Arc::new(Stream::default());
        mounts.add_factory(&format!("/{name}"), factory(file, &stream, args.login.is_some())?);
        streams.insert(name.to_owned(), stream);
    }
    let _attached = server.attach(None)?;
    let main_loop = gst::glib::MainLoop::new(None, false);
    println!("ready on {}", args.port);
    let (listening, quit) = (Mutex::new(server), main_loop.clone());
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            obey(&line, &streams, &listening);
        }
        // Who started it has gone.
        quit.quit();
    });
    main_loop.run();
    Ok(())
}

fn auth(login: &str) -> Result<rtsp::RTSPAuth> {
    let (user, password) = login.split_once(':').context("a login is USER:PASSWORD")?;
    let auth = rtsp::RTSPAuth::new();
    let token = rtsp::RTSPToken::builder().field("media.factory.role", "viewer").build();
    auth.add_basic(rtsp::RTSPAuth::make_basic(user, password).as_str(), &token);
    Ok(auth)
}

/// A medium that all clients share: it plays once, as a camera does.
fn factory(file: &str, stream: &Arc<Stream>, locked: bool) -> Result<rtsp::RTSPMediaFactory> {
    let (parse, pay) = match file.rsplit('.').nth(1) {
        Some("h265") => ("h265parse", "rtph265pay config-interval=-1"),
        Some("mjpg") => ("jpegparse", "rtpjpegpay"),
        _ => ("h264parse", "rtph264pay config-interval=-1"),
    };
    let factory = rtsp::RTSPMediaFactory::new();
    factory.set_launch(&format!(
        "( filesrc location={file} ! matroskademux ! {parse} ! identity name=count sync=true ! {pay} name=pay0 pt=96 )"
    ));
    factory.set_shared(true);
    if locked {
        factory.add_role_from_structure(
            &gst::Structure::builder("viewer")
                .field("media.factory.access", true)
                .field("media.factory.construct", true)
                .build(),
        );
    }
    let stream = stream.clone();
    factory.connect_media_configure(move |_, media| {
        let Ok(bin) = media.element().downcast::<gst::Bin>() else { return };
        let Some(pad) = bin.by_name("count").and_then(|e| e.static_pad("src")) else {
            return;
        };
        let stream = stream.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            if stream.mute.load(Ordering::SeqCst) {
                return gst::PadProbeReturn::Drop;
            }
            stream.sent.fetch_add(1, Ordering::SeqCst);
            gst::PadProbeReturn::Ok
        });
    });
    Ok(factory)
}

fn obey(line: &str, streams: &BTreeMap<String, Arc<Stream>>, server: &Mutex<rtsp::RTSPServer>) {
    let mute = |name: &str, so: bool| {
        if let Some(stream) = streams.get(name) {
            stream.mute.store(so, Ordering::SeqCst);
        }
    };
    match line.split_once(' ').unwrap_or((line, "")) {
        ("mute", name) => mute(name, true),
        ("speak", name) => mute(name, false),
        ("kick", _) => {
            if let Ok(server) = server.lock() {
                server.client_filter(Some(&mut |_, _| rtsp::RTSPFilterResult::Remove));
            }
        }
        ("count", _) => {
            let clients = server.lock().map_or(0, |s| {
                s.client_filter(Some(&mut |_, _| rtsp::RTSPFilterResult::Ref)).len()
            });
            for (name, stream) in streams {
                println!("sent {name} {} {clients}", stream.sent.load(Ordering::SeqCst));
            }
        }
        _ => println!("what is {line}?"),
    }
}
