//! Streams as cameras send them: H.264, H.265 and JPEG, over RTSP within the connection and beside it, and JPEG
//! over HTTP; and a reader that cannot keep up.

use crate::program;
use crate::quirks::Reader;
use base::{Kind, Secret};
use camera::{Image, Next, Play, Stream, StreamKind};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_rtsp_server as rtsp;
use rtsp::prelude::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const SIZE: (u32, u32) = (320, 240);
const SMALL: (u32, u32) = (160, 120);
const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay config-interval=-1";
const H265: &str = "x265enc tune=zerolatency speed-preset=ultrafast key-int-max=10 log-level=none ! h265parse ! rtph265pay config-interval=-1";
const JPEG: &str = "jpegenc ! rtpjpegpay";

fn caps((width, height): (u32, u32)) -> String {
    format!("video/x-raw,format=I420,width={width},height={height},framerate=25/1")
}

/// A camera that codes so; its port. With `resizes`, its pictures are of another size after three seconds.
fn camera(coding: &str, resizes: bool) -> u16 {
    gst::init().unwrap();
    let context = gst::glib::MainContext::new();
    let server = rtsp::RTSPServer::new();
    server.set_address("127.0.0.1");
    server.set_service("0");
    let factory = rtsp::RTSPMediaFactory::new();
    factory.set_launch(&format!(
        "( videotestsrc is-live=true pattern=ball ! capsfilter name=size caps={} ! {coding} name=pay0 pt=96 )",
        caps(SIZE)
    ));
    factory.set_shared(true);
    if resizes {
        factory.connect_media_configure(|_, media| {
            let bin = media.element().downcast::<gst::Bin>().unwrap();
            let size = bin.by_name("size").unwrap();
            thread::spawn(move || {
                thread::sleep(Duration::from_secs(3));
                size.set_property_from_str("caps", &caps(SMALL));
            });
        });
    }
    server.mount_points().unwrap().add_factory("/live", factory);
    server.attach(Some(&context)).unwrap();
    let port = u16::try_from(server.bound_port()).unwrap();
    thread::spawn(move || {
        let main_loop = gst::glib::MainLoop::new(Some(&context), false);
        main_loop.run();
        drop(server);
    });
    port
}

fn stream(kind: StreamKind, address: String) -> Stream {
    Stream {
        program: program(),
        kind,
        address,
        user: String::new(),
        password: Secret::new(String::new()),
        udp: false,
        fps: 25.0,
        hardware: false,
        silence: Duration::from_secs(15),
    }
}

fn rtsp_of(port: u16) -> Stream {
    stream(StreamKind::Rtsp, format!("rtsp://127.0.0.1:{port}/live"))
}

#[test]
fn every_coding_comes_within_the_connection_and_beside_it() {
    for (name, coding) in [("H.264", H264), ("H.265", H265), ("JPEG", JPEG)] {
        for udp in [false, true] {
            let mut reader = Reader::of(Stream { udp, ..rtsp_of(camera(coding, false)) });
            reader.until(&format!("{name} pictures"), |r, _| r.of_size(SIZE) >= 20);
            let state = reader.live.state();
            assert_eq!((state.restarts, reader.faults.len()), (0, 0), "{name}, UDP {udp}");
        }
    }
}

#[test]
fn h264_of_another_size_goes_on() {
    let mut reader = Reader::of(rtsp_of(camera(H264, true)));
    reader.until("pictures of both sizes", |r, _| r.of_size(SIZE) >= 10 && r.of_size(SMALL) >= 20);
    assert_eq!((reader.live.state().restarts, reader.faults.len()), (0, 0), "{:?}", reader.faults);
}

/// A machine without a decoder of its own takes the library's.
#[test]
fn hardware_is_a_wish() {
    let mut reader = Reader::of(Stream { hardware: true, ..rtsp_of(camera(H264, false)) });
    reader.until("pictures", |r, _| r.of_size(SIZE) >= 20);
    assert_eq!((reader.live.state().restarts, reader.faults.len()), (0, 0), "{:?}", reader.faults);
}

