//! `multipart/form-data` in memory, as cameras write it: with or without names, with bare line feeds,
//! with a length that is wrong. Linear in the size of the body.

use base::{Error, Result};
use memchr::memmem;

/// Most parts.
const PARTS_MAX: usize = 32;
/// Longest head of a part.
const HEAD_MAX: usize = 8 << 10;
/// Longest boundary; the standard has 70.
const BOUNDARY_MAX: usize = 200;

/// One part.
#[derive(Debug, PartialEq)]
pub(super) struct Part<'a> {
    /// Its name; empty where it has none.
    pub name: String,
    /// The name of its file; empty where it has none.
    pub file: String,
    /// Its content type in lower case, without parameters.
    pub kind: String,
    /// What is in it.
    pub body: &'a [u8],
}

impl Part<'_> {
    /// Whether its name or file is this, whatever the case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name) || self.file.eq_ignore_ascii_case(name)
    }

    /// What is in it as text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.body).ok()
    }
}

/// Whether a body comes in parts.
pub(super) fn is_form(content_type: &str) -> bool {
    content_type.trim_start().get(..10).is_some_and(|s| s.eq_ignore_ascii_case("multipart/"))
}

/// The parts of a body.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>> {
    let boundary = parameter(content_type, "boundary")
        .filter(|b| !b.is_empty() && b.len() <= BOUNDARY_MAX)
        .ok_or_else(|| Error::invalid("The content type names no boundary between the parts."))?;
    let between = format!("--{boundary}");
    let mut out = Vec::new();
    let mut begun: Option<usize> = None;
    for at in memmem::find_iter(body, between.as_bytes()) {
        // A boundary stands at the beginning of a line.
        if at != 0 && body[at - 1] != b'\n' {
            continue;
        }
        if let Some(start) = begun {
            if out.len() == PARTS_MAX {
                return Err(Error::too_large(format!("A form has at most {PARTS_MAX} parts.")));
            }
            out.push(part(&body[start..at], out.len() + 1)?);
        }
        let rest = &body[at + between.len()..];
        if rest.starts_with(b"--") {
            return Ok(out);
        }
        let line = rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |n| n + 1);
        begun = Some(at + between.len() + line);
    }
    // Some cameras leave the last boundary away; what they began is there all the same.
    match begun {
        Some(start) if start < body.len() && out.len() < PARTS_MAX => {
            out.push(part(&body[start..], out.len() + 1)?);
            Ok(out)
        }
        _ if out.is_empty() => Err(Error::invalid("The body does not begin with its boundary.")),
        _ => Ok(out),
    }
}

fn part(bytes: &[u8], number: usize) -> Result<Part<'_>> {
    let head = &bytes[..bytes.len().min(HEAD_MAX)];
    // A part without a head begins with the blank line.
    let bare = [b"\r\n".as_slice(), b"\n"].into_iter().find(|line| head.starts_with(line));
    let blank = match bare {
        Some(line) => Some((0, line.len())),
        None => [b"\r\n\r\n".as_slice(), b"\n\n"]
            .into_iter()
            .filter_map(|lines| memmem::find(head, lines).map(|n| (n, n + lines.len())))
            .min(),
    };
    let Some((end, begin)) = blank else {
        return Err(Error::invalid(format!("Part {number} of the form has no head.")));
    };
    let mut part = Part {
        name: String::new(),
        file: String::new(),
        kind: String::new(),
        body: &bytes[begin..],
    };
    for line in String::from_utf8_lossy(&head[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-disposition" => {
                part.name = parameter(value, "name").unwrap_or_default();
                part.file = parameter(value, "filename").unwrap_or_default();
            }
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default();
                part.kind = kind.trim().to_ascii_lowercase();
            }
            _ => {}
        }
    }
    part.body = part.body.strip_suffix(b"\n").unwrap_or(part.body);
    part.body = part.body.strip_suffix(b"\r").unwrap_or(part.body);
    Ok(part)
}

/// A parameter of a header, with or without quotes.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let (mut inside, mut start) = (false, 0);
    let mut pieces = Vec::new();
    for (i, b) in header.bytes().enumerate() {
        match b {
            b'"' => inside = !inside,
            b';' if !inside => {
                pieces.push(&header[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    pieces.push(&header[start..]);
    pieces.into_iter().find_map(|piece| {
        let (name, value) = piece.split_once('=')?;
        let found = name.trim().eq_ignore_ascii_case(wanted);
        found.then(|| value.trim().trim_matches('"').chars().take(256).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TYPE: &str = "multipart/form-data; boundary=edge";

    fn check(body: &str, want: &[(&str, &str, &str, &str)]) {
        let got = parts(TYPE, body.as_bytes()).unwrap();
        let got: Vec<_> = got
            .iter()
            .map(|p| (p.name.as_str(), p.file.as_str(), p.kind.as_str(), p.text().unwrap()))
            .collect();
        assert_eq!(got, want, "{body:?}");
    }

    #[test]
    fn parts_as_written() {
        check(
            "--edge\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{}\r\n--edge\r\n\
             content-disposition: form-data; name=upload; filename=\"a;b.jpg\"\r\n\
             Content-Type: image/JPEG; x=1\r\n\r\nline\r\n--other\r\n\r\n--edge--\r\n",
            &[("json", "", "", "{}"), ("upload", "a;b.jpg", "image/jpeg", "line\r\n--other\r\n")],
        );
    }

    #[test]
    fn parts_as_some_cameras_write_them() {
        // Bare line feeds, no name, something before the first boundary, no last boundary.
        check(
            "preamble\n--edge\nContent-Type: text/xml\nContent-Length: 99\n\n<a/>\n--edge\n\
             Content-Type: image/jpeg\n\nxx",
            &[("", "", "text/xml", "<a/>"), ("", "", "image/jpeg", "xx")],
        );
        check("--edge\r\n\r\n\r\nbody\r\n--edge--", &[("", "", "", "\r\nbody")]);
    }

    #[test]
    fn what_is_no_form() {
        let e = |kind: &str, body: &str| parts(kind, body.as_bytes()).unwrap_err();
        assert!(e("multipart/form-data", "x").message().contains("boundary"));
        assert!(e(TYPE, "x").message().contains("does not begin"));
        assert!(e(TYPE, "--edge\r\nno blank line\r\n--edge--").message().contains("no head"));
        let many = "--edge\r\n\r\nx\r\n".repeat(PARTS_MAX + 2);
        assert_eq!(e(TYPE, &many).kind(), base::Kind::TooLarge);
        assert!(is_form("Multipart/Form-Data") && !is_form("text") && !is_form("çççççç"));
    }

    proptest! {
        #[test]
        fn never_panics(kind in ".{0,80}", body in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parts(&kind, &body);
            let _ = parts("multipart/form-data; boundary=a", &body);
        }

        #[test]
        fn what_goes_in_comes_out(bodies in proptest::collection::vec("[a-z\r\n-]{0,30}", 1..6)) {
            let mut body = String::new();
            for inside in &bodies {
                body.push_str(&format!("--edge\r\nContent-Type: text/plain\r\n\r\n{inside}\r\n"));
            }
            body.push_str("--edge--\r\n");
            prop_assume!(bodies.iter().all(|b| !b.contains("--edge")));
            let got = parts(TYPE, body.as_bytes()).unwrap();
            prop_assert_eq!(got.iter().map(|p| p.text().unwrap()).collect::<Vec<_>>(), bodies);
        }
    }
}
