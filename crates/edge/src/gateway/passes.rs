//! One pass of the many events that another maker's reader sends about one vehicle. A machine: no
//! clock, no file; what happens goes in, passes come out.
//!
//! Events belong together by the maker's id of the vehicle, or by the plate while the pass is open. A
//! pass ends when the maker says so, when nothing was heard for [`Options::gap_ms`], or after
//! [`Options::longest_ms`], so that a hit does not wait for a car that stands at a barrier. What is then
//! still said of that car is a repeat and is dropped for as long as it goes on, so that a parked car is
//! one pass and not a hundred: by its plate for [`Options::again_ms`] after the last word, by its id until
//! the maker says that it has left, or for [`Options::stays_ms`].
//!
//! A reader whose line was broken sends late what it saw earlier, all at once. So two events are of one pass, or one
//! repeats the other, only where they are near each other by when they were captured too.

use base::Time;
use exchange::inbound::{Event, Seen};
use plate::{Text, same_plate};

/// Two texts are one plate from this probability on, where no id says otherwise.
const SAME: f64 = 0.9;
/// Passes that are remembered for their repeats.
const PAST_MAX: usize = 256;

/// When passes end. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Nothing was heard for so long.
    pub gap_ms: i64,
    /// The pass has been open for so long.
    pub longest_ms: i64,
    /// So long after its last word a vehicle may pass again.
    pub again_ms: i64,
    /// So long after its last word a vehicle of which the maker has not said that it left is the same pass by its
    /// id. Makers speak of what does not move once a minute or so.
    pub stays_ms: i64,
    /// Passes open at once; one more ends the oldest.
    pub open_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            gap_ms: 10_000,
            longest_ms: 30_000,
            again_ms: 30_000,
            stays_ms: 600_000,
            open_max: 64,
        }
    }
}

/// One vehicle's pass, ended.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Counts the passes of a device from 1.
    pub number: u64,
    /// When it was first seen.
    pub first: Time,
    /// When it was last seen.
    pub last: Time,
    /// When what is in `seen` was seen.
    pub best: Time,
    /// How many events were of it.
    pub events: u32,
    /// The surest statement, with a picture if any event had one.
    pub seen: Seen,
}

/// The passes of one device.
#[derive(Debug, Default)]
pub struct Passes {
    options: Options,
    open: Vec<Open>,
    past: Vec<Past>,
    repeats: u64,
    begun: u64,
}

#[derive(Debug)]
struct Open {
    id: Option<String>,
    /// When its first and its newest event arrived.
    since: Time,
    heard: Time,
    pass: Pass,
}

#[derive(Debug)]
struct Past {
    id: Option<String>,
    text: Text,
    heard: Time,
    /// When it was seen first and last.
    span: [Time; 2],
    /// The maker has said that it left.
    left: bool,
}

impl Past {
    /// So long after its last word it is remembered.
    fn kept_ms(&self, options: &Options) -> i64 {
        if self.id.is_some() && !self.left { options.stays_ms } else { options.again_ms }
    }

    fn reaches(&mut self, at: Time) {
        let [first, last] = self.span;
        self.span = [first.min(at), last.max(at)];
    }
}

impl Passes {
    /// No pass yet.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The passes that go on, as they are so far.
    pub fn open(&self) -> impl Iterator<Item = &Pass> {
        self.open.iter().map(|open| &open.pass)
    }

    /// Events that were of a pass that had ended.
    pub fn repeats(&self) -> u64 {
        self.repeats
    }

    /// Takes an event about what was there at `captured` and is heard of at `now`; returns what ends.
    pub fn push(&mut self, seen: Seen, captured: Time, now: Time) -> Vec<Pass> {
        let mut ended = self.tick(now);
        let ends = matches!(seen.event, Event::Lost | Event::Single);
        let again_ms = self.options.again_ms;
        let found = self.open.iter().position(|open| open.is_of(&seen, captured, again_ms));
        let at = match found {
            Some(at) => {
                self.open[at].add(seen, captured, now);
                at
            }
            None if self.is_repeat(&seen, ends, captured, now) => {
                self.repeats += 1;
                return ended;
            }
            None => {
                if self.open.len() >= self.options.open_max {
                    ended.push(self.close(0, false));
                }
                self.begun += 1;
                self.open.push(Open::new(self.begun, seen, captured, now));
                self.open.len() - 1
            }
        };
        if ends {
            ended.push(self.close(at, true));
        }
        ended
    }

