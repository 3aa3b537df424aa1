//! Sources of a backup: described, opened, snapshotted, and compared with an earlier snapshot.
//!
//! ```
//! use backy_core::{Extent, ExtentMap, Hint, Input, PathInput};
//!
//! let everything: Input = std::path::PathBuf::from("/dev/vg/disk").into();
//! let changed = Hint::Changed(ExtentMap::normalise(vec![Extent::at(0, 1 << 20)]));
//! let narrowed = Input::Path(PathInput { path: "/dev/vg/disk".into(), identity: None, hint: changed });
//! # drop((everything, narrowed));
//! ```

pub(crate) mod changes;
pub(crate) mod foreign_format;
pub(crate) mod input;
pub(crate) mod opened;
pub(crate) mod recheck;
pub(crate) mod snapshot;
pub(crate) mod snapshot_directory;
