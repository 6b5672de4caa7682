//! Mail on its way to a server on this machine.

use crate::notice;
use base::Secret;
use deliver::{Email, Next, Security, Smtp};
use std::time::Duration;
use testkit::peers::MailSink;

fn way(port: u16) -> Email {
    Email::new(&Smtp {
        host: "127.0.0.1".into(),
        port,
        security: Security::None,
        from: "Homeplate <homeplate@c.example>".into(),
        login: None,
    })
    .unwrap()
}

#[test]
fn a_mail_arrives_once_and_whole() {
    let sink = MailSink::start().unwrap();
    way(sink.port()).send("dora@c.example", &notice()).unwrap();
    let mails = sink.wait(1, Duration::from_secs(10));
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["dora@c.example"]);
    let text = mails[0].plain();
    for part in [
        "Subject: Hit 4711",
        "From: Homeplate <homeplate@c.example>",
        "Message-ID: <msg_0123abcd@c.example>",
        "A hit waits for somebody to compare.",
        "https://plates.c.example/console/hits/hit_1",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_the_server_says_decides_what_follows() {
    let sink = MailSink::start().unwrap();
    for (answer, next) in [
        ("550 no such mailbox", Next::Never),
        ("553 not a mailbox", Next::Never),
        ("550 5.1.1 no such mailbox", Next::Never),
        ("550 5.4.1 Recipient address rejected: Access denied", Next::Never),
        // The city's settings, which somebody mends.
        ("550 5.7.1 relaying denied", Next::Again(None)),
        ("550 relay not permitted", Next::Again(None)),
        ("553 5.7.1 sender address rejected: not owned by user", Next::Again(None)),
        ("451 later", Next::Again(None)),
        ("452 full", Next::Again(None)),
        ("535 who are you", Next::Again(None)),
        ("554 blocked", Next::Again(None)),
    ] {
        sink.refuse(Some(answer));
        let failure = way(sink.port()).send("dora@c.example", &notice()).unwrap_err();
        assert_eq!(failure.next, next, "{answer}");
        assert!(!failure.error.message().contains("dora"), "{}", failure.error);
    }
    assert!(sink.wait(1, Duration::ZERO).is_empty());
    sink.refuse(None);
    way(sink.port()).send("dora@c.example", &notice()).unwrap();
}

/// A line that breaks once is tried again soon; one that does so again may have taken the message each time.
#[test]
fn a_server_that_takes_a_message_without_a_word() {
    let sink = MailSink::start().unwrap();
    sink.hang_up(true);
    let way = way(sink.port());
    let hour = Some(Duration::from_secs(3600));
    for next in [None, hour, hour] {
        let failure = way.send("dora@c.example", &notice()).unwrap_err();
        assert_eq!(failure.next, Next::Again(next));
    }
    assert_eq!(sink.wait(3, Duration::from_secs(10)).len(), 3);
    sink.hang_up(false);
    way.send("dora@c.example", &notice()).unwrap();
}

#[test]
fn a_server_that_is_away_or_speaks_no_tls() {
    let free = testkit::free_port().unwrap();
    let failure = way(free).send("dora@c.example", &notice()).unwrap_err();
    assert_eq!(failure.next, Next::Again(None));
    // A server without STARTTLS gets neither password nor mail.
    let sink = MailSink::start().unwrap();
    let strict = Email::new(&Smtp {
        host: "127.0.0.1".into(),
        port: sink.port(),
        security: Security::Starttls,
        from: "homeplate@c.example".into(),
        login: Some(("homeplate".into(), Secret::new("hush".into()))),
    })
    .unwrap();
    let failure = strict.send("dora@c.example", &notice()).unwrap_err();
    assert_eq!(failure.next, Next::Again(None));
    assert!(sink.wait(1, Duration::ZERO).is_empty());
}
