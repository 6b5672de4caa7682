//! Orders: who switches what off or on, for which cameras, from when until when; on the line or on a stick.
//!
//! An order is believed for the signature of a person who may give it. A camera knows those people from its
//! lease ([`Authority`]), so that it can be stopped where no line reaches it.

use base::{
    CameraId, Error, OrderId, PersonId, PublicKey, Result, Signed, Statement, Time, canonical,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Partners may not ask.
    Sharing,
    /// Nobody may ask; counting goes on.
    Asking,
    /// One job sees no more passes.
    Job,
    /// A camera captures nothing.
    Capture,
}

/// Off or on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// Off: one authorised person suffices.
    Off,
    /// On again: needs the full number of signatures.
    On,
}

/// What becomes of the sealed reads that a camera has not delivered when it is switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpoolOrder {
    /// They stay sealed, and are taken later: they were captured under a lease.
    #[default]
    Keep,
    /// The camera erases them, and the city takes none of them any more.
    Erase,
}

/// A person's order to switch something, signed with that person's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The order.
    pub id: OrderId,
    /// Off or on.
    pub power: Power,
    /// What is switched.
    pub level: Level,
    /// Which camera; every camera where neither it nor a group is there.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub camera: Option<CameraId>,
    /// Which group of cameras, as the city's configuration names them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<String>,
    /// What becomes of what the cameras have not delivered; it stays where this is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub spool: Option<SpoolOrder>,
    /// Off from this moment on, by the city's clock; at once where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<Time>,
    /// Off until before this moment; until it is ordered on where it is absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Time>,
    /// Who orders it.
    pub by: PersonId,
    /// When.
    pub at: Time,
    /// Why, in the person's words; it is public.
    pub reason: String,
}

impl Statement for Order {
    const DOMAIN: &'static str = "homeplate/order/v1";
}

impl Order {
    /// Whether two people order the same thing; their words for it may differ.
    pub fn same(&self, other: &Order) -> bool {
        let what = |o: &Order| {
            (o.power, o.level, o.camera.clone(), o.group.clone(), o.erases(), o.from, o.until)
        };
        what(self) == what(other)
    }

    /// The text of it that a passkey signs, for the log of this origin.
    pub fn text(&self, log: &str) -> Result<Vec<u8>> {
        canonical(&json!({ "log": log, "order": self, "v": 1, "what": "order" }))
            .map_err(|e| Error::internal("The order cannot be signed.").because(e))
    }

    /// Whether what was not delivered is to be erased.
    pub fn erases(&self) -> bool {
        self.spool == Some(SpoolOrder::Erase)
    }

    /// Whether it is in force at a moment, as far as its own times say.
    pub fn in_force(&self, now: Time) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// Orders as they lie on a stick: `off.order`. One suffices where one signature does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderFile {
    /// Version of this form: 1.
    pub v: u32,
    /// The same order, signed by each of those who give it.
    pub orders: Vec<Signed<Order>>,
}

impl OrderFile {
    /// The most signatures in one file.
    pub const MAX: usize = 16;

    /// Reads a file's bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let bad = || Error::invalid("This is no order file; write one with `homeplate order`.");
        let file: OrderFile = serde_json::from_slice(bytes).map_err(|e| bad().because(e))?;
        if file.v == 1 && (1..=Self::MAX).contains(&file.orders.len()) {
            Ok(file)
        } else {
            Err(bad())
        }
    }
}

/// An order that a person gave at the console, with a passkey's signature under [`Order::text`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Touched {
    /// The order.
    pub order: Order,
    /// The passkey's public key, as the log spells it.
    pub passkey: String,
    /// Its signature.
    pub signature: String,
}

/// A person who may switch capture off, with the key that signs the orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Officer {
    /// Who.
    pub person: PersonId,
    /// The public key.
    pub key: PublicKey,
}