/// What a reader that is too slow does not take is dropped, counted, and said with the next frame; what it gets
/// is new.
#[test]
fn a_slow_reader_drops_and_says_so() {
    let mut reader = Reader::of(rtsp_of(camera(H264, false)));
    reader.until("pictures", |r, _| r.of_size(SIZE) >= 5);
    let before = reader.live.state();
    let (mut taken, mut gaps, mut last) = (0u64, 0, None);
    for _ in 0..8 {
        thread::sleep(Duration::from_millis(400));
        // Two wait; the newest is at most some frames old.
        for _ in 0..2 {
            let Next::Frame(frame) = reader.live.next(Duration::from_secs(5)) else {
                panic!("a frame");
            };
            assert!(last.is_none_or(|last| last < frame.at), "in order");
            last = Some(frame.at);
            taken += 1;
            gaps += u64::from(frame.gap);
        }
    }
    let state = reader.live.state();
    let (came, dropped) = (state.frames - before.frames, state.dropped - before.dropped);
    assert!(dropped > 0 && gaps >= 4, "{dropped} dropped, {gaps} gaps");
    assert!(came >= taken + dropped - 2, "{came} came, {taken} taken, {dropped} dropped");
}

/// One picture as JPEG.
fn jpeg() -> Vec<u8> {
    gst::init().unwrap();
    let text = format!("videotestsrc num-buffers=1 ! {} ! jpegenc ! appsink name=out", caps(SIZE));
    let pipeline = gst::parse::launch(&text).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("out").unwrap().downcast::<AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let bytes = sink.pull_sample().unwrap().buffer().unwrap().map_readable().unwrap().to_vec();
    pipeline.set_state(gst::State::Null).unwrap();
    bytes
}

/// A camera of JPEG pictures over HTTP, ten a second; only for who gives this word, where there is one.
fn pictures_over_http(word: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let jpeg = jpeg();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let jpeg = jpeg.clone();
            thread::spawn(move || {
                // Whoever went away.
                let _ = show(stream, &jpeg, word);
            });
        }
    });
    port
}

fn show(mut stream: TcpStream, jpeg: &[u8], word: Option<&str>) -> std::io::Result<()> {
    let mut known = word.is_none();
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        known |= word.is_some_and(|w| line == format!("Authorization: Basic {w}"));
        if line.is_empty() {
            break;
        }
    }
    if !known {
        return stream.write_all(
            b"HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"cam\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=edge\r\n\r\n",
    )?;
    loop {
        let head =
            format!("--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(jpeg)?;
        stream.write_all(b"\r\n")?;
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn jpeg_over_http() {
    // viewer:s3cret
    let word = Some("dmlld2VyOnMzY3JldA==");
    for (word, user, good) in [(None, "", true), (word, "viewer", true), (word, "other", false)] {
        let port = pictures_over_http(word);
        let mut reader = Reader::of(Stream {
            user: user.into(),
            password: Secret::new("s3cret".to_owned()),
            ..stream(StreamKind::Mjpeg, format!("http://127.0.0.1:{port}/video"))
        });
        if good {
            reader.until("pictures", |r, _| r.of_size(SIZE) >= 10);
            assert_eq!(reader.faults.len(), 0, "{:?}", reader.faults);
            continue;
        }
        loop {
            match reader.live.next(Duration::from_secs(30)) {
                Next::Fault(e) => {
                    assert_eq!(e.kind(), Kind::Unauthenticated, "{}", e.inside());
                    break;
                }
                Next::Nothing => {}
                Next::Frame(frame) => match frame.image {
                    Image::Pixels(_) | Image::Coded(_) => panic!("a picture for a stranger"),
                },
                Next::End => panic!("it ended"),
            }
        }
    }
}
