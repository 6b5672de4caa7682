//! What comes out of a seal that somebody else made: a read within its bounds, or an error.
#![no_main]
use libfuzzer_sys::fuzz_target;
use read::SignedRead;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = SignedRead::decode(bytes) {
        let again = read.encode();
        SignedRead::decode(again.expose()).unwrap();
    }
});
