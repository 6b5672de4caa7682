//! E-mail through the city's own mail server (SMTP, RFC 5321), by TLS but to this very machine.

use crate::{Failure, Next, Notice, Outcome, PATIENCE};
use base::{Error, Result, Secret};
use lettre::address::Address;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::{SmtpTransport, Transport};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

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
    transport: SmtpTransport,
    from: Mailbox,
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
        let mut builder = SmtpTransport::builder_dangerous(&smtp.host)
            .port(smtp.port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((name, password)) = &smtp.login {
            builder =
                builder.credentials(Credentials::new(name.clone(), password.expose().clone()));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Sends one message to one address.
    pub fn send(&self, to: &str, notice: &Notice) -> Outcome {
        let message = self.message(to, notice).map_err(Failure::never)?;
        match self.transport.send(&message) {
            Ok(_) => Ok(()),
            Err(e) => Err(failed(e)),
        }
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
fn failed(e: lettre::transport::smtp::Error) -> Failure {
    let code = e.status().map_or(0, number);
    let (next, error) = match code {
        550 | 551 | 553 | 556 => (
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
        0 => (Next::Again(None), Error::unavailable("The mail server cannot be reached.")),
        code => (
            Next::Again(None),
            Error::unavailable(format!("The mail server answers {code}; it is tried again.")),
        ),
    };
    Failure { next, error: error.because(e) }
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
