//! The other end of a long call: a flag to stop it, counters to watch it. Pulled, never pushed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::error::{Code, Error, Result};

/// Shared between the caller and the threads of one operation.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    total: AtomicU64,
    done: AtomicU64,
    changed: AtomicU64,
}

/// How far an operation has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes to go through.
    pub total: u64,
    /// Bytes gone through.
    pub done: u64,
    /// Bytes found different.
    pub changed: u64,
}

impl Control {
    /// Asks the operation to stop; it ends with [`Code::Cancelled`] at its next window.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// How far the operation has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            total: self.total.load(Relaxed),
            done: self.done.load(Relaxed),
            changed: self.changed.load(Relaxed),
        }
    }

    /// Fails once [`Control::cancel`] was called.
    pub(crate) fn check(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) { Err(Error::new(Code::Cancelled)) } else { Ok(()) }
    }

    pub(crate) fn add_total(&self, bytes: u64) {
        self.total.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn add_done(&self, bytes: u64) {
        self.done.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn add_changed(&self, bytes: u64) {
        self.changed.fetch_add(bytes, Relaxed);
    }
}
