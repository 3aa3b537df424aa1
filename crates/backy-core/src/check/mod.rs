//! Finished images: verified against their index or their source, mended, and given an index if they have none.
//!
//! ```
//! use backy_core::{Control, ImageOptions, index_image, verify_image};
//!
//! let repository = tempfile::tempdir().unwrap();
//! let (image, index) = (repository.path().join("image"), repository.path().join("image.hashes"));
//! std::fs::write(&image, vec![7; 300_000]).unwrap();
//! let stats = index_image(&image, &index, &Control::default())?;
//!
//! std::fs::write(&image, vec![8; 300_000]).unwrap();
//! let options = ImageOptions { image, index, size: stats.size, digest: stats.digest };
//! let found = verify_image(&options, None, &Control::default())?;
//! assert_eq!(found.bad_blocks.len(), 2);
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod compare;
pub(crate) mod donor;
pub(crate) mod indexing;
pub(crate) mod mapping;
pub(crate) mod overwrite;
pub(crate) mod proof;
pub(crate) mod repair;
pub(crate) mod report;
pub(crate) mod verify;
