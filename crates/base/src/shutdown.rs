//! A stop that every thread hears: one flag, and a sleep that ends early when it is raised.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A shared stop flag. Clones are the same flag.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(Arc<(Mutex<bool>, Condvar)>);

impl Shutdown {
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }
    /// Raises the flag and wakes every sleeper. Raising it twice is fine.
    pub fn stop(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }
    /// Whether the flag is up.
    pub fn stopped(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Sleeps for `wait`, or until the flag goes up. Returns whether it is up.
    pub fn sleep(&self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        let mut up = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*up {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            up = match self.0.1.wait_timeout(up, left) {
                Ok((guard, _)) => guard,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeper_wakes() {
        let flag = Shutdown::new();
        let other = flag.clone();
        let sleeper = std::thread::spawn(move || other.sleep(Duration::from_secs(3600)));
        flag.stop();
        assert!(sleeper.join().unwrap());
        assert!(!Shutdown::new().sleep(Duration::from_millis(1)));
    }
}
