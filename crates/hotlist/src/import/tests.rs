//! Files as bytes, what became of them as a small text. Now is 2027-01-01T00:00Z.

use super::*;
use base::{Kind, Time};
use plate::Reason;
use proptest::prelude::*;
use std::io::Read;

fn now() -> Time {
    Time::from_millis(1_798_761_600_000)
}

fn rules() -> Rules {
    Rules {
        usual_days: Some(30),
        reason: Some("stolen".into()),
        case: Some("26-1".into()),
        ..Rules::default()
    }
}

fn adopting(words: &str) -> Rules {
    Rules { adopted: Some(words.split_whitespace().map(str::to_owned).collect()), ..rules() }
}

fn state(row: &Row) -> &str {
    row.state.as_deref().unwrap_or("-")
}

/// Rows as `PLATE/state`, and then what the report has to say.
fn read(bytes: &[u8], mapping: &Mapping, rules: &Rules) -> String {
    let mut lines = match Lines::new(bytes, mapping, rules, now()) {
        Ok(lines) => lines,
        Err(e) => return e.message().to_owned(),
    };
    let mut out = Vec::new();
    for row in lines.by_ref() {
        out.push(match row {
            Ok(row) => format!("{}/{}", row.plate.reveal(Reason::HotList), state(&row)),
            Err(e) => format!("[{:?}]", e.kind()),
        });
    }
    let report = lines.report();
    out.extend(report.dropped.iter().map(|(c, n)| format!("dropped {n} {c}")));
    if report.ended > 0 {
        out.push(format!("ended {}", report.ended));
    }
    if report.defused > 0 {
        out.push(format!("defused {}", report.defused));
    }
    out.extend(report.problems.iter().map(|p| format!("line {}: {}", p.line, p.what)));
    out.join(" | ")
}

fn check_with(bytes: &[u8], rules: &Rules, layout: Layout, want: &str) {
    let understood = Understood::of(bytes, rules, now());
    assert_eq!(understood.mapping.layout, layout, "{:?}", understood.columns);
    assert_eq!(read(bytes, &understood.mapping, rules), want, "{understood:?}");
}

fn check(text: &str, layout: Layout, want: &str) {
    check_with(text.as_bytes(), &rules(), layout, want);
}

#[test]
fn built_in_layouts() {
    check(
        "plate,reason,caseNumber,state,expiry,note\n7ABC128,stolen,26-4,CA,2027-02-01,\"left, then \"\"north\"\"\"\n",
        Layout::Flock,
        "7ABC128/us-ca",
    );
    check(
        "Hot Plate,State,Alert\n7abc-128,ca,Stolen\nXYZ99?,NV,Felony\n",
        Layout::Vigilant,
        "7ABC128/us-ca | XYZ99?/us-nv",
    );
    check("ABC123;CA\nDEF456;NV\n", Layout::Genetec, "ABC123/us-ca | DEF456/us-nv");
    check("ABC123:CA\r\nDEF456:NV", Layout::Genetec, "ABC123/us-ca | DEF456/us-nv");
    // Idaho is no heading.
    check("ABC123;ID\nDEF456;NV\n", Layout::Genetec, "ABC123/us-id | DEF456/us-nv");
    check("ID;car\n17;ABC123\n", Layout::Other, "ABC123/-");
    let genetec = "Category;PlateState;PlateNumber;EffectiveDate;ExpiryDate;PermitID\n\
        Stolen;CA;7ABC128;2026-12-01;2027-01-20;17\n\
        Permit;CA;7ABC129;2026-12-01;2027-01-20;18\n";
    check_with(
        genetec.as_bytes(),
        &adopting("stolen"),
        Layout::Genetec,
        "7ABC128/us-ca | dropped 1 permit",
    );
    check("Tag\tnothing\tColor\nAB1234\tx\tred\n", Layout::Other, "AB1234/-");
}

