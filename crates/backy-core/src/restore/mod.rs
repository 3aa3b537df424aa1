//! Giving the data back: to a new file, onto an existing file or device, as a clone, as a stream, or through a program.
//!
//! ```
//! use backy_core::{Control, ImageOptions, Target, index_image, restore_image};
//!
//! let directory = tempfile::tempdir().unwrap();
//! let path = |name: &str| directory.path().join(name);
//! std::fs::write(path("image"), vec![7; 300_000]).unwrap();
//! let stats = index_image(&path("image"), &path("index"), &Control::default())?;
//!
//! let (image, index) = (path("image"), path("index"));
//! let options = ImageOptions { image, index, size: stats.size, digest: stats.digest };
//! restore_image(&options, Target::Path(path("disk")), false, &Control::default())?;
//! assert_eq!(std::fs::read(path("disk")).unwrap(), vec![7; 300_000]);
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod as_clone;
pub(crate) mod outcome;
pub(crate) mod partial;
pub(crate) mod replacing;
pub(crate) mod run;
pub(crate) mod target;
pub(crate) mod to_existing;
pub(crate) mod to_new_file;
pub(crate) mod to_program;
pub(crate) mod to_stream;
