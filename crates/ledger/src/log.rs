//! The log itself: appends that are on disk before anybody hears of them.
//!
//! An append writes bundles, then tiles, then swaps the checkpoint. Until the swap nothing that a
//! checkpoint promises has been touched, so a crash leaves at most files beyond the checkpoint,
//! which [`Log::open`] removes. Callers that come while a write is under way wait together and
//! become one write with one checkpoint: the disk's syncs are shared.
//!
//! Holds: memory runs behind the disk, never ahead of it. After a write that failed half-way nobody
//! knows whether the disk has it; the next append looks, and takes it in or away, before it writes.

use crate::entry::Entry;
use crate::figures::{Audit, Figures};
use crate::leaf::Leaf;
use crate::lottery::{Draw, Lottery};
use crate::notes::{Signer, open_with};
use crate::objects::{Guard, Objects};
use crate::scan::{scan, scan_on};
use crate::tree::{FULL, Name, Piece, Standing, Tree, beginning, split};
use crate::verify::Seen;
use crate::witness;
use base::{Error, Result, SigningKey, b64, sha256};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Full tiles kept in memory (8 KiB each), because proofs of new entries need few and the same.
const TILES: usize = 256;
const CHECKPOINT: &str = "checkpoint";
/// Who asks after the log waits so long for an append; one that takes longer is a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// A log that this process alone writes.
pub struct Log {
    objects: Box<dyn Objects>,
    signer: Signer,
    state: RwLock<State>,
    queue: Mutex<Queue>,
    done: Condvar,
    /// A checkpoint that may or may not have reached the disk.
    doubt: Mutex<Option<String>>,
    tiles: Mutex<HashMap<Name, Vec<u8>>>,
    _guard: Guard,
}

/// Takes the entries of a log one after the other, each with its number.
pub type Show<'a> = &'a mut dyn FnMut(u64, &Leaf);

/// What is on disk.
struct State {
    tree: Tree,
    checkpoint: String,
    index: HashMap<Subject, u64>,
    figures: Figures,
    lottery: Lottery,
}

/// Type and id of an entry, in 16 bytes: a log of years is looked up in memory. They are half of a
/// SHA-256: two that meet by chance will not be seen.
type Subject = [u8; 16];

fn subject(kind: &str, id: &str) -> Subject {
    // A type has no line break, so no other pair spells the same.
    let hash = sha256(format!("{kind}\n{id}").as_bytes());
    let mut out = [0; 16];
    out.copy_from_slice(&hash[..16]);
    out
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Request>,
    answers: HashMap<u64, Result<Entry>>,
    next: u64,
    busy: bool,
}

struct Request {
    ticket: u64,
    once: bool,
    leaf: Leaf,
    bytes: Vec<u8>,
}

impl Log {
    /// Starts a log that is empty and signed; refused where one is.
    pub fn create(objects: Box<dyn Objects>, origin: &str, key: SigningKey) -> Result<Log> {
        let signer = Signer::new(origin, key)?;
        let guard = objects.lock()?;
        if !objects.list("tile/")?.is_empty() {
            return Err(Error::conflict(
                "There is a log here already; open it, or restore its checkpoint from a copy.",
            ));
        }
        let checkpoint = signer.checkpoint(0, Tree::default().root()?)?;
        objects.replace(CHECKPOINT, None, checkpoint.as_bytes())?;
        Self::with(objects, signer, guard, &mut |_, _| {})
    }

    /// Opens a log: reads it whole, compares all of it, and removes what a crash left over.
    pub fn open(objects: Box<dyn Objects>, origin: &str, key: SigningKey) -> Result<Log> {
        Self::open_showing(objects, origin, key, &mut |_, _| {})
    }

    /// The same, and shows each entry with its number as it is read. What was shown of a log that cannot be opened after
    /// all counts for nothing.
    pub fn open_showing(
        objects: Box<dyn Objects>,
        origin: &str,
        key: SigningKey,
        show: Show<'_>,
    ) -> Result<Log> {
        let signer = Signer::new(origin, key)?;
        let guard = objects.lock()?;
        Self::with(objects, signer, guard, show)
    }

