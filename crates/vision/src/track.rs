//! Following plates over the frames of a fixed camera: one track is one vehicle's pass.
//!
//! A track is linked by place and by text. It ends a second after its plate was last seen; two where
//! the text is sure enough to know the car again behind a pole; twenty where the car stood, so that a
//! person who walks by does not make two cars of one. A pass whose plate nobody could read is a pass
//! too, provided that it moved: signs and badges stay where they are.

mod texts;

use crate::picture::{Flat, Picture};
use crate::reader::{Plate, Region};
use crate::vehicle::VehiclePicture;
use crate::vote::{Look, sure, vote};
use crate::warp::{Quad, centre, overlap, width};
use base::Time;
use plate::Odds;
use texts::{alike, differ, is_end, similarity, surely_apart};

/// Looks that are kept of a pass: the heaviest. A car that stands for an hour gives 36,000.
const LOOKS: usize = 40;
/// A plate so much wider than at first comes nearer.
const GREW: f32 = 1.05;
/// A plate that stays within so many of its widths stands.
const STILL: f32 = 0.4;
/// A look counts as fresh when the plate has moved by so many pixels since the last fresh one.
const FRESH: f32 = 3.0;

/// How tracks are made and ended. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct TrackOptions {
    /// A track ends when its plate was not seen for so long.
    pub gap_ms: i64,
    /// The same, where the looks agree on the text (at 0.5 or more) and so can tell the car again.
    pub sure_gap_ms: i64,
    /// The same, where the car had stood for three seconds or more.
    pub standing_gap_ms: i64,
    /// A track of fewer frames is no vehicle: a sign that once looked like a plate.
    pub min_frames: u32,
    /// A track that lasted less than this and is not agreed on (0.5) has no read: the edge of a plate that
    /// came into the picture, seen twice at a high frame rate.
    pub short_ms: i64,
    /// A track whose voted text is less probable than this has no read.
    pub min_confidence: f32,
    /// A track without a read is a vehicle's pass if it was seen in so many frames …
    pub unread_frames: u32,
    /// … and moved by so many of its plate's widths; else it is a sign.
    pub unread_moved: f32,
    /// A sure read of a vehicle that moved is told when its plate was not seen for so long, or when it stands in view,
    /// rather than when the track ends; whatever is seen of it after that is the same pass. `None`: at the end.
    pub early_ms: Option<i64>,
    /// What the picture for people shows.
    pub shows: Shows,
}

/// What the picture shows that goes with a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shows {
    /// The plate and so many of its widths on every side.
    Plate(f32),
    /// The vehicle; with its glass where that is to stay `clear`.
    Vehicle {
        /// See [`VehiclePicture::clear`].
        clear: bool,
    },
}

impl Shows {
    fn cut(self, picture: &Picture, corners: &Quad, toward: bool) -> Option<(Vec<u8>, Quad)> {
        match self {
            Shows::Plate(grow) => picture.plate_jpeg(corners, grow).ok(),
            Shows::Vehicle { clear } => {
                let how = VehiclePicture { clear, toward };
                picture.vehicle(corners, how).ok().map(|shown| (shown.jpeg, shown.corners))
            }
        }
    }
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self {
            gap_ms: 1000,
            sure_gap_ms: 2000,
            standing_gap_ms: 20_000,
            min_frames: 2,
            short_ms: 200,
            min_confidence: 0.1,
            unread_frames: 4,
            unread_moved: 1.5,
            early_ms: None,
            shows: Shows::Plate(0.9),
        }
    }
}

/// What the frames of a pass agree on.
#[derive(Clone, Debug)]
pub struct Voted {
    /// Voted odds.
    pub odds: Odds,
    /// P(the voted text is right), 0 to 1.
    pub confidence: f32,
    /// Region of the best frame's plate, where known.
    pub region: Option<Region>,
}

