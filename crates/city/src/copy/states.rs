//! The states at the place: how each is named, and which are kept.

use super::record::{piece_id, piece_name};
use super::tracks::Id;
use base::{Result, Time, random};
use std::collections::{BTreeMap, BTreeSet};
use store::Depot;

/// So far ahead of the clock is no other clock, but two states of one moment.
const SOON_MS: i64 = 60_000;
/// What 14 digits hold.
const LAST_STATE: i64 = 99_999_999_999_999;

/// By which moment a state is named.
fn made(state: &str) -> Option<i64> {
    state.split('-').next()?.parse().ok()
}

/// A name for a state of this moment: behind all that are there, or it would not count as the newest where one was
/// made by a clock that was ahead.
pub(super) fn next_state(depot: &Depot, states: &str, at: Time) -> Result<String> {
    let there = depot.list(states)?;
    let newest = there.iter().filter_map(|name| made(name.split('/').next()?));
    let newest = newest.filter(|ms| *ms < LAST_STATE).max();
    let ms = newest.map_or(at.millis(), |newest| at.millis().max(newest + 1));
    Ok(format!("{ms:014}-{}", base::hex(&random::<4>())))
}

/// The newest state that is there.
pub(super) fn newest_state(depot: &Depot, states: &str) -> Result<Option<String>> {
    let names = depot.list(states)?;
    Ok(names
        .iter()
        .filter_map(|name| name.split_once('/'))
        .map(|(state, _)| state.to_owned())
        .max())
}

/// Removes states that a newer one has followed for longer than `keep` milliseconds, and those of the `spare` pieces,
/// which the newest does not name, that none of those that are left names. `held` and those before it stay. Returns
/// which pieces went.
pub(super) fn prune(
    depot: &Depot,
    (states, pieces): (&str, &str),
    now: Time,
    (keep, held): (i64, Option<&str>),
    spare: BTreeSet<Id>,
) -> Result<BTreeSet<Id>> {
    let mut files: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in depot.list(states)? {
        if let Some((state, file)) = name.split_once('/') {
            files.entry(state.to_owned()).or_default().push(file.to_owned());
        }
    }
    let names: Vec<&String> = files.keys().collect();
    let soon = now.millis() + SOON_MS;
    let young = now.plus_millis(-keep).millis()..=soon;
    let mut kept = BTreeSet::new();
    for (at, name) in names.iter().enumerate() {
        let next = names.get(at + 1).and_then(|next| made(next));
        // Of one that is named for a moment to come nobody knows since when it is followed. The last but one stays.
        let unsure = next.is_some_and(|ms| ms > soon) && at + 2 == names.len();
        let mut moments = made(name).into_iter().chain(next);
        let held = held.is_some_and(|held| name.as_str() <= held);
        if next.is_none() || unsure || held || moments.any(|ms| young.contains(&ms)) {
            kept.insert((*name).clone());
            continue;
        }
        // The base first: without it the rest is nothing. What it names last, so that a cut loses no piece
        // that is needed and leaves none for ever.
        let mut all = files[*name].clone();
        all.sort_by_key(|file| (file == "refs", file.clone()));
        for file in all {
            depot.remove(&format!("{states}/{name}/{file}"))?;
        }
    }
    // What is spare is little beside all that a state names.
    let mut gone = spare;
    for name in kept {
        if gone.is_empty() {
            break;
        }
        let refs = depot.get(&format!("{states}/{name}/refs"))?.unwrap_or_default();
        for id in String::from_utf8_lossy(&refs).lines().filter_map(piece_id) {
            gone.remove(&id);
        }
    }
    for id in &gone {
        depot.remove(&piece_name(pieces, id))?;
    }
    Ok(gone)
}
