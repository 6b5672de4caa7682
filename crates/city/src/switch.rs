//! Off and on. The log is the source: what it says decides, and the database follows.
//!
//! An order that begins later is on the log when it is given, and takes effect by the city's clock: no lease
//! reaches beyond its beginning, so it works where no line does. Those of before it are ended at that moment as it
//! is given. Nobody has to be awake for it.

use crate::hands::Hand;
use crate::said::Said;
use crate::{City, Event, Ordered};
use base::{CameraId, Error, Kind, LeaseId, PersonId, Result, Signed, Time};
use identity::Person;
use ledger::{Entry, Leaf, Off, Orders, Planned};
use policy::{Action, Decision};
use read::{Level, Order, OrderFile, Power, SpoolOrder, Touched, Word};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::PoisonError;

/// How old a signed order may be when it arrives: an old one must not be kept for later use.
const ORDER_AGE_MS: i64 = 10 * 60_000;
/// The same of one that was entered at a camera, and waited there for the line.
const STICK_AGE_MS: i64 = 90 * 24 * 3_600_000;
/// How long before it is given an order may begin: a form is not filled in at once.
const PAST_MS: i64 = 10 * 60_000;
/// How long signatures are collected where one is not enough.
const WINDOW_MS: i64 = 24 * 3_600_000;
/// How far ahead an order may be scheduled.
const AHEAD_MS: i64 = 400 * 24 * 3_600_000;

/// Where orders that wait for more signatures are kept.
const WANTED: &str = "orders/wanted";
/// Where the passkeys' signatures under an order that erases are kept, for cameras.
const TOUCHED: &str = "order-touched/";

/// Who has signed the same order, when, and what exactly.
type Signatures = BTreeMap<PersonId, (Time, Hand)>;

/// What is off, by the log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    orders: Orders,
    /// Cameras that left the fleet, for good.
    retired: BTreeMap<CameraId, Time>,
    /// Who has ordered the same thing, and when, where one is not enough.
    wanted: Vec<(Order, Signatures)>,
    /// Orders that are taken into account here.
    known: HashSet<String>,
    /// When orders were to begin that may have been taken back since.
    taken_back: BTreeSet<Time>,
    /// What the log says of leases and last words.
    pub said: Said,
}

fn slug(level: Level) -> &'static str {
    match level {
        Level::Sharing => "sharing",
        Level::Asking => "asking",
        Level::Job => "job",
        Level::Capture => "capture",
    }
}

impl Switches {
    /// Takes one more entry into account.
    pub(crate) fn add(&mut self, index: u64, leaf: &Leaf) {
        if leaf.kind.starts_with("order.") {
            self.known.extend(leaf.id.clone());
        }
        if leaf.kind == "camera.retired"
            && let Some(camera) = leaf.id.as_ref().and_then(|id| id.parse().ok())
        {
            self.retired.entry(camera).or_insert(leaf.time);
        }
        if leaf.kind == "order.on" {
            self.taken_back.extend(self.orders.planned(leaf.time).iter().map(|order| order.from));
        }
        self.orders.add(leaf);
        self.said.add(index, leaf);
    }

    /// Why this camera may not capture at a moment, if it may not.
    pub(crate) fn capture_off(&self, camera: &CameraId, now: Time) -> Option<Off> {
        self.orders.off("capture", Some(camera.as_str()), now)
    }

    /// Since when this camera belongs to the fleet no longer, if it does not.
    pub(crate) fn retired(&self, camera: &CameraId) -> Option<Time> {
        self.retired.get(camera).copied()
    }

    /// Whether an order names this one camera.
    pub(crate) fn one_off(&self, camera: &CameraId, now: Time) -> bool {
        self.orders.one_off(camera.as_str(), now)
    }

    /// Scheduled orders that are not over.
    pub(crate) fn planned(&self, now: Time) -> Vec<&Planned> {
        self.orders.planned(now)
    }

    /// When this camera was last ordered on, or a scheduled order for it ended.
    pub(crate) fn on_since(&self, camera: &CameraId, now: Time) -> Option<Time> {
        self.orders.on_since(camera.as_str(), now)
    }

    /// When a scheduled order ends this camera's capture next.
    pub(crate) fn next_off(&self, camera: &CameraId, now: Time) -> Option<Time> {
        self.orders.next_off(camera.as_str(), now)
    }

    fn level_off(&self, level: &str, now: Time) -> bool {
        self.orders.off(level, None, now).is_some()
    }

