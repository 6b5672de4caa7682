//! What cameras do that no standard foresees (`camera::quirks`), each done by a small server, and that pictures
//! come all the same.

use crate::program;
use crate::server::{OTHER, Odd, SIZE, Server, Times};
use base::{Secret, SystemClock};
use camera::{Image, Live, Next, Play, SourceState, Stream, StreamKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The reader of one stream, and the sizes of the pictures that came.
pub struct Reader {
    pub live: Live,
    pub sizes: Vec<(u32, u32)>,
    pub faults: Vec<String>,
}

fn read(server: &Server, silence_s: f32) -> Reader {
    read_by(server, silence_s, false)
}

fn read_by(server: &Server, silence_s: f32, udp: bool) -> Reader {
    let stream = Stream {
        program: program(),
        kind: StreamKind::Rtsp,
        address: format!("rtsp://127.0.0.1:{}/live", server.port),
        user: "viewer".into(),
        password: Secret::new("s3cret".to_owned()),
        udp,
        fps: 10.0,
        hardware: false,
        silence: Duration::from_secs_f32(silence_s),
    };
    Reader::of(stream)
}

impl Reader {
    pub fn of(stream: Stream) -> Self {
        Self { live: stream.open(Arc::new(SystemClock)).unwrap(), sizes: vec![], faults: vec![] }
    }

    /// Reads until `so`; fails after a minute and a half.
    #[track_caller]
    pub fn until(&mut self, what: &str, so: impl Fn(&Self, &SourceState) -> bool) {
        let end = Instant::now() + Duration::from_secs(90);
        while !so(self, &self.live.state()) {
            let so_far = (self.sizes.len(), &self.faults, self.live.state());
            assert!(Instant::now() < end, "{what} did not happen: {so_far:?}");
            match self.live.next(Duration::from_millis(100)) {
                Next::Frame(frame) => match frame.image {
                    Image::Pixels(p) => self.sizes.push((p.width, p.height)),
                    Image::Coded(_) => panic!("a coded picture"),
                },
                Next::Fault(e) => {
                    eprintln!("{}", e.inside());
                    self.faults.push(e.message().to_owned());
                }
                Next::Nothing => {}
                Next::End => panic!("it ended"),
            }
        }
    }

    pub fn of_size(&self, size: (u32, u32)) -> usize {
        self.sizes.iter().filter(|s| **s == size).count()
    }
}

#[test]
fn a_good_camera_is_read_to_begin_with() {
    let server = Server::start(Odd::default());
    let mut reader = read(&server, 10.0);
    reader.until("thirty pictures", |r, _| r.of_size(SIZE) >= 30);
    assert_eq!((reader.live.state().restarts, reader.faults.len()), (0, 0));
    drop(reader);
    assert_eq!(server.asked("TEARDOWN"), 1, "the session is closed");
}

#[test]
fn a_session_without_packets_is_begun_anew() {
    let server = Server::start(Odd { silent: true, ..Odd::default() });
    let mut reader = read(&server, 2.0);
    reader.until("pictures of the next session", |r, _| r.of_size(SIZE) >= 10);
    assert!(
        reader.faults.iter().any(|f| f.contains("no picture for 2 seconds")),
        "{:?}",
        reader.faults
    );
    assert_eq!(server.asked("PLAY"), 2);
}

#[test]
fn packets_of_a_dead_session_do_no_harm() {
    let server = Server::start(Odd { ghost: Some(Duration::from_secs(4)), ..Odd::default() });
    let mut reader = read(&server, 30.0);
    reader.until("pictures of the live session", |r, _| r.of_size(SIZE) >= 30);
    assert_eq!(reader.live.state().restarts, 0, "{:?}", reader.faults);
    // Never a mixture: one sender's pictures, then the other's.
    let mut turns = reader.sizes.clone();
    turns.dedup();
    assert!(turns == [OTHER, SIZE] || turns == [SIZE], "{turns:?}");
}

#[test]
fn refused_keep_alives_end_nothing() {
    for udp in [false, true] {
        let server = Server::start(Odd { refuses: true, ..Odd::default() });
        let mut reader = read_by(&server, 30.0, udp);
        reader.until("a refused keep-alive", |_, _| server.asked("GET_PARAMETER") >= 1);
        let so_far = reader.sizes.len();
        reader.until("pictures after it", |r, _| r.sizes.len() >= so_far + 20);
        assert_eq!(reader.live.state().restarts, 0, "{:?}", reader.faults);
    }
}

#[test]
fn times_that_stand_or_leap_leave_pictures() {
    for times in [Times::Still, Times::Leap] {
        let server = Server::start(Odd { times, ..Odd::default() });
        let mut reader = read(&server, 5.0);
        reader.until("pictures", |r, _| r.of_size(SIZE) >= 40);
        assert_eq!(reader.live.state().restarts, 0, "{:?}", reader.faults);
        // Of those that were sent in that time at least a third came.
        let sent = server.pictures();
        assert!(sent < 3 * 40, "{sent} were sent for 40");
    }
}

#[test]
fn a_stale_nonce_is_no_wrong_password() {
    let server = Server::start(Odd { stale: true, ..Odd::default() });
    let mut reader = read(&server, 10.0);
    reader.until("pictures", |r, _| r.of_size(SIZE) >= 10);
    assert!(server.asked("DESCRIBE") >= 3, "it was refused twice");
    assert_eq!(reader.live.state().restarts, 0, "{:?}", reader.faults);
}

#[test]
fn another_size_in_the_stream_goes_on() {
    let server = Server::start(Odd { resize: Some(15), ..Odd::default() });
    let mut reader = read(&server, 10.0);
    reader.until("pictures of both sizes", |r, _| r.of_size(OTHER) >= 20);
    assert!(reader.of_size(SIZE) >= 5, "{:?}", reader.sizes);
    assert_eq!(reader.live.state().restarts, 0, "{:?}", reader.faults);
}

#[test]
fn a_camera_that_closes_is_asked_again_soon() {
    let server = Server::start(Odd { close: Some(Duration::from_secs(6)), ..Odd::default() });
    let mut reader = read(&server, 10.0);
    reader.until("a third session", |_, _| server.asked("PLAY") >= 3);
    let so_far = reader.sizes.len();
    reader.until("its pictures", |r, _| r.sizes.len() >= so_far + 10);
    assert!(reader.faults.iter().all(|f| f.contains("ended")), "{:?}", reader.faults);
}