/// One vehicle's pass, ended.
#[derive(Clone, Debug)]
pub struct Track {
    /// Counts the tracks of a tracker from 1.
    pub number: u64,
    /// When the plate was first seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
    /// When the best frame was taken.
    pub best: Time,
    /// The corners in that frame.
    pub corners: Quad,
    /// Width and height of that frame.
    pub frame_size: [u32; 2],
    /// The picture for people out of that frame, JPEG; absent where it could not be cut.
    pub jpeg: Option<Vec<u8>>,
    /// The plate's corners in that picture.
    pub jpeg_corners: Quad,
    /// The plate in that frame, seen flat.
    pub flat: Option<Flat>,
    /// What was read; `None` where the plate could not be read.
    pub read: Option<Voted>,
    /// In how many frames it was seen.
    pub frames: u32,
    /// Where the plate was when it was first and last seen.
    pub path: [Quad; 2],
}

/// A track that goes on, for a live picture.
#[derive(Clone, Debug)]
pub struct LiveTrack {
    /// Counts the tracks from 1.
    pub number: u64,
    /// Corners in the newest frame in which it was seen.
    pub corners: Quad,
    /// Odds voted so far.
    pub odds: Odds,
    /// P(text) so far.
    pub confidence: f32,
}

struct Open {
    number: u64,
    looks: Vec<Look>,
    frames: u32,
    first: Time,
    last: Time,
    corners: Quad,
    /// Pixels a millisecond, smoothed.
    speed: [f32; 2],
    /// Where and since when it has stood still.
    anchor: ([f32; 2], Time),
    /// Where the last fresh look was.
    fresh: [f32; 2],
    start: [f32; 2],
    first_corners: Quad,
    /// The farthest it came from its start, in plate widths.
    moved: f32,
    /// Its read was told before its end.
    told: bool,
    /// It is a pass once more that was told before: the next is measured by that one, or a car that goes to and
    /// fro before a barrier would never be told again.
    again: bool,
    /// The track that has nearly its text, and that its first look was held apart from: but for that it would have gone
    /// on there.
    beside: Option<u64>,
    best: Best,
}

struct Best {
    score: f32,
    at: Time,
    corners: Quad,
    size: [u32; 2],
    jpeg: Option<(Vec<u8>, Quad)>,
    flat: Option<Flat>,
    region: Option<Region>,
}

/// Where a pass was, for as long as a piece of it may still turn up as a track of its own.
struct Trace {
    number: u64,
    text: Option<Odds>,
    first: Time,
    last: Time,
    from: [f32; 2],
    to: [f32; 2],
    speed: [f32; 2],
    width: f32,
}

/// Follows the plates of one fixed camera.
pub struct Tracker {
    options: TrackOptions,
    open: Vec<Open>,
    /// Ended without a read, or with a weak one, and not yet known to be a piece of another pass.
    unread: Vec<Open>,
    traces: Vec<Trace>,
    started: u64,
}

/// Looks that agree less than this make no read.
const AGREED: f32 = 0.1;
/// A read that looks agree on so far, of a plate that moved by so many of its widths, may be told early.
const SURE: f32 = 0.9;
const MOVED: f32 = 1.5;
/// One that stands in view for so many milliseconds is told as well: a gate that it waits for would wait for it.
const STANDS_MS: i64 = 2000;
/// Who drives up to the camera itself hardly moves in the picture, but grows by so much.
const CAME: f32 = 1.3;

/// A read that looks agree on less than this …
const WEAK: f32 = 0.7;
/// … of a track that lasted less than this many milliseconds may be a piece of another pass.
const WEAK_MS: i64 = 2000;

/// A sure read of a plate that was read here so little ago, in milliseconds, is of the same pass: its plate was
/// hidden for longer than its track's patience, or followed as two. No vehicle leaves and comes back so soon.
const AGAIN_MS: i64 = 10_000;
/// How alike the two texts are then: one look-alike may differ.
const AGAIN: f32 = 0.95;

/// Texts alike by more than this may be of one plate, where the place says so too.
const NEARLY: f32 = 0.7;
/// A look as sure as this, of a character as sure as [`texts`] asks, says that a plate is another one than it was.
const CLEAR: f32 = 0.8;
/// Looks as sure as this say so together, where more than so many of them are fresh.
const HALF: f32 = 0.5;
const HALVES: usize = 3;
/// What a track gains on the one that was held apart from it when a look has its very text again.
const BACK: f32 = 10.0;

/// So long an unread track waits for the pass that it may be a piece of, in milliseconds.
const PIECE_MS: i64 = 2500;

