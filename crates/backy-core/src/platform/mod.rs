//! The differences between operating systems, and nothing else. Linux and macOS offer the same functions.
//!
//! ```ignore
//! let clone = platform::create_clone(&image, CWD, &path, &|time| control.pause(time))?;
//! platform::sync(&clone)?;
//! ```

#[cfg(target_os = "linux")]
mod btrfs;
#[cfg(target_os = "linux")]
pub(crate) use btrfs::*;
#[cfg(target_os = "linux")]
mod claims;
#[cfg(target_os = "linux")]
pub(crate) use claims::*;
#[cfg(target_os = "linux")]
mod cloning;
#[cfg(target_os = "linux")]
pub(crate) use cloning::*;
#[cfg(target_os = "linux")]
mod entry;
#[cfg(target_os = "linux")]
pub(crate) use entry::*;
#[cfg(target_os = "linux")]
mod extents;
#[cfg(target_os = "linux")]
pub(crate) use extents::*;
#[cfg(target_os = "linux")]
mod holders;
#[cfg(target_os = "linux")]
pub(crate) use holders::{find_holders, find_lockers};
#[cfg(target_os = "linux")]
mod identity;
#[cfg(target_os = "linux")]
mod ioctl;
#[cfg(target_os = "linux")]
mod leases;
#[cfg(target_os = "linux")]
pub(crate) use leases::*;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
#[cfg(target_os = "linux")]
mod loops;
#[cfg(target_os = "linux")]
mod priority;
#[cfg(target_os = "linux")]
pub(crate) use priority::*;
#[cfg(target_os = "linux")]
mod protection;
#[cfg(target_os = "linux")]
pub(crate) use protection::*;
#[cfg(target_os = "linux")]
mod subject;
#[cfg(target_os = "linux")]
pub(crate) use subject::{Subject, keep_qemu_out};
#[cfg(target_os = "linux")]
mod thin;
#[cfg(target_os = "linux")]
pub(crate) use thin::*;
#[cfg(target_os = "linux")]
mod unwritten;
#[cfg(target_os = "linux")]
mod xfs;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
pub(crate) use macos::*;

mod types;
pub(crate) use types::{Filesystem, Mapped, NO_ATTRIBUTE, Protection, Sharing};
pub use types::{Holder, HolderKind};
