//! Signed requests: headers of any content are understood or refused.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|headers: (String, String, String)| {
    let (input, signature, digest) = headers;
    let get = |name: &str| match name.to_ascii_lowercase().as_str() {
        "signature-input" => Some(input.clone()),
        "signature" => Some(signature.clone()),
        "content-digest" => Some(digest.clone()),
        _ => None,
    };
    let _ = identity::http::claim(&get);
});
