//! Bytes as a hot list: whatever they are, a preview, rows in bounds, and a report that adds up.
#![no_main]
use base::Time;
use hotlist::import::{Field, Lines, Mapping, Rules, Understood};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u8, bool, [(u8, u8); 3])| {
    let (bytes, days, adopts, widths) = input;
    let now = Time::from_millis(1_798_761_600_000);
    let adopted = adopts.then(|| ["stolen", "ev"].map(String::from).into());
    let rules = Rules {
        adopted,
        usual_days: (days > 0).then_some(u32::from(days)),
        reason: Some("stolen".into()),
        case: Some("1".into()),
        entries: 50,
        ..Rules::default()
    };
    let shown = Understood::of(bytes, &rules, now);
    let fields = [Field::Plate, Field::Expires, Field::Category];
    let fixed: Vec<_> =
        fields.into_iter().zip(widths).map(|(f, (a, b))| (f, a.into(), b.into())).collect();
    for mapping in [shown.mapping, Mapping::fixed(&fixed)] {
        let Ok(mut lines) = Lines::new(bytes, &mapping, &rules, now) else { continue };
        let mut taken = 0;
        for row in lines.by_ref().flatten() {
            taken += 1;
            assert!(row.expires > now && row.expires.since(now) <= 90 * 86_400_000);
            assert!(row.category.is_none_or(|c| c == "stolen" || c == "ev"));
        }
        assert_eq!(lines.report().taken, taken);
    }
});
