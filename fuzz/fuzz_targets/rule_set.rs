//! Sets of rules are read from strangers' copies of a log: what is read is spelled as it was read. And the rule
//! file of any of them is read or refused.
#![no_main]
use identity::{Adoption, RuleSet};
use libfuzzer_sys::fuzz_target;
use policy::Rules;

fuzz_target!(|text: &str| {
    if let Ok(set) = RuleSet::parse(text) {
        assert_eq!(set.canonical().unwrap(), text);
        if let Ok(charter) = set.charter() {
            let adoption = Adoption {
                since: 0,
                base: String::new(),
                set: text.into(),
                signatures: Vec::new(),
            };
            assert!(adoption.verify("fuzz", &charter).is_err(), "nobody has signed");
            let again = RuleSet::new(set.rules.clone(), set.properties.clone(), &charter).unwrap();
            // A set may hold its charter in another spelling; a second reading changes nothing more.
            let once = again.canonical().unwrap();
            assert_eq!(RuleSet::parse(&once).unwrap().canonical().unwrap(), once);
        }
        let _ = Rules::parse(&set.rules);
    }
    if let Ok(rules) = Rules::parse(text) {
        assert_eq!(rules.text(), text);
        let _ = rules.stages();
    }
});
