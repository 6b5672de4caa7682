//! Waits for the city's word: a request that the city answers when something changes for this camera.
//!
//! An order to stop arrives within the time of one answer, not of one beat. A thread of its own waits, because
//! the answer may take half a minute; it ends with the process.

use crate::Client;
use base::{Kind, Shutdown};
use read::Word;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

/// How long the city may hold the answer back.
const HELD_S: u64 = 25;
/// After a failure it is asked again after so long, and twice as long each time.
const AGAIN_MIN: Duration = Duration::from_millis(500);
const AGAIN_MAX: Duration = Duration::from_secs(15);
/// A city of before there was this address is asked rarely.
const OLDER: Duration = Duration::from_secs(600);

/// Listens until `done`, and hands on every word that is new.
pub(crate) fn spawn(client: Arc<Client>, words: Sender<Word>, done: Shutdown) {
    let listen = move || {
        let mut heard = String::new();
        let mut again = AGAIN_MIN;
        while !done.stopped() {
            let path = format!("/v1/word?wait={HELD_S}&heard={heard}");
            let pause = match client.get::<Word>(&path) {
                Ok(word) => {
                    again = AGAIN_MIN;
                    let same = word.tag == heard;
                    heard.clone_from(&word.tag);
                    if !same && words.send(word).is_err() {
                        return;
                    }
                    // An answer that was not held back is not asked for without end.
                    Duration::from_millis(50)
                }
                Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Invalid) => OLDER,
                Err(e) => {
                    // What was heard may have changed while nobody listened.
                    tracing::debug!(error = %e.inside(), "the city's word");
                    let wait = again.max(e.wait().unwrap_or_default());
                    again = (again * 2).min(AGAIN_MAX);
                    wait
                }
            };
            done.sleep(pause);
        }
    };
    std::thread::spawn(listen);
}
