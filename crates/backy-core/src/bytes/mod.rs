//! Blocks, granules, segments and extents: the units of the engine, and arithmetic on them. No file is opened here.
//!
//! ```
//! use backy_core::{BLOCK_SIZE, Extent, ExtentMap, Hash};
//!
//! let data = ExtentMap::normalise(vec![Extent::at(5000, 100), Extent::at(0, 10)]);
//! assert_eq!(data.align(4096, 6000).extents(), [Extent { start: 0, end: 6000 }]);
//! assert!(Hash::of(&[0; BLOCK_SIZE]).is_zero());
//! ```

pub(crate) mod block;
pub(crate) mod buffer;
pub(crate) mod extent;
pub(crate) mod granule;
pub(crate) mod number_set;
pub(crate) mod sample;