    /// What waits for more signatures, with the moments at which each was given.
    pub(crate) fn waiting(&self) -> Vec<(Time, Hand)> {
        self.wanted.iter().flat_map(|(_, people)| people.values().cloned()).collect()
    }

    /// Whether somebody has ordered the same thing, and it waits for more signatures.
    fn is_wanted(&self, order: &Order, now: Time) -> bool {
        let young = |(at, _): &(Time, Hand)| now.since(*at) <= WINDOW_MS;
        self.wanted.iter().any(|(other, people)| other.same(order) && people.values().any(young))
    }

    /// Forgets a signature that waited.
    fn withdraw(&mut self, order: base::OrderId) {
        self.wanted.retain_mut(|(_, people)| {
            people.retain(|_, (_, hand)| hand.order().id != order);
            !people.is_empty()
        });
    }

    /// Notes that a person wants something; gives what all of them signed once they are enough, this one first.
    fn wants(&mut self, signed: &Hand, now: Time, needed: u32) -> Option<Vec<Hand>> {
        self.wanted.retain_mut(|(_, people)| {
            people.retain(|_, (at, _)| now.since(*at) <= WINDOW_MS);
            !people.is_empty()
        });
        let order = signed.order();
        let place = match self.wanted.iter().position(|(other, _)| other.same(order)) {
            Some(place) => place,
            None => {
                self.wanted.push((order.clone(), BTreeMap::new()));
                self.wanted.len() - 1
            }
        };
        let people = &mut self.wanted[place].1;
        people.insert(order.by.clone(), (now, signed.clone()));
        if people.len() < needed as usize {
            return None;
        }
        let (_, mut people) = self.wanted.remove(place);
        people.remove(&order.by);
        let others = people.into_values().map(|(_, signed)| signed);
        Some(std::iter::once(signed.clone()).chain(others).collect())
    }
}

/// How a camera stands, from memory alone: what a camera that waits for a word is told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Changes when the word does.
    pub tag: String,
    /// Milliseconds until a scheduled order changes it.
    pub next_ms: Option<i64>,
}

impl City {
    pub(crate) fn switches(&self) -> std::sync::MutexGuard<'_, Switches> {
        self.switches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the city lets this camera capture; otherwise since when it does not.
    pub(crate) fn capture_allowed(&self, camera: &CameraId) -> Result<()> {
        if let Some(since) = self.switches().retired(camera) {
            return Err(Error::gone(format!("This camera has been retired since {since}.")));
        }
        match self.switches().capture_off(camera, self.now()) {
            None => Ok(()),
            Some(off) => Err(Error::gone(off_words(off.since))),
        }
    }

    pub(crate) fn asking_off(&self) -> bool {
        self.switches().level_off("asking", self.now())
    }

    pub(crate) fn sharing_off(&self) -> bool {
        self.switches().level_off("sharing", self.now())
    }

    pub(crate) fn jobs_off(&self) -> bool {
        self.switches().level_off("job", self.now())
    }

    /// Becomes ready whenever an order has changed something.
    pub fn turned(&self) -> tokio::sync::watch::Receiver<u64> {
        self.turned.subscribe()
    }

    /// How a camera stands with orders, and when that changes by itself.
    pub fn standing(&self, camera: &CameraId) -> Standing {
        let now = self.now();
        let switches = self.switches();
        let next_ms = switches.orders.next(Some(camera.as_str()), now).map(|next| next.since(now));
        let off = switches.capture_off(camera, now);
        let tag = match (switches.retired(camera), &off) {
            (Some(_), _) => "retired".to_owned(),
            (None, None) => {
                // Gates close at once, and open with the next lease.
                let sharing = if switches.level_off("sharing", now) { ", sharing off" } else { "" };
                // A camera whose lease reaches beyond it asks for another.
                let ends = switches.next_off(camera, now);
                let ends = ends.map(|ends| format!(", until {ends}")).unwrap_or_default();
                format!("on{sharing}{ends}")
            }
            (None, Some(off)) => {
                let orders: Vec<&str> = off.orders.iter().map(String::as_str).collect();
                base::hex(&base::sha256(orders.join(" ").as_bytes())[..8])
            }
        };
        let tag = match self.resend() {
            Some(id) => format!("{tag}, again {id}"),
            None => tag,
        };
        Standing { tag: in_a_query(tag), next_ms }
    }