    /// The maker says that a vehicle has left, and no more.
    pub fn gone(&mut self, id: &str, now: Time) -> Vec<Pass> {
        let mut ended = self.tick(now);
        if let Some(at) = self.open.iter().position(|open| open.id.as_deref() == Some(id)) {
            ended.push(self.close(at, true));
        }
        for past in self.past.iter_mut().filter(|past| past.id.as_deref() == Some(id)) {
            (past.heard, past.left) = (now, true);
            past.reaches(now);
        }
        ended
    }

    /// Time has passed; returns what ends.
    pub fn tick(&mut self, now: Time) -> Vec<Pass> {
        let options = self.options;
        let Options { gap_ms, longest_ms, .. } = options;
        let mut ended = Vec::new();
        while let Some(at) = self
            .open
            .iter()
            .position(|o| over(o.heard, now, gap_ms) || over(o.since, now, longest_ms))
        {
            ended.push(self.close(at, false));
        }
        self.past.retain(|past| !over(past.heard, now, past.kept_ms(&options)));
        ended
    }

    /// Ends every pass and forgets what was: the lease is over.
    pub fn finish(&mut self) -> Vec<Pass> {
        self.past.clear();
        self.open.drain(..).map(|open| open.pass).collect()
    }

    fn is_repeat(&mut self, seen: &Seen, left: bool, captured: Time, now: Time) -> bool {
        let text = seen.odds.text();
        let Options { again_ms, stays_ms, .. } = self.options;
        let by_id = |past: &Past| {
            past.id.is_some() && past.id == seen.id && is_near(past.span, captured, stays_ms)
        };
        // A plate that comes back later under another id has driven round the block.
        let by_text = |past: &Past| {
            past.text == text
                && !over(past.heard, now, again_ms)
                && is_near(past.span, captured, again_ms)
        };
        let same = self.past.iter().position(by_id);
        let Some(at) = same.or_else(|| self.past.iter().position(by_text)) else { return false };
        let past = &mut self.past[at];
        past.heard = now;
        past.reaches(captured);
        if same.is_some() {
            past.left |= left;
        } else if let Some(id) = &seen.id {
            // The maker has begun to follow it anew, and speaks of it by this id from now on; that of before may be
            // spoken of once more.
            if past.id.is_none() || past.left {
                (past.id, past.left) = (Some(id.clone()), left);
            } else if !left {
                let span = [captured; 2];
                self.remember(Past { id: Some(id.clone()), text, heard: now, span, left });
            }
        }
        true
    }

    fn close(&mut self, at: usize, left: bool) -> Pass {
        let Open { id, heard, pass, .. } = self.open.remove(at);
        let span = [pass.first, pass.last];
        self.remember(Past { id, text: pass.seen.odds.text(), heard, span, left });
        pass
    }

    fn remember(&mut self, past: Past) {
        // One that is still spoken of is the last to be forgotten.
        if self.past.len() == PAST_MAX
            && let Some(at) = (0..PAST_MAX).min_by_key(|at| self.past[*at].heard)
        {
            self.past.remove(at);
        }
        self.past.push(past);
    }
}

/// Whether so much time has passed since then; a clock that was set back counts as much.
fn over(since: Time, now: Time, ms: i64) -> bool {
    now.since(since) >= ms || now.since(since) < -ms
}

/// Whether a moment is less than so long before or after a span.
fn is_near([first, last]: [Time; 2], at: Time, ms: i64) -> bool {
    first.since(at) < ms && at.since(last) < ms
}

/// When a vehicle was there last, by what is heard at `now` of one that was captured then.
fn stayed(seen: &Seen, captured: Time, now: Time) -> Time {
    seen.until.map_or(captured, |until| until.min(now).max(captured))
}

impl Open {
    fn new(number: u64, seen: Seen, captured: Time, now: Time) -> Self {
        let id = seen.id.clone();
        let last = stayed(&seen, captured, now);
        let pass = Pass { number, first: captured, last, best: captured, events: 1, seen };
        Self { id, since: now, heard: now, pass }
    }