impl Tracker {
    /// A tracker without tracks.
    pub fn new(options: TrackOptions) -> Self {
        let (open, unread, traces) = (Vec::new(), Vec::new(), Vec::new());
        Self { options, open, unread, traces, started: 0 }
    }

    /// Takes the plates of the next frame; returns the tracks that ended before it.
    pub fn push(&mut self, at: Time, picture: &Picture, plates: Vec<Plate>) -> Vec<Track> {
        let ended = self.end_before(Some(at));
        let gap_ms = self.options.gap_ms;
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        // Tracks that a plate would go on if it were not taken for another one.
        let mut held: Vec<(usize, usize)> = Vec::new();
        for (i, track) in self.open.iter().enumerate() {
            // A look that was held apart had been misread: the next one goes on where they all belong.
            let split = self.open.iter().any(|other| other.beside == Some(track.number));
            for (j, plate) in plates.iter().enumerate() {
                let same = track.same(plate);
                let another = is_another(track, plate, at, gap_ms, same);
                let fits = |another| likeness(track, plate, at, gap_ms, same, another);
                if another && fits(false).is_some() {
                    held.push((i, j));
                }
                if let Some(score) = fits(another) {
                    let back = if split && same > AGAIN { BACK } else { 0.0 };
                    pairs.push((score + back, i, j));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut taken, mut used) = (vec![false; self.open.len()], vec![false; plates.len()]);
        for (_, i, j) in pairs {
            if !taken[i] && !used[j] {
                taken[i] = true;
                used[j] = true;
                self.open[i].add(at, picture, &plates[j], self.options.shows);
            }
        }
        for (j, (plate, used)) in plates.into_iter().zip(used).enumerate() {
            if !used {
                self.started += 1;
                let mut track = Open::new(self.started, at, picture, &plate, self.options.shows);
                let beside = held.iter().find(|(i, of)| *of == j && !taken[*i]);
                track.beside = beside.map(|(i, _)| self.open[*i].number);
                self.open.push(track);
            }
        }
        ended
    }

    /// Ends every track: the source is at its end.
    pub fn finish(&mut self) -> Vec<Track> {
        self.end_before(None)
    }

    /// Time has passed without a frame; returns the tracks that ended, and what is told early.
    pub fn wait(&mut self, at: Time) -> Vec<Track> {
        self.end_before(Some(at))
    }

    /// Tells the passes that go on and were seen best before `at`, and follows them on: whoever signs may not do so
    /// later for what was seen then. One that is not agreed on yet is told when it ends, with its best look from
    /// now on.
    pub fn tell_before(&mut self, at: Time) -> Vec<Track> {
        let mut out = Vec::new();
        for i in 0..self.open.len() {
            let track = &self.open[i];
            if track.told || track.best.at >= at {
                continue;
            }
            let read = track.voted(&self.options).filter(|(_, agreement)| {
                *agreement >= WEAK
                    && track.frames >= self.options.min_frames
                    && !self.may_be_piece(track)
            });
            match read {
                Some((read, _)) => out.extend(self.tell(i, read)),
                None => self.open[i].best.score = f32::NEG_INFINITY,
            }
        }
        out
    }

    /// Whether any track goes on.
    pub fn follows(&self) -> bool {
        !self.open.is_empty()
    }

    /// Where the plates are that are being followed, read or not.
    pub fn places(&self) -> impl Iterator<Item = Quad> + '_ {
        self.open.iter().map(|track| track.corners)
    }

    /// The tracks that go on, each voted on.
    pub fn live(&self) -> Vec<LiveTrack> {
        let one = |t: &Open| {
            let (odds, agreement) = vote(&t.looks)?;
            let confidence = sure(agreement);
            Some(LiveTrack { number: t.number, corners: t.corners, odds, confidence })
        };
        self.open.iter().filter_map(one).collect()
    }

    /// Ends what is over at a time, or everything.
    fn end_before(&mut self, at: Option<Time>) -> Vec<Track> {
        let over = |t: &Open| at.is_none_or(|at| at.since(t.last) > t.patience(&self.options));
        let (over, open): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(over);
        self.open = open;
        let mut out = self.early(at);
        for mut track in over {
            if track.told {
                self.traces.push(track.trace());
                continue;
            }
            match track.voted(&self.options) {
                Some((read, agreement))
                    if track.frames >= self.options.min_frames && !track.weak(agreement) =>
                {
                    track.again = told_before(&self.traces, &self.open, &track, &read.odds);
                    self.traces.push(track.trace());
                    if !track.again {
                        out.push(track.end(Some(read)));
                    }
                }
                _ => self.unread.push(track),
            }
        }
        out.extend(self.end_unread(at));
        out
    }

    /// Sure reads of vehicles that are about to be gone: nobody waits for them any longer; and of those that stand in
    /// view, which may wait for what is told of them.
    fn early(&mut self, at: Option<Time>) -> Vec<Track> {
        let (Some(at), Some(early)) = (at, self.options.early_ms) else { return Vec::new() };
        let mut out = Vec::new();
        for i in 0..self.open.len() {
            let track = &self.open[i];
            let gone = at.since(track.last) >= early && track.moved >= MOVED;
            if !track.told
                && (gone || track.waits())
                && track.frames >= self.options.min_frames
                && let Some((read, agreement)) = track.voted(&self.options)
                && agreement >= SURE
                && !track.weak(agreement)
                && !self.may_be_piece(track)
            {
                out.extend(self.tell(i, read));
            }
        }
        out
    }

    /// Whether a track was held apart from another and its looks do not say surely, so far, that this was right: its
    /// end decides, with all of them.
    fn may_be_piece(&self, track: &Open) -> bool {
        let Some(beside) = track.beside else { return false };
        let mut going = self.open.iter().filter(|other| other.number == beside).map(Open::trace);
        going.any(|trace| trace.may_hold(track))
            || self.traces.iter().any(|trace| trace.may_hold(track))
    }

    /// Tells a pass that goes on, unless it is one once more that was told before.
    fn tell(&mut self, i: usize, read: Voted) -> Option<Track> {
        let again = told_before(&self.traces, &self.open, &self.open[i], &read.odds);
        let track = &mut self.open[i];
        (track.told, track.again) = (true, again);
        (!again).then(|| track.report(Some(read)))
    }

    /// The unread and weak tracks that nothing more will be found about. Unread ones are passes if they
    /// moved like a vehicle and are no piece of a pass that was read; weak ones if no pass about that
    /// time has nearly their text.
    fn end_unread(&mut self, at: Option<Time>) -> Vec<Track> {
        // A pass that it may be a piece of has begun by then, and is among those that go on.
        let ripe = |t: &Open| at.is_none_or(|at| at.since(t.last) > PIECE_MS);
        let (ripe, waiting): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.unread).into_iter().partition(ripe);
        self.unread = waiting;
        // A pass that goes on may be the one that a piece belongs to. Its trace takes a vote over its
        // looks, which is not for every frame: mostly nothing is ripe.
        let going: Vec<Trace> = match ripe.is_empty() {
            true => Vec::new(),
            false => self.open.iter().map(Open::trace).collect(),
        };
        let known = |t: &Open| self.traces.iter().chain(&going).any(|trace| trace.holds(t));
        let vehicle = |t: &Open| {
            t.frames >= self.options.unread_frames && t.moved >= self.options.unread_moved
        };
        let mut out: Vec<Track> = Vec::new();
        let mut kept: Vec<Trace> = Vec::new();
        for track in ripe {
            if track.frames >= self.options.min_frames
                && let Some((read, _)) = track.voted(&self.options)
            {
                let piece = |t: &Trace| t.says(&track, &read.odds);
                if !self.traces.iter().chain(&going).chain(&kept).any(piece) {
                    kept.push(track.trace());
                    out.push(track.end(Some(read)));
                }
                continue;
            }
            if vehicle(&track) && !known(&track) && !kept.iter().any(|k| k.holds(&track)) {
                kept.push(track.trace());
                out.push(track.end(None));
            }
        }
        self.traces.extend(kept);
        let open = &self.open;
        self.traces.retain(|t| {
            at.is_some_and(|at| at.since(t.last) < 8 * PIECE_MS)
                || open.iter().any(|track| track.beside == Some(t.number))
        });
        out
    }
}

