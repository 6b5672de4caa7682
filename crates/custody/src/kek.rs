//! How the key-encryption key lies on disk: as it is, under a passphrase, or under a key that a token
//! (PKCS#11) keeps and never gives away.
//!
//! Holds: with a token, what was once written is dead when the token's key is destroyed, wherever copies
//! of it lie; so each key-encryption key has a token key of its own, and every other one is destroyed.
//! Not here: when keys are changed, and the order of files (`file.rs`).

use crate::seal::Key;
use crate::token::Token;
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base::{Error, Result, Secret, b64, random, unb64};
use std::path::Path;
use zeroize::Zeroize;

/// Argon2id with 64 MiB, three passes, one lane: RFC 9106's second recommended choice, with one lane.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const PASSPHRASE: &str = "passphrase-v1";
const TOKEN: &str = "pkcs11-v1";
/// Bound to what is encrypted, so that it is taken for nothing else.
pub(crate) const BOUND: &[u8] = b"homeplate/kek-wrap/v1";

/// What protects the key-encryption key.
#[derive(Clone, Debug, Default)]
pub enum Kek {
    /// The owner's rights to its file alone.
    #[default]
    File,
    /// A passphrase.
    Passphrase(Secret<String>),
    /// A key in a token.
    Token(TokenPlace),
}

impl Kek {
    /// Whether the token answers and takes the PIN, or there is a passphrase.
    pub fn usable(&self) -> Result<()> {
        Wrap::open(self).map(drop)
    }
}

/// Where a token is, and which of its keys are ours.
#[derive(Clone, Debug)]
pub struct TokenPlace {
    /// The token's PKCS#11 library, for instance `/usr/lib/softhsm/libsofthsm2.so`.
    pub module: std::path::PathBuf,
    /// The token's label.
    pub token: String,
    /// What the labels of our keys in it begin with; another city's must not begin so.
    pub prefix: String,
    /// The user's PIN.
    pub pin: Secret<String>,
}

/// [`Kek`], with the token open.
pub(crate) enum Wrap {
    File,
    Passphrase(Secret<String>),
    Token(Token),
}

fn wrong(path: &Path) -> Error {
    Error::invalid(format!(
        "{} does not open with this passphrase; give the right one, or restore custody.keys and kek from the \
         same backup.",
        path.display()
    ))
}

fn unlike(path: &Path, what: &str) -> Error {
    Error::invalid(format!(
        "{} is kept {what}; custody.kek says otherwise, and custody.secret must name what opens it.",
        path.display()
    ))
}

fn damaged(path: &Path) -> Error {
    Error::invalid(format!(
        "{} is not a key file; restore custody.keys and kek from the same backup.",
        path.display()
    ))
}

impl Wrap {
    pub(crate) fn open(kek: &Kek) -> Result<Self> {
        Ok(match kek {
            Kek::File => Self::File,
            Kek::Passphrase(secret) if secret.expose().is_empty() => {
                return Err(Error::invalid("The passphrase of the keys is empty; choose one."));
            }
            Kek::Passphrase(secret) => Self::Passphrase(secret.clone()),
            Kek::Token(place) => Self::Token(Token::open(place)?),
        })
    }

    /// The line to be kept for a key.
    pub(crate) fn seal(&self, kek: &Key) -> Result<String> {
        match self {
            Self::File => Ok(b64(kek.expose())),
            Self::Passphrase(secret) => {
                let salt: [u8; 16] = random();
                let sealed = encrypt(&stretched(secret, &salt)?, kek)?;
                Ok(format!("{PASSPHRASE} {} {}", b64(&salt), b64(&sealed)))
            }
            Self::Token(token) => {
                let (label, sealed) = token.wrap(kek)?;
                Ok(format!("{TOKEN} {label} {}", b64(&sealed)))
            }
        }
    }

