//! E-mail through the city's own mail server (SMTP, RFC 5321), by TLS but to this very machine.

use crate::{Failure, Next, Notice, Outcome, PATIENCE};
use base::{Error, Result, Secret};
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Code;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::error::Error as _;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a mail server may take to say that it has taken a message: some look into it first (RFC 5321, 4.5.3.2.6,
/// would wait ten minutes). Each other answer comes within [`PATIENCE`].
const TAKING: Duration = Duration::from_secs(60);
/// A message that it may have taken without a word is not sent again before so long.
const DOUBTFUL: Duration = Duration::from_secs(3600);
/// So many messages that a mail server has hung up on are remembered.
const MOST_DOUBTS: usize = 1000;

/// How the connection to the mail server is kept secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It begins in the clear and goes on by TLS, or ends (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// In the clear: to a mail server on this machine alone.
    None,
}

/// The mail server and whom mail is from.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Its name; its certificate must be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept secret.
    pub security: Security,
    /// `Name <address>`, or an address.
    pub from: String,
    /// Name and password there, where it wants them.
    pub login: Option<(String, Secret<String>)>,
}

/// The way to mailboxes.
pub struct Email {
    host: String,
    port: u16,
    tls: Tls,
    login: Option<Credentials>,
    from: Mailbox,
    /// The ids of messages that it has hung up on without a word.
    doubts: Mutex<HashSet<String>>,
}

/// What the mail server was told last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Who calls.
    Door,
    /// Whom the message is for.
    Recipient,
    /// All of the message; whether it has said nothing of it before.
    Whole { before: bool },
}

