//! The faults that tests put behind the door: they list the calls of a thread, and make one of them go wrong.
//!
//! Faults belong to the thread that set them up. Work on at most one segment of an image stays on the calling thread,
//! so such a test sees all calls, and no other test sees its faults.

use std::cell::RefCell;
use std::fmt;
use std::os::fd::AsFd;

use rustix::fs::fstat;
use rustix::io::{Errno, Result};

use super::errno::errno_name;

/// A way for a call to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done.
    Fails(Errno),
    /// Half of the bytes are read or written.
    Short,
    /// A write reports success and does nothing.
    Lost,
    /// A write goes this many bytes further on.
    Misdirected(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(errno) => f.write_str(&errno_name(*errno)),
            Self::Short => f.write_str("short"),
            Self::Lost => f.write_str("lost"),
            Self::Misdirected(_) => f.write_str("misdirected"),
        }
    }
}

/// A call that goes wrong: its number among the calls of an operation, from 0, and its fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Injection {
    pub at: usize,
    pub fault: Fault,
    /// Whether all later calls of the same name go wrong, too, as on a full or dead disk.
    pub lasting: bool,
}

/// A call of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    pub name: &'static str,
    /// Device and inode of a file that was synced.
    pub synced: Option<(u64, u64)>,
    /// Whether a fault hit it.
    pub faulty: bool,
}

#[derive(Default)]
struct Watch {
    injection: Option<Injection>,
    calls: Vec<Call>,
}

thread_local! {
    static PLAN: RefCell<Option<Watch>> = const { RefCell::new(None) };
}

/// Runs `work`, with a fault if there is one, and returns its calls.
pub(crate) fn watch<T>(injection: Option<Injection>, work: impl FnOnce() -> T) -> (T, Vec<Call>) {
    PLAN.set(Some(Watch { injection, calls: Vec::new() }));
    let result = work();
    let plan = PLAN.take().expect("set above");
    (result, plan.calls)
}

/// Notes a call. Returns its fault, if there is one.
fn meet(name: &'static str, synced: Option<(u64, u64)>) -> Option<Fault> {
    PLAN.with_borrow_mut(|plan| {
        let Watch { injection, calls } = plan.as_mut()?;
        let number = calls.len();
        let hit = injection.filter(|Injection { at, lasting, .. }| {
            number == *at || *lasting && number > *at && calls[*at].name == name
        });
        calls.push(Call { name, synced, faulty: hit.is_some() });
        hit.map(|injection| injection.fault)
    })
}

pub(crate) fn call<T>(name: &'static str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    match meet(name, None) {
        Some(Fault::Fails(errno)) => Err(errno),
        _ => run(),
    }
}

pub(crate) fn filling(
    name: &'static str,
    buffer: &mut [u8],
    run: impl FnOnce(&mut [u8]) -> Result<usize>,
) -> Result<usize> {
    match meet(name, None) {
        Some(Fault::Fails(errno)) => Err(errno),
        Some(Fault::Short) => {
            let half = half(buffer.len());
            run(&mut buffer[..half])
        }
        _ => run(buffer),
    }
}

pub(crate) fn taking(
    name: &'static str,
    bytes: &[u8],
    offset: u64,
    run: impl FnOnce(&[u8], u64) -> Result<usize>,
) -> Result<usize> {
    match meet(name, None) {
        Some(Fault::Fails(errno)) => Err(errno),
        Some(Fault::Short) => run(&bytes[..half(bytes.len())], offset),
        Some(Fault::Lost) => Ok(bytes.len()),
        Some(Fault::Misdirected(by)) => run(bytes, offset + by),
        None => run(bytes, offset),
    }
}

pub(crate) fn syncing<File: AsFd>(file: File, run: impl FnOnce(File) -> Result<()>) -> Result<()> {
    let stat = fstat(&file)?;
    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "i32 on macOS; std casts it, too")]
    let device = stat.st_dev as u64;
    match meet("fsync", Some((device, stat.st_ino))) {
        Some(Fault::Fails(errno)) => Err(errno),
        _ => run(file),
    }
}

/// Half of a length, in whole sectors if possible, as direct I/O requires.
fn half(length: usize) -> usize {
    let sectors = length / 2 / 4096 * 4096;
    if sectors > 0 { sectors } else { length.div_ceil(2) }
}
