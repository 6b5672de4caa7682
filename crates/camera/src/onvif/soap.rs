//! One question to a device and its answer: SOAP 1.2 over HTTP, with WS-Security's digest where there is a login.

use super::address::Address;
use super::digest::{Challenge, Login, password_digest};
use super::xml::{BYTES_MAX, Element, escape, plain};
use base::{Clock, Error, Result, Time, b64, random};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(6);
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss";

/// Speaks with one device.
pub struct Talk {
    agent: ureq::Agent,
    login: Option<Login>,
    clock: Arc<dyn Clock>,
    /// How far the device's clock is ahead of ours, in milliseconds: it checks the digest's time by its own.
    ahead_ms: i64,
}

impl Talk {
    /// Nothing is sent yet.
    pub fn new(login: Option<Login>, clock: Arc<dyn Clock>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A device that sends us elsewhere is not followed, and nobody stands between.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        Self { agent, login, clock, ahead_ms: 0 }
    }

    /// The login, where there is one.
    pub fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// How far the device's clock is ahead of ours, in milliseconds.
    pub fn ahead_ms(&self) -> i64 {
        self.ahead_ms
    }

    /// Asks for the device's clock, which needs no login, and keeps to it.
    pub fn set_clock(&mut self, at: &Address) -> Result<()> {
        let all = self.exchange(at, &envelope("", DEVICE, "<x:GetSystemDateAndTime/>"))?;
        let now = self.clock.now();
        if let Some(theirs) = all.find("UTCDateTime").and_then(moment) {
            self.ahead_ms = theirs.since(now);
        }
        Ok(())
    }

    /// The answer's body to a question in the namespace `space`, whose elements carry the prefix `x`.
    pub fn ask(&self, at: &Address, space: &str, question: &str) -> Result<Element> {
        let header = self.login.as_ref().map(|l| self.security(l)).unwrap_or_default();
        self.exchange(at, &envelope(&header, space, question))
    }

    fn security(&self, login: &Login) -> String {
        let nonce = random::<16>();
        let created = self.clock.now().plus_millis(self.ahead_ms).to_string();
        let digest = password_digest(&nonce, &created, login.password.expose());
        format!(
            "<o:Security xmlns:o=\"{SECURITY}-wssecurity-secext-1.0.xsd\" \
             xmlns:u=\"{SECURITY}-wssecurity-utility-1.0.xsd\" s:mustUnderstand=\"1\"><o:UsernameToken>\
             <o:Username>{}</o:Username>\
             <o:Password Type=\"{SECURITY}-username-token-profile-1.0#PasswordDigest\">{digest}</o:Password>\
             <o:Nonce EncodingType=\"{SECURITY}-soap-message-security-1.0#Base64Binary\">{}</o:Nonce>\
             <u:Created>{created}</u:Created></o:UsernameToken></o:Security>",
            escape(&login.user),
            b64(&nonce),
        )
    }

    fn exchange(&self, at: &Address, body: &str) -> Result<Element> {
        let (mut code, mut headers, mut answer) = self.post(at, body, None)?;
        // Some devices want HTTP's own digest besides.
        if code == 401
            && let Some(login) = &self.login
            && let Some(challenge @ Challenge::Digest { .. }) =
                Challenge::read(headers.iter().map(String::as_str))
        {
            let word = challenge.answer(login, "POST", at.path());
            (code, headers, answer) = self.post(at, body, Some(&word))?;
        }
        drop(headers);
        if code == 401 || code == 403 {
            return Err(self.refused(at));
        }
        if (300..400).contains(&code) {
            let say = format!("{at} sends us elsewhere, which is not followed.");
            return Err(Error::unavailable(say));
        }
        let all = Element::read(&answer).map_err(|e| {
            Error::unavailable(format!("What answers at {at} does not speak ONVIF.")).because(e)
        })?;
        match all.find("Fault") {
            None => Ok(all),
            Some(fault) => Err(self.fault(at, fault)),
        }
    }