/// Whether a text is one e-mail address and nothing else.
pub fn is_address(text: &str) -> bool {
    text.len() <= 254
        && text.is_ascii()
        && text
            .parse::<Address>()
            .is_ok_and(|a| a.domain().contains('.') || a.domain() == "localhost")
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Email {
    /// Checks what is given; nothing is connected to yet.
    pub fn new(smtp: &Smtp) -> Result<Self> {
        let from: Mailbox = smtp.from.parse().map_err(|e: lettre::address::AddressError| {
            Error::invalid("Mail is from an address, or from: Name <address>.").because(e)
        })?;
        if smtp.host.trim().is_empty() {
            return Err(Error::invalid("Name the mail server."));
        }
        if smtp.security == Security::None && !is_this_machine(&smtp.host) {
            return Err(Error::invalid(
                "Mail goes in the clear to a mail server on this machine alone; use starttls or tls.",
            ));
        }
        let parameters = || {
            TlsParameters::new(smtp.host.clone()).map_err(|e| {
                Error::invalid("The mail server's name is none that a certificate can be for.")
                    .because(e)
            })
        };
        let tls = match smtp.security {
            Security::Starttls => Tls::Required(parameters()?),
            Security::Tls => Tls::Wrapper(parameters()?),
            Security::None => Tls::None,
        };
        let login = smtp.login.as_ref();
        let login = login.map(|(name, word)| Credentials::new(name.clone(), word.expose().clone()));
        Ok(Self {
            host: smtp.host.clone(),
            port: smtp.port,
            tls,
            login,
            from,
            doubts: Mutex::default(),
        })
    }

    /// Sends one message to one address.
    pub fn send(&self, to: &str, notice: &Notice) -> Outcome {
        let message = self.message(to, notice).map_err(Failure::never)?;
        let mut line = self.connect().map_err(|e| failed(e, Step::Door))?;
        let done = self.hand_over(&mut line, &message, &notice.id);
        // Whatever it says to the goodbye, what became of the message is known.
        let _ = line.set_timeout(Some(PATIENCE));
        line.abort();
        done
    }

    /// A line to the mail server, by TLS and signed in as the configuration says.
    fn connect(&self) -> std::result::Result<SmtpConnection, lettre::transport::smtp::Error> {
        let (server, hello) = ((self.host.as_str(), self.port), ClientId::default());
        let wrapped = if let Tls::Wrapper(tls) = &self.tls { Some(tls) } else { None };
        let mut line = SmtpConnection::connect(server, Some(PATIENCE), &hello, wrapped, None)?;
        if let Tls::Required(tls) = &self.tls {
            line.starttls(tls, &hello)?;
        }
        if let Some(login) = &self.login {
            line.auth(DEFAULT_MECHANISMS, login)?;
        }
        Ok(line)
    }

    fn hand_over(&self, line: &mut SmtpConnection, message: &Message, id: &str) -> Outcome {
        let envelope = message.envelope();
        let door = |e| failed(e, Step::Door);
        line.command(Mail::new(envelope.from().cloned(), Vec::new())).map_err(door)?;
        for to in envelope.to() {
            let asked = line.command(Rcpt::new(to.clone(), Vec::new()));
            asked.map_err(|e| failed(e, Step::Recipient))?;
        }
        line.command(Data).map_err(door)?;
        // Where the line cannot wait longer it waits as long as for any other answer.
        let _ = line.set_timeout(Some(TAKING));
        let taken = line.message(&message.formatted());
        let mut doubts = self.doubts.lock().unwrap_or_else(PoisonError::into_inner);
        let Err(e) = taken else {
            doubts.remove(id);
            return Ok(());
        };
        let before = doubts.contains(id);
        if e.status().is_none() {
            if doubts.len() >= MOST_DOUBTS {
                doubts.clear();
            }
            doubts.insert(id.to_owned());
        }
        Err(failed(e, Step::Whole { before }))
    }

    fn message(&self, to: &str, notice: &Notice) -> Result<Message> {
        let bad = || Error::invalid("This is not an e-mail address.");
        let to: Address = to.parse().map_err(|_| bad())?;
        // The same message is the same however often it is sent: mailboxes throw doubles away by this id.
        let id = format!("<{}@{}>", notice.id, self.from.email.domain());
        let mut message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(one_line(&notice.heading))
            .message_id(Some(id))
            .header(ContentType::TEXT_PLAIN)
            .body(format!("{}\n\n{}\n", notice.text, notice.link))
            .map_err(|e| Error::internal("A message cannot be written; see the log.").because(e))?;
        // Absence notes do not answer to this (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        message.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".into()));
        Ok(message)
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What the mail server's answer means. Of a no for good only those about this address are one: a password
/// that is wrong is mended, and then the message shall go.
fn failed(e: lettre::transport::smtp::Error, at: Step) -> Failure {
    let code = e.status().map_or(0, number);
    let said = e.source().map(ToString::to_string).unwrap_or_default();
    let whole = matches!(at, Step::Whole { .. });
    let doubtful = timed_out(&e) || at == Step::Whole { before: true };
    let (next, error) = match code {
        550 | 551 | 553 | 556 if is_no_mailbox(&said, at) => (
            Next::Never,
            Error::unavailable("The mail server does not take mail for this address."),
        ),
        535 | 534 | 530 => (
            Next::Again(None),
            Error::unavailable(
                "The mail server does not let the city in; check name and password.",
            ),
        ),
        0 if e.is_tls() || names_certificate(&e) => (
            Next::Again(None),
            Error::unavailable("The mail server's certificate is not one this machine trusts."),
        ),
        // A line that broke once broke by chance, mostly before all of it was there.
        0 if whole => (
            Next::Again(doubtful.then_some(DOUBTFUL)),
            Error::unavailable("The mail server did not say whether it has taken the message."),
        ),
        0 => (Next::Again(None), Error::unavailable("The mail server cannot be reached.")),
        code => (
            Next::Again(None),
            Error::unavailable(format!("The mail server answers {code}; it is tried again.")),
        ),
    };
    Failure { next, error: error.because(e) }
}

/// Whether a no for good is about the address that the message is for. That the city may not send there, or not as whom it
/// says it is, is mended in its settings.
fn is_no_mailbox(said: &str, at: Step) -> bool {
    let asked = at == Step::Recipient;
    match enhanced(said) {
        Some("5.1.1" | "5.1.2" | "5.1.3" | "5.1.6" | "5.1.10" | "5.2.1") => true,
        // The latter is how some say at the recipient that they know nobody of that name.
        Some("5.1.0" | "5.4.1") => asked,
        Some(_) => false,
        None => asked && !said.to_ascii_lowercase().contains("relay"),
    }
}

/// The enhanced status code that an answer begins with (RFC 3463), where it does.
fn enhanced(said: &str) -> Option<&str> {
    let code = said.split_whitespace().next()?;
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (code.split('.').count() == 3 && code.split('.').all(is_number)).then_some(code)
}

/// Whether the mail server said nothing for as long as it may take.
fn timed_out(e: &lettre::transport::smtp::Error) -> bool {
    std::iter::successors(e.source(), |&e| e.source()).any(|e| {
        let io = e.downcast_ref::<std::io::Error>();
        io.is_some_and(|e| matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock))
    })
}

/// Whether the connection failed over the certificate: the library says so in words alone.
fn names_certificate(e: &dyn std::error::Error) -> bool {
    let says = |e: &dyn std::error::Error| e.to_string().contains("certificate");
    says(e) || e.source().is_some_and(names_certificate)
}

fn number(code: Code) -> u16 {
    code.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(host: &str, security: Security, from: &str) -> Smtp {
        Smtp { host: host.into(), port: 25, security, from: from.into(), login: None }
    }

    #[test]
    fn mail_in_the_clear_stays_on_this_machine() {
        let from = "Homeplate <homeplate@c.example>";
        for (host, security, fits) in [
            ("localhost", Security::None, true),
            ("127.0.0.1", Security::None, true),
            ("mail.c.example", Security::None, false),
            ("10.0.0.1", Security::None, false),
            ("", Security::Tls, false),
        ] {
            assert_eq!(Email::new(&smtp(host, security, from)).is_ok(), fits, "{host}");
        }
        assert!(Email::new(&smtp("localhost", Security::None, "nobody")).is_err());
    }

    #[test]
    fn addresses() {
        for (text, fits) in [
            ("dora@c.example", true),
            ("dora+hits@c.example", true),
            ("dora@localhost", true),
            ("dora", false),
            ("dora@intern", false),
            ("Dora <dora@c.example>", false),
            ("dora@c.example, eve@e.example", false),
            ("dora@c.example\r\nBcc: eve@e.example", false),
            ("", false),
        ] {
            assert_eq!(is_address(text), fits, "{text}");
        }
    }

    #[test]
    fn a_heading_is_one_line() {
        let mail = Email::new(&smtp("localhost", Security::None, "h@c.example")).unwrap();
        let notice = Notice {
            id: "msg_1".into(),
            heading: "Hit 7\r\nBcc: eve@e.example".into(),
            text: "Text".into(),
            link: "https://c.example/".into(),
            topic: "t".into(),
        };
        let written = mail.message("dora@c.example", &notice).unwrap().formatted();
        let written = String::from_utf8(written).unwrap();
        assert!(!written.contains("\nBcc:"), "{written}");
        assert!(written.contains("Message-ID: <msg_1@c.example>"), "{written}");
        assert!(written.contains("Auto-Submitted: auto-generated"), "{written}");
    }
}
