//! A token's keys (PKCS#11 2.40, AES-GCM): made in it, used in it, destroyed in it.
//!
//! A session ends when the token is away for a moment: pulled out, started again, out of reach. So what fails is
//! tried once more in a new one. A PIN that was refused is not tried again: a few wrong ones lock the token.

use crate::kek::{BOUND, TokenPlace, key_of};
use crate::seal::Key;
use base::{Error, Kind, Result, hex, random};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Cryptoki, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const IV: usize = 12;
const TAG_BITS: u64 = 128;

/// A library is initialised once a process, whoever asks.
static MODULES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);

/// A token that is open, with its user signed in.
pub(crate) struct Token {
    place: TokenPlace,
    open: Mutex<Open>,
}

struct Open {
    /// None since it was lost and could not be opened again.
    session: Option<Session>,
    /// Whether the token has refused the PIN since.
    refused: bool,
}

fn trouble(what: &str) -> impl Fn(Cryptoki) -> Error + '_ {
    move |e| {
        Error::unavailable(format!("The token {what}; check that it is there and has room."))
            .because(e)
    }
}

fn module(path: &Path) -> Result<Pkcs11> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let modules = modules.get_or_insert_default();
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let cannot = |e| {
        Error::unavailable(format!(
            "{} cannot be used as a PKCS#11 library; custody.pkcs11_module names it.",
            path.display()
        ))
        .because(e)
    };
    let module = Pkcs11::new(path).map_err(cannot)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Cryptoki::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(e) => return Err(cannot(e)),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// Whether a sign-in failed for its PIN.
fn is_pin(e: &Cryptoki) -> bool {
    use RvError::{PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked};
    let Cryptoki::Pkcs11(e, _) = e else { return false };
    matches!(e, PinExpired | PinIncorrect | PinInvalid | PinLenRange | PinLocked)
}

fn signed_in(place: &TokenPlace) -> Result<Session> {
    let module = module(&place.module)?;
    let slots = module.get_slots_with_token().map_err(trouble("does not answer"))?;
    let named = |slot: &cryptoki::slot::Slot| {
        module.get_token_info(*slot).is_ok_and(|token| token.label() == place.token)
    };
    let slot = slots.into_iter().find(named).ok_or_else(|| {
        Error::not_found(format!(
            "There is no token {}; plug it in, or name it in custody.pkcs11_token.",
            place.token
        ))
    })?;
    let session = module.open_rw_session(slot).map_err(trouble("opens no session"))?;
    let pin = AuthPin::from(place.pin.expose().clone());
    match session.login(UserType::User, Some(&pin)) {
        Ok(()) | Err(Cryptoki::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(e) if is_pin(&e) => {
            let wrong = "The token does not take this PIN; a few wrong ones lock it.";
            Err(Error::forbidden(wrong).because(e))
        }
        Err(e) => Err(trouble("signs nobody in")(e)),
    }
}

impl Token {
    pub(crate) fn open(place: &TokenPlace) -> Result<Self> {
        let session = Some(signed_in(place)?);
        Ok(Self { place: place.clone(), open: Mutex::new(Open { session, refused: false }) })
    }

    /// Does something in the session, and where that fails once more in a new one.
    fn within<T>(&self, what: impl Fn(&Session) -> Result<T>) -> Result<T> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.refused {
            return Err(Error::unavailable(
                "The token does not take the PIN any more; set it right and start custody again.",
            ));
        }
        let failed = match open.session.as_ref().map(&what) {
            Some(Err(e)) => Some(e),
            Some(done) => return done,
            None => None,
        };
        // The old one goes first: a token that was started again may give its number to the new one.
        open.session = None;
        match signed_in(&self.place) {
            Ok(session) => {
                let done = what(&session);
                open.session = Some(session);
                done
            }
            Err(e) => {
                open.refused = e.kind() == Kind::Forbidden;
                let cause = failed.map_or_else(|| e.inside(), |failed| failed.inside());
                Err(Error::unavailable(e.message()).because(cause))
            }
        }
    }

    /// Encrypts under a fresh key, which has this label.
    pub(crate) fn wrap(&self, kek: &Key) -> Result<(String, Vec<u8>)> {
        self.within(|session| self.wrap_in(session, kek))
    }

    fn wrap_in(&self, session: &Session, kek: &Key) -> Result<(String, Vec<u8>)> {
        let label = format!("{}-{}", self.place.prefix, hex(&random::<8>()));
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Label(label.clone().into_bytes()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        let key = session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(trouble("makes no AES key"))?;
        let mut iv: [u8; IV] = random();
        let kept = iv;
        let params = GcmParams::new(&mut iv, BOUND, TAG_BITS.into());
        let params = params.map_err(trouble("takes no such parameters"))?;
        let body = session
            .encrypt(&Mechanism::AesGcm(params), key, kek.expose())
            .map_err(trouble("does not encrypt with AES-GCM"))?;
        Ok((label, [kept.as_slice(), &body].concat()))
    }

    /// Decrypts under the key of this label.
    pub(crate) fn unwrap(&self, label: &str, sealed: &[u8]) -> Result<Key> {
        self.within(|session| unwrap_in(session, label, sealed))
    }

    /// Signs its user out behind our back, as a token that was away is.
    #[cfg(test)]
    pub(crate) fn sign_out(&self) {
        let open = self.open.lock().unwrap();
        open.session.as_ref().unwrap().logout().unwrap();
    }

    /// Whether a label is one that we give: another city's prefix may begin with ours.
    fn made(&self, label: &str) -> bool {
        let end = label.strip_prefix(&self.place.prefix).and_then(|rest| rest.strip_prefix('-'));
        end.is_some_and(|end| end.len() == 16 && end.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Destroys every key of ours but one.
    pub(crate) fn destroy_others(&self, label: &str) -> Result<()> {
        self.within(|session| self.destroy_others_in(session, label))
    }

    fn destroy_others_in(&self, session: &Session, label: &str) -> Result<()> {
        let all = session
            .find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true)])
            .map_err(trouble("does not list its keys"))?;
        for key in all {
            let name = label_of(session, key);
            if self.made(&name) && name != label {
                session.destroy_object(key).map_err(trouble("does not destroy a key"))?;
            }
        }
        Ok(())
    }
}

fn unwrap_in(session: &Session, label: &str, sealed: &[u8]) -> Result<Key> {
    let gone = || {
        Error::invalid(
            "The token has no key for this kek file, or another one; what was wrapped under a key that is \
             destroyed opens never again.",
        )
    };
    let (iv, body) = sealed.split_at_checked(IV).ok_or_else(gone)?;
    let mut iv: [u8; IV] = iv.try_into().map_err(|_| gone())?;
    let found = session
        .find_objects(&[
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::Label(label.as_bytes().to_vec()),
        ])
        .map_err(trouble("does not list its keys"))?;
    let key = found.first().copied().ok_or_else(gone)?;
    let params = GcmParams::new(&mut iv, BOUND, TAG_BITS.into());
    let params = params.map_err(trouble("takes no such parameters"))?;
    let plain =
        session.decrypt(&Mechanism::AesGcm(params), key, body).map_err(|e| gone().because(e))?;
    key_of(plain).ok_or_else(gone)
}

fn label_of(session: &Session, key: ObjectHandle) -> String {
    let attributes = session.get_attributes(key, &[AttributeType::Label]).unwrap_or_default();
    let label = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Label(label) => String::from_utf8(label).ok(),
        _ => None,
    });
    label.unwrap_or_default()
}
