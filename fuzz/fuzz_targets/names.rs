//! Ids, times, keys and signatures as text.
#![no_main]
use base::{CameraId, PublicKey, ReadId, Time};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(time) = text.parse::<Time>() {
        assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
    }
    if let Ok(id) = text.parse::<ReadId>() {
        assert_eq!(id.to_string().parse::<ReadId>().unwrap(), id);
    }
    if let Ok(id) = text.parse::<CameraId>() {
        assert_eq!(id.to_string().parse::<CameraId>().unwrap(), id);
    }
    if let Ok(key) = text.parse::<PublicKey>() {
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
    }
    if let Ok(key) = text.parse::<read::SealKey>() {
        assert_eq!(key.to_string().parse::<read::SealKey>().unwrap().bytes(), key.bytes());
    }
    if let Some(bytes) = base::unb64(text) {
        assert_eq!(base::unb64(&base::b64(&bytes)), Some(bytes));
    }
});
