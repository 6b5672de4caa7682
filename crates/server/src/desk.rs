//! Tells the city who is signed in at the console: a hit that nobody there could decide is told to others at once.

use crate::state::AppState;
use base::PersonId;
use city::DeskLine;
use std::sync::{Arc, Weak};

struct Desk(Weak<AppState>);

impl DeskLine for Desk {
    fn signed_in(&self) -> Vec<PersonId> {
        let Some(state) = self.0.upgrade() else { return Vec::new() };
        state.sessions.acting(state.city.now())
    }
}

/// From now on the city knows.
pub(crate) fn tell(state: &Arc<AppState>) {
    state.city.reach_desk(Arc::new(Desk(Arc::downgrade(state))));
}
