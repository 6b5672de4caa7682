//! Orders that people give at the console, signed with their passkeys; and what waits for more signatures.
//!
//! A passkey signs the canonical text of the whole order. The signature goes into the private half of the order's log
//! entry, where an auditor can check it against the public key that the log has of that passkey. A camera stops because
//! no lease is renewed; for an order that erases it is told the signatures too, and checks them by what its lease says.

use crate::{City, Ordered};
use base::{CameraId, Error, OrderId, PersonId, Result, Signed, Time, canonical};
use identity::{Signature, SignerKey, machine_of};
use ledger::Leaf;
use policy::Action;
use read::{Level, Order, Power, SpoolOrder, Touched};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

/// How long signatures are collected, in milliseconds.
const WINDOW_MS: i64 = 24 * 3_600_000;

/// An order as somebody gave it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Hand {
    /// Signed with a passkey.
    Passkey(Touched),
    /// Signed with a key file.
    Key(Signed<Order>),
}

impl Hand {
    /// What it says.
    pub fn order(&self) -> &Order {
        match self {
            Hand::Key(signed) => signed.unverified(),
            Hand::Passkey(touched) => &touched.order,
        }
    }

    /// As cameras can check it.
    pub fn signed(&self) -> Option<&Signed<Order>> {
        match self {
            Hand::Key(signed) => Some(signed),
            Hand::Passkey(_) => None,
        }
    }

    /// With a passkey's signature.
    pub fn touched(&self) -> Option<&Touched> {
        match self {
            Hand::Passkey(touched) => Some(touched),
            Hand::Key(_) => None,
        }
    }
}

/// What somebody wants to order at the console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewOrder {
    /// Off or on.
    pub power: Power,
    /// What is switched.
    pub level: Level,
    /// One camera; every camera where neither it nor a group is named.
    pub camera: Option<CameraId>,
    /// A group of cameras.
    pub group: Option<String>,
    /// What becomes of what the cameras have not delivered; it stays where this is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spool: Option<SpoolOrder>,
    /// Off from this moment on; at once where it is absent.
    pub from: Option<Time>,
    /// Off until before this moment.
    pub until: Option<Time>,
    /// Why; it is public.
    pub reason: String,
}

/// An order that waits for more signatures.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderWaiting {
    /// What is ordered, in the words of who ordered it first.
    #[schema(value_type = Object)]
    pub order: NewOrder,
    /// What those are called who have ordered it.
    pub by: Vec<String>,
    /// How many are needed.
    pub needed: u32,
    /// When the first of the signatures counts no longer.
    pub until: Time,
    /// Whether the person who asks is among them.
    pub mine: bool,
}

impl City {
    /// The bytes that a person signs with their passkey for an order, now. An order that would be refused is not
    /// signed either.
    pub fn order_to_sign(&self, by: &PersonId, new: &NewOrder) -> Result<Vec<u8>> {
        if machine_of(by).is_some() {
            return Err(Error::forbidden("Orders are for people to give."));
        }
        let now = self.now();
        let order = Order {
            id: OrderId::new(now, base::random()),
            power: new.power,
            level: new.level,
            camera: new.camera.clone(),
            group: new.group.clone(),
            spool: new.spool,
            from: new.from,
            until: new.until,
            by: by.clone(),
            at: now,
            reason: new.reason.trim().to_owned(),
        };
        self.may_order(&order)?;
        self.check_order(&order)?;
        self.check_beginning(&order)?;
        self.touched(&order)?;
        order.text(&self.origin())
    }

    /// Carries out an order that was signed so, as [`City::order`] does.
    pub fn order_touched(
        &self,
        by: &PersonId,
        key: &SignerKey,
        signature: &Signature,
        message: &[u8],
    ) -> Result<Ordered> {
        #[derive(Deserialize)]
        struct Message {
            order: Order,
        }
        let unlike = || Error::conflict("The order is not the one that was signed; sign it again.");
        let Message { order } = serde_json::from_slice(message).map_err(|e| unlike().because(e))?;
        if order.text(&self.origin())? != message {
            return Err(unlike());
        }
        if order.by != *by {
            return Err(Error::forbidden("An order is sent by the person who signed it."));
        }
        let hand = Hand::Passkey(Touched {
            order,
            passkey: key.to_string(),
            signature: signature.to_string(),
        });
        self.hand_holds(&hand)?;
        self.give(hand)
    }

    /// Whether the person of an order may give it, and the signature under it is theirs.
    pub(crate) fn hand_holds(&self, hand: &Hand) -> Result<()> {
        match hand {
            Hand::Key(signed) => self.orderer(signed).map(|_| ()),
            Hand::Passkey(touched) => {
                let person = self.may_order(&touched.order)?;
                let key: SignerKey = touched.passkey.parse()?;
                if !person.signers().contains(&key) {
                    return Err(Error::unauthenticated(
                        "The order is signed with a key of its giver.",
                    ));
                }
                let text = touched.order.text(&self.origin())?;
                key.verify(&text, &touched.signature.parse()?)
            }
        }
    }

