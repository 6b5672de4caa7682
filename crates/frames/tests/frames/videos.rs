//! Videos as they should be, and files that are honestly none.

use crate::make::{Clip, H264, make, run};
use crate::{Played, play, program, video};
use base::Kind;
use std::path::Path;
use std::process::Command;

fn played(clip: Clip, name: &str) -> Played {
    let dir = tempfile::tempdir().unwrap();
    play(&video(&make(dir.path(), name, clip)))
}

/// All 50 frames, right in number, order, time (to a millisecond) and contrast.
#[track_caller]
fn complete(clip: Clip, name: &str) {
    // JPEG has no narrow range: what is 16 in the picture stays so.
    let (dark, light) = if clip.coding.contains("jpegenc") { (20, 230) } else { (12, 243) };
    let played = played(clip, name);
    assert!(played.error.is_none(), "{name}: {:?}", played.error);
    assert_eq!(played.numbers(), (0..50).collect::<Vec<_>>(), "{name}");
    assert_eq!(played.sizes(), [clip.size], "{name}");
    for (i, ms) in played.times().into_iter().enumerate() {
        assert!((ms - i as i64 * 40).abs() <= 1, "{name}: frame {i} at {ms}");
    }
    assert!(played.frames.iter().all(|f| !f.gap), "{name}");
    let grey = &played.frames[21].grey;
    let range = (*grey.iter().min().unwrap(), *grey.iter().max().unwrap());
    assert!(range.0 < dark && range.1 > light, "{name}: {range:?}");
}

#[test]
fn codings_and_containers() {
    complete(H264, "a.mp4");
    complete(Clip { mux: "qtmux", ..H264 }, "a.mov");
    complete(Clip { mux: "mp4mux fragment-duration=200", ..H264 }, "fragments.mp4");
    complete(Clip { mux: "matroskamux", ..H264 }, "a.mkv");
    complete(Clip { mux: "flvmux", ..H264 }, "a.flv");
    complete(Clip { mux: "mpegtsmux", ..H264 }, "a.ts");
    let bframes = "x264enc bframes=2 b-adapt=false key-int-max=25";
    complete(Clip { coding: bframes, ..H264 }, "b.mp4");
    let vp8 = "vp8enc deadline=1 cpu-used=8";
    complete(Clip { coding: vp8, mux: "webmmux", ..H264 }, "a.webm");
    let jpeg = "jpegenc quality=95";
    complete(Clip { coding: jpeg, mux: "avimux", ..H264 }, "a.avi");
    complete(Clip { coding: jpeg, mux: "qtmux", ..H264 }, "jpeg.mov");
    // The name says nothing.
    complete(Clip { mux: "matroskamux", ..H264 }, "wrong.mp4");
    complete(H264, "no-extension");
}

#[test]
fn h265_vp9_and_mpeg() {
    let h265 = "x265enc speed-preset=ultrafast log-level=none ! h265parse";
    complete(Clip { coding: h265, ..H264 }, "a.mp4");
    complete(Clip { coding: h265, mux: "matroskamux", ..H264 }, "a.mkv");
    let vp9 = "vp9enc deadline=1 cpu-used=8";
    complete(Clip { coding: vp9, mux: "webmmux", ..H264 }, "a.webm");
    let mpeg2 = "mpeg2enc format=3 b-per-refframe=0 ! mpegvideoparse";
    complete(Clip { coding: mpeg2, mux: "mpegtsmux", ..H264 }, "a.ts");
    let mpeg4 = "avenc_mpeg4 bitrate=4000000";
    complete(Clip { coding: mpeg4, mux: "avimux", ..H264 }, "mpeg4.avi");
    let raw = "identity";
    complete(Clip { coding: raw, mux: "matroskamux", ..H264 }, "raw.mkv");
}

#[test]
fn ten_bits_and_other_samplings_keep_their_contrast() {
    let ten = "videoconvert ! video/x-raw,format=I420_10LE ! x264enc speed-preset=ultrafast";
    complete(Clip { coding: ten, ..H264 }, "ten.mp4");
    let full = "videoconvert ! video/x-raw,format=Y444 ! x264enc speed-preset=ultrafast";
    complete(Clip { coding: full, mux: "matroskamux", ..H264 }, "full.mkv");
}

