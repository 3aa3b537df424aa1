//! The places of files on the disk: where they have data, which blocks they share, and what removing them frees.
//!
//! ```
//! use backy_core::{Control, measure_freed};
//!
//! let repository = tempfile::tempdir().unwrap();
//! let image = repository.path().join("image");
//! std::fs::write(&image, vec![7; 100_000]).unwrap();
//! std::fs::hard_link(&image, repository.path().join("snapshot")).unwrap();
//! let freed = measure_freed(&[image], &[repository.path().join("snapshot")], &Control::default())?;
//! assert_eq!(freed.bytes, 0, "the other name keeps every block");
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod clearing;
pub(crate) mod difference;
pub(crate) mod fiemap;
pub(crate) mod freed;
mod overlaps;
pub(crate) mod sharers;
pub(crate) mod sparse;
