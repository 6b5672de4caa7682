//! Each preset that has rules: proven under its ceilings, and what a back door in them lets through.

use policy::{Preset, Property};
use prover::{Report, prove, solver};

fn proven(rules: &str, properties: &[Property]) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let done = runtime.block_on(async { prove(solver("cvc5")?, rules, properties).await });
    done.unwrap_or_else(|e| panic!("{e}\n{rules}"))
}

fn preset(slug: &str) -> &'static Preset {
    Preset::find(slug).unwrap()
}

#[test]
fn what_each_preset_starts_with_is_proven() {
    for preset in Preset::all() {
        let mut properties = Property::shipped();
        properties.extend(preset.ceilings());
        let report = proven(&preset.rules(), &properties);
        assert!(report.fine(), "{}: {report:?}", preset.slug);
        let slowest = report.verdicts.iter().max_by_key(|v| v.ms).unwrap();
        let sum: u64 = report.verdicts.iter().map(|v| v.ms).sum();
        println!(
            "{:7} {:2} properties {sum:5} ms, the slowest {} {} ms",
            preset.slug,
            report.verdicts.len(),
            slowest.property,
            slowest.ms
        );
    }
}

/// Every rule that guards a ceiling makes an exception for one role, which another rule lets ask.
#[track_caller]
fn check(slug: &str, ceiling: &str, guards: &[&str], facts: &[(&str, &str)]) {
    let mut rules = preset(slug).rules();
    for guard in guards {
        let begin = rules.find(&format!("@id(\"{guard}\")")).expect(guard);
        let end = begin + rules[begin..].find("};\n").expect(guard) + 1;
        rules.insert_str(end, "\nunless { principal in Role::\"dispatcher\" }");
    }
    rules += "\n@id(\"planted\")\n\
              permit (principal in Role::\"dispatcher\", action == Action::\"Search\", resource);\n";
    let report = proven(&rules, &preset(slug).ceilings());
    let verdict = report.verdicts.iter().find(|v| v.property == ceiling).expect(ceiling);
    let example = verdict.against.as_ref().unwrap_or_else(|| panic!("{ceiling} holds\n{rules}"));
    assert!(example.allowed_by.contains(&"planted".to_owned()), "{example}");
    assert!(example.roles.contains(&"dispatcher".to_owned()), "{example}");
    for (fact, value) in facts {
        assert!(value.split('|').any(|v| v == example.facts[*fact]), "{fact}: {example}");
    }
    println!("{slug} {ceiling} {} ms: {example}", verdict.ms);
}

#[test]
fn back_doors_are_shown() {
    check(
        "us-il",
        "no-sharing-for-enforcement",
        &["no-sharing-for-enforcement"],
        &[
            ("purpose", "immigration-enforcement|protected-health"),
            ("recipient", "local|county|state|out-of-state"),
        ],
    );
    check("us-il", "out-of-state-declares", &["no-out-of-state"], &[("recipient", "out-of-state")]);
    check(
        "us-il",
        "no-federal",
        &["no-federal", "no-outside-recipient"],
        &[("recipient", "federal")],
    );
    check(
        "us-ca",
        "agencies-of-california",
        &["agencies-of-california"],
        &[("recipient", "out-of-state|federal|foreign|other")],
    );
    check(
        "us-wa",
        "never-immigration-or-health",
        &["never-immigration-or-health", "crimes-only"],
        &[("purpose", "immigration-enforcement|protected-health")],
    );
    check(
        "us-wa",
        "crimes-only",
        &["crimes-only"],
        &[("purpose", "missing-person|stolen-plate|warrant")],
    );
    check(
        "strict",
        "outside-needs-warrant",
        &["outside-needs-warrant"],
        &[("recipient", "local|county|state|out-of-state|court|other")],
    );
    check("strict", "case-attested", &["case-required"], &[("case", "none|stated")]);
}

/// No ceiling is left out above.
#[test]
fn every_ceiling_has_a_back_door() {
    let count: usize = Preset::all().iter().map(|p| p.ceilings().len()).sum();
    assert_eq!(count, 8);
}

/// A declaration that the clerk has seen opens what a mere statement does not, in Illinois alone.
#[test]
fn a_declaration_opens_illinois_to_another_state() {
    let says = |rules: &str, who: &str| {
        let property = Property::new(
            "asks",
            &format!(
                "// x\npermit (principal, action, resource);\n\
                 forbid (principal, action == Action::\"Search\", resource)\n\
                 when {{ context.recipient == Agency::\"out-of-state\" && {who} }};\n"
            ),
        );
        proven(rules, &[property]).verdicts[0].against.is_some()
    };
    let paper = |vouch: &str| {
        format!(
            "context.authority == Authority::\"declaration\" && context.paper == Vouched::\"{vouch}\""
        )
    };
    assert!(says(&preset("us-il").rules(), &paper("attested")));
    assert!(!says(&preset("us-il").rules(), &paper("stated")));
    for other in ["strict", "us-ca", "uk"] {
        assert!(!says(&preset(other).rules(), &paper("attested")), "{other}");
    }
}

/// Whatever is answered: what the program writes is proven, with no dead rule.
#[test]
fn what_is_drafted_is_proven() {
    let check = |slug: Option<&str>, answers: &str| {
        let preset = slug.map(preset);
        let answers = policy::draft::Answers::read(answers, preset).unwrap();
        let rules = policy::draft::draft(&answers, preset).unwrap();
        let mut properties = Property::shipped();
        properties.extend(preset.iter().flat_map(|preset| preset.ceilings()));
        let report = proven(&rules, &properties);
        assert!(report.fine(), "{answers:?}: {report:?}");
    };
    for slug in [None, Some("us-il"), Some("us-ca"), Some("us-wa"), Some("strict"), Some("us-nj")] {
        check(slug, "");
        check(slug, "out_of_state = \"never\"\nfederal = \"never\"\nrecipients = []");
        check(slug, "effective = \"2027-01-01\"\ndispatchers = false");
        check(slug, "break_glass_hours = 0\nwarrant_hours = 0\npatterns = \"never\"");
        check(slug, "case = \"attested\"\npatterns = \"warrant\"\nroles = [\"supervisor\"]");
        check(slug, "roles = [\"detective\"]\npurposes = [\"hit-and-run\"]");
    }
    check(None, "out_of_state = \"declaration\"");
    check(None, "purposes = [\"missing-person\"]\nwarrant_hours = 0");
}
