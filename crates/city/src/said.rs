//! What the log says of leases, last words and counts, in memory: for receipts, and to judge what a camera says.

use base::{PublicKey, Time};
use ledger::{Counted, Leaf, cameras_of, moment};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The last lease of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Running {
    pub lease: String,
    pub entry: u64,
    pub until: Time,
    /// What captures cannot be stopped from here.
    pub foreign: bool,
    /// It has said its last word.
    pub stopped: bool,
}

/// A camera's word that it has stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ack {
    pub entry: u64,
    /// By the city's clock.
    pub heard: Option<Time>,
    pub frames: Option<u64>,
    /// Reads made under the lease.
    pub counter: Option<u64>,
    pub spool: Option<String>,
    /// The entry with the device key that a word about an order was signed with.
    pub enrolled: Option<u64>,
}

/// An order to switch capture off, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub entry: u64,
    pub leaf: Leaf,
    /// When it takes effect.
    pub from: Time,
    pub until: Option<Time>,
    /// Which cameras; all where it is `None`.
    pub cameras: Option<BTreeSet<String>>,
    /// The leases that it meets.
    pub leases: BTreeMap<String, Running>,
    pub stops: BTreeMap<String, Ack>,
    pub offs: BTreeMap<String, Ack>,
    /// Those of them that were not switched on again since.
    left: Option<BTreeSet<String>>,
    /// When it was taken back, and the entry that did it.
    pub over: Option<(u64, Time)>,
}

impl Given {
    fn of(entry: u64, leaf: &Leaf) -> Self {
        let time = |key: &str| leaf.text(key).and_then(|t| t.parse::<Time>().ok());
        let cameras = cameras_of(leaf);
        Self {
            entry,
            leaf: leaf.clone(),
            from: time("from").unwrap_or_else(|| moment(leaf)),
            until: time("until"),
            left: cameras.clone(),
            cameras,
            leases: BTreeMap::new(),
            stops: BTreeMap::new(),
            offs: BTreeMap::new(),
            over: None,
        }
    }

    /// Whether it names this camera.
    pub fn names(&self, camera: &str) -> bool {
        self.cameras.as_ref().is_none_or(|some| some.contains(camera))
    }
}

/// The log's word on cameras.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// When a camera enrolled last: the entry.
    pub enrolled: BTreeMap<String, u64>,
    /// The device keys of a camera's enrolments, oldest first; `None` for one whose entry has no key.
    pub keys: BTreeMap<String, Vec<Option<PublicKey>>>,
    running: BTreeMap<String, Running>,
    /// Orders to switch capture off, by id.
    pub orders: BTreeMap<String, Given>,
    /// Reads made under leases that have had their last word.
    stopped: HashMap<String, u64>,
    counted: BTreeMap<String, Counted>,
    /// Answers to orders that are not on the log yet: one that was entered at a camera comes behind.
    early: BTreeMap<String, BTreeMap<String, Ack>>,
}

/// So many orders are waited for that were answered before they came.
const EARLY: usize = 1000;

impl Said {
    /// Takes one more entry into account.
    pub fn add(&mut self, index: u64, leaf: &Leaf) {
        let of = leaf.text("camera").map(str::to_owned);
        match (leaf.kind.as_str(), of) {
            ("camera.enrolled", _) => {
                let Some(camera) = &leaf.id else { return };
                self.enrolled.insert(camera.clone(), index);
                let key = leaf.text("key").and_then(|key| key.parse::<PublicKey>().ok());
                self.keys.entry(camera.clone()).or_default().push(key);
                self.counted.entry(camera.clone()).or_default().add(leaf);
            }
            ("lease.granted", Some(camera)) => self.granted(index, leaf, camera),
            ("camera.stopped", Some(camera)) => self.stopped(index, leaf, &camera),
            ("camera.off", Some(camera)) => self.off(index, leaf, &camera),
            ("camera.refused", Some(camera)) => {
                self.counted.entry(camera).or_default().add(leaf);
            }
            ("order.off", _) if leaf.text("level") == Some("capture") => self.ordered(index, leaf),
            ("order.on", _) if leaf.text("level") == Some("capture") => {
                self.taken_back(index, leaf)
            }
            _ => {}
        }
    }

    fn granted(&mut self, entry: u64, leaf: &Leaf, camera: String) {
        self.counted.entry(camera.clone()).or_default().add(leaf);
        let running = Running {
            lease: leaf.id.clone().unwrap_or_default(),
            entry,
            until: leaf.text("until").and_then(|t| t.parse().ok()).unwrap_or(leaf.time),
            foreign: leaf.facts.get("foreign").and_then(|f| f.as_bool()) == Some(true),
            stopped: false,
        };
        // Orders that have not begun will meet this lease.
        let waiting = |o: &&mut Given| o.over.is_none() && o.from >= running.until;
        for order in self.orders.values_mut().filter(waiting).filter(|o| o.names(&camera)) {
            order.leases.insert(camera.clone(), running.clone());
        }
        self.running.insert(camera, running);
    }