/// A person who may switch capture off, with one of their passkeys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Holder {
    /// Who.
    pub person: PersonId,
    /// The passkey's public key, as the log spells it.
    pub key: String,
}

/// The passkeys of those who may switch capture off: a camera is stopped by the city, and erases for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Passkeys {
    /// The origin of the city's log, which stands in what they sign.
    pub log: String,
    /// Who may, one a passkey.
    pub people: Vec<Holder>,
}

/// Whose word stops one camera where the city cannot be reached. It travels in the lease, under the city's
/// signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The groups that this camera belongs to.
    pub groups: Vec<String>,
    /// Who may switch it off.
    pub people: Vec<Officer>,
    /// How many of them must sign.
    pub signatures: u32,
    /// Their passkeys, where they have some.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passkeys: Option<Passkeys>,
    /// When it was last ordered on: orders that were signed before have been overtaken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Time>,
}

impl Authority {
    /// The order in a file, if enough of those who may have signed it, and it switches off the capture of
    /// `camera`.
    pub fn check<'a>(&self, camera: &CameraId, orders: &'a [Signed<Order>]) -> Result<&'a Order> {
        self.agreed(camera, &self.verified(orders)?)
    }

    /// The orders in a file, each signed by somebody who may.
    pub fn verified<'a>(&self, orders: &'a [Signed<Order>]) -> Result<Vec<&'a Order>> {
        let mut good: Vec<&Order> = Vec::new();
        for signed in orders {
            let order = signed.unverified();
            let key = self.people.iter().find(|p| p.person == order.by).map(|p| p.key);
            let key = key.ok_or_else(|| {
                Error::forbidden(
                    "The order is signed by somebody who may not switch this camera off.",
                )
            })?;
            good.push(signed.verify(&key)?);
        }
        Ok(good)
    }

    /// The order that these say, whose signatures hold, if they are enough and it switches off the capture of
    /// `camera`.
    pub fn agreed<'a>(&self, camera: &CameraId, good: &[&'a Order]) -> Result<&'a Order> {
        let Some(first) = good.first().copied() else {
            return Err(Error::invalid("The file holds no order."));
        };
        if good.iter().any(|order| !order.same(first)) {
            return Err(Error::invalid("The orders in the file differ; each signs the same."));
        }
        if first.power != Power::Off || first.level != Level::Capture {
            return Err(Error::invalid(
                "At a camera, capture can be switched off and nothing else.",
            ));
        }
        if !self.covers(camera, first) {
            return Err(Error::invalid("The order is for other cameras than this one."));
        }
        if good.iter().any(|order| self.since.is_some_and(|since| order.at < since)) {
            return Err(Error::gone(
                "The camera has been ordered on since the order was signed; sign a new one.",
            ));
        }
        let people: BTreeSet<&PersonId> = good.iter().map(|order| &order.by).collect();
        if people.len() < self.signatures as usize {
            return Err(Error::forbidden(format!(
                "Switching off needs {} signatures; others must sign the file too.",
                self.signatures
            )));
        }
        Ok(first)
    }

    fn covers(&self, camera: &CameraId, order: &Order) -> bool {
        match (&order.camera, &order.group) {
            (Some(one), _) => one == camera,
            (None, Some(group)) => self.groups.contains(group),
            (None, None) => true,
        }
    }
}

