//! Writing a revision: clone the parent, write what differs, hash on the way, read back from the disk.
//!
//! ```
//! use backy_core::{Control, WriteOptions, write_image};
//!
//! let repository = tempfile::tempdir().unwrap();
//! let path = |name: &str| repository.path().join(name);
//! std::fs::write(path("disk"), vec![7; 300_000]).unwrap();
//! let options = WriteOptions {
//!     source: path("disk").into(),
//!     image: path("image"),
//!     index: path("image.hashes"),
//!     ..WriteOptions::default()
//! };
//! let stats = write_image(&options, &Control::default())?;
//! assert_eq!((stats.size, stats.bytes_changed), (300_000, 300_000));
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod draft;
pub(crate) mod focus;
pub(crate) mod from_path;
pub(crate) mod from_stream;
pub(crate) mod options;
pub(crate) mod parent;
pub(crate) mod patch;
pub(crate) mod patcher;
pub(crate) mod scan;
pub(crate) mod sealing;
pub(crate) mod segment;
pub(crate) mod tally;
pub(crate) mod write;
