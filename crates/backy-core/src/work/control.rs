//! The caller's handle on a long call: a flag to stop it, a rate limit, and counters to watch it. The caller polls;
//! nothing calls back.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::error::{Code, Error, Result};
use crate::work::rate::Rate;

/// The interval at which a pause checks for cancelling.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// Shared between the caller and the threads of one operation.
#[derive(Debug, Default)]
pub struct Control {
    cancelled: AtomicBool,
    rate: Option<Rate>,
    total: AtomicU64,
    done: AtomicU64,
    changed: AtomicU64,
}

/// Progress of an operation, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes to process.
    pub total: u64,
    /// Bytes processed.
    pub done: u64,
    /// Bytes that differ.
    pub changed: u64,
}

impl Control {
    /// Limits the bytes of images and sources that the operation reads in a second.
    #[must_use]
    pub fn with_rate(bytes_per_second: NonZeroU64) -> Self {
        Self { rate: Some(Rate::new(bytes_per_second)), ..Self::default() }
    }

    /// Asks the operation to stop; it ends with [`Code::Cancelled`] at its next window.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
        self.rate.as_ref().inspect(|rate| rate.wake());
    }

    /// Progress so far.
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
        if self.is_cancelled() { Err(Error::new(Code::Cancelled)) } else { Ok(()) }
    }

    /// The same before `bytes` are read. It waits as long as the rate limit requires.
    pub(crate) fn pass(&self, bytes: u64) -> Result<()> {
        self.rate.as_ref().inspect(|rate| rate.wait(bytes, || self.is_cancelled()));
        self.check()
    }

    /// Waits. Returns whether it waited to the end: cancelling cuts it short.
    #[cfg_attr(target_os = "macos", allow(dead_code, reason = "nothing is waited for there"))]
    pub(crate) fn pause(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !self.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            sleep(left.min(LONGEST_SLEEP));
        }
        false
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Relaxed)
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
