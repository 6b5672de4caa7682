//! What a passkey answered, from a browser or a stranger's copy of a log: read or refused, spelled in one way, and
//! never taken for a signature that nobody made.
#![no_main]
use identity::{Assertion, PasskeyKey, Signature, SignerKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|parts: (String, String, Vec<u8>, Vec<u8>, Vec<u8>)| {
    let (key, signature, authenticator_data, client_data, bytes) = parts;
    let key = key.parse::<SignerKey>();
    if let Ok(key) = &key {
        assert_eq!(key.to_string().parse::<SignerKey>().unwrap(), *key);
    }
    let signature = signature.parse::<Signature>();
    if let Ok(signature) = &signature {
        assert_eq!(signature.to_string().parse::<Signature>().unwrap(), *signature);
    }
    let made = Signature::Passkey(Assertion { authenticator_data, client_data, signature: bytes });
    assert_eq!(made.to_string().parse::<Signature>().unwrap(), made);
    // Keys that the input does not choose: the curve's base point, what is no point, and others.
    let mut point = [0; 65];
    point[0] = 4;
    point[1..].copy_from_slice(&BASE);
    let site = || "localhost".to_owned();
    for key in [
        SignerKey::Passkey { key: PasskeyKey::Es256(point), rp_id: site() },
        SignerKey::Passkey { key: PasskeyKey::Es256([4; 65]), rp_id: site() },
        SignerKey::Passkey { key: PasskeyKey::EdDsa([7; 32]), rp_id: site() },
        SignerKey::Ed25519([7; 32]),
    ] {
        assert!(key.verify(b"m", &made).is_err());
        if let Ok(signature) = &signature {
            assert!(key.verify(b"m", signature).is_err());
        }
    }
    // One that it does choose may be good for anything, and ends nothing.
    if let (Ok(key), Ok(signature)) = (&key, &signature) {
        let _ = (key.verify(b"m", &made), key.verify(b"m", signature));
    }
});

/// The base point of P-256, x and y.
const BASE: [u8; 64] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2,
    0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31,
    0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