    fn stopped(&mut self, entry: u64, leaf: &Leaf, camera: &str) {
        self.counted.entry(camera.to_owned()).or_default().add(leaf);
        let Some(lease) = &leaf.id else { return };
        self.stopped.insert(lease.clone(), leaf.number("counter").unwrap_or(u64::MAX));
        if let Some(running) = self.running.get_mut(camera).filter(|r| &r.lease == lease) {
            running.stopped = true;
        }
        let ack = ack(entry, leaf);
        for order in self.orders.values_mut() {
            if order.leases.get(camera).is_some_and(|running| &running.lease == lease) {
                order.stops.insert(camera.to_owned(), ack.clone());
            }
        }
    }

    fn off(&mut self, entry: u64, leaf: &Leaf, camera: &str) {
        self.counted.entry(camera.to_owned()).or_default().add(leaf);
        let Some(id) = leaf.text("order") else { return };
        let ack = Ack { enrolled: self.enrolled.get(camera).copied(), ..ack(entry, leaf) };
        match self.orders.get_mut(id) {
            Some(order) if order.names(camera) => {
                order.offs.insert(camera.to_owned(), ack);
            }
            Some(_) => {}
            None if self.early.len() < EARLY || self.early.contains_key(id) => {
                let answers = self.early.entry(id.to_owned()).or_default();
                answers.insert(camera.to_owned(), ack);
            }
            None => {}
        }
    }

    fn ordered(&mut self, entry: u64, leaf: &Leaf) {
        let Some(id) = leaf.id.clone() else { return };
        let mut given = Given::of(entry, leaf);
        let meets = |(camera, running): &(&String, &Running)| {
            let alive = running.foreign || (!running.stopped && running.until > leaf.time);
            alive && given.names(camera)
        };
        let met = self.running.iter().filter(meets);
        let met: BTreeMap<String, Running> = met.map(|(c, r)| (c.clone(), r.clone())).collect();
        given.leases = met;
        given.offs = self.early.remove(&id).unwrap_or_default();
        given.offs.retain(|camera, _| given.cameras.as_ref().is_none_or(|c| c.contains(camera)));
        self.orders.entry(id).or_insert(given);
    }

    fn taken_back(&mut self, entry: u64, leaf: &Leaf) {
        let on = cameras_of(leaf);
        for order in self.orders.values_mut().filter(|o| o.over.is_none()) {
            let back = match (&mut order.left, &on) {
                (None, None) => true,
                (Some(left), Some(these)) => {
                    left.retain(|camera| !these.contains(camera));
                    left.is_empty()
                }
                _ => false,
            };
            if back {
                order.over = Some((entry, moment(leaf)));
            }
        }
    }

    /// The leaf, with what is wrong with the count that it says.
    pub fn judged(&self, leaf: Leaf) -> Leaf {
        let Some(camera) = leaf.text("camera") else { return leaf };
        let mut counted = self.counted.get(camera).cloned().unwrap_or_default();
        let before = counted.frames;
        match counted.add(&leaf) {
            Some(wrong) => leaf.fact("count", wrong.as_str()).fact("before", before),
            None => leaf,
        }
    }

    /// Whether a camera has said that it made fewer reads under a lease than this one's number.
    pub fn beyond(&self, lease: &str, counter: u64) -> bool {
        self.stopped.get(lease).is_some_and(|last| counter > *last)
    }
}

fn ack(entry: u64, leaf: &Leaf) -> Ack {
    Ack {
        entry,
        heard: leaf.text("heard").and_then(|t| t.parse().ok()).or(Some(leaf.time)),
        frames: leaf.number("frames"),
        counter: leaf.number("counter"),
        spool: leaf.text("spool").map(str::to_owned),
        enrolled: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_for_a_group_is_over_when_its_last_camera_is_on_again() {
        let order = |kind: &str, id: &str, key: &str, cameras: &str| {
            let leaf = Leaf::new(kind, Time::from_millis(60_000)).id(id);
            leaf.fact("level", "capture").fact(key, cameras)
        };
        let mut said = Said::default();
        said.add(1, &order("order.off", "ord_1", "cameras", "cam_a cam_b"));
        said.add(2, &order("order.on", "ord_2", "camera", "cam_a"));
        assert_eq!(said.orders["ord_1"].over, None);
        said.add(3, &order("order.on", "ord_3", "camera", "cam_b"));
        assert_eq!(said.orders["ord_1"].over, Some((3, Time::from_millis(60_000))));
        assert!(said.orders["ord_1"].names("cam_a"), "a receipt still tells of both");
    }

    /// Another device has another key; what the one before answered stays under its own.
    #[test]
    fn an_answer_is_under_the_key_of_then() {
        let leaf = |kind: &str| Leaf::new(kind, Time::from_millis(60_000));
        let mut said = Said::default();
        said.add(1, &leaf("camera.enrolled").id("cam_a"));
        said.add(2, &leaf("order.off").id("ord_1").fact("level", "capture"));
        said.add(3, &leaf("camera.off").fact("camera", "cam_a").fact("order", "ord_1"));
        said.add(4, &leaf("camera.enrolled").id("cam_a"));
        assert_eq!(said.orders["ord_1"].offs["cam_a"].enrolled, Some(1));
        assert_eq!(said.enrolled["cam_a"], 4);
    }
}