    /// The city's word to a camera: whether it may go on, and by whose orders it may not.
    pub fn word(&self, camera: &CameraId) -> Result<Word> {
        let (tag, sharing_off) = (self.standing(camera).tag, self.sharing_off());
        let resend = self.resend();
        if let Some(since) = self.switches().retired(camera) {
            let message = format!("This camera has been retired since {since}.");
            let (by, orders) = (Vec::new(), Vec::new());
            return Ok(Word {
                on: false,
                tag,
                since: Some(since),
                by,
                orders,
                touched: Vec::new(),
                message,
                sharing_off,
                resend,
                ends: None,
            });
        }
        let off = self.switches().capture_off(camera, self.now());
        let Some(off) = off else {
            let message = "This camera may capture, under a lease.".into();
            let (by, orders) = (Vec::new(), Vec::new());
            let ends = self.switches().next_off(camera, self.now());
            return Ok(Word {
                on: true,
                tag,
                since: None,
                by,
                orders,
                touched: Vec::new(),
                message,
                sharing_off,
                resend,
                ends,
            });
        };
        let (mut orders, mut touched) = (Vec::new(), Vec::new());
        for id in &off.orders {
            orders.extend(self.kept_orders(&format!("order/{id}"))?);
            touched.extend(self.kept_orders(&format!("{TOUCHED}{id}"))?);
        }
        let by = off.orders.iter().filter_map(|id| id.parse().ok()).collect();
        let message = off_words(off.since);
        let since = Some(off.since);
        let ends = None;
        Ok(Word { on: false, tag, since, by, orders, touched, message, sharing_off, resend, ends })
    }

    /// An order as it was signed, by each of those who gave it.
    fn kept_orders<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>> {
        let kept = self.store.meta(name)?;
        let kept = kept.map(|text| serde_json::from_str(&text)).transpose();
        kept.map(Option::unwrap_or_default)
            .map_err(|e| Error::internal("An order in the store is damaged.").because(e))
    }

    /// Carries out a signed order, now or at its time. Where one signature is not enough, the last of the
    /// needed people's orders does it; before that the answer says how many are still wanted.
    pub fn order(&self, by: &PersonId, order: Signed<Order>) -> Result<Ordered> {
        if &order.unverified().by != by {
            return Err(Error::forbidden("An order is sent by the person who signed it."));
        }
        self.orderer(&order)?;
        self.give(Hand::Key(order))
    }

    /// The same of an order whose signature holds.
    pub(crate) fn give(&self, order: Hand) -> Result<Ordered> {
        let said = order.order().clone();
        let person = self.may_order(&said)?;
        if said.at.since(self.now()).abs() > ORDER_AGE_MS {
            return Err(Error::invalid("The order is too old; sign a new one."));
        }
        self.check_order(&said)?;
        self.check_beginning(&said)?;
        self.touched(&said)?;
        let word = if said.power == Power::Off { "off" } else { "on" };
        let needed = self.needed(said.power);
        let all = match needed {
            1 => Some(vec![order]),
            _ => self.collected(&order, needed)?,
        };
        let all = all.ok_or_else(|| {
            Error::conflict(format!(
                "Noted. Switching {word} needs {needed} different people within a day; others must order it too."
            ))
        })?;
        self.carry_out(&person, &all, None)
    }

    /// How many different people have to order it.
    pub(crate) fn needed(&self, power: Power) -> u32 {
        match power {
            Power::Off => self.config.switch.off_signatures,
            Power::On => self.config.switch.on_signatures,
        }
    }

    /// What all of them signed, once they are enough. Until then it is kept: a start of the server in between asks
    /// nobody to sign again.
    fn collected(&self, order: &Hand, needed: u32) -> Result<Option<Vec<Hand>>> {
        self.withdraw_lapsed()?;
        let (all, waiting) = {
            let mut switches = self.switches();
            (switches.wants(order, self.now(), needed), switches.waiting())
        };
        let text = serde_json::to_string(&waiting)
            .map_err(|e| Error::internal("A signature cannot be kept.").because(e))?;
        self.store.set_meta(WANTED, &text)?;
        Ok(all)
    }

    /// Whoever has left, lost the office or the key since has not signed.
    fn withdraw_lapsed(&self) -> Result<()> {
        let waiting = self.switches().waiting();
        for (_, hand) in &waiting {
            match self.hand_holds(hand) {
                Ok(()) => {}
                // Nothing is said of the signature.
                Err(e) if matches!(e.kind(), Kind::Busy | Kind::Unavailable | Kind::Internal) => {
                    return Err(e);
                }
                Err(_) => self.switches().withdraw(hand.order().id),
            }
        }
        Ok(())
    }