/// The city's word to one camera about going on or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Word {
    /// Whether it may capture, under a lease.
    pub on: bool,
    /// What to ask with, to be answered when the word has changed.
    pub tag: String,
    /// Since when it may not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<Time>,
    /// The orders that keep it off, as the log names them: the camera answers each.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub by: Vec<OrderId>,
    /// The same with the signatures of those who gave them; without those from before an older log was lost.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub orders: Vec<Signed<Order>>,
    /// Those of them that erase and were given at the console, with the passkeys' signatures.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub touched: Vec<Touched>,
    /// One sentence for who operates the camera.
    pub message: String,
    /// Whether sharing is off: then reads leave to no gate, whatever the lease says.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub sharing_off: bool,
    /// The city was put together from its copy and asks for what the camera still has: names that, so that it is
    /// sent again once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub resend: Option<String>,
    /// From when a scheduled order switches it off: a lease that reaches beyond covers nothing from then on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ends: Option<Time>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::SigningKey;

    const T0: i64 = 1_795_420_800_000;

    fn at(second: i64) -> Time {
        Time::from_millis(T0 + second * 1000)
    }

    fn key(person: &str) -> SigningKey {
        let mut seed = [7; 32];
        seed[..person.len()].copy_from_slice(person.as_bytes());
        SigningKey::from_seed(seed)
    }

    /// One order a line: `PERSON POWER LEVEL SCOPE SECOND [forged]`; what comes of the file.
    fn check(authority: &str, file: &str, want: &str) {
        let words: Vec<&str> = authority.split_whitespace().collect();
        let people = words[2]
            .split(',')
            .map(|p| Officer { person: format!("per_{p}").parse().unwrap(), key: key(p).public() });
        let authority = Authority {
            groups: vec!["downtown".into()],
            people: people.collect(),
            signatures: words[0].parse().unwrap(),
            passkeys: None,
            since: words[1].parse().ok().map(at),
        };
        let orders: Vec<Signed<Order>> = file
            .lines()
            .map(|line| {
                let w: Vec<&str> = line.split_whitespace().collect();
                let order = Order {
                    id: OrderId::new(at(0), base::random()),
                    power: if w[1] == "off" { Power::Off } else { Power::On },
                    level: if w[2] == "capture" { Level::Capture } else { Level::Asking },
                    camera: w[3].parse().ok(),
                    group: w[3].strip_prefix("group:").map(String::from),
                    spool: None,
                    from: None,
                    until: None,
                    by: format!("per_{}", w[0]).parse().unwrap(),
                    at: at(w[4].parse().unwrap()),
                    reason: "A vote.".into(),
                };
                let signer = if w.get(5) == Some(&"forged") { "eve" } else { w[0] };
                Signed::sign(order, &key(signer)).unwrap()
            })
            .collect();
        let got = match authority.check(&"cam_one".parse().unwrap(), &orders) {
            Ok(_) => "stops".to_owned(),
            Err(e) => e.message().to_owned(),
        };
        assert!(got.contains(want), "{file}: {got}");
    }

    #[test]
    fn who_may_stop_a_camera() {
        check("1 - ann,bob", "ann off capture all 5", "stops");
        check("1 - ann,bob", "bob off capture cam_one 5", "stops");
        check("1 - ann,bob", "bob off capture group:downtown 5", "stops");
        check("1 - ann,bob", "bob off capture cam_two 5", "other cameras");
        check("1 - ann,bob", "bob off capture group:north 5", "other cameras");
        check("1 - ann,bob", "bob on capture all 5", "nothing else");
        check("1 - ann,bob", "bob off asking all 5", "nothing else");
        check("1 - ann,bob", "eve off capture all 5", "may not");
        check("1 - ann,bob", "ann off capture all 5 forged", "does not hold");
        check("1 6 ann,bob", "ann off capture all 5", "ordered on since");
        check("1 5 ann,bob", "ann off capture all 5", "stops");
        check("2 - ann,bob", "ann off capture all 5", "2 signatures");
        check("2 - ann,bob", "ann off capture all 5\nann off capture all 6", "2 signatures");
        check("2 - ann,bob", "ann off capture all 5\nbob off capture all 6", "stops");
        check("2 - ann,bob", "ann off capture all 5\nbob off capture cam_one 6", "differ");
        check("1 - ann,bob", "", "no order");
    }

    #[test]
    fn only_order_files_are_read() {
        for bad in ["", "{}", r#"{"v":1,"orders":[]}"#, r#"{"v":2,"orders":[]}"#, "[1]"] {
            assert!(OrderFile::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