    fn with(
        objects: Box<dyn Objects>,
        signer: Signer,
        guard: Guard,
        show: Show<'_>,
    ) -> Result<Log> {
        let state = load(objects.as_ref(), &signer, show)?;
        mend(objects.as_ref(), state.tree.size())?;
        Ok(Log {
            objects,
            signer,
            state: RwLock::new(state),
            queue: Mutex::default(),
            done: Condvar::new(),
            doubt: Mutex::default(),
            tiles: Mutex::default(),
            _guard: guard,
        })
    }

    /// Appends a leaf. On return it is on disk, under a signed checkpoint, with its proof.
    pub fn append(&self, leaf: &Leaf) -> Result<Entry> {
        self.request(leaf, false)
    }

    /// Appends a leaf unless one with its type and id is there; then that one is returned.
    pub fn append_once(&self, leaf: &Leaf) -> Result<Entry> {
        self.request(leaf, true)
    }

    /// Appends many leaves under one checkpoint: for imports, where nobody waits for a single one.
    pub fn append_all(&self, leaves: &[Leaf]) -> Result<()> {
        for some in leaves.chunks(10_000) {
            let tickets: Vec<u64> =
                some.iter().map(|leaf| self.enqueue(leaf, false)).collect::<Result<_>>()?;
            for ticket in tickets {
                self.wait(ticket)?;
            }
        }
        Ok(())
    }

    /// Whether there is an entry of this type and id.
    pub fn has(&self, kind: &str, id: &str) -> bool {
        self.find(kind, id).is_some()
    }

    /// The number of the first entry of this type and id.
    pub fn find(&self, kind: &str, id: &str) -> Option<u64> {
        self.state().index.get(&subject(kind, id)).copied()
    }

    /// Entry number `index`, proven under the newest checkpoint.
    pub fn entry(&self, index: u64) -> Result<Entry> {
        self.entry_in(&self.state(), index)
    }

    /// Entry number `index`, proven under an earlier checkpoint of this log, as witnesses have signed it.
    pub fn entry_under(&self, index: u64, checkpoint: &str) -> Result<Entry> {
        let (head, _) = open_with(self.signer.vkey(), checkpoint.as_bytes(), &[])?;
        let state = self.state();
        let leaf = self.bytes(&state.tree, index, index.saturating_add(1))?.pop();
        let proof = state.tree.prove(head.size, index, &|name| self.full_tile(name))?;
        let leaf = leaf.ok_or_else(|| {
            Error::not_found(format!("The log has only {} entries.", state.tree.size()))
        })?;
        Ok(Entry { index, leaf, proof, checkpoint: checkpoint.to_owned() })
    }

    /// Whether the log is what was seen of it once, or more: a log that was set back, or whose history was
    /// rewritten, is not.
    pub fn extends(&self, seen: &Seen) -> Result<bool> {
        let state = self.state();
        if seen.size > state.tree.size() {
            return Ok(false);
        }
        let root = state.tree.root_of(seen.size, &|name| self.full_tile(name))?;
        Ok(b64(&root) == seen.root)
    }

    /// What to remember of the log, to ask [`Log::extends`] with later.
    pub fn seen(&self) -> Result<Seen> {
        let state = self.state();
        Ok(Seen { size: state.tree.size(), root: b64(&state.tree.root()?) })
    }

    /// A signed checkpoint of the first `size` entries, for a public that is shown the log later.
    pub fn checkpoint_of(&self, size: u64) -> Result<String> {
        let root = self.state().tree.root_of(size, &|name| self.full_tile(name))?;
        self.signer.checkpoint(size, root)
    }

    /// How many entries a checkpoint of this log promises.
    pub fn size_of(&self, checkpoint: &str) -> Result<u64> {
        Ok(open_with(self.signer.vkey(), checkpoint.as_bytes(), &[])?.0.size)
    }