    /// What waited for more signatures when the city was last open. Each is looked at again: whoever may not give
    /// such an order any more has not signed it, and a store that was written to adds nobody.
    pub(crate) fn recall_signatures(&self) -> Result<()> {
        let Some(text) = self.store.meta(WANTED)? else { return Ok(()) };
        let kept: Vec<(Time, Hand)> = serde_json::from_str(&text)
            .map_err(|e| Error::internal("The orders that wait are damaged.").because(e))?;
        for (at, order) in kept {
            let young = order.order().at.since(at).abs() <= ORDER_AGE_MS;
            let known = self.switches().known.contains(&order.order().id.to_string());
            if young && !known && at <= self.now() && self.hand_holds(&order).is_ok() {
                self.switches().wants(&order, at, u32::MAX);
            }
        }
        Ok(())
    }

    /// Carries out an order that was entered at a camera from a file while the city could not be reached. The
    /// camera has stopped already; what else the order names stops now.
    pub fn order_at_camera(&self, by: &CameraId, file: &OrderFile) -> Result<Ordered> {
        let mut first: Option<Person> = None;
        for signed in &file.orders {
            first.get_or_insert(self.orderer(signed)?);
        }
        let (Some(person), Some(order)) = (first, file.orders.first()) else {
            return Err(Error::invalid("The file holds no order."));
        };
        let said = order.unverified();
        let mut authority = self.authority(by)?;
        if self.log.has("order.off", &said.id.to_string()) {
            // Sent again: what was ordered since does not matter to what was carried out then.
            authority.since = None;
        }
        authority.check(by, &file.orders)?;
        check_reason(said)?;
        let now = self.now();
        if now.since(said.at) > STICK_AGE_MS || said.at.since(now) > ORDER_AGE_MS {
            return Err(Error::gone("The order is too old; sign a new one."));
        }
        let hands: Vec<Hand> = file.orders.iter().cloned().map(Hand::Key).collect();
        self.carry_out(&person, &hands, Some(by))
    }

    /// The person who signed an order with a key file, if they may give it and the signature holds.
    pub(crate) fn orderer(&self, order: &Signed<Order>) -> Result<Person> {
        let person = self.may_order(order.unverified())?;
        let key = person.key.ok_or_else(|| {
            Error::forbidden("Orders are signed with a key file; you have none here.")
        })?;
        order.verify(&key)?;
        Ok(person)
    }

    /// The person of an order, if they may give it.
    pub(crate) fn may_order(&self, said: &Order) -> Result<Person> {
        let (action, named) = match said.power {
            Power::Off => (Action::SwitchOff, &self.config.switch.off_by),
            Power::On => (Action::SwitchOn, &self.config.switch.on_by),
        };
        let person = self.allowed(&said.by, action)?;
        if !is_named(named, &person) {
            return Err(Error::forbidden(
                "The city's configuration names others for this; switch.off_by and switch.on_by list them.",
            ));
        }
        Ok(person)
    }

    /// Who may stop this camera with an order on a stick: it is told with each lease.
    pub(crate) fn authority(&self, camera: &CameraId) -> Result<read::Authority> {
        let (mut people, mut holders) = (Vec::new(), Vec::new());
        let (rules, now) = (self.rules(), self.now());
        for person in self.stored_people()?.into_iter().filter(|p| p.ended.is_none()) {
            let may = rules.may(&person.id, &person.roles, Action::SwitchOff, now);
            if matches!(may, Decision::Refuse { .. }) {
                continue;
            }
            if !is_named(&self.config.switch.off_by, &person) {
                continue;
            }
            let holder = |passkey: &identity::Passkey| read::Holder {
                person: person.id.clone(),
                key: passkey.key.to_string(),
            };
            holders.extend(person.passkeys.iter().map(holder));
            people.extend(person.key.map(|key| read::Officer { person: person.id.clone(), key }));
        }
        let groups = self.config.switch.groups.iter().filter(|(_, some)| some.contains(camera));
        Ok(read::Authority {
            groups: groups.map(|(name, _)| name.clone()).collect(),
            people,
            signatures: self.config.switch.off_signatures,
            passkeys: (!holders.is_empty())
                .then(|| read::Passkeys { log: self.origin(), people: holders }),
            since: self.switches().on_since(camera, now),
        })
    }

