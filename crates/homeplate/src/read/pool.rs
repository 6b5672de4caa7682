//! Several readers at work, results in order.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};

/// Runs `work` over `inputs`, one worker a thread, and hands the results to `take` in the order of the
/// inputs. Ends early where `take` fails; inputs are taken only as fast as results are.
pub fn ordered<I: Send, O: Send, W: Send>(
    inputs: impl Iterator<Item = I> + Send,
    workers: &mut [W],
    work: impl Fn(&mut W, I) -> O + Sync,
    mut take: impl FnMut(O) -> io::Result<()>,
) -> io::Result<()> {
    let source = Mutex::new(inputs.enumerate());
    let (sender, results) = sync_channel(2 * workers.len());
    let next = || source.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for worker in workers {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let Some((number, input)) = next() {
                    if sender.send((number, work(worker, input))).is_err() {
                        return; // nobody takes results any more
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut turn) = (BTreeMap::new(), 0);
        for (number, result) in results {
            waiting.insert(number, result);
            while let Some(result) = waiting.remove(&turn) {
                take(result)?;
                turn += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        for threads in [1, 2, 5] {
            let mut got = Vec::new();
            let slow = |_: &mut (), i: u64| {
                std::thread::sleep(std::time::Duration::from_micros((i * 7919) % 900));
                i
            };
            ordered(0..200, &mut vec![(); threads], slow, |i| {
                got.push(i);
                Ok(())
            })
            .unwrap();
            assert_eq!(got, (0..200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_full_disk_ends_it() {
        let mut taken = 0;
        let failed = ordered(
            0..,
            &mut [(); 3],
            |(), i: u64| i,
            |_| {
                taken += 1;
                if taken == 10 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            },
        );
        assert_eq!((failed.unwrap_err().kind(), taken), (io::ErrorKind::StorageFull, 10));
    }
}