    /// The key of a line; one that was kept in the open opens under every setting.
    pub(crate) fn key(&self, path: &Path, line: &str) -> Result<Key> {
        let words: Vec<&str> = line.split(' ').collect();
        let sealed = |text: &str| unb64(text).ok_or_else(|| damaged(path));
        match (words.as_slice(), self) {
            ([PASSPHRASE, salt, body], Self::Passphrase(secret)) => {
                let key = stretched(secret, &sealed(salt)?)?;
                decrypt(&key, &sealed(body)?).ok_or_else(|| wrong(path))
            }
            ([TOKEN, label, body], Self::Token(token)) => token.unwrap(label, &sealed(body)?),
            ([PASSPHRASE, ..], _) => Err(unlike(path, "under a passphrase")),
            ([TOKEN, ..], _) => Err(unlike(path, "under a token's key")),
            ([plain], _) => key_of(sealed(plain)?).ok_or_else(|| damaged(path)),
            _ => Err(damaged(path)),
        }
    }

    /// Whether a line is kept the way it should be.
    pub(crate) fn wrote(&self, line: &str) -> bool {
        let kept = line.split(' ').next().unwrap_or_default();
        match self {
            Self::File => kept != PASSPHRASE && kept != TOKEN,
            Self::Passphrase(_) => kept == PASSPHRASE,
            Self::Token(_) => kept == TOKEN,
        }
    }

    /// Destroys every key of ours in the token but that of the line in force.
    pub(crate) fn sweep(&self, line: &str) -> Result<()> {
        match self {
            Self::Token(token) => token.destroy_others(line.split(' ').nth(1).unwrap_or_default()),
            _ => Ok(()),
        }
    }
}

pub(crate) fn key_of(mut bytes: Vec<u8>) -> Option<Key> {
    let key = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(Secret::new);
    bytes.zeroize();
    key
}

fn stretched(secret: &Secret<String>, salt: &[u8]) -> Result<Key> {
    let cannot = |e: argon2::Error| {
        Error::internal("The passphrase cannot be made into a key.").because(e.to_string())
    };
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(cannot)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(secret.expose().as_bytes(), salt, &mut key)
        .map_err(cannot)?;
    Ok(Secret::new(key))
}

fn encrypt(under: &Key, kek: &Key) -> Result<Vec<u8>> {
    let cannot = |_| Error::internal("The key-encryption key cannot be encrypted.");
    let nonce: [u8; NONCE_LEN] = random();
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, under.expose()).map_err(cannot)?);
    let mut body = kek.expose().to_vec();
    let nonce_of = Nonce::assume_unique_for_key(nonce);
    let tag =
        cipher.seal_in_place_separate_tag(nonce_of, Aad::from(BOUND), &mut body).map_err(cannot)?;
    Ok([nonce.as_slice(), &body, tag.as_ref()].concat())
}

