//! Examining the ways out from the city's folder: nothing is sent, and nothing is made.

use super::lanes::{hook_secret, push_key, smtp};
use crate::Config;
use crate::check::{Finding, State};
use crate::keeper::handed_over;
use deliver::{Email, VapidKey, Webhook};
use std::path::{Path, PathBuf};

/// What stands with each way out; and the files that are secrets.
pub(crate) fn check_delivery(dir: &Path, config: &Config) -> (Vec<Finding>, Vec<PathBuf>) {
    let deliver = &config.deliver;
    let (mut out, mut ways, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let mut say = |state: State, message: String| {
        out.push(Finding { part: "delivery", state, message });
    };
    // What is handed over to the service alone says nothing about the way.
    let unseen = |from: Option<&str>| from.and_then(handed_over);
    match smtp(config, dir).and_then(|smtp| smtp.map(|smtp| Email::new(&smtp)).transpose()) {
        Ok(None) => {}
        Ok(Some(_)) => ways.push("e-mail".to_owned()),
        Err(e) => match unseen(deliver.smtp_credentials.as_deref()) {
            Some(message) => say(State::Look, format!("E-mail: {message}")),
            None => say(State::Wrong, format!("E-mail: {}", e.message())),
        },
    }
    if deliver.push_contact.is_some() {
        let key = push_key(dir);
        // The first start makes it.
        match if key.exists() { VapidKey::load_or_make(&key).map(|_| ()) } else { Ok(()) } {
            Ok(()) => ways.push("web push".to_owned()),
            Err(e) => say(State::Wrong, e.message().to_owned()),
        }
        files.push(key);
    }
    for hook in &config.webhook {
        let made = hook_secret(dir, hook).and_then(|s| Webhook::new(&hook.url, s, hook.reach()));
        match made {
            Ok(_) => ways.push(format!("webhook {}", hook.name)),
            Err(e) => match unseen(Some(hook.secret.as_str())) {
                Some(message) => say(State::Look, format!("Webhook {}: {message}", hook.name)),
                None => say(State::Wrong, format!("Webhook {}: {}", hook.name, e.message())),
            },
        }
    }
    let secrets = config.webhook.iter().map(|hook| hook.secret.as_str());
    let secrets = secrets.chain(deliver.smtp_credentials.as_deref());
    files.extend(secrets.filter(|s| !s.starts_with("credential:")).map(|s| dir.join(s)));
    if ways.is_empty() && deliver.smtp_host.is_none() && config.webhook.is_empty() {
        say(State::Fine, "Hits are told at the console alone; [deliver] names other ways.".into());
    } else if !ways.is_empty() {
        say(State::Fine, format!("Hits are told by {}.", ways.join(", ")));
        if deliver.escalate.is_empty() {
            let message =
                "deliver.escalate names nobody: when nobody is at the desk, nobody else is told.";
            say(State::Look, message.into());
        }
    }
    (out, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only the service has what its manager hands over; nobody else can say that it is wrong.
    #[test]
    fn what_the_service_alone_is_handed_is_not_called_wrong() {
        let city = "[city]\nname=\"S\"\nslug=\"s\"\n[server]\npublic_url=\"https://p.example\"\n";
        let check = |secret: &str, want: State| {
            let text = format!(
                "{city}[deliver]\nsmtp_host=\"mail\"\nsmtp_from=\"a@c.example\"\nsmtp_credentials=\"{secret}\"\n\
                 [[webhook]]\nname=\"cad\"\nurl=\"https://cad.example/in\"\nsecret=\"{secret}\"\n"
            );
            let dir = tempfile::tempdir().unwrap();
            let (found, _) = check_delivery(dir.path(), &Config::parse(&text).unwrap());
            let states: Vec<State> = found.iter().map(|found| found.state).collect();
            assert_eq!(states, [want, want], "{found:?}");
        };
        check("credential:cad", State::Look);
        check("nowhere", State::Wrong);
    }
}
