//! A certificate from an authority that speaks ACME (RFC 8555): Let's Encrypt, or one of the city's or state's own.
//!
//! The authority asks over plain HTTP whether the name is ours (HTTP-01, RFC 8555 8.3): what is to be answered is in
//! [`Tokens`], and whoever listens at port 80 gives it. The account's key lies beside the certificate.

use crate::pem::{load_pair, look};
use base::{Error, Result, Time};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an authority may take to look at us.
const PATIENCE: Duration = Duration::from_secs(90);

/// What is answered at `/.well-known/acme-challenge/…`.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Arc<Mutex<HashMap<String, String>>>);

impl Tokens {
    /// The answer to a token, while an order is under way.
    pub fn answer(&self, token: &str) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }

    fn put(&self, token: &str, answer: &str) {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(token.to_owned(), answer.to_owned());
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The authority, and for whom.
#[derive(Clone, Debug)]
pub struct Acme {
    /// Address of its directory.
    pub directory: String,
    /// Whom it writes to before a certificate ends: `mailto:…`.
    pub contact: Option<String>,
    /// The root of its own address, where the system does not know it.
    pub root: Option<PathBuf>,
    /// The city's name.
    pub host: String,
    /// Where account and certificate lie.
    pub dir: PathBuf,
}

impl Acme {
    /// Chain and key in one file.
    pub fn served_file(&self) -> PathBuf {
        self.dir.join("served.pem")
    }

    /// Whether a certificate is to be asked for: there is none for this name, or a third of its life is left.
    pub fn is_due(&self, now: Time) -> bool {
        let served = self.served_file();
        let leaf = load_pair(&served, &served).ok().and_then(|p| look(p.cert.first()?).ok());
        leaf.is_none_or(|leaf| !leaf.is_for(&self.host) || crate::is_due(&leaf, now))
    }

    /// Asks for a certificate and writes it down. The old one stays until the new one is there.
    pub async fn obtain(&self, tokens: &Tokens) -> Result<()> {
        let done = self.order(tokens).await;
        tokens.clear();
        done
    }

    async fn order(&self, tokens: &Tokens) -> Result<()> {
        let refused = |e: instant_acme::Error| self.refused(&e);
        let account = self.account().await?;
        let names = [Identifier::Dns(self.host.clone())];
        let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(refused)?;
        let mut authorizations = order.authorizations();
        while let Some(one) = authorizations.next().await {
            let mut one = one.map_err(refused)?;
            if one.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = one.challenge(ChallengeType::Http01).ok_or_else(|| {
                Error::unavailable(
                    "The authority does not look over HTTP (HTTP-01); name another one.",
                )
            })?;
            tokens.put(&challenge.token, challenge.key_authorization().as_str());
            challenge.set_ready().await.map_err(refused)?;
        }
        let patience = RetryPolicy::default().timeout(PATIENCE);
        let state = order.poll_ready(&patience).await.map_err(refused)?;
        if state != OrderStatus::Ready {
            let why = order
                .authorizations()
                .next()
                .await
                .map(|one| format!("{:?}", one.map(|one| one.status)));
            return Err(self.not_ours().because(why.unwrap_or_default()));
        }
        let key = KeyPair::generate().map_err(broken)?;
        let mut params = CertificateParams::new(vec![self.host.clone()]).map_err(broken)?;
        params.distinguished_name = DistinguishedName::new();
        let asked = params.serialize_request(&key).map_err(broken)?;
        order.finalize_csr(asked.der()).await.map_err(refused)?;
        let chain = order.poll_certificate(&patience).await.map_err(refused)?;
        let all = format!("{}\n{}", chain.trim_end(), key.serialize_pem());
        base::write_secret(&self.served_file(), all.as_bytes())
    }

    /// The account of the folder, made where there is none. It is one authority's: another gets another.
    async fn account(&self) -> Result<Account> {
        let refused = |e: instant_acme::Error| self.refused(&e);
        let builder = || match &self.root {
            Some(root) => Account::builder_with_root(root),
            None => Account::builder(),
        };
        let name = base::hex(&base::sha256(self.directory.as_bytes())[..8]);
        let file = self.dir.join(format!("account-{name}.json"));
        if let Some(kept) = credentials(&file) {
            match builder().map_err(refused)?.from_credentials(kept).await {
                Ok(account) => return Ok(account),
                Err(e) => {
                    tracing::warn!(error = %e, "the account at the certificate authority; a new one is made")
                }
            }
        }
        let contact: Vec<&str> = self.contact.as_deref().into_iter().collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let made = builder().map_err(refused)?.create(&new, self.directory.clone(), None).await;
        let (account, kept) = made.map_err(refused)?;
        let kept = serde_json::to_vec(&kept)
            .map_err(|e| Error::internal("The account cannot be kept.").because(e))?;
        base::write_secret(&file, &kept)?;
        Ok(account)
    }

    fn not_ours(&self) -> Error {
        Error::unavailable(format!(
            "The certificate authority could not see at http://{}/ that the name is this machine's; the name must \
             lead here, and port 80 must be reachable from the internet.",
            self.host
        ))
    }

    fn refused(&self, e: &instant_acme::Error) -> Error {
        Error::unavailable(format!(
            "The certificate authority at {} gives no certificate: {}.",
            self.directory,
            e.to_string().trim_end_matches('.')
        ))
        .because(format!("{e:?}"))
    }
}

fn credentials(file: &Path) -> Option<AccountCredentials> {
    serde_json::from_slice(base::read_secret(file).ok()?.expose()).ok()
}

fn broken(e: rcgen::Error) -> Error {
    Error::internal("A request for a certificate cannot be made; see the log.").because(e)
}
