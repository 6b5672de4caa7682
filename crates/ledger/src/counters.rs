//! How many frames each camera has pulled, as the camera itself says and the log keeps.
//!
//! A device counts the frames that it pulls in all its life. It says the count when it asks for a lease and
//! when it stops, so between a last word and the next lease the count must not move. A count that goes
//! back was said twice; one that has grown while the camera had no lease was pulled without one. A jump under
//! a lease is what a device does after its power was cut, which counts ahead so as never to repeat itself.

use crate::leaf::Leaf;
use base::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is known of one camera's frames.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counted {
    /// The count that it said last.
    pub frames: u64,
    /// When it said so, as the log has it.
    pub said: Time,
    /// Whether that was a last word: it had stopped.
    pub stopped: bool,
    /// How often it said less than before.
    pub repeated: u64,
    /// Frames by which its count grew while it had no lease.
    pub unleased: u64,
    /// Reads of it that were refused, because no lease covered them.
    pub refused: u64,
    /// How often its count jumped ahead by its own word: its power was cut, and numbers were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub jumps: u64,
    /// The lease in use, and the one before.
    #[serde(skip)]
    #[schema(ignore)]
    lease: Option<String>,
    #[serde(skip)]
    #[schema(ignore)]
    before: Option<String>,
    /// The count when the lease in use was asked for.
    #[serde(skip)]
    #[schema(ignore)]
    asked: u64,
}

/// What is wrong with a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miscount {
    /// It is less than was said before.
    Repeated,
    /// So many frames were pulled without a lease.
    Unleased(u64),
}

impl Miscount {
    /// As the log spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Miscount::Repeated => "repeated",
            Miscount::Unleased(_) => "unleased",
        }
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Counted {
    /// Takes one leaf about this camera into account, and says what is wrong with its count.
    pub fn add(&mut self, leaf: &Leaf) -> Option<Miscount> {
        let frames = leaf.number("frames");
        match leaf.kind.as_str() {
            // Another device begins to count anew.
            "camera.enrolled" => {
                *self = Self {
                    repeated: self.repeated,
                    unleased: self.unleased,
                    refused: self.refused,
                    jumps: self.jumps,
                    said: leaf.time,
                    ..Self::default()
                };
                None
            }
            "lease.granted" => self.granted(leaf, frames),
            "camera.stopped" => self.ended(leaf, frames?),
            "camera.off" => {
                let wrong = self.says(frames?, leaf.time);
                self.stopped = true;
                wrong
            }
            "camera.refused" => {
                self.refused = self.refused.saturating_add(leaf.number("reads").unwrap_or(0));
                None
            }
            _ => None,
        }
    }

    fn granted(&mut self, leaf: &Leaf, frames: Option<u64>) -> Option<Miscount> {
        let wrong = frames.and_then(|frames| self.says(frames, leaf.time));
        self.before = self.lease.take();
        self.lease.clone_from(&leaf.id);
        self.asked = frames.unwrap_or(self.frames);
        self.stopped = false;
        self.jumps = self.jumps.max(leaf.number("jumps").unwrap_or(0));
        wrong
    }

    fn ended(&mut self, leaf: &Leaf, frames: u64) -> Option<Miscount> {
        if leaf.id == self.lease {
            let wrong = self.says(frames, leaf.time);
            self.stopped = true;
            return wrong;
        }
        if self.before.is_none() || leaf.id != self.before {
            return None;
        }
        // A last word that the line kept back: the lease after it was asked for with the same count.
        self.before = None;
        match self.asked.checked_sub(frames) {
            Some(0) => None,
            Some(more) => Some(self.wrong(Miscount::Unleased(more))),
            None => Some(self.wrong(Miscount::Repeated)),
        }
    }

    fn says(&mut self, frames: u64, at: Time) -> Option<Miscount> {
        let wrong = match frames.checked_sub(self.frames) {
            None => Some(Miscount::Repeated),
            Some(more) if more > 0 && self.stopped => Some(Miscount::Unleased(more)),
            Some(_) => None,
        };
        self.frames = frames;
        self.said = at;
        wrong.map(|wrong| self.wrong(wrong))
    }

    fn wrong(&mut self, wrong: Miscount) -> Miscount {
        match wrong {
            Miscount::Repeated => self.repeated = self.repeated.saturating_add(1),
            Miscount::Unleased(more) => self.unleased = self.unleased.saturating_add(more),
        }
        wrong
    }

    /// Whether the camera has said or done what it must not.
    pub fn suspicious(&self) -> bool {
        self.repeated > 0 || self.unleased > 0 || self.refused > 0
    }
}

