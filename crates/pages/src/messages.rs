//! What pages say, in the languages they say it in: one file a language, parsed once.
//!
//! What comes from elsewhere (a rule's sentence, an error) is shown as it comes.

use std::collections::HashMap;
use std::sync::LazyLock;
use toml::{Table, Value};

/// A language that pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
}

type Texts = HashMap<String, String>;

static EN: LazyLock<Texts> = LazyLock::new(|| parse(include_str!("../messages/en.toml")));
static ES: LazyLock<Texts> = LazyLock::new(|| parse(include_str!("../messages/es.toml")));

fn parse(file: &str) -> Texts {
    // The files are part of this executable, and the tests read both.
    let table: Table = file.parse().unwrap_or_else(|e| unreachable!("{e}"));
    let sections = table.into_iter().filter_map(|(section, texts)| match texts {
        Value::Table(texts) => Some((section, texts)),
        _ => None,
    });
    sections
        .flat_map(|(section, texts)| {
            texts.into_iter().filter_map(move |(name, text)| match text {
                Value::String(text) => Some((format!("{section}.{name}"), text)),
                _ => None,
            })
        })
        .collect()
}

impl Lang {
    /// All of them.
    pub const ALL: [Lang; 2] = [Lang::En, Lang::Es];

    /// As HTML and the cookie spell it.
    pub fn code(self) -> &'static str {
        match self {
            Lang::En => "en",
            Lang::Es => "es",
        }
    }

    /// What it calls itself.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Lang::En => "English",
            Lang::Es => "Español",
        }
    }

    /// The language with this code.
    pub fn parse(code: &str) -> Option<Self> {
        Lang::ALL.into_iter().find(|l| l.code() == code)
    }

    /// The language for a visitor: chosen before (cookie `lang`), or the first that the browser
    /// names (`Accept-Language`) and that there is, or English.
    pub fn of(cookie: Option<&str>, accept: Option<&str>) -> Self {
        cookie.and_then(Lang::parse).or_else(|| Lang::wanted(accept?)).unwrap_or_default()
    }

    fn wanted(accept: &str) -> Option<Self> {
        let weighed = accept.split(',').filter_map(|one| {
            let mut parts = one.split(';').map(str::trim);
            let lang = Lang::parse(parts.next()?.split('-').next()?)?;
            let weight =
                parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
            weight.filter(|w: &f32| *w > 0.0).map(|w| (lang, w))
        });
        // Of two with one weight the first named wins.
        weighed.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(lang, _)| lang)
    }

    /// The text with this key, if there is one.
    pub(crate) fn find(self, key: &str) -> Option<&'static str> {
        let texts = match self {
            Lang::En => &*EN,
            Lang::Es => &*ES,
        };
        texts.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_visitors_language() {
        let check = |cookie: Option<&str>, accept: &str, want: Lang| {
            assert_eq!(Lang::of(cookie, Some(accept)), want, "{cookie:?} {accept}");
        };
        check(None, "", Lang::En);
        check(None, "es-MX,es;q=0.9,en;q=0.8", Lang::Es);
        check(None, "fr, en;q=0.7, es;q=0.9", Lang::Es);
        check(None, "de", Lang::En);
        check(None, "es;q=0, en;q=0.1", Lang::En);
        check(None, "es;q=x", Lang::En);
        check(Some("en"), "es", Lang::En);
        check(Some("xx"), "es", Lang::Es);
        assert_eq!(Lang::of(None, None), Lang::En);
    }
}