    fn post(
        &self,
        at: &Address,
        body: &str,
        word: Option<&str>,
    ) -> Result<(u16, Vec<String>, Vec<u8>)> {
        let away = |e: ureq::Error| {
            Error::unavailable(format!(
                "{at} does not answer; look at its address and the network."
            ))
            .because(e)
        };
        let mut request = self
            .agent
            .post(at.to_string())
            .header("content-type", "application/soap+xml; charset=utf-8");
        if let Some(word) = word {
            request = request.header("authorization", word);
        }
        let mut answer = request.send(body).map_err(away)?;
        let headers = answer.headers().get_all("www-authenticate").iter();
        let headers = headers.filter_map(|v| v.to_str().ok().map(str::to_owned)).take(8).collect();
        let code = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(BYTES_MAX as u64);
        Ok((code, headers, body.read_to_vec().map_err(away)?))
    }

    fn fault(&self, at: &Address, fault: &Element) -> Error {
        let codes: Vec<&str> = fault.all("Value").iter().map(|v| v.text.as_str()).collect();
        let deepest = |e: &Element| e.find("Subcode").map(|s| s.text_at(&["Value"]).to_owned());
        let subcode = deepest(fault).unwrap_or_default();
        let named = |what: &str| codes.iter().any(|c| c.ends_with(what)) || subcode.ends_with(what);
        if named("NotAuthorized") || named("FailedAuthentication") || named("FailedCheck") {
            return self.refused(at);
        }
        let why = plain(fault.find("Text").map_or("", |t| &t.text));
        let why = if why.is_empty() { plain(&subcode) } else { why };
        Error::unavailable(format!("{at} refuses the question: {why}"))
    }

    fn refused(&self, at: &Address) -> Error {
        Error::unauthenticated(match self.login {
            None => format!("{at} wants a login; give --user and --password-file."),
            Some(_) => format!(
                "{at} refuses the name or the password; many cameras want a user of their own for ONVIF."
            ),
        })
    }
}

/// Namespace of the device service.
pub const DEVICE: &str = "http://www.onvif.org/ver10/device/wsdl";

fn envelope(header: &str, space: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:x=\"{space}\" \
         xmlns:t=\"http://www.onvif.org/ver10/schema\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// The moment that `UTCDateTime` names.
fn moment(utc: &Element) -> Option<Time> {
    let number = |way: &[&str], from: f64, to: f64| {
        utc.number_at(way).filter(|n| (from..=to).contains(n)).map(|n| n as u32)
    };
    let date = (
        number(&["Date", "Year"], 1970.0, 9000.0)?,
        number(&["Date", "Month"], 1.0, 12.0)?,
        number(&["Date", "Day"], 1.0, 31.0)?,
    );
    let (hour, minute) =
        (number(&["Time", "Hour"], 0.0, 23.0)?, number(&["Time", "Minute"], 0.0, 59.0)?);
    let second = number(&["Time", "Second"], 0.0, 61.0)?.min(59);
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", date.0, date.1, date.2)
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_clock() {
        let check = |date: &str, time: &str, want: Option<&str>| {
            let text = format!("<U><Time>{time}</Time><Date>{date}</Date></U>");
            let got = moment(&Element::read(text.as_bytes()).unwrap());
            assert_eq!(got, want.map(|w| w.parse().unwrap()), "{text}");
        };
        let noon = "<Hour>12</Hour><Minute>0</Minute><Second>5</Second>";
        let day = "<Year>2026</Year><Month>11</Month><Day>26</Day>";
        check(day, noon, Some("2026-11-26T12:00:05Z"));
        check("<Year>2026</Year><Month>2</Month><Day>30</Day>", noon, None);
        check(day, "<Hour>12</Hour>", None);
        check("<Year>99999999</Year><Month>2</Month><Day>3</Day>", noon, None);
    }
}
