//! Every page with sample views: texts complete in both languages, nothing from outside becomes
//! markup, and (where the browser's tests are set up) looked at in a real browser.

mod browser;
mod hits;
mod house;
mod samples;
mod texts;

use pages::Lang;
use samples::{Maker, all};

/// What an attacker would write into every field.
const ATTACK: &str = "\"><script>alert(1)</script>'";

#[test]
fn every_page_is_complete_in_every_language() {
    for lang in Lang::ALL {
        for (name, html) in all(&Maker::honest(lang)) {
            assert!(!html.contains("⟦"), "{name}, {}: a text is missing", lang.code());
            assert!(
                !html.contains("src=\"\"") && !html.contains("href=\"\""),
                "{name}: an asset is missing"
            );
            let hole = ["{n}", "{a}", "{b}"].into_iter().find(|hole| {
                // Some texts are filled by a script, in the browser.
                html.split(hole).count()
                    > 1 + html
                        .split(" data-")
                        .filter(|p| {
                            let told = ["left=", "told=", "entry=", "away="]
                                .iter()
                                .any(|n| p.starts_with(n));
                            told && p.split('"').nth(1).is_some_and(|v| v.contains(hole))
                        })
                        .count()
            });
            assert_eq!(hole, None, "{name}, {}: a value is missing", lang.code());
            if html.contains("<html") {
                assert!(html.contains(&format!("<html lang=\"{}\"", lang.code())), "{name}");
                assert_eq!(
                    html.matches("<h1").count(),
                    1,
                    "{name} has one heading of the first level"
                );
            }
        }
    }
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let honest = all(&Maker::honest(Lang::En));
    for (at, (name, html)) in all(&Maker::with(Lang::En, ATTACK)).into_iter().enumerate() {
        assert!(!html.contains("<script>alert"), "{name} runs what it was given");
        let told =
            html.matches("script&#62;alert").count() + html.matches("script%3Ealert").count();
        assert!(told > 0, "{name} shows nothing that it was given");
        // As many elements of our own as ever: no field closes one or opens another.
        let ours = |html: &str| html.matches("<script").count();
        assert_eq!(ours(&html), ours(&honest[at].1), "{name}");
    }
}

#[test]
fn every_form_that_posts_is_guarded() {
    for (name, html) in all(&Maker::honest(Lang::En)) {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().expect("a form ends");
            if form.split('>').next().is_some_and(|head| head.contains("method=\"post\"")) {
                assert!(
                    form.contains("name=\"csrf\" value=\"c5rf\""),
                    "{name}: a form without csrf"
                );
            }
        }
        let inline = [" style=\"", " onclick=", "<style", "javascript:", " hx-on", "<script>"];
        let found = inline.iter().find(|i| html.contains(**i));
        assert_eq!(found, None, "{name} has what the content security policy forbids");
    }
}

#[test]
fn built_files_are_served_and_nothing_else() {
    let html = &all(&Maker::honest(Lang::En))[0].1;
    let style =
        html.split("/assets/").nth(1).and_then(|s| s.split('"').next()).expect("a stylesheet");
    let found = pages::asset(style).expect("it is there");
    assert_eq!(found.kind, "text/css; charset=utf-8");
    assert!(found.bytes.len() > 1000);
    for name in ["manifest.json", "style.css", "../Cargo.toml", "", "."] {
        assert!(pages::asset(name).is_none(), "{name}");
    }
}