    fn is_of(&self, seen: &Seen, captured: Time, again_ms: i64) -> bool {
        let ours = &self.pass.seen;
        // What is nearer than this would be a repeat, not a pass of its own.
        if !is_near([self.pass.first, self.pass.last], captured, again_ms) {
            return false;
        }
        match (&self.id, &seen.id) {
            (Some(a), Some(b)) if a == b => true,
            // A new id for a car that was behind another: the very same plate within the gap.
            (Some(_), Some(_)) => ours.odds.text() == seen.odds.text(),
            _ => same_plate(&ours.odds, &seen.odds, 0.5) >= SAME,
        }
    }

    fn add(&mut self, seen: Seen, captured: Time, now: Time) {
        self.heard = now;
        if self.id.is_none() {
            self.id.clone_from(&seen.id);
        }
        let pass = &mut self.pass;
        pass.first = pass.first.min(captured);
        pass.last = pass.last.max(stayed(&seen, captured, now));
        pass.events = pass.events.saturating_add(1);
        let other = if seen.confidence > pass.seen.confidence {
            pass.best = captured;
            std::mem::replace(&mut pass.seen, seen)
        } else {
            seen
        };
        // What the surest statement does not say, another may.
        let best = &mut pass.seen;
        best.region = best.region.take().or(other.region);
        best.direction = best.direction.or(other.direction);
        best.plate_picture = best.plate_picture.take().or(other.plate_picture);
        best.vehicle_picture = best.vehicle_picture.take().or(other.vehicle_picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use exchange::inbound::{Adapter, Document};
    use plate::Reason;
    use proptest::prelude::*;

    const T0: i64 = 1_795_420_800_000;

    fn seen(event: &str, id: &str, plate: &str, score: f32) -> Seen {
        let id = if id == "-" { "null".to_owned() } else { format!("\"{id}\"") };
        let body = format!(
            r#"{{"plateASCII": "{plate}", "plateConfidence": {score}, "carState": "{event}", "carID": {id}}}"#
        );
        let document = Document { content_type: "", body: body.as_bytes() };
        Adapter::Axis.read(&document).unwrap().seen.remove(0)
    }

    fn told(passes: &[Pass]) -> String {
        let one = |p: &Pass| {
            let second = |t: Time| (t.millis() - T0) as f64 / 1000.0;
            format!(
                "{} {}-{} best {} of {}",
                p.seen.odds.text().reveal(Reason::Reader),
                second(p.first),
                second(p.last),
                second(p.best),
                p.events
            )
        };
        passes.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// A story as lines `second event [id plate score [captured]] -> passes that end`; captured when it is heard where
    /// nothing else is said.
    fn check(story: &str) -> Passes {
        let options = Options { open_max: 3, ..Options::default() };
        let mut passes = Passes::new(options);
        for line in story.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (happens, want) = line.split_once("->").unwrap();
            let words: Vec<&str> = happens.split_whitespace().collect();
            let time = |second: &str| {
                Time::from_millis(T0 + (second.parse::<f64>().unwrap() * 1000.0) as i64)
            };
            let now = time(words[0]);
            let ended = match words[1] {
                "tick" => passes.tick(now),
                "gone" => passes.gone(words[2], now),
                "finish" => passes.finish(),
                event => {
                    let state = if event == "single" { "new" } else { event };
                    let mut seen = seen(state, words[2], words[3], words[4].parse().unwrap());
                    if event == "single" {
                        seen.event = Event::Single;
                    }
                    passes.push(seen, words.get(5).map_or(now, |at| time(at)), now)
                }
            };
            assert_eq!(told(&ended), want.trim(), "{line}");
        }
        passes
    }

    #[test]
    fn one_pass_of_new_update_lost() {
        let passes = check(
            "0   new    7 7A8C128 0.5 ->
             0.4 update 7 7ABC128 0.9 ->
             0.9 update 7 7ABC128 0.8 ->
             1.5 lost   7 7ABC128 0.7 -> 7ABC128 0-1.5 best 0.4 of 4
             1.6 lost   7 7ABC128 0.7 ->
             40  new    8 7ABC128 0.7 ->
             41  gone   8             -> 7ABC128 40-40 best 40 of 1
             41  gone   8             ->",
        );
        assert_eq!(passes.repeats(), 1);
    }

    #[test]
    fn a_gap_ends_a_pass() {
        check(
            "0    update - 7ABC128 0.6 ->
             5    update - 7ABC128 0.6 ->
             14.9 tick                 ->
             15   tick                 -> 7ABC128 0-5 best 0 of 2
             16   update - 7ABC128 0.6 ->
             60   update - 7ABC128 0.6 ->
             61   finish               -> 7ABC128 60-60 best 60 of 1
             61   update - 7ABC128 0.6 ->
             62   finish               -> 7ABC128 61-61 best 61 of 1",
        );
    }

    #[test]
    fn singles_pass_at_once_and_repeats_are_dropped() {
        let passes = check(
            "0  single - 7ABC128 0.6 -> 7ABC128 0-0 best 0 of 1
             1  single - 4XYZ99  0.6 -> 4XYZ99 1-1 best 1 of 1
             2  single - 7ABC128 0.9 ->
             31 single - 7ABC128 0.9 ->
             60 single - 7ABC128 0.9 ->
             91 single - 7ABC128 0.9 -> 7ABC128 91-91 best 91 of 1",
        );
        assert_eq!(passes.repeats(), 3);
    }

    #[test]
    fn ids_and_plates_tell_cars_apart() {
        check(
            "0 new    1 7ABC128 0.6 ->
             0 new    2 7A8C128 0.6 ->
             1 update 3 7ABC128 0.8 ->
             2 update - 4XYZ99  0.5 ->
             2 lost   1 7ABC128 0.5 -> 7ABC128 0-2 best 1 of 3
             2 lost   2 7A8C128 0.5 -> 7A8C128 0-2 best 0 of 2
             2 lost   - 4XYZ99  0.5 -> 4XYZ99 2-2 best 2 of 2",
        );
    }

    #[test]
    fn a_car_at_the_barrier_is_told_and_stays_one_pass() {
        let mut story = String::from("0 new 1 7ABC128 0.6 ->\n");
        for s in 1..120 {
            let end = if s == 30 { "7ABC128 0-29 best 0 of 30" } else { "" };
            story.push_str(&format!("{s} update 1 7ABC128 0.6 -> {end}\n"));
        }
        assert_eq!(check(&story).repeats(), 90);
    }

    /// Frigate speaks of a car that does not move once in some sixty seconds.
    #[test]
    fn a_parked_car_is_one_pass_until_it_leaves() {
        let mut story =
            String::from("0 new 1 7ABC128 0.6 ->\n10 tick -> 7ABC128 0-0 best 0 of 1\n");
        for n in 1..=60 {
            story.push_str(&format!("{} update 1 7A8C128 0.6 ->\n", 61 * n));
        }
        story.push_str(
            "3700 new    2 7ABC128 0.6 ->
             3710 tick                 -> 7ABC128 3700-3700 best 3700 of 1
             3720 lost   1 7ABC128 0.6 ->
             3760 update 1 7ABC128 0.6 ->
             3770 tick                 -> 7ABC128 3760-3760 best 3760 of 1
             4370 update 1 7ABC128 0.6 ->
             4371 gone   1             -> 7ABC128 4370-4370 best 4370 of 1",
        );
        assert_eq!(check(&story).repeats(), 61);
    }

    /// The maker loses sight of a parked car for a moment, and follows it by a new id; and somebody else misreads
    /// its plate.
    #[test]
    fn a_parked_car_is_one_pass_under_a_new_id_too() {
        let passes = check(
            "0   new    1 7ABC128 0.6 ->
             10  tick                 -> 7ABC128 0-0 best 0 of 1
             20  new    2 7ABC128 0.6 ->
             21  gone   1             ->
             81  update 2 7A8C128 0.6 ->
             142 update 2 7ABC128 0.6 ->",
        );
        assert_eq!(passes.repeats(), 3);
        let passes = check(
            "0   new    1 7ABC128 0.6 ->
             10  tick                 -> 7ABC128 0-0 best 0 of 1
             20  single 3 7ABC128 0.6 ->
             81  update 1 7ABC128 0.6 ->
             82  lost   1 7ABC128 0.6 ->
             90  new    4 7ABC128 0.6 ->
             151 update 4 7A8C128 0.6 ->",
        );
        assert_eq!(passes.repeats(), 5);
    }

    /// The line was broken: what was seen within minutes arrives within a second.
    #[test]
    fn what_comes_late_is_told_apart_by_when_it_was_seen() {
        let passes = check(
            "900   single - 7ABC128 0.6 600 -> 7ABC128 600-600 best 600 of 1
             900.1 single - 7ABC128 0.6 700 -> 7ABC128 700-700 best 700 of 1
             900.2 single - 7ABC128 0.6 701 ->
             900.3 single - 7ABC128 0.6     -> 7ABC128 900.3-900.3 best 900.3 of 1
             900.4 single - 7ABC128 0.6 650 -> 7ABC128 650-650 best 650 of 1
             900.5 single - 7ABC128 0.6 902 ->",
        );
        assert_eq!(passes.repeats(), 2);
        // Of makers that say more than once what they see: two passes, not a stay of minutes.
        check(
            "900 update - 7ABC128 0.6 600 ->
             900 update - 7ABC128 0.6 602 ->
             900 update - 7ABC128 0.6 700 ->
             900 finish -> 7ABC128 600-602 best 600 of 2, 7ABC128 700-700 best 700 of 1",
        );
        // The group that a maker sends at last states the best moment of a long stay.
        let mut story = String::from("0 update - 7ABC128 0.6 ->\n");
        for s in 1..100 {
            let end = if s == 30 { "7ABC128 0-29 best 0 of 30" } else { "" };
            story.push_str(&format!("{s} update - 7ABC128 0.6 -> {end}\n"));
        }
        story.push_str("101 lost 7 7ABC128 0.6 3 ->");
        assert_eq!(check(&story).repeats(), 71);
    }

    /// A group states its best moment and its end; its maker's clock may be ahead, or the two of them wrong.
    #[test]
    fn who_stayed_was_there_last_when_that_ended() {
        let at = |second: i64| Time::from_millis(T0 + second * 1000);
        let check = |until: Option<i64>, want: i64| {
            let mut passes = Passes::new(Options::default());
            let mut seen = seen("lost", "7", "7ABC128", 0.6);
            seen.until = until.map(at);
            let ended = passes.push(seen, at(10), at(60));
            let spans: Vec<_> = ended.iter().map(|p| (p.first, p.best, p.last)).collect();
            assert_eq!(spans, [(at(10), at(10), at(want))], "{until:?}");
        };
        check(None, 10);
        check(Some(59), 59);
        check(Some(75), 60);
        check(Some(5), 10);
    }

    #[test]
    fn too_many_open_end_the_oldest() {
        check(
            "0 new 1 AAA1 0.6 ->
             0 new 2 BBB2 0.6 ->
             0 new 3 CCC3 0.6 ->
             1 new 4 DDD4 0.6 -> AAA1 0-0 best 0 of 1",
        );
    }

    #[test]
    fn a_clock_set_back_ends_what_is_open() {
        check(
            "100 new  1 AAA1 0.6 ->
             95  tick            ->
             89  tick            -> AAA1 100-100 best 100 of 1",
        );
    }

    proptest! {
        /// Whatever comes in what order: every car that is not a repeat comes out once, and times are in order.
        #[test]
        fn nothing_is_lost_and_nothing_doubled(
            events in proptest::collection::vec((0usize..4, 0usize..5, 0usize..5, 0i64..4000), 1..80)
        ) {
            let mut passes = Passes::new(Options::default());
            let plates = ["AAA111", "BBB222", "CCC333", "DDD444", "EEE555"];
            let kinds = ["new", "update", "lost", "single"];
            let (mut now, mut out) = (T0, Vec::new());
            let pushed = events.len() as u64;
            for (kind, id, plate, wait) in events {
                now += wait;
                let at = Time::from_millis(now);
                let state = if kind == 3 { "new" } else { kinds[kind] };
                let mut seen = seen(state, &id.to_string(), plates[plate], 0.5);
                if kind == 3 {
                    seen.event = Event::Single;
                }
                out.extend(passes.push(seen, at, at));
            }
            out.extend(passes.finish());
            let events: u64 = out.iter().map(|p| u64::from(p.events)).sum();
            prop_assert_eq!(events + passes.repeats(), pushed);
            prop_assert!(out.iter().all(|p| p.first <= p.best && p.best <= p.last));
        }
    }
}
