//! The lease as a machine: what happens, and what is to be done about it. No clock, no network.
//!
//! Off is the resting state: a machine that hears nothing falls out of its lease and stays out. It
//! goes on asking, so that an ended lease needs no visit.

use base::{LeaseId, Time};

/// After a refusal the city is asked again this much later.
const OFF_RETRY_MS: i64 = 60_000;
/// Longest wait between two questions that nobody answered.
const RETRY_MAX_MS: i64 = 30_000;

/// A lease as far as the machine must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The lease.
    pub id: LeaseId,
    /// When it was taken into use.
    pub from: Time,
    /// First moment at which it covers nothing.
    pub until: Time,
}

/// Where the camera stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It never had a lease since it started.
    NoLease,
    /// It may capture.
    Leased(Grant),
    /// The city says no.
    Off {
        /// Since when, by the camera's clock.
        since: Time,
    },
    /// Its lease ran out before another came.
    Expired,
}

impl State {
    /// One word for people and programs.
    pub fn as_str(&self) -> &'static str {
        match self {
            State::NoLease => "no-lease",
            State::Leased(_) => "leased",
            State::Off { .. } => "off",
            State::Expired => "expired",
        }
    }
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// The city granted a lease.
    Granted(Grant),
    /// The city said that this camera is off.
    SwitchedOff,
    /// The city said that this camera may go on again, under a lease.
    SwitchedOn,
    /// A scheduled order ends the lease before it says: another is to be asked for now, while the line is there.
    CutShort,
    /// The lease covers nothing any more, by whichever clock said so first.
    RanOut,
    /// The city could not be reached, or made no sense; it may have said for how long not to ask.
    NoAnswer {
        /// Milliseconds; 0 where it said nothing.
        wait_ms: i64,
    },
    /// The edge is told to end.
    Shutdown,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask the city for a lease.
    Ask,
    /// Capture under this lease from now on; a key before it is dropped.
    Begin(LeaseId),
    /// Stop capturing, say so, drop the key.
    End(LeaseId),
}