#[test]
fn what_the_city_has_not_adopted_never_comes_out() {
    let extract = b"MKE|LIC|LIS|LIY|VMA|VMO|VCO|DOT|ORI|OCA|NIC\n\
        EV|7ABC128|CA|2026|TOYT|COR|RED|20261201|CA0010000|26-17|V123\n\
        X1|7XYZ999|CA|2026|||| |CA0010000|26-18|I123\n\
        x1|not a plate at all \x00|CA||||||||\n\
        |7XYZ998|CA||||||||\n\
        EP|7XYZ997|CA||||||||\n";
    check_with(
        extract,
        &adopting("EV"),
        Layout::Ncic,
        "7ABC128/us-ca | dropped 1 (none) | dropped 1 ep | dropped 2 x1",
    );
    check_with(
        extract,
        &rules(),
        Layout::Ncic,
        "Say which categories of this list the city has adopted.",
    );
    let shown = Understood::of(extract, &rules(), now());
    assert_eq!((shown.sample.taken, shown.sample.dropped.len()), (0, 4), "a preview counts them");
    let mut mapping = shown.mapping;
    mapping.columns[0] = None;
    let refused = read(extract, &mapping, &adopting("EV"));
    assert_eq!(refused, "Say which column holds the message key (MKE).");
}

/// A file that says of no row what it is comes in only where somebody has said what all of it is.
#[test]
fn a_file_without_categories_is_not_read_where_some_are_adopted() {
    let refused = "The city has adopted categories of this list, and no column holds any; say which does, or which \
                   category such a file is of.";
    let file = b"plate,state,Type\n7ABC128,CA,Stolen\n7XYZ999,CA,Immigration\n";
    let usual = |word: &str| Rules { category: Some(word.into()), ..adopting("Stolen") };
    check_with(file, &adopting("stolen"), Layout::Other, refused);
    check_with(file, &usual("felony"), Layout::Other, refused);
    check_with(file, &usual(" STOLEN"), Layout::Other, "7ABC128/us-ca | 7XYZ999/us-ca");
    let shown = Understood::of(file, &adopting("stolen"), now());
    assert_eq!((shown.missing, shown.sample.taken), (vec![Field::Category], 0));
    let mut mapping = shown.mapping;
    mapping.columns[2] = Some(Field::Category);
    assert_eq!(read(file, &mapping, &adopting("stolen")), "7ABC128/us-ca | dropped 1 immigration");
    // Where it has a column, that counts.
    let file = b"plate,category\n7ABC128,\n7XYZ999,stolen\n";
    check_with(file, &usual("stolen"), Layout::Other, "7XYZ999/- | dropped 1 (none)");
    let alerts = b"Hot Plate,State,Alert\n7ABC128,CA,Stolen\n7XYZ999,CA,Immigration\n";
    check_with(
        alerts,
        &adopting("stolen"),
        Layout::Vigilant,
        "7ABC128/us-ca | dropped 1 immigration",
    );
}

#[test]
fn states_are_known_however_they_are_spelled() {
    check(
        "plate,reason,caseNumber,state\n7ABC128,a,1,Texas\n7ABC129,a,1,new york\n7ABC130,a,1,USA\n\
         7ABC131,a,1,D\n7ABC132,a,1,ON\n7ABC133,a,1,Atlantis\n",
        Layout::Flock,
        "7ABC128/us-tx | 7ABC129/us-ny | 7ABC130/us | 7ABC131/de | 7ABC132/on | \
         line 7: Its state is none; write two letters.",
    );
}

