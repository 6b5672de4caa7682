//! The standard rules against the shipped properties, and rules that somebody planted.

use base::Kind;
use expect_test::{Expect, expect};
use policy::{Property, Rules};
use prover::{Report, prove, solver};

fn proven(rules: &str, properties: &[Property]) -> base::Result<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { prove(solver("cvc5")?, rules, properties).await })
}

/// The standard rules with some more of them: what does not hold then, and what shows it.
#[track_caller]
fn check(more: &str, expected: &Expect) {
    let rules = format!("{}\n{more}", Rules::standard());
    let report = proven(&rules, &Property::shipped()).unwrap();
    let mut told = String::new();
    for verdict in &report.verdicts {
        let Some(example) = &verdict.against else { continue };
        let facts = ["purpose", "authority", "case", "recipient", "asking_off"];
        let shown = facts.map(|fact| format!("{fact} {}", example.facts[fact]));
        let by = example.allowed_by.join(", ");
        told += &format!("{} by {by}: {}\n", verdict.property, shown.join(", "));
    }
    for rule in &report.dead {
        told += &format!("dead: {rule}\n");
    }
    assert_eq!(report.fine(), told.is_empty());
    expected.assert_eq(&told);
}

#[test]
fn the_standard_rules_are_proven() {
    check("", &expect![""]);
}

/// The rules without one that forbids: the properties need it.
#[test]
fn a_missing_rule_is_noticed() {
    for (rule, property) in [
        ("no-outside-recipient", Some("no-outside-recipient")),
        // What is asked of agencies of other states differs from state to state: a preset's ceiling.
        ("no-out-of-state", None),
        ("case-required", Some("case-always")),
        ("asking-off", Some("off-is-off")),
        // Only a life in danger opens it, and even that must not.
        ("no-immigration-enforcement", Some("no-immigration")),
        ("review-first", Some("reviewed-first")),
        // What this one forbids no property names.
        ("danger-told", None),
    ] {
        let start = Rules::standard().find(&format!("@id(\"{rule}\")")).unwrap();
        let end = start + Rules::standard()[start..].find(";\n").unwrap() + 2;
        let rules = format!("{}{}", &Rules::standard()[..start], &Rules::standard()[end..]);
        let report = proven(&rules, &Property::shipped()).unwrap();
        let refuted: Vec<&str> = report
            .verdicts
            .iter()
            .filter(|v| v.against.is_some())
            .map(|v| v.property.as_str())
            .collect();
        assert_eq!(refuted, property.into_iter().collect::<Vec<_>>(), "{rule}");
    }
}

/// A property of the city's own: a parking role asks nothing. The rules of two years later break it.
#[test]
fn a_property_of_the_citys_own() {
    let own = Property::new(
        "parking-asks-nothing",
        "// Who does parking asks for no plate.\n\
         permit (principal, action, resource);\n\
         forbid (principal in Role::\"parking\", action == Action::\"Search\", resource);\n",
    );
    let report = proven(Rules::standard(), std::slice::from_ref(&own)).unwrap();
    let against = report.verdicts[0].against.clone().expect("a person with two roles");
    assert!(against.roles.contains(&"parking".to_owned()) && against.roles.len() == 2, "{against}");
    let rules = format!(
        "{}\n@id(\"parking-apart\")\n@because(\"Who does parking asks for no plate.\")\n\
         forbid (principal in Role::\"parking\", action == Action::\"Search\", resource);\n",
        Rules::standard()
    );
    let report = proven(&rules, &[own]).unwrap();
    assert!(report.fine(), "{report:?}");
}

#[test]
fn what_cannot_be_proven_says_so() {
    let bad = |rules: &str, properties: &[Property]| proven(rules, properties).unwrap_err();
    let e = bad("permit (principal, action, resource)", &[]);
    assert_eq!(e.kind(), Kind::Invalid, "{e}");
    let e = bad(Rules::standard(), &[Property::new("x", "permit (principal")]);
    assert!(e.message().contains("Property x"), "{e}");
    let word = "permit (principal, action, resource) when { context.nothing };";
    let e = bad(Rules::standard(), &[Property::new("x", word)]);
    assert!(e.kind() == Kind::Invalid && e.message().contains("Property x"), "{e}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let e = runtime.block_on(async { solver("/nowhere/cvc5").err() }).unwrap();
    assert!(e.message().contains("install cvc5"), "{e}");
}

/// What is planted stays under what forbids, or can never apply.
#[test]
fn planted_rules() {
    let quick = r#"
@id("quick-search")
permit (principal in Role::"officer", action == Action::"Search", resource)
when { context.hours < 2 };
"#;
    check(quick, &expect![""]);
    let never = r#"
@id("only-when-off")
permit (principal in Role::"officer", action == Action::"Search", resource)
when { context.asking_off };
@id("two-at-once")
@because("Nothing is two things at once.")
forbid (principal, action == Action::"Search", resource)
when { context.case == Vouched::"none" && context.case == Vouched::"stated" };
"#;
    check(
        never,
        &expect![[r#"
        dead: only-when-off
        dead: two-at-once
    "#]],
    );
}

/// The program: what it prints, and its exit code for a script.
#[test]
fn the_program_tells_a_clerk() {
    let dir = std::env::temp_dir().join(format!("homeplate-prove-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let run = |rules: &str| {
        let file = dir.join("rules.cedar");
        std::fs::write(&file, rules).unwrap();
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_homeplate-prove"));
        let done = program.arg("--rules").arg(file).output().unwrap();
        let out = String::from_utf8(done.stdout).unwrap();
        (done.status.code(), out, String::from_utf8(done.stderr).unwrap())
    };
    let (code, out, _) = run(Rules::standard());
    assert_eq!(
        (code, out.matches("proven ").count()),
        (Some(0), Property::shipped().len()),
        "{out}"
    );
    let loose = "@id(\"all\") permit (principal, action, resource);";
    let (code, out, _) = run(loose);
    assert_eq!(code, Some(6), "{out}");
    assert!(out.contains("REFUTED") && out.contains("gets through by all: Search as"), "{out}");
    let (code, _, err) = run("permit (");
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("not Cedar"), "{err}");
    std::fs::remove_dir_all(dir).unwrap();
}
