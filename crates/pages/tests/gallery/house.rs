//! Sample views of the house: papers, people and their passkeys, tokens, devices.

use crate::samples::{Maker, Out};
use pages::*;

/// Each with its name.
pub fn all(m: &Maker, out: &mut Out) {
    papers(m, out);
    people(m, out);
    passkeys(m, out);
    tokens(m, out);
    devices(m, out);
    notify(m, out);
}

fn notify(m: &Maker, out: &mut Out) {
    let page = |decides, there: bool, address: Option<&str>, full: bool| NotifyPage {
        page: m.at(Place::Hits),
        wrong: if full { vec![] } else { vec![m.wrong("address", "Write one e-mail address.")] },
        decides,
        mail_there: there,
        address: address.map(|a| m.s(a)),
        mail: full,
        pending: (!full).then(|| m.s("dora.castellanos@oakhollow.example")),
        confirm: if full { String::new() } else { m.s("0f2c1d7be04a6c") },
        sent: m.s("dora@"),
        push_key: if there {
            m.s("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORc")
        } else {
            String::new()
        },
        browsers: if full {
            vec![BrowserView {
                id: m.s("brw_5tr9"),
                name: m.s("My phone"),
                at: m.s("2026-11-01 08:00"),
            }]
        } else {
            vec![]
        },
        tried: full.then(|| {
            let failed = Some(m.s("The push service knows this browser no longer."));
            vec![
                TriedView { to: m.s("dora@oakhollow.example"), failed: None },
                TriedView { to: m.s("My phone"), failed },
            ]
        }),
        last: if full {
            ["sent", "given-up", "waiting", "needless"]
                .map(|state| LastView {
                    number: 4711,
                    at: m.s("2026-11-23 08:19 UTC"),
                    state: m.own(state),
                    said: (state == "given-up").then(|| m.s("The mail server cannot be reached.")),
                })
                .to_vec()
        } else {
            vec![]
        },
    };
    out.push(("notify", render(&page(true, true, Some("dora@oakhollow.example"), true))));
    out.push(("notify-new", render(&page(true, true, None, false))));
    out.push(("notify-none", render(&page(false, false, None, false))));
}

fn papers(m: &Maker, out: &mut Out) {
    let paper = |kind: &str, reference: &str, agency: &str, state: &str| PaperView {
        id: m.s("pap_5c1093a7c2b1e47d109f2c1d7be04a6c"),
        kind: m.s(kind),
        reference: m.s(reference),
        agency: if agency.is_empty() { String::new() } else { m.s(agency) },
        agency_name: if agency.is_empty() { String::new() } else { m.s("Marshals") },
        nameless: kind == "declaration" && agency.is_empty(),
        for_holds: kind == "judicial-warrant",
        by: m.s("Ines Duarte"),
        at: m.s("2026-11-20 14:05 UTC"),
        until: m.s("2026-12-20 00:00 UTC"),
        state: m.own(state),
        log_entry: 47_210,
    };
    let page = |papers, wrong, case_format| PapersPage {
        page: m.at(Place::Papers),
        wrong,
        papers,
        kinds: m.choices(&["judicial-warrant", "declaration", "case"], &["judicial-warrant"]),
        agencies: m.choices(&["county", "state", "federal", "court"], &["county"]),
        form: PaperForm {
            reference: m.s("SC-2026-1190"),
            agency_name: m.s("Sheriff"),
            key: String::new(),
            until: m.s("2026-12-20T00:00"),
        },
        case_format,
        zone: m.s("UTC"),
    };
    let some = vec![
        paper("judicial-warrant", "SC-2026-1182", "federal", "valid"),
        paper("case", "26-0417", "", "expiring"),
        paper("declaration", "MOU-14", "", "valid"),
    ];
    let wrong = vec![m.wrong("reference", "Give the paper's number in 1 to 100 characters.")];
    out.push(("papers", render(&page(some, wrong, Some(m.s("##-####*"))))));
    out.push(("papers-empty", render(&page(vec![], vec![], None))));
}

