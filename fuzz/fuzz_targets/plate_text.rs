//! What people and lists write: a plate, or a clear no; normalising twice changes nothing.
#![no_main]
use libfuzzer_sys::fuzz_target;
use plate::{Odds, Pattern, Reason, RegionOdds, Text};

fuzz_target!(|written: &str| {
    if let Ok(text) = Text::parse(written) {
        let letters = text.reveal(Reason::Matching);
        assert!((1..=Text::MAX).contains(&letters.len()));
        assert_eq!(Text::parse(letters).unwrap(), text);
        let odds = Odds::new(letters.chars().map(|c| vec![(c, 0.9)]).collect()).unwrap();
        assert_eq!(plate::rank(&odds, &RegionOdds::unknown()).odds.text(), text);
        assert!(plate::same_plate(&odds, &odds, 0.5) > 0.5);
        let _ = plate::fits(&text).count();
        assert!(plate::variants(&text, 40).contains(&text));
        assert_eq!(Pattern::parse(letters).unwrap().exact().as_ref(), Some(&text));
    }
    if let Ok(pattern) = Pattern::parse(written) {
        let letters = pattern.reveal(Reason::Matching).to_owned();
        assert_eq!(Pattern::parse(&letters).unwrap(), pattern);
        assert!(pattern.known() <= Text::MAX && pattern.fits(&letters));
    }
});
