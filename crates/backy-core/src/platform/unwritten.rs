//! Clones of data that ZFS has not written yet.
//!
//! ZFS clones only blocks that a finished transaction group has written. Until then, up to `zfs_txg_timeout` seconds
//! after the last write (5 by default), it refuses with EAGAIN: `zfs_clone_range()` and `dmu_read_l0_bps()` of
//! `OpenZFS` 2.3.

use std::fs::File;
use std::time::{Duration, Instant};

use rustix::fs::SeekFrom;
use rustix::io::{Errno, Result};

use super::linux::{filesystem, sync};
use super::types::Pause;
use crate::sys::fs;

/// Long enough for several groups of a busy pool.
#[cfg(not(test))]
const PATIENCE: Duration = Duration::from_secs(20);
/// Tests wait for less.
#[cfg(test)]
const PATIENCE: Duration = Duration::from_millis(400);

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The extent of a clone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    File,
    Range,
}

/// Repeats `clone`, which shares blocks of `from`, while they are not written, for a limited time. Fails with EAGAIN if
/// they are not written in time, or if `pause` is cut short.
pub(super) fn patiently(
    wanted: Wanted,
    from: &File,
    pause: Pause,
    clone: impl Fn() -> Result<()>,
) -> Result<()> {
    let first = clone();
    if !is_early(first, wanted, from) {
        return first;
    }
    // A failure concerns the writers of this file. The next clone tells whether the blocks are written.
    let _ = sync(from);
    let started = Instant::now();
    let mut time = FIRST_PAUSE;
    loop {
        // ZFS must finish the group before it can locate data: `dmu_offset_next()`. Unlike "zpool sync" this needs no
        // privileges. With zfs_dmu_offset_next_sync=0 it has no effect, and only waiting helps.
        let _ = fs::seek(from, SeekFrom::Data(0));
        let result = clone();
        if !is_early(result, wanted, from) {
            return result;
        }
        if started.elapsed() >= PATIENCE || !pause(time) {
            return Err(Errno::AGAIN);
        }
        time = LONGEST_PAUSE.min(time * 2);
    }
}

/// Whether ZFS refused blocks because they are not written yet. If only the end of a long file is not written, it
/// clones less than asked, and reports EINVAL. For a range, EINVAL means that it is not aligned.
fn is_early(result: Result<()>, wanted: Wanted, from: &File) -> bool {
    match result {
        Err(Errno::AGAIN) => true,
        Err(Errno::INVAL) if wanted == Wanted::File => {
            filesystem(from).is_ok_and(|filesystem| filesystem.name == "zfs")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::control::Control;
    use std::cell::Cell;

    /// Tries a clone that is refused `refusals` times. Returns the number of tries.
    fn try_with(errno: Errno, refusals: usize, control: &Control) -> (Result<()>, usize) {
        let file = tempfile::tempfile().unwrap();
        let tries = Cell::new(0);
        let result = patiently(Wanted::File, &file, &|time| control.pause(time), || {
            tries.set(tries.get() + 1);
            if tries.get() <= refusals { Err(errno) } else { Ok(()) }
        });
        (result, tries.get())
    }

    #[test]
    fn it_tries_until_the_blocks_are_written() {
        for refusals in 0..4 {
            assert_eq!(try_with(Errno::AGAIN, refusals, &Control::default()), (Ok(()), refusals + 1));
        }
    }

    #[test]
    fn its_patience_ends() {
        let (result, tries) = try_with(Errno::AGAIN, usize::MAX, &Control::default());
        assert_eq!(result, Err(Errno::AGAIN));
        assert!((3..20).contains(&tries), "{tries} tries");
    }

    #[test]
    fn cancelling_ends_the_wait() {
        let control = Control::default();
        control.cancel();
        assert_eq!(try_with(Errno::AGAIN, usize::MAX, &control), (Err(Errno::AGAIN), 2));
    }

    /// The temporary directory is on no ZFS, where EINVAL means something else.
    #[test]
    fn other_failures_are_final() {
        for errno in [Errno::OPNOTSUPP, Errno::XDEV, Errno::NOSPC, Errno::INVAL] {
            assert_eq!(try_with(errno, usize::MAX, &Control::default()), (Err(errno), 1));
        }
    }
}
