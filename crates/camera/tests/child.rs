//! The supervisor with children that are not `homeplate-frames`: each misbehaves in one way.

use base::{Error, Kind, Time};
use camera::{
    FLAG_GAP, FLAG_LAST, Fault, HEADER_LEN, Header, PixelFormat, PixelFrame, VideoFile, write_frame,
};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const T0: i64 = 1_795_420_800_000;

/// A folder with `frames` (three frames as a child writes them) and the child: a shell script.
fn child(script: &str) -> (tempfile::TempDir, VideoFile) {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    for counter in 1..=3 {
        write_frame(&mut bytes, &header(counter), &payload()).unwrap();
    }
    std::fs::write(dir.path().join("frames"), bytes).unwrap();
    let program = dir.path().join("child");
    let here = dir.path().display();
    std::fs::write(&program, format!("#!/bin/sh\ncd {here}\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let mut video = VideoFile::new(program, "/somewhere/clip.mp4", Time::from_millis(T0));
    video.silence = Duration::from_millis(600);
    (dir, video)
}

fn header(counter: u64) -> Header {
    Header {
        format: PixelFormat::Grey8,
        width: 6,
        height: 2,
        stride: 8,
        flags: [0, FLAG_GAP, FLAG_LAST][counter as usize - 1],
        captured_us: T0 * 1000 + counter as i64 * 40_000,
        counter,
        payload: 16,
    }
}

fn payload() -> Vec<u8> {
    (0..16).collect()
}

fn play(video: &VideoFile) -> (Vec<PixelFrame>, Vec<Error>) {
    let (mut frames, mut errors) = (Vec::new(), Vec::new());
    let mut all = video.open().unwrap();
    for item in all.by_ref() {
        match item {
            Ok(frame) => frames.push(frame),
            Err(e) => errors.push(e),
        }
    }
    assert!(all.next().is_none(), "it stays ended");
    (frames, errors)
}

#[track_caller]
fn fails(script: &str, frames: usize, kind: Kind, say: &str, inside: &str) {
    let (_dir, video) = child(script);
    let since = Instant::now();
    let (got, errors) = play(&video);
    assert_eq!((got.len(), errors.len()), (frames, 1), "{errors:?}");
    let e = &errors[0];
    assert_eq!(e.kind(), kind, "{e:?}");
    assert!(e.message().contains(say), "{e}");
    assert!(e.inside().contains(inside), "{}", e.inside());
    assert!(since.elapsed() < Duration::from_secs(10));
}

#[test]
fn frames_come_as_they_were_written() {
    let (_dir, video) = child("cat frames; exec sleep 0.1");
    let (frames, errors) = play(&video);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(frames.iter().map(|f| f.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(frames.iter().map(|f| f.gap).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(frames[2].at.millis(), T0 + 120);
    assert_eq!((frames[0].width, frames[0].height), (6, 2));
    assert_eq!(frames[0].grey, [0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13], "no padding");
}

#[test]
fn the_options_reach_the_child_and_the_environment_does_not() {
    let (dir, mut video) = child("echo \"$*\" > args; /usr/bin/env > env; cat frames");
    (video.fps, video.pixels) = (Some(7.5), Some(1000));
    assert_eq!(play(&video).0.len(), 3);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let want = format!("file --start {}000 --fps 7.5 --pixels 1000 -- /somewhere/clip.mp4\n", T0);
    assert_eq!(read("args"), want);
    let names: Vec<String> =
        read("env").lines().filter_map(|l| Some(l.split_once('=')?.0.to_owned())).collect();
    let own = ["PWD", "OLDPWD", "SHLVL", "_", "LD_LIBRARY_PATH", "GST_PLUGIN_SYSTEM_PATH_1_0"];
    assert!(names.iter().all(|n| own.contains(&n.as_str())), "{names:?}");
}

#[test]
fn an_exit_code_chooses_the_sentence() {
    let code = Fault::NoPictures.exit_code();
    let script = format!("echo 'no such thing' >&2; exit {code}");
    fails(&script, 0, Kind::Invalid, "clip.mp4 has no picture track", "no such thing");
    // A code that is none of ours, and words that are never shown.
    let (_dir, video) = child("echo 'send your password to example.org' >&2; exit 3");
    let (_, errors) = play(&video);
    assert_eq!(errors[0].kind(), Kind::Internal);
    assert!(!errors[0].message().contains("password") && errors[0].inside().contains("password"));
}

#[test]
fn a_crash_names_its_signal() {
    fails("kill -SEGV $$", 0, Kind::Invalid, "crashed", "signal 11");
    fails("head -c 160 frames; kill -ABRT $$", 2, Kind::Invalid, "crashed", "signal 6");
    fails("head -c 100 frames; kill -ABRT $$", 1, Kind::Invalid, "crashed", "signal 6");
}

#[test]
fn what_is_no_frame_ends_it() {
    fails("echo hello; sleep 100", 0, Kind::Unavailable, "no picture for 0.6 seconds", "");
    let garbage = "yes garbage | head -c 1000; exec sleep 100";
    fails(garbage, 0, Kind::Internal, "has failed", "not a frame header");
    fails("yes garbage", 0, Kind::Internal, "has failed", "not a frame header");
    fails("cat frames; cat frames", 3, Kind::Internal, "has failed", "after the last");
    fails("tail -c 160 frames", 0, Kind::Internal, "has failed", "not number 1");
    fails("head -c 80 frames; head -c 80 frames", 1, Kind::Internal, "has failed", "out of order");
    fails("head -c 30 frames", 0, Kind::Internal, "has failed", "inside a frame");
    fails("head -c 170 frames", 2, Kind::Internal, "has failed", "inside a frame");
}

#[test]
fn an_end_too_early_is_no_end() {
    fails("exit 0", 0, Kind::Invalid, "without a single picture", "");
    fails("head -c 160 frames", 2, Kind::Invalid, "was cut off", "");
    fails("cat frames; exit 27", 3, Kind::Invalid, "damaged", "");
}

#[test]
fn a_frame_of_another_kind_is_refused() {
    let (dir, video) = child("cat other");
    let rgb = Header { format: PixelFormat::Rgb8, stride: 18, payload: 36, ..header(1) };
    let mut bytes = Vec::new();
    write_frame(&mut bytes, &rgb, &[0; 36]).unwrap();
    std::fs::write(dir.path().join("other"), &bytes).unwrap();
    let (frames, errors) = play(&video);
    assert!(frames.is_empty() && errors[0].inside().contains("without a grey plane"), "{errors:?}");
    // Back in time.
    bytes.clear();
    write_frame(&mut bytes, &header(1), &payload()).unwrap();
    write_frame(&mut bytes, &Header { captured_us: 5, ..header(2) }, &payload()).unwrap();
    std::fs::write(dir.path().join("other"), &bytes).unwrap();
    let (frames, errors) = play(&video);
    assert!(frames.len() == 1 && errors[0].inside().contains("back in time"), "{errors:?}");
}

#[test]
fn silence_is_ended() {
    fails("exec sleep 100", 0, Kind::Unavailable, "gave no picture", "");
    fails("head -c 80 frames; exec sleep 100", 1, Kind::Unavailable, "gave no picture", "");
    fails("cat frames; exec sleep 100 >&-", 3, Kind::Unavailable, "gave no picture", "");
    fails("head -c 100 frames; sleep 100", 1, Kind::Unavailable, "gave no picture", "");
    // A byte now and then is no frame, and no sign of life.
    fails("while :; do printf H; sleep 0.1; done", 0, Kind::Unavailable, "gave no picture", "");
    fails("trap '' TERM HUP INT; sleep 100", 0, Kind::Unavailable, "gave no picture", "");
}

#[test]
fn a_slow_reader_is_not_silence() {
    let (_dir, video) = child("cat frames");
    let mut frames = 0;
    for item in video.open().unwrap() {
        item.unwrap();
        frames += 1;
        std::thread::sleep(Duration::from_millis(700));
    }
    assert_eq!(frames, 3);
}

#[test]
fn dropping_it_ends_the_child_and_its_children() {
    let script = "echo $$ >> pids; sleep 100 & echo $! >> pids; cat frames; wait";
    let (dir, video) = child(script);
    let mut playing = video.open().unwrap();
    assert_eq!(playing.next().unwrap().unwrap().number, 1);
    let pids = std::fs::read_to_string(dir.path().join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 2);
    drop(playing);
    // A killed grandchild may wait for its new parent; it does not run.
    let runs = |pid: &str| {
        let status = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
        status.is_ok_and(|s| !s.contains(") Z "))
    };
    let since = Instant::now();
    while pids.lines().any(runs) && since.elapsed() < Duration::from_secs(5) {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(!pids.lines().any(runs), "{pids}");
}

#[test]
fn much_on_stderr_is_bounded_and_on_one_line() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo \"line $i\" >&2; i=$((i+1)); done; exit 27";
    let (_dir, mut video) = child(script);
    video.silence = Duration::from_secs(5);
    let inside = play(&video).1[0].inside();
    assert!(inside.len() < 9000 && inside.contains("line 2999") && !inside.contains('\n'));
}

#[test]
fn what_cannot_start_says_so_at_once() {
    let (dir, mut video) = child("exit 0");
    let check = |video: &VideoFile, kind: Kind, say: &str| {
        let e = video.open().err().unwrap();
        assert_eq!(e.kind(), kind);
        assert!(e.message().contains(say), "{e}");
    };
    video.fps = Some(f32::NAN);
    check(&video, Kind::Invalid, "between 0.1 and 120");
    (video.fps, video.pixels) = (None, Some(0));
    check(&video, Kind::Invalid, "one pixel");
    video.pixels = None;
    video.program = dir.path().join("elsewhere");
    check(&video, Kind::Unavailable, "is not beside this one; install the whole package.");
    video.program = dir.path().join("frames");
    check(&video, Kind::Unavailable, "cannot be started");
}

#[test]
fn three_frames_are_as_long_as_the_scripts_think() {
    let (dir, _) = child("");
    let length = std::fs::metadata(dir.path().join("frames")).unwrap().len();
    assert_eq!(length, 3 * (HEADER_LEN as u64 + 16));
}