    fn carry_out(
        &self,
        person: &Person,
        orders: &[Hand],
        at_camera: Option<&CameraId>,
    ) -> Result<Ordered> {
        let Some(said) = orders.first().map(Hand::order) else {
            return Err(Error::invalid("The file holds no order."));
        };
        let kind = if said.power == Power::Off { "order.off" } else { "order.on" };
        let cameras = self.touched(said)?;
        let turn = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let id = said.id.to_string();
        // The log may hold an order whose writing failed when it came: that one is not in force here yet.
        let in_force = self.switches().known.contains(&id);
        if let Some(log_entry) = self.log.find(kind, &id).filter(|_| in_force) {
            // Sent again: it was carried out then, and may have been taken back since.
            return Ok(self.ordered(said, log_entry, cameras, Vec::new()));
        }
        if said.power == Power::Off {
            // Kept before it is on the log: cameras erase nothing but for the order itself.
            let signed: Vec<&Signed<Order>> = orders.iter().filter_map(Hand::signed).collect();
            let text = serde_json::to_string(&signed)
                .map_err(|e| Error::internal("An order cannot be kept.").because(e))?;
            self.store.set_meta(&format!("order/{}", said.id), &text)?;
            let touched: Vec<&Touched> = orders.iter().filter_map(Hand::touched).collect();
            if said.erases() && !touched.is_empty() {
                let text = serde_json::to_string(&touched)
                    .map_err(|e| Error::internal("An order cannot be kept.").because(e))?;
                self.store.set_meta(&format!("{TOUCHED}{}", said.id), &text)?;
            }
        }
        let leaf = self.order_leaf(kind, person, said, &cameras, at_camera)?;
        let leaf = self.with_touches(leaf, orders)?;
        // On the log first: from here on the order holds whatever happens to this process.
        let entry = self.log.append_once(&leaf)?;
        self.switches().add(entry.index, &Leaf::parse(&entry.leaf)?);
        drop(turn);
        let leases = self.apply_orders()?;
        self.turned.send_modify(|turn| *turn += 1);
        self.emit(Event {
            camera: said.camera.clone(),
            id: Some(said.id.to_string()),
            log_entry: Some(entry.index),
            ..self.event(kind)
        });
        Ok(self.ordered(said, entry.index, cameras, leases))
    }

    fn order_leaf(
        &self,
        kind: &str,
        person: &Person,
        said: &Order,
        cameras: &[CameraId],
        at_camera: Option<&CameraId>,
    ) -> Result<Leaf> {
        let mut leaf = self
            .leaf_by(kind, person)?
            .id(said.id.to_string())
            .fact("level", slug(said.level))
            .fact("reason", said.reason.as_str())
            // To the millisecond: an order is no question, and cameras answer for the second.
            .fact("at", self.now().to_string());
        if let Some(camera) = &said.camera {
            leaf = leaf.fact("camera", camera.as_str());
        }
        if let Some(group) = &said.group {
            let names: Vec<&str> = cameras.iter().map(CameraId::as_str).collect();
            leaf = leaf.fact("group", group.as_str()).fact("cameras", names.join(" "));
        }
        if let Some(from) = said.from.filter(|from| *from > self.now()) {
            leaf = leaf.fact("from", from.to_string());
        }
        if let Some(until) = said.until {
            leaf = leaf.fact("until", until.to_string());
        }
        if let Some(spool) = said.spool {
            let word = if spool == SpoolOrder::Erase { "erase" } else { "keep" };
            leaf = leaf.fact("spool", word);
        }
        if let Some(camera) = at_camera {
            leaf = leaf
                .fact("entered", "at the camera")
                .fact("entered_at", camera.as_str())
                .fact("signed", said.at.to_string());
        }
        Ok(leaf)
    }

    fn ordered(
        &self,
        said: &Order,
        log_entry: u64,
        cameras: Vec<CameraId>,
        leases: Vec<LeaseId>,
    ) -> Ordered {
        let now = self.now();
        let switches = self.switches();
        let still = |camera: &&CameraId| {
            said.power == Power::On && switches.capture_off(camera, now).is_some()
        };
        let still_off = cameras.iter().filter(still).cloned().collect();
        let from = said.from.filter(|from| *from > now);
        Ordered { id: said.id, log_entry, cameras, leases, from, until: said.until, still_off }
    }

