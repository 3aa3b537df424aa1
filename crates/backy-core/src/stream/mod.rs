//! Changes of a disk as a stream, in the format of `rbd export-diff`, and the programs that write or read it.
//!
//! ```
//! use std::path::Path;
//!
//! use backy_core::{Change, DiffReader, DiffWriter, Extent};
//!
//! let name = Path::new("pool/disk");
//! let mut stream = Vec::new();
//! let mut writer = DiffWriter::start(&mut stream, name, Some("today"), 1 << 20)?;
//! writer.data(Extent::at(4096, 3), b"new")?;
//! writer.finish()?;
//!
//! let (header, mut reader) = DiffReader::open(&stream[..], name)?;
//! assert_eq!(header.size, 1 << 20);
//! assert_eq!(reader.next_change()?, Some(Change::Data(Extent::at(4096, 3))));
//! let mut bytes = [0; 3];
//! reader.read(&mut bytes)?;
//! assert_eq!((&bytes, reader.next_change()?), (b"new", None));
//! # Ok::<(), backy_core::Error>(())
//! ```

pub(crate) mod assembly;
pub(crate) mod ceph_library;
pub(crate) mod complaint;
pub(crate) mod counted;
pub(crate) mod diff_reader;
pub(crate) mod diff_writer;
pub(crate) mod librbd;
pub(crate) mod pipes;
pub(crate) mod program;
pub(crate) mod sample_stream;