fn decrypt(under: &Key, sealed: &[u8]) -> Option<Key> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, under.expose()).ok()?);
    let mut body = body.to_vec();
    let plain = cipher.open_in_place(nonce, Aad::from(BOUND), &mut body).ok()?.to_vec();
    body.zeroize();
    key_of(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Files;
    use crate::keys::Keys;
    use read::OpenKey;
    use std::process::Command;

    fn passphrase(text: &str) -> Kek {
        Kek::Passphrase(Secret::new(text.into()))
    }

    fn keys() -> Keys {
        Keys::generate(OpenKey::generate().public().unwrap())
    }

    #[test]
    fn a_passphrase_opens_what_it_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (kek, made) = (passphrase("seven brown horses"), keys());
        drop(Files::create(dir.path(), &kek, &made).unwrap());
        let (mut files, read) = Files::open(dir.path(), &kek).unwrap();
        assert_eq!(read.write().expose(), made.write().expose());
        files.rotate(&read).unwrap();
        files.settle().unwrap();
        drop(files);
        assert!(Files::open(dir.path(), &kek).is_ok());
        let refused = |kek: &Kek| Files::open(dir.path(), kek).err().unwrap().to_string();
        assert!(refused(&passphrase("six brown horses")).contains("passphrase"));
        assert!(refused(&Kek::File).contains("custody.secret"));
        assert!(refused(&passphrase("")).contains("empty"));
    }

    /// A city chooses a passphrase later: the key in the open is wiped, and what lay under it too.
    #[test]
    fn a_key_in_the_open_is_closed_when_the_city_says_so() {
        let dir = tempfile::tempdir().unwrap();
        drop(Files::create(dir.path(), &Kek::File, &keys()).unwrap());
        let open = std::fs::read(dir.path().join("kek")).unwrap();
        let kek = passphrase("seven brown horses");
        drop(Files::open(dir.path(), &kek).unwrap());
        let closed = std::fs::read(dir.path().join("kek")).unwrap();
        assert!(closed.starts_with(b"passphrase-v1 ") && closed != open);
        // The old key file opens nothing.
        std::fs::write(dir.path().join("kek"), open).unwrap();
        assert!(Files::open(dir.path(), &kek).is_err());
    }

    const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

    /// SoftHSM reads its configuration from the environment: the test runs itself again with one.
    #[test]
    fn a_token_keeps_and_destroys() {
        if std::env::var_os("SOFTHSM2_CONF").is_some() {
            return with_a_token();
        }
        let dir = tempfile::tempdir().unwrap();
        let conf = dir.path().join("softhsm2.conf");
        let tokens = dir.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        std::fs::write(&conf, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
        let made = Command::new("softhsm2-util")
            .args([
                "--init-token",
                "--free",
                "--label",
                "city",
                "--so-pin",
                "9876",
                "--pin",
                "1234",
            ])
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .expect("softhsm2-util, of the package softhsm2");
        assert!(made.status.success(), "{made:?}");
        let test = "kek::tests::a_token_keeps_and_destroys";
        let ran = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("SOFTHSM2_CONF", &conf)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    fn with_a_token() {
        let dir = tempfile::tempdir().unwrap();
        let place = TokenPlace {
            module: MODULE.into(),
            token: "city".into(),
            prefix: "homeplate-a".into(),
            pin: Secret::new("1234".into()),
        };
        let (kek, made) = (Kek::Token(place.clone()), keys());
        let other = Kek::Token(TokenPlace { prefix: "homeplate".into(), ..place.clone() });
        let (files, _) = (Files::create(dir.path(), &kek, &made).unwrap(), ());
        drop(files);
        let neighbour = dir.path().join("neighbour");
        drop(Files::create(&neighbour, &other, &keys()).unwrap());
        // A backup of everything that is on the disk.
        let backup = dir.path().join("backup");
        std::fs::create_dir(&backup).unwrap();
        for name in ["custody.keys", "kek"] {
            std::fs::copy(dir.path().join(name), backup.join(name)).unwrap();
        }
        assert!(Files::open(&backup, &kek).is_ok(), "before the destruction it opens");
        let (mut files, read) = Files::open(dir.path(), &kek).unwrap();
        files.rotate(&read).unwrap();
        files.settle().unwrap();
        drop(files);
        assert!(Files::open(dir.path(), &kek).is_ok());
        // Whole backup, right PIN, same token: the key is not there any more.
        let e = Files::open(&backup, &kek).err().unwrap().to_string();
        assert!(e.contains("destroyed"), "{e}");
        // A neighbour in the same token keeps what is theirs, although its name is the beginning of ours.
        assert!(Files::open(&neighbour, &other).is_ok());
        let (mut files, read) = Files::open(&neighbour, &other).unwrap();
        files.rotate(&read).unwrap();
        files.settle().unwrap();
        // The token was away for a moment: nobody has to start anything.
        let token = Token::open(&place).unwrap();
        let key = Secret::new([7; 32]);
        let (label, sealed) = token.wrap(&key).unwrap();
        token.sign_out();
        assert_eq!(token.unwrap(&label, &sealed).unwrap().expose(), key.expose());
        token.sign_out();
        token.wrap(&key).unwrap();
        let refused = |place: TokenPlace| Token::open(&place).err().unwrap().to_string();
        assert!(Files::open(dir.path(), &kek).is_ok(), "the neighbour's rotation left ours");
        let nowhere = refused(TokenPlace { token: "village".into(), ..place.clone() });
        assert!(nowhere.contains("custody.pkcs11_token"), "{nowhere}");
        let library = refused(TokenPlace { module: "/nowhere.so".into(), ..place });
        assert!(library.contains("custody.pkcs11_module"), "{library}");
    }
}
