//! What can be confirmed with a passkey: each sort says which bytes are signed, and what follows.
//!
//! The signature is verified by anybody who has these bytes ([`identity::SignerKey::verify`]), so they must say
//! all that is confirmed.

use crate::console::ask::question;
use crate::console::form::Fields;
use crate::console::orders::{ORDERS, order_of};
use crate::problem::note;
use crate::state::AppState;
use base::{Error, PersonId, Result, canonical};
use city::{City, NewSignature};
use identity::{Signature, SignerKey};
use serde_json::{Value, json};
use std::sync::Arc;

/// Something that was confirmed.
pub(crate) struct Confirmed {
    /// By whom.
    pub person: PersonId,
    /// With which passkey.
    pub key: SignerKey,
    /// The signature over `message`.
    pub signature: Signature,
    /// What was signed.
    pub message: Vec<u8>,
    /// What the page had sent to `start`.
    pub fields: Value,
}

/// A sort of thing that is confirmed.
pub(crate) trait Sort: Send + Sync {
    /// The bytes to sign for these fields, or none where nobody has to; an error where this person could not do it
    /// anyway.
    fn message(&self, city: &City, who: &PersonId, fields: &Value) -> Result<Option<Vec<u8>>>;

    /// It was signed: does it, and gives the page to go on with.
    fn confirmed(&self, city: &City, done: Confirmed) -> Result<String>;
}

/// `again`: nothing but that the person is still there, for pages that want to know it anew.
struct Again;

impl Sort for Again {
    fn message(&self, city: &City, who: &PersonId, _: &Value) -> Result<Option<Vec<u8>>> {
        let said = json!({"what": "again", "person": who, "at": city.now().millis()});
        let said = canonical(&said);
        said.map(Some).map_err(|e| Error::internal("This cannot be confirmed.").because(e))
    }

    fn confirmed(&self, _: &City, done: Confirmed) -> Result<String> {
        done.key.verify(&done.message, &done.signature)?;
        tracing::debug!(person = %done.person, fields = done.fields.is_object(), "verified again");
        Ok("/console".into())
    }
}

/// `sign`: a proposal for other rules, for the office whose key the passkey is.
struct Sign;

impl Sign {
    fn proposal(fields: &Value) -> Result<&str> {
        let id = fields.get("hash").and_then(Value::as_str);
        id.ok_or_else(|| Error::invalid("Say which proposal you sign."))
    }
}

impl Sort for Sign {
    fn message(&self, city: &City, _: &PersonId, fields: &Value) -> Result<Option<Vec<u8>>> {
        city.to_sign(Self::proposal(fields)?).map(Some)
    }

    fn confirmed(&self, city: &City, done: Confirmed) -> Result<String> {
        let id = Self::proposal(&done.fields)?;
        let signed =
            NewSignature { key: done.key.to_string(), signature: done.signature.to_string() };
        let before = city.proposal(id)?.signed.len();
        if let Err(e) = city.sign_proposal(&done.person, id, signed) {
            // What fails behind the signature takes nothing of it back: it is on the log, and the page offers to
            // activate what could not become active with it.
            if city.proposal(id)?.signed.len() == before {
                return Err(e);
            }
            note(&e);
        }
        Ok(format!("/console/proposals/{id}"))
    }
}

/// `ask`: a question, where the city wants it signed. Its form is sent with the answer.
struct Asking;

impl Sort for Asking {
    fn message(&self, city: &City, who: &PersonId, fields: &Value) -> Result<Option<Vec<u8>>> {
        let ask = question(&fields_of(fields))?;
        if !city.must_confirm(&ask) {
            return Ok(None);
        }
        city.to_confirm(who, ask).map(Some)
    }

    fn confirmed(&self, _: &City, _: Confirmed) -> Result<String> {
        Err(Error::invalid("A question is sent with its form; open the page and ask again."))
    }
}

/// `order`: something is switched off or on, for everybody to see.
struct Ordering;

impl Sort for Ordering {
    fn message(&self, city: &City, who: &PersonId, fields: &Value) -> Result<Option<Vec<u8>>> {
        let order = order_of(&fields_of(fields))?;
        city.order_to_sign(who, &order).map(Some)
    }

    fn confirmed(&self, city: &City, done: Confirmed) -> Result<String> {
        let said = city.order_touched(&done.person, &done.key, &done.signature, &done.message);
        match said {
            Ok(_) => Ok(ORDERS.into()),
            // Others have to order it too: the page says how many.
            Err(e) if e.kind() == base::Kind::Conflict => {
                let waiting = city.orders_waiting(&done.person)?;
                if waiting.iter().any(|line| line.mine) { Ok(ORDERS.into()) } else { Err(e) }
            }
            Err(e) => Err(e),
        }
    }
}

/// The fields that a page's script has sent, as its form would have sent them.
pub(crate) fn fields_of(sent: &Value) -> Fields {
    let mut out = Fields::new();
    for (key, value) in sent.as_object().into_iter().flatten() {
        let one = std::slice::from_ref(value);
        let values = value.as_array().map_or(one, Vec::as_slice);
        let texts = values.iter().filter_map(Value::as_str);
        out.extend(texts.map(|text| (key.clone(), text.to_owned())));
    }
    out
}

impl AppState {
    /// The sort that `what` names.
    pub(crate) fn sort_of(&self, fields: &Value) -> Result<Arc<dyn Sort>> {
        let named: Option<Arc<dyn Sort>> = match fields.get("what").and_then(Value::as_str) {
            Some("again") => Some(Arc::new(Again)),
            Some("sign") => Some(Arc::new(Sign)),
            Some("ask") => Some(Arc::new(Asking)),
            Some("order") => Some(Arc::new(Ordering)),
            _ => None,
        };
        named.ok_or_else(|| Error::invalid("There is nothing of this sort to confirm."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scripts_fields_are_a_forms() {
        let check = |sent: Value, want: &[(&str, &str)]| {
            let got = fields_of(&sent);
            let got: Vec<_> = got.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
            assert_eq!(got, want, "{sent}");
        };
        check(
            json!({"cameras": ["a", "b"], "x": "1"}),
            &[("cameras", "a"), ("cameras", "b"), ("x", "1")],
        );
        check(json!({"x": 1, "y": null, "z": ["a", 2]}), &[("z", "a")]);
        check(json!([]), &[]);
        check(json!("x"), &[]);
    }
}
