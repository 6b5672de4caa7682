//! Which frames are left out when there are more than wanted.
//!
//! Time from the first frame is cut into slots of 1/fps; the first frame in each slot is taken. 25
//! frames a second become 10 as frames 0, 3, 5, 8, 10, …: evenly, without drift, and without a rate
//! that the file would have to state.

use std::time::Duration;

/// Chooses frames by their times.
pub struct Pace {
    fps: Option<f64>,
    first: Option<u64>,
    slot: Option<u64>,
    /// When the last one that was taken arrived.
    taken: Option<Duration>,
}

impl Pace {
    /// At most `fps` frames a second; all where `None`.
    pub fn new(fps: Option<f64>) -> Self {
        Self { fps, first: None, slot: None, taken: None }
    }

    /// Is the frame at `ns` (nanoseconds by the video's clock) taken? Frames without a time are.
    pub fn takes(&mut self, ns: Option<u64>) -> bool {
        let (Some(fps), Some(ns)) = (self.fps, ns) else { return true };
        let since = ns.saturating_sub(*self.first.get_or_insert(ns));
        // Containers round times, some to milliseconds: what falls short of a slot by so little is in.
        let slot = ((since as f64 / 1e9 + 0.0015) * fps) as u64;
        let taken = self.slot.is_none_or(|before| slot > before);
        if taken {
            self.slot = Some(slot);
        }
        taken
    }

    /// The same for a stream, whose clock may stand still or leap: where none was taken for one and a half
    /// intervals by our own clock (`arrived`), this one is, and slots are counted from it.
    pub fn takes_live(&mut self, ns: Option<u64>, arrived: Duration) -> bool {
        let late = self
            .fps
            .zip(self.taken)
            .is_some_and(|(fps, before)| arrived.saturating_sub(before).as_secs_f64() * fps >= 1.5);
        if late {
            (self.first, self.slot) = (None, None);
        }
        let taken = self.takes(ns);
        if taken {
            self.taken = Some(arrived);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fps: f64, times: impl Iterator<Item = u64>) -> Vec<usize> {
        let mut pace = Pace::new(Some(fps));
        times.enumerate().filter_map(|(i, ns)| pace.takes(Some(ns)).then_some(i)).collect()
    }

    #[test]
    fn frames_are_left_out_evenly() {
        let at = |fps: u64| (0..=fps * 2).map(move |i| i * 1_000_000_000 / fps);
        assert_eq!(taken(10.0, at(25))[..6], [0, 3, 5, 8, 10, 13]);
        assert_eq!(taken(10.0, at(25)).len(), 21);
        assert_eq!(taken(10.0, at(30)).len(), 21);
        assert_eq!(taken(30.0, at(25)).len(), 51, "never more than there are");
        // Rounded to milliseconds, as Matroska keeps them: 33, 67, 100, …
        let rounded = (0..=60u64).map(|i| (i * 1000 + 15) / 30 * 1_000_000);
        assert_eq!(taken(30.0, rounded.clone()).len(), 61);
        assert_eq!(taken(15.0, rounded).len(), 31);
        assert_eq!(taken(0.1, at(25)), [0]);
    }

    #[test]
    fn a_stream_whose_clock_is_wrong_goes_on() {
        // Ten a second arrive; by the camera's clock they stand, leap ahead, or go back.
        let check = |clock: fn(u64) -> u64, least: usize| {
            let mut pace = Pace::new(Some(10.0));
            let taken = (0..100u64).filter(|i| {
                pace.takes_live(Some(clock(*i) * 1_000_000), Duration::from_millis(i * 100))
            });
            assert!(taken.count() >= least);
        };
        check(|i| i * 100, 100);
        check(|_| 7, 50);
        check(|i| i * 100 + if i / 10 % 2 == 1 { 3_600_000 } else { 0 }, 90);
        check(|i| 10_000 - i * 100, 50);
        // Twenty-five arrive in a second of a good clock: ten are taken.
        let mut pace = Pace::new(Some(10.0));
        let good = (0..250u64)
            .filter(|i| pace.takes_live(Some(i * 40_000_000), Duration::from_millis(i * 40)));
        assert_eq!(good.count(), 100);
    }

    #[test]
    fn odd_times_break_nothing() {
        assert_eq!(taken(10.0, [500, 400, 0, u64::MAX, 5, u64::MAX].into_iter()), [0, 3]);
        let mut pace = Pace::new(Some(10.0));
        assert!(pace.takes(None) && pace.takes(None));
        assert!(Pace::new(None).takes(Some(7)));
    }
}