/// Whether a pass was told that a sure read is of: one that ended a little ago, or one that goes on; or will be told, of
/// which it is a misread piece.
fn told_before(traces: &[Trace], open: &[Open], track: &Open, odds: &Odds) -> bool {
    let going = open.iter().filter(|other| {
        other.number != track.number && (other.told || track.beside == Some(other.number))
    });
    traces.iter().any(|trace| trace.again(track, odds))
        || going.map(Open::trace).any(|trace| trace.again(track, odds))
}

impl Trace {
    /// Whether a sure read is of this pass once more.
    fn again(&self, track: &Open, odds: &Odds) -> bool {
        let soon = track.first.since(self.last) <= AGAIN_MS;
        let same = |text: &Odds| similarity(text, odds) > AGAIN;
        (soon && self.text.as_ref().is_some_and(same)) || self.may_hold(track)
    }

    /// Whether a track was held apart from this pass, and its looks do not say surely that this was right.
    fn may_hold(&self, track: &Open) -> bool {
        let text = self.text.as_ref().filter(|_| track.beside == Some(self.number));
        text.is_some_and(|text| !track.is_surely_apart(text))
    }

    /// Whether a weak read may be of this pass: its text is nearly this one's, or an end of it (the
    /// plate was coming into the picture), and it was seen shortly before or after.
    fn says(&self, piece: &Open, odds: &Odds) -> bool {
        let apart = self.first.since(piece.last).max(piece.first.since(self.last));
        self.text.as_ref().is_some_and(|text| {
            apart <= PIECE_MS && (similarity(text, odds) > NEARLY || is_end(odds, text))
        })
    }

