//! What logs and witnesses send each other: policies, submissions, receipts, checkpoints of strangers.
#![no_main]
use ledger::{Entry, Policy, Reply, Witness};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

/// A witness that follows nothing: whatever is submitted, it signs nothing.
static WITNESS: LazyLock<Witness> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("homeplate-fuzz-witness-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    Witness::create(&dir, "witness.example/fuzz").unwrap()
});

fuzz_target!(|bytes: &[u8]| {
    let reply = WITNESS.add_checkpoint(bytes, base::Time::from_millis(0)).unwrap();
    assert!(matches!(reply, Reply::Malformed | Reply::UnknownLog), "{reply:?}");
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(entry) = Entry::from_receipt(text) {
        assert_eq!(Entry::from_receipt(&entry.receipt()).unwrap(), entry);
    }
    if let Ok(policy) = Policy::parse(text) {
        assert!(policy.open(None, bytes).is_err());
    }
});