    /// A file of the log: `checkpoint`, or a tile by its one spelling; `None` where there is none.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if path != CHECKPOINT && Name::parse(path).is_none() {
            return Ok(None);
        }
        self.objects.get(path)
    }

    /// A file of the log as it was with its first `size` entries; `None` where it had no such file, or more
    /// is asked for than it had.
    pub fn file_of(&self, size: u64, path: &str) -> Result<Option<Vec<u8>>> {
        let Some(name) = Name::parse(path) else { return Ok(None) };
        if name.standing(size) == Standing::Beyond {
            return Ok(None);
        }
        if let Some(there) = self.objects.get(path)? {
            return Ok(Some(there));
        }
        // The file has grown since then: what was its beginning is cut off again.
        let Standing::Earlier(wider) = name.standing(self.size()) else { return Ok(None) };
        let grown = match self.objects.get(&wider.to_string())? {
            Some(grown) => Some(grown),
            // It grew again between our two looks.
            None => self.objects.get(&Name { width: FULL, ..name }.to_string())?,
        };
        Ok(grown.and_then(|grown| beginning(name, &grown)))
    }

    /// The files, but for the checkpoint, that a log of `size` entries consists of and one of `old` did not; and
    /// those that it does not consist of any more. [`Log::file_of`] has their bytes.
    pub fn grown(old: u64, size: u64) -> (Vec<String>, Vec<String>) {
        let (new, gone) = crate::tree::grown(old, size);
        let spelled = |names: Vec<Name>| names.iter().map(Name::to_string).collect();
        (spelled(new), spelled(gone))
    }

    /// The request that submits a checkpoint of this log to a witness that has cosigned the first `old`
    /// entries.
    pub fn submission(&self, old: u64, checkpoint: &str) -> Result<String> {
        let (head, _) = open_with(self.signer.vkey(), checkpoint.as_bytes(), &[])?;
        let proof = self.state().tree.consistency(old, head.size, &|name| self.full_tile(name))?;
        Ok(witness::request(old, &proof, checkpoint))
    }

    /// The leaves from number `from` up to, not including, `to`; fewer where the log ends.
    pub fn leaves(&self, from: u64, to: u64) -> Result<Vec<Leaf>> {
        let state = self.state();
        self.bytes(&state.tree, from, to)?.iter().map(|bytes| Leaf::parse(bytes)).collect()
    }

    /// How many entries there are.
    pub fn size(&self) -> u64 {
        self.state().tree.size()
    }

    /// Whether the log can be read where it lies and the last append did not break off. An append under way
    /// is waited for, a few seconds at most.
    pub fn healthy(&self) -> Result<()> {
        match self.as_left() {
            Err(seen) => self.between_appends(|| self.as_left()).unwrap_or(Err(seen)),
            fine => fine,
        }
    }

    /// Whether memory and disk say the same. While an append is written they need not.
    fn as_left(&self) -> Result<()> {
        if lock(&self.doubt).is_some() {
            return Err(Error::unavailable(
                "The last append to the log failed; check the disk. The next one tries again.",
            ));
        }
        let expected = self.checkpoint();
        match self.objects.get(CHECKPOINT)? {
            Some(there) if there == expected.as_bytes() => Ok(()),
            _ => Err(other_writer()),
        }
    }

    /// Does something while no append is under way; nothing where one lasts too long.
    fn between_appends<T>(&self, act: impl FnOnce() -> T) -> Option<T> {
        let queue = lock(&self.queue);
        let (queue, late) = self
            .done
            .wait_timeout_while(queue, PATIENCE, |queue| queue.busy)
            .unwrap_or_else(PoisonError::into_inner);
        // Nobody starts to write while the queue is held.
        let done = (!late.timed_out()).then(act);
        drop(queue);
        done
    }

    /// The newest signed checkpoint.
    pub fn checkpoint(&self) -> String {
        self.state().checkpoint.clone()
    }

    /// The key to verify this log with, as it is handed to everybody.
    pub fn vkey(&self) -> &str {
        self.signer.spelled()
    }

    /// The public figures as of the newest entry.
    pub fn figures(&self) -> Figures {
        self.state().figures.clone()
    }

    /// The same of the audit alone: the whole grows with the years.
    pub fn audit(&self) -> Audit {
        self.state().figures.audit.clone()
    }

    /// What the log draws for the audit of months that are over, and no entry says yet.
    pub fn draws(&self) -> Result<Vec<Draw>> {
        let state = self.state();
        let root_of = |size| state.tree.root_of(size, &|name| self.full_tile(name));
        state.lottery.due(&root_of)
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until some thread, perhaps this one, has written the leaf with all that waited.
    fn request(&self, leaf: &Leaf, once: bool) -> Result<Entry> {
        self.wait(self.enqueue(leaf, once)?)
    }

    fn enqueue(&self, leaf: &Leaf, once: bool) -> Result<u64> {
        let bytes = leaf.bytes()?;
        let mut queue = lock(&self.queue);
        let ticket = queue.next;
        queue.next += 1;
        queue.waiting.push(Request { ticket, once, leaf: leaf.clone(), bytes });
        Ok(ticket)
    }

    fn wait(&self, ticket: u64) -> Result<Entry> {
        let mut queue = lock(&self.queue);
        loop {
            if let Some(answer) = queue.answers.remove(&ticket) {
                return answer;
            }
            if queue.busy {
                queue = self.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if !queue.waiting.iter().any(|r| r.ticket == ticket) {
                return Err(Error::internal("An append broke off; see the log of the server."));
            }
            queue.busy = true;
            let batch = std::mem::take(&mut queue.waiting);
            drop(queue);
            let turn = Turn(self);
            let answers = self.commit(batch);
            queue = lock(&self.queue);
            queue.answers.extend(answers);
            drop(queue);
            drop(turn);
            queue = lock(&self.queue);
        }
    }

    fn commit(&self, batch: Vec<Request>) -> Vec<(u64, Result<Entry>)> {
        let places = self.settle().and_then(|()| self.write(&batch));
        let state = self.state();
        let mut answers = Vec::with_capacity(batch.len());
        for (at, request) in batch.into_iter().enumerate() {
            let answer = match &places {
                // Every waiter hears the same; the cause goes with it for the operator.
                Err(e) => Err(Error::new(e.kind(), e.message()).because(e.inside())),
                Ok(places) => match places[at] {
                    Place::New(index) => self.prove(&state, index, request.bytes),
                    Place::Known(index) => self.entry_in(&state, index),
                },
            };
            answers.push((request.ticket, answer));
        }
        answers
    }

    /// Writes what is new in a batch: bundles and tiles first, the checkpoint last.
    fn write(&self, batch: &[Request]) -> Result<Vec<Place>> {
        let (mut tree, old) = {
            let state = self.state();
            (state.tree.clone(), state.checkpoint.clone())
        };
        let before = tree.clone();
        let mut fresh = HashMap::new();
        let mut places = Vec::with_capacity(batch.len());
        let mut pieces = Vec::new();
        for request in batch {
            let key = request.leaf.id.as_deref().map(|id| subject(&request.leaf.kind, id));
            let known = key
                .as_ref()
                .filter(|_| request.once)
                .and_then(|key| self.state().index.get(key).or_else(|| fresh.get(key)).copied());
            if let Some(index) = known {
                places.push(Place::Known(index));
                continue;
            }
            places.push(Place::New(tree.size()));
            key.map(|key| fresh.entry(key).or_insert(tree.size()));
            pieces.extend(tree.push(&request.bytes));
        }
        if tree.size() == before.size() {
            return Ok(places);
        }
        let full: Vec<Name> = pieces.iter().map(|p| p.name).collect();
        let unchanged: Vec<Name> = before.edge().iter().map(|p| p.name).collect();
        pieces.extend(tree.edge().into_iter().filter(|p| !unchanged.contains(&p.name)));
        let checkpoint = self.signer.checkpoint(tree.size(), tree.root()?)?;
        self.make_durable(&pieces, &old, &checkpoint)?;
        self.adopt(
            batch,
            &places,
            State {
                tree,
                checkpoint,
                index: fresh,
                figures: Figures::default(),
                lottery: Lottery::default(),
            },
        );
        // Readers may have been sent to these by an earlier checkpoint; the full ones serve them now.
        // If this fails they stay, are verified as beginnings, and go at the next opening.
        let _ = full.iter().try_for_each(|name| self.drop_partials(*name));
        Ok(places)
    }

    fn make_durable(&self, pieces: &[Piece], old: &str, new: &str) -> Result<()> {
        // Names beyond our checkpoint may be another writer's by now: nothing is touched then.
        if self.objects.get(CHECKPOINT)?.as_deref() != Some(old.as_bytes()) {
            return Err(other_writer());
        }
        *lock(&self.doubt) = Some(new.to_owned());
        let all: Vec<(String, &[u8])> =
            pieces.iter().map(|p| (p.name.to_string(), p.bytes.as_slice())).collect();
        self.objects.commit(&all, CHECKPOINT, Some(old.as_bytes()), new.as_bytes())?;
        *lock(&self.doubt) = None;
        Ok(())
    }

    /// Memory follows the disk: `next` holds the new tree and checkpoint and what the index gained.
    fn adopt(&self, batch: &[Request], places: &[Place], next: State) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (key, index) in next.index {
            state.index.entry(key).or_insert(index);
        }
        for (request, place) in batch.iter().zip(places) {
            if let Place::New(index) = place {
                state.figures.add(&request.leaf);
                state.lottery.add(*index, &request.leaf);
            }
        }
        state.tree = next.tree;
        state.checkpoint = next.checkpoint;
    }

    fn drop_partials(&self, name: Name) -> Result<()> {
        let partials = self.objects.list(&format!("{name}.p/"))?;
        partials.iter().try_for_each(|path| self.objects.remove(path))
    }

    /// After a write that failed: finds out what the disk has before anything else is written. That is what it had, or
    /// what was tried; the entries of before are not read again, however many they are.
    fn settle(&self) -> Result<()> {
        let mut doubt = lock(&self.doubt);
        let Some(tried) = doubt.as_ref() else { return Ok(()) };
        match self.objects.get(CHECKPOINT)? {
            Some(there) if there == self.checkpoint().as_bytes() => self.take_away(tried)?,
            Some(there) if there == tried.as_bytes() => self.take_in(tried)?,
            Some(_) => return Err(other_writer()),
            None => {
                // Says what is wrong.
                let found = load(self.objects.as_ref(), &self.signer, &mut |_, _| {});
                return found.and(Err(other_writer()));
            }
        }
        lock(&self.tiles).clear();
        *doubt = None;
        Ok(())
    }

    /// Removes what there is of a write that has not come to its checkpoint.
    fn take_away(&self, tried: &str) -> Result<()> {
        let (new, _) = Self::grown(self.size(), self.size_of(tried)?);
        new.iter().try_for_each(|path| self.objects.remove(path))?;
        self.objects.remove(&format!("{CHECKPOINT}.new"))
    }

    /// Takes in the entries of a write that is on disk as a whole; every file of it is compared.
    fn take_in(&self, tried: &str) -> Result<()> {
        let known = self.state().tree.clone();
        let (head, _) = open_with(self.signer.vkey(), tried.as_bytes(), &[])?;
        let (before, mut leaves) = (known.size(), Vec::new());
        let tree = scan_on(&|path| self.objects.get(path), known, &head, &mut |at, leaf| {
            leaves.push((at, leaf));
        })?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for (at, leaf) in leaves {
            state.figures.add(&leaf);
            state.lottery.add(at, &leaf);
            if let Some(id) = leaf.id {
                state.index.entry(subject(&leaf.kind, &id)).or_insert(at);
            }
        }
        state.tree = tree;
        state.checkpoint = tried.to_owned();
        drop(state);
        let (new, _) = crate::tree::grown(before, head.size);
        // As behind a write that succeeded.
        let mut full = new.into_iter().filter(|name| name.width == FULL);
        let _ = full.try_for_each(|name| self.drop_partials(name));
        Ok(())
    }

    fn entry_in(&self, state: &State, index: u64) -> Result<Entry> {
        let leaf = self.bytes(&state.tree, index, index.saturating_add(1))?.pop();
        let leaf = leaf.ok_or_else(|| {
            Error::not_found(format!("The log has only {} entries.", state.tree.size()))
        })?;
        self.prove(state, index, leaf)
    }

    fn prove(&self, state: &State, index: u64, leaf: Vec<u8>) -> Result<Entry> {
        let size = state.tree.size();
        let proof = state.tree.prove(size, index, &|name| self.full_tile(name))?;
        Ok(Entry { index, leaf, proof, checkpoint: state.checkpoint.clone() })
    }

    fn full_tile(&self, name: Name) -> Result<Vec<u8>> {
        if let Some(bytes) = lock(&self.tiles).get(&name) {
            return Ok(bytes.clone());
        }
        let bytes = self.objects.get(&name.to_string())?.unwrap_or_default();
        let mut tiles = lock(&self.tiles);
        if tiles.len() >= TILES {
            tiles.clear();
        }
        tiles.insert(name, bytes.clone());
        Ok(bytes)
    }

    /// The bytes of the entries `from..to`, as far as the tree goes.
    fn bytes(&self, tree: &Tree, from: u64, to: u64) -> Result<Vec<Vec<u8>>> {
        let to = to.min(tree.size());
        let mut out = Vec::new();
        let mut at = from;
        while at < to {
            let n = at / FULL;
            let width = (tree.size() - n * FULL).min(FULL);
            let name = Name { level: None, n, width };
            let torn = || {
                Error::unavailable(format!(
                    "The log's file {name} is missing or damaged; run `homeplate verify`."
                ))
            };
            let bundle = self.objects.get(&name.to_string())?.ok_or_else(torn)?;
            let entries = split(&bundle, width).ok_or_else(torn)?;
            let end = to.min((n + 1) * FULL);
            let wanted = (at % FULL) as usize..(end - n * FULL) as usize;
            out.extend(entries[wanted].iter().map(|entry| entry.to_vec()));
            at = end;
        }
        Ok(out)
    }
}

