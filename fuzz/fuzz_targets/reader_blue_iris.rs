//! Blue Iris' alerts, as JSON and as a form.
#![no_main]
use exchange::inbound::{Adapter, CAP, Document, RESULTS_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for content_type in ["", "multipart/form-data; boundary=b"] {
        let document = Document { content_type, body };
        if let Ok(heard) = Adapter::BlueIris.read(&document) {
            assert!(heard.seen.len() <= RESULTS_MAX);
            assert!(heard.seen.iter().all(|s| s.confidence <= CAP + 1e-3));
        }
    }
});
