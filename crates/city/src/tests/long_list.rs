//! A long list comes in: how much memory it takes beside what the matcher holds.

use crate::kit::{Town, person};
use crate::lists_tests::{list, settings};
use crate::{ConfirmImport, ImportPreview};
use std::io::{self, Read};
use std::time::Instant;

/// A file of so many rows that is never whole anywhere; `turn` changes every eighth of them.
struct Rows {
    next: u64,
    last: u64,
    turn: u64,
    line: io::Cursor<Vec<u8>>,
}

impl Rows {
    fn new(from: u64, to: u64, turn: u64) -> Self {
        let head = b"plate,state,case,reason,expires,make,model,color\n".to_vec();
        Self { next: from, last: to, turn, line: io::Cursor::new(head) }
    }
}

impl Read for Rows {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.line.read(into)? {
                0 if self.next < self.last => {}
                n => return Ok(n),
            }
            let mut text = String::new();
            for n in self.next..self.last.min(self.next + 100) {
                let case = if n % 8 == 0 { self.turn } else { 0 };
                text += &format!(
                    "{n:08X},CA,26-{case},stolen vehicle,2026-12-20T00:00:00Z,HOND,ACC,SIL\n"
                );
            }
            self.next = self.last.min(self.next + 100);
            self.line = io::Cursor::new(text.into_bytes());
        }
    }
}

/// A size from `/proc/self/status`, in bytes.
fn size(of: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(of)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// What a step came to hold at most beyond what was held before it, in bytes.
fn most<T>(name: &str, step: impl FnOnce() -> T) -> (T, u64) {
    let (before, begun) = (size("VmRSS:"), Instant::now());
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let out = step();
    let more = size("VmHWM:").saturating_sub(before);
    eprintln!("{name}: {} MiB more, {:.1} s", more >> 20, begun.elapsed().as_secs_f64());
    (out, more)
}

/// `HOMEPLATE_ROWS` says how many; a tenth of it is changed, comes and goes.
#[test]
#[ignore = "deep: measures memory, minutes"]
fn a_long_list_takes_one_compact_structure() {
    let rows: u64 = std::env::var("HOMEPLATE_ROWS").map_or(1_000_000, |text| text.parse().unwrap());
    let town = Town::new("2026-11-23T12:00:00Z", "state=\"us-ca\"\n");
    town.city.set_list(&person(), &list(), &settings("stolen")).unwrap();
    let bring = |from: u64, to: u64, turn: u64| -> ImportPreview {
        town.city.import(&person(), &list(), &mut Rows::new(from, to, turn), None).unwrap()
    };
    let take = |number: Option<i64>| {
        let sure = ConfirmImport { sure: true };
        town.city.confirm_import(&person(), &list(), number.unwrap(), sure).unwrap()
    };
    let (first, new) = most("the first file", || bring(0, rows, 0));
    assert_eq!((first.added, first.rows.taken), (rows, rows), "{:?}", first.problem);
    most("taken", || take(first.number));
    let (second, again) = most("the second file", || bring(rows / 16, rows + rows / 16, 1));
    assert_eq!((second.added, second.removed), (rows / 16, rows / 16));
    assert!(second.changed.abs_diff(rows * 15 / 128) <= 1, "{}", second.changed);
    most("taken", || take(second.number));
    for held in [new, again] {
        assert!(held < rows * 64 + (64 << 20), "{held}");
    }
}
