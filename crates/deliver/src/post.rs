//! One POST to somebody else's machine: no redirect, no proxy, one address judged before, and an end in time
//! whatever the other side does.

use crate::reach::{Guarded, Reach, Refused};
use crate::{Failure, Outcome};
use base::Error;
use std::time::Duration;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;

/// How long one message may take on its way, from the look-up of the name to the answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The largest head of an answer; of its body nothing is read.
const HEAD_MAX: usize = 16 << 10;
/// Nobody makes a message wait longer by `Retry-After`.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// What connects to others under a [`Reach`].
pub(crate) fn agent(reach: Reach, patience: Duration) -> ureq::Agent {
    let tls =
        ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        // A proxy would resolve the name itself, behind the guard.
        .proxy(None)
        .https_only(!reach.plain)
        .timeout_global(Some(patience))
        .max_response_header_size(HEAD_MAX)
        // A kept connection would be used again without a look at its address.
        .max_idle_connections(0)
        .user_agent("Homeplate")
        .tls_config(tls)
        .build();
    let resolver = Guarded { reach, by: DefaultResolver::default() };
    ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
}

/// Connections to others under a [`Reach`].
pub(crate) struct Poster {
    agent: ureq::Agent,
    reach: Reach,
}

/// What the other side answered.
pub(crate) struct Answer {
    pub status: u16,
    pub wait: Option<Duration>,
}

impl Poster {
    pub fn new(reach: Reach, patience: Duration) -> Self {
        Self { agent: agent(reach, patience), reach }
    }

    /// Sends `body`. An error is that there was no answer.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, Failure> {
        if !self.reach.takes_url(url) {
            return Err(Failure::never(Error::invalid(
                "The address is not one that is called: https:// and a public host.",
            )));
        }
        let mut request = self.agent.post(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send(body).map_err(silent)?;
        let told = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let wait = told.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        Ok(Answer { status: answer.status().as_u16(), wait: wait.map(|w| w.min(WAIT_MAX)) })
    }
}

/// Why there was no answer. The cause names no address: that of a push service is a secret.
pub(crate) fn silent(e: ureq::Error) -> Failure {
    match e {
        ureq::Error::Other(inner) if inner.is::<Refused>() => Failure::again(
            Error::forbidden(
                "The address leads to this machine or into a local network; nothing was sent.",
            )
            .because(inner),
        ),
        ureq::Error::Timeout(_) => {
            Failure::again(Error::unavailable("The other side did not answer in time."))
        }
        ureq::Error::HostNotFound => {
            Failure::again(Error::unavailable("The other side's name is not known."))
        }
        ureq::Error::RequireHttpsOnly(_) | ureq::Error::BadUri(_) => Failure::never(
            Error::invalid("The address is not one that is called: https:// and a public host."),
        ),
        other => Failure::again(
            Error::unavailable("The other side cannot be reached, or does not speak HTTP.")
                .because(other),
        ),
    }
}

impl Answer {
    /// Anything but a yes, and what follows from it where the way has no rule of its own.
    pub fn taken(&self) -> Outcome {
        let said = |what: &str| Error::unavailable(format!("The other side {what}."));
        match self.status {
            200..=299 => Ok(()),
            410 => Err(Failure::gone(said("answers 410: it wants no more messages"))),
            300..=399 => {
                Err(Failure::again(said("answers with a redirect, which is not followed")))
            }
            status => Err(Failure {
                next: crate::Next::Again(self.wait),
                error: said(&format!("answers {status}")),
            }),
        }
    }
}
