//! A key on paper: divided by Shamir's scheme over GF(256), so that m of n sheets open it and m − 1 say nothing.
//!
//! A share is 44 bytes: version, how many are needed, how many there are, its number, the first four bytes of
//! the SHA-256 of the key's public half (which says what belongs together, and that the right key came out), 32
//! bytes of the share, and a checksum. It is written in Crockford's base 32, which has no letters that look like
//! digits, in four lines of four groups; two characters at the end of a line are the line's own checksum, so
//! that whoever mistypes is told which line.
//!
//! Shares are made and put together by the crate `blahaj`.

use base::{Error, Result, Secret, sha256};
use blahaj::Sharks;
use read::OpenKey;
use std::fmt;
use zeroize::{Zeroize, Zeroizing};

const VERSION: u8 = 1;
const BYTES: usize = 44;
const LINES: usize = 4;
/// Characters of a line that carry the share, and those that check it.
const DATA: usize = 18;
const CHECK: usize = 2;
const GROUP: usize = 5;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// More sheets than this nobody keeps track of.
const MOST: u8 = 16;

/// One sheet's part of a key. It is secret; its text is for paper.
pub struct Share {
    /// So many sheets open the key.
    pub needed: u8,
    /// So many there are.
    pub of: u8,
    /// Which of them this is, from 1.
    pub number: u8,
    /// Names the key: sheets with the same belong together.
    pub key: [u8; 4],
    part: Secret<[u8; 32]>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {}, …)", self.number, self.of)
    }
}

fn name_of(key: &OpenKey) -> Result<[u8; 4]> {
    let hash = sha256(key.public()?.bytes());
    Ok([hash[0], hash[1], hash[2], hash[3]])
}

/// Divides a key into `of` shares, of which `needed` open it.
pub fn split(key: &OpenKey, needed: u8, of: u8) -> Result<Vec<Share>> {
    if needed == 0 || needed > of || of > MOST {
        return Err(Error::invalid(format!(
            "Of at most {MOST} sheets at least one is needed and at most all; give --needed and --of so."
        )));
    }
    let name = name_of(key)?;
    let dealt: Vec<blahaj::Share> =
        Sharks(needed).dealer(key.bytes()).take(usize::from(of)).collect();
    let one = |share: &blahaj::Share| {
        let bytes = Zeroizing::new(Vec::from(share));
        let (number, part) = bytes.split_first()?;
        let part = Secret::new(<[u8; 32]>::try_from(part).ok()?);
        Some(Share { needed, of, number: *number, key: name, part })
    };
    dealt
        .iter()
        .map(|share| one(share).ok_or_else(|| Error::internal("The key cannot be divided.")))
        .collect()
}

