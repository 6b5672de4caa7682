//! A token's keys (PKCS#11 2.40, AES-GCM): made in it, used in it, destroyed in it.

use crate::kek::{BOUND, TokenPlace, key_of};
use crate::seal::Key;
use base::{Error, Result, hex, random};
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
    session: Mutex<Session>,
    prefix: String,
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

impl Token {
    pub(crate) fn open(place: &TokenPlace) -> Result<Self> {
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
            Ok(()) | Err(Cryptoki::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(e) => {
                return Err(Error::forbidden(
                    "The token does not take this PIN; a few wrong ones lock it.",
                )
                .because(e));
            }
        }
        Ok(Self { session: Mutex::new(session), prefix: place.prefix.clone() })
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encrypts under a fresh key, which has this label.
    pub(crate) fn wrap(&self, kek: &Key) -> Result<(String, Vec<u8>)> {
        let label = format!("{}-{}", self.prefix, hex(&random::<8>()));
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
        let session = self.session();
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
        let gone = || {
            Error::invalid(
                "The token has no key for this kek file, or another one; what was wrapped under a key that is \
                 destroyed opens never again.",
            )
        };
        let (iv, body) = sealed.split_at_checked(IV).ok_or_else(gone)?;
        let mut iv: [u8; IV] = iv.try_into().map_err(|_| gone())?;
        let session = self.session();
        let found = session
            .find_objects(&[
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::Label(label.as_bytes().to_vec()),
            ])
            .map_err(trouble("does not list its keys"))?;
        let key = found.first().copied().ok_or_else(gone)?;
        let params = GcmParams::new(&mut iv, BOUND, TAG_BITS.into());
        let params = params.map_err(trouble("takes no such parameters"))?;
        let plain = session
            .decrypt(&Mechanism::AesGcm(params), key, body)
            .map_err(|e| gone().because(e))?;
        key_of(plain).ok_or_else(gone)
    }

    /// Whether a label is one that we give: another city's prefix may begin with ours.
    fn made(&self, label: &str) -> bool {
        let end = label.strip_prefix(&self.prefix).and_then(|rest| rest.strip_prefix('-'));
        end.is_some_and(|end| end.len() == 16 && end.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Destroys every key of ours but one.
    pub(crate) fn destroy_others(&self, label: &str) -> Result<()> {
        let session = self.session();
        let all = session
            .find_objects(&[Attribute::Class(ObjectClass::SECRET_KEY), Attribute::Token(true)])
            .map_err(trouble("does not list its keys"))?;
        for key in all {
            let name = label_of(&session, key);
            if self.made(&name) && name != label {
                session.destroy_object(key).map_err(trouble("does not destroy a key"))?;
            }
        }
        Ok(())
    }
}

fn label_of(session: &Session, key: ObjectHandle) -> String {
    let attributes = session.get_attributes(key, &[AttributeType::Label]).unwrap_or_default();
    let label = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::Label(label) => String::from_utf8(label).ok(),
        _ => None,
    });
    label.unwrap_or_default()
}