#[test]
fn sound_is_not_looked_at() {
    let more = "audiotestsrc num-buffers=90 ! audioconvert ! avenc_aac ! aacparse ! mux.";
    complete(Clip { more, ..H264 }, "sound.mp4");
    let more = "audiotestsrc num-buffers=90 ! audioconvert ! opusenc ! mux.";
    complete(Clip { mux: "matroskamux", more, ..H264 }, "sound.mkv");
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().display();
    let sound = "audiotestsrc num-buffers=90 ! audioconvert ! ";
    for (mux, name) in [("mp4mux", "a.mp4"), ("matroskamux", "a.mkv"), ("mpegtsmux", "a.ts")] {
        run(&format!("{sound} avenc_aac ! aacparse ! {mux} ! filesink location={here}/{name}"));
        refused(&dir.path().join(name), Kind::Invalid, "has no picture track");
    }
    run(&format!("{sound} wavenc ! filesink location={here}/a.wav"));
    refused(&dir.path().join("a.wav"), Kind::Invalid, "has no picture track");
}

#[track_caller]
fn refused(path: &Path, kind: Kind, say: &str) {
    let played = play(&video(path));
    let e = played.error.expect("an error");
    assert!(played.frames.is_empty());
    assert!(e.message().contains(say), "{e:?}");
    assert_eq!(e.kind(), kind, "{e:?}");
}

#[test]
fn what_is_no_video_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let none = "is not a video of a known kind";
    refused(&dir.path().join("missing.mp4"), Kind::NotFound, "There is no file missing.mp4.");
    refused(dir.path(), Kind::Invalid, "is not a file");
    refused(Path::new("/dev/zero"), Kind::Invalid, "is not a file");
    refused(&file("empty.mp4", b""), Kind::Invalid, "The file empty.mp4 is empty.");
    refused(&file("text.mp4", b"This is a letter to the city.\n"), Kind::Invalid, none);
    refused(&file("noise.mp4", &crate::hostile::noise(9, 40_000)), Kind::Invalid, none);
    refused(&file("-.mp4", b"x"), Kind::Invalid, none);
    let still = dir.path().join("still.mp4");
    let (start, end) = ("videotestsrc num-buffers=1 !", still.display());
    run(&format!("{start} jpegenc ! filesink location={end}"));
    refused(&still, Kind::Invalid, none);
    run(&format!("{start} pngenc ! filesink location={end}"));
    refused(&still, Kind::Invalid, none);
    // A known container with a coding that is not on the list.
    let theora = Clip { coding: "theoraenc", mux: "matroskamux", frames: 5, ..H264 };
    let path = make(dir.path(), "theora.mkv", theora);
    refused(&path, Kind::Invalid, "are coded in a way that is not supported");
}

#[test]
fn fewer_frames_where_fewer_are_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "a.mp4", H264);
    let ten = play(&camera::VideoFile { fps: Some(10.0), ..video(&path) });
    assert!(ten.error.is_none());
    let want: Vec<u32> = (0..20).map(|i| (i * 5u32).div_ceil(2)).collect();
    assert_eq!(ten.numbers(), want);
    assert_eq!(ten.times()[..4], [0, 120, 200, 320]);
    assert!(ten.frames.iter().all(|f| !f.gap), "what is left out is no gap");
    let more = play(&camera::VideoFile { fps: Some(60.0), ..video(&path) });
    assert_eq!(more.frames.len(), 50);
    let few = play(&camera::VideoFile { fps: Some(0.5), ..video(&path) });
    assert_eq!(few.numbers(), [0]);
}

#[test]
fn larger_frames_are_scaled_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "a.mp4", H264);
    let small = play(&camera::VideoFile { pixels: Some(20_000), ..video(&path) });
    assert_eq!(small.sizes(), [(163, 122)]);
    assert_eq!(small.numbers(), (0..50).collect::<Vec<_>>());
    let grey = &small.frames[21].grey;
    let range = (*grey.iter().min().unwrap(), *grey.iter().max().unwrap());
    assert!(range.0 < 20 && range.1 > 235, "{range:?}");
    let one = play(&camera::VideoFile { pixels: Some(1), ..video(&path) });
    assert_eq!(one.sizes(), [(1, 1)]);
    // The default: 4,200,000.
    let large = played(Clip { size: (3840, 2160), frames: 4, ..H264 }, "large.mp4");
    assert_eq!((large.sizes(), large.numbers()), (vec![(2732, 1537)], vec![0, 1, 2, 3]));
}

#[test]
fn odd_sizes_are_cut_to_what_is_shown() {
    let odd = Clip { size: (200, 82), ..H264 };
    complete(odd, "odd.mp4");
}