#[test]
fn a_quote_that_is_left_open_is_told_with_all_that_it_takes_along() {
    let file = |note: &str, more: usize| {
        let more: String =
            (0..more).map(|n| format!("7XYZ{n:03},stolen,1,CA,2027-02-01,\n")).collect();
        format!(
            "plate,reason,caseNumber,state,expiry,note\n7ABC128,a,1,CA,2027-02-01,{note}\n{more}"
        )
    };
    let of = |text: String| {
        let mapping = Understood::of(text.as_bytes(), &rules(), now()).mapping;
        let mut lines = Lines::new(text.as_bytes(), &mapping, &rules(), now()).unwrap();
        let taken = lines.by_ref().filter(Result::is_ok).count();
        let report = lines.report();
        (taken, report.rows, report.troubled, report.problems.first().map(|p| p.what.clone()))
    };
    let told = Some("It holds the rows behind it; is a quote left open?".to_owned());
    assert_eq!(of(file("\"dent left", 70)), (0, 71, 71, told.clone()));
    assert_eq!(of(file("\"dent left\n7XYZ999,a,1,CA,2027-02-01,\"left\"", 70)), (70, 72, 2, told));
    // A note may have lines, and commas in them.
    let lines = "\"dent left,\nseen 12 March, 3 pm,\non Main, blue, 2 doors, and so on\"";
    assert_eq!(of(file(lines, 3)), (4, 4, 0, None));
}

#[test]
fn an_extract_describes_the_vehicle() {
    let extract =
        b"LIC,LIS,MKE,VMA,VCO,DOT,ORI,OCA,NIC\n7ABC128,CA,EV,TOYT,RED,20261201,CA1,26-17,V1\n";
    let rules = adopting("ev");
    let mapping = Understood::of(extract, &rules, now()).mapping;
    let row = Lines::new(&extract[..], &mapping, &rules, now()).unwrap().next().unwrap().unwrap();
    assert_eq!(
        (row.vehicle.make.as_deref(), row.vehicle.color.as_deref()),
        (Some("TOYT"), Some("RED"))
    );
    assert_eq!(
        (row.reason.as_str(), row.case.as_str(), row.source.as_str()),
        ("stolen", "26-17", "CA1")
    );
    assert_eq!(row.from.unwrap().to_string(), "2026-12-01T00:00:00.000Z");
    assert_eq!((row.record.as_deref(), row.line), (Some("V1"), 2));
    assert!(!format!("{row:?}").contains("7ABC"));
}

#[test]
fn fixed_width() {
    let mapping =
        Mapping::fixed(&[(Field::Plate, 0, 8), (Field::State, 8, 10), (Field::Expires, 10, 18)]);
    let file = "7ABC128 CA20270120\nÄB 12   NV20270120\nshort\n\"A1234  TX20270120\n";
    assert_eq!(
        read(file.as_bytes(), &mapping, &Rules { usual_days: None, ..rules() }),
        "7ABC128/us-ca | AB12/us-nv | line 3: It has no end, and the list has no usual one. | \
         line 4: Its plate holds what is neither a letter nor a digit."
    );
}

#[test]
fn encodings() {
    let text = "plate,reason,caseNumber,note\n7ABC128,größe,1,ß\n";
    let wide = |big: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units.flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    };
    let old: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    for (bytes, encoding) in [
        (text.as_bytes().to_vec(), Encoding::Utf8),
        ([b"\xef\xbb\xbf", text.as_bytes()].concat(), Encoding::Utf8),
        (wide(false, true), Encoding::Utf16Le),
        (wide(true, true), Encoding::Utf16Be),
        (wide(false, false), Encoding::Utf16Le),
        (wide(true, false), Encoding::Utf16Be),
        (old, Encoding::Windows1252),
    ] {
        let understood = Understood::of(&bytes, &rules(), now());
        assert_eq!(understood.encoding, encoding);
        let row = Lines::new(&bytes[..], &understood.mapping, &rules(), now()).unwrap().next();
        let row = row.unwrap().unwrap();
        assert_eq!(
            (row.reason.as_str(), row.note.as_deref()),
            ("größe", Some("ß")),
            "{encoding:?}"
        );
    }
    // The first accent comes late: it decides, and where one decided before, what does not follow is refused.
    let late = |first: &str, end: &str| {
        let mut file = format!("plate,reason,caseNumber\n7ABC127,{first},1\n").into_bytes();
        file.extend(b"7ABC128,ok,1\n".repeat(6000));
        file.extend(b"7ABC129,gr\xf6\xdfe,1\n7ABC130,ok,1\n");
        let shown = Understood::of(&file, &rules(), now());
        let got = read(&file, &shown.mapping, &rules());
        assert!(got.ends_with(end), "{}", &got[got.len() - 150..]);
    };
    late("ok", "7ABC129/- | 7ABC130/-");
    late(
        "größe",
        "7ABC128/- | 7ABC130/- | line 6003: It holds bytes that are no characters of the file's encoding.",
    );
}

