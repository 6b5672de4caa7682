//! A charter comes with every proposal: what is read has one spelling, and can be signed under.
#![no_main]
use identity::Charter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(charter) = Charter::parse(text) else { return };
    charter.check().unwrap();
    let spelled = charter.canonical();
    let again = Charter::parse(&spelled).unwrap();
    assert_eq!(again.canonical(), spelled);
    assert_eq!(again.hash(), charter.hash());
    for key in charter.offices.iter().flat_map(|office| &office.keys) {
        assert_eq!(again.office_of(key), charter.office_of(key));
    }
    for key in &charter.provers {
        assert!(again.provers.contains(key));
    }
    // Nobody has signed.
    assert!(charter.quorum(b"m", &[]).is_err());
});