#[test]
fn a_turned_video_stands_upright() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "turned.mp4", H264);
    let mut bytes = std::fs::read(&path).unwrap();
    // The matrix of the track: a quarter clockwise, as a phone writes it that is held upright.
    let matrix = bytes.windows(4).position(|w| w == b"tkhd").unwrap() + 44;
    let quarter: [i32; 5] = [0, 1 << 16, 0, -(1 << 16), 0];
    for (i, value) in quarter.iter().enumerate() {
        bytes[matrix + 4 * i..][..4].copy_from_slice(&value.to_be_bytes());
    }
    std::fs::write(&path, bytes).unwrap();
    let played = play(&video(&path));
    assert!(played.error.is_none());
    assert_eq!((played.sizes(), played.frames.len()), (vec![(240, 320)], 50));
    // The bar that was on the left, the lowest bit, is on top.
    let frame = &played.frames[1];
    assert!(frame.grey[240 * 20 + 120] > 200 && frame.grey[240 * 300 + 120] < 50);
}

#[test]
fn a_name_is_only_a_name() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "a.mp4", H264);
    for name in [&b"--fps"[..], b"http:__example.org_a.mp4", b"\xff\xfe.mp4", b"a %d \n.mp4"] {
        let named = dir.path().join(OsStr::from_bytes(name));
        std::fs::rename(&path, &named).unwrap();
        let played = play(&video(&named));
        assert!(played.error.is_none() && played.frames.len() == 50, "{:?}", played.error);
        std::fs::rename(&named, &path).unwrap();
    }
}

#[test]
fn alone_it_speaks_through_its_exit_code() {
    let run = |args: &[&str]| Command::new(program()).args(args).output().unwrap();
    let missing = run(&["file", "/nowhere/a.mp4"]);
    assert_eq!(missing.status.code(), Some(camera::Fault::Missing.exit_code().into()));
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(said.starts_with("not-found: There is no file a.mp4.") && said.lines().count() == 1);
    assert!(missing.stdout.is_empty());
    for args in [&["file"][..], &["file", "x", "--fps", "0"], &["file", "x", "--pixels", "0"], &[]]
    {
        assert_eq!(run(args).status.code(), Some(2), "{args:?}");
    }
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    // Where all is well, nothing is said: neither here nor by the library.
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "a.mp4", H264).display().to_string();
    for args in [&["file", &path][..], &["file", &path, "--fps", "10", "--pixels", "1000"]] {
        let good = run(args);
        assert_eq!((good.status.code(), String::from_utf8(good.stderr)), (Some(0), Ok("".into())));
    }
}

/// How fast it is, and what the reading side costs: run by hand with `--no-capture`.
#[test]
#[ignore = "a measurement"]
fn throughput() {
    let dir = tempfile::tempdir().unwrap();
    let medium = "x264enc speed-preset=medium bitrate=4000";
    let clip = Clip { size: (1280, 720), frames: 500, coding: medium, ..H264 };
    let path = make(dir.path(), "a.mp4", clip);
    let cpu = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let words: Vec<i64> = stat.split(' ').filter_map(|w| w.parse().ok()).collect();
        // User and system time of this process, in hundredths of a second.
        words[11] + words[12]
    };
    let (since, before) = (std::time::Instant::now(), cpu());
    let frames = video(&path).open().unwrap().filter(Result::is_ok).count();
    let seconds = since.elapsed().as_secs_f64();
    let reading = (cpu() - before) as f64 * 10.0 / frames as f64;
    println!(
        "{frames} frames, {:.0}/s; reading side {reading:.2} ms a frame",
        frames as f64 / seconds
    );
}

/// The limits are there while a video is being decoded: the pipe is full and the child waits.
#[test]
fn it_has_bound_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = make(dir.path(), "a.mp4", Clip { size: (640, 480), ..H264 });
    let stdout = std::process::Stdio::piped();
    let mut child = Command::new(program()).arg("file").arg(&path).stdout(stdout).spawn().unwrap();
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", child.id()));
    // The limit on memory is the last to be set.
    let ready = || read("limits").is_ok_and(|l| l.contains(" 3221225472 "));
    let since = std::time::Instant::now();
    while !ready() && since.elapsed().as_secs() < 10 {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let limits = read("limits").unwrap_or_default();
    let status = read("status").unwrap_or_default();
    child.kill().unwrap();
    child.wait().unwrap();
    for (name, value) in [("file size", 0), ("core file size", 0), ("open files", 128)] {
        let line = limits.lines().find(|l| l.starts_with(&format!("Max {name} ")));
        let words: Vec<&str> = line.unwrap_or_default().split_whitespace().rev().collect();
        let value = value.to_string();
        assert_eq!(words[1..3], [value.as_str(), value.as_str()], "{limits}");
    }
    assert!(limits.contains(" 3221225472 "), "{limits}");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
}