#[test]
fn no_vehicle_is_left_out_for_what_describes_it() {
    let long = "x".repeat(600);
    let file = format!(
        "plate,reason,caseNumber,note,make\n7ABC128,a,1,{long},ok\n7ABC129,a,1,\u{1},citro\u{fffd}n\n"
    );
    let mapping = Understood::of(file.as_bytes(), &rules(), now()).mapping;
    let rows = Lines::new(file.as_bytes(), &mapping, &rules(), now()).unwrap().map(Result::unwrap);
    let kept: Vec<(Option<usize>, String)> =
        rows.map(|r| (r.note.map(|n| n.len()), r.vehicle.make.unwrap_or_default())).collect();
    assert_eq!(kept, [(Some(500), "ok".to_owned()), (None, "citron".to_owned())]);
}

#[test]
fn bad_lines_are_told_and_the_rest_is_taken() {
    check(
        "plate,reason,caseNumber,state,expiry,priority\n\
         7ABC128,a,1,CA,2027-02-01,high\n\
         ,a,1,CA,2027-02-01,\n\
         7ABC12%,a,1,CA,2027-02-01,\n\
         1234567890123,a,1,CA,2027-02-01,\n\
         A*,a,1,CA,2027-02-01,\n\
         7ABC129,a,1,California!,2027-02-01,\n\
         7ABC129,a,1,CA,soon,\n\
         7ABC129,a,1,CA,2027-06-01,\n\
         7ABC129,a,1,CA,2026-06-01,\n\
         7ABC129,a,1,CA,2027-02-01,11\n\
         7ABC129,a\u{1},1,CA,2027-02-01,\n\
         7ABC129\n\
         \n\
         7ABC129,a,1,--,2027-02-01,\n",
        Layout::Flock,
        "7ABC128/us-ca | 7ABC129/- | 7ABC129/- | ended 1 | line 3: It has no plate. | \
         line 4: Its plate holds what is neither a letter nor a digit. | \
         line 5: Its plate has more than 12 characters. | \
         line 6: A partial plate needs three known characters, and one star at most. | \
         line 7: Its state is none; write two letters. | \
         line 8: Its date is none; write 2027-02-03. | \
         line 9: It ends later than this list may run. | \
         line 11: Its priority is none; write 0 to 9. | line 12: It holds control characters.",
    );
}

#[test]
fn ends_are_bounded() {
    let file = b"plate,expires\n7ABC128,2029-01-01\n7ABC129,\n";
    let of = |rules: Rules| {
        let mapping = Understood::of(file, &rules, now()).mapping;
        let rows = Lines::new(&file[..], &mapping, &rules, now()).unwrap();
        let ends: Vec<i64> = rows
            .map(|row| {
                let row = row.unwrap();
                let days = row.expires.since(now()) / 86_400_000;
                assert_eq!(row.days.map(i64::from), Some(days), "the list's rules made it");
                days
            })
            .collect();
        ends
    };
    assert_eq!(of(Rules { shorten: true, ..rules() }), [90, 30]);
    assert_eq!(of(rules()), [30]);
    assert_eq!(of(Rules { usual_days: None, ..rules() }), Vec::<i64>::new());
    assert_eq!(of(Rules { usual_days: Some(400), ..rules() }), [90]);
}

#[test]
fn formulas_are_defused() {
    let file = "plate,reason,caseNumber,note\n7ABC128,=HYPERLINK(1),@x,-1+2\n=7ABC129,a,1,\n";
    check(
        file,
        Layout::Flock,
        "7ABC128/- | defused 3 | line 3: Its plate holds what is neither a letter nor a digit.",
    );
    let mapping = Understood::of(file.as_bytes(), &rules(), now()).mapping;
    let row =
        Lines::new(file.as_bytes(), &mapping, &rules(), now()).unwrap().next().unwrap().unwrap();
    assert_eq!(
        (row.reason.as_str(), row.case.as_str(), row.note.as_deref()),
        ("'=HYPERLINK(1)", "'@x", Some("'-1+2"))
    );
}

