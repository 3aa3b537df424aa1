//! The two files of a revision: the image and its index of block hashes, read, written and proved.
//!
//! ```
//! use backy_core::{Header, index_length};
//!
//! assert_eq!(index_length(1 << 40), 4096 + (128 << 20), "128 MiB for a TiB");
//! let header = Header { image_size: 1 << 30, zero_blocks: 7 };
//! assert_eq!(Header::decode(&header.encode()), Ok(header));
//! ```

pub(crate) mod digest;
pub(crate) mod granularity;
pub(crate) mod header;
pub(crate) mod index;
pub(crate) mod index_writer;
pub(crate) mod output;
pub(crate) mod page;
pub(crate) mod read_back;
pub(crate) mod reader;
pub(crate) mod sealed;
pub(crate) mod zero_subtrees;
