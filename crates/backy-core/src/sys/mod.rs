//! The one door between the engine and the kernel. Whoever makes a system call makes it through here, under the
//! name and with the arguments that rustix gives it; in a build that is shipped nothing is in between.
//!
//! Unit tests put [`faults`] behind the door: then the n-th call of an operation fails, or does half of its work, or
//! none and says that it did. `platform/` has what differs between systems, and goes through the same door.

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