/// Puts a key together. Shares that are too few, of two keys, or wrong are refused.
pub fn join(shares: &[Share]) -> Result<OpenKey> {
    let first = shares.first().ok_or_else(|| Error::invalid("No sheet was given."))?;
    if let Some(other) = shares.iter().find(|share| share.key != first.key) {
        return Err(Error::invalid(format!(
            "Sheet {} belongs to another key than sheet {}: they were printed at two times. Sheets of the same \
             key have the same name at the top.",
            other.number, first.number
        )));
    }
    let mut numbers: Vec<u8> = shares.iter().map(|share| share.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    if numbers.len() < usize::from(first.needed) {
        return Err(Error::invalid(format!(
            "{} sheets are needed and {} came: fetch another of the {}.",
            first.needed,
            numbers.len(),
            first.of
        )));
    }
    let chosen = numbers.iter().take(usize::from(first.needed));
    let parts: Vec<blahaj::Share> = chosen
        .filter_map(|number| shares.iter().find(|share| share.number == *number))
        .filter_map(|share| {
            let bytes = Zeroizing::new([&[share.number], share.part.expose().as_slice()].concat());
            blahaj::Share::try_from(bytes.as_slice()).ok()
        })
        .collect();
    let wrong = || {
        Error::invalid(
            "The sheets do not give the key that they name: one of them is not genuine. Try others.",
        )
    };
    let joined = Sharks(first.needed).recover(&parts).map(Zeroizing::new).map_err(|_| wrong())?;
    let bytes = <[u8; 32]>::try_from(joined.as_slice()).map_err(|_| wrong())?;
    let key = OpenKey::from_bytes(bytes);
    if name_of(&key)? == first.key { Ok(key) } else { Err(wrong()) }
}

impl Share {
    /// The name of the key, as it stands at the top of a sheet.
    pub fn name(&self) -> String {
        base::hex(&self.key).to_uppercase()
    }

    /// The lines that are typed.
    pub fn lines(&self) -> Vec<String> {
        let mut bytes = Zeroizing::new(vec![VERSION, self.needed, self.of, self.number]);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(self.part.expose());
        let sum = sha256(&bytes);
        bytes.extend_from_slice(&sum[..4]);
        let text = Zeroizing::new(spell(&bytes));
        let line = |(n, data): (usize, &[u8])| {
            let mut all = data.to_vec();
            all.extend_from_slice(&check_of(n, data));
            let groups: Vec<&[u8]> = all.chunks(GROUP).collect();
            let groups: Vec<String> =
                groups.iter().map(|g| String::from_utf8_lossy(g).into_owned()).collect();
            all.zeroize();
            groups.join(" ")
        };
        text.chunks(DATA).enumerate().map(line).collect()
    }

    /// Reads typed lines: spaces, dashes and small letters are no matter, O is 0, I and L are 1.
    pub fn parse(text: &str) -> Result<Self> {
        let typed = text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'-').map(plain);
        let typed = Zeroizing::new(typed.collect::<Vec<u8>>());
        let mut data = Zeroizing::new(Vec::with_capacity(LINES * DATA));
        for (n, line) in typed.chunks(DATA + CHECK).enumerate() {
            let (body, check) = line.split_at(line.len().min(DATA));
            if body.len() < DATA || check != check_of(n, body) || n >= LINES {
                return Err(Error::invalid(format!(
                    "Line {} is not what stands on the sheet; compare it letter by letter.",
                    n + 1
                )));
            }
            data.extend_from_slice(body);
        }
        if data.len() < LINES * DATA {
            return Err(Error::invalid(format!(
                "A sheet has {LINES} lines; {} came. Type them all.",
                data.len() / DATA
            )));
        }
        let odd = || Error::invalid("This is not a sheet of a city's key, or it is damaged.");
        let bytes = Zeroizing::new(unspell(&data).ok_or_else(odd)?);
        let (body, sum) = bytes.split_at(BYTES - 4);
        if sum != &sha256(body)[..4] {
            return Err(odd());
        }
        match body {
            [VERSION, needed, of, number, a, b, c, d, part @ ..] if *number > 0 && *needed > 0 => {
                let part = <[u8; 32]>::try_from(part).map_err(|_| odd())?;
                let (needed, of, number) = (*needed, *of, *number);
                Ok(Self { needed, of, number, key: [*a, *b, *c, *d], part: Secret::new(part) })
            }
            _ => Err(odd()),
        }
    }
}

/// A character as it is meant.
fn plain(b: u8) -> u8 {
    match b.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    }
}

fn check_of(line: usize, data: &[u8]) -> [u8; CHECK] {
    let mut text = Zeroizing::new(vec![line as u8]);
    text.extend_from_slice(data);
    let hash = sha256(&text);
    [ALPHABET[usize::from(hash[0] & 31)], ALPHABET[usize::from(hash[1] & 31)]]
}

/// Base 32, filled up to whole lines.
fn spell(bytes: &[u8]) -> Vec<u8> {
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |b| usize::from(b >> (7 - at % 8) & 1));
    let character = |n: usize| ALPHABET[(n * 5..n * 5 + 5).fold(0, |v, at| v << 1 | bit(at))];
    (0..LINES * DATA).map(character).collect()
}

