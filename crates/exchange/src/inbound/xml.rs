//! XML of unknown makers, flattened: the path of every element that holds text, by local names. No
//! document type, no entity but the five and numbers, no more depth and elements than stated here.

use base::{Error, Result};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use zeroize::Zeroize;

const DEPTH_MAX: usize = 24;
const ELEMENTS_MAX: usize = 4096;
const TEXT_MAX: usize = 4096;

/// Elements with text, in their order.
pub(super) struct Flat(Vec<(String, String)>);

impl Drop for Flat {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, text)| text.zeroize());
    }
}

impl Flat {
    /// Reads a document. Fails with the line.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| wrong(bytes, e.valid_up_to(), "is no UTF-8"))?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut out = Self(Vec::new());
        // Names of the open elements, with the text of each so far.
        let mut open: Vec<(String, String)> = Vec::new();
        let mut elements = 0;
        loop {
            let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let fail = |what: &str| wrong(bytes, at, what);
            match reader.read_event().map_err(|_| fail("is no XML"))? {
                Event::Start(tag) => {
                    elements += 1;
                    if open.len() >= DEPTH_MAX || elements > ELEMENTS_MAX {
                        return Err(fail("has too many elements"));
                    }
                    let name = tag.local_name();
                    let name: String =
                        String::from_utf8_lossy(name.as_ref()).chars().take(64).collect();
                    open.push((name, String::new()));
                }
                Event::End(_) => {
                    let path: Vec<&str> = open.iter().map(|(name, _)| name.as_str()).collect();
                    let path = path.join("/");
                    if let Some((_, text)) = open.pop()
                        && !text.trim().is_empty()
                    {
                        out.0.push((path, text.trim().to_owned()));
                    }
                }
                Event::Text(part) => {
                    let part = part.decode().map_err(|_| fail("is no text"))?;
                    append(&mut open, &part).map_err(fail)?;
                }
                Event::CData(part) => {
                    let part = part.decode().map_err(|_| fail("is no text"))?;
                    append(&mut open, &part).map_err(fail)?;
                }
                Event::GeneralRef(reference) => {
                    let c = character(&reference)
                        .ok_or_else(|| fail("uses an entity that is not taken"))?;
                    append(&mut open, c.encode_utf8(&mut [0; 4])).map_err(fail)?;
                }
                Event::DocType(_) => return Err(fail("has a document type, which is not taken")),
                Event::Eof if open.is_empty() && elements > 0 => return Ok(out),
                Event::Eof => return Err(fail("ends too early")),
                Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    /// The first text at a path, which ends here or begins anywhere above.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.iter().find(|(p, _)| ends_with(p, path)).map(|(_, text)| text.as_str())
    }

    /// The name of the outermost element.
    pub fn root(&self) -> &str {
        self.0.first().and_then(|(path, _)| path.split('/').next()).unwrap_or_default()
    }
}

fn ends_with(path: &str, wanted: &str) -> bool {
    path.strip_suffix(wanted).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn append(open: &mut [(String, String)], part: &str) -> Result<(), &'static str> {
    let Some((_, text)) = open.last_mut() else { return Ok(()) };
    if text.len() + part.len() > TEXT_MAX {
        return Err("holds a text that is too long");
    }
    text.push_str(part);
    Ok(())
}

/// The character of a numbered or one of the five named references.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(c);
    }
    match &**reference {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}

fn wrong(bytes: &[u8], at: usize, what: &str) -> Error {
    let before = &bytes[..at.min(bytes.len())];
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    Error::invalid(format!("The document {what} (line {line})."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_and_texts() {
        let flat = Flat::read(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<h:A xmlns:h=\"x\"><h:B>a &amp; &#x62;</h:B><C><D> d </D></C>\
              <![CDATA[c]]></h:A>",
        )
        .unwrap();
        assert_eq!(
            (flat.text("B"), flat.text("C/D"), flat.text("A")),
            (Some("a & b"), Some("d"), Some("c"))
        );
        assert_eq!((flat.text("AC/D"), flat.root()), (None, "A"));
    }

    #[test]
    fn what_is_not_taken() {
        let check = |xml: &str, want: &str| {
            let e = Flat::read(xml.as_bytes()).err().unwrap();
            assert!(e.message().contains(want), "{xml:.60}: {}", e.message());
            assert!(!e.message().contains("7ABC"));
        };
        check("<!DOCTYPE a [<!ENTITY b \"7ABC128\">]><a>&b;</a>", "document type");
        check("<a>\n&b;</a>", "entity that is not taken (line 2)");
        check("<a>\n\n<b>7ABC128</a>", "is no XML (line 3)");
        check("<a>7ABC128", "ends too early");
        check("", "ends too early");
        check("no tags", "ends too early");
        check(&"<a>".repeat(DEPTH_MAX + 1), "too many elements");
        check(&format!("<a>{}</a>", "<b></b>".repeat(ELEMENTS_MAX)), "too many elements");
        check(&format!("<a>{}</a>", "x".repeat(TEXT_MAX + 1)), "too long");
    }

    proptest! {
        #[test]
        fn never_panics(xml in "[<>/a-c&;#x0-9!\\[\\]\" \n-]{0,200}") {
            let _ = Flat::read(xml.as_bytes());
        }
    }
}
