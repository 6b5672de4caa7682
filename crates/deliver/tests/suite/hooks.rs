//! Receivers of webhooks: honest ones, slow ones, and those that want to send the city elsewhere.

use base::{Time, b64};
use deliver::{HookSecret, Next, Outcome, Reach, Webhook, signature};
use std::time::{Duration, Instant};
use testkit::peers::{Does, WebSink};

const BODY: &[u8] = b"{\"type\":\"hit.raised\"}";
const NOW: i64 = 1_700_000_000;
/// Short, so that a receiver that hangs holds up no test.
const PATIENCE: Duration = Duration::from_millis(1500);

fn secret() -> HookSecret {
    HookSecret::parse(&format!("whsec_{}", b64(&[7; 32]))).unwrap()
}

fn send(url: &str, reach: Reach) -> Outcome {
    let hook = Webhook::patient(url, secret(), reach, PATIENCE).unwrap();
    hook.send("msg_1", BODY, Time::from_millis(NOW * 1000 + 999))
}

#[test]
fn a_receiver_can_check_what_it_gets() {
    let sink = WebSink::start([]).unwrap();
    send(&sink.url("/in?x=1"), Reach::LOCAL).unwrap();
    let request = sink.wait(1, Duration::from_secs(10)).remove(0);
    assert_eq!((request.path.as_str(), request.body.as_slice()), ("/in?x=1", BODY));
    assert_eq!(request.header("webhook-id"), Some("msg_1"));
    assert_eq!(request.header("webhook-timestamp"), Some("1700000000"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let signed = signature(&secret(), "msg_1", NOW, BODY);
    assert_eq!(request.header("webhook-signature"), Some(signed.as_str()));
    for (id, at, body) in
        [("msg_2", NOW, BODY), ("msg_1", NOW + 1, BODY), ("msg_1", NOW, &b"{}"[..])]
    {
        assert_ne!(signature(&secret(), id, at, body), signed, "{id} {at}");
    }
}

#[test]
fn what_a_receiver_answers_decides_what_follows() {
    let sink = WebSink::start([]).unwrap();
    let minute = Some(Duration::from_secs(60));
    for (does, next) in [
        (Does::Answers(200, ""), None),
        (Does::Answers(204, ""), None),
        (Does::Answers(500, ""), Some(Next::Again(None))),
        (Does::Answers(503, "retry-after: 60\r\n"), Some(Next::Again(minute))),
        (Does::Answers(429, "retry-after: 9999999\r\n"), Some(Next::Again(minute.map(|m| m * 60)))),
        (Does::Answers(404, ""), Some(Next::Again(None))),
        (Does::Answers(410, ""), Some(Next::Gone)),
    ] {
        sink.then(does.clone());
        let outcome = send(&sink.url("/"), Reach::LOCAL);
        assert_eq!(outcome.err().map(|failure| failure.next), next, "{does:?}");
    }
}

#[test]
fn a_receiver_that_never_ends_is_left() {
    for does in [Does::Hangs, Does::EndlessHead] {
        let sink = WebSink::start([does.clone()]).unwrap();
        let begun = Instant::now();
        let failure = send(&sink.url("/"), Reach::LOCAL).unwrap_err();
        assert_eq!(failure.next, Next::Again(None), "{does:?}");
        // Ten times what it may take: this is about never coming back.
        assert!(begun.elapsed() < PATIENCE * 10, "{does:?}");
    }
    // The status is enough; of the body nothing is read.
    let sink = WebSink::start([Does::EndlessBody]).unwrap();
    send(&sink.url("/"), Reach::LOCAL).unwrap();
}

#[test]
fn a_redirect_is_not_followed() {
    let inside = WebSink::start([]).unwrap();
    let to_loopback: &'static str =
        Box::leak(format!("location: {}\r\n", inside.url("/stolen")).into_boxed_str());
    for head in [
        to_loopback,
        "location: http://169.254.169.254/latest/meta-data/\r\n",
        "location: /elsewhere\r\n",
    ] {
        for status in [301, 302, 303, 307, 308] {
            let sink = WebSink::start([Does::Answers(status, head)]).unwrap();
            let failure = send(&sink.url("/"), Reach::LOCAL).unwrap_err();
            assert_eq!(failure.next, Next::Again(None));
            assert!(failure.error.message().contains("redirect"), "{}", failure.error);
            assert_eq!(sink.wait(2, Duration::ZERO).len(), 1, "{head}");
        }
    }
    assert!(inside.wait(1, Duration::ZERO).is_empty(), "nothing came in behind the redirect");
}

#[test]
fn nothing_is_sent_into_the_house() {
    let inside = WebSink::start([]).unwrap();
    let port = inside.port();
    let plain = Reach { plain: true, local: false };
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        // Other spellings of the same, which the resolver of the system understands.
        "2130706433",
        "0x7f000001",
        "127.1",
        "017700000001",
    ] {
        let outcome = send(&format!("http://{host}:{port}/"), plain);
        assert!(outcome.is_err(), "{host}");
    }
    for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"] {
        for reach in [plain, Reach::LOCAL] {
            let failure = send(&format!("http://{host}:{port}/"), reach).unwrap_err();
            let said = failure.error.message().to_owned();
            assert!(said.contains("local network"), "{host}: {said}");
        }
    }
    assert!(inside.wait(1, Duration::ZERO).is_empty());
    assert!(Webhook::new(&format!("http://c.example:{port}/"), secret(), Reach::PUBLIC).is_err());
}
