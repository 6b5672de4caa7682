//! Every way out against somebody real at its end: a mail server, a push service that decrypts what it gets,
//! receivers of webhooks that mean well and others that do not.

mod fetch;
mod hooks;
mod mail;
mod push;
mod tls;

use deliver::Notice;

fn notice() -> Notice {
    Notice {
        id: "msg_0123abcd".into(),
        heading: "Hit 4711".into(),
        text: "A hit waits for somebody to compare.".into(),
        link: "https://plates.c.example/console/hits/hit_1".into(),
        topic: "hit_1".into(),
    }
}