/// The camera that a leaf with a count, or about refused reads, is about.
pub(crate) fn camera_of(leaf: &Leaf) -> Option<&str> {
    match leaf.kind.as_str() {
        "camera.enrolled" => leaf.id.as_deref(),
        "lease.granted" | "camera.stopped" | "camera.off" | "camera.refused" => leaf.text("camera"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words `enrolled`, `lease N FRAMES`, `stop N FRAMES`, `off FRAMES`, `refused READS`, with commas
    /// between them; what is wrong in the end as `repeated unleased refused`.
    fn check(said: &str, want: [u64; 3]) {
        let mut counted = Counted::default();
        for words in said.split(", ") {
            let words: Vec<&str> = words.split(' ').collect();
            let (kind, id, number) = match words[0] {
                "enrolled" => ("camera.enrolled", "cam_a", "0"),
                "lease" => ("lease.granted", words[1], words[2]),
                "stop" => ("camera.stopped", words[1], words[2]),
                "off" => ("camera.off", "x", words[1]),
                "refused" => ("camera.refused", "x", words[1]),
                other => panic!("{other}"),
            };
            let fact = if kind == "camera.refused" { "reads" } else { "frames" };
            let mut leaf = Leaf::new(kind, Time::from_millis(60_000)).id(id);
            if let Ok(number) = number.parse::<u64>() {
                leaf = leaf.fact(fact, number);
            }
            counted.add(&leaf);
        }
        assert_eq!([counted.repeated, counted.unleased, counted.refused], want, "{said}");
    }

    #[test]
    fn counts_go_on() {
        check("enrolled, lease a 0, stop a 500, lease b 500, stop b 700", [0, 0, 0]);
        // A renewal has no last word; the power was cut under b, and the device counts ahead.
        check("enrolled, lease a 0, lease b 500, lease c 1524, stop c 1600, off 1600", [0, 0, 0]);
        // The same in the order in which two threads may say it.
        check("enrolled, lease a 0, off 500, stop a 500, lease b 500", [0, 0, 0]);
        // Devices that do not count.
        check("enrolled, lease a -, stop a -, lease b -", [0, 0, 0]);
        // The line kept the last word back.
        check("enrolled, lease a 0, lease b 500, stop a 500, stop b 600", [0, 0, 0]);
    }

    #[test]
    fn a_jump_is_told() {
        let mut counted = Counted::default();
        for jumps in [0u64, 2, 2] {
            let leaf = Leaf::new("lease.granted", Time::from_millis(60_000)).id("a");
            counted.add(&leaf.fact("frames", 5u64).fact("jumps", jumps));
        }
        assert_eq!((counted.jumps, counted.suspicious()), (2, false));
    }

    #[test]
    fn counts_that_cannot_be() {
        check("enrolled, lease a 0, stop a 500, lease b 400", [1, 0, 0]);
        check("enrolled, lease a 0, stop a 500, lease b 400, stop b 450, lease c 450", [1, 0, 0]);
        check("enrolled, lease a 0, stop a 500, lease b 530", [0, 30, 0]);
        check("enrolled, lease a 0, stop a 500, off 507", [0, 7, 0]);
        check("enrolled, lease a 0, lease b 530, stop a 500", [0, 30, 0]);
        check("enrolled, lease a 0, lease b 400, stop a 500", [1, 0, 0]);
        check("enrolled, lease a 900, stop a 100", [1, 0, 0]);
        check("refused 5, refused 7", [0, 0, 12]);
        // A new device counts from nothing; what the old one did stays known.
        check("enrolled, lease a 9, stop a 5, enrolled, lease b 0, stop b 3", [1, 0, 0]);
    }
}