    /// The entry of an order with a commitment to the passkeys' signatures under it, where there are any.
    pub(crate) fn with_touches(&self, leaf: Leaf, orders: &[Hand]) -> Result<Leaf> {
        let touches: Vec<&Touched> = orders.iter().filter_map(Hand::touched).collect();
        let (Some(id), false) = (leaf.id.clone(), touches.is_empty()) else { return Ok(leaf) };
        let body = canonical(&json!({ "order": id, "signed": touches }))
            .map_err(|e| Error::internal("The signatures cannot be kept.").because(e))?;
        // A name of its own: an order whose entry failed is given again with new signatures.
        let record = format!("sig_{}", base::hex(&base::random::<16>()));
        let (_, commitment) = self.keep_record("order", &record, &body)?;
        Ok(leaf.fact("signatures", record).body(commitment))
    }

    /// Orders that wait for more signatures, for those who may give some; the oldest first.
    pub fn orders_waiting(&self, by: &PersonId) -> Result<Vec<OrderWaiting>> {
        self.allowed(by, Action::SwitchOff)
            .or_else(|e| self.allowed(by, Action::SwitchOn).map_err(|_| e))?;
        let now = self.now();
        let name = |id: &PersonId| self.person(id).map_or_else(|_| id.to_string(), |p| p.name);
        let mut out: Vec<(Order, OrderWaiting)> = Vec::new();
        let mut waiting = self.switches().waiting();
        waiting.sort_by_key(|(at, _)| *at);
        for (at, hand) in waiting.into_iter().filter(|(at, _)| now.since(*at) <= WINDOW_MS) {
            let order = hand.order();
            match out.iter_mut().find(|(other, _)| other.same(order)) {
                Some((_, line)) => {
                    line.by.push(name(&order.by));
                    line.mine |= order.by == *by;
                }
                None => {
                    let line = OrderWaiting {
                        order: NewOrder {
                            power: order.power,
                            level: order.level,
                            camera: order.camera.clone(),
                            group: order.group.clone(),
                            spool: order.spool,
                            from: order.from,
                            until: order.until,
                            reason: order.reason.clone(),
                        },
                        by: vec![name(&order.by)],
                        needed: self.needed(order.power),
                        until: at.plus_millis(WINDOW_MS),
                        mine: order.by == *by,
                    };
                    out.push((order.clone(), line));
                }
            }
        }
        Ok(out.into_iter().map(|(_, line)| line).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, clerk, person};
    use base::{Kind, SigningKey};

    fn new(power: Power) -> NewOrder {
        NewOrder {
            power,
            level: Level::Capture,
            camera: None,
            group: None,
            spool: None,
            from: None,
            until: None,
            reason: "A vote.".into(),
        }
    }

    fn give(town: &Town, key: &SigningKey, power: Power) -> Result<Ordered> {
        let message = town.city.order_to_sign(&person(), &new(power))?;
        let signature = Signature::Ed25519(key.sign(&message));
        town.city.order_touched(&person(), &key.public().into(), &signature, &message)
    }

    #[test]
    fn off_at_the_console_is_on_the_log_with_its_signature() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let done = give(&town, &town.admin_key, Power::Off).unwrap();
        let camera = "cam_one".parse().unwrap();
        assert!(town.city.capture_allowed(&camera).is_err());
        let leaf = town.logged("order.off").remove(0);
        assert_eq!(leaf.id, Some(done.id.to_string()));
        // An auditor finds what was signed.
        let record = town.city.audit_record(&person(), done.log_entry).unwrap();
        let body = custody::open_record(&town.auditors, &record.sealed).unwrap();
        let salt: [u8; 32] = base::unb64(&record.salt).unwrap().try_into().unwrap();
        assert_eq!(ledger::commitment(&salt, body.expose()), leaf.body.unwrap());
        let said: serde_json::Value = serde_json::from_slice(body.expose()).unwrap();
        let touched: Touched = serde_json::from_value(said["signed"][0].clone()).unwrap();
        town.city.hand_holds(&Hand::Passkey(touched)).unwrap();
        // Cameras are told to stop, and given nothing to erase for.
        let word = town.city.word(&camera).unwrap();
        assert!(!word.on && word.orders.is_empty());
    }

