//! Frigate by MQTT: subscribes, hears, and connects again when the broker was away.

use super::Gateway;
use super::device::Device;
use base::{Error, Shutdown};
use exchange::inbound::{DOCUMENT_MAX, Document};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, Event, Incoming, MqttOptions, QoS,
    SubscribeReasonCode,
};
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

const BACK_OFF_MIN: Duration = Duration::from_secs(1);
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It stood for a while.
    Stood,
    /// It never did.
    Never,
    /// The broker does not know whoever we say that we are.
    Refused,
}

/// Hears a device's broker until `done`.
pub(super) async fn listen(gateway: Arc<Gateway>, at: usize, done: Shutdown) {
    let mut wait = BACK_OFF_MIN;
    while !done.stopped() {
        let ended = hear(&gateway, at, &done).await;
        if done.stopped() {
            return;
        }
        wait = match ended {
            Ended::Stood => BACK_OFF_MIN,
            Ended::Never => wait,
            // No try mends that, and some brokers shut out who tries often.
            Ended::Refused => BACK_OFF_MAX,
        };
        let seconds = wait.as_secs();
        let e = if ended == Ended::Refused {
            Error::unauthenticated(format!(
                "The broker refuses the user or the password; correct them. Again in {seconds} s."
            ))
        } else {
            Error::unavailable(format!("The broker does not answer; again in {seconds} s."))
        };
        gateway.device(at).trouble(&e);
        let end = tokio::time::Instant::now() + wait;
        while tokio::time::Instant::now() < end && !done.stopped() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        wait = (wait * 2).min(BACK_OFF_MAX);
    }
}

/// One connection.
async fn hear(gateway: &Arc<Gateway>, at: usize, done: &Shutdown) -> Ended {
    let conf = &gateway.device(at).conf;
    let Some(mqtt) = &conf.mqtt else { return Ended::Never };
    // A name of our own a connection: two gateways do not throw each other out.
    let name = format!("homeplate-{}-{}", conf.camera, base::hex(&base::random::<4>()));
    let mut options = MqttOptions::new(name, mqtt.broker.0.clone(), mqtt.broker.1);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_clean_session(true);
    options.set_max_packet_size(DOCUMENT_MAX, 64 << 10);
    if let Some((user, password)) = &mqtt.login {
        options.set_credentials(user.clone(), password.expose().clone());
    }
    let (client, mut events) = AsyncClient::new(options, 32);
    let mut stood = Ended::Never;
    loop {
        let event = tokio::select! {
            event = events.poll() => event,
            () = raised(done) => return stood,
        };
        match event {
            Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                stood = Ended::Stood;
                for topic in &mqtt.topics {
                    if client.try_subscribe(topic.clone(), QoS::AtMostOnce).is_err() {
                        return stood;
                    }
                }
            }
            Ok(Event::Incoming(Incoming::Publish(message))) => {
                let gateway = gateway.clone();
                let body = Zeroizing::new(message.payload.to_vec());
                let work = tokio::task::spawn_blocking(move || one(gateway.device(at), &body));
                if work.await.is_err() {
                    return stood;
                }
            }
            Ok(Event::Incoming(Incoming::SubAck(answer)))
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                // Each topic was asked for by itself, in their order, numbered from one.
                let topic =
                    usize::from(answer.pkid).checked_sub(1).and_then(|n| mqtt.topics.get(n));
                let topic = topic.map_or("a topic", String::as_str);
                gateway.device(at).trouble(&Error::refused(format!(
                    "The broker does not let the gateway read {topic}; look at its access list."
                )));
            }
            Ok(_) => {}
            Err(ConnectionError::ConnectionRefused(
                ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized,
            )) => return Ended::Refused,
            // The library's words may hold the broker's address and nothing worse; they go to the log.
            Err(e) => {
                tracing::debug!(error = %e, "broker");
                return stood;
            }
        }
    }
}

/// Takes one message; what is wrong with it is on the page.
fn one(device: &Device, body: &[u8]) {
    // The topics are all cameras' together: what is of others uses up no turn of this one.
    if !names(body, device.conf.only.as_deref()) {
        return device.pass_by();
    }
    let Ok(_turn) = device.turn() else {
        let _ = device.turned_away();
        return;
    };
    let _ = device.hear(&Document { content_type: "application/json", body });
}

async fn raised(done: &Shutdown) {
    while !done.stopped() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether a JSON document may be of the camera of this name, where one is asked for: it holds it as a string. A name
/// that JSON may write in several ways is left to whoever reads the document.
fn names(body: &[u8], only: Option<&str>) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' ');
    let Some(name) = only.filter(|name| name.bytes().all(plain)) else { return true };
    let quoted = format!("\"{name}\"");
    body.windows(quoted.len()).any(|part| part == quoted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_other_cameras_takes_no_turn() {
        let check = |camera: &str, only: Option<&str>, want: bool| {
            let body = format!(r#"{{"after":{{"camera":"{camera}","label":"car"}}}}"#);
            assert_eq!(names(body.as_bytes(), only), want, "{body} {only:?}");
        };
        check("drive", Some("drive"), true);
        check("drive_2", Some("drive"), false);
        check("garden", Some("drive"), false);
        check("garden", None, true);
        check("t\\u00fcr", Some("tür"), true);
    }
}
