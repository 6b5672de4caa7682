//! XML of devices nobody vouches for, as a small tree by local names. No document type, no entity but the
//! five and numbers, no more depth, elements and text than stated here.

use base::{Error, Result};
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// No answer is larger.
pub const BYTES_MAX: usize = 256 << 10;
const DEPTH_MAX: usize = 24;
const ELEMENTS_MAX: usize = 4096;
const ATTRIBUTES_MAX: usize = 16;
const TEXT_MAX: usize = 8 << 10;

/// One element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name without its prefix.
    pub name: String,
    /// Attributes, by names without prefixes.
    pub attributes: Vec<(String, String)>,
    /// The text that stands in it, without what stands in its children.
    pub text: String,
    /// What it holds.
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > BYTES_MAX {
            return Err(wrong("is too large"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| wrong("is no UTF-8"))?;
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut open: Vec<Element> = vec![Element::default()];
        let mut elements = 0;
        loop {
            let event = reader.read_event().map_err(|_| wrong("is no XML"))?;
            if matches!(event, Event::Start(_) | Event::Empty(_)) {
                elements += 1;
                if open.len() > DEPTH_MAX || elements > ELEMENTS_MAX {
                    return Err(wrong("has too many elements"));
                }
            }
            match event {
                Event::Start(tag) => open.push(Self::begin(&tag)?),
                Event::Empty(tag) => {
                    let element = Self::begin(&tag)?;
                    parent(&mut open)?.children.push(element);
                }
                Event::End(_) => {
                    let mut done = open.pop().ok_or_else(|| wrong("is no XML"))?;
                    done.text = done.text.trim().to_owned();
                    parent(&mut open)?.children.push(done);
                }
                Event::Text(part) => {
                    append(&mut open, &part.decode().map_err(|_| wrong("is no text"))?)?;
                }
                Event::CData(part) => {
                    append(&mut open, &part.decode().map_err(|_| wrong("is no text"))?)?;
                }
                Event::GeneralRef(reference) => {
                    let c = character(&reference)
                        .ok_or_else(|| wrong("uses an entity that is not taken"))?;
                    append(&mut open, c.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => return Err(wrong("has a document type, which is not taken")),
                Event::Eof => break,
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
        match <[Element; 1]>::try_from(open) {
            Ok([mut all]) if all.children.len() == 1 => Ok(all.children.remove(0)),
            _ => Err(wrong("ends too early")),
        }
    }

    fn begin(tag: &BytesStart<'_>) -> Result<Self> {
        let short = |bytes: &[u8]| String::from_utf8_lossy(bytes).chars().take(64).collect();
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| wrong("is no XML"))?;
            if attribute.value.len() > TEXT_MAX || attributes.len() >= ATTRIBUTES_MAX {
                return Err(wrong("has too many attributes"));
            }
            let value = String::from_utf8_lossy(&attribute.value).into_owned();
            let value = unescape(&value).map_err(|_| wrong("uses an entity that is not taken"))?;
            attributes.push((short(attribute.key.local_name().as_ref()), value.into_owned()));
        }
        Ok(Self { name: short(tag.local_name().as_ref()), attributes, ..Self::default() })
    }

    /// The first element of that name, here or below.
    pub fn find(&self, name: &str) -> Option<&Element> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|c| c.find(name))
    }

    /// Every element of that name below, but not one inside another of them.
    pub fn all<'a>(&'a self, name: &str) -> Vec<&'a Element> {
        let mut out = Vec::new();
        for child in &self.children {
            if child.name == name {
                out.push(child);
            } else {
                out.extend(child.all(name));
            }
        }
        out
    }

    /// The element at a way of names from here, as `["Exposure", "Mode"]`.
    pub fn at(&self, way: &[&str]) -> Option<&Element> {
        let [first, rest @ ..] = way else { return Some(self) };
        self.children.iter().find(|c| c.name == *first)?.at(rest)
    }

    /// The text at such a way; empty where there is none.
    pub fn text_at(&self, way: &[&str]) -> &str {
        self.at(way).map_or("", |e| &e.text)
    }

    /// The number at such a way.
    pub fn number_at(&self, way: &[&str]) -> Option<f64> {
        self.text_at(way).parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// An attribute; empty where there is none.
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

/// Text as a person may see it: one line, no control or direction marks, at most 96 characters.
pub fn plain(text: &str) -> String {
    let odd = |c: &char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown: String = text.chars().filter(|c| !odd(c)).take(96).collect();
    shown.trim().to_owned()
}

/// A text as it stands inside an element that we send.
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

fn parent(open: &mut [Element]) -> Result<&mut Element> {
    open.last_mut().ok_or_else(|| wrong("is no XML"))
}

fn append(open: &mut [Element], part: &str) -> Result<()> {
    let element = parent(open)?;
    if element.text.len() + part.len() > TEXT_MAX {
        return Err(wrong("holds a text that is too long"));
    }
    element.text.push_str(part);
    Ok(())
}

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

fn wrong(what: &str) -> Error {
    Error::invalid(format!("The device's answer {what}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_tree_by_local_names() {
        let tree = Element::read(
            b"\xef\xbb\xbf<?xml version='1.0'?><a:A xmlns:a='x'><b:B t:token=\"p&amp;1\"> x &amp; &#x62; </b:B><B/><C><D>2.5</D></C></a:A>",
        )
        .unwrap();
        assert_eq!((tree.name.as_str(), tree.all("B").len()), ("A", 2));
        let b = tree.find("B").unwrap();
        assert_eq!((b.text.as_str(), b.attribute("token")), ("x & b", "p&1"));
        assert_eq!((tree.number_at(&["C", "D"]), tree.text_at(&["C", "E"])), (Some(2.5), ""));
        assert_eq!(plain("a\u{202e}b\n\u{7}c "), "abc");
    }

    #[test]
    fn what_is_not_taken() {
        let check = |xml: &str, want: &str| {
            let e = Element::read(xml.as_bytes()).unwrap_err();
            assert!(e.message().contains(want), "{xml:.60}: {}", e.message());
        };
        check("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>", "document type");
        check("<a>&b;</a>", "entity");
        check("<a b='&c;'/>", "entity");
        check("<a><b></a>", "is no XML");
        check("<a>", "too early");
        check("", "too early");
        check("<a/><b/>", "too early");
        check(&"<a>".repeat(DEPTH_MAX + 1), "too many elements");
        check(&format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX)), "too many elements");
        check(&format!("<a>{}</a>", "x".repeat(TEXT_MAX + 1)), "too long");
        check(&"x".repeat(BYTES_MAX + 1), "too large");
    }

    proptest! {
        #[test]
        fn never_panics(xml in "[<>/a-c&;#x0-9=!\\[\\]\"' \n-]{0,200}") {
            let _ = Element::read(xml.as_bytes());
        }
    }
}