    /// Whether an unread track may be a piece of this pass: it was seen at the same time or shortly
    /// before or after, near the way that this one went.
    fn holds(&self, piece: &Open) -> bool {
        let apart =
            |a: [f32; 2], b: [f32; 2]| (a[0] - b[0]).hypot(a[1] - b[1]) / self.width.max(1.0);
        let along = |from: [f32; 2], ms: i64| [0, 1].map(|k| from[k] + self.speed[k] * ms as f32);
        let before = self.first.since(piece.last);
        let after = piece.first.since(self.last);
        if before > PIECE_MS || after > PIECE_MS {
            return false;
        }
        let end = centre(&piece.corners);
        if before >= 0 {
            return apart(end, self.from) < 6.0 || apart(end, along(self.from, -before)) < 4.0;
        }
        if after >= 0 {
            let start = piece.start;
            return apart(start, self.to) < 6.0 || apart(start, along(self.to, after)) < 4.0;
        }
        // At the same time: only beside its own plate, as another car is farther away than that.
        let at = along(self.from, piece.first.since(self.first));
        apart(piece.start, at) < 1.5
    }
}

/// How well a plate goes on a track, where it is taken for `another` or not; `None` where it cannot be the same vehicle.
/// `same` is how alike their texts are ([`Open::same`]).
fn likeness(
    track: &Open,
    plate: &Plate,
    at: Time,
    gap_ms: i64,
    same: f32,
    another: bool,
) -> Option<f32> {
    let dt = at.since(track.last).max(0) as f32;
    let moved = track.corners.map(|p| [p[0] + track.speed[0] * dt, p[1] + track.speed[1] * dt]);
    let size = width(&track.corners).max(width(&plate.corners)).max(1.0);
    let (a, b) = (centre(&moved), centre(&plate.corners));
    let apart = (a[0] - b[0]).hypot(a[1] - b[1]) / size;
    let grown = width(&plate.corners) / width(&track.corners).max(1.0);
    let near = overlap(&moved, &plate.corners) + (1.0 - apart / 1.5).max(0.0);
    let plausible = (0.4..2.5).contains(&grown);
    // A fleet's next vehicle differs in one character: what the text alone would join is held apart.
    let nearly = same > NEARLY && !another;
    // Nobody else has the same text: such a plate belongs to this track wherever it turns up.
    let known = nearly && same > 0.8 && plate.confidence > 0.3 && (0.2..5.0).contains(&grown);
    // After a longer gap only the text tells a car from the next one in its place.
    if dt > gap_ms as f32 {
        let fits = known || (plausible && apart < 6.0 && nearly);
        return fits.then_some(near + 2.0 * same);
    }
    // An unsure text that differs says little against the place: cars are wider than three plates,
    // so that nothing else of the kind stands within one.
    let reach = if plate.confidence < 0.5 { 1.2 } else { 0.4 };
    // Near enough by itself, or somewhat near with nearly the same text: a car that turned or braked.
    let fits = known
        || plausible
            && ((apart < 1.0 && same > 0.25) || (apart < reach) || (apart < 6.0 && nearly));
    fits.then_some(near + 2.0 * same)
}