/// A head, so many bytes of one sort, and a tail.
fn long(head: &'static [u8], fill: u8, n: u64, tail: &'static [u8]) -> impl Read {
    head.chain(std::io::repeat(fill).take(n)).chain(tail)
}

#[test]
fn a_line_without_end_is_read_and_not_kept() {
    let mapping = Understood::of(b"plate,reason\n7ABC128,a\n", &rules(), now()).mapping;
    for (head, fill) in [
        ("plate,reason\n7ABC128,a\n", b'A'),
        ("plate,reason\n7ABC128,a\n", b','),
        ("plate,reason\n7ABC128,a\n\"", b'A'),
    ] {
        let tail: &[u8] = if head.ends_with('"') { b"\"\n7ABC129,a\n" } else { b"\n7ABC129,a\n" };
        let source = long(head.as_bytes(), fill, 8 << 20, tail);
        let mut lines = Lines::new(source, &mapping, &rules(), now()).unwrap();
        let rows: Vec<Row> = lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 4]);
        let problems = &lines.report().problems;
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].line, problems[0].field), (3, None));
    }
}

#[test]
fn a_file_is_bounded() {
    let mapping = Understood::of(b"plate,reason\n7ABC128,a\n", &rules(), now()).mapping;
    let file = b"plate,reason\n7ABC128,a\n7ABC129,a\n7ABC130,a\n";
    assert_eq!(
        read(file, &mapping, &Rules { entries: 2, ..rules() }),
        "7ABC128/- | 7ABC129/- | [TooLarge]"
    );
    let endless = long(file, b'A', u64::MAX, b"");
    let lines = Lines::new(endless, &mapping, &Rules { bytes: 1 << 20, ..rules() }, now()).unwrap();
    let last = lines.last().unwrap();
    assert_eq!(last.unwrap_err().kind(), Kind::TooLarge);
    let bad = "plate,reason,caseNumber\n".to_owned() + &"!,a,1\n".repeat(PROBLEMS + 50);
    let mut lines = Lines::new(bad.as_bytes(), &mapping, &rules(), now()).unwrap();
    assert!(lines.next().is_none());
    let report = lines.report();
    assert_eq!((report.problems.len(), report.troubled), (PROBLEMS, PROBLEMS as u64 + 50));
}

#[test]
fn what_is_understood_is_shown_first() {
    let file = "Kennz.;Land;Ablauf\n7ABC128;CA;2027-02-01\n8XYZ001;NV;\n";
    let shown = Understood::of(
        file.as_bytes(),
        &Rules { usual_days: None, reason: None, ..rules() },
        now(),
    );
    let columns: Vec<_> =
        shown.columns.iter().map(|c| (c.heading.as_str(), c.field, c.filled)).collect();
    assert_eq!(
        columns,
        [("Kennz.", Some(Field::Plate), 2), ("Land", Some(Field::State), 2), ("Ablauf", None, 1)]
    );
    assert!(shown.mapping.headings && shown.mapping.delimiter == Some(';'));
    assert_eq!(shown.missing, [Field::Expires, Field::Reason]);
    assert_eq!((shown.sample.rows, shown.sample.taken, shown.sample.troubled), (2, 0, 2));
    // A person corrects it.
    let mut mapping = shown.mapping;
    mapping.columns[2] = Some(Field::Expires);
    let better = Understood::with(file.as_bytes(), mapping, &rules(), now());
    assert_eq!((better.sample.taken, better.missing.len()), (2, 0));
    assert!(!format!("{better:?}").contains("8XYZ"));
    let nothing = Understood::of(b"", &rules(), now());
    assert_eq!(nothing.missing, [Field::Plate]);
    assert_eq!(nothing.sample.problems[0].what, "Say which column holds the plates.");
}

