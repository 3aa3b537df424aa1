//! The one door between the engine and the kernel. Every system call goes through it, under the name and with the
//! arguments that rustix gives it. In a build that is shipped, nothing is in between.
//!
//! Unit tests put [`faults`] behind the door: the n-th call of an operation fails, does half of its work, or does
//! nothing and reports success. `platform/` has what differs between systems, and goes through the same door.
//!
//! ```ignore
//! let full = Injection { at: 3, fault: Fault::Fails(Errno::NOSPC), lasting: true };
//! let (result, calls) = watch(Some(full), || write_file(path, b"record", 0o400, Existing::Keep));
//! ```

pub(crate) mod errno;
#[cfg(test)]
pub(crate) mod faults;
pub(crate) mod fs;
pub(crate) mod io;
#[cfg(not(test))]
mod open_door;

#[cfg(test)]
pub(crate) use faults::{call, filling, syncing, taking};
#[cfg(not(test))]
pub(crate) use open_door::{call, filling, syncing, taking};