/// Whether a plate with nearly a track's text is taken for another one. The track's last looks have to be sure. So has
/// this one while the track is in view, and where the track's plate was last; elsewhere after a gap it need not be, as the
/// next vehicle is read poorly when it is far away. Whether that was right shows at the new track's end
/// ([`Open::is_surely_apart`]): looks at one plate differ often.
fn is_another(track: &Open, plate: &Plate, at: Time, gap_ms: i64, same: f32) -> bool {
    let (a, b) = (centre(&track.corners), centre(&plate.corners));
    let there = (a[0] - b[0]).hypot(a[1] - b[1]) < width(&track.corners);
    let other = |look: &Look| match at.since(track.last) > gap_ms && !there {
        true => !alike(&look.odds, &plate.odds),
        false => plate.confidence >= CLEAR && surely_apart(&look.odds, &plate.odds),
    };
    same > NEARLY
        && track.looks.len() > 1
        && track.recent().all(|look| look.confidence >= CLEAR && other(look))
}

impl Open {
    fn new(number: u64, at: Time, picture: &Picture, plate: &Plate, shows: Shows) -> Self {
        let place = centre(&plate.corners);
        let mut track = Self {
            number,
            looks: Vec::new(),
            frames: 0,
            first: at,
            last: at,
            corners: plate.corners,
            speed: [0.0; 2],
            anchor: (place, at),
            fresh: [f32::INFINITY; 2],
            start: place,
            first_corners: plate.corners,
            moved: 0.0,
            told: false,
            again: false,
            beside: None,
            best: Best {
                score: f32::NEG_INFINITY,
                at,
                corners: plate.corners,
                size: [picture.width() as u32, picture.height() as u32],
                jpeg: None,
                flat: None,
                region: None,
            },
        };
        track.add(at, picture, plate, shows);
        track
    }

    fn add(&mut self, at: Time, picture: &Picture, plate: &Plate, shows: Shows) {
        self.follow(at, plate);
        // Large, sharp and sure looks count; a weight of zero would lose a track of hopeless looks.
        let score = (plate.confidence + 0.02)
            * width(&plate.corners).clamp(20.0, 160.0)
            * (plate.sharpness / 0.25).clamp(0.3, 1.5);
        self.look(plate, score);
        // Cutting and compressing a picture costs a millisecond: only for a clearly better frame.
        // What was told is told with the frame that was best then.
        if score > self.best.score * 1.1 && !self.told {
            // A plate that grew is in front; one look alone says nothing.
            let toward = width(&plate.corners) > GREW * width(&self.first_corners);
            self.best = Best {
                score,
                at,
                corners: plate.corners,
                size: [picture.width() as u32, picture.height() as u32],
                jpeg: shows.cut(picture, &plate.corners, toward),
                flat: picture.flat(&plate.corners),
                region: plate.region.clone(),
            };
        }
    }

    fn follow(&mut self, at: Time, plate: &Plate) {
        let (place, wide) = (centre(&plate.corners), width(&plate.corners).max(1.0));
        let dt = at.since(self.last) as f32;
        if dt > 0.0 {
            let last = centre(&self.corners);
            let now = [(place[0] - last[0]) / dt, (place[1] - last[1]) / dt];
            // Corners tremble by a pixel or two: over a gap, the last step alone would throw far.
            let keep = if self.frames > 1 { 0.6 } else { 0.0 };
            self.speed = [0, 1].map(|k| keep * self.speed[k] + (1.0 - keep) * now[k]);
        }
        let from = |a: [f32; 2]| (place[0] - a[0]).hypot(place[1] - a[1]);
        if from(self.anchor.0) > STILL * wide {
            self.anchor = (place, at);
        }
        self.moved = self.moved.max(from(self.start) / wide);
        self.frames += 1;
        self.last = at;
        self.corners = plate.corners;
    }