fn rows_of(text: &str) -> Vec<Row> {
    let text = format!("plate,reason,caseNumber,state\n{text}");
    let mapping = Understood::of(text.as_bytes(), &rules(), now()).mapping;
    Lines::new(text.as_bytes(), &mapping, &rules(), now()).unwrap().map(Result::unwrap).collect()
}

fn traces(text: &str) -> Vec<Trace> {
    rows_of(text).iter().map(Trace::of).collect()
}

/// What each row of a file is to a list, the numbers of what is gone, and what all that comes to.
fn compared(old: &[Trace], new: &[Trace]) -> (Vec<Found>, Vec<u64>, Change) {
    let mut comparison = Comparison::with((0u64..).zip(old).map(|(n, t)| (*t, n)).collect());
    let found = new.iter().map(|trace| comparison.take(*trace)).collect();
    let mut gone: Vec<u64> = comparison.gone().collect();
    gone.sort_unstable();
    (found, gone, comparison.change(&AskFirst::default()))
}

#[test]
fn a_change_is_told() {
    let old = traces("7ABC128,a,1,CA\n7ABC128,a,1,NV\n7ABC129,a,1,CA\n");
    let new = traces("7ABC130,a,1,CA\n7ABC129,b,1,CA\n7ABC128,a,1,CA\n7ABC128,x,1,CA\n");
    let (found, gone, change) = compared(&old, &new);
    assert_eq!(found, [Found::Added, Found::Changed(2), Found::Same, Found::Again]);
    assert_eq!(gone, [1]);
    let want = Change { added: 1, changed: 1, removed: 1, same: 1, again: 1, doubt: None };
    assert_eq!(change, want);
    let doubt = |before: usize, after: usize| {
        let many =
            |n: usize| traces(&(0..n).map(|i| format!("P{i:05},a,1,CA\n")).collect::<String>());
        compared(&many(before), &many(after)).2.doubt
    };
    for (before, after, want) in [
        (0, 500, None),
        (5, 0, Some(Doubt::Empty)),
        (5, 1, None),
        (100, 90, None),
        (100, 89, Some(Doubt::Shrinks)),
        (100, 150, None),
        (100, 151, Some(Doubt::Grows)),
    ] {
        assert_eq!(doubt(before, after), want, "{before} {after}");
    }
}