/// Where a request's leaf is.
enum Place {
    New(u64),
    Known(u64),
}

/// The right to write; given back even if the writer panics, so that nobody waits for ever.
struct Turn<'a>(&'a Log);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock(&self.0.queue).busy = false;
        self.0.done.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn other_writer() -> Error {
    Error::conflict(
        "Somebody else has written to this log; stop the other process and start again.",
    )
}

/// Reads and compares the whole log.
fn load(objects: &dyn Objects, signer: &Signer, show: Show<'_>) -> Result<State> {
    let Some(checkpoint) = objects.get(CHECKPOINT)? else {
        let lost = !objects.list("tile/")?.is_empty();
        return Err(Error::not_found(if lost {
            "The log has lost its checkpoint; restore it from a copy of the log."
        } else {
            "There is no log here; make one with `homeplate init`."
        }));
    };
    let head = signer.vkey().open(&checkpoint)?;
    let mut index = HashMap::new();
    let (mut figures, mut lottery) = (Figures::default(), Lottery::default());
    let tree = scan(&|path| objects.get(path), &head, &mut |at, leaf| {
        figures.add(&leaf);
        lottery.add(at, &leaf);
        show(at, &leaf);
        if let Some(id) = leaf.id {
            index.entry(subject(&leaf.kind, &id)).or_insert(at);
        }
    })?;
    // A checkpoint that opens is UTF-8.
    let checkpoint = String::from_utf8_lossy(&checkpoint).into_owned();
    Ok(State { tree, checkpoint, index, figures, lottery })
}

/// Removes what an append that was cut off left beyond the checkpoint, half-written files, and
/// partial tiles whose full ones are there.
fn mend(objects: &dyn Objects, size: u64) -> Result<()> {
    for path in objects.list("")? {
        let stem = path.strip_suffix(".new");
        let leftover = match Name::parse(stem.unwrap_or(&path)).map(|name| name.standing(size)) {
            Some(_) if stem.is_some() => true,
            Some(Standing::Beyond) => true,
            Some(Standing::Earlier(whole)) => whole.width == FULL,
            Some(Standing::Current) => false,
            None => stem == Some(CHECKPOINT),
        };
        if leftover {
            objects.remove(&path)?;
        }
    }
    Ok(())
}
