//! Which witnesses must have cosigned a checkpoint before it is believed: C2SP `tlog-policy`.
//!
//! Five sorts of lines (`log`, `witness`, `group`, `quorum`, `#`); a name is defined before it is used and
//! is a member of at most one group, so that no witness counts twice.

use crate::cosign::WitnessKey;
use crate::notes::{Head, Vkey, open_with};
use base::{Error, Result, Time, hex, sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// More lines of one sort than any city has.
const LINES: usize = 256;

/// Who is believed.
#[derive(Clone)]
pub struct Policy {
    logs: Vec<Vkey>,
    witnesses: Vec<Witness>,
    quorum: Rule,
    hash: String,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Policy({} witnesses)", self.witnesses.len())
    }
}

/// A witness as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name in the policy.
    pub name: String,
    /// Its key.
    pub key: WitnessKey,
    /// Where checkpoints are submitted to it: the address in front of `/add-checkpoint`.
    pub url: Option<String>,
}

#[derive(Clone)]
enum Rule {
    None,
    One(usize),
    Group(usize, Vec<Rule>),
}

/// A checkpoint that was opened with a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    /// Which log.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: [u8; 32],
    /// Who cosigned it, by the policy's names, and when.
    pub by: Vec<(String, Time)>,
    /// Whether they are a quorum.
    pub quorum: bool,
}

fn wrong(line: usize, what: &str) -> Error {
    Error::invalid(format!("Line {line} of the witness policy {what}."))
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parser = Parser::default();
        for (at, line) in (1..).zip(text.split('\n')) {
            if line.bytes().any(|b| (b < 0x20 && b != b'\t') || b == 0x7f) {
                return Err(wrong(at, "has a control character"));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                words => parser.line(at, words)?,
            }
        }
        let quorum = parser.quorum.ok_or_else(|| {
            Error::invalid("The witness policy has no quorum line; `quorum none` asks for none.")
        })?;
        let hash = hex(&sha256(text.as_bytes()));
        Ok(Self { logs: parser.logs, witnesses: parser.witnesses, quorum, hash })
    }

    /// The SHA-256 of the file, in hex: two that are to go by the same compare it.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether a checkpoint counts without any witness.
    pub fn asks_for_none(&self) -> bool {
        matches!(self.quorum, Rule::None)
    }

    /// Opens a checkpoint of the log with this key, or of any of the policy's where there is none.
    pub fn open(&self, vkey: Option<&str>, checkpoint: &[u8]) -> Result<Witnessed> {
        let named = vkey.map(Vkey::parse).transpose()?;
        let logs: Vec<&Vkey> = named.as_ref().map_or(self.logs.iter().collect(), |v| vec![v]);
        let mut tried =
            Err(Error::invalid("The witness policy names no log; name the log's verifier key."));
        for log in logs {
            tried = self.open_one(log, checkpoint);
            if tried.is_ok() {
                break;
            }
        }
        tried
    }

    pub(crate) fn open_one(&self, log: &Vkey, checkpoint: &[u8]) -> Result<Witnessed> {
        let keys: Vec<WitnessKey> = self.witnesses.iter().map(|w| w.key.clone()).collect();
        let (head, by) = open_with(log, checkpoint, &keys)?;
        let quorum = self.met(&by.iter().map(|(at, _)| *at).collect());
        let by = by.into_iter().map(|(at, time)| (self.witnesses[at].name.clone(), time));
        let Head { origin, size, root } = head;
        Ok(Witnessed { origin, size, root, by: by.collect(), quorum })
    }

    fn met(&self, cosigned: &BTreeSet<usize>) -> bool {
        fn holds(rule: &Rule, cosigned: &BTreeSet<usize>) -> bool {
            match rule {
                Rule::None => true,
                Rule::One(at) => cosigned.contains(at),
                Rule::Group(k, members) => {
                    members.iter().filter(|m| holds(m, cosigned)).count() >= *k
                }
            }
        }
        holds(&self.quorum, cosigned)
    }
}

