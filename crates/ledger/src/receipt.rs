//! Receipts: an entry's proof in one text that is checked without asking anybody (C2SP `tlog-proof@v1`).

use crate::entry::Entry;
use crate::leaf::Leaf;
use crate::quorum::{Policy, Witnessed};
use crate::tree::proves;
use base::{Error, Result, b64, unb64};

const HEADER: &str = "c2sp.org/tlog-proof@v1";

impl Entry {
    /// The proof as a text. The leaf travels with it as its extra data: only the two together say anything.
    pub fn receipt(&self) -> String {
        let mut out = format!("{HEADER}\nextra {}\nindex {}\n", b64(&self.leaf), self.index);
        for hash in &self.proof {
            out += &b64(hash);
            out.push('\n');
        }
        out + "\n" + &self.checkpoint
    }

    /// Reads a receipt; it proves nothing before [`Entry::check`] or [`Entry::check_witnessed`].
    pub fn from_receipt(text: &str) -> Result<Entry> {
        let read = || {
            let rest = text.strip_prefix(HEADER)?.strip_prefix('\n')?;
            let (head, checkpoint) = rest.split_once("\n\n")?;
            let mut lines = head.split('\n');
            let leaf = unb64(lines.next()?.strip_prefix("extra ")?)?;
            let number = lines.next()?.strip_prefix("index ")?;
            let index: u64 = number.parse().ok().filter(|n: &u64| n.to_string() == number)?;
            let proof = lines.map(|line| unb64(line)?.try_into().ok()).collect::<Option<_>>()?;
            Some(Entry { index, leaf, proof, checkpoint: checkpoint.to_owned() })
        };
        read().ok_or_else(|| {
            Error::invalid("This is not a receipt of this version; fetch it from the log again.")
        })
    }

    /// The leaf and who has witnessed it, if the log with this key has signed for it at this place and a
    /// quorum of the policy's witnesses has cosigned.
    pub fn check_witnessed(&self, vkey: &str, policy: &Policy) -> Result<(Leaf, Witnessed)> {
        let seen = policy.open(Some(vkey), self.checkpoint.as_bytes())?;
        if !proves(&self.proof, seen.size, seen.root, self.index, &self.leaf) {
            return Err(crate::entry::not_shown());
        }
        if !seen.quorum {
            return Err(Error::unavailable(
                "Too few witnesses have cosigned this entry yet; wait, or ask why they do not answer.",
            ));
        }
        Ok((Leaf::parse(&self.leaf)?, seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let checkpoint = "homeplate/x\n9\nAAAA\n\n— homeplate/x AAAAAAAA\n".to_owned();
        for proof in [vec![], vec![[1; 32], [2; 32]]] {
            let entry =
                Entry { index: 7, leaf: b"{}".to_vec(), proof, checkpoint: checkpoint.clone() };
            assert_eq!(Entry::from_receipt(&entry.receipt()).unwrap(), entry);
        }
        let good = Entry { index: 7, leaf: b"{}".to_vec(), proof: vec![[1; 32]], checkpoint };
        let good = good.receipt();
        for bad in [
            good.replace("@v1", "@v2"),
            good.replace("index 7", "index 07"),
            good.replace("index 7", "index +7"),
            good.replace("extra ", "extra"),
            good.replace("AQEB", "AQE"),
            good.replace("\n\n", "\n"),
            String::new(),
        ] {
            assert!(bad == good || Entry::from_receipt(&bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(c2sp.org/tlog-proof@v1\n)?(extra AA\n|index 0\n|\n|A|=){0,20}") {
            let _ = Entry::from_receipt(&text);
        }
    }
}