/// The state, and when to ask next.
#[derive(Clone, Debug)]
pub struct Machine {
    state: State,
    ask_at: Time,
    /// The city has said that it is not to be asked before.
    not_before: Time,
    asking: bool,
    unanswered: u32,
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine {
    /// A camera that has just started: it asks at once.
    pub fn new() -> Self {
        let now = Time::from_millis(0);
        let state = State::NoLease;
        Self { state, ask_at: now, not_before: now, asking: false, unanswered: 0 }
    }

    /// Where the camera stands.
    pub fn state(&self) -> State {
        self.state
    }

    /// Takes an event at a moment.
    pub fn step(&mut self, event: Event, now: Time) -> Vec<Action> {
        let mut out = self.run_out(now);
        match event {
            Event::Tick => {
                if !self.asking && now >= self.ask_at {
                    self.asking = true;
                    out.push(Action::Ask);
                }
            }
            Event::Granted(grant) if grant.until > now => {
                self.heard();
                // Two thirds of the time: a third is left to try again in.
                self.ask_at = now.plus_millis(grant.until.since(now) * 2 / 3);
                self.state = State::Leased(grant);
                out.push(Action::Begin(grant.id));
            }
            Event::SwitchedOff => {
                self.heard();
                self.ask_at = now.plus_millis(OFF_RETRY_MS);
                out.extend(self.leave(State::Off { since: now }));
            }
            Event::RanOut => {
                if matches!(self.state, State::Leased(_)) {
                    self.ask_at = self.ask_at.min(now).max(self.not_before);
                    out.extend(self.leave(State::Expired));
                }
            }
            Event::CutShort => {
                if matches!(self.state, State::Leased(_)) {
                    self.ask_at = self.ask_at.min(now).max(self.not_before);
                }
            }
            Event::SwitchedOn => {
                if !matches!(self.state, State::Leased(_)) {
                    self.ask_at = now.max(self.not_before);
                }
            }
            // A lease that is over when it comes is as good as none.
            Event::Granted(_) | Event::NoAnswer { .. } => {
                self.asking = false;
                let told = if let Event::NoAnswer { wait_ms } = event { wait_ms } else { 0 };
                let wait = (1000i64 << self.unanswered.min(5)).min(RETRY_MAX_MS).max(told);
                self.not_before = now.plus_millis(told);
                self.unanswered = self.unanswered.saturating_add(1);
                self.ask_at = now.plus_millis(wait);
            }
            Event::Shutdown => out.extend(self.leave(State::NoLease)),
        }
        out
    }

    fn heard(&mut self) {
        self.asking = false;
        self.unanswered = 0;
    }

    fn run_out(&mut self, now: Time) -> Vec<Action> {
        match self.state {
            State::Leased(grant) if now >= grant.until => {
                self.ask_at = self.ask_at.min(now).max(self.not_before);
                self.leave(State::Expired).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn leave(&mut self, to: State) -> Option<Action> {
        let from = self.state;
        // "Off since" stays the first moment, however often the city repeats it.
        if !matches!((from, to), (State::Off { .. }, State::Off { .. })) {
            self.state = to;
        }
        match from {
            State::Leased(grant) => Some(Action::End(grant.id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A story as lines `second event -> actions | state`; leases are `grant N SECONDS`.
    fn check(story: &str) {
        let id = |n: u8| LeaseId::new(Time::from_millis(1), [n; 10]);
        let mut machine = Machine::new();
        for line in story.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (happens, want) = line.split_once("->").unwrap();
            let words: Vec<&str> = happens.split_whitespace().collect();
            let now = Time::from_millis((words[0].parse::<f64>().unwrap() * 1000.0) as i64);
            let event = match words[1] {
                "tick" => Event::Tick,
                "off" => Event::SwitchedOff,
                "on" => Event::SwitchedOn,
                "cut" => Event::CutShort,
                "over" => Event::RanOut,
                "silence" => {
                    let wait = words.get(2).map_or(0, |s| s.parse::<i64>().unwrap() * 1000);
                    Event::NoAnswer { wait_ms: wait }
                }
                "shutdown" => Event::Shutdown,
                "grant" => Event::Granted(Grant {
                    id: id(words[2].parse().unwrap()),
                    from: now,
                    until: now.plus_millis(words[3].parse::<i64>().unwrap() * 1000),
                }),
                other => panic!("{other}"),
            };
            let name = |lease: LeaseId| (0..9).find(|n| id(*n) == lease).unwrap();
            let done: Vec<String> = machine
                .step(event, now)
                .into_iter()
                .map(|a| match a {
                    Action::Ask => "ask".into(),
                    Action::Begin(lease) => format!("begin {}", name(lease)),
                    Action::End(lease) => format!("end {}", name(lease)),
                })
                .collect();
            let got = format!("{} | {}", done.join(", "), machine.state().as_str());
            assert_eq!(got.trim(), want.trim(), "{line}");
        }
    }

    #[test]
    fn a_lease_is_renewed_at_two_thirds() {
        check(
            "0 tick          -> ask | no-lease
             0 tick          -> | no-lease
             1 grant 1 3600  -> begin 1 | leased
             2400 tick       -> | leased
             2401 tick       -> ask | leased
             2402 grant 2 3600 -> begin 2 | leased
             3601 tick       -> | leased
             4802 tick       -> ask | leased",
        );
    }

    #[test]
    fn silence_ends_the_lease_and_asking_goes_on() {
        check(
            "0 tick        -> ask | no-lease
             0 grant 1 60  -> begin 1 | leased
             40 tick       -> ask | leased
             41 silence    -> | leased
             41.5 tick     -> | leased
             42 tick       -> ask | leased
             50 silence    -> | leased
             52 tick       -> ask | leased
             60 silence    -> end 1 | expired
             63 tick       -> | expired
             64 tick       -> ask | expired
             65 grant 2 60 -> begin 2 | leased",
        );
    }

    #[test]
    fn off_ends_it_at_once_and_is_asked_again() {
        check(
            "0 tick         -> ask | no-lease
             0 grant 1 3600 -> begin 1 | leased
             10 off         -> end 1 | off
             11 off         -> | off
             70 tick        -> | off
             71 tick        -> ask | off
             72 off         -> | off
             132 tick       -> ask | off
             133 grant 2 60 -> begin 2 | leased",
        );
    }

    #[test]
    fn on_again_is_asked_for_at_once() {
        check(
            "0 tick         -> ask | no-lease
             0 grant 1 3600 -> begin 1 | leased
             5 on           -> | leased
             6 tick         -> | leased
             10 off         -> end 1 | off
             20 on          -> | off
             20 tick        -> ask | off
             21 grant 2 60  -> begin 2 | leased",
        );
    }

    #[test]
    fn a_lease_that_an_order_cuts_short_is_replaced_at_once() {
        check(
            "0 cut          -> | no-lease
             0 tick         -> ask | no-lease
             0 grant 1 3600 -> begin 1 | leased
             10 cut         -> | leased
             10 tick        -> ask | leased
             11 silence     -> | leased
             12 tick        -> ask | leased
             13 grant 2 60  -> begin 2 | leased
             14 tick        -> | leased",
        );
    }

    #[test]
    fn another_clock_may_end_it_first() {
        check(
            "0 over         -> | no-lease
             0 tick         -> ask | no-lease
             0 grant 1 3600 -> begin 1 | leased
             100 over       -> end 1 | expired
             100 over       -> | expired
             100 tick       -> ask | expired
             101 grant 2 60 -> begin 2 | leased",
        );
    }

    #[test]
    fn a_stale_lease_is_no_lease() {
        check(
            "0 tick        -> ask | no-lease
             5 grant 1 0   -> | no-lease
             6 tick        -> ask | no-lease
             7 shutdown    -> | no-lease",
        );
    }

    #[test]
    fn waits_grow_to_half_a_minute() {
        let mut machine = Machine::new();
        let mut now = Time::from_millis(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(machine.step(Event::Tick, now), [Action::Ask]);
            machine.step(Event::NoAnswer { wait_ms: 0 }, now);
            let asked = now;
            while machine.step(Event::Tick, now).is_empty() {
                now = now.plus_millis(500);
            }
            machine.asking = false;
            waits.push(now.since(asked) / 1000);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn a_city_that_says_how_long_is_not_asked_before() {
        check(
            "0 tick         -> ask | no-lease
             0 grant 1 30   -> begin 1 | leased
             20 tick        -> ask | leased
             21 silence 60  -> | leased
             30 tick        -> end 1 | expired
             80 tick        -> | expired
             81 tick        -> ask | expired",
        );
    }

    #[test]
    fn shutdown_says_goodbye_once() {
        check(
            "0 tick         -> ask | no-lease
             0 grant 1 3600 -> begin 1 | leased
             9 shutdown     -> end 1 | no-lease
             9 shutdown     -> | no-lease",
        );
    }
}
