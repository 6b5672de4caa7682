//! Signing in by way of the city's directory: OpenID Connect 1.0, the code flow with PKCE (RFC 7636).
//!
//! What the directory says is believed when its signed token holds for this client and this sign-in. How its
//! addresses are reached is the caller's; what its groups may do is the city's.

use base::{Error, Result, Secret, Time};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreRevocableToken, CoreRevocationErrorResponse,
    CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AdditionalClaims, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest,
    HttpResponse, IdTokenFields, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardErrorResponse, StandardTokenResponse,
    SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// A sign-in that was begun is good for ten minutes.
const BEGUN_MS: i64 = 10 * 60_000;
/// Sign-ins under way at a time.
const MOST: usize = 10_000;
/// More groups than this are not read.
const GROUPS: usize = 2000;
/// The longest name that is taken over, in characters: the longest that people here have.
const NAME: usize = 80;

/// The city as the directory knows it.
pub struct Directory {
    /// The directory's address, as it calls itself.
    pub issuer: String,
    /// The city's name there.
    pub client_id: String,
    /// The city's secret there.
    pub secret: Secret<String>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim with the person's groups.
    pub groups_claim: String,
    /// The city's page that people come back to.
    pub redirect: String,
}

/// Somebody as the directory knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// Who it is there, for ever: the issuer and its name for them.
    pub subject: String,
    /// The name that people call them by.
    pub name: Option<String>,
    /// Their groups; `None` where the directory said nothing of any (it may leave them out where they are very many, or
    /// where the claim has another name): that is no word that they are in none.
    pub groups: Option<Vec<String>>,
}

/// Where a browser goes, and what it brings back.
#[derive(Debug)]
pub struct Leaving {
    /// The directory's page.
    pub url: String,
    /// The word that comes back with it; the browser keeps the same in a cookie.
    pub state: String,
}

struct Pending {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
    made: Time,
}

/// Sign-ins under way, in memory.
#[derive(Default)]
pub struct Leavings(Mutex<HashMap<String, Pending>>);

impl std::fmt::Debug for Leavings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Leavings")
    }
}

/// Claims beside the standard ones: which holds the groups the configuration says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Extra(BTreeMap<String, Value>);
impl AdditionalClaims for Extra {}

type Fields = IdTokenFields<
    Extra,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type City = Client<
    Extra,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<Fields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What asks the directory: a request in, the answer out.
pub trait Asks: Fn(HttpRequest) -> Result<HttpResponse> {}
impl<T: Fn(HttpRequest) -> Result<HttpResponse>> Asks for T {}

fn misconfigured(what: &'static str) -> impl Fn(openidconnect::url::ParseError) -> Error {
    move |e| Error::invalid(format!("[directory]: {what} is no address.")).because(e)
}

fn away(e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unavailable(
        "The city's directory does not answer as it must; sign in otherwise, or try again.",
    )
    .because(e)
}

fn not_believed(e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unauthenticated("What the city's directory said does not hold; sign in again.")
        .because(e)
}