    /// What is signed says that it erases; the city takes nothing more, and cameras have what they check it by.
    #[test]
    fn an_order_that_erases_comes_to_cameras_with_its_signature() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let erase = NewOrder { spool: Some(SpoolOrder::Erase), ..new(Power::Off) };
        let message = town.city.order_to_sign(&person(), &erase).unwrap();
        let said: serde_json::Value = serde_json::from_slice(&message).unwrap();
        assert_eq!(said["order"]["spool"], "erase");
        let signature = Signature::Ed25519(town.admin_key.sign(&message));
        // Without that word it is another order.
        let mut other = said.clone();
        other["order"].as_object_mut().unwrap().remove("spool");
        let other = canonical(&other).unwrap();
        let key = town.admin_key.public().into();
        let e = town.city.order_touched(&person(), &key, &signature, &other).unwrap_err();
        assert_eq!(e.kind(), Kind::Unauthenticated);
        town.city.order_touched(&person(), &key, &signature, &message).unwrap();
        assert_eq!(town.logged("order.off")[0].text("spool"), Some("erase"));
        let camera = "cam_one".parse().unwrap();
        let word = town.city.word(&camera).unwrap();
        assert!(!word.on && word.orders.is_empty() && word.touched.len() == 1);
        town.city.hand_holds(&Hand::Passkey(word.touched[0].clone())).unwrap();
        assert!(town.city.public().unwrap().orders[0].erases);
        // Nothing is erased for being switched on, or where capture goes on.
        for bad in [
            NewOrder { power: Power::On, ..erase.clone() },
            NewOrder { level: Level::Asking, ..erase },
        ] {
            let e = town.city.order_to_sign(&clerk(), &bad).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid);
        }
    }

    #[test]
    fn a_signature_is_good_for_its_order_alone() {
        let town = Town::new("2026-11-23T12:00:00Z", "");
        let message = town.city.order_to_sign(&person(), &new(Power::Off)).unwrap();
        let signature = Signature::Ed25519(town.admin_key.sign(&message));
        let check = |by: &PersonId, key: &SigningKey, signature: &Signature, message: &[u8]| {
            let done = town.city.order_touched(by, &key.public().into(), signature, message);
            let e = done.unwrap_err();
            assert!(town.logged("order.off").is_empty());
            e.kind()
        };
        let other = SigningKey::generate();
        assert_eq!(check(&clerk(), &town.admin_key, &signature, &message), Kind::Forbidden);
        assert_eq!(check(&person(), &other, &signature, &message), Kind::Unauthenticated);
        let another = town.city.order_to_sign(&person(), &new(Power::Off)).unwrap();
        assert_eq!(check(&person(), &town.admin_key, &signature, &another), Kind::Unauthenticated);
        let spaced = [b" ", message.as_slice()].concat();
        assert_eq!(check(&person(), &town.admin_key, &signature, &spaced), Kind::Conflict);
        town.clock.advance(11 * 60_000);
        assert_eq!(check(&person(), &town.admin_key, &signature, &message), Kind::Invalid);
    }

    /// Where two are needed, a passkey and a key file count alike, over a restart too.
    #[test]
    fn what_waits_for_signatures_is_listed() {
        let town = Town::new("2026-11-23T12:00:00Z", "[switch]\noff_signatures = 2\n");
        let e = give(&town, &town.admin_key, Power::Off).unwrap_err();
        assert_eq!(e.kind(), Kind::Conflict);
        let waiting = town.city.orders_waiting(&clerk()).unwrap();
        assert_eq!((waiting.len(), waiting[0].needed, waiting[0].mine), (1, 2, false));
        assert!(town.city.orders_waiting(&person()).unwrap()[0].mine);
        let copy = town.copy();
        let again = copy.open().unwrap();
        assert_eq!(again.orders_waiting(&clerk()).unwrap().len(), 1);
        let nobody: PersonId = "per_nobody".parse().unwrap();
        assert_eq!(again.orders_waiting(&nobody).unwrap_err().kind(), Kind::NotFound);
        town.clock.advance(WINDOW_MS + 1);
        assert!(town.city.orders_waiting(&clerk()).unwrap().is_empty());
    }

    #[test]
    fn who_may_not_order_signs_nothing() {
        let town = Town::new("2026-11-23T12:00:00Z", "[switch]\noff_by = [\"clerk\"]\n");
        let check = |by: &PersonId, order: &NewOrder| {
            town.city.order_to_sign(by, order).err().map(|e| e.kind())
        };
        assert_eq!(check(&person(), &new(Power::Off)), Some(Kind::Forbidden));
        assert_eq!(check(&clerk(), &new(Power::Off)), None);
        let silent = NewOrder { reason: " ".into(), ..new(Power::Off) };
        assert_eq!(check(&clerk(), &silent), Some(Kind::Invalid));
        let timed = NewOrder { from: Some(town.city.now()), ..new(Power::On) };
        assert_eq!(check(&clerk(), &timed), Some(Kind::Invalid));
        let past = Some(town.city.now().plus_millis(-11 * 60_000));
        let before = NewOrder { from: past, ..new(Power::Off) };
        assert_eq!(check(&clerk(), &before), Some(Kind::Invalid));
        let nowhere = NewOrder { group: Some("x".into()), ..new(Power::Off) };
        assert_eq!(check(&clerk(), &nowhere), Some(Kind::NotFound));
    }
}