    pub(crate) fn check_order(&self, order: &Order) -> Result<()> {
        check_reason(order)?;
        let named = order.camera.is_some() || order.group.is_some();
        if named && order.level != Level::Capture {
            return Err(Error::invalid("Only capture is switched camera by camera."));
        }
        if order.camera.is_some() && order.group.is_some() {
            return Err(Error::invalid("Name one camera or one group, not both."));
        }
        if order.spool.is_some() && (order.power == Power::On || order.level != Level::Capture) {
            return Err(Error::invalid(
                "What becomes of undelivered reads is said when capture is switched off.",
            ));
        }
        let now = self.now();
        let timed = order.from.is_some() || order.until.is_some();
        if timed && order.power == Power::On {
            return Err(Error::invalid("An order to switch on takes effect at once."));
        }
        if order.from.is_some_and(|from| from.since(now) > AHEAD_MS) {
            return Err(Error::invalid("An order begins within 400 days."));
        }
        let begins = order.from.unwrap_or(now).max(now);
        if order.until.is_some_and(|until| until <= begins) {
            return Err(Error::invalid("The order would end before it begins."));
        }
        Ok(())
    }

    /// Refuses a beginning of long before the order was given: the hour of this morning is not meant as at once. What
    /// somebody ordered in time may be signed by others after it was to begin.
    pub(crate) fn check_beginning(&self, order: &Order) -> Result<()> {
        let past = order.from.is_some_and(|from| order.at.since(from) > PAST_MS);
        if past && !self.switches().is_wanted(order, self.now()) {
            return Err(Error::invalid(
                "The order would have begun before it was given; leave its beginning out to switch at once.",
            ));
        }
        Ok(())
    }

    /// The cameras that an order names, as they are now.
    pub(crate) fn touched(&self, order: &Order) -> Result<Vec<CameraId>> {
        if order.level != Level::Capture {
            return Ok(Vec::new());
        }
        if let Some(camera) = &order.camera {
            self.store.camera(camera)?.ok_or_else(|| {
                Error::not_found("There is no such camera; the public page lists them.")
            })?;
            return Ok(vec![camera.clone()]);
        }
        let all = self.store.cameras()?.into_iter().map(|c| c.id);
        let Some(group) = &order.group else { return Ok(all.collect()) };
        let members = self.config.switch.groups.get(group).ok_or_else(|| {
            Error::not_found("There is no such group; switch.groups in homeplate.toml names them.")
        })?;
        let some: Vec<CameraId> = all.filter(|camera| members.contains(camera)).collect();
        if some.is_empty() {
            return Err(Error::not_found("No camera of this group is registered."));
        }
        Ok(some)
    }

    /// Makes the database follow the log: a camera that is off loses its leases, a retired one its device key
    /// too, and no lease of one that will be off reaches beyond that, whenever it was granted; where a scheduled
    /// order was taken back, leases run to their own end again.
    /// Harmless to repeat, and repeated until it could be done. Returns the leases that ended.
    pub(crate) fn apply_orders(&self) -> Result<Vec<LeaseId>> {
        let _turn = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = BTreeSet::new();
        for mut row in self.store.cameras()? {
            let now = self.now();
            let (retired, off, next, taken_back) = {
                let switches = self.switches();
                let next = switches.next_off(&row.id, now);
                let back = switches.taken_back.iter().filter(|at| **at > now && Some(**at) != next);
                let back: Vec<Time> = back.copied().collect();
                (switches.retired(&row.id), switches.capture_off(&row.id, now), next, back)
            };
            if off.as_ref().is_some_and(|off| off.erase) {
                self.store.void_leases(&row.id)?;
            }
            match (retired.is_some() || off.is_some(), row.off_since) {
                (true, None) => {
                    // Off since it was to be, not since somebody looked.
                    let at = off.as_ref().map_or(now, |off| off.since.min(now));
                    ended.extend(self.store.end_leases(&row.id, at)?);
                    // The device's own key stays: on again needs nobody at the camera. One that left the
                    // fleet is a stranger.
                    if retired.is_some() {
                        row.device_key = None;
                    }
                    row.off_since = Some(now);
                    self.store.put_camera(&row)?;
                }
                (true, Some(_)) if retired.is_some() && row.device_key.is_some() => {
                    row.device_key = None;
                    self.store.put_camera(&row)?;
                }
                (false, Some(_)) => {
                    row.off_since = None;
                    self.store.put_camera(&row)?;
                }
                _ => {}
            }
            for at in taken_back {
                self.store.resume_leases(&row.id, at)?;
            }
            if let Some(next) = next {
                self.store.end_leases(&row.id, next)?;
            }
        }
        Ok(ended.into_iter().collect())
    }