#[derive(Default)]
struct Parser {
    logs: Vec<Vkey>,
    witnesses: Vec<Witness>,
    names: BTreeMap<String, Rule>,
    /// Names that are members already.
    taken: BTreeSet<String>,
    quorum: Option<Rule>,
}

impl Parser {
    fn line(&mut self, at: usize, words: &[&str]) -> Result<()> {
        match words {
            ["log", key] | ["log", key, _] => self.log(at, key),
            ["witness", name, key] => self.witness(at, name, key, None),
            ["witness", name, key, url] => self.witness(at, name, key, Some(url)),
            ["group", name, k, members @ ..] => self.group(at, name, k, members),
            ["quorum", name] => self.quorum(at, name),
            _ => {
                Err(wrong(at, "is none of `log`, `witness`, `group` and `quorum` as they must be"))
            }
        }
    }

    fn log(&mut self, at: usize, key: &str) -> Result<()> {
        let key =
            Vkey::parse(key).map_err(|e| wrong(at, "has no log's verifier key").because(e))?;
        if self.logs.len() == LINES || self.logs.iter().any(|l| l.public() == key.public()) {
            return Err(wrong(at, "names a log twice, or one too many"));
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, at: usize, name: &str, key: &str, url: Option<&&str>) -> Result<()> {
        let key =
            WitnessKey::parse(key).map_err(|e| wrong(at, "has no witness's key").because(e))?;
        let known = self.witnesses.iter().any(|w| w.key.public() == key.public());
        if self.witnesses.len() == LINES || known {
            return Err(wrong(at, "names a witness's key twice, or one too many"));
        }
        self.define(at, name, Rule::One(self.witnesses.len()))?;
        let url = url.map(|url| url.trim_end_matches('/').to_owned());
        self.witnesses.push(Witness { name: name.to_owned(), key, url });
        Ok(())
    }

    fn group(&mut self, at: usize, name: &str, k: &str, members: &[&str]) -> Result<()> {
        let k = match k {
            "any" => 1,
            "all" => members.len(),
            k if k.starts_with(['0', '+']) => 0,
            k => k.parse().unwrap_or(0),
        };
        if k == 0 || k > members.len() || self.names.len() >= 2 * LINES {
            return Err(wrong(at, "asks for a number of members that the group does not have"));
        }
        let mut rules = Vec::with_capacity(members.len());
        for member in members {
            let rule = self.names.get(*member).cloned();
            rules
                .push(rule.ok_or_else(|| wrong(at, "names a member that no line before it does"))?);
            if !self.taken.insert((*member).to_owned()) {
                return Err(wrong(at, "names a member that is one already"));
            }
        }
        self.define(at, name, Rule::Group(k, rules))
    }

    fn quorum(&mut self, at: usize, name: &str) -> Result<()> {
        let rule = match name {
            "none" => Some(Rule::None),
            name => self.names.get(name).cloned(),
        };
        let rule = rule.ok_or_else(|| wrong(at, "names a quorum that no line before it does"))?;
        match self.quorum.replace(rule) {
            None => Ok(()),
            Some(_) => Err(wrong(at, "is a second quorum")),
        }
    }

    fn define(&mut self, at: usize, name: &str, rule: Rule) -> Result<()> {
        if name == "none" || self.names.insert(name.to_owned(), rule).is_some() {
            return Err(wrong(at, "defines a name that is one already"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosign::Cosigner;
    use crate::notes::Signer;
    use base::SigningKey;
    use proptest::prelude::*;

    fn witness(n: u8) -> Cosigner {
        Cosigner::new(&format!("w{n}.example"), SigningKey::from_seed([n; 32])).unwrap()
    }

    /// `$1` is the key of witness 1, `$L` of the log.
    fn filled(text: &str) -> String {
        let mut text = text.replace("$L", log().spelled());
        for n in 1..=6 {
            text = text.replace(&format!("${n}"), &witness(n).vkey().spelled());
        }
        text
    }

    fn log() -> Signer {
        Signer::new("homeplate/x", SigningKey::from_seed([99; 32])).unwrap()
    }

    /// Checkpoint cosigned by these witnesses.
    fn checkpoint(by: &[u8]) -> String {
        let signed = log().checkpoint(7, [7; 32]).unwrap();
        let text = signed.split_once("\n\n").unwrap().0.to_owned() + "\n";
        let at = Time::from_millis(1_700_000_000_000);
        let lines = by.iter().map(|n| witness(*n).cosign(text.as_bytes(), at).unwrap());
        signed + &lines.collect::<String>()
    }

    const TWO_LEVELS: &str = "# two organisations\nlog $L\nwitness X1 $1\nwitness X2 $2\n witness\tX3 $3 https://x3/\n\
        group X 2 X1 X2 X3\nwitness Y1 $4\nwitness Y2 $5\ngroup Y any Y1 Y2\ngroup XY all X Y\nquorum XY\n";

    #[test]
    fn quorums() {
        let check = |text: &str, by: &[u8], want: bool| {
            let policy = Policy::parse(&filled(text)).unwrap();
            let opened = policy.open(None, checkpoint(by).as_bytes()).unwrap();
            assert_eq!(opened.quorum, want, "{by:?} of {text}");
        };
        check(TWO_LEVELS, &[1, 2, 4], true);
        check(TWO_LEVELS, &[1, 2, 3], false);
        check(TWO_LEVELS, &[1, 4, 5], false);
        check(TWO_LEVELS, &[3, 1, 5, 6], true);
        check("log $L\nquorum none\n", &[], true);
        check("log $L\nwitness a $1\nquorum a", &[1], true);
        check("log $L\nwitness a $1\nquorum a", &[2], false);
    }

    #[test]
    fn what_a_checkpoint_says() {
        let policy = Policy::parse(&filled(TWO_LEVELS)).unwrap();
        assert_eq!(policy.witnesses()[2].url.as_deref(), Some("https://x3"));
        let opened = policy.open(Some(log().spelled()), checkpoint(&[2]).as_bytes()).unwrap();
        let at = Time::from_millis(1_700_000_000_000);
        assert_eq!((opened.size, opened.by), (7, vec![("X2".to_owned(), at)]));
        // A cosignature of a known key that does not hold is worse than none.
        let line = checkpoint(&[2]).lines().last().unwrap().to_owned();
        let forged = checkpoint(&[]).replace("\n7\n", "\n8\n") + &line + "\n";
        assert!(policy.open(None, forged.as_bytes()).is_err());
        let other = log().checkpoint(8, [7; 32]).unwrap() + &line + "\n";
        assert!(policy.open(None, other.as_bytes()).is_err());
    }

    #[test]
    fn hostile_policies() {
        let check = |text: &str, want: &str| {
            let e = Policy::parse(&filled(text)).err().unwrap_or_else(|| panic!("{text}"));
            assert!(e.message().contains(want), "{text}: {e}");
        };
        check("", "no quorum");
        check("quorum a", "Line 1");
        check("witness none $1\nquorum none", "Line 1");
        check("witness a $1\nwitness b $1\nquorum a", "Line 2");
        check("witness a $1\nwitness a $2\nquorum a", "Line 2");
        check("log $L\nlog $L\nquorum none", "Line 2");
        check("log $1\nquorum none", "Line 1");
        check("witness a $L\nquorum a", "Line 1");
        check("witness a $1\ngroup g 2 a\nquorum g", "Line 2");
        check("witness a $1\ngroup g 0 a\nquorum g", "Line 2");
        check("witness a $1\ngroup g 01 a\nquorum g", "Line 2");
        check("group g any\nquorum g", "Line 1");
        check("group g any g\nquorum g", "Line 1");
        check("witness a $1\ngroup g any a\ngroup h any a\nquorum g", "Line 3");
        check("witness a $1\ngroup g any a a\nquorum g", "Line 2");
        check("quorum none\nquorum none", "Line 2");
        check("quorum none\n\u{7}", "Line 2");
        check("witness a\nquorum none", "Line 1");
        check("wit a $1\nquorum none", "Line 1");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(log|witness|group|quorum|none|a|b|any|2| |\n|\t|#){0,40}") {
            let _ = Policy::parse(&text);
        }
    }
}