impl Directory {
    fn client(&self, ask: &impl Asks) -> Result<City> {
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(misconfigured("issuer"))?;
        let redirect =
            RedirectUrl::new(self.redirect.clone()).map_err(misconfigured("the city's address"))?;
        let known = CoreProviderMetadata::discover(&issuer, ask).map_err(away)?;
        let secret = ClientSecret::new(self.secret.expose().clone());
        let id = ClientId::new(self.client_id.clone());
        Ok(Client::from_provider_metadata(known, id, Some(secret)).set_redirect_uri(redirect))
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// Where the directory does not answer, or too many are under way.
    pub fn begin(&self, leavings: &Leavings, ask: &impl Asks, now: Time) -> Result<Leaving> {
        let client = self.client(ask)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let (url, state, nonce) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes(self.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge)
            .url();
        let state = state.into_secret();
        leavings.put(&state, Pending { nonce, verifier, made: now }, now)?;
        Ok(Leaving { url: url.into(), state })
    }

    /// Ends a sign-in: `state` and `code` are what the browser brought back.
    ///
    /// # Errors
    /// Where this sign-in was not begun here or was ended before, and where the directory's word does not hold.
    pub fn finish(
        &self,
        leavings: &Leavings,
        ask: &impl Asks,
        (state, code): (&str, &str),
        now: Time,
    ) -> Result<Vouched> {
        let pending = leavings.take(state, now).ok_or_else(|| {
            Error::unauthenticated("This sign-in has ended or was not begun here; begin again.")
        })?;
        let client = self.client(ask)?;
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(away)?
            .set_pkce_verifier(pending.verifier)
            .request(ask)
            .map_err(not_believed)?;
        let token = answer.id_token().ok_or_else(|| {
            Error::unauthenticated("The city's directory gave no signed token; see its settings.")
        })?;
        let claims =
            token.claims(&client.id_token_verifier(), &pending.nonce).map_err(not_believed)?;
        let name = claims.name().and_then(|n| n.get(None)).and_then(|n| named(n.as_str()));
        let login = claims.preferred_username().and_then(|n| named(n.as_str()));
        let mut vouched = Vouched {
            subject: format!("{} {}", self.issuer, claims.subject().as_str()),
            name: name.or(login),
            groups: groups(claims.additional_claims(), &self.groups_claim),
        };
        if vouched.groups.is_none() || vouched.name.is_none() {
            // Many directories put these where they have to be asked for.
            self.more(&client, ask, (answer.access_token(), claims.subject()), &mut vouched)?;
        }
        Ok(vouched)
    }

    fn more(
        &self,
        client: &City,
        ask: &impl Asks,
        (token, subject): (&AccessToken, &SubjectIdentifier),
        vouched: &mut Vouched,
    ) -> Result<()> {
        // One that has no such address has said all it says.
        let Ok(request) = client.user_info(token.clone(), Some(subject.clone())) else {
            return Ok(());
        };
        let said: UserInfoClaims<Extra, CoreGenderClaim> =
            request.request(ask).map_err(not_believed)?;
        if let Some(found) = groups(said.additional_claims(), &self.groups_claim) {
            vouched.groups = Some(found);
        }
        if vouched.name.is_none() {
            let name = said.name().and_then(|n| n.get(None)).and_then(|n| named(n.as_str()));
            let login = said.preferred_username().and_then(|n| named(n.as_str()));
            vouched.name = name.or(login);
        }
        Ok(())
    }
}

/// A name that says something, as long as names are here.
fn named(said: &str) -> Option<String> {
    let name: String = said.trim().chars().take(NAME).collect();
    Some(name).filter(|name| !name.is_empty())
}

/// The groups in a claim: a list of texts, or one text.
fn groups(extra: &Extra, claim: &str) -> Option<Vec<String>> {
    match extra.0.get(claim)? {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => {
            Some(all.iter().filter_map(Value::as_str).take(GROUPS).map(str::to_owned).collect())
        }
        _ => None,
    }
}

impl Leavings {
    fn put(&self, state: &str, pending: Pending, now: Time) -> Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, one| now.since(one.made).abs() <= BEGUN_MS);
        if held.len() >= MOST {
            return Err(Error::busy("Too many sign-ins are under way; try again in some minutes."));
        }
        held.insert(state.to_owned(), pending);
        Ok(())
    }

    fn take(&self, state: &str, now: Time) -> Option<Pending> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(state).filter(|one| now.since(one.made).abs() <= BEGUN_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn names_say_something_and_are_short() {
        for (said, want) in [("", None), (" ", None), (" Ana ", Some("Ana"))] {
            assert_eq!(named(said).as_deref(), want, "{said:?}");
        }
        assert_eq!(named(&"é".repeat(300)).map(|name| name.chars().count()), Some(80));
    }
}