    fn look(&mut self, plate: &Plate, weight: f32) {
        let place = centre(&plate.corners);
        let fresh = (place[0] - self.fresh[0]).hypot(place[1] - self.fresh[1]) >= FRESH;
        if fresh {
            self.fresh = place;
        }
        let (odds, confidence) = (plate.odds.clone(), plate.confidence);
        self.looks.push(Look { odds, weight, confidence, fresh });
        if self.looks.len() > LOOKS {
            let weights = self.looks.iter().map(|l| l.weight).enumerate();
            let lightest = weights.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i);
            self.looks.remove(lightest);
        }
    }

    /// How long its plate may stay unseen before the track is over.
    fn patience(&self, options: &TrackOptions) -> i64 {
        if self.last.since(self.anchor.1) >= 3000 {
            return options.standing_gap_ms;
        }
        match vote(&self.looks) {
            Some((_, agreement)) if agreement >= 0.5 => options.sure_gap_ms,
            _ => options.gap_ms,
        }
    }

    /// What the looks agree on, and how far they do.
    fn voted(&self, options: &TrackOptions) -> Option<(Voted, f32)> {
        let (odds, agreement) = vote(&self.looks)?;
        let (region, confidence) = (self.best.region.clone(), sure(agreement));
        let glimpse = agreement < 0.5 && self.last.since(self.first) < options.short_ms;
        let read = agreement >= AGREED && confidence >= options.min_confidence && !glimpse;
        read.then_some((Voted { odds, confidence, region }, agreement))
    }

    /// Whether a read may be no more than a piece of a pass: hardly agreed on, and soon over.
    fn weak(&self, agreement: f32) -> bool {
        agreement < WEAK && self.last.since(self.first) < WEAK_MS
    }

    /// Whether it came, and stands in view.
    fn waits(&self) -> bool {
        let came = self.moved >= MOVED
            || width(&self.corners) >= CAME * width(&self.first_corners).max(1.0);
        came && self.last.since(self.anchor.1) >= STANDS_MS
    }

    /// Its last looks.
    fn recent(&self) -> impl Iterator<Item = &Look> {
        self.looks.iter().rev().take(3)
    }

    /// How alike a plate's text is to the likest of them: one may have been misread.
    fn same(&self, plate: &Plate) -> f32 {
        self.recent().map(|look| similarity(&look.odds, &plate.odds)).fold(0.0, f32::max)
    }

    /// Whether more than one sure look says that it is of another plate than this text, or some fresh ones that are
    /// half sure.
    fn is_surely_apart(&self, text: &Odds) -> bool {
        let other: Vec<&Look> = self.looks.iter().filter(|l| differ(&l.odds, text)).collect();
        let sure = other.iter().filter(|l| l.confidence >= CLEAR).count();
        let half = other.iter().filter(|l| l.fresh && l.confidence >= HALF).count();
        sure > 1 || half > HALVES
    }

    fn trace(&self) -> Trace {
        Trace {
            number: self.number,
            text: if self.again { None } else { vote(&self.looks).map(|(odds, _)| odds) },
            first: self.first,
            last: self.last,
            from: self.start,
            to: centre(&self.corners),
            speed: self.speed,
            width: width(&self.corners),
        }
    }

    fn end(mut self, read: Option<Voted>) -> Track {
        self.report(read)
    }

    /// What is known of it now, with its pictures.
    fn report(&mut self, read: Option<Voted>) -> Track {
        let (jpeg, jpeg_corners) = match self.best.jpeg.take() {
            Some((jpeg, corners)) => (Some(jpeg), corners),
            None => (None, [[0.0; 2]; 4]),
        };
        Track {
            number: self.number,
            first: self.first,
            last: self.last,
            best: self.best.at,
            corners: self.best.corners,
            frame_size: self.best.size,
            jpeg,
            jpeg_corners,
            flat: self.best.flat.take(),
            read,
            frames: self.frames,
            path: [self.first_corners, self.corners],
        }
    }
}

#[cfg(test)]
mod tests;