fn people(m: &Maker, out: &mut Out) {
    let roles = [
        "officer",
        "detective",
        "supervisor",
        "dispatcher",
        "clerk",
        "counsel",
        "auditor",
        "administrator",
    ];
    let person = |name: &str, role: &str, state: &str| PersonView {
        id: m.s("per_5tr9kq2v"),
        name: m.s(name),
        office: m.s("police"),
        roles: m.all(&[role]),
        state: m.own(state),
        ended: (state == "ended").then(|| m.s("2026-03-01")),
        key: role == "supervisor",
        passkeys: if state == "active" { 2 } else { 0 },
        last_seen: (state == "active").then(|| m.s("2026-11-23 07:58 UTC")),
        lost: None,
        own: false,
        may_return: false,
    };
    let lost = |may_confirm| {
        let (by, until) = (m.s("Lena Brandt"), m.s("2026-11-24 07:40 UTC"));
        Some(LostView { by, until, may_confirm })
    };
    let page = |people, wrong, invitation| PeoplePage {
        page: m.at(Place::People),
        wrong,
        people,
        roles: m.choices(&roles, &["officer"]),
        form: InviteForm { name: m.s("Ana Ruiz"), office: m.s("police") },
        invitation,
    };
    let some = vec![
        PersonView { own: true, ..person("Dora Castellanos", "supervisor", "active") },
        PersonView { lost: lost(true), ..person("Sam Okafor", "officer", "active") },
        PersonView { lost: lost(false), ..person("Kim Lee", "detective", "active") },
        person("Ines Duarte", "clerk", "active"),
        person("Ana Ruiz", "officer", "invited"),
        person("Jo Park", "dispatcher", "ended"),
        PersonView { may_return: true, ..person("Max Weber", "officer", "ended") },
    ];
    let invitation = InvitationView {
        name: m.s("Ana Ruiz"),
        link: m.s("https://plates.oakhollow.example/console/join?code=k7qm-2vx7-b4cj-hg8w"),
        until: m.s("2026-11-25 08:20 UTC"),
    };
    out.push(("people", render(&page(some, vec![], Some(invitation)))));
    let wrong = vec![m.wrong("roles", "Tick at least one role.")];
    out.push(("people-empty", render(&page(vec![], wrong, None))));
}

fn passkeys(m: &Maker, out: &mut Out) {
    let passkey = |label: &str, used: Option<&str>| PasskeyView {
        id: m.s("kQm2vX7bN4cJ1hG8"),
        label: m.s(label),
        added: m.s("2026-03-01 08:00:00 UTC"),
        used: used.map(|used| m.s(used)),
    };
    let page = |passkeys, may_remove, wrong| PasskeysPage {
        page: m.at(Place::Hits),
        wrong,
        passkeys,
        may_remove,
    };
    let some = vec![
        passkey("office computer", Some("2026-11-23 07:58:00 UTC")),
        passkey("blue security key", None),
    ];
    let wrong = vec![m.wrong("", "You have no such passkey; it may be removed already.")];
    out.push(("passkeys", render(&page(some, true, wrong))));
    out.push(("passkeys-one", render(&page(vec![passkey("phone", None)], false, vec![]))));
    out.push(("passkeys-none", render(&page(vec![], true, vec![]))));
}

fn tokens(m: &Maker, out: &mut Out) {
    let token = |name: &str, state: &str, used: Option<&str>| TokenView {
        id: m.s("hpt_8f1093a7c2b1"),
        name: m.s(name),
        scopes: m.all(&["ViewHits", "ViewTraffic"]),
        by: m.s("Dora Castellanos"),
        at: m.s("2026-08-01"),
        until: m.s("2026-12-31"),
        last_used: used.map(|u| m.s(u)),
        state: m.own(state),
    };
    let page = |tokens, scopes, fresh| TokensPage {
        page: m.at(Place::Tokens),
        wrong: vec![],
        tokens,
        scopes,
        form: TokenForm { name: m.s(""), until: m.s("2027-01-31") },
        fresh,
    };
    let some = vec![
        token("Dispatch board", "active", Some("2026-11-23 08:19 UTC")),
        token("Old import", "revoked", None),
    ];
    let scopes = m.choices(&["ViewHits", "EditHotList", "EnrolCamera"], &["ViewHits"]);
    let fresh = m.s("hpt_8f1093a7c2b1_5tR9kQm2vX7bN4cJ1hG8wZ3yL6pF0dS");
    out.push(("tokens", render(&page(some, scopes, Some(fresh)))));
    out.push(("tokens-empty", render(&page(vec![], vec![], None))));
}

fn devices(m: &Maker, out: &mut Out) {
    let device = |name: &str, class: &str, state: &str| DeviceView {
        id: m.s("dev_5tr9kq2v"),
        name: m.s(name),
        class: m.s(class),
        by: m.s("Dora Castellanos"),
        at: m.s("2026-08-01"),
        state: m.own(state),
    };
    let page = |devices, wrong, fresh| DevicesPage {
        page: m.at(Place::Devices),
        wrong,
        devices,
        classes: m.choices(&["desk", "vehicle", "receive-only", "other"], &["desk"]),
        called: m.s("Car 12"),
        fresh,
    };
    let some = vec![
        device("Front desk", "desk", "active"),
        device("Dispatch wall", "receive-only", "active"),
        device("Car 7", "vehicle", "revoked"),
    ];
    let fresh = DeviceCodeView {
        name: m.s("Car 12"),
        link: m.s("https://plates.oakhollow.example/console/device?code=k7qm-2vx7-b4cj-hg8w"),
        code: m.s("k7qm-2vx7-b4cj-hg8w"),
    };
    out.push(("devices", render(&page(some, vec![], Some(fresh)))));
    let wrong = vec![m.wrong("name", "Give the device a name of 1 to 80 characters.")];
    out.push(("devices-empty", render(&page(vec![], wrong, None))));
}