    /// Appends what a camera or its lease has to say, and remembers it as the log does.
    pub(crate) fn append_said(&self, leaf: Leaf, once: bool) -> Result<Entry> {
        let turn = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        if once
            && let Some(id) = &leaf.id
            && let Some(index) = self.log.find(&leaf.kind, id)
        {
            return self.log.entry(index);
        }
        let leaf = self.switches().said.judged(leaf);
        // The log writes what waits together; an order must not wait for that with others behind it.
        drop(turn);
        let entry = if once { self.log.append_once(&leaf)? } else { self.log.append(&leaf)? };
        self.switches().add(entry.index, &leaf);
        Ok(entry)
    }
}

/// It is public.
fn check_reason(order: &Order) -> Result<()> {
    if order.reason.trim().is_empty() || order.reason.chars().count() > 300 {
        return Err(Error::invalid("Give the reason of the order in 1 to 300 characters."));
    }
    Ok(())
}

/// A tag as cameras send it back: they put it into the query of an address as it is.
fn in_a_query(tag: String) -> String {
    match tag.bytes().all(|b| b.is_ascii_alphanumeric()) {
        true => tag,
        false => base::hex(&base::sha256(tag.as_bytes())[..8]),
    }
}

fn off_words(since: Time) -> String {
    format!("This camera has been switched off by order of the city since {since}.")
}

/// Whether a list of roles and people names a person; an empty one names everybody.
fn is_named(list: &[String], person: &Person) -> bool {
    list.is_empty()
        || list.iter().any(|name| name == person.id.as_str() || person.roles.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::OrderId;

    fn on(by: &str, camera: Option<&str>) -> Signed<Order> {
        let order = Order {
            id: OrderId::new(Time::from_millis(0), base::random()),
            power: Power::On,
            level: Level::Capture,
            camera: camera.map(|c| c.parse().unwrap()),
            group: None,
            spool: None,
            from: None,
            until: None,
            by: by.parse().unwrap(),
            at: Time::from_millis(0),
            reason: "A vote.".into(),
        };
        Signed::sign(order, &base::SigningKey::generate()).unwrap()
    }

    #[test]
    fn on_needs_different_people_within_a_day() {
        let at = |h: i64| Time::from_millis(h * 3_600_000);
        let mut s = Switches::default();
        let mut wants = |by: &str, camera: Option<&str>, h: i64| {
            s.wants(&Hand::Key(on(by, camera)), at(h), 2).map(|all| all.len())
        };
        assert_eq!(wants("per_a", None, 0), None);
        assert_eq!(wants("per_a", None, 1), None, "the same person twice");
        assert_eq!(wants("per_b", Some("cam_a"), 1), None, "another thing");
        assert_eq!(wants("per_b", None, 26), None, "the first has lapsed");
        assert_eq!(wants("per_a", None, 27), Some(2));
        assert_eq!(wants("per_c", None, 27), None, "it begins anew");
    }

    #[test]
    fn the_log_decides() {
        let leaf = |kind: &str, level: &str, camera: Option<&str>| {
            let leaf = Leaf::new(kind, Time::from_millis(60_000)).fact("level", level);
            match camera {
                Some(c) => leaf.fact("camera", c),
                None => leaf,
            }
        };
        let now = Time::from_millis(120_000);
        let one: CameraId = "cam_one".parse().unwrap();
        let two: CameraId = "cam_two".parse().unwrap();
        let mut s = Switches::default();
        s.add(0, &leaf("order.off", "capture", Some("cam_one")));
        assert!(s.capture_off(&one, now).is_some() && s.capture_off(&two, now).is_none());
        s.add(1, &leaf("order.off", "capture", None));
        s.add(2, &leaf("order.on", "capture", Some("cam_one")));
        assert!(s.capture_off(&one, now).is_some(), "everything is still off");
        s.add(3, &leaf("order.on", "capture", None));
        s.add(4, &leaf("order.off", "asking", None));
        assert!(s.capture_off(&one, now).is_none());
        assert!(s.level_off("asking", now) && !s.level_off("job", now));
    }
}
