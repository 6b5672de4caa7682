//! Signed requests and machines' tokens: headers of any content are understood or refused.
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
    // A token comes in a header too; only one that is spelled as it was made is looked up.
    if let Some((id, _)) = identity::read_token(&input) {
        assert!(input.starts_with(id.as_str()));
    }
});
