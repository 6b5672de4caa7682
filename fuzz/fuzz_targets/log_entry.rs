//! The public log is read from strangers' copies: whatever parses as a leaf is written as it was meant.
#![no_main]
use ledger::Leaf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(leaf) = Leaf::parse(bytes) {
        let written = leaf.bytes().unwrap();
        assert_eq!(Leaf::parse(&written).unwrap(), leaf);
    }
});
