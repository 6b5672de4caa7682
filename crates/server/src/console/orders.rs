//! Orders at the console: off is easy and takes one person (or as many as the city says), on takes the full number.
//! Each signs with a passkey; what waits for more signatures, what is in force, and the receipts.

use super::form::{Fields, field, moment, some};
use super::{Shown, Signed, failed, sign_in, signed, word};
use crate::auth::Shared;
use crate::chrome::{Visitor, around, signed_in};
use axum::extract::{Form, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use base::{Error, Result as Done};
use city::{City, NewOrder, OrderWaiting, Public, PublicOrder};
use pages::{OrderLine, OrderWaits, OrdersPage, Place, Reach, render};
use read::{Level, Power, SpoolOrder};

/// Where one comes to afterwards.
pub(crate) const ORDERS: &str = "/console/orders";

/// The order that a form says.
pub(crate) fn order_of(fields: &Fields) -> Done<NewOrder> {
    let unclear = |what: &str| Error::invalid(format!("Say {what}."));
    let power = match field(fields, "power") {
        "off" => Power::Off,
        "on" => Power::On,
        _ => return Err(unclear("whether it is switched off or on")),
    };
    let level = match field(fields, "level") {
        "capture" => Level::Capture,
        "asking" => Level::Asking,
        "sharing" => Level::Sharing,
        "job" => Level::Job,
        _ => return Err(unclear("what is switched")),
    };
    let (camera, group) = match field(fields, "whom").split_once(':') {
        Some(("camera", id)) => {
            let id = id.parse().map_err(|_| Error::not_found("There is no such camera."))?;
            (Some(id), None)
        }
        Some(("group", name)) => (None, Some(name.to_owned())),
        _ if field(fields, "whom") == "all" => (None, None),
        _ => return Err(unclear("which cameras")),
    };
    // Nothing is said of it where it stays, so that orders of before are the same.
    let spool = match field(fields, "spool") {
        "erase" => Some(SpoolOrder::Erase),
        "" | "keep" => None,
        _ => return Err(unclear("what becomes of what cameras have not delivered")),
    };
    // What waits for signatures is given again to the millisecond.
    let exact = |name: &str| match some(fields, &format!("{name}_exact")) {
        Some(text) => text.parse().map(Some),
        None => moment(fields, name),
    };
    Ok(NewOrder {
        power,
        level,
        camera,
        group,
        spool,
        from: exact("from")?,
        until: exact("until")?,
        reason: field(fields, "reason").to_owned(),
    })
}

fn whom(new: &NewOrder) -> String {
    match (&new.camera, &new.group) {
        (Some(camera), _) => format!("camera:{camera}"),
        (None, Some(group)) => format!("group:{group}"),
        (None, None) => "all".into(),
    }
}

fn named(public: &Public, id: &str) -> String {
    let found = public.cameras.iter().find(|camera| camera.id.as_str() == id);
    found.map_or_else(|| id.to_owned(), |camera| camera.name.clone())
}

fn waits(line: OrderWaiting, public: &Public, shown: Shown<'_>) -> OrderWaits {
    let new = line.order;
    OrderWaits {
        power: word(new.power),
        level: word(new.level),
        whom: whom(&new),
        named: match (&new.camera, &new.group) {
            (Some(camera), _) => named(public, camera.as_str()),
            (None, group) => group.clone().unwrap_or_default(),
        },
        from: new.from.map(|t| (shown.of(t), t.to_string())),
        until: new.until.map(|t| (shown.of(t), t.to_string())),
        erases: new.spool == Some(SpoolOrder::Erase),
        reason: new.reason,
        by: line.by.join(", "),
        have: line.by.len() as u64,
        needed: line.needed.into(),
        lapses: shown.of(line.until),
        mine: line.mine,
    }
}

fn line(order: &PublicOrder, public: &Public, shown: Shown<'_>) -> OrderLine {
    let cameras = order.cameras.iter().flatten().map(|id| named(public, id.as_str()));
    OrderLine {
        id: order.id.to_string(),
        named: match &order.group {
            Some(group) => group.clone(),
            None => cameras.collect::<Vec<_>>().join(", "),
        },
        begun: order.begun,
        from: shown.of(order.from),
        until: order.until.map(|t| shown.of(t)),
        erases: order.erases,
        reason: order.reason.clone(),
    }
}

/// `GET /console/orders`.
pub(crate) async fn list(State(state): Shared, headers: HeaderMap) -> Response {
    let Some(who) = state.visitor(&headers) else { return sign_in(&state, &headers) };
    let flow = move |city: &City| {
        let visitor = Visitor::of(city, &who)?;
        Ok((city.orders_waiting(&who)?, city.present()?, visitor))
    };
    match state.run_first(flow).await {
        Ok((waiting, public, visitor)) => {
            let shown = Shown::of_city(&state);
            let config = state.city.config();
            let mut reaches: Vec<Reach> = Vec::new();
            for group in config.switch.groups.keys() {
                reaches.push(Reach {
                    value: format!("group:{group}"),
                    name: group.clone(),
                    group: true,
                });
            }
            for camera in public.cameras.iter().filter(|camera| camera.retired.is_none()) {
                let value = format!("camera:{}", camera.id);
                reaches.push(Reach { value, name: camera.name.clone(), group: false });
            }
            let (may_off, may_on) = (visitor.may("SwitchOff"), visitor.may("SwitchOn"));
            let there = public.cameras.iter().filter(|camera| camera.retired.is_none());
            let off = there.clone().filter(|camera| !camera.on).count() as u64;
            let page = around(&state, &headers, ORDERS);
            Html(render(&OrdersPage {
                page: signed_in(page, visitor, Place::Orders),
                on: there.count() as u64 - off,
                off,
                levels: public.figures.off.iter().map(|(l, t)| (l.clone(), shown.of(*t))).collect(),
                waiting: waiting.into_iter().map(|one| waits(one, &public, shown)).collect(),
                orders: public.orders.iter().map(|order| line(order, &public, shown)).collect(),
                reaches,
                zone: config.city.time_zone.clone(),
                off_needs: config.switch.off_signatures.into(),
                on_needs: config.switch.on_signatures.into(),
                may_off,
                may_on,
            }))
            .into_response()
        }
        Err(e) => failed(&state, &headers, &e),
    }
}

/// `POST /console/orders`: what holds is what was signed, not the form.
pub(crate) async fn give(
    State(state): Shared,
    headers: HeaderMap,
    Form(form): Form<Signed>,
) -> Response {
    signed(
        &state,
        &headers,
        &form,
        ORDERS,
        "An order is signed with a passkey; open the page again and sign.",
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn a_form_spells_an_order() {
        let whole =
            "power=off&level=capture&whom=group:downtown&from=2026-11-23T18:00&reason=A vote.";
        let order = order_of(&fields(whole)).unwrap();
        assert_eq!((order.power, order.level), (Power::Off, Level::Capture));
        assert_eq!((order.group.as_deref(), order.camera.is_none()), (Some("downtown"), true));
        assert_eq!(order.from.unwrap().to_string(), "2026-11-23T18:00:00.000Z");
        assert_eq!(order.spool, None);
        let spool =
            |word: &str| order_of(&fields(&format!("{whole}&spool={word}"))).map(|o| o.spool);
        assert_eq!(spool("keep").unwrap(), None);
        assert_eq!(spool("erase").unwrap(), Some(SpoolOrder::Erase));
        assert!(spool("burn").is_err());
        let exact = whole.replace("from=2026-11-23T18:00", "from_exact=2026-11-23T18:00:00.123Z");
        let again = order_of(&fields(&exact)).unwrap();
        assert_eq!(again.from.unwrap().to_string(), "2026-11-23T18:00:00.123Z");
        for bad in [
            whole.replace("power=off", "power=out"),
            whole.replace("level=capture", "level=all"),
            whole.replace("whom=group:downtown", "whom="),
            whole.replace("whom=group:downtown", "whom=camera:main street"),
            whole.replace("T18:00", " evening"),
        ] {
            assert!(order_of(&fields(&bad)).is_err(), "{bad}");
        }
    }
}
