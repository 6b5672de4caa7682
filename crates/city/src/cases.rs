//! Whether a case is open, on somebody else's word than the asker's: the city's records system is asked, or
//! the list is read that it writes every day. A case that neither vouches for is *stated*, not *attested*; a list or a
//! token that is missing vouches for none, and stops nobody.

use crate::City;
use base::{Result, Time};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A list of open cases that is older says nothing any more.
const CASES_MAX_AGE_MS: i64 = 36 * 3_600_000;

/// The way to the city's records system.
pub trait RecordsLine: Send + Sync {
    /// Whether the case at this address is open: its answer is JSON with `open`, or that there is no such
    /// case. An error is that it does not answer.
    fn is_open(&self, url: &str, token: Option<&str>) -> Result<bool>;
}

/// A text as a part of an address (RFC 3986, unreserved characters alone).
pub fn spelled(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(one).collect()
}

impl City {
    /// Says how the records system is reached; the first way holds.
    pub fn reach_records(&self, line: Arc<dyn RecordsLine>) {
        let _ = self.records.set(line);
    }

    /// Whether the records system, or its list, has this case open; `None` where neither can tell.
    pub(crate) fn case_is_open(&self, case: &str) -> Option<bool> {
        self.ask_records(case).or_else(|| self.listed(case))
    }

    /// `None` where there is no records system to ask, its token cannot be read, or it does not answer: a question in
    /// the night must not wait for it, and the rules say what a case is worth that is only stated.
    fn ask_records(&self, case: &str) -> Option<bool> {
        let cases = &self.config.cases;
        let (url, line) = cases.records_url.as_ref().zip(self.records.get())?;
        let from = cases.records_token.as_deref();
        let token =
            from.map(|from| crate::keeper::secret(&self.dir, from, "Token of the records system"));
        let unread = "the records system's token cannot be read; cases count as stated";
        let token = token
            .transpose()
            .inspect_err(|e| tracing::warn!(error = %e.inside(), "{unread}"))
            .ok()?;
        let url = url.replace("{case}", &spelled(case));
        match line.is_open(&url, token.as_ref().map(|token| token.expose().as_str())) {
            Ok(open) => Some(open),
            Err(e) => {
                // Its inside may spell the case, which is nobody's business in a log file.
                tracing::warn!(
                    "the records system does not answer; cases count as stated: {}",
                    e.message()
                );
                None
            }
        }
    }

    /// Whether the list of open cases has this one; `None` where the city has no list, an old one, or one that cannot
    /// be read: it may be written at this moment.
    fn listed(&self, case: &str) -> Option<bool> {
        let path = self.dir.join(self.config.cases.open_list.as_ref()?);
        let unread = |e: &std::io::Error| {
            let path = path.display();
            tracing::warn!(
                "the list of open cases, {path}, is not read; cases count as stated: {e}"
            );
        };
        let written = std::fs::metadata(&path).and_then(|m| m.modified());
        let written = written.inspect_err(unread).ok()?;
        let written =
            written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
        if self.now().since(Time::from_millis(written)) > CASES_MAX_AGE_MS {
            tracing::warn!("the list of open cases is older than 36 hours; cases count as stated");
            return None;
        }
        let text = std::fs::read_to_string(&path).inspect_err(unread).ok()?;
        Some(text.lines().any(|line| line.trim() == case))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{Town, person};
    use base::Error;
    use std::sync::Mutex;

    /// A records system that notes what it is asked.
    struct Records(Mutex<Vec<(String, Option<String>)>>, fn(&str) -> Result<bool>);

    impl RecordsLine for Records {
        fn is_open(&self, url: &str, token: Option<&str>) -> Result<bool> {
            self.0.lock().unwrap().push((url.to_owned(), token.map(str::to_owned)));
            (self.1)(url)
        }
    }

    #[test]
    fn the_records_system_is_asked_before_the_list() {
        let more = "[cases]\nopen_list=\"cases.txt\"\nrecords_url=\"https://r.example/{case}/state\"\n\
                    records_token=\"token\"\n";
        let files = [("cases.txt", "26-0001\n"), ("token", "hush\n")];
        let town = Town::with("2026-11-01T12:00:00Z", more, &files);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(town.dir().join("token"), mode).unwrap();
        // Without a way to it, and with a list that is not a day old by the city's clock.
        assert_eq!(town.city.case_is_open("26-0001"), Some(true));
        let records = Arc::new(Records(Mutex::default(), |url| {
            if url.contains("0009") {
                return Err(Error::unavailable("It does not answer."));
            }
            Ok(url.contains("0417"))
        }));
        town.city.reach_records(records.clone());
        assert_eq!(town.city.case_is_open("26-0417"), Some(true));
        assert_eq!(town.city.case_is_open("26-0001"), Some(false), "it knows better");
        // It does not answer: the list says what it says.
        assert_eq!(town.city.case_is_open("26-0009"), Some(false));
        town.city.case_is_open("26-1/../x?y=\u{e9}");
        let asked = records.0.lock().unwrap();
        assert_eq!(asked[0], ("https://r.example/26-0417/state".into(), Some("hush".into())));
        assert_eq!(asked[3].0, "https://r.example/26-1%2F..%2Fx%3Fy%3D%C3%A9/state");
    }
    /// The nightly export is being written, the token was not handed over: nobody waits for either.
    #[test]
    fn what_is_missing_stops_no_question() {
        let more = "[cases]\nopen_list=\"cases.txt\"\nrecords_url=\"https://r.example/{case}\"\n\
                    records_token=\"token\"\n";
        let town = Town::new("2026-11-01T12:00:00Z", more);
        let records = Arc::new(Records(Mutex::default(), |_| Ok(true)));
        town.city.reach_records(records.clone());
        assert_eq!(town.city.case_is_open("26-0417"), None);
        assert!(records.0.lock().unwrap().is_empty(), "without its token it is not asked");
        town.city.ask(&person(), town.question("7ABC128")).unwrap();
        assert_eq!(town.logged("search.intent")[0].text("case"), Some("stated"));
    }
}