fn unspell(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(BYTES + 1);
    let (mut held, mut bits) = (0u32, 0);
    for b in text {
        held = held << 5 | ALPHABET.iter().position(|a| a == b)? as u32;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
            held &= (1 << bits) - 1;
        }
    }
    let rest = out.split_off(BYTES);
    // One spelling of each share.
    (held == 0 && rest.iter().all(|b| *b == 0)).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(share: &Share) -> Share {
        Share::parse(&share.lines().join("\n").to_lowercase().replace('0', "o").replace('1', "l"))
            .unwrap()
    }

    #[test]
    fn any_m_of_n_sheets_give_the_key_and_fewer_do_not() {
        for (needed, of) in [(1, 1), (2, 3), (3, 5), (5, 5)] {
            let key = OpenKey::generate();
            let shares = split(&key, needed, of).unwrap();
            for skip in 0..usize::from(of) {
                let some: Vec<Share> = (0..usize::from(needed))
                    .map(|n| typed(&shares[(n + skip) % usize::from(of)]))
                    .collect();
                assert_eq!(join(&some).unwrap().bytes(), key.bytes(), "{needed} of {of}");
                let few = join(&some[1..]).map(|_| ());
                assert!(few.is_err(), "{needed} of {of}");
            }
            // All of them, one twice.
            let mut all: Vec<Share> = shares.iter().map(typed).collect();
            all.push(typed(&shares[0]));
            assert_eq!(join(&all).unwrap().bytes(), key.bytes());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let check = |shares: &[Share], want: &str| {
            let e = join(shares).map(|_| ()).unwrap_err();
            assert!(e.message().contains(want), "{e}");
        };
        let (one, two) = (OpenKey::generate(), OpenKey::generate());
        let (a, b) = (split(&one, 2, 3).unwrap(), split(&two, 2, 3).unwrap());
        check(&[], "No sheet");
        check(&[typed(&a[0])], "2 sheets are needed and 1 came");
        check(&[typed(&a[0]), typed(&a[0])], "2 sheets are needed and 1 came");
        check(&[typed(&a[0]), typed(&b[1])], "another key");
        let forged = Share { part: Secret::new([7; 32]), key: a[1].key, ..typed(&a[1]) };
        check(&[typed(&a[0]), forged], "not genuine");
        for (needed, of) in [(0, 3), (4, 3), (2, 17)] {
            assert!(split(&one, needed, of).is_err());
        }
        assert_eq!(a[0].name().len(), 8);
    }

    #[test]
    fn a_mistyped_line_is_named() {
        let share = &split(&OpenKey::generate(), 2, 3).unwrap()[0];
        let lines = share.lines();
        assert_eq!(lines.len(), LINES);
        assert!(lines.iter().all(|line| line.len() == 23), "{lines:?}");
        for at in 0..LINES {
            let mut wrong = lines.clone();
            let old = wrong[at].remove(7);
            wrong[at].insert(7, if old == '4' { '5' } else { '4' });
            let e = Share::parse(&wrong.join("\n")).unwrap_err();
            assert!(e.message().contains(&format!("Line {}", at + 1)), "{e}");
        }
        assert!(Share::parse(&lines[..3].join(" ")).unwrap_err().message().contains("3 came"));
        assert!(Share::parse("").unwrap_err().message().contains("0 came"));
        assert!(Share::parse(&format!("{} {}", lines.join(" "), lines[0])).is_err());
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(text in ".{0,120}") {
            let _ = Share::parse(&text);
        }

        #[test]
        fn every_share_is_read_as_it_was_written(part: [u8; 32], key: [u8; 4], number in 1u8..=16) {
            let share = Share { needed: 2, of: 16, number, key, part: Secret::new(part) };
            let read = typed(&share);
            prop_assert_eq!((read.number, read.key, *read.part.expose()), (number, key, part));
        }
    }
}
