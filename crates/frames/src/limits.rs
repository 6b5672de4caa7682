//! Limits that the process lays upon itself before it opens the video. None can be taken back by the
//! process itself.

use crate::Failure;
use camera::Fault;
use rustix::process::{
    Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Enough for a few dozen decoded 8K frames; a video that claims more ends in an abort, not in a
/// machine without memory.
const ADDRESS_SPACE: u64 = 3 << 30;
/// The video, three pipes, and what the library's threads wake one another with.
const OPEN_FILES: u64 = 128;

/// Where an NVIDIA card is.
const NVIDIA: &str = "/dev/nvidiactl";

/// Applies all limits; `hardware` says that the machine's own decoder is wanted.
pub fn apply(hardware: bool) -> Result<(), Failure> {
    let cannot = |what: &'static str| {
        move |e: rustix::io::Errno| Failure::new(Fault::Defect, format!("limit on {what}: {e}"))
    };
    // Who started it is the only one who reads it: without a parent it would decode for nobody.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(cannot("life"))?;
    // No program started from here may gain rights (set-user-ID, file capabilities).
    set_no_new_privs(true).map_err(cannot("rights"))?;
    // A crash must leave no picture of the street on the disk: no core file, also none through a
    // handler that the machine may have; nor may another process of this user look inside.
    limit(Resource::Core, 0).map_err(cannot("core files"))?;
    set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .map_err(cannot("core files"))?;
    // Nothing is ever written but the pipe; no regular file can grow by a single byte. Where a person
    // has led the output into a file by hand, this limit would end the process in silence.
    if !into_file(io::stdout().as_fd()) && !into_file(io::stderr().as_fd()) {
        limit(Resource::Fsize, 0).map_err(cannot("written files"))?;
    }
    limit(Resource::Nofile, OPEN_FILES).map_err(cannot("open files"))?;
    // Claimed sizes in a header must not become the machine's memory. NVIDIA's driver reserves address space for all
    // memory that card and machine have, and without it there is no decoder: what can be written to is bounded there.
    let reserves = hardware && Path::new(NVIDIA).exists();
    let memory = if reserves { Resource::Data } else { Resource::As };
    limit(memory, ADDRESS_SPACE).map_err(cannot("memory"))
    // Processor time is left alone: a long video takes long, and the supervisor watches.
}

fn limit(resource: Resource, most: u64) -> Result<(), rustix::io::Errno> {
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

fn into_file(fd: BorrowedFd<'_>) -> bool {
    let look = fd.try_clone_to_owned().and_then(|fd| File::from(fd).metadata());
    look.is_ok_and(|m| m.is_file())
}
