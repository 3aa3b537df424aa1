//! Files and devices by name: opened, locked, cloned, written durably, given to their owner, and searched for other
//! users.
//!
//! ```
//! use backy_core::{Existing, FileLock, LockMode, write_file};
//!
//! let repository = tempfile::tempdir().unwrap();
//! let path = |name: &str| repository.path().join(name);
//! let _lock = FileLock::acquire(&path(".backup"), LockMode::Exclusive)?;
//! write_file(&path("record"), b"{}", 0o400, Existing::Keep)?;
//! assert!(write_file(&path("record"), b"{}", 0o400, Existing::Keep).is_err(), "the name is taken");
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod begun;
pub(crate) mod clone;
pub(crate) mod device;
pub(crate) mod directory;
pub(crate) mod durable;
pub(crate) mod holders;
pub(crate) mod identity;
pub(crate) mod lock;
pub(crate) mod log_file;
pub(crate) mod names;
pub(crate) mod ownership;
pub(crate) mod place;
pub(crate) mod planted;
pub(crate) mod positioned;
pub(crate) mod probe;
pub(crate) mod resolve;
pub(crate) mod unfit;