/// The same file brought later makes other ends, and is the same; an end that it names itself is compared.
#[test]
fn an_end_that_the_list_makes_is_no_change() {
    let at = |later: i64, rules: &Rules| -> Vec<Trace> {
        let file = b"plate,expires\n7ABC128,2029-01-01\n7ABC129,\n7ABC130,2027-02-01\n";
        let mapping = Understood::of(file, rules, now()).mapping;
        let rows = Lines::new(&file[..], &mapping, rules, now().plus_millis(later)).unwrap();
        rows.map(|row| Trace::of(&row.unwrap())).collect()
    };
    let short = Rules { shorten: true, ..rules() };
    let first = at(0, &short);
    assert_eq!(at(86_400_000, &short), first);
    let same = |rules: Rules| -> Vec<bool> {
        at(0, &rules).iter().zip(&first).map(|(a, b)| a == b).collect()
    };
    assert_eq!(same(Rules { usual_days: Some(31), ..short.clone() }), [true, false, true]);
    assert_eq!(same(Rules { longest_days: 60, ..short }), [false, true, true]);
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in prop_oneof![
            proptest::collection::vec(proptest::num::u8::ANY, 0..600),
            "(plate|LIC|MKE|state|reason|expires|Hot Plate)?([,;:\t|\"\n]|[A-Z0-9?*=-]{0,8}|2027-0[1-9]-11|\\PC){0,80}"
                .prop_map(String::into_bytes),
        ],
        width in 0usize..9,
    ) {
        for rules in [rules(), adopting("ev stolen"), Rules { usual_days: None, bytes: 300, entries: 3, ..rules() }] {
            let shown = Understood::of(&bytes, &rules, now());
            let fixed = Mapping::fixed(&[(Field::Plate, 0, width), (Field::Note, width, 3 * width), (Field::State, 7, 2)]);
            for mapping in [shown.mapping, fixed] {
                let Ok(mut lines) = Lines::new(&bytes[..], &mapping, &rules, now()) else { continue };
                let mut taken = 0;
                for row in lines.by_ref().flatten() {
                    taken += 1;
                    prop_assert!(row.expires > now() && !row.reason.is_empty());
                    prop_assert!(rules.adopted.is_none() || row.category.is_some());
                }
                let report = lines.report();
                let dropped: u64 = report.dropped.values().sum();
                prop_assert_eq!(report.taken, taken);
                prop_assert!(report.taken + report.ended + report.troubled + dropped <= report.rows + 1);
            }
        }
    }

    #[test]
    fn what_was_written_is_read(
        rows in proptest::collection::vec(("[A-Z0-9]{1,8}", "[a-z ,;\"\n]{0,20}"), 1..30),
        delimiter in proptest::sample::select(vec![',', ';', '\t', '|']),
    ) {
        let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
        let d = delimiter.to_string();
        let line = |p: &str, n: &str| [p.to_owned(), format!("r{n}").replace('\n', " "), "1".into(), format!("n{n}").replace('\n', " ")].map(|c| quoted(&c)).join(&d);
        let mut text = ["plate", "reason", "caseNumber", "note"].join(&d) + "\n";
        text.extend(rows.iter().map(|(p, n)| line(p, n) + "\r\n"));
        let mapping = Understood::of(text.as_bytes(), &rules(), now()).mapping;
        let got: Vec<Row> = Lines::new(text.as_bytes(), &mapping, &rules(), now()).unwrap().map(Result::unwrap).collect();
        prop_assert_eq!(got.len(), rows.len());
        for (row, (plate, note)) in got.iter().zip(&rows) {
            prop_assert_eq!(row.plate.reveal(Reason::HotList), plate.as_str());
            let want = format!("n{note}").replace('\n', " ").trim().to_owned();
            prop_assert_eq!(row.note.as_deref(), Some(want.as_str()));
        }
    }

    #[test]
    fn a_change_adds_up(old in proptest::collection::vec(0u32..30, 0..40), new in proptest::collection::vec(0u32..30, 0..40)) {
        let of = |all: &[u32], what: u32| -> Vec<Trace> {
            let row = |i: &u32| format!("P{i:04},a{},1,CA\n", i % what);
            traces(&all.iter().map(row).collect::<String>())
        };
        let (found, gone, change) = compared(&of(&old, 2), &of(&new, 3));
        // The slow and obvious way: the first of each in either, by name.
        let first = |all: &[u32], i: &u32| all.iter().position(|other| other == i);
        let mut removed = std::collections::BTreeSet::new();
        for (at, i) in old.iter().enumerate().filter(|(at, i)| first(&old, i) == Some(*at)) {
            if !new.contains(i) { removed.insert(at as u64); }
        }
        for (at, i) in new.iter().enumerate() {
            let want = match first(&old, i) {
                _ if first(&new, i) != Some(at) => Found::Again,
                None => Found::Added,
                Some(_) if i % 2 == i % 3 => Found::Same,
                Some(old) => Found::Changed(old as u64),
            };
            prop_assert_eq!(found[at], want);
        }
        prop_assert_eq!(gone, removed.iter().copied().collect::<Vec<_>>());
        let count = |want: fn(&Found) -> bool| found.iter().filter(|f| want(f)).count() as u64;
        prop_assert_eq!(change.added, count(|f| *f == Found::Added));
        prop_assert_eq!(change.changed, count(|f| matches!(f, Found::Changed(_))));
        prop_assert_eq!(change.same, count(|f| *f == Found::Same));
        prop_assert_eq!(change.again, count(|f| *f == Found::Again));
        prop_assert_eq!(change.removed, removed.len() as u64);
    }
}
